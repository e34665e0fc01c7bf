"""What must hold of the loop that trains both networks: it can be stopped at any time, and its files can be trusted."""

import os
import re
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from conftest import PROJECT, at_once, cells, files_up_to, kill_at_first_checkpoint, memory_split
from representations.tiny_networks import TRAIN, adam, same
from torch import nn

from coos_helpers.representations import deeploc, inpainting, training

pytestmark = pytest.mark.usefixtures("one_thread")


# Both networks: the same run again, and runs that are stopped


@pytest.fixture(scope="module", params=TRAIN)
def whole(request, tmp_path_factory):
    """Train a network once without a stop: how, the network, its history and its checkpoint."""
    train, folder = TRAIN[request.param], tmp_path_factory.mktemp(request.param)
    model, history = train(folder)
    (path,) = folder.iterdir()
    assert path.name == f"{request.param}-{model.made_by}.pt"
    return train, model, history, path


def stop_at(monkeypatch, step):
    """Interrupt the training in its n-th step from here."""
    count = []

    def watch(_):
        count.append(1)
        if len(count) == step:
            raise KeyboardInterrupt

    adam(monkeypatch, watch)


def test_the_same_seed_gives_the_same_weights_to_the_last_bit_and_another_others(whole, tmp_path):
    train, first, past, _ = whole
    np.random.seed(5), torch.manual_seed(99)  # what others draw does not enter
    model, history = train(tmp_path)
    assert same(model, first) and history == past and model.made_by == first.made_by and not model.training
    model, history = train(tmp_path, seed=1)
    assert not same(model, first) and history["loss"] != past["loss"] and model.made_by != first.made_by


@pytest.mark.parametrize("name", TRAIN)
@pytest.mark.parametrize("cores", [1, 2])
def test_networks_trained_side_by_side_are_those_trained_one_after_another(monkeypatch, tmp_path, name, cores):
    monkeypatch.setattr(training, "cpu_count", lambda: cores)
    alone = [TRAIN[name](tmp_path / "alone", seed=seed) for seed in (0, 1, 2)]
    made = training.side_by_side(TRAIN[name], [0, 1, 2], tmp_path / "together")
    for (one, past), (other, history) in zip(alone, made, strict=True):
        assert same(one, other) and past == history and one.made_by == other.made_by
    assert len(list((tmp_path / "together").glob("*.pt"))) == 3 and torch.get_num_threads() == 1


def test_a_training_in_another_process_ends_with_the_one_that_asked_for_it(tmp_path):
    """As where a kernel is killed: nothing would tell the workers, and the checkpoint would be theirs for minutes."""
    code = """
import os, pathlib, sys, time
from coos_helpers.representations import training
def forever(folder, seed):
    pathlib.Path(folder, f"{os.getpid()}").touch()
    time.sleep(3600)
training.cpu_count = lambda: 2
training.side_by_side(forever, [0, 1], sys.argv[1])
"""
    parts = {"PYTHONPATH": os.pathsep.join([str(PROJECT), *sys.path])}
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], env=os.environ | parts) as process:
        while len(workers := [int(path.name) for path in tmp_path.iterdir()]) < 2 and process.poll() is None:
            time.sleep(0.05)
        process.kill()
    assert len(workers) == 2 and process.pid not in workers
    give_up = time.monotonic() + 3600
    while any(os.path.exists(f"/proc/{worker}") for worker in workers):
        assert time.monotonic() < give_up
        time.sleep(0.05)


def test_a_run_that_is_stopped_again_and_again_ends_as_if_it_never_was(monkeypatch, whole, tmp_path):
    train, first, past, _ = whole
    for step in (1, 2, 4, 5, 3):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            stop_at(patch, step)
            train(tmp_path)
    model, history = train(tmp_path)
    assert same(model, first) and history == past


KILLED = """
import time
from pathlib import Path
import torch
from representations.tiny_networks import TRAIN

done, real = [], torch.optim.Adam.step

def slow(*args, **options):
    done.append(1)
    time.sleep(0.05 if len(done) < 6 else 3600)
    return real(*args, **options)

torch.optim.Adam.step = slow
TRAIN[{name!r}](Path({folder!r}))
"""


def test_a_killed_run_goes_on_and_ends_as_if_it_never_stopped(monkeypatch, whole, tmp_path):
    train, first, past, path = whole
    kill_at_first_checkpoint(KILLED.format(name=path.name.partition("-")[0], folder=str(tmp_path)), tmp_path)
    assert [file.name for file in tmp_path.glob("*.pt")] == [path.name]
    steps = []
    adam(monkeypatch, steps.append)
    model, history = train(tmp_path)
    assert 0 < len(steps) < len(past["loss"])
    assert same(model, first) and history == past


def test_a_finished_run_is_read_and_not_trained_again(monkeypatch, whole, capsys):
    train, first, past, path = whole
    stop_at(monkeypatch, 1)
    model, history = train(path.parent, progress=True)
    assert same(model, first) and history == past and not model.training and model.made_by == first.made_by
    assert capsys.readouterr() == ("", "")


OTHERS = {
    "deeploc": [
        {"width": 0.04}, {"coarse": 2}, {"iterations": 11}, {"decay_every": 3}, {"save_every": 4}, {"batch": 9},
        {"seed": 1}, {"n_classes": 8}, {"images": cells(35, seed=1)}, {"labels": np.roll(np.arange(35) % 7, 1)},
    ],
    "pci": [
        {"width": 0.04}, {"painter": 0.05}, {"coarse": 2}, {"epochs": 1}, {"rate": 1e-3}, {"falling": True},
        {"clip": 0.1}, {"batch": 9}, {"seed": 1}, {"images": cells(48, seed=1)},
        {"groups": np.roll(memory_split(48).well_ids, 1)},
    ],
}  # fmt: skip


@pytest.mark.parametrize("module, name", [(deeploc, "deeploc"), (inpainting, "pci")], ids=TRAIN)
def test_other_settings_cells_or_versions_are_another_run(monkeypatch, tmp_path, module, name):
    keys, others = [], OTHERS[name]
    monkeypatch.setattr(training, "train", lambda *args, **_: keys.append(args[4]))
    for options in [{}, *others]:
        TRAIN[name](tmp_path, **options)
    monkeypatch.setattr(module, "VERSION", module.VERSION + 1)
    TRAIN[name](tmp_path)
    assert len(set(keys)) == len(keys) == len(others) + 2
    TRAIN[name](tmp_path, progress=True)
    assert keys[-1] == keys[-2]


# The loop itself


def line(iterations, folder, made_by="key", **options):
    """Fit a line to a number with the loop: the network, its history, and the weights before each step."""
    torch.manual_seed(0)
    network, weights = nn.Linear(1, 1), []

    def loss_of(iteration):
        weights.append(network.weight.item())
        assert network.training
        return (network(torch.ones(1, 1)) - iteration).square().mean()

    settings = {"name": "line", "rate": lambda _: 0.1, "save_every": 2, "progress": False, **options}
    return network, training.train(network, loss_of, iterations, folder, made_by, **settings), weights


def test_the_optimiser_is_adam_with_the_rate_of_the_iteration(monkeypatch, tmp_path):
    seen = []
    adam(monkeypatch, lambda group: seen.append([group[k] for k in ("lr", "betas", "eps", "weight_decay")]))
    line(3, tmp_path / "a")
    line(3, tmp_path / "b", rate=lambda iteration: 1 / (1 + iteration), betas=(0.5, 0.9))
    assert seen == [[0.1, (0.9, 0.999), 1e-8, 0]] * 3 + [[1 / k, (0.5, 0.9), 1e-8, 0] for k in (1, 2, 3)]


@pytest.mark.parametrize("clip", [None, 1.0])
def test_one_odd_batch_moves_the_weights_no_further_than_others_if_gradients_are_clipped(tmp_path, clip):
    network, weights = nn.Linear(1, 1, bias=False), []

    def loss_of(iteration):
        weights.append(network.weight.item())
        return network.weight.sum() * (1e4 if iteration == 20 else 1)

    how = {"name": "line", "rate": lambda _: 0.01, "save_every": 100, "betas": (0.5, 0.999), "progress": False}
    training.train(network, loss_of, 22, tmp_path, "key", clip=clip, **how)
    steps = np.abs(np.diff(weights))
    assert (steps[20] < 1.5 * steps[10]) == (clip is not None)


@pytest.mark.parametrize(
    "errors, best",
    [([0.9, 0.2, 0.5, 0.4], 1), ([0.1, 0.5, 0.6, 0.7], 0), ([0.4, 0.3, 0.2, 0], 3), ([0.4, 0.3, 0.3, 0.5], 2)],
)
def test_the_weights_with_the_lowest_error_are_kept_and_of_equal_ones_the_later(tmp_path, errors, best):
    ahead = iter(errors)
    network, history, weights = line(8, tmp_path, judge=lambda _: next(ahead))
    assert history["held_out"] == errors and history["checkpoints"] == [0, 2, 4, 6] and not network.training
    assert network.weight.item() == weights[2 * best + 1]


def test_without_a_judge_the_last_weights_are_kept_however_often_a_run_is_saved(tmp_path):
    weights = line(6, tmp_path / "longer")[2]
    (one, past, _), (two, history, _) = (line(5, tmp_path / str(n), save_every=n) for n in (1, 4))
    assert one.weight.item() == weights[5] and same(one, two) and history == past
    assert history["checkpoints"] == history["held_out"] == []


def test_no_iterations_leave_the_network_as_it_is_and_no_file(tmp_path):
    network, history, weights = line(0, tmp_path, judge=lambda _: pytest.fail("judged"))
    torch.manual_seed(0)
    assert same(network, nn.Linear(1, 1)) and history["loss"] == weights == [] and not list(tmp_path.iterdir())
    assert network.made_by == "key" and not network.training


def test_the_bar_shows_the_loss_and_the_time_left(tmp_path, capsys):
    line(4, tmp_path, progress=True)
    assert re.search(r"line: +100%.*4/4 \[\d\d:\d\d<\d\d:\d\d.*loss=\d", capsys.readouterr().err)


def test_a_word_about_a_gpu_comes_before_a_large_network_is_trained_without_one(monkeypatch, tmp_path, capsys):
    line(2, tmp_path / "small")
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(training, "LARGE", 1)
    line(2, tmp_path)
    assert capsys.readouterr().out == training.HINT.format("line", 2) + "\n"
    line(2, tmp_path)  # nothing is left to do
    assert capsys.readouterr().out == ""


def test_what_was_trained_on_a_cpu_goes_on_with_a_scaler(monkeypatch, tmp_path):
    """A scaler without a GPU has an empty state, at which one with a GPU must not choke."""
    expected, past, _ = line(5, tmp_path / "whole")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_at(patch, 4)
        line(5, tmp_path / "stopped")
    real = torch.amp.GradScaler
    monkeypatch.setattr(torch.amp, "GradScaler", lambda enabled: real("cpu", enabled=True))
    network, history, weights = line(5, tmp_path / "stopped")
    assert len(weights) == 2 and history["loss"] == pytest.approx(past["loss"])
    torch.testing.assert_close(network.weight, expected.weight)


# Checkpoints


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, MemoryError])
def test_a_save_that_breaks_off_leaves_the_last_checkpoint(monkeypatch, tmp_path, error):
    line(4, tmp_path)
    path = tmp_path / "line-key.pt"
    before = path.read_bytes()

    def half(_, handle):
        handle.write(before[: len(before) // 2])
        raise error

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(error):
        line(6, tmp_path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_a_save_that_the_disk_cannot_take_names_the_checkpoint_and_leaves_the_last(tmp_path):
    line(4, tmp_path)
    path = tmp_path / "line-key.pt"
    before = path.read_bytes()
    for size in (0, 1000, len(before) - 100):
        with files_up_to(size), pytest.raises(OSError, match=f"File too large: '{path}'"):
            line(6, tmp_path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_of_two_that_train_the_same_network_one_works_and_the_other_finds_it_trained(tmp_path, capsys):
    rate = lambda _: time.sleep(0.01) or 0.1  # noqa: E731
    (one, past, steps), (other, history, more) = at_once(lambda: line(20, tmp_path, rate=rate))
    assert same(one, other) and history == past and sorted((len(steps), len(more))) == [0, 20]
    assert [path.name for path in tmp_path.iterdir()] == ["line-key.pt"]
    assert f"is at work in {tmp_path}. Waiting until it has finished (.line-key.lock)" in capsys.readouterr().err


def test_a_checkpoint_is_on_the_disk_before_it_has_its_name(monkeypatch, tmp_path):
    forced, path = [], tmp_path / "line-key.pt"
    monkeypatch.setattr(os, "fsync", lambda descriptor: forced.append(path.exists()))
    line(1, tmp_path)
    assert forced == [False] and path.exists()


class Trap:
    def __reduce__(self):
        return (os.mkdir, (os.environ["TRAP"],))


def flip_a_weight(content):
    """Flip one bit in the middle, where the tensors are."""
    content = bytearray(content)
    content[len(content) // 2] ^= 0x10
    return bytes(content)


def saved(content, folder):
    torch.save(content, folder / "other")
    return (folder / "other").read_bytes()


DAMAGES = {
    "half": lambda content, _: content[: len(content) // 2],
    "cut at the end": lambda content, _: content[:-20],
    "zeros": lambda content, _: bytes(len(content)),
    "a flipped bit": lambda content, _: flip_a_weight(content),
    "a list": lambda _, folder: saved([1, 2], folder),
    "of nobody": lambda _, folder: saved({"iteration": 3}, folder),
    "of another run": lambda _, folder: saved({"made_by": "another key"}, folder),
    "code that would run": lambda _, folder: saved({"made_by": Trap()}, folder),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_file_that_is_no_checkpoint_of_this_run_stops_it_and_is_left_byte_for_byte(
    monkeypatch, whole, tmp_path, damage
):
    monkeypatch.setenv("TRAP", str(tmp_path / "sprung"))
    train, _, _, source = whole
    path, damaged = tmp_path / source.name, damage(source.read_bytes(), tmp_path)
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match=re.escape(str(path)) + ".*expected that of .*left as it is"):
        train(tmp_path)
    assert path.read_bytes() == damaged
    assert {file.name for file in tmp_path.iterdir()} <= {path.name, "other"}


def test_a_damaged_checkpoint_is_not_given_to_torch(monkeypatch, tmp_path):
    """Torch compares no checksums: it would go on from other weights, or from wherever a damaged length leads."""
    weight = line(2, tmp_path)[0].weight.detach().numpy()
    path = tmp_path / "line-key.pt"
    path.write_bytes(path.read_bytes().replace(weight.tobytes(), (weight + 1).tobytes()))
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("read"))
    with pytest.raises(ValueError, match="the checksum of one does not fit.*left as it is"):
        line(3, tmp_path)


# The device, cells on it, and the order in which they are taken


@pytest.mark.parametrize("there, kind", [(True, "cuda"), (False, "cpu")])
def test_the_named_device_is_chosen_and_else_a_gpu_if_there_is_one(monkeypatch, there, kind):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert training.choose_device().type == kind
    assert training.choose_device("cpu") == training.choose_device(torch.device("cpu")) == torch.device("cpu")
    assert training.choose_device("cuda:1") == torch.device("cuda", 1)


def test_every_count_of_16_bits_survives_in_two_bytes_a_pixel():
    every = np.arange(65536, dtype=np.uint16).reshape(8, 2, 64, 64)
    held = training.put(every, "cpu")
    assert held.shape == every.shape and held.element_size() * held.nelement() == every.nbytes
    counts = training.counts(held)
    assert counts.dtype == torch.float32
    np.testing.assert_array_equal(counts.numpy(), every.astype(np.float32))


def test_images_that_stay_on_disk_and_slices_with_gaps_are_taken_too(release):
    images = release["train"].images
    assert not isinstance(images, np.ndarray)
    for some in (images, images[:][::-2], images[:][:, :, :, ::-1], images[:][::-1][:1]):
        np.testing.assert_array_equal(training.counts(training.put(some, "cpu")).numpy(), np.asarray(some))


@pytest.mark.parametrize("n, size", [(10, 3), (10, 10), (7, 20), (1, 4), (64, 8)])
def test_iterations_go_through_one_shuffling_after_another(n, size):
    batches = [training.batch_of(n, size, iteration, seed=5) for iteration in range(3 * n)]
    assert {len(chosen) for chosen in batches} == {size}
    epochs = np.concatenate(batches).reshape(-1, n)
    np.testing.assert_array_equal(np.sort(epochs), np.tile(np.arange(n), (len(epochs), 1)))
    if n > 9:
        assert len({tuple(epoch) for epoch in epochs}) == len(epochs)
    backwards = [training.batch_of(n, size, iteration, 5) for iteration in reversed(range(3 * n))]
    np.testing.assert_array_equal(batches, backwards[::-1])
