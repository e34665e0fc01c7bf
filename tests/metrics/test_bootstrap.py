"""What must hold of intervals: they cover the truth as often as they say, since they draw wells and not cells.

Simulations have fixed seeds. Their long form, behind `make test-all`, leaves less to chance.
"""

import tracemalloc

import numpy as np
import pytest
from chance import off, repeats
from scipy.stats import beta

from coos_helpers import metrics

SOUND = np.array([0, 1, 2])

#: What `twins` say wrongly in the long run.
ERRORS = (0.1, 0.2)


def clustered(rng, wells, n_classes=7, cells=30):
    """Draw cells whose chance of being recognised varies from well to well (mean 0.9)."""
    sizes = rng.poisson(cells, n_classes * wells) + 1
    well = np.repeat(np.arange(n_classes * wells), sizes)
    labels = well // wells
    right = rng.random(len(well)) < rng.beta(18, 2, n_classes * wells)[well]
    return labels, np.where(right, labels, (labels + 1) % n_classes), np.char.add("p/", well.astype(str))


def twins(rng, wells=24, n_classes=3, cells=16, quality=((18, 2), (12, 3))):
    """Draw what two models say of the same cells: each recognises a well's cells with its own chance, from one luck."""
    luck = rng.random((n_classes, wells))
    well = np.repeat(np.arange(n_classes * wells), rng.integers(cells // 2, cells * 3 // 2, n_classes * wells))
    labels = well // wells
    said = [beta.ppf(luck, a, b).ravel()[well] > rng.random(len(well)) for a, b in quality]
    first, second = (np.where(right, labels, (labels + 1) % n_classes) for right in said)
    return labels, first, second, well


def covered(interval, truth, repeats, **settings):
    """Draw twins many times, and say how often the interval has the truth in it, and how wide it is on average."""
    ends = np.array([interval(*twins(np.random.default_rng([9, i]), **settings), i) for i in range(repeats)])
    return np.mean((ends[:, 0] <= truth) & (truth <= ends[:, 1])), np.diff(ends).mean()


@repeats(100, 300)
@pytest.mark.parametrize("wells", [4, 8, 24])
def test_the_interval_over_wells_covers_the_truth_as_often_as_it_says_and_that_over_cells_does_not(wells, repeats):
    rng = np.random.default_rng(wells)
    over_wells = over_cells = 0
    for trial in range(repeats):
        labels, predicted, names = clustered(rng, wells)
        low, high = metrics.bootstrap_interval(labels, predicted, names, resamples=400, seed=trial)
        over_wells += low <= 0.1 <= high
        low, high = metrics.bootstrap_interval(labels, predicted, None, resamples=400, seed=trial)
        over_cells += low <= 0.1 <= high
    assert -4 < off(over_wells / repeats, 0.95, repeats) < 2.5
    assert off(over_cells / repeats, 0.95, repeats) < -3


def test_the_interval_is_that_of_drawing_wells_one_by_one():
    labels, predicted, names = clustered(np.random.default_rng(0), 6)
    rng, slow = np.random.default_rng(1), []
    hits = [[predicted[names == well] == label for well in np.unique(names[labels == label])] for label in range(7)]
    for _ in range(1500):
        drawn = [[wells[i] for i in rng.choice(len(wells), len(wells) - 1)] for wells in hits]
        slow.append(1 - np.mean([np.concatenate(wells).mean() for wells in drawn]))
    fast = metrics.bootstrap_interval(labels, predicted, names, resamples=20_000)
    np.testing.assert_allclose(fast, np.percentile(slow, (2.5, 97.5)), atol=0.004)


@pytest.mark.filterwarnings("error")
def test_one_well_a_class_is_no_basis_for_an_interval():
    labels, first, second, _ = twins(np.random.default_rng(0))
    alone = labels.astype(str)
    assert np.isnan(metrics.bootstrap_interval(labels, first, alone)).all()
    assert np.isnan(metrics.difference_interval(labels, first, second, alone)).all()
    assert np.isfinite(metrics.bootstrap_interval(labels, first, None)).all()
    errors = metrics.resampled_errors(labels, first, alone, 50)
    assert errors[0] == pytest.approx(metrics.balanced_error(labels, first)) and np.isnan(errors[1:]).all()


@repeats(150, 700)
@pytest.mark.parametrize("wells", [12, 24])
def test_the_interval_of_a_difference_covers_the_truth_and_is_narrower_than_that_of_unpaired_models(wells, repeats):
    def paired(labels, first, second, well, seed):
        return metrics.difference_interval(labels, first, second, well, resamples=400, seed=seed)

    def unpaired(labels, first, second, well, seed):
        one = metrics.resampled_errors(labels, first, well, 400, seed)[1:]
        other = metrics.resampled_errors(labels, second, well, 400, seed + 999)[1:]
        return np.percentile(one - other, (2.5, 97.5))

    share, width = covered(paired, ERRORS[0] - ERRORS[1], repeats, wells=wells)
    assert -4 < off(share, 0.95, repeats) < 4
    assert width < 0.9 * covered(unpaired, 0, 30, wells=wells)[1]


def test_the_interval_of_a_difference_is_nothing_for_one_model_and_changes_its_sign_with_their_order():
    labels, first, second, well = twins(np.random.default_rng(0))
    assert metrics.difference_interval(labels, first, first, well) == (0, 0)
    assert metrics.difference_interval(labels, first, first) == (0, 0)
    low, high = metrics.difference_interval(labels, first, second, well)
    lists = (values.tolist() for values in (labels, first, second, well))
    assert metrics.difference_interval(*lists) == (low, high)
    assert low < metrics.difference_interval(labels, first, second, well, level=0.5)[0]
    assert metrics.difference_interval(labels, second, first, well) == pytest.approx((-high, -low))
    assert low < metrics.balanced_error(labels, first) - metrics.balanced_error(labels, second) < high


@pytest.mark.parametrize("known", [True, False])
def test_models_of_the_same_cells_share_every_draw(known):
    """So what both get wrong cancels in every draw, and a difference is surer than either model."""
    labels, first, second, well = twins(np.random.default_rng(0))
    well = well if known else None
    draws = metrics.resampled_sensitivities(labels, np.array([first, second, first]), 3, well, 300)
    assert draws.shape == (3, 301, 3)
    np.testing.assert_array_equal(draws[0] - draws[2], 0)
    for model, predicted in zip(draws, (first, second), strict=False):
        np.testing.assert_allclose(model[0], metrics.sensitivities(labels, predicted, 3))
        if known:  # of cells, those that all models name alike are drawn together, so that others come out alone
            alone = metrics.resampled_sensitivities(labels, predicted, 3, well, 300)
            np.testing.assert_allclose(model, alone, rtol=1e-12)
    errors = metrics.resampled_errors(labels, np.array([first, second, first]), well, 300)
    np.testing.assert_allclose(errors, 1 - draws.mean(-1))
    np.testing.assert_array_equal(errors, metrics.resampled_errors(labels, np.array([first, second, first]), well, 300))
    unpaired = metrics.resampled_sensitivities(labels, second, 3, well, 300, seed=1)
    assert not known or (np.std(draws[0] - draws[1], axis=0) < np.std(draws[0] - unpaired, axis=0)).all()


def test_without_wells_the_draws_are_those_of_cells():
    labels, first, second, _ = twins(np.random.default_rng(1), wells=2)
    models = np.array([first, second])
    rng, slow = np.random.default_rng(0), []
    for _ in range(2000):
        cells = [rng.choice(np.flatnonzero(labels == k), np.sum(labels == k) - 1) for k in range(3)]
        slow.append([[np.mean(model[mine] == k) for k, mine in enumerate(cells)] for model in models])
    slow = np.moveaxis(slow, 1, 0)
    fast = metrics.resampled_sensitivities(labels, models, 3, None, 20_000)[:, 1:]
    expected, found = (np.mean(np.prod(draws - draws.mean(1, keepdims=True), axis=0), axis=0) for draws in (slow, fast))
    np.testing.assert_allclose(found, expected, atol=4e-4)
    np.testing.assert_allclose(fast.mean(1), slow.mean(1), atol=0.01)
    np.testing.assert_allclose(fast.std(1), slow.std(1), rtol=0.08)


@pytest.mark.filterwarnings("error")
def test_a_sensitivity_without_cells_or_with_one_well_has_no_interval():
    labels = np.repeat([0, 1, 3], 20)
    predicted, well = np.where(np.arange(60) % 4, labels, 2), np.repeat(["a", "b", "c", "c", "e", "f"], 10)
    ends = metrics.sensitivity_intervals(labels, predicted, 5, well)
    assert ends.shape == (5, 2)
    assert np.isfinite(ends[[0, 3]]).all() and np.isnan(ends[[1, 2, 4]]).all()
    over_cells = metrics.sensitivity_intervals(labels, predicted, 5)
    assert np.isfinite(over_cells[[0, 1, 3]]).all() and np.isnan(over_cells[[2, 4]]).all()


@pytest.mark.parametrize("known", [True, False])
def test_2000_draws_of_30772_predictions_take_little_memory(known):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 7, 30_772)
    predicted = np.where(rng.random((12, len(labels))) < 0.9, labels, rng.integers(0, 7, len(labels)))
    well = np.char.mod("plate/%d", rng.integers(0, 60, len(labels))) if known else None
    tracemalloc.start()
    try:
        one = metrics.resampled_errors(labels, predicted[0], well, 2000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert one.shape == (2001,) and peak < 30e6
    assert metrics.resampled_errors(labels, predicted, well, 2000).shape == (12, 2001)


@pytest.mark.parametrize(
    "labels, predicted, wells, resamples",
    [
        (SOUND, SOUND[:2], None, 9),
        (SOUND, SOUND, ["a", "b"], 9),
        (SOUND, np.array([0, 1, 3]), None, 9),
        (SOUND, SOUND, None, 0),
    ],
)
def test_what_cannot_be_drawn_is_refused(labels, predicted, wells, resamples):
    with pytest.raises(ValueError, match="found"):
        metrics.resampled_sensitivities(labels, predicted, 3, wells, resamples)


@pytest.mark.parametrize("level", [95, 0, 1, -0.5, np.nan, "0.95", None, True])
def test_a_level_is_a_share_and_no_percentage(level):
    with pytest.raises(ValueError, match="level: found .*; expected a number from"):
        metrics.bootstrap_interval(SOUND, SOUND, resamples=9, level=level)


@pytest.mark.parametrize("labels", [np.array([0, 1, 1_000_003]), np.array([0, 1, -1])])
def test_labels_that_no_class_has_are_refused_before_memory_is_filled(labels):
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="labels: found values from .*; expected .* whole numbers .* 0 to 999"):
            metrics.resampled_errors(labels, SOUND)
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("wells", [["a", None, "b"], ["a", np.nan, "b"], np.array([1.0, np.nan, 2]), ["a", "b"], "abc"])
def test_a_cell_without_a_well_is_refused(wells):
    with pytest.raises(ValueError, match="wells: found .*; expected .* names"):
        metrics.bootstrap_interval(SOUND, SOUND, wells)


def test_what_would_fill_the_memory_is_refused_and_masked_values_are_not_used():
    labels, wells = np.arange(2000) % 4, np.arange(2000)
    for draw in (
        lambda: metrics.bootstrap_interval(labels, labels, wells, resamples=10**6),
        lambda: metrics.resampled_sensitivities(labels, labels, 1000, resamples=10**6),
    ):
        with pytest.raises(ValueError, match=r"found 1,000,000 draws x .*; expected a product of at most 100,000,000"):
            draw()
    with pytest.raises(ValueError, match="labels: found masked values"):
        metrics.bootstrap_interval(np.ma.array(labels, mask=labels == 1), labels)
