"""Score what a classifier of yours says of a release: all numbers of chapters 06 to 08 in one dict, ready for JSON."""

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from coos_helpers import runs, store
from coos_helpers.data.access import access
from coos_helpers.data.errors import DataError
from coos_helpers.data.release import open_release
from coos_helpers.representations import texture
from coos_helpers.results import pack
from coos_helpers.results.brought import brought, with_training
from coos_helpers.results.evaluate import evaluate_classifier
from coos_helpers.results.intervals import method_intervals
from coos_helpers.results.measures import ends_of, measures, plain
from coos_helpers.shift.confusion_difference import difference_test

FORMAT = "coos7-score 1"
BASELINE, _TEXTURE = "Texture, L1 LR", {("texture", "l1-lr")}


def score(predictions=None, release=None, *, predict=None, name, sees, baseline="texture", progress=True):
    """Score a classifier on a release: errors with both intervals, what changed between test sets, calibration, limits.

    Parameters
    ----------
    predictions : dict from split name to classes (N,), scores (N, K) or `Predictions`, or a DataFrame or the
        path of a table, as `results.answers.given` takes them. Splits may be missing; what is there has every cell.
    release : dict of `Split`, or the folder of a release.
    predict : in place of predictions, what makes them: a function of images (n, 2, 64, 64), a fitted scikit-learn
        estimator of pixels or a torch module, as `results.answers.asked` takes them.
    name : what the classifier is called in tables.
    sees : what it was allowed to see of the test cells, one of `data.access.LEVELS`: `nothing` if it was fitted before.
    baseline : what it is compared with, cell by cell: `texture`, for Texture with L1 logistic regression, made of the
        release and kept; or the path of a pack of such results; or a dict from split name to `Predictions`; or None.
    progress : whether progress bars are drawn on stderr.

    Returns
    -------
    dict of numbers, texts, lists and dicts, as `json.dumps` takes them: `about`, and for each split in `splits` what
    `measures` gives; `differences` of confusion matrices, of each test set from the first, with p-values; `baseline`.
    Errors and shares are in percent; None stands for what cannot be known.

    Raises
    ------
    ValueError, DataError : the predictions do not fit the release; said in one message.
    """
    sees = access(sees)
    if (predictions is None) == (predict is None) or release is None:
        raise ValueError("found no release, or not one of predictions and predict; expected one of them and a release.")
    release = open_release(release) if isinstance(release, str | Path) else release
    return numbers(brought(predictions, release, name, predict, progress), release, sees, baseline)


def numbers(found, release, sees, baseline):
    """Measure a row that was brought: `Results` of it, the release opened, one of `LEVELS`, the baseline as above."""
    row, ladders = with_training(found.table[0], found.asides), found.ladders
    tests = [split for split in found.table[0] if split != "train"]
    other, theirs, made_by = _baseline(baseline, release)
    return plain(
        {
            "format": FORMAT,
            "about": _about(found, release, sees),
            "splits": {split: measures(row, split, ladders) for split in found.table[0]},
            "differences": [_difference(row[tests[0]], row[name]) for name in tests[1:]],
            "baseline": None if other is None else _against(row, other, tests, [*ladders, *theirs], made_by),
        }
    )


def _about(found, release, sees):
    """Say what was scored, of which cells, and what is missing."""
    row, notes = found.table[0], [*found.about["notes"]]
    notes += [f"The split {name} was not predicted." for name in release if name not in row and name != "train"]
    unplaced = [name for name, p in row.items() if p.well is None]
    notes += [f"No wells are known of {name}: its intervals are over cells, and too narrow." for name in unplaced]
    return {
        "name": next(iter(row.values())).representation,
        "sees": sees._asdict(),
        "source": found.about["source"],
        "classes": list(found.class_names),
        "cells": {name: len(split) for name, split in release.items()},
        "data_key": store.key(cells={name: [s.labels, s.plate, s.well_ids] for name, s in release.items()}),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in ("coos-helpers", "numpy", "scikit-learn")},
        "held_out_plates": bool(found.ladders),
        "notes": notes,
    }


def _difference(first, second):
    """Test what changed from one test set to another, cell by cell of the confusion matrix."""
    found = difference_test(first, second)
    return {"first": first.split, "second": second.split, "difference": 100 * found.difference} | {
        part: getattr(found, part) for part in ("p_value", "adjusted", "smallest")
    }


def _baseline(baseline, release):
    """Find the baseline: the rows of its trainings, ladders, and where it comes from; (None, (), "") for none."""
    if baseline is None:
        return None, (), ""
    if isinstance(baseline, dict):
        return [baseline], (), "given"
    if baseline != "texture":
        return _packed(baseline, release)
    if "train" not in release:
        remedy = "Add the training split, name a pack of its results, or set the baseline to none."
        raise ValueError(f"found no training split; expected one, to make the baseline {BASELINE}. {remedy}")
    path = release["train"].path
    run = runs.named("given-cells" if path is None else path.parent)
    features = {name: store.kept(texture.features, split) for name, split in release.items()}
    return [evaluate_classifier(run, release, features, "texture", "l1-lr")], (), "made of this release"


def _packed(path, release):
    """Take the baseline from a pack of results, if they are of this release's cells."""
    found = pack.read(path)
    which = [rows for rows in found.draws if {(p.representation, p.classifier) for p in rows[0].values()} == _TEXTURE]
    if not which:
        raise DataError(
            path, "no row of Texture with L1 logistic regression", f"the baseline {BASELINE}", "Pack chapter 02's."
        )
    for name, p in which[0][0].items():
        if name in release and not np.array_equal(p.labels, release[name].labels):
            raise DataError(path, f"results of other cells of {name}", "those of this release", "Name its own pack.")
    return which[0], found.ladders, f"from the pack {Path(path).name}"


def _against(row, other, tests, ladders, made_by):
    """Compare with the baseline on each test set, every cell of the one with the same cell of the other."""
    splits = {}
    for split in (split for split in tests if all(split in one for one in other)):
        its, *_ = method_intervals(other, split, ladders=ladders)
        less, *ends = method_intervals([row], split, other, ladders)
        splits[split] = {"error": its, "difference": less, **ends_of(*ends)}
    first = next(iter(other[0].values()))
    title = BASELINE if (first.representation, first.classifier) in _TEXTURE else f"{first.representation}"
    return {"name": title, "from": made_by, "trainings": len(other), "splits": splits}
