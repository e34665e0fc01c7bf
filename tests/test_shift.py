"""What must hold of the tests for shift: right p-values where wells differ and nothing shifted, and power where it did.

Simulations have fixed seeds and bounds of four standard errors.
"""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import fisher_exact, permutation_test
from sklearn.decomposition import PCA
from sklearn.metrics import confusion_matrix
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from coos_helpers import simulate, texture
from coos_helpers.data import Split, open_release
from coos_helpers.exchange import Outcome, Units
from coos_helpers.predictions import Predictions
from coos_helpers.shift import Sample, classifier_test, difference_test, halves, mmd_test, sketch

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
    return tuple(Sample(whole.points[part], whole.labels[part], whole.wells[part]) for part in (~second, second))


def in_turn(whole):
    """Deal the cells of every well to two samples in turn."""
    return tuple(Sample(whole.points[i::2], whole.labels[i::2], whole.wells[i::2]) for i in (0, 1))


def joined(*samples):
    return Sample(*(np.concatenate([getattr(s, part) for s in samples]) for part in ("points", "labels", "wells")))


def without_wells(*samples):
    return [Sample(s.points, s.labels, None) for s in samples]


def pair(rng, first=None, second=None, **both):
    return sample(rng, **(first or {}), **both), sample(rng, **(second or {}), **both, name="b")


def outcomes(test, draw, repeats, permutations=99):
    """Test many pairs of samples: their p-values and sizes."""
    found = []
    for seed in range(repeats):
        outcome = test(*draw(np.random.default_rng([7, seed])), permutations, seed)
        found.append((outcome.p_value, outcome.size))
    return np.array(found).T


def near(share, expected, n):
    """Say whether a share of n is within four standard errors of what is expected."""
    return abs(share - expected) <= 4 * np.sqrt(expected * (1 - expected) / n)


def nothing(test, sizes):
    """Say whether sizes are on average what they are without a shift, within four standard errors."""
    return abs(sizes.mean() - (0.5 if test is classifier_test else 0)) <= 4 * sizes.std() / np.sqrt(len(sizes))


NULL = {
    "disjoint wells": lambda rng: pair(rng),
    "disjoint wells, small ones and large ones": lambda rng: pair(rng, {"cells": (3, 5)}, {"cells": (25, 35)}),
    "disjoint wells, few and many": lambda rng: pair(rng, {"wells": 4}, {"wells": 12}),
    "disjoint wells, other shares of the classes": lambda rng: pair(rng, {"wells": [3, 10]}, {"wells": [10, 3]}),
    "shared wells, cut in half": lambda rng: cut(rng, sample(rng, 8, (4, 30)), 0.5),
    "shared wells, a small part cut off": lambda rng: cut(rng, sample(rng, 8, (8, 30)), 0.2),
}


@BOTH
@pytest.mark.parametrize("draw", NULL.values(), ids=NULL)
def test_p_values_are_uniform_and_sizes_nothing_where_nothing_shifted(test, draw):
    p_values, sizes = outcomes(test, draw, 200)
    for level in (0.05, 0.2, 0.5):
        assert near(np.mean(p_values <= level), level, 200)
    assert nothing(test, sizes)


HARDER = {
    "wells of one or two cells": (mmd_test, {"wells": 4, "cells": (1, 2)}, {"wells": 12, "cells": (12, 12)}, {}),
    "wells of few cells, centred": (
        classifier_test,
        {"cells": (3, 3)},
        {"cells": (40, 40)},
        {"wells": 4, "classes": 7, "d": 8, "effect": 3.0},
    ),
}


@pytest.mark.parametrize("test, first, second, both", HARDER.values(), ids=HARDER)
def test_that_wells_of_one_sample_have_fewer_cells_is_no_shift(test, first, second, both):
    p_values, sizes = outcomes(test, lambda rng: pair(rng, first, second, **both), 150)
    assert np.mean(p_values <= 0.05) < 0.1 and np.mean(p_values <= 0.2) < 0.3
    assert nothing(test, sizes)


@BOTH
def test_single_cells_exchanged_would_call_any_two_sets_of_wells_different(test):
    p_values, _ = outcomes(test, lambda rng: without_wells(*pair(rng, cells=(10, 20))), 60)
    assert np.mean(p_values <= 0.05) > 0.5


@BOTH
def test_single_cells_that_are_independent_may_be_exchanged(test):
    few, many = {"wells": 3}, {"wells": 9}
    p_values, _ = outcomes(test, lambda rng: without_wells(*pair(rng, few, many, effect=0)), 120)
    assert all(near(np.mean(p_values <= level), level, 120) for level in (0.05, 0.2, 0.5))


@BOTH
@pytest.mark.parametrize("first, second", [((8, 12), (8, 12)), ((3, 5), (25, 35))])
def test_a_shift_gives_small_p_values(test, first, second):
    first, second = {"cells": first}, {"cells": second, "shift": 2.0}
    p_values, sizes = outcomes(test, lambda rng: pair(rng, first, second, wells=8), 30)
    assert np.mean(p_values <= 0.05) > 0.9
    assert not nothing(test, sizes)


@BOTH
def test_a_shift_between_parts_of_shared_wells_gives_small_p_values(test):
    def draw(rng):
        one, other = cut(rng, sample(rng, 8, (10, 30)), 0.4)
        return one, Sample(other.points + 1.5, other.labels, other.wells)

    p_values, _ = outcomes(test, draw, 30)
    assert np.mean(p_values <= 0.05) > 0.9


def test_a_change_of_spread_alone_is_a_shift():
    def draw(rng):
        one, other = pair(rng, wells=8, cells=(12, 12), classes=1, effect=0.3)
        return one, Sample(other.points * 2.5, other.labels, other.wells)

    for test in (mmd_test, classifier_test):
        assert np.mean(outcomes(test, draw, 30)[0] <= 0.05) > 0.9


def test_the_size_grows_with_the_shift():
    sizes = {}
    for test in (mmd_test, classifier_test):
        shifts = ({"shift": s} for s in (0.0, 1.0, 2.0, 50.0))
        sizes[test] = [np.mean(outcomes(test, lambda rng, s=s: pair(rng, {}, s), 25, 19)[1]) for s in shifts]
        assert (np.diff(sizes[test]) > 0).all()
    assert sizes[classifier_test][-1] == 1


def test_the_classifier_is_asked_about_wells_that_it_has_not_seen():
    far = {"wells": 8, "cells": (10, 10), "d": 20, "effect": 10.0}
    _, sizes = outcomes(classifier_test, lambda rng: pair(rng, **far), 60)
    assert nothing(classifier_test, sizes)


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


@pytest.mark.parametrize("seed", range(6))
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
def test_the_same_samples_and_seed_give_the_same_outcome(test):
    a, b = pair(np.random.default_rng(0))
    assert test(a, b, 49, seed=1) == test(a, b, 49, seed=1)
    assert test(a, b, 49, seed=1) != test(a, b, 49, seed=2)


@BOTH
def test_neither_the_order_of_the_samples_nor_that_of_their_cells_matters_to_the_p_value(test):
    a, b = pair(np.random.default_rng(3), {"shift": 1.5}, {}, wells=8)
    back = Sample(a.points[::-1], a.labels[::-1], a.wells[::-1])
    p_values = [test(*both, 1999).p_value for both in ((a, b), (back, b), (b, a))]
    assert np.ptp(p_values) < 0.06


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
    outcome = mmd_test(a, Sample(b.points + 99, b.labels, b.wells), 9999)
    assert outcome.p_value == pytest.approx(2 / ways, abs=0.02)
    assert outcome.smallest == pytest.approx(2 / ways)


def single_well(classes=1, shared=False):
    rng = np.random.default_rng(0)
    a, b = pair(rng, wells=1, cells=(8, 8), classes=classes)
    return (a, Sample(b.points, b.labels, a.wells)) if shared else (a, b)


@BOTH
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("classes", [1, 2])
@pytest.mark.parametrize("shared", [False, True])
def test_one_well_a_class_in_both_samples_is_no_basis_for_a_p_value(test, classes, shared):
    outcome = test(*single_well(classes, shared), 99)
    assert np.isnan(outcome.p_value) and np.isnan(outcome.smallest)


@BOTH
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("known", [True, False])
def test_samples_without_a_common_class_cannot_be_compared(test, known):
    rng = np.random.default_rng(0)
    a, b = pair(rng, {"classes": 1}, {"classes": 1})
    b = Sample(b.points, b.labels + 1, b.wells)
    outcome = test(*((a, b) if known else without_wells(a, b)), 19)
    assert isinstance(outcome, Outcome) and np.isnan(outcome).all()


@BOTH
@pytest.mark.filterwarnings("error")
def test_a_class_that_one_sample_lacks_does_not_count(test):
    rng = np.random.default_rng(0)
    a, b = pair(rng, {"classes": 3}, {"classes": 2})
    outcome = test(a, b, 199)
    assert np.isfinite(outcome).all()
    if test is mmd_test:
        there = a.labels < 2
        without = Sample(a.points[there], a.labels[there], a.wells[there])
        assert outcome.size == pytest.approx(test(without, b, 199).size)


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
    same = [Sample(np.zeros_like(s.points), s.labels, s.wells) for s in (a, b)]
    assert test(*same, 19).p_value == 1


def predictions(labels, predicted, well, n_classes, split="test3"):
    names = tuple("ABCDEFG"[:n_classes])
    well = None if well is None else np.asarray(well)
    parts = np.asarray(labels), np.asarray(predicted), None, None, well, names
    return Predictions("texture", "l1-lr", split, *parts, "made up", "quick", 0)


def answers(rng, wells, cells, n_classes=3, right=0.9, precision=20.0, name="a"):
    """Draw what a classifier says of wells that it recognises more or less well, `right` on average."""
    labels, predicted, names = [], [], []
    for k in range(n_classes):
        mean = np.where(np.arange(n_classes) == k, right, (1 - right) / (n_classes - 1))
        for well in range(wells):
            n = rng.integers(cells[0], cells[1] + 1)
            predicted += list(rng.choice(n_classes, n, p=rng.dirichlet(precision * mean)))
            labels += [k] * n
            names += [f"{name}{well}-{k}"] * n
    return predictions(labels, predicted, names, n_classes)


def differences(draw, repeats, permutations=199):
    return [difference_test(*draw(np.random.default_rng([3, i])), permutations, i) for i in range(repeats)]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("known", [True, False])
def test_the_difference_is_that_of_scikit_learns_matrices(seed, known):
    rng = np.random.default_rng(seed)
    first, second = answers(rng, 3, (2, 9), 5, 0.6), answers(rng, 4, (2, 9), 5, 0.7, name="b")
    expected = [confusion_matrix(p.labels, p.predicted, normalize="true") for p in (first, second)]
    if not known:
        first, second = (predictions(p.labels, p.predicted, None, 5) for p in (first, second))
    np.testing.assert_allclose(difference_test(first, second, 19).difference, expected[1] - expected[0], atol=1e-12)


DIFFERENCES_OF_NOTHING = {
    "small wells and large ones": lambda rng: (answers(rng, 24, (6, 6)), answers(rng, 24, (30, 30), name="b")),
    "all sizes of wells": lambda rng: (answers(rng, 8, (3, 40)), answers(rng, 16, (3, 40), name="b")),
    "shared wells": lambda rng: split_wells(rng, answers(rng, 12, (20, 40))),
}


def split_wells(rng, whole):
    second = rng.random(len(whole.labels)) < 0.3
    return [predictions(whole.labels[m], whole.predicted[m], whole.well[m], 3) for m in (~second, second)]


@pytest.mark.parametrize("draw", DIFFERENCES_OF_NOTHING.values(), ids=DIFFERENCES_OF_NOTHING)
def test_differences_of_nothing_have_uniform_p_values_and_rarely_any_stays_significant(draw):
    found = differences(draw, 200)
    p_values = np.concatenate([np.diag(one.p_value) for one in found])
    for level in (0.05, 0.2, 0.5):
        share = np.mean(p_values <= level)  # of two tests the more careful one counts, so it may be less
        assert share < level or near(share, level, 600)
        assert share > level / 6
    assert np.mean([one.adjusted.min() <= 0.05 for one in found]) < 0.09


def test_few_wells_of_few_cells_without_an_error_are_no_proof_of_a_difference():
    found = differences(lambda rng: (answers(rng, 8, (6, 6)), answers(rng, 24, (30, 30), name="b")), 150)
    assert np.mean([one.adjusted.min() <= 0.05 for one in found]) < 0.12


def test_rare_errors_in_large_and_small_wells_are_no_difference():
    """Of wells of 6 cells most have no error, of wells of 55 some have: neither is rarer there."""

    def draw(rng):
        return [
            predictions(labels, np.where(rng.random(len(labels)) < 0.02, 2, labels), well, 3)
            for name, n_wells, n_cells in (("a", 24, 6), ("b", 8, 55))
            for labels in [np.repeat([0, 1], n_wells * n_cells)]
            for well in [np.char.add(name, np.repeat(np.arange(2 * n_wells), n_cells).astype(str))]
        ]

    assert np.mean([one.adjusted[:2].min() <= 0.05 for one in differences(draw, 100)]) < 0.1


def test_single_cells_exchanged_would_find_differences_of_nothing():
    def draw(rng):
        both = answers(rng, 8, (30, 30), precision=5.0), answers(rng, 8, (30, 30), precision=5.0, name="b")
        return [predictions(p.labels, p.predicted, None, 3) for p in both]

    assert np.mean([one.adjusted.min() <= 0.05 for one in differences(draw, 40)]) > 0.5


def test_a_difference_is_found_where_it_is_and_nowhere_else():
    def draw(rng):
        first, second = answers(rng, 12, (6, 20), 4), answers(rng, 12, (6, 20), 4, name="b")
        taken = (second.labels == 1) & (rng.random(len(second.labels)) < 0.4)
        return first, predictions(second.labels, np.where(taken, 3, second.predicted), second.well, 4)

    found = differences(draw, 30, 999)
    assert np.mean([one.adjusted[1, 3] <= 0.05 for one in found]) > 0.9
    assert np.mean([one.adjusted[1, 1] <= 0.05 for one in found]) > 0.9
    assert np.mean([one.adjusted[[0, 2, 3]].min() <= 0.05 for one in found]) < 0.2
    assert np.mean([one.difference[1, 3] for one in found]) == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize("wells", [(24, 24), (8, 24), (24, 8)])
@pytest.mark.parametrize("where", [0, 1])
def test_a_single_wrong_cell_is_not_significant_in_whatever_split_it_lies(wells, where):
    both = []
    for side, (n_wells, cells) in enumerate(zip(wells, (6, 30), strict=True)):
        predicted = np.zeros(n_wells * cells, int)
        predicted[0] = side == where
        names = np.repeat([f"{side}-{i}" for i in range(n_wells)], cells)
        both.append(predictions(np.zeros_like(predicted), predicted, names, 2))
    found = difference_test(*both, 1999)
    assert abs(found.difference[0, 1]) == pytest.approx(1 / (wells[where] * (6, 30)[where]))
    assert found.p_value[0, 1] > 0.1


def every_exchange(first, second, label, called):
    """Go through all exchanges of one class's wells: the share of them as extreme as what was found."""
    shares = [
        np.mean(p.predicted[(p.well == well) & (p.labels == label)] == called)
        for p in (first, second)
        for well in np.unique(p.well[p.labels == label])
    ]
    n_first = len(np.unique(first.well[first.labels == label]))

    def extreme(chosen):
        places = [[i for i in range(len(shares)) if (i in chosen) == inside] for inside in (True, False)]
        sides = [[shares[i] for i in some] for some in places]
        own = [np.var(side, ddof=1) / len(side) if len(side) > 1 else None for side in sides]
        noise = [one if one is not None else other for one, other in (own, own[::-1])]
        gap = abs(np.mean(sides[1]) - np.mean(sides[0]))
        return 0.0 if gap < 1e-12 else gap / np.sqrt(sum(noise)) if sum(noise) > 1e-14 else np.inf

    exchanges = np.array([extreme(chosen) for chosen in combinations(range(len(shares)), n_first)])
    return np.mean(exchanges >= exchanges[0] - 1e-9)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("wells", [(3, 3), (2, 4), (1, 4), (5, 3)])
def test_p_values_are_shares_of_all_exchanges(seed, wells):
    rng = np.random.default_rng([seed, *wells])
    first, second = answers(rng, wells[0], (2, 20), 2, 0.7, 5), answers(rng, wells[1], (2, 20), 2, 0.7, 5, name="b")
    found = difference_test(first, second, 9999)
    of_cells = difference_test(*(replace(p, well=None) for p in (first, second)), 9999)
    for label in (0, 1):
        for called in (0, 1):
            p_value = max(every_exchange(first, second, label, called), of_cells.p_value[label, called])
            assert near(found.p_value[label, called], min(p_value, 1 - 1e-6), 9999)


def sure(wells_first, wells_second):
    """Make wells without an error on the one side, and with many on the other."""
    names = [np.repeat([f"{side}{i}" for i in range(n)], 10) for side, n in (("a", wells_first), ("b", wells_second))]
    answer = np.zeros(len(names[0]), int), np.tile([0, 1], len(names[1]) // 2)
    return [predictions(np.zeros(len(n), int), said, n, 2) for said, n in zip(answer, names, strict=True)]


@pytest.mark.parametrize("wells, ways", [((2, 4), 15), ((5, 3), 56), ((1, 4), 5)])
def test_the_smallest_p_value_is_one_in_the_number_of_arrangements(wells, ways):
    found = difference_test(*sure(*wells), 9999)
    assert found.smallest[0] == pytest.approx(1 / ways)
    assert found.p_value[0, 1] == pytest.approx(1 / ways, rel=0.2)
    assert difference_test(*sure(*wells), 2).smallest[0] == pytest.approx(1 / min(3, ways))


@pytest.mark.parametrize("wells, ways", [(2, 6), (3, 20), (4, 70)])
def test_two_sides_of_as_many_wells_double_the_smallest_p_value(wells, ways):
    found = difference_test(*sure(wells, wells), 9999)
    assert found.p_value[0, 1] == pytest.approx(2 / ways, rel=0.25)
    assert found.smallest[0] == pytest.approx(2 / ways)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("known", [True, False])
def test_a_class_that_a_split_lacks_has_no_difference(known):
    labels, wells = np.repeat([0, 1, 2], 12), np.repeat(list("abcdefghi"), 4)
    first, second = (
        predictions(labels[there], np.arange(there.sum()) % 2, wells[there] if known else None, 4)
        for there in (labels != 1, labels != 2)
    )
    found = difference_test(first, second, 99)
    for part in (found.difference, found.p_value, found.adjusted, found.smallest):
        assert np.isnan(part[1:]).all() and np.isfinite(part[0]).all()


def test_the_correction_runs_over_the_cells_of_the_matrix_that_occur():
    rng = np.random.default_rng(0)
    first, second = answers(rng, 4, (5, 9), 3), answers(rng, 5, (5, 9), 3, name="b")
    few = difference_test(first, second, 199)
    more = (predictions(p.labels, p.predicted, p.well, 6) for p in (first, second))
    many = difference_test(*more, 199)
    np.testing.assert_array_equal(many.adjusted[:3, :3], few.adjusted)
    assert (many.adjusted[:3, 3:] == 1).all() and (few.adjusted >= few.p_value).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("names", ["ab", "aa"])
def test_one_well_a_split_is_no_basis_for_the_p_value_of_a_difference(names):
    first, second = (predictions([0] * 6, [0, 0, 0, 0, turn, 1], [name] * 6, 2) for turn, name in enumerate(names))
    found = difference_test(first, second, 99)
    assert found.difference[0] == pytest.approx([-1 / 6, 1 / 6])
    assert np.isnan(found.p_value).all() and np.isnan(found.adjusted).all() and np.isnan(found.smallest).all()


@pytest.mark.parametrize("wrong", [(3, 9), (0, 2), (5, 5), (1, 12)])
def test_without_wells_p_values_are_fishers_where_both_splits_have_as_many_cells(wrong):
    first, second = (predictions(np.zeros(40, int), (np.arange(40) < n).astype(int), None, 2) for n in wrong)
    expected = fisher_exact([[n, 40 - n] for n in wrong]).pvalue
    found = difference_test(first, second)
    assert found.p_value[0] == pytest.approx(expected, abs=0.02)
    assert found.smallest[0] == pytest.approx(1e-4)


def test_without_wells_p_values_are_scipys_for_the_studentised_difference():
    answer = [np.arange(n) < wrong for n, wrong in ((25, 3), (60, 16))]

    def studentised(a, b, axis):
        a, b = ((x.mean(axis), x.mean(axis) * (1 - x.mean(axis)) / x.shape[axis]) for x in (a, b))
        return np.abs(b[0] - a[0]) / np.sqrt(a[1] + b[1])

    expected = permutation_test(
        [a.astype(float) for a in answer], studentised, vectorized=True, alternative="greater", n_resamples=9999, rng=0
    )
    first, second = (predictions(np.zeros(len(a), int), a.astype(int), None, 2) for a in answer)
    assert difference_test(first, second).p_value[0, 1] == pytest.approx(expected.pvalue, abs=0.02)


def split(name, labels, wells):
    plate = None if wells is None else np.full(len(labels), "p")
    well = None if wells is None else np.asarray(wells)
    return Split(name, None, None, np.asarray(labels), plate, well, tuple("ABC"), "made up")


def made(seed=0, n=400, d=9, wells=6, known=True):
    """Make a training set and a test set, features and splits, with uneven wells."""
    features, release = {}, {}
    for name, size in (("train", n), ("test1", n // 2)):
        rng = np.random.default_rng([seed, size])
        labels = rng.integers(0, 3, size)
        names = [f"{name}{w}" for w in rng.choice(wells, size, p=rng.dirichlet(np.ones(wells)))]
        features[name] = rng.normal(size=(size, d)) @ rng.normal(size=(d, d)) * np.arange(1, d + 1) + 7
        release[name] = split(name, labels, names if known else None)
    return features, release


def test_of_every_well_and_class_so_many_cells_are_drawn_or_all():
    features, release = made()
    for name, drawn in sketch(features, release, per_well=5, components=4).items():
        whole = release[name]
        for k in range(3):
            for well in np.unique(whole.well_ids):
                there = np.sum((whole.labels == k) & (whole.well_ids == well))
                assert np.sum((drawn.labels == k) & (drawn.wells == well)) == min(there, 5)


def test_without_wells_so_many_cells_of_each_class_are_drawn():
    features, release = made(known=False)
    drawn = sketch(features, release, per_well=2, components=4)
    assert drawn["train"].wells is None and np.bincount(drawn["train"].labels).tolist() == [48, 48, 48]
    there = np.bincount(release["test1"].labels)
    assert np.bincount(sketch(features, release, components=4)["test1"].labels).tolist() == there.tolist()


@pytest.mark.parametrize("n, d, components", [(200, 6, 4), (200, 6, 32), (20, 50, 8), (20, 50, 32)])
def test_points_are_scikit_learns_components_of_the_training_set(n, d, components):
    rng = np.random.default_rng(n)
    features = {name: rng.normal(size=(size, d)) * np.arange(1, d + 1) for name, size in (("train", n), ("test3", 30))}
    release = {name: split(name, np.arange(len(x)) % 3, np.arange(len(x)).astype(str)) for name, x in features.items()}
    kept = min(components, n, d)
    pipeline = make_pipeline(StandardScaler(), PCA(kept, svd_solver="full")).fit(features["train"])
    for name, drawn in sketch(features, release, components=components).items():
        cells = np.array([int(well.split("/")[1]) for well in drawn.wells])
        assert sorted(cells) == list(range(len(features[name])))
        assert drawn.points.shape == (len(cells), kept) and drawn.points.dtype == np.float32
        np.testing.assert_allclose(np.abs(drawn.points), np.abs(pipeline.transform(features[name][cells])), atol=1e-3)
        np.testing.assert_array_equal(drawn.labels, cells % 3)


def test_only_the_training_set_says_how_features_are_scaled_and_rotated():
    features, release = made()
    before = sketch(features, release)["train"]
    after = sketch({**features, "test1": features["test1"] * 100 - 3}, release)["train"]
    np.testing.assert_array_equal(before.points, after.points)


@pytest.mark.parametrize("known", [True, False])
def test_a_sketch_is_the_same_each_time_and_another_for_another_seed(known):
    features, release = made(known=known)
    one, same, other = (sketch(features, release, 3, 4, seed)["train"].points for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_sketch_is_in_random_order():
    labels = np.repeat([0, 1, 2], 100)
    release = {"train": split("train", labels, np.repeat([str(i) for i in range(30)], 10))}
    drawn = sketch({"train": np.random.default_rng(0).normal(size=(300, 3))}, release)["train"]
    assert abs(np.corrcoef(drawn.labels, np.arange(300))[0, 1]) < 0.2


def test_constant_features_do_no_harm():
    features, release = made()
    features = {name: np.column_stack([x, np.ones(len(x))]) for name, x in features.items()}
    assert all(np.isfinite(drawn.points).all() for drawn in sketch(features, release).values())


@pytest.mark.parametrize("seed", range(3))
def test_halves_have_no_well_in_common_and_lose_nothing(seed):
    whole = sample(np.random.default_rng(seed), [2, 7, 4], classes=3)
    one, other = halves(whole, seed)
    assert not set(one.wells) & set(other.wells)
    assert sorted(map(tuple, np.r_[one.points, other.points])) == sorted(map(tuple, whole.points))
    for k, n in enumerate([2, 7, 4]):
        assert [len(set(h.wells[h.labels == k])) for h in (one, other)] in ([n - n // 2, n // 2], [n // 2, n - n // 2])


def test_halves_leave_out_a_class_with_one_well():
    whole = sample(np.random.default_rng(0), [1, 4], classes=2)
    assert all(set(half.labels) == {1} for half in halves(whole))
    assert sum(len(half.labels) for half in halves(whole)) == np.sum(whole.labels == 1)


def test_halves_of_cells_without_wells_are_halves_of_each_class():
    whole = without_wells(sample(np.random.default_rng(0)))[0]
    one, other = halves(whole)
    assert one.wells is None and other.wells is None
    assert (np.abs(np.bincount(one.labels) - np.bincount(other.labels)) <= 1).all()
    assert len(one.labels) + len(other.labels) == len(whole.labels)


def test_halves_are_the_same_each_time_and_others_for_another_seed():
    whole = sample(np.random.default_rng(0), 8)
    one, same, other = (halves(whole, seed)[0].points for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_there_is_no_shift_between_halves():
    p_values, _ = outcomes(mmd_test, lambda rng: halves(sample(rng, 12), int(rng.integers(1 << 30))), 200)
    assert near(np.mean(p_values <= 0.2), 0.2, 200)


def p_values(release):
    """Test every test set against train, on Texture: of both tests, by split."""
    features = {name: texture.features(part) for name, part in release.items()}
    samples = sketch(features, release)
    return {
        name: (mmd_test(samples["train"], one).p_value, classifier_test(samples["train"], one).p_value)
        for name, one in samples.items()
        if name != "train"
    }


def test_simulated_cells_have_shifted_where_a_shift_was_simulated_and_nowhere_else(simulated, tmp_path):
    shifted = p_values(simulated)
    assert max(shifted["test3"] + shifted["test4"]) <= 0.01
    assert min(shifted["test1"]) > 0.01
    still = p_values(open_release(simulate.simulate(tmp_path, scale=0.02, seed=1, shift=0, progress=False)))
    found = np.sort([p for both in still.values() for p in both])
    assert found[0] > 0.01 and found[-1] > 0.3  # of eight, dependent ones
