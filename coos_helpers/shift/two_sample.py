"""Did the data shift? Tests of two sets of cells that permute whole wells within classes, and never single cells.

Cells of a well resemble each other whatever the split, so a test that shuffles cells calls any two sets of wells
different. Where no wells are known the tests fall back on cells, and their p-values are too small. Class is held
fixed throughout: a split with more cells of one class has not shifted for that.
"""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import euclidean_distances

from coos_helpers.metrics.arguments import number, seed_of
from coos_helpers.shift.permutation import Outcome, Units
from coos_helpers.shift.sample import even_out

NOTHING = Outcome(np.nan, np.nan, np.nan)


def mmd_test(a, b, permutations=999, seed=0):
    """Test whether two samples differ in distribution, by the maximum mean discrepancy within classes.

    The kernel is Gaussian, its width the median distance of two cells of a class. Every well counts the same.

    Parameters
    ----------
    a, b : `Sample`.
    permutations, seed : exchanges of wells that are drawn, and the seed of the draws.

    Returns
    -------
    Outcome : `size` is the squared discrepancy (mean over classes; Gretton et al. 2012, equation 5, on the wells'
    mean embeddings, each well's own without its diagonal) less its mean over exchanges: about 0 without a shift.
    """
    permutations, rng = number("permutations", permutations), np.random.default_rng(seed_of(seed))
    points, labels, units = _exchangeable(a, b)
    if not units.weight.any():
        return NOTHING
    weights = units.exchanged(permutations, rng)
    squares = {k: euclidean_distances(points[labels == k], squared=True) for k in units.weighed()}
    width = np.median(np.concatenate([d[np.triu_indices(len(d), 1)] for d in squares.values()]))
    statistic = np.zeros(1 + permutations)
    for k, distances in squares.items():
        mine = units.label == k
        member = (units.of_cell[labels == k] == np.flatnonzero(mine)[:, None]).astype(float)
        n, gram = member.sum(1), member @ np.exp(-distances / (width or 1.0)) @ member.T
        # A well's own mean without its diagonal, so that wells with few cells do not look far from everything; of a
        # well with a single cell, what such a mean is in the other wells.
        many = n > 1
        own = (np.diag(gram) - n) / np.maximum(n * (n - 1), 1)
        own[~many] = own[many].mean() if many.any() else 1.0
        gram /= np.outer(n, n)
        np.fill_diagonal(gram, own)
        statistic += np.einsum("pu,pu->p", weights[:, mine] @ gram, weights[:, mine]) / len(squares)
    return units.outcome(statistic, statistic[0] - statistic[1:].mean(), mirrored=True)


def classifier_test(a, b, permutations=999, seed=0):
    """Test whether a classifier can tell two samples apart, on wells that it has not seen (Lopez-Paz and Oquab 2017).

    Half of each class's wells teach a logistic regression (on the components and their squares, centred within
    classes) from which sample a cell comes; it then names the sample of the cells of the other half. A class takes
    part if it has wells of both samples in both halves.

    Parameters
    ----------
    a, b, permutations, seed : as for `mmd_test`.

    Returns
    -------
    Outcome : `size` is the share of cells that are named rightly, both samples and all classes counting the same: one
    half without a shift, 1 if no cell of the one could be of the other. NaN where no class takes part.
    """
    permutations, rng = number("permutations", permutations), np.random.default_rng(seed_of(seed))
    points, labels, units = _exchangeable(a, b)
    taught = units.half(rng)
    able = np.isin(units.label, np.intersect1d(*(units.restricted(half).weighed() for half in (taught, ~taught))))
    teaching, asking = units.restricted(taught & able), units.restricted(~taught & able)
    if not teaching.weight.any():
        return NOTHING
    count = np.bincount(units.of_cell, minlength=len(units.label))
    each = (np.abs(teaching.weight) / count)[units.of_cell]
    # Centred and scaled by the teaching wells alone: each counts the same, and those asked about have no say.
    for mine in (labels == k for k in teaching.weighed()):
        points[mine] -= np.average(points[mine], axis=0, weights=each[mine])
    points /= np.maximum(np.sqrt(np.average(points**2, axis=0, weights=each)), 1e-12)
    points = np.hstack([points, points**2])
    seen, second = each > 0, units.side[units.of_cell] == 1
    model = LogisticRegression(max_iter=1000).fit(points[seen], second[seen], each[seen] / each[seen].mean())
    called = np.bincount(units.of_cell, model.predict(points)) / count
    statistic = (1 + asking.exchanged(permutations, rng) @ called / len(asking.weighed())) / 2
    return asking.outcome(statistic, statistic[0])


def _exchangeable(a, b):
    """Give the points and labels of two samples, evened out, and their `Units`."""
    a, b = even_out(a, b)
    points, labels = np.concatenate([a.points, b.points]).astype(float), np.concatenate([a.labels, b.labels])
    return points, labels, Units.of(a.labels, a.wells, b.labels, b.wells)
