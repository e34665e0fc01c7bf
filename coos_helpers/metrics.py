"""Score predictions so that every class counts the same (paper, section 3.1), and say how surely a score is known.

Cells of a well share its plate, neighbours and focus, so they are not independent; wells of a class are the replicates.
Everything here that draws anew draws whole wells within classes, where wells are known.

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


def common_errors(labels, predicted, n_classes, n=2):
    """Find the most common errors, as shares of the true class, so that a class with many cells does not rule.

    Parameters
    ----------
    labels, predicted : (N,) whole numbers from 0 to n_classes - 1.
    n_classes : K. n : how many errors to give, at most.

    Returns
    -------
    list of (true, called, share), the most common first; shorter where fewer kinds of error occur.
    """
    counts = confusion_matrix(labels, predicted, n_classes)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    np.fill_diagonal(shares, 0)
    order = np.argsort(-shares, axis=None, kind="stable")[:n]
    places = zip(*np.unravel_index(order, shares.shape), strict=True)
    return [(int(t), int(c), float(shares[t, c])) for t, c in places if shares[t, c] > 0]


def _whole(name, values):
    values = np.asarray(values)
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise ValueError(
            f"{name}: found an array of shape {values.shape} and type {values.dtype}; expected (N,) whole numbers. "
            "Scores must be turned into classes first, for example by argmax."
        )
    return values.astype(np.int64)


def resampled_sensitivities(labels, predicted, n_classes, wells=None, resamples=2000, seed=0):
    """Give each class's sensitivity, and again for each of many draws of whole wells.

    From a class's W wells, W - 1 are drawn with replacement, which makes the variance of the mean come out right for
    few wells, too (Rao and Wu 1988). Only counts per well are drawn, never cells.

    Parameters
    ----------
    labels : (N,) whole numbers from 0 to n_classes - 1.
    predicted : (N,), or (M, N) for M models of the same cells, which then share every draw: what one model's
        sensitivity is less another's can be taken draw by draw.
    n_classes : K.
    wells : (N,) names of wells, with their plates; None draws cells instead, which is too sure if cells are clustered.
    resamples : R, the number of draws.
    seed : of the draws.

    Returns
    -------
    (1 + R, K) or (M, 1 + R, K) fractions: of all cells first, then of each draw; NaN for a class without cells. A
    class with a single well shows no variation between wells, and is held fixed.

    Raises
    ------
    ValueError : arrays of different length, no cells, a class outside the range, or no draws.
    """
    if resamples < 1:
        raise ValueError(f"found resamples={resamples}; expected at least one draw.")
    labels = _whole("labels", labels)
    stack = np.array([_whole("predicted", one) for one in np.atleast_2d(predicted)])
    if stack.shape[1:] != labels.shape or not len(labels) or (wells is not None and len(wells) != len(labels)):
        raise ValueError("found arrays of different length, or no cells; expected a label, a prediction, a well each.")
    if min(labels.min(), stack.min()) < 0 or max(labels.max(), stack.max()) >= n_classes:
        raise ValueError(
            f"found classes outside 0 to {n_classes - 1}. Pass the number of classes of labels and models."
        )
    rng = np.random.default_rng(seed)
    sensitivity = np.full((len(stack), 1 + resamples, n_classes), np.nan)
    for label in np.unique(labels):
        mine = labels == label
        right = stack[:, mine] == label
        if wells is None:
            # Cells that the same models name rightly are alike: to draw cells is to draw such kinds of cells.
            right, counts = np.unique(right, axis=1, return_counts=True)
            sizes, n_drawn = np.ones(len(counts)), max(mine.sum() - 1, 1)
            drawn = rng.multinomial(n_drawn, counts / mine.sum(), resamples)
        else:
            _, cluster = np.unique(np.asarray(wells)[mine], return_inverse=True)
            sizes = np.bincount(cluster)
            right = np.array([np.bincount(cluster, one) for one in right])
            counts = np.ones(len(sizes))
            n_drawn, first = len(sizes) - 1, len(sizes) * np.arange(resamples)[:, None]
            places = first + rng.integers(len(sizes), size=(resamples, n_drawn))  # many times faster than a multinomial
            drawn = np.bincount(places.ravel(), minlength=resamples * len(sizes)).reshape(resamples, -1)
        weights = np.tile(counts.astype(float), (1 + resamples, 1))
        if n_drawn:
            weights[1:] = drawn
        sensitivity[:, :, label] = (right @ weights.T) / (weights @ sizes)
    return sensitivity if np.ndim(predicted) == 2 else sensitivity[0]


def resampled_errors(labels, predicted, wells=None, resamples=2000, seed=0):
    """Give the balanced error, and again for each of many draws of whole wells.

    Parameters
    ----------
    labels, predicted, wells, resamples, seed : as for `resampled_sensitivities`.

    Returns
    -------
    (1 + R,) or (M, 1 + R) fractions: the error of all cells first, then of each draw; the draws are NaN where every
    class has a single well, so that nothing can be drawn.

    Raises
    ------
    ValueError : arrays of different length or no cells.
    """
    n_classes = int(max(np.max(labels, initial=0), np.max(predicted, initial=0))) + 1
    draws = resampled_sensitivities(labels, predicted, n_classes, wells, resamples, seed)
    errors = 1 - draws[..., np.unique(labels)].mean(-1)
    if not _replicated(labels, wells):
        errors[..., 1:] = np.nan
    return errors


def bootstrap_interval(labels, predicted, wells=None, resamples=2000, level=0.95, seed=0):
    """Say how surely a balanced error is known: a percentile interval from a bootstrap that draws whole wells.

    Parameters
    ----------
    labels, predicted : (N,) whole numbers.
    wells, resamples, seed : as for `resampled_sensitivities`.
    level : coverage that is aimed at.

    Returns
    -------
    (low, high), fractions. A class with a single well is held fixed, and the interval leaves its uncertainty out;
    where every class has a single well, there is no interval: (nan, nan).

    Raises
    ------
    ValueError : arrays of different length or no cells.
    """
    draws = resampled_errors(labels, predicted, wells, resamples, seed)[1:]
    return _ends(draws, level)


def difference_interval(labels, first, second, wells=None, resamples=2000, level=0.95, seed=0):
    """Say how surely one model errs more than another on the same cells: an interval of the paired difference.

    Both models meet the same wells in every draw, so what makes a well hard for both cancels.

    Parameters
    ----------
    labels, first, second : (N,) whole numbers: the classes, and what two models said of the same cells.
    wells, resamples, level, seed : as for `bootstrap_interval`.

    Returns
    -------
    (low, high) of the first's balanced error less the second's, fractions; (nan, nan) where every class has one well.

    Raises
    ------
    ValueError : arrays of different length or no cells.
    """
    draws = resampled_errors(labels, np.array([first, second]), wells, resamples, seed)[:, 1:]
    return _ends(draws[0] - draws[1], level)


def sensitivity_intervals(labels, predicted, n_classes, wells=None, resamples=2000, level=0.95, seed=0):
    """Say how surely each class's sensitivity is known.

    Parameters
    ----------
    labels, predicted, n_classes, wells, resamples, level, seed : as for `resampled_sensitivities`.

    Returns
    -------
    (K, 2) fractions, low and high; NaN for a class without cells or with a single well.

    Raises
    ------
    ValueError : arrays of different length, no cells, or a class outside the range.
    """
    draws = resampled_sensitivities(labels, predicted, n_classes, wells, resamples, seed)[1:]
    labels, wells = np.asarray(labels), None if wells is None else np.asarray(wells)
    unknown = np.full(2, np.nan)
    known = [_replicated(labels[labels == k], wells if wells is None else wells[labels == k]) for k in range(n_classes)]
    return np.array([_ends(draws[:, k], level) if known[k] else unknown for k in range(n_classes)])


def _ends(draws, level):
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(draws, (tail, 100 - tail))
    return float(low), float(high)


def _replicated(labels, wells):
    """Say whether some class has two wells (or, without wells, whether there is a cell): else nothing can be drawn."""
    if wells is None:
        return len(labels) > 0
    labels, wells = np.asarray(labels), np.asarray(wells)
    of_class = (wells[labels == label] for label in np.unique(labels))
    return any((names != names[0]).any() for names in of_class)
