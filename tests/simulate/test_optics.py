"""What must hold of the light on the camera: it comes from the scene and from nowhere else."""

import numpy as np
import pytest

from coos_helpers.simulate.grid import SIZE
from coos_helpers.simulate.optics import PHOTONS, expose


@pytest.mark.parametrize("pixel, shift", [(0.323, 0.0), (0.323, 9.0), (0.6, -3.0), (0.9, 0.0)])
def test_beyond_the_scene_its_edge_goes_on(pixel, shift):
    light = np.full((SIZE, SIZE), 2.0, np.float32)
    photons = expose(light, pixel, shift, -shift, 1.0, 5.0, 0.0, 0.0, 0.0)
    np.testing.assert_allclose(photons, 2 * PHOTONS * (pixel / 0.323) ** 2 + 5, rtol=1e-5)
