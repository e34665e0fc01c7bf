"""Score predictions so that every class counts the same, however many cells it has (paper, section 3.1).

A class without cells in `labels` has no sensitivity: it is NaN in `sensitivities`, named by `absent_classes`, and
left out of the mean in `balanced_error`, never averaged in as zero.
"""

import numpy as np


def confusion_matrix(labels, predicted, n_classes):
    """Count cells by true class (rows) and predicted class (columns).

    Parameters
    ----------
    labels, predicted : (N,) whole numbers from 0 to n_classes - 1.
    n_classes : K.

    Returns
    -------
    (K, K) int64.

    Raises
    ------
    ValueError : no cells, arrays of different length, or a class outside the range.
    """
    labels, predicted = _whole("labels", labels), _whole("predicted", predicted)
    if labels.shape != predicted.shape or not len(labels):
        raise ValueError(
            f"found {len(labels)} labels and {len(predicted)} predictions; expected as many of one as of the other, "
            "and at least one cell."
        )
    for name, values in (("labels", labels), ("predicted", predicted)):
        if values.min() < 0 or values.max() >= n_classes:
            raise ValueError(
                f"{name}: found classes from {values.min()} to {values.max()}; expected 0 to {n_classes - 1}. "
                "Pass the number of classes that both arrays are numbered by."
            )
    return np.bincount(labels * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)


def sensitivities(labels, predicted, n_classes):
    """Give the share of each class's cells that was predicted rightly: (K,) float64, NaN for a class without cells."""
    counts = confusion_matrix(labels, predicted, n_classes)
    totals = counts.sum(1)
    return np.divide(np.diag(counts), totals, out=np.full(n_classes, np.nan), where=totals > 0)


def balanced_error(labels, predicted):
    """Give the balanced error: 1 minus the mean sensitivity of the classes that occur in `labels`.

    Parameters
    ----------
    labels, predicted : (N,) whole numbers.

    Returns
    -------
    float, a fraction between 0 and 1 (the paper's Table 3 has percent). Guessing among K classes gives 1 - 1 / K.

    Raises
    ------
    ValueError : no cells, arrays of different length, or values that are no classes.
    """
    labels, predicted = _whole("labels", labels), _whole("predicted", predicted)
    n_classes = int(max(labels.max(initial=0), predicted.max(initial=0))) + 1
    return float(1 - np.nanmean(sensitivities(labels, predicted, n_classes)))


def absent_classes(labels, class_names):
    """Name the classes that have no cell in `labels`, as a list of str."""
    present = np.bincount(_whole("labels", labels), minlength=len(class_names)) > 0
    return [name for name, there in zip(class_names, present, strict=True) if not there]


def _whole(name, values):
    values = np.asarray(values)
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise ValueError(
            f"{name}: found an array of shape {values.shape} and type {values.dtype}; expected (N,) whole numbers. "
            "Scores must be turned into classes first, for example by argmax."
        )
    return values.astype(np.int64)
