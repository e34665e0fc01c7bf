"""What must hold of names: splits are recognised, and what only looks like one is passed over and named."""

import pytest
from conftest import FILES, write_release, write_split
from on_disk import refusal

from coos_helpers.data import DataError, open_release
from coos_helpers.data.split_names import find_splits, split_name

NAMES = {
    "train": ["COOS7_v1.1_training.hdf5", "training", "Train", "COOS7_v1.1_training (1).hdf5", "COOSsim_training.hdf5",
              "COOS_yeast5_training.hdf5", "COOSTrain.h5"],
    "test1": ["COOS_yeast5_test1.hdf5", "TEST1", "train_test1.hdf5", "yeastTest1", "test1_test2"],
    "test2": ["test_2", "Test_2"],
    "test3": ["COOS7_v1.1_test3.hdf5", "test-3.h5", "COOStest3.h5", "COOSTest3.h5"],
    "test4": ["COOSsim_test4.hdf5", "Test 4", "test-4"],
    None: ["latest1.hdf5", "LATEST1.hdf5", "Latest1", "contest3", "CONTEST3", "Contest 3.h5", "pretrained-models",
           "PRETRAINED", "trainer.h5", "training2.h5", "Strain.h5", "yeast strain.h5", "constraints.hdf5", "test3b.h5",
           "ätest1.h5", "._COOS7_training.hdf5", ".test1", "contest", "test", "test0", "test10", "test1337.hdf5",
           "validation.hdf5", "plate4", "COOS7_v1.1.hdf5"],
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_splits_are_recognised_by_name(name):
    for file in NAMES[name]:
        assert split_name(file) == split_name(f"some/folder of test2/train/{file}") == name, file


def test_what_only_looks_like_a_split_is_passed_over_and_named(tmp_path):
    write_release(tmp_path, ("train", "test1"))
    for suffix, name in ((".h5", "test2"), (".hdf", "test3"), (".HDF5", "test4")):
        write_split(tmp_path / f"{name}{suffix}")
    for name in ("._COOS7_training.hdf5", ".COOS7_v1.1_test4.hdf5.part", "README_train.md"):  # as macOS and others do
        (tmp_path / name).write_bytes(b"\x00\x05\x16\x07")
    for name in ("pretrained-models/weights", "training/0", "test 3"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("latest1.hdf5", "mean image.h5"):
        write_split(tmp_path / name)
    assert list(open_release(tmp_path)) == list(FILES)
    assert find_splits(tmp_path)[1] == ["latest1.hdf5", "mean image.h5", "test 3", "training"]


@pytest.mark.parametrize("ending", [
    ".part", ".crdownload", ".tmp", ".aria2", "~", " (1)", ".zip", ".gz", ".tar", ".7z", ".bak"
])  # fmt: skip
def test_half_a_download_and_an_archive_of_a_split_are_named(tmp_path, ending):
    write_release(tmp_path, ("train", "test1"))
    names = [f"{FILES['test2']}{ending}", f"COOS7_v1.1_test3{ending}"]
    for name in (*names, f"mean image{ending}", f".{names[0]}", "README_test2.md", "COOS7_test2.hdf5.md5"):
        (tmp_path / name).write_bytes(b"x")
    assert find_splits(tmp_path)[1] == sorted(names)
    assert list(open_release(tmp_path)) == ["train", "test1"]


def test_of_links_that_lead_nowhere_only_a_splits_stops_the_release(tmp_path):
    write_release(tmp_path, ("train", "test1"))
    for name in ("test2_notes.txt", "COOS7_test2.hdf5.md5", "COOS7_test3.hdf5.part", "test4.zip"):
        (tmp_path / name).symlink_to("nowhere")
    assert list(open_release(tmp_path)) == ["train", "test1"]
    assert find_splits(tmp_path)[1] == ["COOS7_test3.hdf5.part", "test4.zip"]


def test_a_folder_without_images_is_no_split_of_a_release_unless_unpack_began_it(tmp_path):
    folder = tmp_path / "training"
    (folder / "0").mkdir(parents=True)
    (folder / "0" / "cell_1.tif").write_bytes(b"x")
    assert refusal(folder)["found"] == "no image of a cell"
    with pytest.raises(DataError, match="no split, passing over training; .*coos download"):
        open_release(tmp_path)
    (folder / "cells.json").write_text('{"count": 3}')
    with pytest.raises(DataError, match="training: found no image of a cell"):
        open_release(tmp_path)
