"""How the wells of a split differ in what a classifier makes of them."""

import numpy as np


def spread(labels, predicted, wells):
    """Estimate how much the wells of a class differ in sensitivity, beyond what so few cells a well explain.

    Parameters
    ----------
    labels, predicted, wells : (N,) whole numbers, whole numbers, and names of wells with their plates.

    Returns
    -------
    float, a standard deviation (fraction): the root of the variance between wells of a class less the binomial
    variance of their cells, pooled over classes with two wells at least and not just one cell in each; 0 where chance
    explains it all, NaN where there is no such class.
    """
    excess, weight = 0.0, 0
    for k in np.unique(labels):
        mine = labels == k
        _, well = np.unique(np.asarray(wells)[mine], return_inverse=True)
        cells = np.bincount(well)
        if len(cells) < 2 or cells.max() < 2:
            continue
        right = np.bincount(well, predicted[mine] == k)
        n, rate = cells.sum(), right.sum() / cells.sum()
        # The moments of a one-way layout with binary answers (Donner 1986).
        between = np.sum(cells * (right / cells - rate) ** 2) / (len(cells) - 1)
        within = np.sum(right * (1 - right / cells)) / (n - len(cells))
        size = (n - np.sum(cells**2) / n) / (len(cells) - 1)
        excess, weight = excess + (between - within) / size, weight + 1
    return float(np.sqrt(max(excess / weight, 0))) if weight else np.nan


def worst(labels, predicted, wells, least=10, seed=0):
    """Find the well with the largest share of misclassified cells, and how bad the worst would be by chance alone.

    Parameters
    ----------
    labels, predicted : (N,) whole numbers.
    wells : (N,) names of wells, with their plates.
    least : cells that a well must have to count.
    seed : of the chance.

    Returns
    -------
    (well, error, cells, by_chance) : its name, the share of its cells that are wrong, their number, and what the worst
    well's error does not exceed in 95 of 100 draws if every cell of a class is right with that class's sensitivity,
    whatever its well. None where no well has so many cells.

    Raises
    ------
    ValueError : arrays of different length.
    """
    labels, predicted, wells = (np.asarray(values) for values in (labels, predicted, wells))
    if not labels.shape == predicted.shape == wells.shape:
        raise ValueError("found arrays of different length; expected a label, a prediction and a well for each cell.")
    names, well = np.unique(wells, return_inverse=True)
    cells = np.bincount(well, minlength=len(names))
    if not (cells >= least).any():
        return None
    big = cells >= least
    wrong = np.bincount(well, labels != predicted, len(names))
    worst = np.flatnonzero(big)[np.argmax(wrong[big] / cells[big])]
    n_classes = int(labels.max()) + 1
    members = np.bincount(well * n_classes + labels, minlength=len(names) * n_classes).reshape(-1, n_classes)
    rate = np.array([np.mean(predicted[labels == k] != k) if (labels == k).any() else 0 for k in range(n_classes)])
    drawn = np.random.default_rng(seed).binomial(members, rate, (1000, *members.shape)).sum(2)
    by_chance = np.percentile((drawn[:, big] / cells[big]).max(1), 95)
    return str(names[worst]), float(wrong[worst] / cells[worst]), int(cells[worst]), float(by_chance)
