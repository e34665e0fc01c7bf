"""What must hold of splits in the authors' TIFF layout: read exactly, or refused in one message."""

import json
import re
import tracemalloc
from importlib.util import find_spec

import numpy as np
import pytest
import tifffile
from conftest import cells
from on_disk import damage_at_random, read, refusal, write_tiffs
from PIL import Image

from coos_helpers.published import CLASS_NAMES

#: What systems and editors leave beside images, some of it with an image's name in its own.
LITTER = ["Thumbs.db", "README.txt", "Icon\r", ".~lock.x#", ".DS_Store", "desktop.ini", "._COOSv1cell_99_protein.tif",
          "COOSv1cell_7_protein.tif.part", "COOSv1cell_7_protein.tif~", "COOSv1cell_7_protein.tif\n"]  # fmt: skip


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<u8", ">i4", "<f8", ">f4"])
def test_cells_of_any_type_are_read_in_the_order_of_numbers_and_other_things_passed_over(tmp_path, dtype):
    images = cells(3).astype(dtype[1:])
    folder = write_tiffs(tmp_path / "train", images, [6, 0, 3], first=99, byteorder=dtype[0])
    for name in (".hidden", "notes"):
        (folder / name).mkdir()
    for name in LITTER:
        (folder / "0" / name).write_bytes(b"x")
        (folder / name).symlink_to("nowhere")
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


TWINS = {
    "another suffix": ("1/COOSv1cell_4_protein.tif", "1/COOSv1cell_4_protein.tiff"),
    "zeros before": ("1/COOSv1cell_04_protein.tif", "1/COOSv1cell_4_protein.tif"),
    "capitals": ("1/COOSv1cell_4_PROTEIN.TIF", "1/COOSv1cell_4_protein.tif"),
    "another label": ("1/COOSv1cell_4_nucleus.tif", "2/COOSv1cell_4_nucleus.tif"),
    "zeros before the label": ("01/COOSv1cell_4_nucleus.tif", "1/COOSv1cell_4_nucleus.tif"),
}


def test_two_folders_of_one_label_are_refused_and_both_named(tmp_path):
    folder = write_tiffs(tmp_path / "train", cells(4), [0, 0, 1, 1])
    (folder / "1").rename(folder / "00")
    assert refusal(folder)["found"] == "both the folder 0 and the folder 00"


@pytest.mark.parametrize("one, other", TWINS.values(), ids=TWINS)
def test_two_files_for_one_cell_and_channel_are_refused_and_both_named(tiffs, one, other):
    (tiffs / "01").mkdir()
    for name in (one, other):
        tifffile.imwrite(tiffs / name, cells(1)[0, 0])
    assert f"both {one} and {other} for cell 4" in refusal(tiffs)["found"]


def test_a_cell_whose_channels_have_two_labels_is_refused(tiffs):
    (tiffs / "1" / "COOSv1cell_4_protein.tif").rename(tiffs / "2" / "COOSv1cell_4_protein.tif")
    found = refusal(tiffs)["found"]
    assert "both 1/COOSv1cell_4_nucleus.tif and 2/COOSv1cell_4_protein.tif for cell 4" in found


@pytest.mark.parametrize("name", ["3", "cells.json", "0/COOSv1cell_9_protein.tif"])
def test_a_link_that_leads_nowhere_is_refused_where_something_is_lost(tiffs, name):
    (tiffs / name).unlink(missing_ok=True)
    (tiffs / name).symlink_to("/no/such/disk")
    assert refusal(tiffs, named=(tiffs / name).name)["found"] == "a link that leads nowhere"


@pytest.mark.parametrize("label", ["ER", "-1", "1.0", "²", "1 copy", "9" * 30, "3"])
def test_a_folder_that_is_no_label_or_none_of_the_classes_is_refused(tiffs, label):
    (tiffs / "1").rename(tiffs / label)
    assert ("label 3 at cell 1" if label == "3" else f"images in a folder called {label}") in refusal(tiffs)["found"]


def pixel(value, dtype="f4"):
    """Give one channel of a cell with one pixel that is no count."""
    image = cells(1)[0, 0].astype(dtype)
    image[7, 8] = value
    return image


GREY = cells(1)[0, 0]


def pages(file, *images):
    with tifffile.TiffWriter(file) as tiff:
        for image in images:
            tiff.write(image, photometric="minisblack")


KINDS = [
    {"bigtiff": True}, {"byteorder": ">"}, {"tile": (32, 32)}, {"rowsperstrip": 5}, {"imagej": True}, {"ome": True},
    {"compression": "zlib"}, {"compression": "zlib", "predictor": True}, {"metadata": None},
]  # fmt: skip


@pytest.mark.parametrize("options", KINDS, ids=str)
@pytest.mark.parametrize("shape", [(64, 64), (1, 64, 64)])
def test_one_grey_image_is_read_however_it_is_laid_out(tiffs, options, shape):
    tifffile.imwrite(tiffs / "0" / "COOSv1cell_0_protein.tif", GREY.reshape(shape), photometric="minisblack", **options)
    np.testing.assert_array_equal(read(tiffs).images[0][0], GREY)


@pytest.mark.parametrize("packing", ["tiff_lzw", "zstd", "packbits", "tiff_adobe_deflate"])
def test_a_packed_image_is_read_or_its_packing_named(tiffs, packing):
    file = tiffs / "0" / "COOSv1cell_0_protein.tif"
    Image.fromarray(GREY).save(file, compression=packing)
    try:
        tifffile.imread(file)
    except (ValueError, ImportError):
        parts = refusal(tiffs, named=file.name)
        assert f"packed by {packing.removeprefix('tiff_').upper()} " in parts["found"]
        assert "pip install imagecodecs" in parts["remedy"] and "damaged" not in parts["remedy"]
        assert packing in ("tiff_lzw", "zstd")
    else:
        np.testing.assert_array_equal(read(tiffs).images[0][0], GREY)


@pytest.mark.parametrize("tag, value, found", [
    ("Compression", 7, "packed by JPEG "), ("Compression", 34712, "packed by JPEG2000 "),
    ("Compression", 65000, "65000"), ("Compression", 12345, "packed by 12345 "),
    ("BitsPerSample", 12, "12-bit integers"),
])  # fmt: skip
@pytest.mark.skipif(find_spec("imagecodecs") is not None, reason="which reads the images, or calls them damaged")
def test_what_needs_imagecodecs_is_not_called_damaged(tiffs, tag, value, found):
    file = tiffs / "0" / "COOSv1cell_0_protein.tif"
    with tifffile.TiffFile(file, mode="r+b") as tiff:
        tiff.pages[0].tags[tag].overwrite(value)
    parts = refusal(tiffs, named=file.name)
    assert found in parts["found"] and "imagecodecs" in parts["remedy"] and "damaged" not in parts["remedy"]


# An image that is written instead, or a function that damages the file; and words of what must be found.
BAD_IMAGES = [
    *[(np.ones((64, 64), dtype), f"type {dtype}") for dtype in ("uint8", "int16", "float16")],
    *[(np.zeros(shape, "u2"), str(shape)) for shape in ((32, 64), (2, 64, 64), (64, 64, 3))],
    (pixel(0.5), "0.5 (not a 16-bit count) in row 7, column 8"),
    (pixel(np.nan), "nan (not a number) in row 7, column 8"),
    *[(pixel(value, dtype), f"the pixel value {value} ") for value, dtype in ((-1, "i4"), (65536 + 7, "u4"))],
    *[(lambda file, n=n: file.write_bytes(file.read_bytes()[:n]), "cannot be read") for n in (-1000, 20, 4)],
    (lambda file: file.write_bytes(b""), "an empty file"),
    (lambda file: file.write_text("no image"), "a file that begins with b'no image'"),
    (lambda file: file.write_text("version https://git-lfs.github.com/spec/v1"), "a pointer of Git LFS"),
    (lambda file: (file.unlink(), file.mkdir()), "a folder"),
    (lambda file: (file.unlink(), file.symlink_to("nowhere.tif")), "a link that leads nowhere"),
    (lambda file: tifffile.imwrite(file, GREY, photometric="palette", colormap=np.zeros((3, 65536), "u2")), "PALETTE"),
    (lambda file: tifffile.imwrite(file, GREY, photometric="miniswhite"), "MINISWHITE"),
    (lambda file: tifffile.imwrite(file, GREY > 9), "of shape (64, 64) and kind MINISWHITE"),
    (
        lambda file: tifffile.imwrite(file, np.stack([GREY] * 3), photometric="rgb", planarconfig="separate"),
        "(3, 64, 64)",
    ),
    (lambda file: tifffile.imwrite(file, np.stack([GREY] * 2), imagej=True), "(2, 64, 64)"),
    (lambda file: pages(file, GREY, GREY[:32]), "2 image(s)"),
    (lambda file: pages(file, GREY, GREY.astype("f4")), "2 image(s)"),
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


def test_a_sidecar_may_begin_with_the_mark_that_windows_editors_write(tiffs):
    (tiffs / "cells.json").write_text(json.dumps({"count": 6, "well": [1, 2, 3, 4, 5, 6]}), encoding="utf-8-sig")
    assert read(tiffs).well.tolist() == list("123456")


@pytest.mark.parametrize("content", ["{", "", "\udcff", "[1, 2]", "6", "{}", "[" * 100_000], ids=lambda text: text[:6])
def test_a_sidecar_that_is_not_whole_is_refused(tiffs, content):
    (tiffs / "cells.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    assert ("a file that cannot be read" if content else "an empty file") in refusal(tiffs)["found"]


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
