"""What must hold of cells before any protein: the ages of a growing culture, and round cells before they divide."""

import numpy as np
import pytest
from scipy.stats import kstest

from coos_helpers.simulate import cells as column
from coos_helpers.simulate import draw
from coos_helpers.simulate.streams import stream


def ages(cycle):
    """The share of cells up to an age where twice as many are just born as are about to divide."""
    return 2 * (1 - 2.0 ** -np.clip(cycle, 0, 1))


@pytest.fixture(scope="module")
def shapes():
    return np.array([column._shape(stream(i), 10.0, 1.5, 4.8) for i in range(6000)])


def test_cells_have_the_ages_of_an_exponentially_growing_culture(shapes):
    assert kstest(shapes[:, column.CYCLE], ages).pvalue > 0.01
    assert kstest(draw("train", 350).truth["cell_cycle"], ages).pvalue > 0.01


def test_few_cells_are_about_to_divide_and_they_are_round_and_small(shapes):
    cycle = shapes[:, column.CYCLE]
    late, before = shapes[cycle > 0.94], shapes[(cycle > 0.8) & (cycle < 0.94)]
    assert 0.03 < len(late) / len(shapes) < 0.055
    assert late[:, column.STRETCH].max() < before[:, column.STRETCH].min()
    assert late[:, column.RADIUS].max() < before[:, column.RADIUS].min()


def test_what_grows_with_age_keeps_its_mean(shapes):
    assert shapes[:, column.RADIUS].mean() == pytest.approx(9.8, abs=0.15)
    assert shapes[:, column.NUCLEUS_RADIUS].mean() == pytest.approx(4.9, abs=0.07)
    nucleus, cycle = shapes[:, column.NUCLEUS_RADIUS], shapes[:, column.CYCLE]
    young, old = (nucleus[abs(cycle - at) < 0.05].mean() for at in (0.05, 0.9))
    assert 1.1 < old / young < 1.3
