"""What must hold of finding nuclei: each once and where it is, none where there is none, and blur seen as blur."""

import math

import numpy as np
import pytest
from scipy import ndimage

from coos_helpers.bring import segment as module
from coos_helpers.bring.cut import BLURRED
from coos_helpers.bring.segment import Options, blur, centres, segment

Y, X = np.mgrid[:200, :240]


def disc(x, y, radius, height=400.0, stretch=1.0):
    """Light of a nucleus in focus, an ellipse `stretch` times as long as wide."""
    far = np.hypot((X - x) / stretch, (Y - y) * stretch) if stretch != 1 else np.hypot(X - x, Y - y)
    return height / (1 + np.exp((far - radius) / 0.5))


def field(*discs, level=100.0, seed=0):
    """Take a picture of discs on a level background, with the noise of photons."""
    return np.random.default_rng(seed).poisson(level + sum(discs)).astype(np.uint16)


def found(image, **options):
    return centres(segment(image, Options(**options)))


def test_nuclei_are_found_once_where_they_are_dim_or_bright_small_or_large():
    truth = [(40, 40, 8), (120.5, 50.5, 12), (200, 45, 15), (50, 140, 6), (150, 140, 25)]
    image = field(*(disc(*one, height=h) for one, h in zip(truth, (200, 400, 900, 600, 300), strict=True)))
    np.testing.assert_allclose(sorted(map(tuple, found(image))), sorted(one[:2] for one in truth), atol=0.5)


def test_centres_go_from_top_to_bottom_and_x_is_the_column():
    labels = np.zeros((20, 30), int)
    labels[12:15, 3:8], labels[2:5, 20:24] = 1, 7
    np.testing.assert_array_equal(centres(labels), [(21.5, 3), (5, 13)])
    assert centres(np.zeros((5, 5), int)).shape == (0, 2)


@pytest.mark.parametrize("apart", [22, 24, 28])
def test_touching_nuclei_are_parted(apart):
    got = found(field(disc(100, 100, 12), disc(100 + apart, 100, 12)))
    np.testing.assert_allclose(sorted(map(tuple, got)), [(100, 100), (100 + apart, 100)], atol=2)


@pytest.mark.parametrize("seed", range(3))
def test_a_long_nucleus_is_one(seed):
    assert len(found(field(disc(120, 100, 12, stretch=1.4), seed=seed))) == 1


def test_a_dark_nucleolus_is_filled():
    labels = segment(field(disc(100, 100, 15), -disc(103, 98, 3)))
    assert labels[98, 103] == labels[100, 90] == 1


@pytest.mark.parametrize("x, y", [(0, 100), (239, 100), (120, 0), (0, 0)])
def test_a_nucleus_at_the_border_is_found_there(x, y):
    (got,) = found(field(disc(x, y, 12)))
    assert np.hypot(*(got - (x, y))) < 9


@pytest.mark.parametrize("image", [
    field(np.zeros_like(X, float)),
    field(60 - 0.002 * ((X - 120) ** 2 + (Y - 100) ** 2), level=200),  # an uneven lamp
    field(np.zeros_like(X, float), level=0.2),
    np.full((90, 90), 7),
    np.zeros((90, 90), np.uint8),
])  # fmt: skip
@pytest.mark.parametrize("threshold", ["otsu", "local"])
def test_an_empty_field_has_no_nucleus(image, threshold):
    assert not segment(image, Options(threshold=threshold)).any()


def test_a_local_threshold_finds_on_an_uneven_background_what_one_for_all_does_not():
    slope = 4.0 * X
    truth = [(x, y) for x in (40, 120, 200) for y in (50, 150)]
    image = field(*(disc(x, y, 10, height=500) for x, y in truth), slope)
    got = found(image, threshold="local")
    assert sorted(map(tuple, got.round(-1))) == [(40, 50), (40, 150), (120, 50), (120, 150), (200, 50), (200, 150)]
    assert len(found(image)) < 6


def test_limits_are_diameters_in_pixels_or_in_um():
    image = field(disc(40, 100, 6), disc(100, 100, 10), disc(180, 100, 20))
    assert len(found(image)) == 3
    assert [round(x) for x, _ in found(image, smallest=15, largest=30)] == [100]
    assert [round(x) for x, _ in found(image, smallest=5, largest=10, pixel_size=1 / 3)] == [100]


@pytest.mark.parametrize("options, words", [
    ({"smallest": 20, "largest": 10}, "20 to 10 pixels"),
    ({"smallest": 1}, "1 to 60 pixels; expected at least 2"),
    ({"smallest": math.nan}, "smallest: found nan"),
    ({"smooth": -1}, "smooth: found -1"),
    ({"pixel_size": 0}, "pixel_size: found 0"),
    ({"pixel_size": 0.3}, "a pixel size without both limits"),
    ({"pixel_size": 0.3, "largest": 20}, "a pixel size without both limits"),
    ({"threshold": "li"}, "'li'; expected otsu or local"),
])  # fmt: skip
def test_an_option_that_cannot_be_meant_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        Options(**options).limits()


def test_depth_is_the_distance_to_the_background_wherever_the_parts_lie():
    mask = ndimage.gaussian_filter(np.random.default_rng(0).random((150, 170)), 2) > 0.5
    assert mask[0].any() and mask[:, -1].any()
    np.testing.assert_allclose(module._depth(mask, 0), ndimage.distance_transform_edt(mask), rtol=1e-6)


@pytest.mark.parametrize("gain, offset", [(1, 0), (20, 0), (1, 500)])
@pytest.mark.parametrize("scale", [8, 16])
def test_blur_is_a_ratio_of_lengths_whatever_light_and_size(gain, offset, scale):
    """A Gaussian blob, without any shape, has about 1; the sharp disc far less."""
    sharp = disc(120, 100, scale)
    blob = 400 * np.exp(-((X - 120) ** 2 + (Y - 100) ** 2) / (2 * (scale / 1.18) ** 2))
    values = [blur(gain * light + offset, np.hypot(X - 120, Y - 100) < scale) for light in (sharp, blob)]
    assert values[0] < 0.5 and values[1] == pytest.approx(1.03, abs=0.1)
    assert math.isnan(blur(sharp, np.zeros(X.shape, int)))


def test_the_more_a_field_is_out_of_focus_the_more_blurred_it_is():
    light = 100 + disc(60, 60, 10) + disc(160, 120, 12)
    pictures = [ndimage.gaussian_filter(light, sigma) for sigma in (0, 1, 3, 9)]
    values = [blur(picture, segment(picture)) for picture in pictures]
    assert values == sorted(values) and values[1] < 0.5 < BLURRED < values[-1]
