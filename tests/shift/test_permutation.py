"""What must hold of exchanges of wells: only what is alike is exchanged, and p-values are corrected as Holm did it."""

from itertools import product
from math import comb

import numpy as np
import pytest

from coos_helpers.shift.permutation import Outcome, Units, holm, rank_within


def cells(seed, shared=0, classes=3):
    """Draw labels and wells of two sets of cells: a few wells a class of uneven size, some of them in both sets."""
    rng = np.random.default_rng([seed, shared])
    sides = ([], []), ([], [])
    for k in range(classes):
        both = [f"both-{k}-{i}" for i in range(shared)]
        for side, (labels, wells) in enumerate(sides):
            for well in both + [f"{side}-{k}-{i}" for i in range(rng.integers(2, 6))]:
                n = rng.integers(1, 9)
                labels += [k] * n
                wells += [well] * n
    mixed = []
    for labels, wells in sides:
        order = rng.permutation(len(labels))
        mixed += [np.array(labels)[order], np.array(wells)[order]]
    return mixed


def names(units, wells_a, wells_b):
    """Name the well of each unit, found from its cells."""
    wells = np.concatenate([wells_a, wells_b])
    found = [set(wells[units.of_cell == unit]) for unit in range(len(units.label))]
    assert all(len(one) == 1 for one in found)
    return np.array([one.pop() for one in found])


def slow_holm(p_values):
    """Go from the smallest p-value to the largest, and multiply each by the number of those that are left."""
    adjusted, so_far = [0.0] * len(p_values), 0.0
    for step, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        so_far = max(so_far, min(1.0, (len(p_values) - step) * p_values[i]))
        adjusted[i] = so_far
    return adjusted


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shared", [0, 3])
def test_a_unit_is_the_cells_of_one_class_in_one_well_of_one_set(seed, shared):
    la, wa, lb, wb = cells(seed, shared)
    units = Units.of(la, wa, lb, wb)
    label, side = np.r_[la, lb], np.repeat([0, 1], [len(la), len(lb)])
    cell = list(zip(label, np.r_[wa, wb], side, strict=True))
    assert len(set(zip(units.of_cell, cell, strict=True))) == len(units.label) == len(set(cell))
    np.testing.assert_array_equal(units.label[units.of_cell], label)
    np.testing.assert_array_equal(units.side[units.of_cell], side)
    values = np.random.default_rng(seed).normal(size=len(units.label))
    for k in range(3):
        mine = units.label == k
        means = [values[mine & (units.side == side)].mean() for side in (0, 1)]
        assert values[mine] @ units.weight[mine] == pytest.approx(means[1] - means[0])


@pytest.mark.parametrize("shared", [0, 3])
def test_an_exchange_keeps_classes_and_numbers_of_wells_and_the_parts_of_a_shared_well_together(shared):
    la, wa, lb, wb = cells(1, shared)
    units = Units.of(la, wa, lb, wb)
    well = names(units, wa, wb)
    weights = units.exchanged(200, np.random.default_rng(0))
    np.testing.assert_array_equal(weights[0], units.weight)
    for k in range(3):
        mine = units.label == k
        np.testing.assert_array_equal(np.sort(weights[:, mine], axis=1), [np.sort(units.weight[mine])] * 201)
        for name in (f"both-{k}-{i}" for i in range(shared)):
            pair = np.sign(weights[:, mine & (well == name)])
            assert pair.shape == (201, 2) and not pair.sum(1).any()
    assert len(np.unique(weights, axis=0)) > 150


def test_all_exchanges_are_equally_likely():
    units = Units.of(np.zeros(3, int), np.array(list("abc")), np.zeros(2, int), np.array(list("de")))
    weights = units.exchanged(20_000, np.random.default_rng(0))[1:]
    found, times = np.unique(weights > 0, axis=0, return_counts=True)
    assert len(found) == comb(5, 2) == units.arrangements()
    np.testing.assert_allclose(times / 20_000, 0.1, atol=0.01)


def test_arrangements_are_counted_over_classes_and_shared_wells():
    la, wa = np.array([0, 0, 0, 1, 1]), np.array(["a", "b", "c", "x", "y"])
    assert Units.of(la, wa, np.array([0, 0, 1, 1]), np.array(["d", "e", "x", "y"])).arrangements() == comb(5, 2) * 2 * 2
    assert Units.of(la, wa, np.array([2, 2]), np.array(["d", "e"])).arrangements() == 1
    many = np.zeros(900, int)
    assert np.isfinite(Units.of(many, np.arange(900), many, np.arange(900, 1800)).arrangements())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shared", [0, 1, 4])
def test_the_two_halves_have_no_well_in_common_and_about_as_many_wells(seed, shared):
    la, wa, lb, wb = cells(seed, shared)
    units = Units.of(la, wa, lb, wb)
    chosen, well = units.half(np.random.default_rng(seed)), names(units, wa, wb)
    assert not set(well[chosen]) & set(well[~chosen])
    for k, side in product(range(3), (0, 1)):
        mine = (units.label == k) & (units.side == side)
        single = mine & ~np.char.startswith(well, "both")
        for group in (single, mine & ~single):
            assert abs(np.sum(chosen & group) - np.sum(~chosen & group)) <= 1
    often = np.mean([units.half(np.random.default_rng(seed)) for seed in range(100)], axis=0)
    assert shared == 1 or ((often > 0.1).all() and (often < 0.9).all())  # every well may be in either half


def test_the_p_value_counts_the_statistic_itself_and_ties():
    units = Units.of(np.zeros(3, int), np.array(list("abc")), np.zeros(2, int), np.array(list("de")))
    assert units.outcome(np.array([2.0, 1, 2, 3, 0]), 7) == Outcome(7.0, 0.6, 0.2)
    assert units.outcome(np.r_[9.0, np.zeros(99)], 7) == Outcome(7.0, 0.01, 0.1)
    units = Units.of(np.zeros(2, int), np.array(list("ab")), np.ones(2, int), np.array(list("cd")))
    outcome = units.outcome(np.zeros(5), 0.5)
    assert outcome.size == 0.5 and np.isnan(outcome.p_value) and np.isnan(outcome.smallest)


@pytest.mark.parametrize("seed", range(5))
def test_ranks_count_the_members_of_each_group_in_their_order(seed):
    groups = np.random.default_rng(seed).integers(-3, 4, 60)
    assert rank_within(groups).tolist() == [int(np.sum(groups[:i] == group)) for i, group in enumerate(groups)]
    assert rank_within(groups[:0]).shape == (0,)


@pytest.mark.parametrize("seed", range(6))
def test_holms_correction_is_that_of_the_direct_form(seed):
    rng = np.random.default_rng(seed)
    p_values = np.round(rng.random(rng.integers(2, 40)) ** 3, rng.integers(1, 6))
    adjusted = holm(p_values)
    assert adjusted == pytest.approx(slow_holm(p_values))
    np.testing.assert_array_equal(holm(p_values[::-1]), adjusted[::-1])
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06]) and holm([]).tolist() == []
