"""What is wrong with a file is said in one message: the file, what was found, what was expected, what to do."""

import json
import os
import re
import shutil
import warnings

import h5py
import numpy as np
import pytest
import tifffile
from conftest import FILES, cells, places, write_release, write_split

from coos_helpers.data import DataError, open_release, open_split

N = 14
WHOLE = re.compile(
    r"^(?P<path>.+?): found (?P<found>.+); expected (?P<expected>.+)\. (?P<remedy>[A-Z].+\.)$", re.DOTALL
)


def read(path):
    """Open a split and read all of it, as everything that comes after does."""
    split = open_split(path)
    images = split.images[:]
    assert images.shape == (len(split.labels), 2, 64, 64) and images.dtype == np.uint16
    assert split.labels.dtype == np.int64 and split.labels.min() >= 0
    assert split.labels.max() < len(split.class_names)
    for values in (split.plate, split.well):
        assert values is None or values.shape == split.labels.shape
    return split


def refusal(path, named=None):
    """Give the parts of the message with which a path is refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a warning from inside numpy is no message
        with pytest.raises(DataError) as caught:
            read(path)
    message = str(caught.value)
    parts = WHOLE.match(message)
    assert parts, message
    assert (named or path.name) in parts["path"], message
    assert "Traceback" not in message and "\n" not in message, message
    return parts


def one_pixel(value, dtype="f8"):
    """Give images with one pixel that is no count, in cell 9."""
    images = cells(N).astype(dtype)
    images[9, 1, 5, 6] = value
    return images


def one_image(value, dtype="f4"):
    """Give one channel of a cell with one pixel that is no count."""
    image = cells(1)[0, 0].astype(dtype)
    image[7, 8] = value
    return image


def one_label(value, dtype=None):
    """Give labels of which that of cell 5 is replaced."""
    labels = (np.arange(N) % 7).astype(dtype or np.asarray(value).dtype)
    labels[5] = value
    return labels


def group(file, key):
    file.create_group(key)["inside"] = 1


def soft_link(file, key):
    file[key] = h5py.SoftLink("/nowhere")


def external_link(file, key):
    file[key] = h5py.ExternalLink("nowhere.h5", "/data")


def null(file, key):
    file[key] = h5py.Empty("u2")


def compound(file, key):
    file.create_dataset(key, (N, 2, 64, 64), [("counts", "u2")])


def strings(file, key):
    file.create_dataset(key, (N, 2, 64, 64), h5py.string_dtype())


def external_storage(file, key):
    file.create_dataset(key, (N, 2, 64, 64), "u2", external=[("nowhere.raw", 0, N * 2 * 64 * 64 * 2)])


def lists(file, key):
    file.create_dataset(key, (N,), h5py.vlen_dtype(np.int32))[:] = [np.arange(3)] * N


def references(file, key):
    file[key] = np.array([file.ref] * N, h5py.ref_dtype)


def unwritten(written=0, shape=(N, 2, 64, 64), dtype="u2", **options):
    """Make a data set of which only the first cells are written."""

    def make(file, key):
        dataset = file.create_dataset(key, shape, dtype, **options)
        if written:
            dataset[:written] = np.ones((written, *shape[1:]), dtype)

    return make


def beyond_memory(file, key):
    file.create_dataset("data", (2**44, 2, 64, 64), "u2", chunks=(1, 2, 64, 64))
    file.create_dataset(key, (2**44,), "i8", chunks=(1,))


# What the file is given instead of sound values (a function makes it by hand), and words of what must be found.
BAD_KEYS = {
    "no data": ({"data": None}, "the keys labels, without `data`"),
    "no labels": ({"labels": None}, "the keys data, without `labels`"),
    "nothing": ({"data": None, "labels": None}, "the keys none, without `data`"),
    "other names": ({"data": None, "labels": None, "x": 1, "y": 2}, "the keys x, y, without `data`"),
    "data a group": ({"data": group}, "a group called `data`"),
    "labels a group": ({"labels": group}, "a group called `labels`"),
    "plate a group": ({"plate": group}, "a group called `plate`"),
    "data a soft link to nowhere": ({"data": soft_link}, "a link called `data` that leads nowhere"),
    "labels an external link to nowhere": ({"labels": external_link}, "a link called `labels` that leads nowhere"),
    "well a soft link to nowhere": ({"well": soft_link}, "a link called `well` that leads nowhere"),
    "well an external link to nowhere": ({"well": external_link}, "a link called `well` that leads nowhere"),
    "data stored in a missing file": ({"data": external_storage}, "cells 0 to 13 unreadable"),
    # Shapes
    "data flat": ({"data": cells(N).reshape(N, -1)}, r"`data` of shape \(14, 8192\)"),
    "data of one channel": ({"data": cells(N)[:, :1]}, r"\(14, 1, 64, 64\)"),
    "data without channels": ({"data": cells(N)[:, 0]}, r"\(14, 64, 64\)"),
    "data of three channels": ({"data": np.repeat(cells(N), 2, 1)[:, :3]}, r"\(14, 3, 64, 64\)"),
    "data of 60 x 60 pixels": ({"data": cells(N)[..., :60, :60]}, r"\(14, 2, 60, 60\)"),
    "data of one number": ({"data": 7}, r"shape \(\)"),
    "data null": ({"data": null}, "`data` of shape None"),
    "channels last": ({"data": cells(N).transpose(0, 2, 3, 1)}, r"\(14, 64, 64, 2\)"),
    "channels first": ({"data": cells(N).transpose(1, 0, 2, 3)}, r"\(2, 14, 64, 64\)"),
    "cells last": ({"data": cells(N).transpose(1, 2, 3, 0)}, r"\(2, 64, 64, 14\)"),
    "no cells": ({"data": cells(0), "labels": np.zeros(0, int)}, "no cells"),
    "more cells than memory": ({"data": None, "labels": beyond_memory}, "`data` with 0 of its 17592186044416 chunks"),
    # Types and values of the images
    **{
        f"data {dtype}": ({"data": np.ones((N, 2, 64, 64), dtype)}, f"`data` of type {re.escape(dtype)}")
        for dtype in ("uint8", "int8", "int16", "float16", "bool", "complex64", "|S5")
    },
    "data of strings": ({"data": strings}, "`data` of type object"),
    "data compound": ({"data": compound}, "`data` of type .*counts"),
    "NaN": ({"data": one_pixel(np.nan)}, r"the pixel value nan \(not a number\) in cell 9"),
    "NaN in float32": ({"data": one_pixel(np.nan, "f4")}, r"the pixel value nan \(not a number\) in cell 9"),
    "infinity": ({"data": one_pixel(np.inf)}, r"inf \(not a 16-bit count\) in cell 9"),
    "minus infinity": ({"data": one_pixel(-np.inf, ">f4")}, r"-inf \(not a 16-bit count\) in cell 9"),
    "negative": ({"data": one_pixel(-1)}, r"-1.0 .* in cell 9"),
    "negative integer": ({"data": one_pixel(-1, "i4")}, r"-1 .* in cell 9"),
    "negative by a whole turn": ({"data": one_pixel(-65536, "i8")}, r"-65536 .* in cell 9"),
    "fractional": ({"data": one_pixel(100.5)}, r"100.5 .* in cell 9"),
    "rescaled to 0-1": ({"data": cells(N) / 65535}, r"the pixel value 0\.\d+ .* in cell 0"),
    "a tiny negative": ({"data": one_pixel(-1e-30)}, r"-1e-30 .* in cell 9"),
    "above 16 bits": ({"data": one_pixel(65536)}, r"65536.0 .* in cell 9"),
    "above 16 bits by a whole turn": ({"data": one_pixel(65536 + 7, "u4")}, r"65543 .* in cell 9"),
    "far above 16 bits": ({"data": one_pixel(1e300)}, r"1e\+300 .* in cell 9"),
    "largest uint64": ({"data": one_pixel(2**64 - 1, "u8")}, r"18446744073709551615 .* in cell 9"),
    # Labels
    "labels one-hot": ({"labels": np.eye(7, dtype=int)[np.arange(N) % 7]}, r"labels of shape \(14, 7\)"),
    "labels in a column": ({"labels": np.zeros((N, 1), int)}, r"labels of shape \(14, 1\)"),
    "labels one number": ({"labels": 3}, r"14 images beside labels of shape \(\)"),
    "labels null": ({"labels": null}, r"14 images beside labels of shape None"),
    "label negative": ({"labels": one_label(-1)}, "label -1 at cell 5"),
    "label too high": ({"labels": one_label(7)}, r"label 7 at cell 5 \(1 cells outside"),
    "labels from 1": ({"labels": np.arange(N) % 7 + 1}, r"label 7 at cell 6 \(2 cells outside"),
    "label beyond int64": ({"labels": one_label(2**64 - 1, "u8")}, "label 18446744073709551615 at cell 5"),
    "label huge": ({"labels": one_label(1e300)}, r"label 1e\+300 at cell 5"),
    "label NaN": ({"labels": one_label(np.nan)}, "label nan at cell 5"),
    "label infinite": ({"labels": one_label(np.inf)}, "label inf at cell 5"),
    "label fractional": ({"labels": one_label(0.5)}, "label 0.5 at cell 5"),
    "labels of text": ({"labels": np.array(["ER"] * N, "S")}, r"labels of type \|S2"),
    "labels of objects": ({"labels": np.array(["ER"] * N, object)}, "labels of type object"),
    "labels complex": ({"labels": np.zeros(N, complex)}, "labels of type complex128"),
    "labels true or false": ({"labels": np.zeros(N, bool)}, "labels of type bool"),
    # Lengths
    "labels too few": ({"labels": np.arange(N - 1) % 7}, r"14 images beside labels of shape \(13,\)"),
    "labels too many": ({"labels": np.arange(N + 1) % 7}, r"14 images beside labels of shape \(15,\)"),
    "no labels at all": ({"labels": np.zeros(0, int)}, r"14 images beside labels of shape \(0,\)"),
    "plates too few": ({"plate": places(N - 1)["plate"]}, r"`plate` of shape \(13,\) beside 14 cells"),
    "wells too many": ({"well": places(N + 1)["well"]}, r"`well` of shape \(15,\) beside 14 cells"),
    "wells one text": ({"well": "A01"}, r"`well` of shape \(\)"),
    "plates null": ({"plate": null}, r"`plate` of shape None"),
    "plates without names": ({"plate": np.array(["P1"] * 13 + [""], "S")}, "the plate '' at cell 13"),
    "a well of spaces": ({"well": np.array(["  "] + ["A1"] * 13, object)}, "the well '  ' at cell 0"),
    "a well NaN in words": ({"well": np.array(["A1", "NaN"] * 7, object)}, "the well 'NaN' at cell 1"),
    "plates NaN": ({"plate": np.full(N, np.nan)}, "`plate` of type float64"),
    "plates fractional": ({"plate": np.arange(N) / 2}, "`plate` of type float64"),
    "wells true or false": ({"well": np.zeros(N, bool)}, "`well` of type bool"),
    "plates compound": ({"plate": np.zeros(N, [("row", "i4"), ("column", "i4")])}, "`plate` of type .*row"),
    "wells opaque": ({"well": np.zeros(N, "V3")}, r"`well` of type \|V3"),
    "plates complex": ({"plate": np.zeros(N, complex)}, "`plate` of type complex128"),
    "wells lists": ({"well": lists}, "`well` of type object"),
    "plates references": ({"plate": references}, "`plate` of type object"),
    # What HDF5 reads as zeros, since it was never written
    "no image written": ({"data": unwritten()}, "`data` with 0 of its 229376 bytes written"),
    "no chunk written": ({"data": unwritten(chunks=(5, 2, 64, 64))}, "`data` with 0 of its 3 chunks written"),
    "half the chunks written": ({"data": unwritten(7, chunks=(1, 1, 64, 64))}, "`data` with 14 of its 28 chunks"),
    "labels not written": ({"labels": unwritten(shape=(N,))}, "`labels` with 0 of its 28 bytes written"),
    "labels half written": ({"labels": unwritten(4, (N,), chunks=(4,))}, "`labels` with 1 of its 4 chunks written"),
    "plates not written": ({"plate": unwritten(shape=(N,))}, "`plate` with 0 of its 28 bytes written"),
    "wells not written": ({"well": unwritten(shape=(N,), dtype=h5py.string_dtype())}, "`well` with 0 of its"),
    "plates in a table": ({"plate": np.zeros((N, 2), "S2")}, r"`plate` of shape \(14, 2\)"),
}


@pytest.mark.parametrize("keys, found", BAD_KEYS.values(), ids=BAD_KEYS.keys())
def test_a_file_with_wrong_content_is_refused(tmp_path, keys, found):
    path = tmp_path / "COOS7_v1.1_training.hdf5"
    with h5py.File(path, "w") as file:
        for key, values in {"data": cells(N), "labels": np.arange(N) % 7, **keys}.items():
            if callable(values):
                values(file, key)
            elif values is not None:
                file[key] = values
    assert re.search(found, refusal(path)["found"])


@pytest.mark.parametrize(
    "transposed, back", [((0, 2, 3, 1), (0, 3, 1, 2)), ((1, 0, 2, 3), (1, 0, 2, 3))], ids=["last", "first"]
)
def test_the_remedy_for_a_wrong_axis_order_puts_it_right(tmp_path, transposed, back):
    path = write_split(tmp_path / "train.h5", N, data=cells(N).transpose(transposed))
    assert f"data.transpose{back}" in refusal(path)["remedy"]
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["data"][()].transpose(back), cells(N))


BAD_NAMES = {
    "empty list": ([], "class_names"),
    "duplicate": (["a", "b", "c", "d", "e", "f", "a"], r"class_names \['a'.*'a'\]"),
    "an empty name": (["a", "b", "c", "d", "e", "f", " "], r"class_names .*' '"),
    "numbers": (np.arange(7), "class_names attribute"),
    "one text": ("ER, IMM, Golgi", "class_names attribute"),
    "table": (np.array([["a", "b"]], "S"), "class_names attribute"),
    "null": (h5py.Empty("S3"), "class_names attribute"),
    "too few": (["a", "b", "c", "d", "e", "f"], r"label 6 at cell 6 \(2 cells outside"),
}


@pytest.mark.parametrize("names, found", BAD_NAMES.values(), ids=BAD_NAMES.keys())
def test_a_file_with_wrong_class_names_is_refused(tmp_path, names, found):
    path = write_split(tmp_path / "test1.hdf5", N, attrs={"class_names": names})
    assert re.search(found, refusal(path)["found"])


# Files that are damaged, or no HDF5 files


BAD_BYTES = {
    "empty": b"",
    "text": b"data,labels\n1,2\n",
    "PNG": b"\x89PNG\r\n\x1a\n" + bytes(200),
    "zeros": bytes(4096),
    "page of an error": b"<!DOCTYPE html><title>404 Not Found</title>" * 50,
    "only the signature": b"\x89HDF\r\n\x1a\n",
}


@pytest.mark.parametrize("content", BAD_BYTES.values(), ids=BAD_BYTES.keys())
def test_a_file_that_is_no_hdf5_file_is_refused(tmp_path, content):
    path = tmp_path / "COOS7_v1.1_test1.hdf5"
    path.write_bytes(content)
    assert "a file that cannot be read" in refusal(path)["found"]
    with pytest.raises(DataError, match="test1.hdf5"):
        open_release(tmp_path)


@pytest.fixture(scope="module", params=["contiguous", "gzip"])
def sound(request, tmp_path_factory):
    """Write a sound file of 6 smooth cells with all its keys; give its path and its bytes."""
    path = tmp_path_factory.mktemp("sound") / "COOS7_v1.1_test2.hdf5"
    with h5py.File(path, "w") as file:
        chunked = {"compression": "gzip", "chunks": (2, 2, 64, 64)} if request.param == "gzip" else {}
        file.create_dataset("data", data=cells(6) // 4096 * 100, **chunked)
        file["labels"] = np.arange(6)
        for key, values in places(6).items():
            file[key] = values
        file.attrs["class_names"] = [f"class {i}" for i in range(6)]
        file.attrs["source"] = "made up"
    read(path)
    return path, path.read_bytes()


@pytest.mark.parametrize("part", [0.0005, 0.002, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.9999])
def test_a_file_cut_short_anywhere_is_refused(tmp_path, sound, part):
    path = tmp_path / "COOS7_v1.1_test2.hdf5"
    path.write_bytes(sound[1][: int(len(sound[1]) * part)])
    assert "a file that cannot be read" in refusal(path)["found"]


def test_a_damaged_compressed_image_is_refused_when_it_is_read(tmp_path):
    path = tmp_path / "COOS7_v1.1_test2.hdf5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("data", data=cells(N), compression="gzip", chunks=(2, 2, 64, 64))
        file["labels"] = np.arange(N) % 7
        chunk = data.id.get_chunk_info(3)
    content = bytearray(path.read_bytes())
    middle = chunk.byte_offset + chunk.size // 2
    content[middle : middle + 50] = bytes(b ^ 0xFF for b in content[middle : middle + 50])
    path.write_bytes(content)
    split = open_split(path)
    np.testing.assert_array_equal(split.images[:6], cells(N)[:6])  # chunks that are whole can be read
    for index in (6, [0, 13, 7], np.s_[:]):
        with pytest.raises(DataError, match=r"test2.hdf5: found cells \d+ to \d+ unreadable .*; expected whole images"):
            split.images[index]
    assert "unreadable" in refusal(path)["found"]


def test_a_damaged_float_image_is_refused_when_the_file_is_opened(tmp_path):
    path = tmp_path / "COOS7_v1.1_test2.hdf5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("data", data=cells(N).astype("f4"), compression="gzip", chunks=(2, 2, 64, 64))
        file["labels"] = np.arange(N) % 7
        chunk = data.id.get_chunk_info(6)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + 100 : chunk.byte_offset + 200] = bytes(100)
    path.write_bytes(content)
    with pytest.raises(DataError, match="unreadable"):
        open_split(path)


def test_a_file_that_vanishes_while_in_use_is_refused(tmp_path):
    split = open_split(write_split(tmp_path / "train.h5"))
    split.path.unlink()
    with pytest.raises(DataError, match="train.h5: found cells 2 to 2 unreadable"):
        split.images[2]


def test_a_file_that_is_replaced_by_another_is_looked_through_again(tmp_path):
    path = write_split(tmp_path / "train.h5", N, data=cells(N).astype("f8"))
    read(path)
    write_split(path, N + 1, data=cells(N + 1) + 0.5)
    assert ".5 (not a 16-bit count) in cell 0" in refusal(path)["found"]


@pytest.mark.parametrize("seed", range(4))
def test_random_damage_ends_in_a_data_error_or_in_readable_images(tmp_path, sound, seed):
    path, whole = tmp_path / "COOS7_v1.1_test2.hdf5", sound[1]
    rng = np.random.default_rng(seed)
    refused = 0
    # The description of the data lies in the first and last kilobytes; bytes of the images are only numbers.
    where = np.r_[np.arange(6000), np.arange(len(whole) - 4000, len(whole))]
    for _ in range(100):
        content = bytearray(whole)
        for at in rng.choice(where, rng.integers(1, 6)):
            content[at] = rng.integers(256) if rng.random() < 0.5 else content[at] ^ (1 << rng.integers(8))
        if rng.random() < 0.1:
            content = content[: rng.integers(len(content))]
        path.write_bytes(content)
        try:
            read(path)
        except DataError as error:
            refused += 1
            assert WHOLE.match(str(error)) and path.name in str(error)
    assert refused > 10


# Images that lie in other files


@pytest.fixture
def virtual(tmp_path):
    """Write a file whose images lie half in `one.h5` and half in `two.h5`."""
    layout = h5py.VirtualLayout((N, 2, 64, 64), "u2")
    for part, name in ((np.s_[:7], "one.h5"), (np.s_[7:], "two.h5")):
        write_split(tmp_path / name, 7, data=cells(N)[part])
        layout[part] = h5py.VirtualSource(name, "data", (7, 2, 64, 64))
    with h5py.File(tmp_path / "COOS7_v1.1_test1.hdf5", "w") as file:
        file.create_virtual_dataset("data", layout)
        file["labels"] = np.arange(N) % 7
    return tmp_path / "COOS7_v1.1_test1.hdf5"


def test_images_that_lie_in_other_files_are_read(virtual, monkeypatch):
    np.testing.assert_array_equal(read(virtual).images[:], cells(N))
    monkeypatch.chdir(virtual.parent)
    np.testing.assert_array_equal(read(virtual.relative_to(virtual.parent)).images[:], cells(N))


def test_images_that_lie_in_a_file_that_is_gone_are_refused(virtual):
    split = open_split(virtual)
    (virtual.parent / "two.h5").unlink()
    assert "lie in two.h5, which is not there or cannot be read" in refusal(virtual)["found"]
    with pytest.raises(DataError, match="lie in two.h5, which is not there"):
        split.images[0]  # opened before, and never read as zeros


def test_images_that_lie_in_a_damaged_file_are_refused(virtual):
    (virtual.parent / "one.h5").write_bytes(b"no HDF5")
    assert "lie in one.h5, which is not there or cannot be read" in refusal(virtual)["found"]


@pytest.mark.parametrize("data", [None, cells(3)], ids=["without", "fewer"])
@pytest.mark.parametrize("taken", [np.s_[:], np.s_[:, :, :, :64:1], np.s_[1:7]], ids=["all", "selected", "some"])
def test_images_that_lie_in_another_data_set_are_refused(tmp_path, data, taken):
    write_split(tmp_path / "one.h5", 7)
    n = len(np.empty(7)[taken[0] if isinstance(taken, tuple) else taken])
    layout = h5py.VirtualLayout((n, 2, 64, 64), "u2")
    layout[:] = h5py.VirtualSource("one.h5", "data", (7, 2, 64, 64))[taken]
    path = write_split(tmp_path / "train.h5", n, data=None)
    with h5py.File(path, "a") as file:
        file.create_virtual_dataset("data", layout)
    np.testing.assert_array_equal(read(path).images[:], cells(7)[taken])
    write_split(tmp_path / "one.h5", 7, data=data)
    assert "lie in `data` of one.h5, where they are not or too few" in refusal(path)["found"]


def test_images_that_lie_where_nothing_was_written_are_refused(virtual):
    with h5py.File(virtual.parent / "one.h5", "w") as file:
        unwritten(shape=(7, 2, 64, 64))(file, "data")
    assert "`data` with 0 of its 114688 bytes written" in refusal(virtual)["found"]


def test_images_that_lie_nowhere_are_refused(tmp_path):
    path = write_split(tmp_path / "train.h5", data=None)
    write_split(tmp_path / "one.h5", 7)
    layout = h5py.VirtualLayout((N, 2, 64, 64), "u2")
    layout[:7] = h5py.VirtualSource("one.h5", "data", (7, 2, 64, 64))
    with h5py.File(path, "a") as file:
        file.create_virtual_dataset("data", layout)
    assert "`data` with sources for 57344 of its 114688 values" in refusal(path)["found"]


def test_raw_images_beside_the_file_that_were_cut_short_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with h5py.File("train.h5", "w") as file:
        size = cells(N).nbytes
        file.create_dataset("data", data=cells(N), external=[("train.raw", 0, size)])
        file["labels"] = np.arange(N) % 7
    np.testing.assert_array_equal(read(tmp_path / "train.h5").images[:], cells(N))
    (tmp_path / "train.raw").write_bytes((tmp_path / "train.raw").read_bytes()[:-100])
    assert "`data` in train.raw, which has" in refusal(tmp_path / "train.h5")["found"]


def test_a_file_half_written_is_refused_before_a_chunk_is_missed(tmp_path):
    path = tmp_path / "train.h5"
    with h5py.File(path, "w") as file:
        unwritten(7, chunks=(7, 2, 64, 64), compression="gzip")(file, "data")
        file["labels"] = np.arange(N) % 7
    parts = refusal(path)
    assert parts["found"] == "`data` with 1 of its 2 chunks written" and "make or fetch it again" in parts["remedy"]
    with h5py.File(path, "a") as file:
        file["data"][7:] = 3
    assert read(path).images[13].max() == 3


def test_cells_that_were_never_written_may_read_as_a_value_that_the_file_names(tmp_path):
    path = tmp_path / "train.h5"
    with h5py.File(path, "w") as file:
        unwritten(7, chunks=(7, 2, 64, 64), fillvalue=100)(file, "data")
        file["labels"] = np.arange(N) % 7
    assert (read(path).images[7:] == 100).all()


# TIFF folders


@pytest.fixture
def tiffs(tmp_path):
    """Write six cells in the authors' layout, with `cells.json`."""
    folder = tmp_path / "test1"
    for i, image in enumerate(cells(6)):
        for channel, pixels in zip(("protein", "nucleus"), image, strict=True):
            file = folder / str(i % 3) / f"COOSv1cell_{i}_{channel}.tif"
            file.parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(file, pixels)
    (folder / "cells.json").write_text(json.dumps({"count": 6, "class_names": ["a", "b", "c"], "source": "made up"}))
    read(folder)
    return folder


@pytest.mark.parametrize("channel", ["protein", "nucleus"])
def test_a_cell_without_its_other_channel_is_refused(tiffs, channel):
    (tiffs / "1" / f"COOSv1cell_4_{channel}.tif").unlink()
    assert f"cell 4 without its {channel} image" in refusal(tiffs)["found"]


@pytest.mark.parametrize("label", ["ER", "-1", "1.0", "²", "1 copy", "9" * 30])
def test_a_folder_that_is_no_label_is_refused(tiffs, label):
    (tiffs / "1").rename(tiffs / label)
    assert f"images in a folder called {label}" in refusal(tiffs)["found"]


def test_a_label_folder_outside_the_classes_is_refused(tiffs):
    (tiffs / "1").rename(tiffs / "3")
    assert "label 3 at cell 1" in refusal(tiffs)["found"]


BAD_IMAGES = {
    "8-bit": (lambda file: tifffile.imwrite(file, cells(1)[0, 0].astype("u1")), "type uint8"),
    "half precision": (lambda file: tifffile.imwrite(file, np.ones((64, 64), "f2")), "type float16"),
    "a fraction": (
        lambda file: tifffile.imwrite(file, one_image(0.5)),
        r"0\.5 \(not a 16-bit count\) in row 7, column 8",
    ),
    "NaN": (lambda file: tifffile.imwrite(file, one_image(np.nan)), r"nan \(not a number\) in row 7, column 8"),
    "negative": (lambda file: tifffile.imwrite(file, one_image(-1, "i4")), "the pixel value -1 "),
    "above 16 bits": (lambda file: tifffile.imwrite(file, one_image(65536 + 7, "u4")), "the pixel value 65543 "),
    "signed": (lambda file: tifffile.imwrite(file, cells(1)[0, 0].astype("i2")), "type int16"),
    "wrong size": (lambda file: tifffile.imwrite(file, cells(1)[0, 0, :32]), r"\(32, 64\)"),
    "two pages": (lambda file: tifffile.imwrite(file, cells(1)[0]), r"\(2, 64, 64\)"),
    "RGB": (lambda file: tifffile.imwrite(file, np.zeros((64, 64, 3), "u2"), photometric="rgb"), r"\(64, 64, 3\)"),
    "cut short": (lambda file: file.write_bytes(file.read_bytes()[:-1000]), "cannot be read"),
    "cut in the header": (lambda file: file.write_bytes(file.read_bytes()[:20]), "cannot be read"),
    "empty": (lambda file: file.write_bytes(b""), "cannot be read"),
    "text": (lambda file: file.write_text("no image"), "cannot be read"),
    "a folder": (lambda file: (file.unlink(), file.mkdir()), "cannot be read"),
    "dangling link": (lambda file: (file.unlink(), file.symlink_to("nowhere.tif")), "cannot be read"),
}


@pytest.mark.parametrize("cell", [0, 5])
@pytest.mark.parametrize("damage, found", BAD_IMAGES.values(), ids=BAD_IMAGES.keys())
def test_a_wrong_or_damaged_image_is_refused(tiffs, cell, damage, found):
    file = tiffs / str(cell % 3) / f"COOSv1cell_{cell}_nucleus.tif"
    damage(file)
    assert re.search(found, refusal(tiffs, named=file.name)["found"])


BAD_SIDECARS = {
    "no JSON": ("{", "a file that cannot be read"),
    "empty": ("", "a file that cannot be read"),
    "bytes": ("\udcff", "a file that cannot be read"),
    "a list": ("[1, 2]", "a file that cannot be read"),
    "a number": ("6", "a file that cannot be read"),
    "no count": ("{}", "a file that cannot be read"),
    "nested too deep": ("[" * 100_000, "a file that cannot be read"),
    "another count": ('{"count": 7}', "6 cells"),
    "class_names a number": ('{"count": 6, "class_names": 3}', "class_names"),
    "class_names a text": ('{"count": 6, "class_names": "abc"}', "class_names"),
    "class_names numbers": ('{"count": 6, "class_names": [0, 1, 2]}', "class_names"),
    "class_names empty": ('{"count": 6, "class_names": []}', "class_names"),
    "class_names twice": ('{"count": 6, "class_names": ["a", "b", "a"]}', "class_names"),
    "class_names too few": ('{"count": 6, "class_names": ["a", "b"]}', "label 2 at cell 2"),
    "plates too few": ('{"count": 6, "plate": ["p"]}', r"`plate` of shape \(1,\) beside 6 cells"),
    "a well without a name": ('{"count": 6, "well": ["a", "b", "", "c", "d", "e"]}', "the well '' at cell 2"),
    "wells a text": ('{"count": 6, "well": "A01"}', "well is no list of texts"),
    "wells ragged": ('{"count": 6, "well": [["a"], ["b", "c"], 1, 2, 3, 4]}', "well is no list of texts"),
    "plates a table": ('{"count": 6, "plate": {"a": 1}}', "plate is no list of texts"),
    "source a number": ('{"count": 6, "source": 7}', "source is no text"),
}


@pytest.mark.parametrize("content, found", BAD_SIDECARS.values(), ids=BAD_SIDECARS.keys())
def test_a_damaged_sidecar_is_refused(tiffs, content, found):
    (tiffs / "cells.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    assert re.search(found, refusal(tiffs)["found"])


def test_images_that_are_missing_from_the_sidecars_count_are_noticed(tiffs):
    shutil.rmtree(tiffs / "2")
    parts = refusal(tiffs)
    assert (parts["found"], parts["expected"]) == ("4 cells", "6, as cells.json says")


def test_a_folder_without_images_is_refused(tmp_path):
    folder = tmp_path / "training"
    (folder / "0").mkdir(parents=True)
    (folder / "0" / "cell_1.tif").write_bytes(b"x")
    assert refusal(folder)["found"] == "no image of a cell"
    with pytest.raises(DataError, match="no split among 1 entries, passing over training; .*coos download"):
        open_release(tmp_path)


def test_random_damage_to_tiff_images_ends_in_a_data_error_or_in_readable_images(tiffs):
    file = tiffs / "0" / "COOSv1cell_0_protein.tif"
    whole = file.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(150):
        content = bytearray(whole)
        for at in rng.integers(0, 260, rng.integers(1, 5)):  # the header; what follows are pixels
            content[at] ^= 1 << rng.integers(8)
        file.write_bytes(content[: rng.integers(len(content))] if rng.random() < 0.2 else content)
        try:
            read(tiffs)
        except DataError as error:
            refused += 1
            assert file.name in str(error)
    assert refused > 10


# Paths


@pytest.mark.parametrize("opened", [open_split, open_release])
@pytest.mark.parametrize("name", ["nowhere", "nowhere.hdf5", "no/where", "nul\0", "x" * 300])
def test_a_path_with_nothing_there_is_refused(tmp_path, opened, name):
    with pytest.raises(DataError, match=r"found (nothing there|no way there .*); expected .*\. [A-Z].*\."):
        opened(tmp_path / name)


def test_where_nothing_is_the_advice_is_how_to_get_a_release(tmp_path):
    with pytest.raises(DataError, match="found nothing there; .*Check the path. .*coos download.*coos simulate"):
        open_release(tmp_path / "nowhere")


def test_a_file_where_a_release_belongs_is_refused_with_the_way_to_open_it(tmp_path):
    with pytest.raises(DataError, match="found a file; expected a folder .*open_split"):
        open_release(write_split(tmp_path / "train.h5"))


def test_a_folder_without_splits_is_refused_with_the_way_to_get_some(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError, match="no split among 1 entries; .*coos download.*coos simulate"):
        open_release(tmp_path)


def test_a_folder_named_like_a_file_is_read_as_a_folder(tmp_path):
    (tmp_path / FILES["train"]).mkdir()
    assert refusal(tmp_path / FILES["train"])["found"] == "no image of a cell"


def test_one_bad_split_names_itself_and_not_the_release(tmp_path):
    write_release(tmp_path)
    write_split(tmp_path / FILES["test3"], labels=None)
    with pytest.raises(DataError, match=FILES["test3"]):
        open_release(tmp_path)


def test_what_may_not_be_read_is_refused(tmp_path, tiffs):
    path = write_split(tmp_path / "train.h5")
    path.chmod(0)
    (tiffs / "0").chmod(0)
    try:
        if os.access(path, os.R_OK):
            pytest.skip("this user may read everything, whatever its permissions")
        assert "Permission denied" in refusal(path)["found"]
        assert "Permission denied" in refusal(tiffs, named="0")["found"]
    finally:
        (tiffs / "0").chmod(0o700)


def test_a_permission_that_is_denied_anywhere_is_said_in_plain_words(tmp_path, tiffs, monkeypatch):
    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    path = write_split(tmp_path / "train.h5")
    monkeypatch.setattr(h5py, "File", denied)
    assert "Permission denied" in refusal(path)["found"]
    monkeypatch.setattr("pathlib.Path.iterdir", denied)
    assert "Permission denied" in refusal(tiffs)["found"]
    monkeypatch.setattr("pathlib.Path.is_dir", denied)
    assert "Permission denied" in refusal(path)["found"]
