"""What must hold of the camera: electrons follow the Poisson law."""

import numpy as np
import pytest

from coos_helpers.simulate import camera


@pytest.mark.parametrize("mean", [0.5, 4.0, 30.0, 59.0, 300.0])
def test_electrons_have_the_poisson_laws_mean_and_variance(mean):
    z = np.random.default_rng(0).standard_normal(20000)
    electrons = np.array([camera.electrons_of(mean, x) for x in z])
    assert electrons.mean() == pytest.approx(mean, rel=0.03)
    assert electrons.var() == pytest.approx(mean, rel=0.06)
