"""Say how surely a score is known: bootstraps that draw whole wells within classes.

Cells of a well share its plate, neighbours and focus, so they are not independent; wells of a class are the replicates.
"""

import numpy as np

from coos_helpers.metrics.arguments import CLASSES, NAMES, REAL, array, checked_classes, number, seed_of, together


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
    resamples, seed : R, the number of draws, and their seed.

    Returns
    -------
    (1 + R, K) or (M, 1 + R, K) fractions: of all cells first, then of each draw; NaN for a class without cells. A
    class with a single well shows no variation between wells, and is held fixed.

    Raises
    ------
    ValueError : arrays of different length, no cells, a class outside the range, or no draws.
    """
    return _drawn(labels, predicted, n_classes, wells, resamples, seed)[0]


def resampled_errors(labels, predicted, wells=None, resamples=2000, seed=0):
    """Give the balanced error, and again for each of many draws of whole wells.

    Parameters
    ----------
    labels, predicted, wells, resamples, seed : as for `resampled_sensitivities`.

    Returns
    -------
    (1 + R,) or (M, 1 + R) fractions: of all cells first, then of each draw, NaN where every class has a single well.
    """
    draws, replicated = _drawn(labels, predicted, None, wells, resamples, seed)
    errors = 1 - draws[..., np.unique(array("labels", labels, CLASSES))].mean(-1)
    if not replicated.any():
        errors[..., 1:] = np.nan
    return errors


def bootstrap_interval(labels, predicted, wells=None, resamples=2000, level=0.95, seed=0):
    """Say how surely a balanced error is known: a percentile interval from a bootstrap that draws whole wells.

    Parameters
    ----------
    labels, predicted, wells, resamples, seed : as for `resampled_sensitivities`, of one model.
    level : coverage that is aimed at.

    Returns
    -------
    (low, high), fractions, without the uncertainty of a class with a single well; (nan, nan) where all have one.
    """
    return interval(resampled_errors(labels, predicted, wells, resamples, seed), level)


def difference_interval(labels, first, second, wells=None, resamples=2000, level=0.95, seed=0):
    """Say how surely one model errs more than another: an interval of the first's balanced error less the second's.

    Both models meet the same wells in every draw, so what makes a well hard for both cancels.

    Parameters
    ----------
    labels, first, second : (N,) whole numbers: the classes, and what two models said of the same cells.
    wells, resamples, level, seed : as for `bootstrap_interval`.

    Returns
    -------
    (low, high), fractions; (nan, nan) where every class has one well.
    """
    both = np.array([checked_classes(labels, one)[1] for one in (first, second)])
    errors = resampled_errors(labels, both, wells, resamples, seed)
    return interval(errors[0] - errors[1], level)


def interval(values, level=0.95):
    """Give the ends (low, high) of the middle share of draws, of (1 + R,) values with the estimate before the draws."""
    tail = 50 * (1 - number("level", level, 1e-6, 1 - 1e-6, REAL))
    draws = array("values", values, nan=True)[1:].astype(float)
    low, high = np.percentile(draws, (tail, 100 - tail)) if len(draws) else (np.nan, np.nan)
    return float(low), float(high)


def _drawn(labels, predicted, n_classes, wells, resamples, seed):
    """Give `resampled_sensitivities`, and whether there was more than one draw to make of each class, (K,) bool."""
    resamples, rng = number("resamples", resamples), np.random.default_rng(seed_of(seed))
    predicted = array("predicted", predicted, CLASSES, None)
    models = predicted if predicted.ndim == 2 and len(predicted) else [predicted]
    checked = [checked_classes(labels, one, n_classes) for one in models]
    labels, stack, n_classes = checked[0][0], np.array([one[1] for one in checked]), max(one[2] for one in checked)
    wells = wells if wells is None else array("wells", wells, NAMES, labels.shape)
    together(draws=resamples, models=len(stack), classes=n_classes)
    if wells is not None:
        together(draws=resamples, wells=max(len(np.unique(wells[labels == k])) for k in np.unique(labels)))
    sensitivity, replicated = np.full((len(stack), 1 + resamples, n_classes), np.nan), np.zeros(n_classes, bool)
    for label in np.unique(labels):
        mine = labels == label
        right = stack[:, mine] == label
        if wells is None:
            # Cells that the same models name rightly are alike: to draw cells is to draw such kinds of cells.
            right, counts = np.unique(right, axis=1, return_counts=True)
            sizes, n_drawn = np.ones(len(counts)), max(mine.sum() - 1, 1)
            drawn = rng.multinomial(n_drawn, counts / mine.sum(), resamples)
        else:
            _, cluster = np.unique(wells[mine], return_inverse=True)
            sizes, right = np.bincount(cluster), np.array([np.bincount(cluster, one) for one in right])
            counts, n_drawn = np.ones(len(sizes)), len(sizes) - 1
            places = rng.integers(len(sizes), size=(resamples, n_drawn)) + len(sizes) * np.arange(resamples)[:, None]
            # To count them all at once is many times faster than a multinomial.
            drawn = np.bincount(places.ravel(), minlength=resamples * len(sizes)).reshape(resamples, -1)
        weights = np.vstack([counts, drawn if n_drawn else np.tile(counts, (resamples, 1))]).astype(float)
        replicated[label] = n_drawn > 0
        sensitivity[:, :, label] = (right @ weights.T) / (weights @ sizes)
    return sensitivity if np.ndim(predicted) == 2 else sensitivity[0], replicated
