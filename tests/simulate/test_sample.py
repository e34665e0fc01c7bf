"""What must hold of cells drawn into memory: spread evenly, and the same cells under whatever shift."""

import numpy as np
import pytest

from coos_helpers.simulate import draw, sample, specimens
from coos_helpers.simulate.conditions import conditions
from coos_helpers.simulate.layout import layout


@pytest.mark.parametrize("cells", [1, 7, 60, 112, 250])
def test_drawn_cells_are_spread_evenly(cells, monkeypatch):
    def nothing(seed, under, well, first, n):
        truth = np.empty((n, len(sample.NAMES) + len(sample.PLACE)))
        return np.empty((n, 2, 64, 64), np.uint16), np.full(n, well.label), truth

    monkeypatch.setattr(sample, "draw_batch", nothing)
    drawn = draw("test3", cells)
    per_class = np.bincount(drawn.labels, minlength=7)
    assert per_class.sum() == cells and np.ptp(per_class) <= 1
    for label in range(7):
        mine = drawn.well_ids[drawn.labels == label]
        assert len(set(mine)) == min(len(mine), 16)
        assert len(mine) < 2 or np.ptp(np.unique([w.split("/")[0] for w in mine], return_counts=True)[1]) <= 1
        assert len(mine) < 2 or len({w.split("/")[0] for w in mine}) == 2


def test_a_shift_of_one_factor_moves_that_factor_and_no_random_number():
    usual, moved = draw("test4", 14), draw("test4", 14, shift={"psf": 3})
    assert [k for k in usual.truth if not np.array_equal(usual.truth[k], moved.truth[k])] == ["psf"]
    assert not np.array_equal(usual.images, moved.images)
    # The same cells in the same noise: pixel by pixel the pairs agree far better than strangers do.
    a, b = (d.images[:, 1].reshape(14, -1).astype(float) for d in (usual, moved))
    assert np.median([np.corrcoef(x, y)[0, 1] for x, y in zip(a, b, strict=True)]) > 0.95


@pytest.fixture(scope="module")
def usual():
    return draw("test3", 7)


@pytest.mark.parametrize("factor", ["organelle_number", "diffuse", "crowding", "mesh", "chromatin", "expression"])
def test_a_biological_shift_redraws_only_what_it_is_about(usual, factor):
    """Nuclei and neighbours stay; what is added, as further organelles or neighbours, scrambles nothing else."""
    moved = draw("test3", 7, shift={factor: 0.5})
    a, b = (d.images[:, 0].reshape(7, -1).astype(float) for d in (usual, moved))
    assert np.median([np.corrcoef(x, y)[0, 1] for x, y in zip(a, b, strict=True)]) > 0.7
    if factor not in ("crowding", "chromatin"):
        assert np.abs(usual.images[:, 1] - moved.images[:, 1].astype(float)).max() < 60  # cross-talk goes one way


def test_another_seed_gives_other_cells_and_the_same_seed_the_same():
    well = layout(0.01, 0)["test4"][0]
    first, again, other = (sample.draw_batch(seed, conditions(), well, 0, 2)[0] for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_cells_and_nuclei_are_drawn_without_knowing_the_class():
    well = layout(0.01, 0)["training"][0]
    drawn = [sample.draw_batch(0, conditions(), well._replace(label=label), 0, 1) for label in range(7)]
    for pictures, _, truth in drawn[1:]:
        assert np.array_equal(truth[:, :-1], drawn[0][2][:, :-1])  # the last column is the class
        assert np.array_equal(pictures[0, 1], drawn[0][0][0, 1])


@pytest.mark.parametrize(
    "arguments, found",
    [
        (("test9", 7), "split 'test9'"),
        (("train", 0), "cells: found 0;"),
        (("train", 7.5), "cells: found 7.5;"),
        (("test1", 20000), "20000 cells"),
        (("train", 7, -1), "seed: found -1"),
        (("train", 7, 2**63), "seed: found 9223372036854775808; expected a whole number from 0 to 9223372036854775807"),
        (("train", 7, 1.5), "seed: found 1.5"),
        (("train", 10**30), "cells: found 1000000"),
        (("train", True), "cells: found True"),
        ((None, 7), "split None"),
        (("train", 7, 0, float("nan")), "shift of cell_radius: found nan"),
        (("train", 7, 0, {"fokus": 1}), "shift names 'fokus'"),
    ],
)
def test_what_cannot_be_drawn_is_named(arguments, found):
    for function in (draw, specimens):
        with pytest.raises(ValueError, match=found):
            function(*arguments)
