"""What must hold of the scores: equal to scikit-learn's, and honest about classes that are absent."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, recall_score

from coos_helpers import metrics

SOUND = np.array([0, 1, 2])


def case(seed):
    """Draw labels and predictions of up to 9 classes, right more often than not, uneven in number."""
    rng = np.random.default_rng(seed)
    k, n = rng.integers(2, 10), rng.integers(20, 400)
    labels = np.r_[np.arange(k), rng.choice(k, n, p=rng.dirichlet(np.ones(k)))]
    predicted = np.where(rng.random(len(labels)) < 0.6, labels, rng.integers(0, k, len(labels)))
    return labels, predicted, int(k)


@pytest.mark.parametrize("seed", range(8))
def test_scores_are_scikit_learns(seed):
    labels, predicted, k = case(seed)
    counts = metrics.confusion_matrix(labels, predicted, k)
    assert counts.dtype == np.int64
    np.testing.assert_array_equal(counts, confusion_matrix(labels, predicted, labels=range(k)))
    shares = confusion_matrix(labels, predicted, labels=range(k), normalize="true")
    np.testing.assert_allclose(metrics.confusion_matrix(labels, predicted, k, normalize=True), shares, rtol=1e-12)
    recall = recall_score(labels, predicted, average=None)
    np.testing.assert_allclose(metrics.sensitivities(labels, predicted, k), recall, rtol=1e-12)
    assert metrics.balanced_error(labels, predicted) == pytest.approx(1 - balanced_accuracy_score(labels, predicted))
    np.fill_diagonal(shares, 0)
    found = metrics.common_errors(labels, predicted, k, n=5)
    assert [share for *_, share in found] == pytest.approx([s for s in np.sort(shares.ravel())[::-1][:5] if s > 0])
    assert all(shares[true, called] == pytest.approx(share) for true, called, share in found)


@pytest.mark.filterwarnings("error")
def test_an_absent_class_is_nan_and_neither_averaged_as_zero_nor_warned_of():
    labels, predicted = np.array([0, 0, 2, 2]), np.array([0, 0, 2, 1])
    np.testing.assert_array_equal(metrics.sensitivities(labels, predicted, 5), [1, np.nan, 0.5, np.nan, np.nan])
    shares = metrics.confusion_matrix(labels, predicted, 4, normalize=True)
    assert shares.dtype == np.float64 and shares[[0, 2]].tolist() == [[1, 0, 0, 0], [0, 0.5, 0.5, 0]]
    assert np.isnan(shares[[1, 3]]).all()
    assert metrics.balanced_error(labels, predicted) == pytest.approx(0.25)
    assert metrics.common_errors(np.array([0, 0]), np.array([2, 0]), 4) == [(0, 2, 0.5)]


def test_absent_classes_are_named():
    names = ("ER", "IMM", "Golgi", "Cytosol")
    assert metrics.absent_classes(np.array([2, 0, 2]), names) == ["IMM", "Cytosol"]
    assert metrics.absent_classes(np.arange(4), names) == []
    assert metrics.absent_classes(np.array([], int), names) == list(names)


@pytest.mark.parametrize(
    "labels, predicted, words",
    [
        ([], [], "found .*; expected"),
        (SOUND[:0], SOUND[:0], "at least one cell"),
        (SOUND, SOUND[:2], "found 3 labels and 2 predictions; expected as many"),
        (SOUND, np.eye(3), r"predicted: found .*\(3, 3\) and type float64; expected .*argmax"),
        (SOUND, SOUND.astype(float), "predicted: found .*float64; expected .* whole numbers"),
        (np.array(["ER"] * 3), SOUND, "labels: found .*; expected .* whole numbers"),
        (SOUND, SOUND - 1, "predicted: found values from -1 to 1; expected .* whole numbers .* from 0 to"),
        (SOUND - 1, SOUND, "labels: found values from -1 to 1; expected .* whole numbers .* from 0 to"),
    ],
)
def test_what_cannot_be_scored_is_refused(labels, predicted, words):
    with pytest.raises(ValueError, match=words):
        metrics.balanced_error(labels, predicted)
    with pytest.raises(ValueError, match=words):
        metrics.sensitivities(labels, predicted, 3)
    with pytest.raises(
        ValueError, match="predicted: found values from 0 to 3; expected .* whole numbers .* from 0 to 2"
    ):
        metrics.confusion_matrix(np.array([0, 1], "u1"), np.array([0, 3]), 3)


def test_the_most_common_errors_by_hand():
    labels = np.repeat([0, 1, 2], [100, 10, 4])
    predicted = np.r_[[1] * 30, [2] * 10, [0] * 60, [0] * 4, [1] * 6, [2] * 4]
    assert metrics.common_errors(labels, predicted, 3) == [(1, 0, 0.4), (0, 1, 0.3)]
    assert metrics.common_errors(labels, predicted, 3, n=9) == [(1, 0, 0.4), (0, 1, 0.3), (0, 2, 0.1)]
    assert metrics.common_errors(labels, labels, 3) == []
