"""What must hold of reading one image: the counts as they are, the channels by name, and a refusal of all else."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from coos_helpers.bring.images import channel_index, read_image, read_mask
from coos_helpers.data import DataError

RNG = np.random.default_rng(0)
BOTH = RNG.integers(0, 4096, (2, 40, 50), np.uint16)  # 12 bits in 16
NAMES = ["GFP", "DAPI"]


def pages(path, images):
    with tifffile.TiffWriter(path) as file:
        for image in images:
            file.write(image, photometric="minisblack")


@pytest.mark.parametrize("options", [
    {"photometric": "minisblack"},
    {"photometric": "minisblack", "metadata": None},
    {"photometric": "minisblack", "bigtiff": True, "compression": "zlib", "tile": (32, 32)},
    {"photometric": "minisblack", "byteorder": ">"},
    {"imagej": True, "metadata": {"axes": "CYX"}},
    {"ome": True, "metadata": {"axes": "CYX"}},
])  # fmt: skip
def test_two_channels_are_read_from_any_tiff(tmp_path, options):
    tifffile.imwrite(tmp_path / "a.tif", BOTH, **options)
    counts, names = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(counts, BOTH)
    assert counts.dtype == np.uint16 and counts.dtype.isnative and names == ("", "")


@pytest.mark.parametrize("planar", ["contig", None])
def test_channels_may_stand_last_in_samples_or_in_axes_without_a_name(tmp_path, planar):
    tifffile.imwrite(tmp_path / "a.tif", BOTH.transpose(1, 2, 0), photometric="minisblack", planarconfig=planar)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[0], BOTH)


def test_pages_that_were_written_one_by_one_are_channels_if_they_are_alike(tmp_path):
    pages(tmp_path / "a.tif", BOTH)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[0], BOTH)
    pages(tmp_path / "b.tif", [BOTH[0], BOTH[1, :20]])
    with pytest.raises(DataError, match="2 images of different kinds"):
        read_image(tmp_path / "b.tif")


def test_axes_of_one_place_are_passed_over(tmp_path):
    tifffile.imwrite(tmp_path / "a.ome.tif", BOTH[None, :, None], metadata={"axes": "TCZYX"})
    np.testing.assert_array_equal(read_image(tmp_path / "a.ome.tif")[0], BOTH)


@pytest.mark.parametrize("options", [
    {"ome": True, "metadata": {"axes": "CYX", "Channel": {"Name": NAMES}}},
    {"imagej": True, "metadata": {"axes": "CYX", "Labels": NAMES}},
])  # fmt: skip
def test_a_channel_is_found_by_number_or_by_name(tmp_path, options):
    tifffile.imwrite(path := tmp_path / "a.tif", BOTH, **options)
    names = read_image(path)[1]
    assert names == tuple(NAMES)
    assert [channel_index(path, names, wanted) for wanted in ("1", 2, "dapi", " GFP ")] == [0, 1, 1, 0]
    for wanted in ("0", "3", "RFP", ""):
        with pytest.raises(DataError, match="among 1 GFP, 2 DAPI; expected one"):
            channel_index(path, names, wanted)


def test_a_name_that_is_a_number_counts_first_and_one_of_two_channels_is_refused(tmp_path):
    assert channel_index(tmp_path, ("488", "2", "x"), "2") == 1
    with pytest.raises(DataError, match="2 channels called 'DAPI'"):
        channel_index(tmp_path, ("DAPI", "dapi"), "DAPI")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_keeps_its_bits(tmp_path, dtype):
    image = RNG.integers(0, np.iinfo(dtype).max, (30, 20), dtype)
    Image.fromarray(image).save(tmp_path / "a.png")
    counts, names = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(counts, image[None])
    assert counts.dtype == dtype and names == ("",)


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint32])
def test_wider_integers_are_counts_where_they_fit(tmp_path, dtype):
    tifffile.imwrite(tmp_path / "a.tif", BOTH[0].astype(dtype))
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[0][0], BOTH[0])
    tifffile.imwrite(tmp_path / "b.tif", BOTH[0].astype(dtype) - dtype(5000))
    with pytest.raises(DataError, match="not a 16-bit count"):
        read_image(tmp_path / "b.tif")


def imagej_stack(path):
    tifffile.imwrite(path, BOTH, imagej=True, metadata={"axes": "ZYX"})


@pytest.mark.parametrize("write, words", [
    (lambda p: tifffile.imwrite(p, BOTH.astype(np.float32)), "type float32.*raw counts"),
    (lambda p: tifffile.imwrite(p, np.stack([BOTH] * 3), ome=True, metadata={"axes": "ZCYX"}), "3 planes of a stack"),
    (lambda p: tifffile.imwrite(p, np.stack([BOTH] * 3), ome=True, metadata={"axes": "TCYX"}), "3 moments of a movie"),
    (imagej_stack, "Stack to Hyperstack"),
    (lambda p: tifffile.imwrite(p, np.zeros((9, 9, 3), np.uint8), photometric="rgb"), r"in colours \(RGB\).*grey"),
    (lambda p: tifffile.imwrite(p, BOTH[0], photometric="miniswhite"), "MINISWHITE"),
    (lambda p: Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(p, "PNG"), r"in colours \(RGB\).*grey"),
    (lambda p: Image.fromarray(BOTH[0] > 9).save(p, "PNG"), "in colours"),
    (lambda p: Image.fromarray(np.zeros((9, 9), np.uint8)).save(p, "JPEG"), "JPEG.*lost"),
    (lambda p: p.write_bytes(b""), "an empty file"),
    (lambda p: p.write_bytes(b"<!doctype html>"), "a page of the web"),
    (lambda p: p.mkdir(), "a folder"),
    (lambda p: None, "nothing there"),
])  # fmt: skip
def test_what_holds_no_counts_is_refused_by_name_with_what_to_do(tmp_path, write, words):
    write(path := tmp_path / "a.tif")
    with pytest.raises(DataError, match=f"(?s)a.tif: found .*{words}") as refused:
        read_image(path)
    assert refused.value.args[3]


@pytest.mark.parametrize("kind", ["tif", "png"])
@pytest.mark.parametrize("share", [0.3, 0.95])
def test_a_file_that_is_cut_short_is_damaged(tmp_path, kind, share):
    path = tmp_path / f"a.{kind}"
    tifffile.imwrite(path, BOTH[0]) if kind == "tif" else Image.fromarray(BOTH[0]).save(path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(DataError, match="damaged or cut short"):
        read_image(path)


@pytest.mark.parametrize("dtype, kind", [(np.uint8, "png"), (np.uint16, "png"), (np.uint16, "tif"), (np.int32, "tif")])
def test_a_mask_is_read_as_other_programs_write_it(tmp_path, dtype, kind):
    mask = np.arange(1200).reshape(30, 40).clip(0, 250).astype(dtype)
    path = tmp_path / f"a_cp_masks.{kind}"
    tifffile.imwrite(path, mask) if kind == "tif" else Image.fromarray(mask).save(path)
    np.testing.assert_array_equal(read_mask(path), mask)


@pytest.mark.parametrize("mask, words", [
    (BOTH, "2 channel"),
    (BOTH[0].astype(np.float32), "type float32"),
    (BOTH[0].astype(np.int32) - 9, "numbers from -9"),
    (np.kron(np.eye(3, 4), np.pad(np.full((4, 4), 255), 2)).astype(np.uint8), "the one number 255 in 3 places: foregr"),
])  # fmt: skip
def test_a_picture_of_a_mask_is_none(tmp_path, mask, words):
    tifffile.imwrite(tmp_path / "a.tif", mask, photometric="minisblack")
    with pytest.raises(DataError, match=words):
        read_mask(tmp_path / "a.tif")
