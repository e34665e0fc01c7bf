"""Predictions in the folder of a run: each in a file of its own, with the key of what made it."""

import json
from dataclasses import astuple

import numpy as np

from coos_helpers import classifiers, store
from coos_helpers.results.predictions import ARRAYS, Predictions, facts, representation_of, together


def column_of(split, rung=""):
    """Name the column of a table in which predictions stand: `test3`, or `train-by-well` of a ladder."""
    return f"{split}-by-{rung}" if rung else split


def path_in(folder, representation, classifier, column, setting=None, draw=0):
    """Name the file in which predictions lie, in the folder of a run."""
    tried = ("" if setting is None else f"-{setting:g}") + (f"-draw{draw}" if draw else "")
    return folder / "predictions" / f"{representation}--{classifier}{tried}--{column}.npz"


def load(path):
    """Read predictions and the key of what made them: `(Predictions, key)`."""
    with np.load(store.check_zip(path), allow_pickle=False) as file:
        meta = json.loads(str(file["meta"]))
        return together(meta["facts"], {name: file[name] for name in meta["arrays"]}), meta["made_by"]


def keep(run, split, representation, classifier, predicted, scores, seed, made_by, setting=None, rung=""):
    """Store what a classifier said of the cells of a split, and give it as `Predictions`, which see."""
    of = representation_of(representation)
    made = Predictions(
        of.name, classifier, split.name, split.labels, predicted, scores, split.plate, split.well_ids,
        split.class_names, split.source, run.profile, seed, of.family, of.layer, of.variant, setting, rung, of.draw,
    )  # fmt: skip
    arrays = {name: values for name in ARRAYS if (values := getattr(made, name)) is not None}
    meta = {"facts": facts(made), "made_by": made_by, "arrays": list(arrays)}
    with store.atomic(path_in(run.folder, of.name, classifier, column_of(split.name, rung), setting, of.draw)) as file:
        np.savez_compressed(file, meta=json.dumps(meta), **arrays)
    return made


def load_stored(run, release, representation, classifier):
    """Read what another chapter stored of a representation and classifier: a dict by split, or None."""
    return (load_if_current(run, representation, classifier, release, None) or [None])[0]


def load_if_current(run, representation, classifier, columns, made_by, settings=(None,)):
    """Read what was stored of a classifier: for each setting a dict by column; None unless all is there and current.

    With None for `made_by`, whatever made it will do.
    """
    name, draw = (of := representation_of(representation)).name, of.draw
    try:
        found = [{c: load(path_in(run.folder, name, classifier, c, s, draw)) for c in columns} for s in settings]
    except FileNotFoundError:
        return None
    except Exception as error:  # zip, zlib, json and numpy raise many kinds for damaged files
        print(f"What is stored of {name}, {classifier} is damaged ({type(error).__name__}) and will be made again.")
        return None
    current = made_by is None or all(key == made_by for row in found for _, key in row.values())
    return [{column: p for column, (p, _) in row.items()} for row in found] if current else None


def key_of(code, run, release, features, representation, *settings):
    """Condense what predictions come from into a key: the code of a module, all of the run and release, settings."""
    return store.key(
        features=features,
        cells={name: [s.labels, s.class_names, s.source, s.plate, s.well_ids] for name, s in release.items()},
        settings=[run.name, run.settings, *astuple(representation_of(representation)), *settings],
        engine=classifiers.ENGINE,
        code=store.code_key(code),
    )
