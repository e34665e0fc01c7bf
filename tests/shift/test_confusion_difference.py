"""What must hold of a difference of confusion matrices: right p-values in every cell, exact where they can be counted.

Simulations have fixed seeds and bounds of four standard errors; their long form is behind `make test-all`.
"""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from chance import near, repeats
from scipy.stats import fisher_exact, permutation_test
from sklearn.metrics import confusion_matrix

from coos_helpers.results import Predictions
from coos_helpers.shift import difference_test
from coos_helpers.shift.permutation import holm


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


@pytest.mark.parametrize("seed", range(3))
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
    "few wells of few cells": lambda rng: (answers(rng, 8, (6, 6)), answers(rng, 24, (30, 30), name="b")),
    "all sizes of wells": lambda rng: (answers(rng, 8, (3, 40)), answers(rng, 16, (3, 40), name="b")),
    "shared wells": lambda rng: split_wells(rng, answers(rng, 12, (20, 40))),
}


def split_wells(rng, whole):
    second = rng.random(len(whole.labels)) < 0.3
    return [predictions(whole.labels[m], whole.predicted[m], whole.well[m], 3) for m in (~second, second)]


@repeats(60, 200)
@pytest.mark.parametrize("draw", DIFFERENCES_OF_NOTHING.values(), ids=DIFFERENCES_OF_NOTHING)
def test_differences_of_nothing_have_uniform_p_values_and_rarely_any_stays_significant(draw, repeats):
    found = differences(draw, repeats)
    p_values = np.concatenate([np.diag(one.p_value) for one in found])
    for level in (0.05, 0.2, 0.5):
        share = np.mean(p_values <= level)  # of two tests the more careful one counts, so it may be less
        assert share < level or near(share, level, 3 * repeats)
        assert share > level / 6 - 2 * np.sqrt(level / 6 / (3 * repeats))
    assert np.mean([one.adjusted.min() <= 0.05 for one in found]) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / repeats)


@repeats(40, 100)
def test_rare_errors_in_large_and_small_wells_are_no_difference(repeats):
    """Of wells of 6 cells most have no error, of wells of 55 some have: neither is rarer there."""

    def draw(rng):
        return [
            predictions(labels, np.where(rng.random(len(labels)) < 0.02, 2, labels), well, 3)
            for name, n_wells, n_cells in (("a", 24, 6), ("b", 8, 55))
            for labels in [np.repeat([0, 1], n_wells * n_cells)]
            for well in [np.char.add(name, np.repeat(np.arange(2 * n_wells), n_cells).astype(str))]
        ]

    found = differences(draw, repeats)
    assert np.mean([one.adjusted[:2].min() <= 0.05 for one in found]) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / repeats)


def test_a_difference_is_found_where_it_is_and_nowhere_else():
    def draw(rng):
        first, second = answers(rng, 12, (6, 20), 4), answers(rng, 12, (6, 20), 4, name="b")
        taken = (second.labels == 1) & (rng.random(len(second.labels)) < 0.4)
        return first, predictions(second.labels, np.where(taken, 3, second.predicted), second.well, 4)

    found = differences(draw, 20, 999)
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
        both.append(predictions(predicted * 0, predicted, np.arange(len(predicted)) // cells + 99 * side, 2))
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


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 6))])
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


@pytest.mark.parametrize(
    "wells, least", [((2, 4), 1 / 15), ((5, 3), 1 / 56), ((1, 4), 1 / 5), ((2, 2), 2 / 6), ((4, 4), 2 / 70)]
)
def test_the_smallest_p_value_is_one_in_the_number_of_arrangements_or_two_with_as_many_wells_a_side(wells, least):
    found = difference_test(*sure(*wells), 9999)
    assert found.smallest[0] == pytest.approx(least)
    assert found.p_value[0, 1] == pytest.approx(least, rel=0.25)
    assert difference_test(*sure(*wells), 2).smallest[0] == pytest.approx(max(1 / 3, least))


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
    both = [answers(rng, 9, (5, 9)), answers(rng, 9, (5, 9), right=0.5, name="b")]
    found = difference_test(*(replace(p, class_names=tuple("ABCDEF")) for p in both), 199)  # D to F never occur
    np.testing.assert_array_equal(found.adjusted[:3, :3].ravel(), holm(found.p_value[:3, :3].ravel()))
    assert (found.adjusted[:3, 3:] == 1).all() and found.adjusted[:3].min() < 0.5


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("names", ["ab", "aa"])
def test_one_well_a_split_is_no_basis_for_the_p_value_of_a_difference(names):
    first, second = (predictions([0] * 6, [0, 0, 0, 0, turn, 1], [name] * 6, 2) for turn, name in enumerate(names))
    found = difference_test(first, second, 99)
    assert found.difference[0] == pytest.approx([-1 / 6, 1 / 6])
    assert np.isnan([*found.p_value, *found.adjusted, found.smallest]).all()


def studentised(a, b, axis):
    a, b = ((x.mean(axis), x.mean(axis) * (1 - x.mean(axis)) / x.shape[axis]) for x in (a, b))
    return np.abs(b[0] - a[0]) / np.sqrt(a[1] + b[1])


@pytest.mark.parametrize("wrong", [(3, 9), (0, 2), (5, 5), (1, 12), (3, 16)])
def test_without_wells_p_values_are_fishers_or_scipys_for_the_studentised_difference(wrong):
    cells = (25, 60) if wrong == (3, 16) else (40, 40)
    answer = [(np.arange(n) < some).astype(int) for n, some in zip(cells, wrong, strict=True)]
    found = difference_test(*(predictions(np.zeros_like(said), said, None, 2) for said in answer))
    if cells[0] == cells[1]:
        expected = fisher_exact([[some, n - some] for n, some in zip(cells, wrong, strict=True)])
    else:
        of = {"vectorized": True, "alternative": "greater", "n_resamples": 9999, "rng": 0}
        expected = permutation_test([said.astype(float) for said in answer], studentised, **of)
    assert found.p_value[0] == pytest.approx(expected.pvalue, abs=0.02)
    assert found.smallest[0] == pytest.approx(1e-4)
