"""Tables of errors and of their intervals, from predictions."""

import numpy as np
import pandas as pd

from coos_helpers import classifiers
from coos_helpers.metrics.bootstrap import bootstrap_interval, resampled_errors
from coos_helpers.metrics.scores import balanced_error
from coos_helpers.results.select import by_method


def error_table(predictions):
    """Tabulate balanced errors in percent: a row for each representation and classifier, a column for each split.

    Parameters
    ----------
    predictions : list of dicts from split name to `Predictions`, as `evaluate_classifier` gives them.

    Returns
    -------
    pandas.DataFrame with `features`, `model` and the splits' names as columns, unrounded. All trainings of a network
    are one row, their mean. A split that lacks classes is averaged over those that it has; `metrics.absent_classes`
    names the others.
    """
    return _tabulate(predictions, lambda draws: np.mean([100 * balanced_error(p.labels, p.predicted) for p in draws]))


def interval_table(predictions):
    """Tabulate 95 % intervals of the balanced error in percent, from a bootstrap over wells.

    Returns
    -------
    pandas.DataFrame, rows and columns as in `error_table` without the training set; "unknown" where every class has one
    well. Where no wells are known the interval is over cells, and too narrow.
    """
    tests = ({s: p for s, p in row.items() if s != "train"} for row in predictions)
    return _tabulate(tests, lambda draws: interval_text(draws[0]))


def interval_text(p):
    """Write the 95 % interval of a balanced error in percent, with a mark where a single well of a class narrows it."""
    low, high = (100 * end for end in bootstrap_interval(p.labels, p.predicted, p.well))
    mark = " (too narrow)" if fewest_wells(p) == 1 else ""
    return "unknown" if np.isnan(low) else f"{low:.1f} to {high:.1f}{mark}"


def fewest_wells(p):
    """Count the wells of the class that has the fewest in a split; None where wells are unknown."""
    return None if p.well is None else min(len(np.unique(p.well[p.labels == k])) for k in np.unique(p.labels))


def bootstrap_unit(predictions):
    """Say what `interval_table` draws: wells where every split names them, else cells."""
    known = all(p.well is not None for row in predictions for p in row.values())
    return "wells" if known else "cells, so they are too narrow"


def resampled_error_rows(rows, split, resamples=2000):
    """Give each row's balanced error (percent) on a split, and again for each draw of wells, the same for all rows.

    Parameters
    ----------
    rows : M dicts from split name to `Predictions`. split : its name. resamples : R.

    Returns
    -------
    (M, 1 + R) percent, as `metrics.resampled_errors` gives it.
    """
    first = rows[0][split]
    predicted = np.array([row[split].predicted for row in rows])
    return 100 * resampled_errors(first.labels, predicted, first.well, resamples)


def _tabulate(predictions, number):
    """Make a table of a number of the `Predictions` of all trainings of each method."""
    rows = []
    for draws in by_method(filter(None, predictions)):  # a row is empty where there is no test set
        p = next(iter(draws[0].values()))
        named = {"features": p.representation, "model": classifiers.NAMES.get(p.classifier, p.classifier)}
        rows.append(named | {name: number([row[name] for row in draws]) for name in draws[0]})
    return pd.DataFrame(rows)
