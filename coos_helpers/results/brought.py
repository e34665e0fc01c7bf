"""What a classifier of yours said, as the `Results` that everything here reads and that a pack holds."""

from datetime import UTC, datetime

import numpy as np

from coos_helpers.data.validate import as_source
from coos_helpers.results.answers import asked, given
from coos_helpers.results.predictions import Predictions, Results
from coos_helpers.results.register import machine
from coos_helpers.results.score_table import BY_PLATE

CLASSIFIER, PROFILE = "as given", "as given"  # in the place of names of this book
ROUNDED = 0.005  # what rounding to two decimals may change


def brought(predictions, release, name, predict=None, progress=True):
    """Take what a classifier of yours says of a release as results with one row, called `name`, `as given`.

    Parameters
    ----------
    predictions, release, name, predict, progress : as for `results.score`; the release opened.

    Returns
    -------
    `Results`, whose `about` has `notes`. A training set that was not predicted is an aside, with its labels in the
    place of predictions: it is there for `with_training`, and no result.

    Raises
    ------
    ValueError, DataError : there is no name, or the predictions do not fit the release.
    """
    if not isinstance(name, str) or not as_source(name):
        raise ValueError(f"name: found {name!r:.80}; expected what the classifier is called.")
    name, first = as_source(name), next(iter(release.values()))
    said, unread = (asked(predict, release, progress), []) if predictions is None else given(predictions, release)
    row, asides, notes = {}, [], [f"Not read: the column {', '.join(unread)}."] if unread else []
    for column, (predicted, scores) in said.items():
        split, rung = (release["train"], "plate") if column == BY_PLATE else (release[column], "")
        probable, told = _probabilities(scores)
        notes += [f"Of {column} the scores {told}"] if told else []
        row[column] = _predictions(split, name, predicted, probable, rung)
    ladders = [[{BY_PLATE: row.pop(BY_PLATE)}]] if BY_PLATE in row else []
    if not row:
        raise ValueError(f"predictions: found {BY_PLATE} alone; expected a split of the release as well.")
    if "train" in release and "train" not in row:
        asides.append({"train": _predictions(release["train"], name, release["train"].labels, None)})
    about = {"data": first.source, "source": first.source, "profile": PROFILE, "seed": 0, "machine": machine()}
    about |= {"made": datetime.now(UTC).strftime("%Y-%m-%d"), "notes": notes}
    caption = f"Data: {first.source[:200]}. Classifier: {name[:100]}."
    images = lambda _, cells: [None] * len(cells)  # noqa: E731
    return Results(about, caption, first.class_names, [row], [[row]], ladders, {}, images, asides)


def with_training(row, asides):
    """Add the training set to a row that lacks it, for its plates: which of the test sets' are others?"""
    one = next(iter(row.values()))
    for p in (aside["train"] for aside in asides if "train" in aside):
        if (p.representation, p.classifier) == (one.representation, one.classifier):
            return {"train": p} | row
    return row


def _probabilities(scores):
    """Take probabilities, (N, K), rounded ones and rows of 0 as well; None for other scores; and say what was done."""
    if scores is None:
        return None, ""
    sums = scores.sum(1, keepdims=True, dtype=float)
    off = np.where(sums == 0, 0, np.abs(sums - 1)).max()
    if scores.min() < 0 or scores.max() > 1 + 1e-6 or off > scores.shape[1] * ROUNDED + 1e-3:
        return None, "are no probabilities, from 0 to 1 and adding up to 1: what they claim is not judged."
    if off <= 1e-3:
        return scores, ""
    scores = (scores / np.where(sums == 0, 1, sums)).astype(np.float32)
    return scores, "are rounded probabilities: those of each cell were divided by their sum."


def _predictions(split, name, predicted, scores, rung=""):
    places = split.labels, predicted, scores, split.plate, split.well_ids
    return Predictions(name, CLASSIFIER, split.name, *places, split.class_names, split.source, PROFILE, 0, rung=rung)
