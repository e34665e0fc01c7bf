"""What must hold of confidences: errors of calibration as defined, and answers in the order of how sure they are."""

import numpy as np
import pytest

from coos_helpers import metrics


def case(seed, n=None, k=None, rounded=None):
    """Draw scores of up to 9 classes, the classes with the highest of them, and labels that agree now and then."""
    rng = np.random.default_rng(seed)
    n, k = n or rng.integers(1, 400), k or rng.integers(2, 10)
    scores = rng.dirichlet(np.full(k, 0.5), n)
    if rounded is not None:
        scores = np.round(scores, rounded)
    predicted = scores.argmax(1)
    labels = np.where(rng.random(n) < 0.6, predicted, rng.integers(0, k, n))
    return labels, predicted, scores


def calibrated(seed, n=20_000, k=5):
    """Draw labels with just the probabilities that the scores claim."""
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet(np.ones(k), n)
    labels = (rng.random(n)[:, None] > scores.cumsum(1)).sum(1).clip(0, k - 1)
    return labels, scores.argmax(1), scores


def sure(values, right):
    """Make two-class answers, all 0, with these confidences, right or wrong."""
    values = np.asarray(values, float)
    return np.where(right, 0, 1), np.zeros(len(values), int), np.column_stack([values, 1 - values])


def slow_calibration_error(labels, predicted, scores, bins):
    """Sum over bins, cell by cell: how far accuracy and confidence lie apart, by the share of cells."""
    inside = {}
    for label, answer, row in zip(labels, predicted, scores, strict=True):
        inside.setdefault(max(np.ceil(row[answer] * bins), 1), []).append((label == answer) - row[answer])
    return sum(abs(sum(gaps)) for gaps in inside.values()) / len(labels)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("bins", [1, 10, 15])
def test_the_calibration_error_is_that_of_the_direct_form(seed, bins):
    labels, predicted, scores = case(seed)
    found = metrics.expected_calibration_error(labels, predicted, scores, bins)
    assert found == pytest.approx(slow_calibration_error(labels, predicted, scores, bins))
    other = np.random.default_rng(seed).integers(0, scores.shape[1], len(labels))  # not the class of the highest score
    found = metrics.expected_calibration_error(labels, other, scores, bins)
    assert found == pytest.approx(slow_calibration_error(labels, other, scores, bins))


def test_bins_are_closed_on_the_right():
    values, right = [0.0, 0.25, 0.26, 0.5, 0.75, 1.0], [True, False, True, True, False, True]
    claimed, accuracy, share = metrics.reliability_curve(*sure(values, right), bins=4)
    assert claimed == pytest.approx([0.125, 0.38, 0.75, 1.0])
    assert accuracy == pytest.approx([0.5, 1.0, 0.0, 1.0])
    assert share == pytest.approx([2 / 6, 2 / 6, 1 / 6, 1 / 6])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value, place", [(0.0, 0), (1.0, -1)])
@pytest.mark.parametrize("right", [True, False])
def test_sure_and_unsure_to_the_utmost_fall_into_the_outermost_bins(value, place, right):
    claimed, accuracy, share = metrics.reliability_curve(*sure([value] * 5, [right] * 5))
    assert (claimed[place], accuracy[place], share[place]) == (value, right, 1)
    assert np.isnan(np.delete(claimed, place % 15)).all() and np.isnan(np.delete(accuracy, place % 15)).all()
    assert metrics.expected_calibration_error(*sure([value] * 5, [right] * 5)) == abs(right - value)


@pytest.mark.parametrize("seed", range(3))
def test_scores_that_keep_what_they_promise_have_no_calibration_error_and_overconfident_ones_have(seed):
    labels, predicted, scores = calibrated(seed)
    assert metrics.expected_calibration_error(labels, predicted, scores) < 0.02
    bold = scores**3 / (scores**3).sum(1, keepdims=True)
    assert metrics.expected_calibration_error(labels, predicted, bold) > 0.1
    claimed, accuracy, share = metrics.reliability_curve(labels, predicted, bold)
    assert (claimed > accuracy)[share > 0.02].all()


@pytest.mark.parametrize("seed", range(5))
def test_without_ties_the_surest_cells_answer(seed):
    labels, predicted, scores = case(seed, n=200)
    order = np.argsort(-scores.max(1))
    right = (labels == predicted)[order]
    expected = [right[:n].mean() for n in (1, 20, 100, 199, 200)]
    found = metrics.selective_accuracy(labels, predicted, scores, np.array([1, 20, 100, 199, 200]) / 200)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
def test_ties_count_as_if_they_were_broken_at_random(seed):
    labels, predicted, scores = case(seed, n=60, k=3, rounded=1)
    rng, right, many = np.random.default_rng(seed), labels == predicted, 4000
    order = np.array([np.lexsort((rng.random(60), -scores.max(1))) for _ in range(many)])
    answered = np.array([3, 10, 25, 40, 60])
    accuracies = right[order].cumsum(1)[:, answered - 1] / answered
    found = metrics.selective_accuracy(labels, predicted, scores, answered / 60)
    turned = metrics.selective_accuracy(labels[::-1], predicted[::-1], scores[::-1], answered / 60)
    assert found == pytest.approx(turned) and found[-1] == pytest.approx(right.mean())
    assert (np.abs(found - accuracies.mean(0)) <= 4 * accuracies.std(0) / np.sqrt(many) + 1e-9).all()


def test_the_surest_errors_come_first_and_no_others():
    labels = np.array([0, 0, 0, 1, 0, 0, 2])
    predicted = np.array([1, 0, 1, 1, 1, 2, 1])
    scores = np.array([0.5, 0.9, 0.8, 0.99, 0.6, 0.9, 0.99])[:, None] * (predicted[:, None] == np.arange(3))
    assert metrics.confident_errors(labels, predicted, scores, 0, 1).tolist() == [2, 4, 0]
    assert metrics.confident_errors(labels, predicted, scores, 0, 1, n=2).tolist() == [2, 4]
    assert metrics.confident_errors(labels, predicted, scores, 0, 2).tolist() == [5]
    assert metrics.confident_errors(labels, predicted, scores, 1, 0).tolist() == []
    assert metrics.confident_errors([0] * 12, [1] * 12, np.full((12, 2), 0.5), 0, 1).tolist() == list(range(8))
