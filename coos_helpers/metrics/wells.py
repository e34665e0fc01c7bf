"""How the wells of a split differ in what a classifier makes of them."""

import numpy as np

from coos_helpers.metrics.arguments import MOST_CLASSES, NAMES, array, checked_classes, number, seed_of


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


def worst_class_by_chance(labels, predicted, wells, seed=0):
    """Say how bad the worst of the classes would be by the luck of wells and cells alone, if all were equally hard.

    Parameters
    ----------
    labels, predicted, wells, seed : as for `worst`.

    Returns
    -------
    float, the error (fraction) that no class exceeds in 95 of 100 draws. Every well's error is drawn from one beta
    distribution: its mean that of the classes' errors, its variance that between wells (`spread`). Other plates, which
    all wells of a class may share, are not drawn. NaN where no class has two wells.
    """
    labels, predicted, wells = _checked(labels, predicted, wells)
    rng, deviation = np.random.default_rng(seed_of(seed)), spread(labels, predicted, wells)
    if np.isnan(deviation):
        return np.nan
    well = np.unique(wells, return_inverse=True)[1]
    (label, _), cells = np.unique([labels, well], axis=1, return_counts=True)
    member = (label[:, None] == np.unique(label)).astype(float)
    errors = np.array([np.mean(predicted[labels == k] != k) for k in np.unique(label)])
    mean, within = errors.mean(), np.mean(errors * (1 - errors))
    shared = min(deviation**2 / within, 0.99) if within else 0  # of the variance: the correlation of a well's cells
    alike = 1 / shared - 1 if shared else 0
    chance = rng.beta(mean * alike, (1 - mean) * alike, (1000, len(cells))) if shared else mean
    drawn = rng.binomial(cells, chance, (1000, len(cells)))
    return float(np.percentile((drawn @ member / (cells @ member)).max(1), 95))


def _checked(labels, predicted, wells):
    """Give classes and wells as arrays that fit each other; there may be no cells."""
    labels, predicted, _ = checked_classes(labels, predicted, MOST_CLASSES, least=0)
    return labels, predicted, array("wells", wells, NAMES, labels.shape)
