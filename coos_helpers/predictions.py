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
    scores : (N, K) float32, a probability for each class; None where only the classes were kept.
    plate, well : (N,) str or None; a well's name includes its plate, `plate/well`.
    class_names : K names.
    source, profile, seed : the data, the profile and the seed that made them.
    """

    representation: str
    classifier: str
    split: str
    labels: np.ndarray = field(repr=False)
    predicted: np.ndarray = field(repr=False)
    scores: np.ndarray | None = field(repr=False)
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
    if found := stored_as(run, representation, [classifier], release, made_by):
        return found[0]
    model = classifiers.fit(classifier, features["train"], release["train"].labels, draws, seed)
    made = {}
    for name, split in release.items():
        predicted = model.predict(np.asarray(features[name], np.float64)).astype(np.int64)
        scores = classifiers.class_scores(model, features[name], len(split.class_names))
        made[name] = keep(run, split, representation, classifier, predicted, scores, seed, made_by)
    return made


def end_to_end(run, release, scores, representation, seed=0):
    """Store the predictions of a network that classifies by itself, without one of the three classifiers.

    Parameters
    ----------
    run, release, representation, seed : as for `evaluate`.
    scores : dict from split name to (N, K) float32, a probability for each class.

    Returns
    -------
    dict from split name to `Predictions`; the classifier is called `end-to-end`.
    """
    made = {}
    for name, split in release.items():
        made_by = store.key(scores=scores[name], settings=[run.name, representation, seed])
        predicted = scores[name].argmax(1)
        made[name] = keep(run, split, representation, "end-to-end", predicted, scores[name], seed, made_by)
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
    return _tabulate(predictions, lambda p: 100 * metrics.balanced_error(p.labels, p.predicted))


def intervals(predictions):
    """Tabulate 95 % intervals of the balanced error in percent, from a bootstrap over wells.

    Parameters
    ----------
    predictions : list of dicts from split name to `Predictions`.

    Returns
    -------
    pandas.DataFrame, rows and columns as in `errors` without the training set; "unknown" where every class has one
    well. Where no wells are known the interval is over cells, and too narrow.
    """
    return _tabulate(({s: p for s, p in by_split.items() if s != "train"} for by_split in predictions), interval)


def interval(p):
    """Write the 95 % interval of a balanced error in percent, over wells where they are known.

    A mark says that it is too narrow, as some class has a single well, which cannot be drawn anew.
    """
    low, high = (100 * end for end in metrics.bootstrap_interval(p.labels, p.predicted, p.well))
    mark = " (too narrow)" if fewest_wells(p) == 1 else ""
    return "unknown" if np.isnan(low) else f"{low:.1f} to {high:.1f}{mark}"


def fewest_wells(p):
    """Count the wells of the class that has the fewest in a split; None where wells are unknown."""
    if p.well is None:
        return None
    return min(len(np.unique(p.well[p.labels == k])) for k in np.unique(p.labels))


def drawn(predictions):
    """Say what `intervals` draws: wells where every split names them, else cells."""
    known = all(p.well is not None for by_split in predictions for p in by_split.values())
    return "wells" if known else "cells, so they are too narrow"


def stored(run, release, representation, classifier):
    """Read what another chapter stored of a representation and classifier: a dict by split, or None."""
    try:
        return {name: load(path_in(run.folder, representation, classifier, name))[0] for name in release}
    except Exception:  # missing, or damaged in one of many ways: the chapter that made it will say so
        return None


def stored_as(run, representation, names, splits, made_by):
    """Read what was stored of some classifiers if all is there, whole, and made by the same things.

    Parameters
    ----------
    run, representation : as for `evaluate`.
    names : of classifiers. splits : names of splits.
    made_by : the key of what made them.

    Returns
    -------
    list of dicts from split name to `Predictions`, one for each classifier; None where anything is missing.
    """
    found = []
    for classifier in names:
        found.append({})
        for split in splits:
            path = path_in(run.folder, representation, classifier, split)
            try:
                found[-1][split], key = load(path)
            except FileNotFoundError:
                return None
            except Exception as error:  # zip, zlib, json and numpy raise many kinds for damaged files
                print(f"{path} is damaged ({type(error).__name__}) and will be made again.")
                return None
            if key != made_by:
                return None
    return found


def keep(run, split, representation, classifier, predicted, scores, seed, made_by, name=None):
    """Store what a classifier said of the cells of a split, and give it as `Predictions`.

    Parameters
    ----------
    run, representation, classifier, seed : as for `evaluate`. split : the `Split`.
    predicted : (N,) int64. scores : (N, K) float32 or None.
    made_by : the key of what made them.
    name : of the split, where it is not its own.
    """
    name = name or split.name
    about = (split.plate, split.well_ids, split.class_names, split.source, run.profile, seed)
    made = Predictions(representation, classifier, name, split.labels, predicted, scores, *about)
    save(made, path_in(run.folder, representation, classifier, name), made_by)
    return made


def path_in(folder, representation, classifier, split):
    """Name the file in which predictions lie, in the folder of a run."""
    return folder / "predictions" / f"{representation}--{classifier}--{split}.npz"


def _tabulate(predictions, number):
    rows = []
    for by_split in predictions:
        for first in list(by_split.values())[:1]:
            model = classifiers.NAMES.get(first.classifier, first.classifier)
            numbers = {name: number(p) for name, p in by_split.items()}
            rows.append({"features": first.representation, "model": model, **numbers})
    return pd.DataFrame(rows)
