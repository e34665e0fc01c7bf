"""What must hold of confidences: errors of calibration as defined, and answers in the order of how sure they are."""

import numpy as np
import pytest
from chance import near, off, repeats
from scipy.stats import binom

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


def world(rng, wells=8, cells=30, n_classes=3, luck=0.1, too_sure=0.0):
    """Draw cells in wells whose luck shifts how often an answer is right from what it claims, by nothing on average."""
    unit = np.repeat(np.arange(wells * n_classes), rng.integers(cells // 2, cells * 3 // 2, wells * n_classes))
    labels, confidence = unit // wells, rng.uniform(0.6, 0.89, len(unit))
    right = rng.random(len(unit)) < confidence - too_sure + rng.uniform(-luck, luck, wells * n_classes)[unit]
    predicted = np.where(right, labels, (labels + 1) % n_classes)
    scores = np.repeat((1 - confidence)[:, None] / (n_classes - 1), n_classes, 1)
    scores[np.arange(len(unit)), predicted] = confidence
    return labels, predicted, scores, np.char.add("p/", unit.astype(str))


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


@repeats(100, 1000)
def test_a_calibrated_model_shows_the_error_that_is_expected_of_so_few_cells(repeats):
    inside = []
    for i in range(repeats):
        labels, predicted, scores, _ = world(np.random.default_rng([7, i]), luck=0)
        low, high = np.percentile(metrics.calibrated_errors(predicted, scores, draws=200, seed=i), (2.5, 97.5))
        inside.append(low <= metrics.expected_calibration_error(labels, predicted, scores) <= high)
    assert near(np.mean(inside), 0.95, repeats)


@pytest.mark.parametrize("n, claimed", [(10, 0.5), (50, 0.9), (400, 0.7)])
def test_the_error_that_chance_leaves_is_that_of_the_binomial_law(n, claimed):
    found = metrics.calibrated_errors(np.zeros(n, int), [[claimed, 1 - claimed]] * n, draws=4000)
    right = np.arange(n + 1)
    off_by = np.abs(right / n - claimed)
    assert found.mean() == pytest.approx(np.sum(off_by * binom.pmf(right, n, claimed)), rel=0.05)
    assert {*np.round(found, 9)} <= {*np.round(off_by, 9)}


@repeats(100, 600)
@pytest.mark.parametrize("too_sure", [0.0, 0.15, -0.1])
@pytest.mark.parametrize("wells, luck", [(5, 0.1), (8, 0.1), (24, 0.0)])
def test_intervals_over_wells_hold_the_gap_and_the_mean_error_as_often_as_they_say(wells, luck, too_sure, repeats):
    """A calibrated model's gap of 0 is one case of it; to draw cells would not do where wells have luck."""
    cases = [world(np.random.default_rng([8, i]), wells, luck=luck * (too_sure >= 0), too_sure=too_sure)
             for i in range(repeats)]  # fmt: skip
    shown = np.mean([metrics.expected_calibration_error(*case[:3]) for case in cases])
    ends = np.array([metrics.calibration_intervals(*c, resamples=400, seed=i) for i, c in enumerate(cases)])
    for (low, high), truth in zip(ends.transpose(1, 2, 0), (shown, too_sure), strict=True):
        assert -4 < off(np.mean((low <= truth) & (truth <= high)), 0.95, repeats) <= 0.05 * np.sqrt(repeats / 0.0475)


def test_the_intervals_are_those_of_drawing_wells_one_by_one():
    """Their standard errors are, times what Student's law asks for with 18 wells of 3 classes."""
    labels, predicted, scores, well = world(np.random.default_rng(0), 6, too_sure=0.1)
    rng, slow = np.random.default_rng(1), []
    places = [[np.flatnonzero(well == one) for one in np.unique(well[labels == k])] for k in range(3)]
    for _ in range(1500):
        drawn = np.concatenate([wells[i] for wells in places for i in rng.choice(len(wells), len(wells) - 1)])
        some = labels[drawn], predicted[drawn], scores[drawn]
        gap = metrics.confidences(*some[1:]).mean() - np.mean(some[0] == some[1])
        slow.append((metrics.expected_calibration_error(*some), gap))
    found = metrics.calibration_intervals(labels, predicted, scores, well, resamples=20_000)
    np.testing.assert_allclose(np.diff(found)[:, 0], 2 * 2.1314 * np.std(slow, axis=0), rtol=0.08)
    gap = metrics.confidences(predicted, scores).mean() - np.mean(labels == predicted)
    shown = metrics.expected_calibration_error(labels, predicted, scores), gap
    np.testing.assert_allclose(found.mean(1), shown)


@pytest.mark.filterwarnings("error")
def test_one_well_a_class_says_nothing_of_other_wells():
    case = world(np.random.default_rng(0), 1)
    assert np.isnan(metrics.calibration_intervals(*case)).all()
    labels = np.repeat([0, 1], [20, 10])  # of two wells, and of one, which is held fixed
    found = metrics.calibration_intervals(labels, labels, np.eye(2)[labels], np.arange(30) // 10)
    np.testing.assert_array_equal(found, 0)
