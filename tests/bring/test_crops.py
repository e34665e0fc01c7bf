"""What must hold of crops: the middle is kept to the pixel, what is added is ground, channels are those asked for."""

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from coos_helpers.bring.crops import fit, read_channels
from coos_helpers.data import DataError


def image(*shape, dtype=np.uint16, seed=0):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 150), st.integers(1, 150), st.integers(1, 2))
def test_the_middle_stays_and_what_is_added_is_the_median_of_the_border(rows, columns, channels):
    crop = image(channels, rows, columns)
    fitted = fit(crop)
    assert fitted.shape == (channels, 64, 64) and fitted.dtype == crop.dtype
    spans = [(max(0, (64 - n) // 2), min(n, 64), max(0, n - 64) // 2) for n in (rows, columns)]
    (top, height, up), (left, width, over) = spans
    kept = crop[:, up : up + height, over : over + width]
    np.testing.assert_array_equal(fitted[:, top : top + height, left : left + width], kept)
    outside = np.ones((64, 64), bool)
    outside[top : top + height, left : left + width] = False
    for whole, part in zip(fitted, kept, strict=True):
        border = np.concatenate(
            [part[0], part[-1], part[1:-1, 0], part[1:-1, -1]] if min(part.shape) > 1 else [part.ravel()]
        )
        assert set(whole[outside].tolist()) <= {int(np.median(border))}
        assert (whole.min(), whole.max()) == (part.min(), part.max())


def test_a_masked_cell_is_padded_with_zero_and_one_of_its_size_is_untouched():
    masked = np.zeros((1, 40, 40), np.uint16)
    masked[0, 10:30, 10:30] = 500
    assert fit(masked).sum() == masked.sum() and fit(masked)[0, 22:42, 22:42].min() == 500
    np.testing.assert_array_equal(fit(whole := image(2, 64, 64)), whole)


@pytest.fixture
def files(tmp_path):
    """Write images of one, two and three channels, with names and without."""
    made = {}
    for n in (1, 2, 3):
        tifffile.imwrite(made.setdefault(n, tmp_path / f"{n}.tif"), image(n, 9, 9), photometric="minisblack")
    names = {"Channel": {"Name": ["BF", "GFP", "DAPI"]}, "axes": "CYX"}
    tifffile.imwrite(made.setdefault("named", tmp_path / "x.ome.tif"), image(3, 9, 9), metadata=names)
    Image.fromarray(image(9, 9)).save(made.setdefault("protein", tmp_path / "p.png"))
    Image.fromarray(image(9, 9, seed=1)).save(made.setdefault("nucleus", tmp_path / "n.png"))
    Image.fromarray(image(9, 8, seed=1)).save(made.setdefault("narrow", tmp_path / "w.png"))
    Image.fromarray(image(9, 9, seed=1, dtype=np.uint8)).save(made.setdefault("8 bit", tmp_path / "8.png"))
    return made


@pytest.mark.parametrize("names, wanted, channels", [
    (["1"], (None, None), [0]),
    (["1"], ("1", None), [0]),
    (["2"], (None, None), [0, 1]),
    (["2"], ("2", "1"), [1, 0]),
    (["3"], ("3", "1"), [2, 0]),
    (["named"], ("gfp", "DAPI"), [1, 2]),
])  # fmt: skip
def test_channels_are_chosen_by_number_or_name(files, names, wanted, channels):
    n = 3 if names == ["named"] else int(names[0])
    paths = [files[n if names != ["named"] else "named"]]
    np.testing.assert_array_equal(read_channels(paths, wanted), image(n, 9, 9)[channels])


def test_two_files_are_protein_and_nucleus(files):
    found = read_channels([files["protein"], files["nucleus"]], (None, None))
    np.testing.assert_array_equal(found, [image(9, 9), image(9, 9, seed=1)])
    for other in (3, "named"):
        found = read_channels([files["named"], files[other]], ("GFP", "1"))
        np.testing.assert_array_equal(found, image(3, 9, 9)[[1, 0]])


@pytest.mark.parametrize("names, wanted, words", [
    ([3], (None, None), "3 channels .1, 2, 3.; expected to know protein and nucleus. Say which"),
    (["named"], ("GFP", None), "3 channels .1 BF, 2 GFP, 3 DAPI."),
    ([2], ("1", None), "2 channels"),
    ([1], (None, "1"), "1 channels"),
    ([1], ("1", "2"), "no channel '2'"),
    ([2], ("1", "1"), "channel 1 as protein and as nucleus"),
    (["named"], ("GFP", "mCherry"), "no channel 'mCherry'"),
    ([3, "nucleus"], (None, None), "3 channels; expected one"),
    (["protein", "protein"], (None, None), "channel 1 as protein and as nucleus"),
    (["named", "named"], ("GFP", "2"), "channel 2 as protein and as nucleus"),
    (["protein", "narrow"], (None, None), "9 x 9 pixels of 16 bits and 9 x 8 pixels of 16 bits"),
    (["protein", "8 bit"], (None, None), "and 9 x 9 pixels of 8 bits as protein and nucleus"),
])  # fmt: skip
def test_a_channel_is_never_guessed(files, names, wanted, words):
    with pytest.raises(DataError, match=words):
        read_channels([files[name] for name in names], wanted)
