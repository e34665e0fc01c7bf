"""Say how surely an error is known: on other wells of these plates, on other plates, with other trainings.

All of it is linear in what a cell counts: 1 where a model errs, the mean of that over a method's trainings, or one
method's less another's. So variances add up, and a t interval takes their sum, with as many degrees of freedom as
Satterthwaite (1946) allows.
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import t as student

from coos_helpers.metrics.arguments import CLASSES, NAMES, REAL, array, checked_classes, number
from coos_helpers.metrics.wells import by_wells

PAIRS = 2000  # of a class and a plate, at most: what has more are no plates, and would fill the memory


class _Cells(NamedTuple):
    """Hold N cells: number of the class and loss of each, numbers of wells and plates or None; K classes' scales."""

    classes: np.ndarray
    loss: np.ndarray
    wells: np.ndarray | None
    plates: np.ndarray | None
    scale: np.ndarray


class _Plates(NamedTuple):
    """Hold the n pairs of a class and a plate: loss and luck of wells in units of the scale, and what it weighs."""

    loss: np.ndarray
    noise: np.ndarray
    more: np.ndarray
    weight: np.ndarray
    classes: np.ndarray
    plates: np.ndarray


def error_intervals(labels, first, second=None, wells=None, plates=None, like=(), shared=False, level=0.95):
    """Say how surely a balanced error, or what it exceeds another by, is known, for other wells and for other plates.

    Both intervals aim at what is to be expected of such cells: the first, had other wells of these plates been taken;
    the second, had as many other plates been grown, on days of their own. A class's error on a plate is taken to be
    its own, and an effect of the day that all classes of the plate share, and one of this plate on this class, and the
    luck of wells. Both effects are in units of the class's sqrt(p (1 - p)), p its error, so that they carry to other
    plates; their variances are estimated by quadratic forms (Henderson's method 3; Searle et al. 1992, section 5.5).

    Parameters
    ----------
    labels : (N,) whole numbers.
    first : (N,) whole numbers, what a model said; or (S, N), what S trainings of a network did, whose mean counts.
    second : the same of another method, whose error is subtracted; None for none.
    wells, plates : (N,) names, or None. Without wells the first interval draws cells, and is too narrow.
    like : dicts of `labels`, `first`, `second`, `wells`, `plates`: of other cells, whose plates vary as these do.
    shared : whether the n-th trainings of both methods are of one network.
    level : coverage that is aimed at.

    Returns
    -------
    (error, (low, high), (low, high)), fractions; NaN for ends of which nothing is known: where every class has one
    well, or no class has two plates anywhere.

    Raises
    ------
    ValueError : arrays that do not fit each other, or hold something else.
    """
    parts = {"labels", "first", "second", "wells", "plates"}
    if not isinstance(like, list | tuple) or not all(isinstance(one, dict) and set(one) == parts for one in like):
        raise ValueError(f"like: found {like!r:.80}; expected dicts of {', '.join(sorted(parts))}.")
    if not isinstance(shared, bool):
        raise ValueError(f"shared: found {shared!r:.80}; expected True or False.")
    own, errors = _cells(labels, first, second, wells, plates)
    pools = [cells for cells in (own, *(_cells(**one)[0] for one in like)) if cells.plates is not None]
    if shared and len(errors) == 2 and len(errors[0]) == len(errors[1]):
        errors = [errors[0] - errors[1]]
    trained = [(np.var(e, ddof=1) / len(e), len(e) - 1) for e in errors if len(e) > 1]
    trained = [(variance, 2 * variance**2 / more) for variance, more in trained]
    mean, noise, more = by_wells(own.loss, own.classes, own.wells)
    error, least = float(mean.mean()), 0 if second is None else -1
    over_wells = _ends(error, [_total(noise / len(mean) ** 2, more), *trained], level, least)
    between = (np.nan, np.nan) if plates is None else _between_plates([_by_plates(cells) for cells in pools])
    over_plates = _ends(error, [between, *trained], level, least)
    narrower = np.ptp(over_plates) < np.ptp(over_wells)  # by chance, as other plates have other wells, too
    return error, over_wells, over_wells if narrower else over_plates


def _codes(name, names, labels):
    """Number wells or plates of cells, unless None."""
    return names if names is None else np.unique(array(name, names, NAMES, labels.shape), return_inverse=True)[1]


def _cells(labels, first, second, wells, plates):
    """Check what was said of some cells: `_Cells`, and for each method the errors of its trainings, (S,)."""
    wrong = []
    for name, said in (("first", first), ("second", second)):
        if said is not None or name == "first":
            said = array(name, said, CLASSES, None)
            said = said if said.ndim == 2 and len(said) else [said]
            checked = [checked_classes(labels, one)[:2] for one in said]
            wrong.append(np.array([of_class != one for of_class, one in checked], float))
    labels = checked[0][0]
    classes, counts = np.unique(labels, return_inverse=True, return_counts=True)[1:]
    errors = [np.array([np.mean(np.bincount(classes, one) / counts) for one in trainings]) for trainings in wrong]
    means = [trainings.mean(0) for trainings in wrong]
    p = (np.bincount(classes, np.mean(means, axis=0)) + 1) / (counts + 2)  # kept off 0 and 1
    loss = means[0] - means[1] if len(means) > 1 else means[0]
    places = _codes("wells", wells, labels), _codes("plates", plates, labels)
    return _Cells(classes, loss, *places, np.sqrt(p * (1 - p))), errors


def _by_plates(cells):
    """Tabulate cells by class and plate: `_Plates`."""
    many = cells.plates.max() + 1
    pairs, place, n = np.unique(cells.classes * many + cells.plates, return_inverse=True, return_counts=True)
    classes, plates = np.divmod(pairs, many)
    mean, noise, more = by_wells(cells.loss, place, cells.wells)
    scale, weight = cells.scale[classes], n / np.bincount(cells.classes)[classes] / len(cells.scale)
    return _Plates(mean / scale, np.nan_to_num(noise) / scale**2, more, weight * scale, classes, plates)


def _between_plates(pools):
    """Give the variance of the first pool's error over draws of plates, days and wells, and its sampling variance."""
    if sum(len(pool.loss) for pool in pools) > PAIRS:
        return np.nan, np.nan
    forms = [_forms(pool) for pool in pools]
    squares = counts = 0  # of days, and of what days leave, without what wells explain; their degrees of freedom
    for pool, (of_days, of_rest, days) in zip(pools, forms, strict=True):
        squares += np.array([pool.loss @ form @ pool.loss - np.diag(form) @ pool.noise for form in (of_days, of_rest)])
        counts += np.array([np.trace(of_days), np.trace(of_rest), np.trace(days.T @ of_days @ days)])
    if counts[0] < 0.5:  # no class has two plates
        return np.nan, np.nan
    rest = max(counts[1], 1e-9)
    each = max(squares[1] / rest, 0) * (rest > 0.5)
    day = max((squares[0] - counts[0] * each) / counts[2], 0)
    own, (_, _, days) = pools[0], forms[0]
    for_day, for_each = np.sum((own.weight @ days) ** 2), np.sum(own.weight**2)
    variance, unsure = np.nan_to_num(_total(own.weight**2 * own.noise, own.more))
    variance += for_day * day + for_each * each
    on_days = for_day / counts[2]
    on_rest = (for_each - on_days * counts[0]) / rest * (rest > 0.5)
    for pool, (of_days, of_rest, days) in zip(pools, forms, strict=True):
        spread = day * days @ days.T + each * np.eye(len(days)) + np.diag(pool.noise)
        form = (on_days * of_days + on_rest * of_rest) @ spread
        unsure += 2 * np.sum(form * form.T)
    return variance, min(unsure, 2 * variance**2 / counts[0])  # no fewer degrees of freedom than days have


def _forms(pool):
    """Give the quadratic forms of days within classes and of what they leave, (n, n), and the day of each pair."""
    of_class, days = (np.eye(of.max() + 1)[of] for of in (pool.classes, pool.plates))
    within = np.eye(len(days)) - of_class @ np.linalg.pinv(of_class)
    free = within @ days
    of_days = free @ np.linalg.pinv(free, rcond=1e-9)
    return of_days, within - of_days, days


def _total(noise, more):
    """Add up variances with their degrees of freedom: the sum and its sampling variance; NaN if none has any."""
    noise, more = noise[more > 0], more[more > 0]
    return (noise.sum(), 2 * np.sum(noise**2 / more)) if len(more) else (np.nan, np.nan)


def _ends(estimate, parts, level, least):
    """Give a t interval from the parts of a variance, each with its sampling variance (Satterthwaite 1946)."""
    variance, unsure = np.sum(parts, axis=0)
    freedom = max(2 * variance**2 / unsure, 1) if unsure > 0 else np.inf
    half = student.ppf((1 + number("level", level, 1e-6, 1 - 1e-6, REAL)) / 2, freedom) * np.sqrt(variance)
    return tuple(float(end) for end in np.clip([estimate - half, estimate + half], least, 1))
