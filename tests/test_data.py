"""What must hold of a split and a release, in whatever form they lie on disk."""

import pickle

import h5py
import numpy as np
import pytest
import tifffile
from conftest import FILES, cells, places, write_release, write_split

from coos_helpers import hdf5
from coos_helpers.data import CLASS_NAMES, DataError, open_release, open_split, split_name
from coos_helpers.unpack import unpack


def write_tiffs(folder, images, labels, first=0, **options):
    """Write cells in the authors' layout, by hand."""
    for i, (image, label) in enumerate(zip(images, labels, strict=True), first):
        for channel, pixels in zip(("protein", "nucleus"), image, strict=True):
            file = folder / str(label) / f"COOSv1cell_{i}_{channel}.tif"
            file.parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(file, pixels, **options)
    return folder


# Forms on disk


def test_a_split_holds_what_the_file_holds(tmp_path):
    split = open_split(write_split(tmp_path / "COOS7_v1.1_test3.hdf5", 9, **places(9)))
    assert (split.name, len(split), split.class_names) == ("test3", 9, CLASS_NAMES)
    np.testing.assert_array_equal(split.images[:], cells(9))
    np.testing.assert_array_equal(split.labels, np.arange(9) % 7)
    assert split.labels.dtype == np.int64
    assert split.plate.tolist() == [f"plate-{i % 2}" for i in range(9)]
    assert split.well_ids.tolist() == [f"plate-{i % 2}/{'AB'[i % 2]}{i % 3 + 1:02}" for i in range(9)]


@pytest.mark.parametrize("suffix", [".hdf5", ".h5", ".hdf", ".HDF5"])
def test_files_are_found_by_any_common_suffix(tmp_path, suffix):
    write_split(tmp_path / f"COOS7_training{suffix}")
    assert list(open_release(tmp_path)) == ["train"]


def test_the_authors_tiff_layout_reads_the_same_as_the_file_except_for_places(tmp_path):
    images, labels = cells(12), np.arange(12) * 5 % 7
    file = open_split(write_split(tmp_path / "test1.hdf5", 12, labels=labels))
    folder = open_split(write_tiffs(tmp_path / "test1", images, labels))
    np.testing.assert_array_equal(file.images[:], folder.images[:])
    np.testing.assert_array_equal(file.labels, folder.labels)
    assert (folder.name, folder.class_names, folder.plate, folder.well_ids) == ("test1", CLASS_NAMES, None, None)


def test_tiff_cells_are_ordered_by_number_and_not_by_letters(tmp_path):
    split = open_split(write_tiffs(tmp_path / "train", cells(3), [6, 0, 3], first=99))
    assert split.labels.tolist() == [6, 0, 3]
    np.testing.assert_array_equal(split.images[:], cells(3))


def test_what_unpack_writes_reads_the_same_as_the_release(tmp_path):
    names = [f"class {i}" for i in range(7)]
    write_release(tmp_path / "hdf5", attrs={"class_names": names, "source": "made up"})
    one = open_release(tmp_path / "hdf5")
    unpack(tmp_path / "hdf5", tmp_path / "tiff", progress=False)
    other = open_release(tmp_path / "tiff")
    assert list(one) == list(other)
    for a, b in zip(one.values(), other.values(), strict=True):
        assert (a.name, a.class_names, a.source) == (b.name, b.class_names, b.source)
        for key in ("labels", "images", "plate", "well", "well_ids"):
            np.testing.assert_array_equal(np.asarray(getattr(a, key)), np.asarray(getattr(b, key)))


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_tiff_images_of_either_byte_order_are_read(tmp_path, byteorder):
    write_tiffs(tmp_path / "train", cells(2), [0, 1])
    for channel, name in enumerate(("protein", "nucleus")):
        tifffile.imwrite(tmp_path / f"train/0/COOSv1cell_0_{name}.tif", cells(2)[0, channel], byteorder=byteorder)
    images = open_split(tmp_path / "train").images[:]
    assert images.dtype == np.uint16
    np.testing.assert_array_equal(images, cells(2))


def test_other_things_in_a_tiff_folder_are_passed_over(tmp_path):
    folder = write_tiffs(tmp_path / "train", cells(2), [0, 1])
    (folder / ".hidden").mkdir()
    (folder / "notes").mkdir()
    (folder / "0" / "Thumbs.db").write_bytes(b"x")
    (folder / "README.txt").write_text("hello")
    assert len(open_split(folder)) == 2


def test_simulated_cells_read_like_a_release(simulated):
    assert list(simulated) == list(FILES)
    for name, split in simulated.items():
        assert (split.name, split.class_names) == (name, CLASS_NAMES)
        assert split.images.shape == (len(split), 2, 64, 64) and split.images[:2].dtype == np.uint16
        assert set(split.labels) == set(range(7))
        assert len(split.plate) == len(split.well) == len(split)
        assert "simulated" in split.source


def test_real_cells_of_five_classes_open_without_a_fourth_test_set(real_cells):
    release = open_release(real_cells)
    assert list(release) == ["train", "test1", "test2", "test3"]
    assert sum(map(len, release.values())) == 1642
    assert {len(split.class_names) for split in release.values()} == {5}
    for split in release.values():
        assert split.images[0].max() > 0


# Types


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<u4", "<u8", "<i4", ">i4", "<i8", "<f4", ">f4", "<f8", ">f8"])
def test_any_type_that_holds_counts_is_converted_exactly(tmp_path, dtype):
    images = cells(3)
    images[0, 0, 0, :4] = 0, 1, 65534, 65535
    split = open_split(write_split(tmp_path / "train.h5", 3, data=images.astype(dtype)))
    read = split.images[:]
    assert read.dtype == np.uint16 and read.dtype.isnative
    np.testing.assert_array_equal(read, images)


@pytest.mark.parametrize("dtype", ["<u2", "u4", "i4", ">i4", "i8", "u8", "f4", ">f4", "f8"])
def test_tiff_images_of_any_type_that_holds_counts_are_converted_exactly(tmp_path, dtype):
    images = cells(3)
    images[0, 0, 0, :4] = 0, 1, 65534, 65535
    byteorder = ">" if dtype.startswith(">") else "<"
    folder = write_tiffs(tmp_path / "train", images.astype(dtype.strip("<>")), [0, 1, 2], byteorder=byteorder)
    read = open_split(folder).images[:]
    assert read.dtype == np.uint16 and read.dtype.isnative
    np.testing.assert_array_equal(read, images)


@pytest.mark.parametrize("dtype", ["i1", "u1", ">i2", "u4", "i8", "u8", "f2", "f4", ">f8"])
def test_labels_of_any_whole_type_become_int64(tmp_path, dtype):
    split = open_split(write_split(tmp_path / "train.h5", 8, labels=(np.arange(8) % 7).astype(dtype)))
    assert split.labels.dtype == np.int64 and split.labels.dtype.isnative
    assert split.labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 0]


@pytest.mark.parametrize(
    "stored, read",
    [
        (np.array([b"P1", b"P2"]), ["P1", "P2"]),
        (np.array(["P1", "Plätte"], object), ["P1", "Plätte"]),
        (np.array([b"P1", "Plätte".encode()], "S8"), ["P1", "Plätte"]),
        (np.array([1, 20]), ["1", "20"]),
    ],
    ids=["bytes", "objects", "utf-8", "numbers"],
)
def test_plates_and_wells_become_text_however_they_are_stored(tmp_path, stored, read):
    split = open_split(write_split(tmp_path / "train.h5", 2, plate=stored, well=stored))
    assert split.plate.dtype.kind == split.well.dtype.kind == "U"
    assert split.plate.tolist() == split.well.tolist() == read


@pytest.mark.parametrize("known", [(), ("plate",), ("well",)])
def test_plates_and_wells_may_be_absent(tmp_path, known):
    split = open_split(write_split(tmp_path / "train.h5", 4, **{key: places(4)[key] for key in known}))
    assert (split.plate is not None, split.well is not None) == ("plate" in known, "well" in known)
    assert split.well_ids is None  # A01 lies on every plate: without plates, its name may be two wells


def test_wells_of_one_name_on_two_plates_are_two(tmp_path):
    keys = {"plate": np.array(["P1", "P2"], "S"), "well": np.array(["A01", "A01"], "S")}
    assert len(set(open_split(write_split(tmp_path / "train.h5", 2, **keys)).well_ids)) == 2
    assert open_split(write_split(tmp_path / "test1.h5", 2, well=keys["well"])).well_ids is None


def test_names_that_are_no_utf_8_stay_apart(tmp_path):
    split = open_split(write_split(tmp_path / "train.h5", 2, plate=np.array([b"\xfc1", b"\xe41"])))
    assert len(set(split.plate)) == 2


@pytest.mark.parametrize("form", [list, lambda names: np.array(names, "S"), lambda names: np.array(names, object)])
def test_class_names_come_from_the_file(tmp_path, form):
    names = ["bud neck", "cytosol", "ER"]
    path = write_split(tmp_path / "train.h5", 3, labels=[2, 1, 0], attrs={"class_names": form(names)})
    assert open_split(path).class_names == tuple(names)


@pytest.mark.parametrize("source", ["yeast, 2026", np.bytes_("yeast, 2026")])
def test_the_source_comes_from_the_file(tmp_path, source):
    assert open_split(write_split(tmp_path / "train.h5", attrs={"source": source})).source == "yeast, 2026"


def test_a_file_without_a_source_says_so(tmp_path):
    assert "no source" in open_split(write_split(tmp_path / "train.h5")).source


# Images on disk


@pytest.fixture(scope="module", params=["contiguous", "gzip", "float64", "tiff"])
def images(request, tmp_path_factory):
    """Hold 60 cells on disk, as Images and as an array."""
    tmp_path, array = tmp_path_factory.mktemp("images"), cells(60)
    if request.param == "tiff":
        return open_split(write_tiffs(tmp_path / "train", array, np.arange(60) % 7)).images, array
    with h5py.File(tmp_path / "train.h5", "w") as file:
        chunked = {"compression": "gzip", "compression_opts": 1, "shuffle": True, "chunks": (7, 2, 64, 64)}
        data = array.astype("f8") if request.param == "float64" else array
        file.create_dataset("data", data=data, **(chunked if request.param == "gzip" else {}))
        file["labels"] = np.arange(60) % 7
    return open_split(tmp_path / "train.h5").images, array


INDICES = {
    "all": np.s_[:],
    "slice": np.s_[3:17],
    "from the end": np.s_[-5:],
    "steps": np.s_[1:50:7],
    "backwards": np.s_[::-1],
    "backwards in steps": np.s_[40:2:-9],
    "past the end": np.s_[55:1000],
    "no cells": np.s_[10:10],
    "one": 5,
    "last": -1,
    "numpy integer": np.int32(7),
    "list": [4, 5, 6],
    "unordered": [50, 0, 31, 2],
    "repeated": [3, 3, 59, 3, 0, 0],
    "negative": [-1, -60, 1],
    "unsigned": np.array([9, 1], np.uint8),
    "far apart": [0, 20, 38, 59],
    "empty list": [],
    "empty array": np.array([], int),
    "mask": np.arange(60) % 11 == 3,
    "empty mask": np.zeros(60, bool),
    "ellipsis": ...,
}


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES.keys())
def test_images_are_indexed_like_an_array(images, index):
    lazy, array = images
    got = lazy[index]
    assert got.dtype == np.uint16
    np.testing.assert_array_equal(got, array[index])


@pytest.mark.parametrize(
    "index",
    [60, -61, [0, 60], [-61], np.zeros(59, bool), [0.5], "train", (0, 1), np.zeros((2, 2), int), None],
    ids=str,
)
def test_an_index_that_names_no_cell_is_an_index_error(images, index):
    with pytest.raises(IndexError):
        images[0][index]


def test_images_look_like_an_array_without_being_read(images):
    lazy, array = images
    assert (lazy.shape, lazy.dtype, lazy.nbytes, len(lazy)) == (array.shape, array.dtype, array.nbytes, 60)
    np.testing.assert_array_equal(np.asarray(lazy), array)
    np.testing.assert_array_equal(np.stack([image for image in lazy]), array)
    assert "60" in repr(lazy)


def test_opening_a_uint16_file_reads_no_image(tmp_path, monkeypatch):
    path = write_split(tmp_path / "train.h5")
    for reads in ("_fill", "_read_runs"):
        monkeypatch.setattr(hdf5, reads, lambda *_: pytest.fail("images were read"))
    assert len(open_split(path)) == 14


def test_random_indices_agree_with_the_array(images):
    lazy, array = images
    rng = np.random.default_rng(0)
    for size in rng.integers(1, 90, 15):
        index = rng.integers(-60, 60, size)
        np.testing.assert_array_equal(lazy[index], array[index])


# Batches


@pytest.mark.parametrize("size", [1, 4, 14, 15, 1000])
def test_batches_go_through_the_split_once(release, size):
    split = release["train"]
    batches = list(split.batches(size))
    assert [len(indices) for indices, _ in batches[:-1]] == [size] * (len(batches) - 1)
    np.testing.assert_array_equal(np.concatenate([indices for indices, _ in batches]), np.arange(14))
    np.testing.assert_array_equal(np.concatenate([images for _, images in batches]), split.images[:])


@pytest.mark.parametrize("size", [0, -1, -1000, 2.5, None])
def test_a_batch_holds_at_least_one_cell(release, size):
    with pytest.raises(ValueError, match=f"found a batch size of {size}; expected a whole number of at least 1"):
        release["train"].batches(size)


@pytest.mark.parametrize("order", [[13, 0, 5, 5, 2], np.arange(14)[::-1], []], ids=["some", "reversed", "none"])
def test_batches_follow_an_order(release, order):
    split = release["train"]
    batches = list(split.batches(3, order=order))
    assert sum((indices.tolist() for indices, _ in batches), []) == list(order)
    for indices, images in batches:
        np.testing.assert_array_equal(images, split.images[:][indices])


def test_a_split_survives_pickling(release):
    for split in release.values():
        copy = pickle.loads(pickle.dumps(split))
        assert (copy.name, copy.path, copy.class_names, copy.source) == (
            split.name,
            split.path,
            split.class_names,
            split.source,
        )
        np.testing.assert_array_equal(copy.images[::2], split.images[::2])
        np.testing.assert_array_equal(copy.labels, split.labels)


def test_a_split_of_tiff_images_survives_pickling(tmp_path):
    split = open_split(write_tiffs(tmp_path / "train", cells(3), [0, 1, 2]))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(split)).images[:], cells(3))


# Some of a split's cells


@pytest.mark.parametrize("form", [list, np.array, lambda indices: np.array(indices, np.int32)])
def test_some_cells_are_taken_in_the_order_that_is_asked_for(release, form):
    split, indices = release["train"], [13, 0, 5, 5, 2]
    some = split.take(form(indices))
    assert len(some) == 5 and isinstance(some.images, np.ndarray)
    for key in ("images", "labels", "plate", "well", "well_ids"):
        np.testing.assert_array_equal(getattr(some, key), np.asarray(getattr(split, key))[indices], err_msg=key)
    assert (some.name, some.class_names, some.source) == (split.name, split.class_names, split.source)
    assert some.path is None and some.labels.dtype == np.int64


def test_cells_that_are_taken_need_no_file_any_more(release):
    split = release["train"]
    expected, some = split.images[[4, 1, 8]], split.take([4, 1, 8])
    split.path.unlink()
    np.testing.assert_array_equal(some.take([2, 0]).images, expected[[2, 0]])
    batches = list(some.batches(2))
    np.testing.assert_array_equal(np.concatenate([images for _, images in batches]), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(some)).images, expected)


def test_cells_without_places_are_taken_without_them(tmp_path):
    some = open_split(write_split(tmp_path / "train.h5")).take([1, 2])
    assert some.plate is None and some.well is None and some.well_ids is None


def test_no_cells_can_be_taken_and_cells_that_are_not_there_cannot(release):
    split = release["train"]
    nothing = split.take(np.array([], int))
    assert len(nothing) == 0 and nothing.images.shape == (0, 2, 64, 64)
    with pytest.raises(IndexError):
        split.take([len(split)])


# Releases


@pytest.mark.parametrize(
    "file, name",
    [
        ("COOS7_v1.1_training.hdf5", "train"),
        ("COOS7_v1.1_test3.hdf5", "test3"),
        ("COOSsim_test4.hdf5", "test4"),
        ("COOS_yeast5_test1.hdf5", "test1"),
        ("training", "train"),
        ("Train", "train"),
        ("TEST1", "test1"),
        ("test_2", "test2"),
        ("test-3.h5", "test3"),
        ("Test 4", "test4"),
        ("train_test1.hdf5", "test1"),
        ("COOS7_v1.1_training (1).hdf5", "train"),
        ("COOSsim_training.hdf5", "train"),
        ("COOS_yeast5_training.hdf5", "train"),
        ("Test_2", "test2"),
        ("test-4", "test4"),
        ("COOStest3.h5", "test3"),
        ("COOSTest3.h5", "test3"),
        ("COOSTrain.h5", "train"),
        ("yeastTest1", "test1"),
        ("latest1.hdf5", None),
        ("LATEST1.hdf5", None),
        ("Latest1", None),
        ("contest3", None),
        ("CONTEST3", None),
        ("Contest 3.h5", None),
        ("pretrained-models", None),
        ("PRETRAINED", None),
        ("trainer.h5", None),
        ("training2.h5", None),
        ("Strain.h5", None),
        ("yeast strain.h5", None),
        ("constraints.hdf5", None),
        ("test3b.h5", None),
        ("ätest1.h5", None),
        ("._COOS7_training.hdf5", None),
        (".test1", None),
        ("contest", None),
        ("test", None),
        ("test0", None),
        ("test10", None),
        ("test1337.hdf5", None),
        ("validation.hdf5", None),
        ("plate4", None),
        ("COOS7_v1.1.hdf5", None),
    ],
)
def test_splits_are_recognised_by_name(file, name):
    assert split_name(file) == name
    assert split_name(f"some/folder of test2/train/{file}") == name


def test_a_file_of_another_name_can_be_opened_alone(tmp_path):
    assert open_split(write_split(tmp_path / "my cells.h5")).name == "my cells"


def test_a_release_comes_in_the_papers_order(tmp_path):
    write_release(tmp_path, ("test3", "test1", "train", "test4", "test2"))
    assert list(open_release(tmp_path)) == ["train", "test1", "test2", "test3", "test4"]


def test_a_release_may_lack_splits_and_hold_other_files(tmp_path):
    write_release(tmp_path, ("train", "test1", "test2", "test3"))
    (tmp_path / "README_train.md").write_text("hello")
    (tmp_path / ".COOS7_v1.1_test4.hdf5.part").write_bytes(b"half a file")
    write_split(tmp_path / "mean image.h5")
    assert list(open_release(tmp_path)) == ["train", "test1", "test2", "test3"]


def test_what_only_looks_like_a_split_is_passed_over(tmp_path):
    write_release(tmp_path, ("train", "test1"))
    for name in ("._COOS7_training.hdf5", "._COOS7_v1.1_test2.hdf5"):  # as macOS leaves them on foreign disks
        (tmp_path / name).write_bytes(b"\x00\x05\x16\x07")
    (tmp_path / "pretrained-models" / "weights").mkdir(parents=True)
    (tmp_path / "training" / "0").mkdir(parents=True)
    (tmp_path / "test 3").mkdir()
    write_split(tmp_path / "latest1.hdf5")
    assert list(open_release(tmp_path)) == ["train", "test1"]


def test_a_folder_that_unpack_began_is_a_split_even_without_images(tmp_path):
    write_release(tmp_path, ("train",))
    (tmp_path / "test1").mkdir()
    (tmp_path / "test1" / "cells.json").write_text('{"count": 3}')
    with pytest.raises(DataError, match="test1: found no image of a cell"):
        open_release(tmp_path)


def test_a_release_may_mix_files_and_tiff_folders(tmp_path):
    write_release(tmp_path, ("train",))
    write_tiffs(tmp_path / "test1", cells(2), [0, 1])
    assert [len(split) for split in open_release(str(tmp_path)).values()] == [14, 2]


def test_splits_that_differ_in_their_classes_are_refused(tmp_path):
    write_release(tmp_path, ("train", "test1"))
    write_split(tmp_path / FILES["test1"], attrs={"class_names": [f"c{i}" for i in range(7)]})
    with pytest.raises(DataError, match="test1.*found classes c0.*expected.*training.*ER, IMM.*same classes"):
        open_release(tmp_path)


def test_two_files_for_one_split_are_refused(tmp_path):
    write_release(tmp_path, ("train", "test1"))
    write_split(tmp_path / "old_test1.h5")
    with pytest.raises(DataError, match="both COOS7_v1.1_test1.hdf5 and old_test1.h5.*Move one") as caught:
        open_release(tmp_path)
    assert isinstance(caught.value, ValueError)


def test_a_data_error_survives_pickling():
    error = DataError("a.h5", "x", "y", "Do z.")
    assert str(pickle.loads(pickle.dumps(error))) == str(error) == "a.h5: found x; expected y. Do z."


def test_cells_of_coos_7_name_their_authors_and_licence_wherever_they_are_shown(tmp_path):
    split = open_split(write_split(tmp_path / "COOS7_v1.1_test3.hdf5"))
    assert split.source == "COOS-7 (Lu et al. 2019; images CC BY-NC 4.0)"
    assert "names no source" in open_split(write_split(tmp_path / "mine_test3.hdf5")).source
    ours = open_split(write_split(tmp_path / "COOS7_v1.1_test4.hdf5", attrs={"source": "another"}))
    assert ours.source == "another"


@pytest.mark.parametrize("dtype", ["<u2", ">u2", ">i4", "<f8"])
@pytest.mark.parametrize("chunks, userblock", [(None, 0), (None, 2048), ((3, 1, 16, 64), 512)])
@pytest.mark.parametrize("indices", [[0], [39], [4, 5, 6, 20, 22, 39], range(40), [7, 3, 3, 30]])
@pytest.mark.parametrize("alone", [hdf5.ALONE, 2])
def test_cells_are_those_that_h5py_reads_wherever_they_lie_in_the_file(
    tmp_path, monkeypatch, dtype, chunks, userblock, indices, alone
):
    monkeypatch.setattr(hdf5, "ALONE", alone)  # two threads for a few cells already
    images = np.random.default_rng(0).integers(0, 65536, (40, 2, 64, 64)).astype(dtype)
    path = tmp_path / "COOS7_v1.1_test1.hdf5"
    with h5py.File(path, "w", userblock_size=userblock) as file:
        file["before"] = np.arange(77)
        file.create_dataset("data", data=images, chunks=chunks)
        file["labels"] = np.arange(40) % 7
    found = open_split(path).images[list(indices)]
    np.testing.assert_array_equal(found, images[list(indices)].astype(np.uint16))
