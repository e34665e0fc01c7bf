"""What a classifier's scores are worth: does it err as often as it says, and does it know when it is right?"""

import numpy as np


def confidences(predicted, scores):
    """Give each cell's confidence: the score of the class that was predicted, (N,) float64.

    Parameters
    ----------
    predicted : (N,) whole numbers. scores : (N, K) probabilities.
    """
    return np.asarray(scores, float)[np.arange(len(predicted)), predicted]


def calibration(labels, predicted, scores, bins=15):
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
    confidence = confidences(predicted, scores)
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    sums = [np.bincount(place, values, bins) for values in (confidence, np.equal(labels, predicted))]
    nowhere = np.full(bins, np.nan)
    claimed, right = (np.divide(s, count, out=nowhere.copy(), where=count > 0) for s in sums)
    return claimed, right, count / len(confidence)


def expected_calibration_error(labels, predicted, scores, bins=15):
    """Give the expected calibration error: the mean distance of confidence and accuracy over bins of confidence.

    Parameters
    ----------
    labels, predicted, scores, bins : as for `calibration`.

    Returns
    -------
    float, a fraction between 0 and 1; 0 for a classifier that is right as often as it claims (Guo et al. 2017).
    """
    claimed, right, share = calibration(labels, predicted, scores, bins)
    return float(np.sum(share * np.nan_to_num(np.abs(right - claimed))))


def selective_accuracy(labels, predicted, scores, coverages):
    """Give the accuracy on the cells of which a classifier is surest, if it may stay silent about the others.

    Parameters
    ----------
    labels, predicted, scores : as for `calibration`.
    coverages : (C,) shares of cells that it has to answer, above 0 and up to 1.

    Returns
    -------
    (C,) accuracies, plain ones: every cell counts the same. Cells of equal confidence count by their mean, as if
    the cut went through them at random.
    """
    confidence = confidences(predicted, scores)
    levels, level = np.unique(-confidence, return_inverse=True)
    answered = np.append(0, np.cumsum(np.bincount(level, minlength=len(levels))))
    right = np.append(0, np.cumsum(np.bincount(level, np.equal(labels, predicted), len(levels))))
    wanted = np.asarray(coverages, float) * len(confidence)
    return np.interp(wanted, answered, right) / wanted


def confident_errors(labels, predicted, scores, true, called, n=8):
    """Find cells of one class that were taken for another, those with the highest confidence first: (<= n,) indices.

    Parameters
    ----------
    labels, predicted, scores : as for `calibration`.
    true, called : the two classes. n : how many at most.
    """
    wrong = np.flatnonzero((np.asarray(labels) == true) & (np.asarray(predicted) == called))
    # Ranked by the byte, so that a pack, which keeps no more of a score, names the same cells.
    return wrong[np.argsort(-to_bytes(np.asarray(scores)[wrong, called]).astype(int), kind="stable")[:n]]


def to_bytes(scores):
    """Round probabilities to one byte each, evenly on the scale asin(sqrt(p)), which is finest at 0 and at 1: uint8."""
    return np.rint(510 / np.pi * np.arcsin(np.sqrt(np.clip(scores, 0, 1)))).astype(np.uint8)


def from_bytes(packed):
    """Turn the bytes of `to_bytes` back into probabilities, float32."""
    return (np.sin(packed * np.float32(np.pi / 510)) ** 2).astype(np.float32)
