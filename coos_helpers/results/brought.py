"""What a classifier of yours said, as the `Predictions` that everything here reads, and as a pack of them."""

from datetime import UTC, datetime

from coos_helpers.results import pack
from coos_helpers.results.answers import given
from coos_helpers.results.predictions import Predictions, Results
from coos_helpers.results.register import machine
from coos_helpers.results.score_table import BY_PLATE

CLASSIFIER, PROFILE = "as given", "as given"  # in the place of names of this book


def brought(said, release, name):
    """Make `Predictions` of what `answers` give: a dict by split with the training set in it, and the ladders.

    Of the training set only plates are looked at where its cells were not predicted: whether a test set's are others.
    """
    made = {}
    for column, (predicted, scores) in said.items():
        split = release["train" if column == BY_PLATE else column]
        made[column] = _predictions(split, name, predicted, scores, "plate" if column == BY_PLATE else "")
    ladders = [[{BY_PLATE: made.pop(BY_PLATE)}]] if BY_PLATE in made else []
    if "train" in release and "train" not in made:
        made = {"train": _predictions(release["train"], name, release["train"].labels, None)} | made
    return made, ladders


def _predictions(split, name, predicted, scores, rung=""):
    places = split.labels, predicted, scores, split.plate, split.well_ids
    return Predictions(name, CLASSIFIER, split.name, *places, split.class_names, split.source, PROFILE, 0, rung=rung)


def pack_up(predictions, release, name, path):
    """Write predictions that were made elsewhere to a pack, so that anybody can compute their numbers again.

    Parameters
    ----------
    predictions, release, name : as for `results.score`; the release opened. path : of the pack.

    Returns
    -------
    int, the size of the file in bytes. The pack's row is `name`, `as given`.
    """
    said, _ = given(predictions, release)
    row, ladders = brought(said, release, name)
    row = {split: p for split, p in row.items() if split in said}  # a training set that was not predicted is none
    first = next(iter(release.values()))
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    about = {"data": first.source, "source": first.source, "profile": PROFILE, "seed": 0, "made": day}
    caption = f"Data: {first.source[:200]}. Classifier: {name[:100]}."
    parts = {"table": [row], "draws": [[row]], "ladders": ladders, "samples": {}}
    images = lambda _, cells: [None] * len(cells)  # noqa: E731
    return pack.write(Results(about | {"machine": machine()}, caption, first.class_names, images=images, **parts), path)
