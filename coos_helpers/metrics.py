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


def bootstrap_interval(labels, predicted, wells=None, resamples=2000, level=0.95, seed=0):
    """Say how surely a balanced error is known: a percentile interval from a bootstrap that draws whole wells.

    Cells of a well share its plate, neighbours and focus, so they are not independent; wells of a class are the
    replicates. From a class's W wells, W - 1 are drawn with replacement, which makes the variance of the mean come
    out right for few wells, too (Rao and Wu 1988).

    Parameters
    ----------
    labels, predicted : (N,) whole numbers.
    wells : (N,) names of wells, with their plates; None draws cells instead, and the interval is too narrow if cells
        are clustered.
    resamples : number of bootstrap samples.
    level : coverage that is aimed at.
    seed : of the draws.

    Returns
    -------
    (low, high), fractions. A class with a single well shows no variation between wells: it is held fixed, and the
    interval leaves its uncertainty out; where every class has a single well, there is no interval: (nan, nan).

    Raises
    ------
    ValueError : arrays of different length or no cells.
    """
    draws = resampled_errors(labels, predicted, wells, resamples, seed)[1:]
    if wells is not None and len(set(zip(labels, wells, strict=True))) == len(set(labels)):
        return float("nan"), float("nan")
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(draws, (tail, 100 - tail))
    return float(low), float(high)


def resampled_errors(labels, predicted, wells=None, resamples=2000, seed=0):
    """Give the balanced error, and again for each of many draws of whole wells.

    Parameters
    ----------
    labels, predicted, wells, resamples, seed : as for `bootstrap_interval`.

    Returns
    -------
    (1 + resamples,) fractions: the error of all cells first, then of each draw. The same labels, wells and seed draw
    the same wells, so that two predictions of the same cells can be subtracted draw by draw.

    Raises
    ------
    ValueError : arrays of different length or no cells.
    """
    labels, predicted = _whole("labels", labels), _whole("predicted", predicted)
    if labels.shape != predicted.shape or not len(labels) or (wells is not None and len(wells) != len(labels)):
        raise ValueError("found arrays of different length, or no cells; expected a label, a prediction, a well each.")
    rng = np.random.default_rng(seed)
    clusters = np.arange(len(labels)) if wells is None else np.unique(wells, return_inverse=True)[1]
    classes = np.unique(labels)
    sensitivity = np.zeros(1 + resamples)
    for label in classes:
        mine = labels == label
        if wells is None:  # every cell its own cluster: the same law, without a matrix of cells by resamples
            right, draws = np.mean(predicted[mine] == label), max(mine.sum() - 1, 1)
            sensitivity += np.append(right, rng.binomial(draws, right, resamples) / draws)
            continue
        _, cluster = np.unique(clusters[mine], return_inverse=True)
        total = np.bincount(cluster)
        right = np.bincount(cluster, predicted[mine] == label)
        weights = np.ones((1 + resamples, len(total)))
        if len(total) > 1:
            weights[1:] = rng.multinomial(len(total) - 1, np.full(len(total), 1 / len(total)), resamples)
        sensitivity += (weights @ right) / (weights @ total)
    return 1 - sensitivity / len(classes)
