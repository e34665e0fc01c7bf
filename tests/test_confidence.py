"""What must hold of confidences: errors of calibration as defined, and answers in the order of how sure they are."""

import numpy as np
import pytest

from coos_helpers import confidence


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
    total, n = 0.0, len(labels)
    for b in range(bins):
        inside = [
            i
            for i in range(n)
            if b / bins < scores[i, predicted[i]] <= (b + 1) / bins or (b == 0 and scores[i, predicted[i]] == 0)
        ]
        if inside:
            accuracy = sum(labels[i] == predicted[i] for i in inside) / len(inside)
            claimed = sum(scores[i, predicted[i]] for i in inside) / len(inside)
            total += len(inside) / n * abs(accuracy - claimed)
    return total


def test_a_confidence_is_the_score_of_the_class_that_was_predicted():
    scores = np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2]], "f4")
    found = confidence.confidences(np.array([1, 2]), scores)
    assert found == pytest.approx([0.7, 0.2]) and found.dtype == np.float64


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("bins", [1, 10, 15])
def test_the_calibration_error_is_that_of_the_direct_form(seed, bins):
    labels, predicted, scores = case(seed)
    found = confidence.expected_calibration_error(labels, predicted, scores, bins)
    assert found == pytest.approx(slow_calibration_error(labels, predicted, scores, bins))
    assert 0 <= found <= 1


def test_the_calibration_error_of_any_prediction_uses_its_own_score():
    labels, _, scores = case(0)
    other = np.random.default_rng(0).integers(0, scores.shape[1], len(labels))
    found = confidence.expected_calibration_error(labels, other, scores)
    assert found == pytest.approx(slow_calibration_error(labels, other, scores, 15))


def test_bins_are_closed_on_the_right():
    values, right = [0.0, 0.25, 0.26, 0.5, 0.75, 1.0], [True, False, True, True, False, True]
    claimed, accuracy, share = confidence.calibration(*sure(values, right), bins=4)
    assert claimed == pytest.approx([0.125, 0.38, 0.75, 1.0])
    assert accuracy == pytest.approx([0.5, 1.0, 0.0, 1.0])
    assert share == pytest.approx([2 / 6, 2 / 6, 1 / 6, 1 / 6])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value, place", [(0.0, 0), (1.0, -1)])
@pytest.mark.parametrize("right", [True, False])
def test_sure_and_unsure_to_the_utmost_fall_into_the_outermost_bins(value, place, right):
    claimed, accuracy, share = confidence.calibration(*sure([value] * 5, [right] * 5))
    assert (claimed[place], accuracy[place], share[place]) == (value, right, 1)
    assert np.isnan(np.delete(claimed, place % 15)).all() and np.isnan(np.delete(accuracy, place % 15)).all()
    assert confidence.expected_calibration_error(*sure([value] * 5, [right] * 5)) == abs(right - value)


@pytest.mark.parametrize("seed", range(5))
def test_the_diagram_adds_up(seed):
    labels, predicted, scores = case(seed)
    claimed, accuracy, share = confidence.calibration(labels, predicted, scores, 10)
    assert claimed.shape == accuracy.shape == share.shape == (10,) and share.sum() == pytest.approx(1)
    assert np.nansum(share * accuracy) == pytest.approx(np.mean(labels == predicted))
    assert np.nansum(share * claimed) == pytest.approx(scores.max(1).mean())


@pytest.mark.parametrize("seed", range(3))
def test_scores_that_keep_what_they_promise_have_no_calibration_error(seed):
    labels, predicted, scores = calibrated(seed)
    assert confidence.expected_calibration_error(labels, predicted, scores) < 0.02


def test_overconfidence_is_found():
    labels, predicted, scores = calibrated(0)
    bold = scores**3 / (scores**3).sum(1, keepdims=True)
    assert confidence.expected_calibration_error(labels, predicted, bold) > 0.1
    claimed, accuracy, share = confidence.calibration(labels, predicted, bold)
    assert (claimed > accuracy)[share > 0.02].all()


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("rounded", [None, 1])
def test_a_classifier_that_must_always_answer_has_its_plain_accuracy(seed, rounded):
    labels, predicted, scores = case(seed, rounded=rounded)
    found = confidence.selective_accuracy(labels, predicted, scores, [1.0])
    assert found == pytest.approx([np.mean(labels == predicted)])


@pytest.mark.parametrize("seed", range(5))
def test_without_ties_the_surest_cells_answer(seed):
    labels, predicted, scores = case(seed, n=200)
    order = np.argsort(-scores.max(1))
    right = (labels == predicted)[order]
    expected = [right[:n].mean() for n in (1, 20, 100, 199, 200)]
    found = confidence.selective_accuracy(labels, predicted, scores, np.array([1, 20, 100, 199, 200]) / 200)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
def test_ties_count_as_if_they_were_broken_at_random(seed):
    labels, predicted, scores = case(seed, n=60, k=3, rounded=1)
    rng, right, many = np.random.default_rng(seed), labels == predicted, 4000
    order = np.array([np.lexsort((rng.random(60), -scores.max(1))) for _ in range(many)])
    answered = np.array([3, 10, 25, 40, 60])
    accuracies = right[order].cumsum(1)[:, answered - 1] / answered
    found = confidence.selective_accuracy(labels, predicted, scores, answered / 60)
    assert (np.abs(found - accuracies.mean(0)) <= 4 * accuracies.std(0) / np.sqrt(many) + 1e-9).all()


def test_equal_confidences_leave_nothing_to_choose():
    labels, predicted, scores = sure([0.8] * 10, [True] * 7 + [False] * 3)
    assert confidence.selective_accuracy(labels, predicted, scores, [0.01, 0.3, 1]) == pytest.approx([0.7] * 3)


def test_whom_confidence_ranks_perfectly_errs_more_the_more_it_answers():
    right = np.arange(100) < 60
    parts = sure(np.linspace(1, 0, 100), right)
    found = confidence.selective_accuracy(*parts, np.linspace(0.01, 1, 50))
    assert (np.diff(found) <= 1e-12).all() and found[-1] == pytest.approx(0.6)
    assert confidence.selective_accuracy(*parts, [0.3, 0.6, 0.75]) == pytest.approx([1, 1, 0.8])


def test_the_order_of_cells_does_not_matter():
    labels, predicted, scores = case(1, n=100, rounded=1)
    order = np.random.default_rng(0).permutation(100)
    shares = np.linspace(0.05, 1, 20)
    one, other = (
        confidence.selective_accuracy(labels[o], predicted[o], scores[o], shares) for o in (order, np.arange(100))
    )
    assert one == pytest.approx(other)


def test_the_surest_errors_come_first_and_no_others():
    labels = np.array([0, 0, 0, 1, 0, 0, 2])
    predicted = np.array([1, 0, 1, 1, 1, 2, 1])
    scores = np.array([0.5, 0.9, 0.8, 0.99, 0.6, 0.9, 0.99])[:, None] * (predicted[:, None] == np.arange(3))
    assert confidence.confident_errors(labels, predicted, scores, 0, 1).tolist() == [2, 4, 0]
    assert confidence.confident_errors(labels, predicted, scores, 0, 1, n=2).tolist() == [2, 4]
    assert confidence.confident_errors(labels, predicted, scores, 0, 2).tolist() == [5]
    assert confidence.confident_errors(labels, predicted, scores, 1, 0).tolist() == []


def test_of_equal_errors_the_first_comes_first():
    labels, predicted = np.zeros(12, int), np.ones(12, int)
    assert confidence.confident_errors(labels, predicted, np.full((12, 2), 0.5), 0, 1).tolist() == list(range(8))


@pytest.mark.parametrize("seed", range(5))
def test_errors_are_those_of_the_direct_form(seed):
    labels, predicted, scores = case(seed, n=300, k=3)
    wrong = [i for i in range(300) if labels[i] == 1 and predicted[i] == 2]
    expected = sorted(wrong, key=lambda i: -scores[i, 2])[:4]
    assert confidence.confident_errors(labels, predicted, scores, 1, 2, n=4).tolist() == expected
