"""Score predictions so that every class counts the same (paper, section 3.1).

A class without cells in `labels` has no sensitivity: it is NaN in `sensitivities`, named by `absent_classes`, and
left out of the mean in `balanced_error`, never averaged in as zero.
"""

import numpy as np

from coos_helpers.metrics.arguments import CLASSES, NAMES, array, checked_classes, number


def confusion_matrix(labels, predicted, n_classes, normalize=False):
    """Count cells by true class (rows) and predicted class (columns).

    Parameters
    ----------
    labels, predicted : (N,) whole numbers from 0 to n_classes - 1.
    n_classes : K.
    normalize : give each row as fractions of its true class, not as numbers of cells.

    Returns
    -------
    (K, K) int64; normalised, float64, with NaN in the row of a class without cells.

    Raises
    ------
    ValueError : no cells, arrays of different length, what is no class (such as scores), or one outside the range.
    """
    labels, predicted, n_classes = checked_classes(labels, predicted, n_classes)
    counts = np.bincount(labels * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)
    if not normalize:
        return counts
    totals = counts.sum(1, keepdims=True)
    return np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)


def sensitivities(labels, predicted, n_classes):
    """Give each class's sensitivity: the share of its cells that was predicted rightly.

    Parameters
    ----------
    labels, predicted, n_classes : as for `confusion_matrix`.

    Returns
    -------
    (K,) float64 fractions, NaN for a class without cells.
    """
    return np.diag(confusion_matrix(labels, predicted, n_classes, normalize=True)).copy()


def balanced_error(labels, predicted):
    """Give the balanced error: 1 minus the mean sensitivity of the classes that occur in `labels`.

    Parameters
    ----------
    labels, predicted : as for `confusion_matrix`.

    Returns
    -------
    float, a fraction between 0 and 1 (the paper's Table 3 has percent). Guessing among K classes gives 1 - 1 / K.
    """
    return float(1 - np.nanmean(sensitivities(*checked_classes(labels, predicted))))


def absent_classes(labels, class_names):
    """Name the classes, of K `class_names` in the order of their numbers, that have no cell in `labels`, (N,)."""
    class_names = array("class_names", class_names, NAMES).tolist()
    labels = array("labels", labels, CLASSES, low=0, high=len(class_names) - 1)
    present = np.bincount(labels, minlength=len(class_names)) > 0
    return [name for name, there in zip(class_names, present, strict=True) if not there]


def common_errors(labels, predicted, n_classes, n=2):
    """Find the most common errors, as shares of the true class, so that a class with many cells does not rule.

    Parameters
    ----------
    labels, predicted, n_classes : as for `confusion_matrix`.
    n : how many errors to give, at most.

    Returns
    -------
    list of (true, called, share), the most common first; shorter where fewer kinds of error occur.
    """
    shares = np.nan_to_num(confusion_matrix(labels, predicted, n_classes, normalize=True))
    np.fill_diagonal(shares, 0)
    order = np.argsort(-shares, axis=None, kind="stable")[: number("n", n, 0)]
    places = zip(*np.unravel_index(order, shares.shape), strict=True)
    return [(int(t), int(c), float(shares[t, c])) for t, c in places if shares[t, c] > 0]
