"""What must hold of checkpoints: whole or not there, of this run or refused, never overwritten when damaged."""

import os
import re

import numpy as np
import pytest
import torch

from coos_helpers import checkpoint


@pytest.fixture
def state():
    model = torch.nn.Sequential(torch.nn.Conv2d(2, 6, 3), torch.nn.BatchNorm2d(6)).to(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(model.parameters())
    model(torch.randn(4, 2, 8, 8)).square().mean().backward()
    optimiser.step()
    return {
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "history": {"loss": [0.1 + 0.2, float("nan"), 1e-300], "key": "abc"},
        "best": None,
        "iteration": 7,
    }


@pytest.fixture
def path(tmp_path):
    return checkpoint.file(tmp_path / "runs", "deeploc", "0123456789abcdef")


def same(one, other):
    """Compare nested states to the last bit."""
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and one.stride() == other.stride() and torch.equal(one, other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return repr(one) == repr(other)


def test_a_state_survives_to_the_last_bit_and_layout(path, state):
    checkpoint.save(path, state, "key")
    read = checkpoint.load(path, "key")
    assert same(read, state)
    assert read["history"]["loss"][0] == 0.1 + 0.2


def test_saving_leaves_the_state_as_it_is_and_one_file(path, state):
    names = list(state)
    for _ in range(2):
        checkpoint.save(path, state, "key")
    assert list(state) == names
    assert [file.name for file in path.parent.iterdir()] == ["deeploc-0123456789abcdef.pt"]


def test_runs_of_other_keys_have_other_files(tmp_path):
    files = {checkpoint.file(tmp_path, name, key) for name in ("deeploc", "pci") for key in ("a", "b")}
    assert len(files) == 4 and {file.parent for file in files} == {tmp_path}


def test_where_there_is_none_there_is_none(path):
    assert checkpoint.load(path, "key") is None
    assert not path.parent.exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, MemoryError])
def test_a_save_that_breaks_off_leaves_the_last_checkpoint(monkeypatch, path, state, error):
    checkpoint.save(path, state, "key")
    before = path.read_bytes()

    def half(_, handle):
        handle.write(before[: len(before) // 2])
        raise error

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(error):
        checkpoint.save(path, {"iteration": 8}, "key")
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_checkpoint_is_on_the_disk_before_it_has_its_name(monkeypatch, path, state):
    forced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: forced.append((descriptor, path.exists())))
    checkpoint.save(path, state, "key")
    assert [there for _, there in forced] == [False] and path.exists()


def flip_a_weight(content):
    """Flip one bit in the middle, where the tensors are."""
    content = bytearray(content)
    content[len(content) // 2] ^= 0x10
    return bytes(content)


DAMAGES = {
    "empty": lambda content: b"",
    "text": lambda content: b"no checkpoint",
    "header only": lambda content: content[:40],
    "half": lambda content: content[: len(content) // 2],
    "cut at the end": lambda content: content[:-20],
    "zeros": lambda content: bytes(len(content)),
    "pickle": lambda content: b"\x80\x02.",
    "a flipped bit": flip_a_weight,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_file_is_named_and_left_byte_for_byte(path, damage):
    checkpoint.save(path, {"weights": torch.arange(2000.0), "iteration": 7}, "key")
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match=re.escape(str(path)) + ".*expected a checkpoint.*left as it is"):
        checkpoint.load(path, "key")
    assert path.read_bytes() == damaged
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("content", [[1, 2], torch.ones(3), {"iteration": 3}, np.float64(1)], ids=str)
def test_a_file_of_torch_that_is_no_checkpoint_is_refused(path, content):
    path.parent.mkdir()
    torch.save(content, path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=re.escape(str(path))):
        checkpoint.load(path, "key")
    assert path.read_bytes() == before


class Trap:
    def __reduce__(self):
        return (os.mkdir, (os.environ["TRAP"],))


def test_a_file_that_would_run_code_is_refused_and_runs_none(monkeypatch, tmp_path, path):
    monkeypatch.setenv("TRAP", str(tmp_path / "sprung"))
    checkpoint.save(path, {"trap": Trap()}, "key")
    with pytest.raises(ValueError, match=re.escape(str(path))):
        checkpoint.load(path, "key")
    assert not (tmp_path / "sprung").exists()


def test_a_checkpoint_under_another_runs_name_is_refused(path, state):
    checkpoint.save(path, state, "one")
    other = path.with_name("deeploc-other.pt")
    path.rename(other)
    before = other.read_bytes()
    with pytest.raises(ValueError, match=re.escape(str(other)) + r".*\(one\); expected another"):
        checkpoint.load(other, "another")
    assert other.read_bytes() == before
    assert same(checkpoint.load(other, "one"), state)


def test_what_was_trained_on_a_cpu_goes_on_with_a_scaler(tmp_path):
    """A scaler without a GPU has an empty state, which one with a GPU must not choke on."""
    off, on = (torch.amp.GradScaler(device="cpu", enabled=enabled) for enabled in (False, True))
    before = on.state_dict()
    checkpoint.restore(checkpoint.states(scaler=off), scaler=on)
    assert on.state_dict() == before
    checkpoint.restore(checkpoint.states(scaler=on), scaler=off)
