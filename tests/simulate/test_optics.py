"""What must hold of the light on the camera: it comes from the scene and from nowhere else."""

import numpy as np
import pytest

from coos_helpers.simulate.factors import INDEX, centre_values, shift_sizes
from coos_helpers.simulate.grid import SIZE
from coos_helpers.simulate.optics import PHOTONS, expose


@pytest.mark.parametrize("pixel, shift", [(0.323, 0.0), (0.323, 9.0), (0.6, -3.0), (0.9, 0.0)])
def test_beyond_the_scene_its_edge_goes_on(pixel, shift):
    light = np.full((SIZE, SIZE), 2.0, np.float32)
    photons = expose(light, pixel, shift, -shift, 1.0, 5.0, 0.0, 0.0, 0.0)
    np.testing.assert_allclose(photons, (2 * PHOTONS + 5) * (pixel / 0.323) ** 2, rtol=1e-5)


def test_background_is_collected_as_the_signal_is_by_longer_exposure_and_larger_pixels():
    dark = np.zeros((SIZE, SIZE), np.float32)
    settings = ((0.2, 1.0), (0.2, 3.0), (0.4, 1.0))
    usual, longer, larger = (expose(dark, pixel, 0.0, 0.0, time, 14.0, 0.2, 0.5, 0.5) for pixel, time in settings)
    np.testing.assert_allclose(longer, 3 * usual, rtol=1e-5)
    np.testing.assert_allclose(larger, 4 * usual, rtol=1e-5)


def test_light_falls_off_to_the_corner_and_is_never_negative_at_any_size_of_a_shift():
    even = np.ones((SIZE, SIZE), np.float32)
    middle, corner = (expose(even, 0.323, 0.0, 0.0, 1.0, 0.0, 0.18, at, at)[31:33, 31:33].mean() for at in (0.0, 1.0))
    assert middle / corner == pytest.approx(1.18, rel=1e-3)
    for size in (-2, 0, 1, 8, 16):
        falloff = centre_values("test4", shift_sizes(size))[INDEX["falloff"]]
        assert (expose(even, 0.323, 0.0, 0.0, 1.0, 0.0, falloff, 1.0, -1.0) > 0).all()
