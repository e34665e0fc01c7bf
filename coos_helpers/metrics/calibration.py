"""What a classifier's scores are worth: does it err as often as it says, and does it know when it is right?"""

import numpy as np

from coos_helpers.metrics.arguments import array, checked_classes, number


def confidences(predicted, scores):
    """Give each cell's confidence, (N,) float64: the score, of (N, K), of the class that was predicted."""
    _, predicted, scores = _checked(predicted, predicted, scores)
    return scores[np.arange(len(predicted)), predicted]


def reliability_curve(labels, predicted, scores, bins=15):
    """Sort cells into bins by confidence, and set what was claimed beside what came true: a reliability diagram.

    Parameters
    ----------
    labels, predicted : (N,) whole numbers.
    scores : (N, K) probabilities.
    bins : of equal width between 0 and 1, closed on the right.

    Returns
    -------
    (confidence, accuracy, share), each (bins,): the mean confidence and the share of right cells in each bin (NaN in
    an empty one), and the bin's share of all cells (Guo et al. 2017, section 2).
    """
    labels, predicted, scores = _checked(labels, predicted, scores)
    confidence, bins = confidences(predicted, scores), number("bins", bins, 1, 10_000)
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    sums = [np.bincount(place, values, bins) for values in (confidence, np.equal(labels, predicted))]
    claimed, right = (np.divide(s, count, out=np.full(bins, np.nan), where=count > 0) for s in sums)
    return claimed, right, count / len(confidence)


def expected_calibration_error(labels, predicted, scores, bins=15):
    """Give the mean distance of confidence and accuracy over bins of confidence; parameters as for `reliability_curve`.

    Returns
    -------
    float, a fraction between 0 and 1; 0 for a classifier that is right as often as it claims (Guo et al. 2017).
    """
    claimed, right, share = reliability_curve(labels, predicted, scores, bins)
    return float(np.sum(share * np.nan_to_num(np.abs(right - claimed))))


def selective_accuracy(labels, predicted, scores, coverages):
    """Give the accuracy on the cells of which a classifier is surest, if it may stay silent about the others.

    Parameters
    ----------
    labels, predicted, scores : as for `reliability_curve`.
    coverages : (C,) shares of cells that it has to answer, above 0 and up to 1.

    Returns
    -------
    (C,) accuracies: every cell counts the same, and cells of equal confidence count by their mean, as if the cut went
    through them at random.
    """
    labels, predicted, scores = _checked(labels, predicted, scores)
    coverages = array("coverages", coverages, low=1e-9, high=1)
    levels, level = np.unique(-confidences(predicted, scores), return_inverse=True)
    answered = np.append(0, np.cumsum(np.bincount(level, minlength=len(levels))))
    right = np.append(0, np.cumsum(np.bincount(level, np.equal(labels, predicted), len(levels))))
    wanted = coverages * len(level)
    return np.interp(wanted, answered, right) / wanted


def confident_errors(labels, predicted, scores, true, called, n=8):
    """Find cells of the class `true` that were taken for `called`: (<= n,) indices, those with the highest score first.

    `labels`, `predicted` and `scores` are as for `reliability_curve`.
    """
    labels, predicted, scores = _checked(labels, predicted, scores)
    true, called = (number(*one, 0, scores.shape[1] - 1) for one in (("true", true), ("called", called)))
    wrong = np.flatnonzero((labels == true) & (predicted == called))
    # Ranked in half precision, so that a pack, which keeps no more of a score, names the same cells.
    return wrong[np.argsort(-scores[wrong, called].astype(np.float16), kind="stable")[: number("n", n, 0)]]


def _checked(labels, predicted, scores):
    """Give labels, predictions and probabilities as arrays that fit each other."""
    scores = array("scores", scores, shape=(None, None), low=0, high=1 + 1e-6)
    labels, predicted, _ = checked_classes(labels, predicted, scores.shape[1])
    return labels, predicted, array("scores", scores, shape=(len(labels), None)).astype(float)
