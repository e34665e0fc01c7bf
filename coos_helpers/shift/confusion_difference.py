"""Which errors changed between two test sets? A test of each cell of a difference of confusion matrices."""

from math import comb
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from coos_helpers.metrics.arguments import NAMES, array, checked_classes, number, seed_of
from coos_helpers.shift.permutation import Units, holm


class Differences(NamedTuple):
    """Hold a difference of two confusion matrices, NaN for an absent class, and p-values, if wells can be exchanged."""

    difference: np.ndarray  # (K, K) fractions of the true class
    p_value: np.ndarray  # (K, K), of each cell alone
    adjusted: np.ndarray  # (K, K), after Holm's correction for all cells
    smallest: np.ndarray  # (K,), the smallest p-value that the wells of a true class could have given


def difference_test(first, second, permutations=9999, seed=0):
    """Test each cell of the difference of two confusion matrices of one model, exchanging wells of a true class.

    Parameters
    ----------
    first, second : `Predictions` of two splits.
    permutations, seed : as for `mmd_test`.

    Returns
    -------
    Differences : the second's matrix less the first's, with two-sided p-values.

    The statistic is the difference of the wells' mean shares in units of its standard error, so that wells of one split
    may have more cells, and vary less, than the other's (Chung and Romano 2013). For rare errors, which small wells
    mostly lack, that does not suffice: single cells are exchanged as well, and the larger p-value counts. Holm's
    correction runs over the cells of the matrix that occur. Two plates of one day are no sample of days.
    """
    permutations, rng = number("permutations", permutations), np.random.default_rng(seed_of(seed))
    first, second = _checked(first), _checked(second)
    if first.class_names != second.class_names:
        raise ValueError(f"found classes {first.class_names} and {second.class_names}; expected the same in both.")
    n_classes = len(first.class_names)
    difference, p_value, adjusted, used = np.full((4, n_classes, n_classes), np.nan)
    smallest = np.full(n_classes, np.nan)
    for k in range(n_classes):
        both = [(p, p.labels == k) for p in (first, second) if k in p.labels]
        if len(both) < 2:
            continue
        predicted = np.concatenate([p.predicted[mine] for p, mine in both])
        found = [_cells_exchanged(predicted, both[1][1].sum(), n_classes, permutations, rng)]
        if first.well is not None and second.well is not None:
            units = Units.of(*(part for p, mine in both for part in (p.labels[mine], p.well[mine])))
            found.append(_wells_exchanged(units, predicted, n_classes, permutations, rng))
        before, after = (np.bincount(p.predicted[m], minlength=n_classes) / m.sum() for p, m in both)
        difference[k], used[k], smallest[k] = after - before, before + after > 0, found[-1][1]
        if np.isfinite(smallest[k]):
            beyond = [np.abs(one[1:]) >= np.abs(one[0]) - 1e-9 for one, _ in found]
            p_value[k] = np.max([(1 + one.sum(0)) / (1 + permutations) for one in beyond], axis=0)
    tested = np.isfinite(p_value)
    adjusted[tested] = 1.0
    adjusted[tested & (used > 0)] = holm(p_value[tested & (used > 0)])
    return Differences(difference, p_value, adjusted, smallest)


def _checked(p):
    """Give what is tested of some `Predictions` as arrays that fit each other."""
    if not all(hasattr(p, part) for part in ("labels", "predicted", "well", "class_names")):
        raise ValueError(f"found {type(p).__name__}; expected the `Predictions` of two splits.")
    classes = array("class_names", p.class_names, NAMES).tolist()
    labels, predicted, _ = checked_classes(p.labels, p.predicted, len(classes))
    well = None if p.well is None else array("well", p.well, NAMES, labels.shape)
    return SimpleNamespace(labels=labels, predicted=predicted, well=well, class_names=classes)


def _cells_exchanged(predicted, n_second, n_classes, permutations, rng):
    """Exchange single cells: only the counts of each predicted class matter, and they follow a hypergeometric law."""
    n_first = len(predicted) - n_second
    total, observed = (np.bincount(some, minlength=n_classes) for some in (predicted, predicted[n_first:]))
    second = np.vstack([observed, rng.multivariate_hypergeometric(total, n_second, permutations)])
    a, b = (total - second) / n_first, second / n_second
    least = max(1 / min(comb(len(predicted), n_second), 10**15), 1 / (1 + permutations))
    return _studentised(b - a, a * (1 - a) / n_first + b * (1 - b) / n_second), least


def _wells_exchanged(units, predicted, n_classes, permutations, rng):
    """Exchange wells, which all count the same: else the test would notice that those of one split are larger."""
    kinds = units.of_cell * n_classes + predicted
    counts = np.bincount(kinds, minlength=len(units.label) * n_classes).reshape(-1, n_classes)
    shares = counts / counts.sum(1, keepdims=True)
    second = units.exchanged(permutations, rng) > 0
    sides = np.array([~second, second])
    n = sides.sum(2, keepdims=True)
    means = sides @ shares / n
    # Of a single well no variance is known: that of the other side has to do.
    variances = np.where(n > 1, np.maximum(sides @ shares**2 / n - means**2, 0) / np.maximum(n - 1, 1), np.nan)
    noise = np.where(np.isnan(variances), variances[::-1], variances).sum(0)
    ways = units.arrangements(mirrored=True)
    least = max(1 / ways, 1 / (1 + permutations)) if ways > 1 else np.nan
    return _studentised(means[1] - means[0], np.nan_to_num(noise, nan=1.0)), least


def _studentised(difference, variance):
    """Give a difference in units of its standard error; infinite where nothing varies and there is one all the same."""
    certain = np.where(np.abs(difference) > 1e-12, np.copysign(np.inf, difference), 0.0)
    return np.where(variance > 1e-15, difference / np.sqrt(np.maximum(variance, 1e-15)), certain)
