"""All that is said of one classifier on one split, in percent and as plain numbers."""

import math

import numpy as np

from coos_helpers.metrics import calibration, wells
from coos_helpers.metrics.intervals import sensitivity_intervals
from coos_helpers.metrics.scores import absent_classes, balanced_error, common_errors, confusion_matrix, sensitivities
from coos_helpers.results.intervals import fewest_wells, method_intervals

COVERAGES = (0.05, *np.linspace(0.1, 1, 19))


def measures(row, name, ladders=()):
    """Measure what a classifier says of one split.

    Parameters
    ----------
    row : dict from split name to `Predictions`. name : of the split. ladders : as in `results.method_intervals`.

    Returns
    -------
    dict: `balanced_error` with both intervals (none for the training set), `sensitivities`, a dict a class, with
    intervals over wells; `confusion`, K lists of counts; `common_errors`; `worst_class`, `worst_well`, each beside what
    chance alone would show; `calibration` and `selective_accuracy`, None without probabilities. In percent.
    """
    p = row[name]
    n_classes, about = len(p.class_names), (p.labels, p.predicted)
    ends = [(np.nan, np.nan)] * 2 if name == "train" else method_intervals([row], name, ladders=ladders)[1:]
    return {
        "cells": len(p.labels),
        "absent_classes": absent_classes(p.labels, p.class_names),
        "fewest_wells": fewest_wells(p),
        "balanced_error": {"value": 100 * balanced_error(*about), **ends_of(*ends)},
        "sensitivities": _by_class(p),
        "confusion": confusion_matrix(*about, n_classes),
        "common_errors": [
            {"true": p.class_names[true], "called": p.class_names[called], "share": 100 * share}
            for true, called, share in common_errors(*about, n_classes)
        ],
        "worst_class": _worst_class(p),
        "worst_well": _worst_well(p),
        "spread_of_wells": None if p.well is None else 100 * wells.spread(*about, p.well),
        "calibration": None if p.scores is None else _calibration(p),
        "selective_accuracy": None if p.scores is None else _selective(p),
    }


def ends_of(over_wells, over_plates):
    """Name the two intervals of an error."""
    return {"other_wells": over_wells, "another_plate": over_plates}


def plain(value):
    """Turn numpy's numbers and arrays into what JSON has words for; NaN becomes None."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        some = [plain(one) for one in (value.tolist() if isinstance(value, np.ndarray) else value)]
        return None if isinstance(value, tuple) and some == [None, None] else some
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _by_class(p):
    """Give each class's cells, wells and sensitivity with its interval, from its wells."""
    values = sensitivities(p.labels, p.predicted, len(p.class_names))
    ends = sensitivity_intervals(p.labels, p.predicted, len(p.class_names), p.well)
    said = []
    for k, (name, value, interval) in enumerate(zip(p.class_names, values, ends, strict=True)):
        mine = p.labels == k
        counted = {"cells": int(mine.sum()), "wells": None if p.well is None else len(np.unique(p.well[mine]))}
        said.append({"class": name, **counted, "value": 100 * value, "interval": tuple(100 * interval)})
    return said


def _worst_class(p):
    errors = 100 - 100 * sensitivities(p.labels, p.predicted, len(p.class_names))
    chance = np.nan if p.well is None else wells.worst_class_by_chance(p.labels, p.predicted, p.well)
    k = int(np.nanargmax(errors))
    return {"class": p.class_names[k], "error": errors[k], "by_chance": 100 * chance}


def _worst_well(p):
    found = None if p.well is None else wells.worst(p.labels, p.predicted, p.well)
    if found is None:
        return None
    name, error, cells, chance = found
    kinds = [p.class_names[k] for k in np.unique(p.labels[p.well == name])]
    return {"well": name, "classes": kinds, "error": 100 * error, "cells": cells, "by_chance": 100 * chance}


def _calibration(p):
    """Give the calibration error and the excess of confidence, with intervals, and what luck alone would show."""
    about, unknown = (p.labels, p.predicted, p.scores), np.full((2, 2), np.nan)
    luck = 100 * calibration.calibrated_errors(p.predicted, p.scores)
    ends = unknown if p.well is None else 100 * calibration.calibration_intervals(*about, p.well)
    confidence = 100 * calibration.confidences(p.predicted, p.scores).mean()
    accuracy = 100 * np.mean(p.labels == p.predicted)
    curve = zip(("confidence", "accuracy", "share"), calibration.reliability_curve(*about), strict=True)
    return {
        "error": 100 * calibration.expected_calibration_error(*about),
        "interval": tuple(ends[0]),
        "if_calibrated": luck.mean(),
        "if_calibrated_interval": tuple(np.percentile(luck, (2.5, 97.5))),
        "mean_confidence": confidence,
        "accuracy": accuracy,
        "too_sure_by": confidence - accuracy,
        "too_sure_by_interval": tuple(ends[1]),
        "reliability": {part: 100 * values for part, values in curve},
    }


def _selective(p):
    right = calibration.selective_accuracy(p.labels, p.predicted, p.scores, COVERAGES)
    return [{"answered": 100 * c, "right": 100 * r} for c, r in zip(COVERAGES, right, strict=True)]
