"""What must hold of splits in the authors' TIFF layout: read exactly, or refused in one message."""

import json
import re
import tracemalloc

import numpy as np
import pytest
import tifffile
from conftest import cells
from on_disk import damage_at_random, read, refusal, write_tiffs

from coos_helpers.published import CLASS_NAMES


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<u8", ">i4", "<f8", ">f4"])
def test_cells_of_any_type_are_read_in_the_order_of_numbers_and_other_things_passed_over(tmp_path, dtype):
    images = cells(3).astype(dtype[1:])
    folder = write_tiffs(tmp_path / "train", images, [6, 0, 3], first=99, byteorder=dtype[0])
    for name in (".hidden", "notes"):
        (folder / name).mkdir()
    for name in ("0/Thumbs.db", "README.txt"):
        (folder / name).write_bytes(b"x")
    split = read(folder)
    assert (split.name, split.class_names, split.plate, split.well_ids) == ("train", CLASS_NAMES, None, None)
    assert split.labels.tolist() == [6, 0, 3] and split.images[:].dtype.isnative
    np.testing.assert_array_equal(split.images[:], images)


@pytest.fixture
def tiffs(tmp_path):
    """Write six cells in the authors' layout, with `cells.json`."""
    folder = write_tiffs(tmp_path / "test1", cells(6), np.arange(6) % 3)
    (folder / "cells.json").write_text(json.dumps({"count": 6, "class_names": ["a", "b", "c"], "source": "made up"}))
    read(folder)
    return folder


@pytest.mark.parametrize("channel", ["protein", "nucleus"])
def test_a_cell_without_its_other_channel_is_refused(tiffs, channel):
    (tiffs / "1" / f"COOSv1cell_4_{channel}.tif").unlink()
    assert f"cell 4 without its {channel} image" in refusal(tiffs)["found"]


@pytest.mark.parametrize("label", ["ER", "-1", "1.0", "²", "1 copy", "9" * 30, "3"])
def test_a_folder_that_is_no_label_or_none_of_the_classes_is_refused(tiffs, label):
    (tiffs / "1").rename(tiffs / label)
    assert ("label 3 at cell 1" if label == "3" else f"images in a folder called {label}") in refusal(tiffs)["found"]


def pixel(value, dtype="f4"):
    """Give one channel of a cell with one pixel that is no count."""
    image = cells(1)[0, 0].astype(dtype)
    image[7, 8] = value
    return image


# An image that is written instead, or a function that damages the file; and words of what must be found.
BAD_IMAGES = [
    *[(np.ones((64, 64), dtype), f"type {dtype}") for dtype in ("uint8", "int16", "float16")],
    *[(np.zeros(shape, "u2"), str(shape)) for shape in ((32, 64), (2, 64, 64), (64, 64, 3))],
    (pixel(0.5), "0.5 (not a 16-bit count) in row 7, column 8"),
    (pixel(np.nan), "nan (not a number) in row 7, column 8"),
    *[(pixel(value, dtype), f"the pixel value {value} ") for value, dtype in ((-1, "i4"), (65536 + 7, "u4"))],
    *[(lambda file, n=n: file.write_bytes(file.read_bytes()[:n]), "cannot be read") for n in (-1000, 20, 0)],
    (lambda file: file.write_text("no image"), "cannot be read"),
    (lambda file: (file.unlink(), file.mkdir()), "cannot be read"),
    (lambda file: (file.unlink(), file.symlink_to("nowhere.tif")), "cannot be read"),
]


@pytest.mark.parametrize("cell", [0, 5])
@pytest.mark.parametrize("image, found", BAD_IMAGES)
def test_a_wrong_or_damaged_image_is_refused(tiffs, cell, image, found):
    file = tiffs / str(cell % 3) / f"COOSv1cell_{cell}_nucleus.tif"
    if callable(image):
        image(file)
    else:
        tifffile.imwrite(file, image, photometric="rgb" if image.shape[-1] == 3 else "minisblack")
    assert found in refusal(tiffs, named=file.name)["found"]


@pytest.mark.parametrize("size", [(16, 16), (1 << 15, 1 << 15), (64, 1 << 31)], ids=str)
def test_a_damaged_size_takes_no_memory_and_is_refused(tiffs, size):
    file = tiffs / "0" / "COOSv1cell_0_protein.tif"
    with tifffile.TiffFile(file, mode="r+") as image:
        for name, length in zip(("ImageLength", "ImageWidth"), size, strict=True):
            image.pages[0].tags[name].overwrite(length, dtype="I")
    tracemalloc.start()
    found, most = refusal(tiffs, named=file.name)["found"], tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(size) in found and most < 50e6


@pytest.mark.parametrize("content", ["{", "", "\udcff", "[1, 2]", "6", "{}", "[" * 100_000], ids=lambda text: text[:6])
def test_a_sidecar_that_is_not_whole_is_refused(tiffs, content):
    (tiffs / "cells.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    assert "a file that cannot be read" in refusal(tiffs)["found"]


BAD_KEYS = [
    ({"count": 7}, "6 cells"),
    *[({"class_names": names}, "class_names") for names in (3, "abc", [0, 1, 2], [], ["a", "b", "a"])],
    ({"class_names": ["a", "b"]}, "label 2 at cell 2"),
    ({"plate": ["p"]}, r"`plate` of shape \(1,\) beside 6 cells"),
    ({"well": ["a", "b", "", "c", "d", "e"]}, "the well '' at cell 2"),
    *[({key: value}, rf"`{key}` of shape \(\)") for key, value in (("plate", {"a": 1}), ("well", "A01"))],
    *[({"well": wells}, "`well` of type object") for wells in ([["a"], ["b", "c"], 1, 2, 3, 4], ["a", None] * 3)],
]


@pytest.mark.parametrize("keys, found", BAD_KEYS, ids=str)
def test_a_sidecar_with_wrong_values_is_refused(tiffs, keys, found):
    (tiffs / "cells.json").write_text(json.dumps({"count": 6, **keys}))
    assert re.search(found, refusal(tiffs)["found"])


def test_random_damage_ends_in_a_data_error_or_in_readable_images(tiffs):
    damage_at_random(tiffs / "0" / "COOSv1cell_0_protein.tif", np.arange(260), seed=0, split=tiffs)  # the header
