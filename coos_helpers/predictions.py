"""The one artefact that every table and figure reads: what a classifier said of each cell of a split."""

import json
from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd

from coos_helpers import classifiers, metrics, store


@dataclass(frozen=True)
class Predictions:
    """Hold what one classifier on one representation said of one split.

    Attributes
    ----------
    representation, classifier, split : names as design has them, such as `texture`, `l1-lr`, `test3`.
    labels, predicted : (N,) int64.
    scores : (N, K) float32, a probability for each class.
    plate, well : (N,) str or None; a well's name includes its plate, `plate/well`.
    class_names : K names.
    source, profile, seed : the data, the profile and the seed that made them.
    """

    representation: str
    classifier: str
    split: str
    labels: np.ndarray = field(repr=False)
    predicted: np.ndarray = field(repr=False)
    scores: np.ndarray = field(repr=False)
    plate: np.ndarray | None = field(repr=False)
    well: np.ndarray | None = field(repr=False)
    class_names: tuple
    source: str
    profile: str
    seed: int


ARRAYS = ("labels", "predicted", "scores", "plate", "well")


def evaluate(run, release, features, representation, classifier, draws=100, seed=0):
    """Fit a classifier to the training set, let it predict every split, and store the predictions.

    Predictions made before from the same features, labels, settings and code are read instead.

    Parameters
    ----------
    run : the `profiles.Run` in which this happens.
    release : dict of `Split`, with `train`.
    features : dict from split name to (N, d).
    representation : name of the representation.
    classifier : `knn`, `l1-lr` or `rf`.
    draws, seed : as for `classifiers.fit`.

    Returns
    -------
    dict from split name to `Predictions`, in the release's order.
    """
    made_by = store.key(
        features=features,
        labels={name: split.labels for name, split in release.items()},
        about={name: [s.class_names, s.source, s.plate, s.well_ids] for name, s in release.items()},
        settings=[run.name, representation, classifier, draws, seed],
        code=store.code_key("predictions"),
    )
    if stored := _stored(run, release, representation, classifier, made_by):
        return stored
    model = classifiers.fit(classifier, features["train"], release["train"].labels, draws, seed)
    made = {}
    for name, split in release.items():
        made[name] = Predictions(
            representation,
            classifier,
            name,
            split.labels,
            model.predict(features[name].astype(np.float64)).astype(np.int64),
            classifiers.class_scores(model, features[name], len(split.class_names)),
            split.plate,
            split.well_ids,
            split.class_names,
            split.source,
            run.profile,
            seed,
        )
        save(made[name], _path(run, representation, classifier, name), made_by)
    return made


def save(predictions, path, made_by):
    """Store predictions in one `.npz`, with the key of what made them."""
    parts = asdict(predictions)
    arrays = {name: values for name in ARRAYS if (values := parts.pop(name)) is not None}
    with store.atomic(path) as file:
        np.savez_compressed(file, meta=json.dumps({**parts, "made_by": made_by, "arrays": list(arrays)}), **arrays)


def load(path):
    """Read predictions and the key of what made them: `(Predictions, key)`."""
    with np.load(path, allow_pickle=False) as file:
        meta = json.loads(str(file["meta"]))
        arrays = dict.fromkeys(ARRAYS) | {name: file[name] for name in meta.pop("arrays")}
    made_by = meta.pop("made_by")
    meta["class_names"] = tuple(meta["class_names"])
    return Predictions(**meta, **arrays), made_by


def errors(predictions):
    """Tabulate balanced errors in percent: a row for each representation and classifier, a column for each split.

    Parameters
    ----------
    predictions : list of dicts from split name to `Predictions`, as `evaluate` gives them.

    Returns
    -------
    pandas.DataFrame with `features`, `model` and the splits' names as columns, unrounded. A split that lacks classes
    is averaged over those that it has; `metrics.absent_classes` names the others.
    """
    rows = []
    for by_split in predictions:
        first = next(iter(by_split.values()))
        row = {"features": first.representation, "model": classifiers.NAMES.get(first.classifier, first.classifier)}
        for name, p in by_split.items():
            row[name] = 100 * metrics.balanced_error(p.labels, p.predicted)
        rows.append(row)
    return pd.DataFrame(rows)


def _path(run, representation, classifier, split):
    return run.folder / "predictions" / f"{representation}--{classifier}--{split}.npz"


def _stored(run, release, representation, classifier, made_by):
    """Read stored predictions of every split if all are there, whole, and made by the same things; else None."""
    found = {}
    for name in release:
        path = _path(run, representation, classifier, name)
        try:
            found[name], key = load(path)
        except FileNotFoundError:
            return None
        except Exception as error:  # zip, zlib, json and numpy raise many kinds for damaged files
            print(f"{path} is damaged ({type(error).__name__}) and will be made again.")
            return None
        if key != made_by:
            return None
    return found
