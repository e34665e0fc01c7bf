"""What must hold of the rescalings: their range, and what they make invisible."""

import numpy as np
import pytest
from conftest import cells

from coos_helpers.representations import rescale

RESCALINGS = [rescale.min_max, rescale.percentile]
DTYPES = ["u1", "u2", ">u2", "i4", "f4", "f8"]


@pytest.mark.parametrize("rescaled", RESCALINGS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_range_is_zero_to_one_and_reached_but_by_a_constant_image_which_becomes_zero(rescaled, dtype):
    images = (cells(4) >> 8).astype(dtype)
    images[1] = 200
    before = images.copy()
    unit = rescaled(images)
    assert unit.dtype == np.float32 and unit.shape == images.shape
    assert (unit.min((-2, -1)) == 0).all() and (unit.max((-2, -1)) == [[1], [0], [1], [1]]).all()
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize("rescaled", RESCALINGS)
@pytest.mark.parametrize("shape", [(64, 64), (5, 64, 64), (5, 2, 64, 64), (3, 20, 31), (2, 1, 1)])
def test_each_image_is_rescaled_alone(rescaled, shape):
    images = np.random.default_rng(0).integers(0, 65536, shape, np.uint16)
    unit = rescaled(images)
    assert unit.shape == shape
    for index in np.ndindex(shape[:-2]):
        np.testing.assert_array_equal(unit[index], rescaled(images[index]))


@pytest.mark.parametrize("bounds", [(1, 99), (0.1, 99.9), (0, 100)])
def test_percentile_is_numpys_and_clips_what_lies_outside(bounds):
    images = np.random.default_rng(0).normal(1000, 50, (3, 64, 64)).astype("u2")
    images[:, 0, 0], images[:, 1, 1] = 0, 65535
    low, high = np.percentile(images.astype(float), bounds, axis=(1, 2), keepdims=True)
    expected = np.clip((images - low) / (high - low), 0, 1)
    np.testing.assert_allclose(rescale.percentile(images, *bounds), expected, atol=1e-6)
    if bounds == (0, 100):
        np.testing.assert_allclose(rescale.min_max(images), expected, rtol=1e-6, atol=1e-7)


def test_a_hot_pixel_sets_the_scale_of_min_max_and_not_of_percentile():
    images = cells(1)[:, 0] >> 6  # up to 1023
    hot = images.copy()
    hot[0, 30, 30] = 65535
    assert np.median(rescale.min_max(images)) > 0.4 and np.median(rescale.min_max(hot)) < 0.01
    assert abs(np.median(rescale.percentile(images)) - np.median(rescale.percentile(hot))) < 0.01


def test_an_image_whose_percentiles_agree_keeps_only_what_is_clipped():
    image = np.full((64, 64), 100, np.uint16)
    image[3, 3], image[4, 4] = 60000, 0
    unit = rescale.percentile(image)
    assert unit[3, 3] == 1 and unit.sum() == 1


@pytest.mark.parametrize("rescaled", RESCALINGS)
@pytest.mark.parametrize("gain, offset", [(2, 0), (1, 1000), (4, 37), (2.0**-50, 0)])
def test_gain_and_offset_leave_no_trace(rescaled, gain, offset):
    images = (cells(4) >> 3).astype(np.float64) * 2
    np.testing.assert_allclose(rescaled(images * gain + offset), rescaled(images), atol=2e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_8_bit_levels_are_the_nearest(dtype):
    levels = np.arange(256)
    unit = (levels / 255).astype(dtype)
    assert rescale.to_8bit(unit).dtype == np.uint8
    np.testing.assert_array_equal(rescale.to_8bit(unit), levels)
    np.testing.assert_array_equal(rescale.to_8bit(unit[:-1] + 0.49 / 255), levels[:-1])
    np.testing.assert_array_equal(rescale.to_8bit(unit[:-1] + 0.51 / 255), levels[1:])


@pytest.mark.parametrize("rescaled", RESCALINGS)
def test_of_no_images_there_are_none(rescaled):
    """As of the errors of a classifier that makes none."""
    assert rescaled(np.empty((0, 64, 64), "u2")).shape == (0, 64, 64)


@pytest.mark.parametrize("rescaled", RESCALINGS)
@pytest.mark.parametrize(
    "images",
    [np.ones(9), np.full((4, 4), np.nan), np.full((4, 4), np.inf), np.full((4, 4), 1e39), np.ones((4, 4)) * 1j]
    + [np.ones((0, 4)), np.ones((2, 4, 0)), [["a"]], [[1, 2], [3]], None]
)  # fmt: skip
def test_what_is_no_image_of_finite_numbers_is_refused(rescaled, images):
    with pytest.raises(ValueError, match="images: found .*; expected"):
        rescaled(images)


@pytest.mark.parametrize("low, high", [(99, 1), (-1, 99), (1, 101), (np.nan, 99), (1, None), ("1", 99), (True, 99)])
def test_what_is_no_percentile_is_refused(low, high):
    with pytest.raises(ValueError, match="(low|high): found .*; expected a number from 0"):
        rescale.percentile(cells(1), low, high)


@pytest.mark.parametrize("unit", [np.array([0, 255]), np.array([0.5, np.nan]), np.array([-0.1, 1]), "grey"])
def test_what_lies_outside_0_to_1_has_no_grey_level(unit):
    with pytest.raises(ValueError, match="unit: found .*; expected .* numbers from"):
        rescale.to_8bit(unit)
