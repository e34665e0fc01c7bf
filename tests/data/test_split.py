"""What must hold of a split, in whatever form it lies on disk: indexed like an array, in batches, pickled, in part."""

import pickle

import h5py
import numpy as np
import pytest
from conftest import cells, write_split
from on_disk import write_tiffs

from coos_helpers.data import hdf5, open_split


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
    "all": np.s_[:], "slice": np.s_[3:17], "from the end": np.s_[-5:], "steps": np.s_[1:50:7], "ellipsis": ...,
    "backwards": np.s_[::-1], "backwards in steps": np.s_[40:2:-9], "past the end": np.s_[55:1000],
    "no cells": np.s_[10:10], "one": 5, "last": -1, "numpy integer": np.int32(7), "list": [4, 5, 6],
    "unordered": [50, 0, 31, 2], "repeated": [3, 3, 59, 3, 0, 0], "negative": [-1, -60, 1],
    "unsigned": np.array([9, 1], np.uint8), "far apart": [0, 20, 38, 59], "empty list": [],
    "empty array": np.array([], int), "mask": np.arange(60) % 11 == 3, "empty mask": np.zeros(60, bool),
    "more than there are": np.random.default_rng(0).integers(-60, 60, 150),
}  # fmt: skip
NO_INDICES = [60, -61, [0, 60], [-61], np.zeros(59, bool), [0.5], "train", (0, 1), np.zeros((2, 2), int), None]


@pytest.mark.parametrize("block", [hdf5.BLOCK, 2], ids=["one piece", "many pieces"])
@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES.keys())
def test_images_are_indexed_like_an_array(images, monkeypatch, index, block):
    monkeypatch.setattr(hdf5, "BLOCK", block)
    lazy, array = images
    got = lazy[index]
    assert got.dtype == np.uint16
    np.testing.assert_array_equal(got, array[index])


@pytest.mark.parametrize("index", NO_INDICES, ids=str)
def test_an_index_that_names_no_cell_is_an_index_error(images, index):
    with pytest.raises(IndexError):
        images[0][index]


def test_images_look_like_an_array_and_travel_between_processes_without_being_read(images):
    lazy, array = images
    assert (lazy.shape, lazy.dtype, len(lazy)) == (array.shape, array.dtype, 60)
    np.testing.assert_array_equal(np.asarray(lazy), array)
    np.testing.assert_array_equal(np.stack([image for image in lazy]), array)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(lazy))[::7], array[::7])


@pytest.mark.parametrize(
    "order", [None, [13, 0, 5, 5, 2], np.arange(14)[::-1], []], ids=["all", "some", "back", "none"]
)
@pytest.mark.parametrize("size", [1, 4, 14, 15, 1000])
def test_batches_go_through_the_split_once_or_follow_an_order(release, size, order):
    split = release["train"]
    expected, batches = np.arange(14) if order is None else order, list(split.batches(size, order))
    assert [len(indices) for indices, _ in batches[:-1]] == [size] * (len(batches) - 1)
    assert sum((indices.tolist() for indices, _ in batches), []) == list(expected)
    for indices, images in batches:
        np.testing.assert_array_equal(images, split.images[:][indices])


def test_a_batch_holds_at_least_one_cell_and_an_order_only_cells_that_are_there(release):
    for size in (0, -1, -1000, 2.5, None):
        with pytest.raises(ValueError, match=f"found a batch size of {size}; expected a whole number of at least 1"):
            release["train"].batches(size)
    for order in ([0.5], [14], "train"):
        with pytest.raises(IndexError):
            release["train"].batches(3, order)


@pytest.mark.parametrize("known", [(), ("plate",), ("well",), ("plate", "well")], ids=str)
def test_wells_of_one_name_on_two_plates_are_two_and_without_plates_unknown(tmp_path, known):
    keys = {"plate": np.array(["P1", "P2"], "S"), "well": np.array(["A01", "A01"], "S")}
    split = open_split(write_split(tmp_path / "train.h5", 2, **{key: keys[key] for key in known}))
    for one in (split, split.take([0, 1])):
        assert (one.plate is not None, one.well is not None) == ("plate" in known, "well" in known)
        assert one.well_ids is None if len(known) < 2 else one.well_ids.tolist() == ["P1/A01", "P2/A01"]


@pytest.mark.parametrize("indices", [[13, 0, 5, 5, 2], np.array([13, 0, 5, 5, 2], np.int32), np.array([], int)])
def test_cells_that_are_taken_come_in_order_and_need_no_file_any_more(release, indices):
    split = release["train"]
    expected = {key: np.asarray(getattr(split, key))[indices] for key in ("images", "labels", "plate", "well_ids")}
    some = split.take(indices)
    with pytest.raises(IndexError):
        split.take([len(split)])
    split.path.unlink()
    for one in (some, pickle.loads(pickle.dumps(some)), some.take(np.arange(len(indices)))):
        for key, values in expected.items():
            np.testing.assert_array_equal(getattr(one, key), values, err_msg=key)
        assert isinstance(one.images, np.ndarray) and one.images.shape == (len(indices), 2, 64, 64)
        assert (one.path, one.labels.dtype) == (None, np.int64)
        assert (one.name, one.class_names, one.source) == (split.name, split.class_names, split.source)
        assert sum(len(images) for _, images in one.batches(3)) == len(indices)
