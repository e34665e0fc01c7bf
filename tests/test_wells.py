"""What must hold of the spread between wells, and of the worst one: chance alone is not mistaken for a bad well."""

import numpy as np
import pytest

from coos_helpers import wells


def answers(rng, n_wells=24, cells=(5, 40), classes=4, right=0.85, precision=None):
    """Draw cells of wells that are recognised more or less well (a beta distribution), or all alike."""
    size = rng.integers(cells[0], cells[1] + 1, classes * n_wells)
    chance = right if precision is None else rng.beta(right * precision, (1 - right) * precision, len(size))
    well = np.repeat(np.arange(len(size)), size)
    labels = well // n_wells
    hit = rng.random(len(well)) < np.broadcast_to(chance, len(size))[well]
    return labels, np.where(hit, labels, (labels + 1) % classes), np.char.add("plate/", well.astype(str))


def spreads(repeats=100, **settings):
    return np.array([wells.spread(*answers(np.random.default_rng([5, i]), **settings)) for i in range(repeats)])


@pytest.mark.parametrize("right, precision", [(0.85, 10), (0.9, 30), (0.6, 5)])
@pytest.mark.parametrize("cells", [(5, 40), (2, 6)])
def test_the_spread_is_that_of_the_wells_and_not_that_of_their_cells(right, precision, cells):
    truth = right * (1 - right) / (precision + 1)
    found = spreads(n_wells=150, right=right, precision=precision, cells=cells) ** 2
    assert found.mean() == pytest.approx(truth, rel=0.15)


def test_the_spread_gets_surer_with_more_wells():
    few, many = (spreads(60, n_wells=n, precision=10) for n in (4, 60))
    assert many.std() < few.std() / 2


def test_chance_alone_is_no_spread():
    found = spreads()
    assert found.mean() < 0.02 and np.mean(found == 0) > 0.2


@pytest.mark.parametrize("size", [2, 8])
def test_all_right_or_all_wrong_is_no_spread(size):
    labels, well = np.repeat([0, 1], 4 * size), np.repeat(list("abcdefgh"), size)
    assert wells.spread(labels, labels, well) == 0
    assert wells.spread(labels, 1 - labels, well) == 0


def test_single_cells_of_wells_tell_nothing_of_how_wells_differ():
    labels, predicted, _ = answers(np.random.default_rng(0))
    assert not wells.spread(labels, predicted, np.arange(len(labels)).astype(str)) > 0


def test_wells_that_are_all_right_or_all_wrong_are_as_far_apart_as_can_be():
    predicted, well = np.repeat([0, 1], 500), np.arange(1000) // 10
    assert wells.spread(np.zeros(1000, int), predicted, well) == pytest.approx(0.5, abs=0.01)


@pytest.mark.filterwarnings("error")
def test_one_well_a_class_shows_no_spread():
    labels = np.repeat([0, 1], 10)
    assert np.isnan(wells.spread(labels, labels * 0, labels.astype(str)))
    assert np.isnan(wells.spread(np.array([3]), np.array([3]), np.array(["a"])))


def test_classes_with_one_well_are_left_out():
    labels, predicted, well = answers(np.random.default_rng(0), precision=5)
    more = np.r_[labels, np.full(50, 9)], np.r_[predicted, np.arange(50) % 2 * 9], np.r_[well, ["alone"] * 50]
    assert wells.spread(*more) == pytest.approx(wells.spread(labels, predicted, well))


def test_classes_of_unlike_sensitivity_are_no_spread():
    labels = np.repeat([0, 1], 2000)
    rng = np.random.default_rng(0)
    predicted = np.where(rng.random(4000) < np.where(labels == 0, 0.95, 0.4), labels, 2)
    assert wells.spread(labels, predicted, np.char.mod("%d", np.arange(4000) // 20)) < 0.04


def test_the_worst_well_by_hand():
    well = np.repeat(["p/A01", "p/A02", "p/A03", "p/A04"], [10, 12, 20, 4])
    labels = np.zeros(46, int)
    predicted = labels.copy()
    predicted[[0, 1, 2]] = predicted[10:15] = predicted[22:27] = predicted[42:] = 1
    assert wells.worst(labels, predicted, well)[:3] == ("p/A02", 5 / 12, 12)
    assert wells.worst(labels, predicted, well, least=15)[:3] == ("p/A03", 0.25, 20)
    assert wells.worst(labels, predicted, well, least=4)[:3] == ("p/A04", 1.0, 4)


def test_a_well_of_several_classes_counts_all_its_cells():
    labels, well = np.array([0] * 10 + [1] * 10), np.array(["a"] * 5 + ["b"] * 10 + ["a"] * 5)
    predicted = np.where(well == "a", labels, [1] * 8 + [0] * 12)
    name, error, cells, _ = wells.worst(labels, predicted, well)
    assert name == "b" and cells == 10
    assert error == np.mean(labels[well == "b"] != predicted[well == "b"])


def test_small_wells_have_no_worst():
    labels = np.zeros(18, int)
    assert wells.worst(labels, labels, np.repeat(["a", "b"], 9)) is None
    assert wells.worst(labels, labels, np.repeat(["a", "b"], 9), least=9)[:3] == ("a", 0.0, 9)
    assert wells.worst(labels[:0], labels[:0], labels[:0].astype(str)) is None


@pytest.mark.parametrize("right", [0.5, 0.85, 0.97])
def test_what_chance_alone_would_do_is_what_it_does_where_wells_do_not_differ(right):
    found = [wells.worst(*answers(np.random.default_rng([6, i]), right=right), seed=i) for i in range(80)]
    beyond = np.mean([error > by_chance for _, error, _, by_chance in found])
    assert beyond <= 0.15  # 0.05, and what 80 draws scatter
    assert np.mean([by_chance for *_, by_chance in found]) > np.mean([error for _, error, *_ in found])


def test_what_chance_alone_would_do_is_that_of_a_slow_simulation():
    rng = np.random.default_rng(0)
    labels, predicted, well = answers(rng, 5, (4, 25), 3, 0.8)
    error = [np.mean(predicted[labels == k] != k) for k in range(3)]
    big = [name for name in np.unique(well) if np.sum(well == name) >= 10]
    worst = []
    for _ in range(1500):
        wrong = rng.random(len(labels)) < np.take(error, labels)
        worst.append(max(wrong[well == name].mean() for name in big))
    low, high = np.percentile(worst, (92, 98))
    assert low <= wells.worst(labels, predicted, well)[3] <= high


def test_a_bad_well_is_worse_than_chance():
    labels, predicted, well = answers(np.random.default_rng(0), cells=(15, 40))
    predicted[well == "plate/7"] = 3
    name, error, _, by_chance = wells.worst(labels, predicted, well)
    assert name == "plate/7" and error == 1 and by_chance < 0.6


def test_without_errors_nothing_is_expected_of_chance():
    labels, _, well = answers(np.random.default_rng(0))
    assert wells.worst(labels, labels, well)[1::2] == (0.0, 0.0)


def test_the_worst_well_is_the_same_each_time():
    parts = answers(np.random.default_rng(0))
    assert wells.worst(*parts) == wells.worst(*parts)
    assert wells.worst(*parts, seed=1)[:3] == wells.worst(*parts)[:3]


@pytest.mark.parametrize("short", range(3))
def test_arrays_of_different_length_are_refused(short):
    parts = [part[: len(part) - (i == short)] for i, part in enumerate(answers(np.random.default_rng(0)))]
    with pytest.raises(ValueError, match="different length"):
        wells.worst(*parts)
