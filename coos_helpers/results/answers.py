"""What a classifier of yours says of a release's cells, in whatever form you bring it, as classes and scores."""

import sys
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from coos_helpers.data.split import CELL
from coos_helpers.metrics.arguments import CLASSES, NUMBERS, array
from coos_helpers.results.predictions import Predictions
from coos_helpers.results.score_file import read
from coos_helpers.results.score_table import BY_PLATE, check, refuse_contradiction

BATCH = 256  # images that are handed over at once: 4 MiB of uint16
PIXELS = int(np.prod(CELL))


def given(predictions, release):
    """Take predictions that were made already.

    Parameters
    ----------
    predictions : dict from split name to predicted classes, (N,) numbers or names, to scores (N, K), of which the
        highest counts, or to `Predictions`; or a DataFrame as `score_table.check` takes it, or the path of such a
        table. Besides splits, `train-by-plate` may be there: of each training cell, what a classifier says that has
        not seen its plate.
    release : dict from split name to `Split`.

    Returns
    -------
    dict from split name, in the release's order, to pairs of classes (N,) int64 and scores (N, K) float32 or None; and
    the list of columns of a table that were not read.

    Raises
    ------
    ValueError : a split is unknown, or cells, classes or scores do not fit. DataError : of a table.
    """
    if isinstance(predictions, pd.DataFrame):
        return check(predictions, release)
    if isinstance(predictions, str | Path):
        return check(read(predictions), release, predictions)
    if not isinstance(predictions, Mapping) or not predictions:
        expected = "a dict from the names of splits to classes or scores, a DataFrame, or the path of a table"
        raise ValueError(f"predictions: found {type(predictions).__name__}; expected {expected}.")
    known = {**release, **({BY_PLATE: release["train"]} if "train" in release else {})}
    if unknown := [name for name in predictions if name not in known]:
        raise ValueError(f"predictions: found the split {unknown[0]!r}; expected some of {', '.join(known)}.")
    classes = next(iter(release.values())).class_names
    some = {name: split for name, split in known.items() if name in predictions}
    return {name: _checked(predictions[name], len(split), classes, name) for name, split in some.items()}, []


def asked(predict, release, progress=True):
    """Let a classifier predict every split of a release, in batches.

    Parameters
    ----------
    predict : a function of images (n, 2, 64, 64) uint16 that gives classes, (n,) numbers or names, or scores (n, K). Or
        a fitted scikit-learn estimator, which gets the counts of a cell as one row, (n, 8192) float64, channel 0 first.
        Or a torch module, which gets them as float32 in evaluation mode, and gives logits (n, K).
    release : dict from split name to `Split`. progress : whether a progress bar is drawn on stderr.

    Returns
    -------
    dict as of `given`.

    Raises
    ------
    ValueError : it is none of these, was fitted to other features, or gives what does not fit the images.
    """
    classes = next(iter(release.values())).class_names
    made = {}
    with _function(predict, classes) as say:
        bar = tqdm(total=sum(map(len, release.values())), desc="predict", unit=" cells", disable=not progress)
        for name, split in release.items():
            parts = []
            for _, images in split.batches(BATCH):
                parts.append(_checked(say(images), len(images), classes, f"predict, of {len(images)} images of {name}"))
                bar.update(len(images))
            predicted, scores = zip(*parts, strict=True)
            made[name] = np.concatenate(predicted), None if scores[0] is None else np.concatenate(scores)
        bar.close()
    return made


@contextmanager
def _function(predict, classes):
    """Make a function of images of what was brought."""
    torch = sys.modules.get("torch")  # who brings a module has loaded it
    if torch and isinstance(predict, torch.nn.Module):
        was, place = predict.training, next((p.device for p in predict.parameters()), "cpu")
        predict.eval()

        def logits(images):
            with torch.inference_mode():
                said = predict(torch.from_numpy(images.astype(np.float32)).to(place))
                return said.float().softmax(1).cpu().numpy() if said.ndim == 2 else said.cpu().numpy()

        try:
            yield logits
        finally:
            predict.train(was)
    elif hasattr(predict, "predict"):
        if (n := getattr(predict, "n_features_in_", PIXELS)) != PIXELS:
            remedy = "Of features, pass a function: predict=lambda images: model.predict(features(images))"
            expected = f"one of all {PIXELS} pixels of a cell, images.reshape(len(images), -1)"
            raise ValueError(f"predict: found an estimator fitted to {n} features; expected {expected}. {remedy}.")
        yield lambda images: _estimated(predict, images.reshape(len(images), -1).astype(np.float64), classes)
    elif callable(predict):
        yield predict
    else:
        expected = "a function of images, a fitted scikit-learn estimator or a torch module"
        raise ValueError(f"predict: found {type(predict).__name__}; expected {expected}.")


def _estimated(model, pixels, classes):
    """Give an estimator's classes, and its probabilities for all K classes, 0 for one that it never saw."""
    predicted = _numbered(model.predict(pixels), len(pixels), classes, "predict")
    if not hasattr(model, "predict_proba"):
        return predicted
    scores = np.zeros((len(pixels), len(classes)))
    columns = _numbered(model.classes_, len(model.classes_), classes, "predict, classes_")
    scores[:, columns] = np.nan_to_num(model.predict_proba(pixels))
    return predicted, scores


def _checked(said, count, classes, what):
    """Take classes, scores or both as (count,) int64 and (count, K) float32 or None."""
    if isinstance(said, Predictions):
        said = said.predicted, said.scores
    both = isinstance(said, tuple) and len(said) == 2 and np.ndim(said[0]) == 1 and np.ndim(said[1]) in (0, 2)
    predicted, scores = said if both else (None, said) if np.ndim(said) == 2 else (said, None)
    if scores is not None:
        scores = array(what, scores, NUMBERS, (count, len(classes))).astype(np.float32)
        predicted = scores.argmax(1) if predicted is None else predicted
    predicted = _numbered(predicted, count, classes, what)
    refuse_contradiction(predicted, scores, classes, what, lambda i: f"place {i}")
    return predicted, scores


def _numbered(said, count, classes, what):
    """Turn names or numbers of classes into (count,) int64."""
    said = np.asarray(said)
    if said.dtype.kind in "USO" and said.shape == (count,) and all(isinstance(one, str) for one in said):
        if unknown := sorted({*said.tolist()} - {*classes}):
            raise ValueError(f"{what}: found the class {unknown[0]!r:.60}; expected {', '.join(classes)}.")
        return np.array([classes.index(name) for name in said.tolist()], np.int64)
    return array(what, said, CLASSES, (count,), 0, len(classes) - 1).astype(np.int64)
