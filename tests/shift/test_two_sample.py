"""What must hold of the tests for shift: right p-values where wells differ and nothing shifted, and power where it did.

Simulations have fixed seeds and bounds of four standard errors; their long form is behind `make test-all`.
"""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from chance import near, repeats

from coos_helpers import simulate
from coos_helpers.data import Split
from coos_helpers.published import CLASS_NAMES
from coos_helpers.representations import texture
from coos_helpers.shift import Sample, classifier_test, halves, mmd_test, subsample_pca
from coos_helpers.shift.permutation import Outcome, Units

BOTH = pytest.mark.parametrize("test", [mmd_test, classifier_test])


def sample(rng, wells=6, cells=(3, 12), classes=2, d=3, effect=1.0, shift=0.0, name="a"):
    """Draw cells whose wells lie apart: `wells` of each class (or one number a class), each of `cells` cells."""
    points, labels, names = [], [], []
    for k, n_wells in enumerate(np.broadcast_to(wells, classes)):
        for well in range(n_wells):
            n = rng.integers(cells[0], cells[1] + 1)
            points.append(4 * k + shift + effect * rng.normal(size=d) + rng.normal(size=(n, d)))
            labels += [k] * n
            names += [f"{name}{well}-{k}"] * n
    return Sample(np.concatenate(points).astype("f4"), np.array(labels), np.array(names))


def cut(rng, whole, share):
    """Cut every well in two at random, with about this share of its cells in the second sample."""
    second = rng.random(len(whole.labels)) < share
    return whole.part(~second), whole.part(second)


def in_turn(whole):
    """Deal the cells of every well to two samples in turn."""
    return whole.part(slice(0, None, 2)), whole.part(slice(1, None, 2))


def moved(sample, by=0.0, times=1.0):
    return replace(sample, points=sample.points * times + by)


def joined(*samples):
    return Sample(*(np.concatenate([getattr(s, part) for s in samples]) for part in ("points", "labels", "wells")))


def without_wells(*samples):
    return [replace(s, wells=None) for s in samples]


def pair(rng, first=None, second=None, **both):
    return sample(rng, **(first or {}), **both), sample(rng, **(second or {}), **both, name="b")


def outcomes(test, draw, repeats, permutations=99):
    """Test many pairs of samples: their p-values and sizes."""
    found = []
    for seed in range(repeats):
        outcome = test(*draw(np.random.default_rng([7, seed])), permutations, seed)
        found.append((outcome.p_value, outcome.size))
    return np.array(found).T


def nothing(test, sizes):
    """Say whether sizes are on average what they are without a shift, within four standard errors."""
    return abs(sizes.mean() - (0.5 if test is classifier_test else 0)) <= 4 * sizes.std() / np.sqrt(len(sizes))


NULL = {
    "disjoint wells": lambda rng: pair(rng),
    "disjoint wells, small ones and large ones": lambda rng: pair(rng, {"cells": (3, 5)}, {"cells": (25, 35)}),
    "disjoint wells, few and many": lambda rng: pair(rng, {"wells": 4}, {"wells": 12}),
    "disjoint wells, other shares of the classes": lambda rng: pair(rng, {"wells": [3, 10]}, {"wells": [10, 3]}),
    "wells of few cells, centred": lambda rng: pair(
        rng, {"cells": (3, 3)}, {"cells": (40, 40)}, wells=4, classes=7, d=8, effect=3.0
    ),
    "halves": lambda rng: halves(sample(rng, 12), int(rng.integers(1 << 30))),
    "independent cells": lambda rng: without_wells(*pair(rng, {"wells": 3}, {"wells": 9}, effect=0)),
    "shared wells, cut in half": lambda rng: cut(rng, sample(rng, 8, (4, 30)), 0.5),
    "shared wells, a small part cut off": lambda rng: cut(rng, sample(rng, 8, (8, 30)), 0.2),
}


@BOTH
@repeats(50, 200)
@pytest.mark.parametrize("draw", NULL.values(), ids=NULL)
def test_p_values_are_uniform_and_sizes_nothing_where_nothing_shifted(test, draw, repeats):
    p_values, sizes = outcomes(test, draw, repeats)
    for level in (0.05, 0.2, 0.5):
        assert near(np.mean(p_values <= level), level, repeats)
    assert nothing(test, sizes)


SHIFTED = {
    "disjoint wells": lambda rng: pair(rng, {"cells": (8, 12)}, {"cells": (8, 12), "shift": 2.0}, wells=8),
    "small wells and large ones": lambda rng: pair(rng, {"cells": (3, 5)}, {"cells": (25, 35), "shift": 2.0}, wells=8),
    "shared wells": lambda rng: [moved(one, 1.5 * i) for i, one in enumerate(cut(rng, sample(rng, 8, (10, 30)), 0.4))],
    "spread alone": lambda rng: [
        moved(one, times=times)
        for one, times in zip(pair(rng, wells=8, cells=(12, 12), classes=1, effect=0.3), (1, 2.5), strict=True)
    ],
}


@BOTH
@pytest.mark.parametrize("draw", SHIFTED.values(), ids=SHIFTED)
def test_a_shift_gives_small_p_values(test, draw):
    p_values, sizes = outcomes(test, draw, 20)
    assert np.mean(p_values <= 0.05) > 0.9
    assert not nothing(test, sizes)


@repeats(40, 150)
def test_that_wells_of_one_sample_have_one_or_two_cells_is_no_shift(repeats):
    few, many = {"wells": 4, "cells": (1, 2)}, {"wells": 12, "cells": (12, 12)}
    p_values, sizes = outcomes(mmd_test, lambda rng: pair(rng, few, many), repeats)
    for level in (0.05, 0.2):
        assert np.mean(p_values <= level) < level + 3 * np.sqrt(level * (1 - level) / repeats)
    assert nothing(mmd_test, sizes)


@BOTH
def test_single_cells_exchanged_would_call_any_two_sets_of_wells_different(test):
    p_values, _ = outcomes(test, lambda rng: without_wells(*pair(rng, cells=(10, 20))), 25)
    assert np.mean(p_values <= 0.05) > 0.5


@BOTH
def test_the_size_grows_with_the_shift(test):
    shifts = ({"shift": by} for by in (0.0, 1.0, 2.0, 50.0))
    sizes = [np.mean(outcomes(test, lambda rng, to=to: pair(rng, {}, to), 15, 19)[1]) for to in shifts]
    assert (np.diff(sizes) > 0).all() and (test is mmd_test or sizes[-1] == 1)


@BOTH
def test_the_same_seed_gives_the_same_outcome_and_the_order_matters_little(test):
    a, b = pair(np.random.default_rng(3), {"shift": 1.5}, {}, wells=8)
    assert test(a, b, 49, seed=1) == test(a, b, 49, seed=1) != test(a, b, 49, seed=2)
    p_values = [test(*both, 999).p_value for both in ((a, b), (a.part(slice(None, None, -1)), b), (b, a))]
    assert np.ptp(p_values) < 0.08


@pytest.mark.parametrize("shared", [False, True])
def test_wells_that_teach_are_not_those_asked_about(shared, monkeypatch):
    chosen, restricted = [], Units.restricted
    monkeypatch.setattr(Units, "restricted", lambda self, some: chosen.append(some) or restricted(self, some))
    rng = np.random.default_rng(0)
    a, b = cut(rng, sample(rng, cells=(9, 9)), 0.5) if shared else pair(rng)
    classifier_test(a, b, 9)
    units = Units.of(a.labels, a.wells, b.labels, b.wells)
    wells = np.concatenate([a.wells, b.wells])
    taught, asked = (set(wells[some[units.of_cell]]) for some in chosen[-2:])
    assert taught and asked and not taught & asked


def slow_discrepancy(a, b, permutations, seed):
    """Go through all pairs of wells and cells, one by one, for the split as it is and for each exchange."""
    points, labels = np.concatenate([a.points, b.points]).astype(float), np.r_[a.labels, b.labels]
    units = Units.of(a.labels, a.wells, b.labels, b.wells)
    classes = np.intersect1d(a.labels, b.labels)
    within = [combinations(np.flatnonzero(labels == k), 2) for k in classes]
    width = np.median([np.sum((points[i] - points[j]) ** 2) for places in within for i, j in places])

    def similarity(u, v):
        cells = [np.flatnonzero(units.of_cell == unit) for unit in (u, v)]
        pairs = [(i, j) for i in cells[0] for j in cells[1] if u != v or i != j]
        return np.mean([np.exp(-np.sum((points[i] - points[j]) ** 2) / width) for i, j in pairs]) if pairs else 1.0

    mine = [np.flatnonzero(units.label == k) for k in classes]
    known = {(u, v): similarity(u, v) for some in mine for u in some for v in some}

    def discrepancy(second, k):
        sides = [np.flatnonzero((units.label == k) & (second == s)) for s in (False, True)]
        mean = {(s, t): np.mean([known[u, v] for u in sides[s] for v in sides[t]]) for s in (0, 1) for t in (0, 1)}
        return mean[0, 0] + mean[1, 1] - mean[0, 1] - mean[1, 0]

    exchanged = units.exchanged(permutations, np.random.default_rng(seed)) > 0
    statistic = [np.mean([discrepancy(second, k) for k in classes]) for second in exchanged]
    size = statistic[0] - np.mean(statistic[1:])
    return size, np.mean(np.array(statistic) >= statistic[0] - 1e-12)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["disjoint", "shared", "mixed", "cells"])
def test_the_discrepancy_is_that_of_the_direct_form(seed, kind):
    rng = np.random.default_rng([seed, 1])
    a, b = pair(rng, {"wells": [2, 3]}, {"wells": [4, 2], "shift": 0.5 * (seed % 2)}, cells=(2, 5))
    if kind in ("shared", "mixed"):
        c = sample(rng, 2, (4, 4), name="c")
        a, b = in_turn(c) if kind == "shared" else (joined(*both) for both in zip((a, b), in_turn(c), strict=True))
    if kind == "cells":
        a, b = without_wells(a, b)
    outcome = mmd_test(a, b, 30, seed)
    size, p_value = slow_discrepancy(a, b, 30, seed)
    assert outcome.size == pytest.approx(size, abs=1e-10) and outcome.p_value == pytest.approx(p_value)


@BOTH
def test_of_a_well_in_both_samples_as_many_cells_of_the_one_count_as_of_the_other(test):
    a, b = in_turn(sample(np.random.default_rng(0), cells=(8, 8)))
    more = Sample(np.full((60, 3), 99.0, "f4"), np.repeat(0, 60), np.repeat(["a0-0", "a1-0", "a2-0"], 20))
    assert test(joined(a, more), b, 49) == test(a, b, 49)
    assert test(a, joined(b, more), 49) == test(a, b, 49)


@BOTH
def test_no_p_value_is_smaller_than_the_smallest(test):
    a, b = pair(np.random.default_rng(0), {"wells": 3}, {"wells": 4, "shift": 99.0}, classes=1)
    outcome = test(a, b, 9999)
    assert outcome.p_value == pytest.approx(outcome.smallest, rel=0.4) and outcome.smallest > 1 / 10_000
    assert test(a, b, 4).smallest == pytest.approx(max(0.2, outcome.smallest))


@pytest.mark.parametrize("shared, ways", [(False, 20), (True, 8)])
def test_the_discrepancy_of_as_many_wells_on_both_sides_cannot_tell_which_side_is_which(shared, ways):
    rng = np.random.default_rng(0)
    a, b = in_turn(sample(rng, 3, (8, 8), 1)) if shared else pair(rng, wells=3, classes=1)
    outcome = mmd_test(a, moved(b, 99), 9999)
    assert outcome.p_value == pytest.approx(2 / ways, abs=0.02)
    assert outcome.smallest == pytest.approx(2 / ways)


@BOTH
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("classes", [1, 2])
@pytest.mark.parametrize("shared", [False, True])
def test_one_well_a_class_in_both_samples_is_no_basis_for_a_p_value(test, classes, shared):
    a, b = pair(np.random.default_rng(0), wells=1, cells=(8, 8), classes=classes)
    outcome = test(a, replace(b, wells=a.wells) if shared else b, 99)
    assert np.isnan(outcome.p_value) and np.isnan(outcome.smallest)


@BOTH
@pytest.mark.filterwarnings("error")
def test_a_class_that_one_sample_lacks_does_not_count(test):
    a, b = pair(np.random.default_rng(0), {"classes": 3}, {"classes": 2})
    outcome = test(a, b, 199)
    assert np.isfinite(outcome).all()
    if test is mmd_test:
        assert outcome.size == pytest.approx(test(a.part(a.labels < 2), b, 199).size)
    for known in ((a, replace(b, labels=b.labels + 3)), without_wells(a, replace(b, labels=b.labels + 3))):
        outcome = test(*known, 19)
        assert isinstance(outcome, Outcome) and np.isnan(outcome).all()


@BOTH
@pytest.mark.filterwarnings("error")
def test_one_class_one_cell_a_well_and_equal_points_bring_no_warning(test):
    rng = np.random.default_rng(0)
    for a, b in (
        pair(rng, classes=1),
        pair(rng, cells=(1, 1)),
        without_wells(*pair(rng)),
        (without_wells(sample(rng))[0], sample(rng, name="b")),
        pair(rng, {"wells": 1}, {"wells": 5}),
    ):
        outcome = test(a, b, 19)
        assert np.isnan(outcome.p_value) or 0 < outcome.p_value <= 1
    a, b = pair(rng)
    assert test(moved(a, times=0), moved(b, times=0), 19).p_value == 1


def drawn(split, cells, shift=None, days=1):
    made = simulate.draw(split, cells, 1, shift, days)
    return Split(split, None, made.images, made.labels, made.plate, made.well, CLASS_NAMES, "simulated")


@pytest.mark.parametrize("times, names", [(1, ["test3"]), pytest.param(4, ["test3", "test4"], marks=pytest.mark.slow)])
def test_simulated_cells_have_shifted_where_a_shift_was_simulated_and_nowhere_else(times, names):
    release = {"train": drawn("train", 336 * times), "test1": drawn("test1", 168 * times)}
    far = {name: drawn(name, 224 * times) for name in names}
    still = {f"{name}, still": drawn(name, 224 * times, 0, 0) for name in far}
    release |= far | still
    samples = subsample_pca({name: texture.features(part, progress=False) for name, part in release.items()}, release)
    for name in ("test1", *far, *still):
        found = [test(samples["train"], samples[name]).p_value for test in (mmd_test, classifier_test)]
        assert max(found) <= 0.01 if name in far else min(found) > 0.02


@BOTH
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_point_that_is_not_finite_is_refused_and_not_called_a_shift(test, value):
    a, b = (sample(np.random.default_rng(i), name="ab"[i]) for i in (0, 1))
    b.points[7, 1] = value
    for first, second, which in ((a, b, "second"), (b, a, "first")):
        with pytest.raises(ValueError, match=f"points of the {which} sample: found .*; expected"):
            test(first, second)


@BOTH
@pytest.mark.parametrize(
    "change, options, words",
    [
        ({}, {"permutations": 0}, "permutations: found 0; expected a whole number from 1"),
        ({}, {"permutations": 99.5}, "permutations: found 99.5"),
        ({}, {"permutations": 10**9}, "permutations: found 1000000000"),
        ({}, {"seed": -1}, "seed: found -1"),
        ({"points": np.ones((9, 2))}, {}, "points of the second sample: found an array of shape"),
        ({"points": np.ones((9, 3)), "labels": np.zeros(8, int), "wells": None}, {}, "points of the second sample"),
        ({"points": np.ones((2, 3)), "labels": np.zeros(2, int), "wells": [None, "a"]}, {}, "wells of the second"),
        ({"points": np.ones((2, 3)), "labels": np.array([0, -1]), "wells": None}, {}, "labels of the second"),
    ],
)
def test_what_cannot_be_tested_is_named(test, change, options, words):
    a, b = (sample(np.random.default_rng(i), name="ab"[i], wells=2) for i in (0, 1))
    if "points" in change:
        change = {"labels": b.labels[:9], "wells": b.wells[:9]} | change
    with pytest.raises(ValueError, match=words):
        test(a, replace(b, **change), **options)
