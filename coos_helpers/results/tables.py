"""Tables of errors, and errors of many draws of wells, from predictions."""

import numpy as np
import pandas as pd

from coos_helpers.metrics.bootstrap import resampled_errors
from coos_helpers.metrics.scores import balanced_error
from coos_helpers.results.select import by_method, family, names_of


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
    rows = []
    for draws in by_method(filter(None, predictions)):  # a row is empty where there is no test set
        errors = {n: [100 * balanced_error(row[n].labels, row[n].predicted) for row in draws] for n in draws[0]}
        rows.append(names_of(draws[0]) | {name: np.mean(of_draws) for name, of_draws in errors.items()})
    return pd.DataFrame(rows)


def bootstrap_unit(predictions):
    """Say what intervals over wells take anew: wells where every split names them, else cells."""
    known = all(p.well is not None for row in predictions for p in row.values())
    return "wells" if known else "cells, so they are too narrow"


def resampled_error_rows(rows, split, resamples=2000):
    """Give each row's balanced error (percent) on a split, and again for each draw of wells, the same for all rows.

    Parameters
    ----------
    rows : M dicts from split name to `Predictions`; or lists of such, the trainings of a method, as `Results.draws`:
        their mean, of all first, then of S - 1 of S, drawn with replacement, the same for methods of one family.
    split : its name. resamples : R.

    Returns
    -------
    (M, 1 + R) percent, as `metrics.resampled_errors` gives it.
    """
    methods = [row if isinstance(row, list) else [row] for row in rows]
    said = [row[split] for draws in methods for row in draws]
    errors = 100 * resampled_errors(said[0].labels, np.array([p.predicted for p in said]), said[0].well, resamples)
    rng, weights, means = np.random.default_rng(0), {}, []
    for draws in methods:
        mine, errors = np.split(errors, [s := len(draws)])
        if (which := (family(draws[0]), s)) not in weights:
            drawn = rng.multinomial(max(s - 1, 1), np.full(s, 1 / s), resamples)
            weights[which] = np.vstack([np.ones(s), drawn]).T
        means.append(np.average(mine, axis=0, weights=weights[which]))
    return np.array(means)
