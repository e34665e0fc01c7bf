"""A folder with all that is said of a classifier: a page, the same numbers as JSON, a model card and a pack."""

import json
from pathlib import Path

import matplotlib

from coos_helpers import store
from coos_helpers.data.access import access
from coos_helpers.data.errors import DataError
from coos_helpers.data.release import open_release
from coos_helpers.plots import report
from coos_helpers.results import card, pack
from coos_helpers.results.brought import brought
from coos_helpers.results.score import numbers

PACK, *TEXTS = WRITTEN = ("predictions.pack", "report.html", "score.json", "card.md")


def evaluate(file, data, out, name, sees, baseline):
    """Score a file of predictions and write what `coos evaluate` writes.

    Parameters
    ----------
    file, data : the table of predictions; the folder of the release that was predicted.
    out : the folder to write to, made if missing.
    name : what the classifier is called; the file's own name where it is empty.
    sees, baseline : as for `results.score`.

    Returns
    -------
    dict, of `results.score`.

    Raises
    ------
    DataError : the predictions do not fit the release, or `out` holds another result.
    """
    matplotlib.use("agg")
    file, out, sees = Path(file), Path(out), access(sees)
    _refuse_another(out)
    release = open_release(data)
    found = brought(file, release, name or file.stem)
    score = numbers(found, release, sees, baseline)
    made = report.page(score), json.dumps(score, indent=1, allow_nan=False), card.of_score(score)
    with store.alone(out):
        _refuse_another(out)  # which may have come meanwhile
        pack.write(found, out / PACK)
        for part, text in zip(TEXTS, made, strict=True):
            with store.atomic(out / part) as handle:
                handle.write(text.encode())
    return score


def _refuse_another(out):
    if there := [part for part in WRITTEN if (out / part).exists()]:
        found = f"{', '.join(there)} of another result"
        raise DataError(out, found, "a folder without one", "Name another, or move them.")
