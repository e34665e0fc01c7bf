"""From features, or a network's scores, to predictions that are kept."""

import numpy as np

from coos_helpers import classifiers, store
from coos_helpers.results.stored import keep, key_of, load_if_current


def evaluate_classifier(run, release, features, representation, classifier, seed=0):
    """Fit a classifier to the training set, let it predict every split, and store what it says; made before, read it.

    Parameters
    ----------
    run : the `runs.Run` in which this happens.
    release : dict of `Split`, with `train`.
    features : dict from split name to (N, d).
    representation : its name, such as `texture`, or a `Representation` where it has a layer or is a variant.
    classifier : `knn`, `l1-lr` or `rf`.
    seed : of everything random. The forest's search is the run's: `draws` and `search` of its settings.

    Returns
    -------
    dict from split name to `Predictions`, in the release's order.
    """
    made_by = key_of("results.evaluate", run, release, features, representation, classifier, seed)
    if found := load_if_current(run, representation, classifier, release, made_by):
        return found[0]
    train, search = release["train"], {name: run.settings[name] for name in ("draws", "search")}
    model = classifiers.fit(classifier, features["train"], train.labels, train.well_ids, **search, seed=seed)
    made = {}
    for name, split in release.items():
        predicted = model.predict(np.asarray(features[name], np.float64)).astype(np.int64)
        scores = class_scores(model, features[name], len(split.class_names))
        made[name] = keep(run, split, representation, classifier, predicted, scores, seed, made_by)
    return made


def evaluate_network(run, release, scores, representation, seed=0):
    """Store the predictions of a network that classifies by itself, without one of the three classifiers.

    Parameters
    ----------
    run, release, representation, seed : as for `evaluate_classifier`.
    scores : dict from split name to (N, K) float32, a probability for each class.

    Returns
    -------
    dict from split name to `Predictions`; the classifier is called `end-to-end`.
    """
    made, made_by = {}, store.key(scores=scores, run=run.name, seed=seed)
    for name, split in release.items():
        predicted = scores[name].argmax(1)
        made[name] = keep(run, split, representation, "end-to-end", predicted, scores[name], seed, made_by)
    return made


def class_scores(model, features, n_classes):
    """Give a model's probabilities for all K classes, (N, K) float32; 0 for a class that its training set lacked."""
    scores = np.zeros((len(features), n_classes), np.float32)
    # Where every class has the probability 0, scikit-learn 1.6 gives NaN.
    scores[:, model.classes_] = np.nan_to_num(model.predict_proba(np.asarray(features, np.float64)))
    return scores
