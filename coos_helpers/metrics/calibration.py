"""What a classifier's scores are worth: does it err as often as it says, and does it know when it is right?"""

import numpy as np
from scipy.stats import t

from coos_helpers.metrics.arguments import NAMES, REAL, array, checked_classes, number, seed_of, together


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
    confidence, place, bins = _binned(predicted, scores, bins)
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


def calibrated_errors(predicted, scores, bins=15, draws=1000, seed=0):
    """Draw the calibration errors that a perfectly calibrated classifier with just these confidences would show.

    Parameters
    ----------
    predicted, scores, bins : as for `reliability_curve`.
    draws, seed : D, how often each cell's answer is drawn anew, right with its own confidence for a chance.

    Returns
    -------
    (D,) fractions, as of `expected_calibration_error`: above 0 since a bin with few cells is off by chance.
    """
    _, predicted, scores = _checked(predicted, predicted, scores)
    confidence, place, bins = _binned(predicted, scores, bins)
    rng, errors = np.random.default_rng(seed_of(seed)), np.zeros(number("draws", draws))
    for n in range(len(errors)):  # one by one, as all at once would not fit the memory
        right = rng.random(len(place)) < confidence
        errors[n] = np.abs(np.bincount(place, confidence - right, bins)).sum() / len(place)
    return errors


def calibration_intervals(labels, predicted, scores, wells, bins=15, resamples=2000, level=0.95, seed=0):
    """Say how surely a calibration error is known, and how far confidence exceeds accuracy: whole wells are drawn.

    Parameters
    ----------
    labels, predicted, scores, bins : as for `reliability_curve`.
    wells, resamples, level, seed : as for `bootstrap_interval`.

    Returns
    -------
    (2, 2) fractions, low and high: of the calibration error that so many wells and cells show on average, and of mean
    confidence less accuracy. A t interval, with a bootstrap's standard error; NaN where every class has one well.
    """
    labels, predicted, scores = _checked(labels, predicted, scores)
    well = np.unique(array("wells", wells, NAMES, labels.shape), return_inverse=True)[1]
    confidence, place, bins = _binned(predicted, scores, bins)
    resamples, rng = number("resamples", resamples), np.random.default_rng(seed_of(seed))
    (label, _), unit, cells = np.unique([labels, well], axis=1, return_inverse=True, return_counts=True)
    together(draws=resamples, wells=max(len(cells), bins))
    gaps, weights = np.zeros((len(cells), bins)), np.ones((1 + resamples, len(cells)))
    np.add.at(gaps, (unit.ravel(), place), confidence - (labels == predicted))
    for mine in (label == k for k in np.unique(label)):
        if (n := mine.sum()) > 1:  # one fewer is drawn than there are, as in `resampled_sensitivities`
            weights[1:, mine] = rng.multinomial(n - 1, np.full(n, 1 / n), resamples) * n / (n - 1)
    gaps = weights @ gaps / (weights @ cells)[:, None]
    found = np.array([np.abs(gaps).sum(1), gaps.sum(1)])
    # The draws of an error are off by chance twice, so they tell how it scatters, and not where it lies.
    times = t.ppf((1 + number("level", level, 1e-6, 1 - 1e-6, REAL)) / 2, len(label) - len(np.unique(label)))
    far = times * found[:, 1:].std(1)
    return np.clip(np.transpose([found[:, 0] - far, found[:, 0] + far]), [[0], [-1]], 1)


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


def _binned(predicted, scores, bins):
    """Give each cell's confidence and the place of its bin, both (N,), and the number of bins."""
    confidence, bins = confidences(predicted, scores), number("bins", bins, 1, 10_000)
    return confidence, np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1), bins


def _checked(labels, predicted, scores):
    """Give labels, predictions and probabilities as arrays that fit each other."""
    scores = array("scores", scores, shape=(None, None), low=0, high=1 + 1e-6)
    labels, predicted, _ = checked_classes(labels, predicted, scores.shape[1])
    return labels, predicted, array("scores", scores, shape=(len(labels), None)).astype(float)
