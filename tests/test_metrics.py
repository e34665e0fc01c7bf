"""What must hold of the scores: equal to scikit-learn's, and honest about classes that are absent."""

import tracemalloc

import numpy as np
import pytest
from scipy.stats import beta
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, recall_score

from coos_helpers import metrics


def case(seed):
    """Draw labels and predictions of up to 9 classes, right more often than not, uneven in number."""
    rng = np.random.default_rng(seed)
    k, n = rng.integers(2, 10), rng.integers(20, 400)
    labels = np.r_[np.arange(k), rng.choice(k, n, p=rng.dirichlet(np.ones(k)))]
    predicted = np.where(rng.random(len(labels)) < 0.6, labels, rng.integers(0, k, len(labels)))
    return labels, predicted, int(k)


@pytest.mark.parametrize("seed", range(25))
def test_scores_are_scikit_learns(seed):
    labels, predicted, k = case(seed)
    np.testing.assert_array_equal(
        metrics.confusion_matrix(labels, predicted, k), confusion_matrix(labels, predicted, labels=range(k))
    )
    np.testing.assert_allclose(
        metrics.sensitivities(labels, predicted, k), recall_score(labels, predicted, average=None), rtol=1e-12
    )
    assert metrics.balanced_error(labels, predicted) == pytest.approx(1 - balanced_accuracy_score(labels, predicted))


def test_a_case_counted_by_hand():
    labels, predicted = np.array([0, 0, 0, 0, 1, 1, 2]), np.array([0, 0, 0, 1, 1, 2, 2])
    assert metrics.confusion_matrix(labels, predicted, 3).tolist() == [[3, 1, 0], [0, 1, 1], [0, 0, 1]]
    assert metrics.sensitivities(labels, predicted, 3).tolist() == [0.75, 0.5, 1.0]
    assert metrics.balanced_error(labels, predicted) == pytest.approx(0.25)


def test_rows_are_true_classes_and_columns_predicted_ones():
    assert metrics.confusion_matrix(np.array([0]), np.array([2]), 3)[0, 2] == 1


def test_every_class_counts_the_same_however_many_cells_it_has():
    labels = np.repeat([0, 1], [990, 10])
    assert metrics.balanced_error(labels, np.zeros(1000, int)) == pytest.approx(0.5)


@pytest.mark.parametrize("k", [2, 5, 7])
def test_right_predictions_err_by_nothing_and_one_answer_for_all_by_chance(k):
    labels = np.arange(70) % k
    assert metrics.balanced_error(labels, labels) == 0
    assert metrics.balanced_error(labels, np.full(70, k - 1)) == pytest.approx(1 - 1 / k)
    assert metrics.balanced_error(labels, (labels + 1) % k) == 1


def test_an_absent_class_is_nan_and_not_averaged_as_zero():
    labels, predicted = np.array([0, 0, 2, 2]), np.array([0, 0, 2, 1])
    np.testing.assert_array_equal(metrics.sensitivities(labels, predicted, 5), [1, np.nan, 0.5, np.nan, np.nan])
    assert metrics.balanced_error(labels, predicted) == pytest.approx(0.25)


@pytest.mark.filterwarnings("error")
def test_absent_classes_bring_no_warning():
    assert metrics.balanced_error(np.array([6, 6]), np.array([6, 0])) == 0.5


def test_absent_classes_are_named():
    names = ("ER", "IMM", "Golgi", "Cytosol")
    assert metrics.absent_classes(np.array([2, 0, 2]), names) == ["IMM", "Cytosol"]
    assert metrics.absent_classes(np.arange(4), names) == []
    assert metrics.absent_classes(np.array([], int), names) == list(names)


@pytest.mark.parametrize("dtype", ["u1", "i1", ">i4", "u8"])
def test_any_whole_type_will_do(dtype):
    labels, predicted, k = case(0)
    counts = metrics.confusion_matrix(labels.astype(dtype), predicted.astype(dtype), k)
    np.testing.assert_array_equal(counts, confusion_matrix(labels, predicted))
    assert counts.dtype == np.int64


SOUND = np.array([0, 1, 2])


@pytest.mark.parametrize(
    "labels, predicted, words",
    [
        ([], [], "found .*; expected"),
        (SOUND, SOUND[:2], "found 3 labels and 2 predictions; expected as many"),
        (SOUND, np.eye(3), r"predicted: found .*\(3, 3\) and type float64; expected .*argmax"),
        (SOUND, SOUND.astype(float), "predicted: found .*float64; expected .* whole numbers"),
        (np.array(["ER"] * 3), SOUND, "labels: found .*; expected .* whole numbers"),
        (SOUND, SOUND - 1, "predicted: found classes from -1 to 1; expected 0 to"),
        (SOUND - 1, SOUND, "labels: found classes from -1 to 1; expected 0 to"),
    ],
)
def test_what_cannot_be_scored_is_refused(labels, predicted, words):
    with pytest.raises(ValueError, match=words):
        metrics.balanced_error(labels, predicted)
    with pytest.raises(ValueError, match=words):
        metrics.sensitivities(labels, predicted, 3)


def test_no_cells_are_refused():
    with pytest.raises(ValueError, match="at least one cell"):
        metrics.balanced_error(np.array([], int), np.array([], int))


def test_a_class_beyond_their_number_is_refused():
    with pytest.raises(ValueError, match="predicted: found classes from 0 to 3; expected 0 to 2"):
        metrics.confusion_matrix(np.array([0, 1]), np.array([0, 3]), 3)


def clustered(rng, wells, n_classes=7, cells=30):
    """Draw cells whose chance of being recognised varies from well to well (mean 0.9)."""
    labels, right, names = [], [], []
    for label in range(n_classes):
        for well in range(wells):
            n = rng.poisson(cells) + 1
            labels += [label] * n
            right += list(rng.random(n) < rng.beta(18, 2))
            names += [f"{label}-{well}"] * n
    labels = np.array(labels)
    return labels, np.where(right, labels, (labels + 1) % n_classes), np.array(names)


@pytest.mark.parametrize("wells", [4, 8, 24])
def test_the_interval_over_wells_covers_the_truth_as_often_as_it_says_and_that_over_cells_does_not(wells):
    rng = np.random.default_rng(wells)
    over_wells = over_cells = 0
    for trial in range(300):
        labels, predicted, names = clustered(rng, wells)
        low, high = metrics.bootstrap_interval(labels, predicted, names, resamples=400, seed=trial)
        over_wells += low <= 0.1 <= high
        low, high = metrics.bootstrap_interval(labels, predicted, None, resamples=400, seed=trial)
        over_cells += low <= 0.1 <= high
    assert 0.90 <= over_wells / 300 <= 0.98  # 0.95, less two standard errors of this test
    assert over_cells / 300 < 0.88


def test_the_interval_is_that_of_drawing_wells_one_by_one():
    labels, predicted, names = clustered(np.random.default_rng(0), 6)
    rng, slow = np.random.default_rng(1), []
    for _ in range(1500):
        sensitivities = []
        for label in range(7):
            wells = np.unique(names[labels == label])
            cells = np.concatenate([np.flatnonzero(names == well) for well in rng.choice(wells, len(wells) - 1)])
            sensitivities.append(np.mean(predicted[cells] == label))
        slow.append(1 - np.mean(sensitivities))
    fast = metrics.bootstrap_interval(labels, predicted, names, resamples=20_000)
    np.testing.assert_allclose(fast, np.percentile(slow, (2.5, 97.5)), atol=0.004)


def test_a_class_with_one_well_is_held_fixed():
    labels, predicted, names = clustered(np.random.default_rng(3), 4)
    alone = np.where(labels == 0, "0-0", names)
    narrow, wide = (np.diff(metrics.bootstrap_interval(labels, predicted, w))[0] for w in (alone, names))
    assert 0 < narrow < wide


def test_one_well_a_class_is_no_basis_for_an_interval():
    labels, predicted, names = clustered(np.random.default_rng(3), 1)
    assert np.isnan(metrics.bootstrap_interval(labels, predicted, names)).all()
    assert np.isfinite(metrics.bootstrap_interval(labels, predicted, None)).all()


def test_resampled_errors_begin_with_the_error_itself_and_pair_by_seed():
    labels, predicted, names = clustered(np.random.default_rng(4), 5)
    draws = metrics.resampled_errors(labels, predicted, names, 50)
    assert draws.shape == (51,) and draws[0] == pytest.approx(metrics.balanced_error(labels, predicted))
    np.testing.assert_array_equal(draws, metrics.resampled_errors(labels, predicted, names, 50))
    perfect = metrics.resampled_errors(labels, labels, names, 50)
    np.testing.assert_allclose(perfect, 0, atol=1e-12)


def twins(rng, wells=24, n_classes=3, cells=16, quality=((18, 2), (12, 3))):
    """Draw what two models say of the same cells: each recognises a well's cells with its own chance, from one luck."""
    luck = rng.random((n_classes, wells))
    well = np.repeat(np.arange(n_classes * wells), rng.integers(cells // 2, cells * 3 // 2, n_classes * wells))
    labels = well // wells
    said = [beta.ppf(luck, a, b).ravel()[well] > rng.random(len(well)) for a, b in quality]
    first, second = (np.where(right, labels, (labels + 1) % n_classes) for right in said)
    return labels, first, second, well


#: What `twins` say wrongly in the long run.
ERRORS = (0.1, 0.2)


def covered(interval, truth, repeats, **settings):
    """Draw twins many times, and say how often the interval has the truth in it, and how wide it is on average."""
    ends = np.array([interval(*twins(np.random.default_rng([9, i]), **settings), i) for i in range(repeats)])
    return np.mean((ends[:, 0] <= truth) & (truth <= ends[:, 1])), np.diff(ends).mean()


def test_with_24_wells_a_class_95_percent_are_92_to_98():
    def interval(labels, first, _, well, seed):
        return metrics.bootstrap_interval(labels, first, well, resamples=500, seed=seed)

    share, _ = covered(interval, ERRORS[0], 1000)
    assert 0.92 <= share <= 0.98


@pytest.mark.parametrize("wells", [12, 24])
def test_the_interval_of_a_difference_covers_the_truth_and_is_narrower_than_that_of_unpaired_models(wells):
    def paired(labels, first, second, well, seed):
        return metrics.difference_interval(labels, first, second, well, resamples=400, seed=seed)

    def unpaired(labels, first, second, well, seed):
        one = metrics.resampled_errors(labels, first, well, 400, seed)[1:]
        other = metrics.resampled_errors(labels, second, well, 400, seed + 999)[1:]
        return np.percentile(one - other, (2.5, 97.5))

    share, width = covered(paired, ERRORS[0] - ERRORS[1], 700, wells=wells)
    assert 0.92 <= share <= 0.98
    assert width < 0.9 * covered(unpaired, 0, 60, wells=wells)[1]


def test_a_model_differs_from_itself_by_nothing():
    labels, first, _, well = twins(np.random.default_rng(0))
    assert metrics.difference_interval(labels, first, first, well) == (0, 0)
    assert metrics.difference_interval(labels, first, first) == (0, 0)


def test_the_interval_of_a_difference_changes_its_sign_with_the_order_of_the_models():
    labels, first, second, well = twins(np.random.default_rng(0))
    low, high = metrics.difference_interval(labels, first, second, well)
    assert metrics.difference_interval(labels, second, first, well) == pytest.approx((-high, -low))
    assert low < metrics.balanced_error(labels, first) - metrics.balanced_error(labels, second) < high


@pytest.mark.filterwarnings("error")
def test_one_well_a_class_is_no_basis_for_the_interval_of_a_difference():
    labels, first, second, _ = twins(np.random.default_rng(0))
    assert np.isnan(metrics.difference_interval(labels, first, second, labels.astype(str))).all()


@pytest.mark.parametrize("known", [True, False])
def test_models_of_the_same_cells_share_every_draw(known):
    labels, first, second, well = twins(np.random.default_rng(0))
    well = well if known else None
    draws = metrics.resampled_sensitivities(labels, np.array([first, second, first]), 3, well, 300)
    assert draws.shape == (3, 301, 3)
    np.testing.assert_array_equal(draws[0] - draws[2], 0)
    for model, predicted in enumerate((first, second)):
        np.testing.assert_allclose(draws[model, 0], metrics.sensitivities(labels, predicted, 3))
    unpaired = metrics.resampled_sensitivities(labels, second, 3, well, 300, seed=1)
    narrower = np.std(draws[0] - draws[1], axis=0) < np.std(draws[0] - unpaired, axis=0)
    assert narrower.all() or not known


def test_each_model_of_a_stack_has_the_draws_that_it_has_alone():
    labels, first, second, well = twins(np.random.default_rng(0))
    stack = metrics.resampled_sensitivities(labels, np.array([first, second]), 3, well, 100, seed=4)
    for together, predicted in zip(stack, (first, second), strict=True):
        alone = metrics.resampled_sensitivities(labels, predicted, 3, well, 100, seed=4)
        assert alone.shape == (101, 3)
        np.testing.assert_allclose(together, alone, rtol=1e-12)
    errors = metrics.resampled_errors(labels, np.array([first, second]), well, 100, seed=4)
    np.testing.assert_allclose(errors, 1 - stack.mean(-1))


@pytest.mark.parametrize("stacked", [True, False])
def test_without_wells_the_draws_are_those_of_cells(stacked):
    labels, first, second, _ = twins(np.random.default_rng(1), wells=2)
    models = np.array([first, second])
    rng, slow = np.random.default_rng(0), []
    for _ in range(3000):
        cells = [rng.choice(np.flatnonzero(labels == k), np.sum(labels == k) - 1) for k in range(3)]
        slow.append([[np.mean(model[mine] == k) for k, mine in enumerate(cells)] for model in models])
    slow = np.moveaxis(slow, 1, 0)
    if stacked:
        fast = metrics.resampled_sensitivities(labels, models, 3, None, 20_000)[:, 1:]
        expected = np.mean((slow[0] - slow[0].mean(0)) * (slow[1] - slow[1].mean(0)), axis=0)
        found = np.mean((fast[0] - fast[0].mean(0)) * (fast[1] - fast[1].mean(0)), axis=0)
        np.testing.assert_allclose(found, expected, atol=4e-4)
    else:
        fast = np.array([metrics.resampled_sensitivities(labels, model, 3, None, 20_000)[1:] for model in models])
    np.testing.assert_allclose(fast.mean(1), slow.mean(1), atol=0.01)
    np.testing.assert_allclose(fast.std(1), slow.std(1), rtol=0.08)


def test_draws_of_wells_vary_as_means_of_so_many_wells_do():
    rng = np.random.default_rng(0)
    rates = rng.integers(0, 11, 5) / 10
    predicted = np.concatenate([np.arange(10) >= 10 * rate for rate in rates]).astype(int)
    draws = metrics.resampled_sensitivities(np.zeros(50, int), predicted, 2, np.repeat(list("abcde"), 10), 40_000)
    assert draws[0, 0] == pytest.approx(rates.mean()) and np.isnan(draws[:, 1]).all()
    assert draws[1:, 0].var() == pytest.approx(rates.var(ddof=1) / 5, rel=0.05)


def test_the_interval_of_each_sensitivity_covers_the_truth():
    hits, repeats = np.zeros(3), 500
    for i in range(repeats):
        labels, predicted, _, well = twins(np.random.default_rng([11, i]))
        low, high = metrics.sensitivity_intervals(labels, predicted, 3, well, 400, seed=i).T
        hits += (low <= 0.9) & (0.9 <= high)
    assert (hits / repeats > 0.89).all() and 0.91 <= hits.mean() / repeats <= 0.98


@pytest.mark.filterwarnings("error")
def test_a_sensitivity_without_cells_or_with_one_well_has_no_interval():
    labels = np.repeat([0, 1, 3], 20)
    predicted, well = np.where(np.arange(60) % 4, labels, 2), np.repeat(["a", "b", "c", "c", "e", "f"], 10)
    ends = metrics.sensitivity_intervals(labels, predicted, 5, well)
    assert ends.shape == (5, 2)
    assert np.isfinite(ends[[0, 3]]).all() and np.isnan(ends[[1, 2, 4]]).all()
    over_cells = metrics.sensitivity_intervals(labels, predicted, 5)
    assert np.isfinite(over_cells[[0, 1, 3]]).all() and np.isnan(over_cells[[2, 4]]).all()


def test_an_interval_of_a_lower_level_is_narrower():
    labels, first, _, well = twins(np.random.default_rng(0))
    wide, narrow = (metrics.sensitivity_intervals(labels, first, 3, well, level=level) for level in (0.95, 0.5))
    assert (np.diff(narrow) < np.diff(wide)).all()


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
    "labels, predicted, wells",
    [
        (SOUND, SOUND[:2], None),
        (SOUND, SOUND, ["a", "b"]),
        (SOUND[:0], SOUND[:0], None),
        (SOUND, np.array([0, 1, 3]), None),
        (SOUND - 1, SOUND, None),
        (SOUND, SOUND.astype(float), None),
    ],
)
def test_what_cannot_be_drawn_is_refused(labels, predicted, wells):
    with pytest.raises(ValueError, match="found"):
        metrics.resampled_sensitivities(labels, predicted, 3, wells)


def test_no_draws_are_refused():
    with pytest.raises(ValueError, match="found resamples=0; expected at least one"):
        metrics.bootstrap_interval(SOUND, SOUND, resamples=0)


def test_lists_have_the_intervals_of_arrays():
    labels, wells = np.repeat([0, 1], 6), np.tile([0, 1, 2], 4)
    predicted = np.where(np.arange(12) % 5, labels, 1 - labels)
    intervals = metrics.sensitivity_intervals(labels, predicted, 2, wells)
    lists = metrics.sensitivity_intervals(labels.tolist(), predicted.tolist(), 2, wells.tolist())
    np.testing.assert_array_equal(lists, intervals)


def test_the_most_common_errors_by_hand():
    labels = np.repeat([0, 1, 2], [100, 10, 4])
    predicted = np.r_[[1] * 30, [2] * 10, [0] * 60, [0] * 4, [1] * 6, [2] * 4]
    assert metrics.common_errors(labels, predicted, 3) == [(1, 0, 0.4), (0, 1, 0.3)]
    assert metrics.common_errors(labels, predicted, 3, n=9) == [(1, 0, 0.4), (0, 1, 0.3), (0, 2, 0.1)]
    assert metrics.common_errors(labels, labels, 3) == []


@pytest.mark.filterwarnings("error")
def test_an_absent_class_has_no_common_errors():
    assert metrics.common_errors(np.array([0, 0]), np.array([2, 0]), 4) == [(0, 2, 0.5)]


@pytest.mark.parametrize("seed", range(5))
def test_the_most_common_errors_are_the_largest_shares_off_the_diagonal(seed):
    labels, predicted, k = case(seed)
    shares = confusion_matrix(labels, predicted, labels=range(k), normalize="true")
    np.fill_diagonal(shares, 0)
    found = metrics.common_errors(labels, predicted, k, n=5)
    assert [share for *_, share in found] == pytest.approx([s for s in np.sort(shares.ravel())[::-1][:5] if s > 0])
    assert all(shares[true, called] == pytest.approx(share) for true, called, share in found)
