"""What must hold of `unpack`: nothing lost, nothing mixed, nothing done twice."""

import errno
import json
import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from conftest import FILES, at_once, cells, files_up_to, write_release, write_split

from coos_helpers.data import DataError, Split, open_release, open_split
from coos_helpers.data import unpack as module
from coos_helpers.data.split_names import looks_like_a_split

FIVE = ["bud neck", "cytosol", "ER", "vacuole", "nucléole"]
ATTRS = {"source": "drawn at random"}


def unpack(folder, out):
    return module.unpack(folder, out, progress=False)


@pytest.fixture
def release(tmp_path):
    """Hold a release of two splits, of 14 and 15 cells, with plates and wells."""
    return write_release(tmp_path / "release", ("train", "test1"), attrs=ATTRS)


@pytest.fixture
def out(release, tmp_path):
    """Hold the release unpacked."""
    unpack(release, tmp_path / "out")
    return tmp_path / "out"


def assert_same(one, other):
    """Compare two releases, or two forms of one split."""
    one, other = ({"": open_split(p)} if looks_like_a_split(p) else open_release(p) for p in (one, other))
    assert list(one) == list(other)
    for a, b in zip(one.values(), other.values(), strict=True):
        assert (a.class_names, a.source, a.name) == (b.class_names, b.source, b.name)
        for key in ("labels", "images", "plate", "well"):
            np.testing.assert_array_equal(np.asarray(getattr(a, key)), np.asarray(getattr(b, key)), err_msg=key)


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_unpacked_whole_or_file_by_file_and_read_back_a_release_is_equal(release, tmp_path):
    targets = unpack(release, tmp_path / "out")
    assert targets == {"train": tmp_path / "out" / "train", "test1": tmp_path / "out" / "test1"}
    assert_same(release, tmp_path / "out")
    for part in sorted(release.iterdir()):
        unpack(part, tmp_path / "again")
    assert_same(release, tmp_path / "again")
    unpack(tmp_path / "out", tmp_path / "again")  # from TIFF to TIFF


@pytest.mark.parametrize("file, name, n, attrs", [
    ("yeast_test2.hdf5", "test2", 3, {**ATTRS, "class_names": FIVE}),  # of which two are absent
    ("mine.h5", "mine", 110, ATTRS),  # more cells than a batch, and names of one to three digits
])  # fmt: skip
def test_one_file_is_unpacked_under_its_splits_name_or_its_own(tmp_path, monkeypatch, file, name, n, attrs):
    batches = Split.batches
    monkeypatch.setattr(Split, "batches", lambda split: batches(split, size=50))
    path = write_split(tmp_path / file, n, attrs=attrs)
    assert unpack(path, tmp_path / "out") == {name: tmp_path / "out" / name}
    assert_same(path, tmp_path / "out" / name)


def test_names_and_layout_are_the_authors_and_the_sidecar_says_what_images_cannot(release, out):
    split, folder = open_release(release)["test1"], out / "test1"
    expected = {f"{y}/COOSv1cell_{i}_{c}.tif" for i, y in enumerate(split.labels) for c in ("protein", "nucleus")}
    assert {str(path.relative_to(folder)) for path in contents(folder)} == expected | {"cells.json"}
    known = json.loads((folder / "cells.json").read_text(encoding="utf-8"))
    assert (known["count"], known["source"], known["well"][:2]) == (15, "drawn at random", ["A01", "B02"])


@pytest.mark.parametrize("files", [1, 2, 12, 29, 50])
def test_stopped_anywhere_it_goes_on_and_the_half_is_never_read_as_a_whole(release, tmp_path, files, monkeypatch):
    out, real, written = tmp_path / "out", module._write, []

    def stop(file, content):
        if len(written) == files:  # in the middle of the next
            file.parent.mkdir(parents=True, exist_ok=True)
            file.with_name(f"{file.name}.part").write_bytes(content[: len(content) // 2])
            raise KeyboardInterrupt
        written.append(file)
        real(file, content)

    with monkeypatch.context() as patch:
        patch.setattr(module, "_write", stop)
        with pytest.raises(KeyboardInterrupt):
            unpack(release, out)
    if files != 29:  # then the training set is whole, and the other not begun
        with pytest.raises(DataError):
            open_release(out)
    kept = {path: path.stat().st_mtime_ns for path in out.rglob("*.tif")}
    unpack(release, out)
    assert_same(release, out)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept  # no image is written twice
    assert not list(out.rglob("*.part"))


@pytest.mark.parametrize("name", ["train/cells.json", "train/0/COOSv1cell_0_protein.tif"])
def test_a_named_pipe_in_the_way_is_refused_and_never_opened(release, tmp_path, name):
    (pipe := tmp_path / "out" / name).parent.mkdir(parents=True)
    os.mkfifo(pipe)
    with pytest.raises(DataError, match="found a named pipe, a socket or a device"):
        unpack(release, tmp_path / "out")


def test_of_two_at_once_one_writes_and_the_other_finds_it_done(release, tmp_path, monkeypatch, capsys):
    written, real = [], module._write
    monkeypatch.setattr(module, "_write", lambda file, content: written.append(file) or real(file, content))
    given = at_once(lambda: unpack(release, tmp_path / "out"), 3)
    assert given == [unpack(release, tmp_path / "out")] * 3
    assert_same(release, tmp_path / "out")
    assert len(written) == len(set(written)) == 2 * 29 + 2
    assert f"is at work in {tmp_path / 'out'}. Waiting" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["test1", "train"]


@pytest.mark.parametrize("size", [0, 500, 4000])  # of which the last takes `cells.json`, but no image
def test_a_disk_that_takes_no_more_names_the_file_and_keeps_no_half(release, tmp_path, size):
    for _ in range(2):
        with files_up_to(size), pytest.raises(OSError) as error:
            unpack(release, tmp_path / "out")
        named = Path(error.value.filename)
        assert error.value.errno == errno.EFBIG and named.suffix == (".tif" if size == 4000 else ".json")
    assert [path.name for path in contents(tmp_path / "out")] == ["cells.json"] * (size == 4000)
    unpack(release, tmp_path / "out")
    assert_same(release, tmp_path / "out")


def test_what_is_complete_is_not_written_to(release, out, monkeypatch):
    monkeypatch.setattr(module, "_write", lambda file, _: pytest.fail(f"writes {file}"))
    unpack(release, out)


@pytest.mark.parametrize("name, damages", [
    ("COOSv1cell_4_protein.tif", [b"", b"II*\x00", b"x" * 9000, slice(5000)]),
    ("cells.json", [b"", b"{", b"[]", b'{"count": 14}']),
])  # fmt: skip
def test_what_is_damaged_is_written_again(release, out, name, damages):
    victim = next((out / "train").rglob(name))
    whole = victim.read_bytes()
    for damage in damages:
        victim.write_bytes(whole[damage] if isinstance(damage, slice) else damage)
        unpack(release, out)
        assert victim.read_bytes() == whole


def test_the_authors_own_images_are_kept_and_only_described(release, out):
    for sidecar in out.rglob("cells.json"):
        sidecar.unlink()
    for image in out.rglob("*.tif"):
        tifffile.imwrite(image, tifffile.imread(image), compression="zlib", description="another program")
    before = contents(out)
    unpack(release, out)
    assert {path: content for path, content in contents(out).items() if path.suffix == ".tif"} == before
    assert_same(release, out)


def other_cells(release, out, n=14, seed=5):
    for image in (out / "train").rglob("*.tif"):  # as if stopped: what is missing is not filled in
        image.unlink()
    write_release(release, ("train", "test1"), n=n, attrs=ATTRS)
    for number, name in enumerate(("train", "test1")):
        change(FILES[name], "data", np.s_[:], cells(n + number, seed))(release, out)


def change(file, key, at, value):
    """Give a function that changes values in a file of the release."""

    def make(release, _):
        with h5py.File(release / file, "r+") as opened:
            opened[key][at] = value

    return make


REFUSED = {
    "other cells in the same wells": (other_cells, "Choose an empty folder"),
    "more cells": (lambda *folders: other_cells(*folders, n=40, seed=0), "Choose an empty folder"),
    "another well": (change(FILES["test1"], "well", 4, b"H11"), "another release .its well differs"),
    "another class": (change(FILES["test1"], "labels", 4, 0), "a cell of another release"),
    "another pixel": (change(FILES["test1"], "data", (10, 1, 63), 7), "_10_nucleus.tif: found another image"),
    "other classes": (
        lambda release, _: write_release(release, ("train", "test1"), attrs={"class_names": [*FIVE, "x", "y"]}),
        "another release",
    ),
    "fewer splits": (
        lambda release, _: shutil.move(release / FILES["test1"], release.parent),
        "found the split test1 in test1",
    ),
}


@pytest.mark.parametrize("make, match", REFUSED.values(), ids=REFUSED.keys())
def test_what_another_release_was_unpacked_to_is_refused_and_left_as_it_was(release, out, make, match):
    make(release, out)
    before = contents(out)
    with pytest.raises(DataError, match=match):
        unpack(release, out)
    assert contents(out) == before


def test_a_bar_is_shown_unless_refused(release, tmp_path, capsys):
    module.unpack(release, tmp_path / "out")
    assert "29/29" in capsys.readouterr().err
    unpack(release, tmp_path / "out")
    assert capsys.readouterr().err == ""
