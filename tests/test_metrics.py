"""What must hold of the scores: equal to scikit-learn's, and honest about classes that are absent."""

import numpy as np
import pytest
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
