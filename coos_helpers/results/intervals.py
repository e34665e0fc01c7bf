"""How surely the error of a method is known, and by how much it exceeds another's, from predictions of some splits."""

import numpy as np
import pandas as pd

from coos_helpers.metrics.intervals import error_intervals
from coos_helpers.results import leakage
from coos_helpers.results.select import by_method, family, names_of, row_title

#: What the two intervals of an error speak of.
OF = ("other wells of these plates", "another plate")


def method_intervals(draws, split, other=None, ladders=()):
    """Say how surely a method's error on a split is known, or by how much it exceeds another's, in percent.

    Parameters
    ----------
    draws : rows of all trainings of a method, as one of `Results.draws`. split : its name.
    other : the same of another method, whose error is subtracted; None for none.
    ladders : as in `Results`.

    Returns
    -------
    (error, (low, high), (low, high)), of `metrics.error_intervals`, percent. How plates vary is learned from the
    split's; where the training set has none of them, also from those of other such splits, and from the training
    set's own as the ladder's best setting was asked about them: plates from which the method did not learn.
    """
    methods = [draws] if other is None else [draws, other]
    known, cells = [_alike(method, split, ladders) for method in methods], []
    for name in (name for name in known[0] if name in known[-1]):
        p, said = known[0][name][0], [np.array([p.predicted for p in one[name]]) for one in known]
        places = {"wells": p.well, "plates": p.plate}
        cells.append({"labels": p.labels, "first": said[0], "second": None if other is None else said[1], **places})
    shared = len({family(method[0]) for method in methods}) == 1
    error, *ends = error_intervals(**cells[0], like=cells[1:], shared=shared)
    return 100 * error, *((100 * low, 100 * high) for low, high in ends)


def _alike(draws, split, ladders):
    """List what a method said of a split, first, and of others whose plates vary as that split's: dict by name."""
    said, train = {split: [row[split] for row in draws]}, draws[0].get("train")

    def new(p):
        return p.plate is not None and not np.isin(p.plate, train.plate).any()

    if train is None or train.plate is None or not new(said[split][0]):
        return said
    said |= {name: [row[name] for row in draws] for name, p in draws[0].items() if name != split and new(p)}
    for ladder in (ladder for ladder in ladders if (by := "train-by-plate") in ladder[0]):
        p = leakage.chosen(ladder, by)[by]
        if (p.representation, p.classifier) == (train.representation, train.classifier):
            said[by] = [p]
    return said


def interval_table(predictions, ladders=()):
    """Tabulate 95 % intervals of the balanced error in percent, two rows a method: of other wells, and of other plates.

    Parameters
    ----------
    predictions : as for `error_table`. ladders : as for `method_intervals`.

    Returns
    -------
    pandas.DataFrame, `speaks of` beside the columns of `error_table` without the training set; "unknown" as in
    `metrics.error_intervals`. Where no wells are known the first interval is over cells, and too narrow.
    """
    rows = []
    for draws in by_method(filter(None, predictions)):
        found = {name: method_intervals(draws, name, ladders=ladders) for name in draws[0] if name != "train"}
        for n, of in enumerate(OF if found else (), 1):  # there may be no test set
            said = {name: _worded(ends[n], draws[0][name], of) for name, ends in found.items()}
            rows.append(names_of(draws[0]) | {"speaks of": of} | said)
    return pd.DataFrame(rows)


def difference_table(pairs, ladders=()):
    """Tabulate by how much one method errs more than another on each test set, in points, with both 95 % intervals.

    Parameters
    ----------
    pairs : of lists, each the rows of all trainings of a method, as in `Results.draws`. ladders : as in `Results`.

    Returns
    -------
    pandas.DataFrame with `one`, `other`, `split`, `other minus one`; and, of other wells and of another plate, an
    interval and which method is `better`: "not shown" where the interval holds zero, "unknown" where there is none.
    """
    rows = []
    for one, other in pairs:
        titles = [row_title(draws[0]) for draws in (one, other)]
        for split in [name for name in one[0] if name != "train"] or ["train"]:
            points, *ends = method_intervals(other, split, one, ladders)
            row = dict(zip(("one", "other"), titles, strict=True)) | {"split": split, "other minus one": points}
            for of, better, (low, high) in zip(OF, ("better", "better there"), ends, strict=True):
                row[of] = _worded((low, high), other[0][split], of)
                said = "not shown" if low <= 0 <= high else titles[high < 0]
                row[better] = said if row[of][-1].isdigit() else "unknown"
            rows.append(row)
    return pd.DataFrame(rows)


def interval_text(p):
    """Write the 95 % interval of one model's balanced error in percent, for other wells of these plates."""
    return _worded(method_intervals([{p.split: p}], p.split)[1], p, OF[0])


def _worded(ends, p, of):
    """Write an interval; one over wells with a mark where a single well of a class narrows it."""
    mark = " (too narrow)" if of == OF[0] and fewest_wells(p) == 1 else ""
    return "unknown" if np.isnan(ends[0]) else f"{ends[0]:.1f} to {ends[1]:.1f}{mark}"


def fewest_wells(p):
    """Count the wells of the class that has the fewest in a split; None where wells are unknown."""
    return None if p.well is None else min(len(np.unique(p.well[p.labels == k])) for k in np.unique(p.labels))
