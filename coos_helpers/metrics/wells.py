"""How the wells of a split differ in what a classifier makes of them, and how surely they make a class known."""

import numpy as np
from scipy.special import expit, logit
from scipy.stats import t as student

from coos_helpers.metrics.arguments import CLASSES, MOST_CLASSES, NAMES, REAL, array, checked_classes, number, seed_of


def spread(labels, predicted, wells):
    """Estimate how much the wells of a class differ in sensitivity, beyond what so few cells a well explain.

    Parameters
    ----------
    labels, predicted : (N,) whole numbers.
    wells : (N,) names of wells, with their plates.

    Returns
    -------
    float, a standard deviation (fraction): the root of the variance between wells less the binomial variance of their
    cells, by moments (Donner 1986), pooled over classes with two wells or more; 0 if chance explains it, NaN if none.
    """
    labels, predicted, wells = _checked(labels, predicted, wells)
    excess = []
    for k in np.unique(labels):
        mine = labels == k
        _, well, cells = np.unique(wells[mine], return_inverse=True, return_counts=True)
        if len(cells) < 2 or cells.max() < 2:
            continue
        right = np.bincount(well, predicted[mine] == k)
        n, more = cells.sum(), len(cells) - 1
        between = np.sum(cells * (right / cells - right.sum() / n) ** 2) / more
        within = np.sum(right * (1 - right / cells)) / (n - len(cells))
        excess.append((between - within) * more / (n - np.sum(cells**2) / n))
    return float(np.sqrt(max(np.mean(excess), 0))) if excess else np.nan


def worst(labels, predicted, wells, least=10, seed=0):
    """Find the well with the largest share of misclassified cells, and how bad the worst would be by chance alone.

    Parameters
    ----------
    labels, predicted, wells : as for `spread`.
    least, seed : cells that a well must have to count, and the seed of the chance.

    Returns
    -------
    (well, error, cells, by_chance) : its name, the share of its cells that are wrong, their number, and what the worst
    share does not exceed in 95 of 100 draws if wells do not matter, only classes. None without such a well.
    """
    labels, predicted, wells = _checked(labels, predicted, wells)
    least, rng = number("least", least), np.random.default_rng(seed_of(seed))
    names, well, cells = np.unique(wells, return_inverse=True, return_counts=True)
    big = np.flatnonzero(cells >= least)
    if not len(big):
        return None
    wrong = labels != predicted
    share = np.bincount(well, wrong)[big] / cells[big]
    classes, place, of_class = np.unique(labels, return_inverse=True, return_counts=True)
    members = np.zeros((len(names), len(classes)), int)
    np.add.at(members, (well, place), 1)
    drawn = rng.binomial(members, np.bincount(place, wrong) / of_class, (1000, *members.shape))
    by_chance = np.percentile((drawn.sum(2)[:, big] / cells[big]).max(1), 95)
    well = big[np.argmax(share)]
    return str(names[well]), float(share.max()), int(cells[well]), float(by_chance)


def by_wells(values, groups, wells=None):
    """Give the mean of some values in each of G groups, and how much it would vary had other wells been taken.

    Parameters
    ----------
    values : (N,). groups : (N,) whole numbers, all from 0 to G - 1. wells : (N,) names; None takes cells instead.

    Returns
    -------
    (mean, variance, freedom), each (G,): the variance of the mean over draws of whole wells, linearised, as a mean over
    wells of different size is a ratio (Cochran 1977, section 6.3); NaN where there is one well. Its degrees of freedom.
    """
    values = array("values", values)
    groups = array("groups", groups, CLASSES, values.shape, 0, len(values))
    n = np.bincount(groups)
    if not n.all() or not len(n):
        raise ValueError("groups: found one without a value; expected all numbers from 0 on.")
    wells = np.arange(len(values)) if wells is None else array("wells", wells, NAMES, values.shape)
    well = np.unique(wells, return_inverse=True)[1]
    pairs, place = np.unique(groups * len(values) + well, return_inverse=True)
    mean, w = np.bincount(groups, values) / n, np.bincount(pairs // len(values))
    squares = np.bincount(pairs // len(values), np.bincount(place, values - mean[groups]) ** 2)
    return mean, np.divide(w * squares, (w - 1) * n**2.0, out=np.full(len(w), np.nan), where=w > 1), w - 1


def sensitivity_intervals(labels, predicted, n_classes, wells=None, level=0.95):
    """Say how surely each class's sensitivity is known, from its wells: t intervals on the scale of log odds.

    Parameters
    ----------
    labels, predicted : (N,) whole numbers from 0 to n_classes - 1. n_classes : K.
    wells : (N,) names of wells, with their plates; None takes cells instead, which is too sure if cells are clustered.
    level : coverage that is aimed at.

    Returns
    -------
    (K, 2) fractions, low and high; NaN for a class without cells or with a single well. Half a cell is added to the
    right ones and to the wrong ones; no interval is narrower than one over independent cells.
    """
    labels, predicted, n_classes = checked_classes(labels, predicted, n_classes)
    classes, place, n = np.unique(labels, return_inverse=True, return_counts=True)
    right, noise, more = by_wells((predicted == labels) * 1.0, place, wells)
    p = (right * n + 0.5) / (n + 1)
    tail, scale = (1 + number("level", level, 1e-6, 1 - 1e-6, REAL)) / 2, p * (1 - p)
    half = student.ppf(tail, np.where(more > 0, more, np.nan)) * np.sqrt(noise)
    half = np.maximum(half, student.ppf(tail, np.inf) * np.sqrt(scale / n)) / scale  # on the scale of log odds
    low, high = np.where(right > 0, expit(logit(p) - half), 0), np.where(right < 1, expit(logit(p) + half), 1)
    ends = np.full((n_classes, 2), np.nan)
    ends[classes] = np.where(more > 0, [low, high], np.nan).T
    return ends


def _checked(labels, predicted, wells):
    """Give classes and wells as arrays that fit each other; there may be no cells."""
    labels, predicted, _ = checked_classes(labels, predicted, MOST_CLASSES, least=0)
    return labels, predicted, array("wells", wells, NAMES, labels.shape)
