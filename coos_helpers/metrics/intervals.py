"""Say how surely an error is known: on other wells of these plates, on other plates, with other trainings.

All of it is linear in what a cell counts: 1 where a model errs, the mean of that over a method's trainings, or one
method's less another's. So variances add up, and a t interval takes their sum, with as many degrees of freedom as
Satterthwaite (1946) allows.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit
from scipy.stats import t as student

from coos_helpers.metrics.arguments import CLASSES, NAMES, REAL, array, checked_classes, number

PAIRS = 1000  # of a class and a plate, at most: what has more are no plates, and would take long
UNKNOWN = (np.nan, np.nan)


class _Pairs(NamedTuple):
    """Hold the n pairs of a class and a plate, in units of the class's scale, with their weights in the error.

    of_days, of_rest : (n, n) quadratic forms of days within classes, and of what days leave. days : whose day it is.
    """

    loss: np.ndarray
    noise: np.ndarray
    more: np.ndarray
    weight: np.ndarray
    of_days: np.ndarray
    of_rest: np.ndarray
    days: np.ndarray


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
    mean, noise, more, errors, own = _seen(labels, first, second, wells, plates)
    pools = [pool for pool in (own, *(_seen(**one)[-1] for one in like)) if pool]
    if shared and len(errors) == 2 and len(errors[0]) == len(errors[1]):
        errors = [errors[0] - errors[1]]
    trained = [_total(np.array([np.var(e, ddof=1) / len(e)]), np.array([len(e) - 1])) for e in errors if len(e) > 1]
    error, least = float(mean.mean()), 0 if second is None else -1
    over_wells = _ends(error, [_total(noise / len(mean) ** 2, more), *trained], level, least)
    over_plates = _ends(error, [_between_plates(pools) if own else UNKNOWN, *trained], level, least)
    narrower = np.ptp(over_plates) < np.ptp(over_wells)  # by chance, as other plates have other wells, too
    return error, over_wells, over_wells if narrower else over_plates


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
    right, noise, more = _by_wells((predicted == labels) * 1.0, place, _codes("wells", wells, labels))
    p = (right * n + 0.5) / (n + 1)
    scale, tail = p * (1 - p), _tail(level)
    half = student.ppf(tail, np.where(more > 0, more, np.nan)) * np.sqrt(noise)
    half = np.maximum(half, student.ppf(tail, np.inf) * np.sqrt(scale / n)) / scale
    low, high = np.where(right > 0, expit(logit(p) - half), 0), np.where(right < 1, expit(logit(p) + half), 1)
    ends = np.full((n_classes, 2), np.nan)
    ends[classes] = np.where(more > 0, [low, high], np.nan).T
    return ends


def _tail(level):
    return (1 + number("level", level, 1e-6, 1 - 1e-6, REAL)) / 2


def _codes(name, names, labels):
    """Number wells or plates of cells, unless None."""
    return names if names is None else np.unique(array(name, names, NAMES, labels.shape), return_inverse=True)[1]


def _seen(labels, first, second, wells, plates):
    """Check and sum up some cells: `_by_wells` of classes, each method's errors by training, and `_Pairs` or None."""
    wrong = []
    for name, said in (("first", first), ("second", second)):
        if said is not None or name == "first":
            said = array(name, said, CLASSES, None)
            said = said if said.ndim == 2 and len(said) else [said]
            checked = [checked_classes(labels, one)[:2] for one in said]
            wrong.append(np.array([of_class != one for of_class, one in checked], float))
    labels = checked[0][0]
    wells, plates = _codes("wells", wells, labels), _codes("plates", plates, labels)
    classes, counts = np.unique(labels, return_inverse=True, return_counts=True)[1:]
    errors = [np.array([np.mean(np.bincount(classes, one) / counts) for one in trainings]) for trainings in wrong]
    means = [trainings.mean(0) for trainings in wrong]
    loss = means[0] - means[1] if len(means) > 1 else means[0]
    pairs = None
    if plates is not None:
        p = (np.bincount(classes, np.mean(means, axis=0)) + 1) / (counts + 2)  # kept off 0 and 1
        pairs = _by_plates(loss, classes, counts, wells, plates, np.sqrt(p * (1 - p)))
    return *_by_wells(loss, classes, wells), errors, pairs


def _by_wells(loss, groups, wells):
    """Give each group's mean loss, its variance by whole wells (NaN for one well), and the degrees of freedom."""
    wells = np.arange(len(loss)) if wells is None else wells
    n, many = np.bincount(groups), wells.max() + 1
    mean = np.bincount(groups, loss) / n
    pairs, place = np.unique(groups * many + wells, return_inverse=True)
    w = np.bincount(pairs // many)
    squares = np.bincount(pairs // many, np.bincount(place, loss - mean[groups]) ** 2)
    return mean, np.divide(w * squares, (w - 1) * n**2.0, out=np.full(len(w), np.nan), where=w > 1), w - 1


def _by_plates(loss, classes, counts, wells, plates, scale):
    """Tabulate cells by class and plate: `_Pairs`, or None where plates are too many to be such."""
    many = plates.max() + 1
    pairs, place, n = np.unique(classes * many + plates, return_inverse=True, return_counts=True)
    if len(pairs) > PAIRS:
        return None
    of, plate = np.divmod(pairs, many)
    mean, noise, more = _by_wells(loss, place, wells)
    of_class, days = np.eye(len(counts))[of], np.eye(many)[plate]
    within = np.eye(len(pairs)) - of_class @ np.linalg.pinv(of_class)
    free = within @ days
    of_days = free @ np.linalg.pinv(free, rcond=1e-9)
    scale, weight = scale[of], n / counts[of] / len(counts) * scale[of]
    return _Pairs(mean / scale, np.nan_to_num(noise) / scale**2, more, weight, of_days, within - of_days, days)


def _between_plates(pools):
    """Give the variance of the first pool's error over draws of plates, days and wells, and its sampling variance."""
    squares = counts = 0  # of days, and of what days leave, without what wells explain; their degrees of freedom
    for p in pools:
        squares += np.array([p.loss @ form @ p.loss - np.diag(form) @ p.noise for form in (p.of_days, p.of_rest)])
        counts += np.array([np.trace(p.of_days), np.trace(p.of_rest), np.trace(p.days.T @ p.of_days @ p.days)])
    if counts[0] < 0.5:  # no class has two plates
        return UNKNOWN
    rest = counts[1] if counts[1] > 0.5 else np.inf  # where plates carry a class each, all that plates do is a day's
    each = max(squares[1] / rest, 0)
    day = max((squares[0] - counts[0] * each) / counts[2], 0)
    own = pools[0]
    for_day, for_each = np.sum((own.weight @ own.days) ** 2), np.sum(own.weight**2)
    variance, unsure = np.nan_to_num(_total(own.weight**2 * own.noise, own.more))
    variance += for_day * day + for_each * each
    on_days = for_day / counts[2]
    on_rest = (for_each - on_days * counts[0]) / rest
    for p in pools:
        spread = day * p.days @ p.days.T + each * np.eye(len(p.days)) + np.diag(p.noise)
        form = (on_days * p.of_days + on_rest * p.of_rest) @ spread
        unsure += 2 * np.sum(form * form.T)
    return variance, min(unsure, 2 * variance**2 / counts[0])  # no fewer degrees of freedom than days have


def _total(noise, more):
    """Add up variances with their degrees of freedom: the sum and its sampling variance; NaN if none has any."""
    noise, more = noise[more > 0], more[more > 0]
    return (noise.sum(), 2 * np.sum(noise**2 / more)) if len(more) else UNKNOWN


def _ends(estimate, parts, level, least):
    """Give a t interval from the parts of a variance, each with its sampling variance (Satterthwaite 1946)."""
    variance, unsure = np.sum(parts, axis=0)
    freedom = max(2 * variance**2 / unsure, 1) if unsure > 0 else np.inf
    half = student.ppf(_tail(level), freedom) * np.sqrt(variance)
    return tuple(float(end) for end in np.clip([estimate - half, estimate + half], least, 1))
