"""What must hold of `coos_helpers.unpack`: nothing lost, nothing mixed, nothing done twice."""

import json

import h5py
import numpy as np
import pytest
import tifffile

from coos_helpers import unpack as module
from coos_helpers.data import DataError, open_release, open_split
from coos_helpers.unpack import unpack

FIVE = ["bud neck", "cytosol", "ER", "vacuole", "nucléole"]


def write_split(path, cells, seed=0, class_names=None, places=True):
    rng = np.random.default_rng([seed, cells])
    with h5py.File(path, "w") as file:
        file["data"] = rng.integers(0, 65536, (cells, 2, 64, 64), np.uint16)
        file["labels"] = rng.integers(0, 5, cells)
        if places:
            file["plate"] = np.array([f"P{i % 3}" for i in range(cells)], "S")
            file["well"] = np.array([f"A{i % 5:02d}" for i in range(cells)], "S")
        file.attrs["source"] = "drawn at random"
        if class_names:
            file.attrs["class_names"] = class_names
    return path


@pytest.fixture
def release(tmp_path):
    """Hold a release of two splits with plates and wells."""
    folder = tmp_path / "release"
    folder.mkdir()
    write_split(folder / "COOS7_v1.1_training.hdf5", 23)
    write_split(folder / "COOS7_v1.1_test1.hdf5", 11)
    return folder


def assert_equal(one, other):
    assert (one.class_names, one.source, one.name) == (other.class_names, other.source, other.name)
    np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_array_equal(one.images[:], other.images[:])
    for key in ("plate", "well"):
        mine, theirs = getattr(one, key), getattr(other, key)
        assert (mine is None) == (theirs is None)
        if mine is not None:
            np.testing.assert_array_equal(mine, theirs)


def assert_same_release(one, other):
    one, other = open_release(one), open_release(other)
    assert list(one) == list(other)
    for name in one:
        assert_equal(one[name], other[name])


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_unpacked_and_read_back_a_release_is_equal(release, tmp_path):
    targets = unpack(release, tmp_path / "out", progress=False)
    assert targets == {"train": tmp_path / "out" / "train", "test1": tmp_path / "out" / "test1"}
    assert_same_release(release, tmp_path / "out")


def test_five_classes_of_which_one_is_absent_are_kept(tmp_path):
    path = write_split(tmp_path / "yeast_test2.hdf5", 3, class_names=FIVE, places=False)
    unpack(path, tmp_path / "out", progress=False)
    back = open_split(tmp_path / "out" / "test2")
    assert back.class_names == tuple(FIVE)
    assert back.plate is None and back.well is None
    assert_equal(open_split(path), back)


def test_more_cells_than_a_batch_and_names_of_several_digits_keep_their_order(tmp_path):
    path = write_split(tmp_path / "train.hdf5", 1030)
    unpack(path, tmp_path / "out", progress=False)
    assert_equal(open_split(path), open_split(tmp_path / "out" / "train"))


def test_names_and_layout_are_the_authors(release, tmp_path):
    unpack(release, tmp_path / "out", progress=False)
    split = open_release(release)["test1"]
    folder = tmp_path / "out" / "test1"
    expected = {f"{y}/COOSv1cell_{i}_{c}.tif" for i, y in enumerate(split.labels) for c in ("protein", "nucleus")}
    found = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert found == expected | {"cells.json"}
    image = tifffile.imread(folder / str(split.labels[3]) / "COOSv1cell_3_nucleus.tif")
    assert image.dtype == np.uint16
    np.testing.assert_array_equal(image, split.images[3][1])


def test_a_file_with_an_unknown_name_is_unpacked_under_its_stem(tmp_path):
    path = write_split(tmp_path / "mine.h5", 4)
    assert unpack(path, tmp_path / "out", progress=False) == {"mine": tmp_path / "out" / "mine"}
    assert_equal(open_split(path), open_split(tmp_path / "out" / "mine"))


def test_unpacked_again_no_file_is_written(release, tmp_path, monkeypatch):
    unpack(release, tmp_path / "out", progress=False)
    written = []
    real = module._write
    monkeypatch.setattr(module, "_write", lambda file, content: written.append(file.name) or real(file, content))
    unpack(release, tmp_path / "out", progress=False)
    assert set(written) == {"cells.json"}


def stop_after(monkeypatch, files):
    """Press Ctrl-C in the middle of writing the file after so many."""
    real, written = module._write, []

    def write(file, content):
        if len(written) == files:
            file.with_name(f"{file.name}.part").write_bytes(content[: len(content) // 2])
            raise KeyboardInterrupt
        written.append(file)
        real(file, content)

    monkeypatch.setattr(module, "_write", write)


@pytest.mark.parametrize("files", [1, 2, 12, 47, 60])
def test_stopped_anywhere_it_goes_on_and_the_half_is_never_read_as_a_whole(release, tmp_path, files, monkeypatch):
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        stop_after(patch, files)
        with pytest.raises(KeyboardInterrupt):
            unpack(release, out, progress=False)
    if files != 47:  # then the training set was whole, and the other not begun
        with pytest.raises(DataError):
            open_release(out)
    kept = {path: path.stat().st_mtime_ns for path in out.rglob("*.tif")}
    unpack(release, out, progress=False)
    assert_same_release(release, out)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert not list(out.rglob("*.part"))


@pytest.mark.parametrize("damage", [b"", b"II*\x00", b"x" * 9000])
def test_a_damaged_image_is_written_again(release, tmp_path, damage):
    unpack(release, tmp_path / "out", progress=False)
    victim = next((tmp_path / "out" / "train").rglob("*protein.tif"))
    victim.write_bytes(damage)
    unpack(release, tmp_path / "out", progress=False)
    assert_same_release(release, tmp_path / "out")


def test_a_truncated_image_is_written_again(release, tmp_path):
    unpack(release, tmp_path / "out", progress=False)
    victim = next((tmp_path / "out" / "train").rglob("*protein.tif"))
    victim.write_bytes(victim.read_bytes()[:5000])
    unpack(release, tmp_path / "out", progress=False)
    assert_same_release(release, tmp_path / "out")


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"count": 23}'])
def test_a_damaged_sidecar_is_written_again(release, tmp_path, damage):
    unpack(release, tmp_path / "out", progress=False)
    (tmp_path / "out" / "train" / "cells.json").write_bytes(damage)
    unpack(release, tmp_path / "out", progress=False)
    assert_same_release(release, tmp_path / "out")


def test_the_authors_own_images_are_kept_and_only_described(release, tmp_path):
    unpack(release, tmp_path / "out", progress=False)
    for sidecar in (tmp_path / "out").rglob("cells.json"):
        sidecar.unlink()
    for image in (tmp_path / "out").rglob("*.tif"):
        tifffile.imwrite(image, tifffile.imread(image), compression="zlib", description="another program")
    before = contents(tmp_path / "out")
    unpack(release, tmp_path / "out", progress=False)
    after = contents(tmp_path / "out")
    assert {path: after[path] for path in before} == before
    assert_same_release(release, tmp_path / "out")


def another(tmp_path, **changes):
    folder = tmp_path / "another"
    folder.mkdir()
    for name, cells in (("training", 23), ("test1", 11)):
        write_split(folder / f"COOS7_v1.1_{name}.hdf5", cells, **changes)
    return folder


def test_a_folder_with_another_release_is_refused_and_left_as_it_was(release, tmp_path):
    unpack(release, tmp_path / "out", progress=False)
    for image in (tmp_path / "out" / "train").rglob("*.tif"):  # as if stopped: what is missing is not filled in
        image.unlink()
    before = contents(tmp_path / "out")
    larger, other = tmp_path / "larger", another(tmp_path, seed=1)
    larger.mkdir()
    write_split(larger / "train.hdf5", 40)
    write_split(larger / "test1.hdf5", 11)
    for file in other.iterdir():  # other cells in the very same wells
        with h5py.File(file, "r+") as new, h5py.File(release / file.name) as old:
            new["labels"][:] = old["labels"][:]
    for source in (other, larger):
        with pytest.raises(DataError, match="Choose an empty folder"):
            unpack(source, tmp_path / "out", progress=False)
        assert contents(tmp_path / "out") == before


def test_the_same_cells_in_other_wells_or_classes_are_refused(release, tmp_path):
    unpack(release, tmp_path / "out", progress=False)
    before = contents(tmp_path / "out")
    with pytest.raises(DataError, match="another release .its class_names differs"):
        unpack(another(tmp_path, class_names=FIVE), tmp_path / "out", progress=False)
    with h5py.File(release / "COOS7_v1.1_test1.hdf5", "r+") as file:
        file["well"][4] = b"H11"
    with pytest.raises(DataError, match="its well differs"):
        unpack(release, tmp_path / "out", progress=False)
    assert contents(tmp_path / "out") == before


def test_another_pixel_is_refused(release, tmp_path):
    unpack(release, tmp_path / "out", progress=False)
    before = contents(tmp_path / "out")
    with h5py.File(release / "COOS7_v1.1_test1.hdf5", "r+") as file:
        file["data"][10, 1, 63, 63] ^= 1
    with pytest.raises(DataError, match="COOSv1cell_10_nucleus.tif: found another image"):
        unpack(release, tmp_path / "out", progress=False)
    assert contents(tmp_path / "out") == before


def test_splits_of_two_releases_are_not_laid_side_by_side(release, tmp_path):
    unpack(release, tmp_path / "out", progress=False)
    smaller = tmp_path / "smaller"
    smaller.mkdir()
    (smaller / "train.hdf5").write_bytes((release / "COOS7_v1.1_training.hdf5").read_bytes())
    with pytest.raises(DataError, match="found the split test1 in test1"):
        unpack(smaller, tmp_path / "out", progress=False)


def test_a_release_is_not_unpacked_into_its_own_folder(release):
    before = contents(release)
    with pytest.raises(DataError, match="the split test1 in COOS7_v1.1_test1.hdf5"):
        unpack(release, release, progress=False)
    assert contents(release) == before


def test_single_files_one_after_another_make_a_release(release, tmp_path):
    for file in sorted(release.iterdir()):
        unpack(file, tmp_path / "out", progress=False)
    assert_same_release(release, tmp_path / "out")


def test_an_unpacked_release_can_be_unpacked_again_elsewhere(release, tmp_path):
    unpack(release, tmp_path / "one", progress=False)
    unpack(tmp_path / "one", tmp_path / "two", progress=False)
    assert_same_release(release, tmp_path / "two")


def test_the_sidecar_says_what_images_cannot(release, tmp_path):
    unpack(release, tmp_path / "out", progress=False)
    known = json.loads((tmp_path / "out" / "test1" / "cells.json").read_text(encoding="utf-8"))
    assert set(known) == {"class_names", "source", "plate", "well", "count"}
    assert known["count"] == 11 and known["source"] == "drawn at random" and known["well"][:2] == ["A00", "A01"]


def test_a_bar_is_shown_unless_refused(release, tmp_path, capsys):
    unpack(release, tmp_path / "out")
    assert "34/34" in capsys.readouterr().err
    unpack(release, tmp_path / "out", progress=False)
    assert capsys.readouterr().err == ""
