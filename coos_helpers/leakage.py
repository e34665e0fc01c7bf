"""How much of an estimate is leaked: one classifier, cross-validated with its folds cut between cells, wells, plates.

Cells of a well resemble each other, and so do wells of a plate. Folds that cut through them test a model on the
neighbours of what it learned from.
"""

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from coos_helpers import metrics, predictions, store
from coos_helpers.lasso import L1LogisticRegression

#: What is chosen by cross-validation: the number of neighbours; the inverse strength of the penalty.
SETTINGS = {"knn": (1, 3, 5, 11, 21, 51), "l1-lr": (0.001, 0.01, 0.1, 1.0)}

RUNGS = ("cell", "well", "plate")
FOLDS = 5


def folds(split, by, n_folds=FOLDS, seed=0):
    """Cut a split into folds that keep cells, wells or plates whole, with each class in proportion as far as it goes.

    Parameters
    ----------
    split : `Split`. by : `cell`, `well` or `plate`. n_folds, seed : number and order of the folds.

    Returns
    -------
    list of (train, test) indices; None where the split names no wells or plates, a class has fewer than `n_folds`, or
    they lie so that a fold would leave a class out of what is learned.
    """
    nothing = np.zeros(len(split))
    if by == "cell":
        return list(StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(nothing, split.labels))
    groups = split.well_ids if by == "well" else split.plate
    if groups is None or _replicates(split.labels, groups) < n_folds:
        return None
    cut = list(StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed).split(nothing, split.labels, groups))
    n_classes = len(np.unique(split.labels))
    return cut if all(len(np.unique(split.labels[inside])) == n_classes for inside, _ in cut) else None


def n_folds(split):
    """Choose a number of folds for all rungs that can be had: 5, or as many as the class with the fewest plates has."""
    counts = [int(np.bincount(split.labels)[split.labels].min())]
    counts += [_replicates(split.labels, groups) for groups in (split.plate, split.well_ids) if groups is not None]
    return min([FOLDS, *(count for count in counts if count > 1)]) if counts[0] > 1 else 1


def ladder(run, release, features, representation, classifier, seed=0, progress=True):
    """Cross-validate every setting of a classifier on each rung, and let each setting predict the test sets.

    Parameters
    ----------
    run : the `profiles.Run` in which this happens.
    release : dict of `Split`, with `train`.
    features : dict from split name to (N, d).
    representation : its name. classifier : `knn` or `l1-lr`.
    seed : of the folds.
    progress : whether to draw a progress bar on stderr.

    Returns
    -------
    list of dicts, one for each setting of `SETTINGS`, from `train-by-cell`, `train-by-well`, `train-by-plate` (those
    that can be had) and each test set to `Predictions` without scores; their classifier is called `knn-11` or such.
    A ladder that was made before from the same things is read instead; it is empty where a class has a single cell.
    """
    train, tests = release["train"], {name: s for name, s in release.items() if name != "train"}
    settings = [s for s in SETTINGS[classifier] if classifier != "knn" or s <= len(train) // 2]
    key = store.key(
        features=features,
        labels={name: s.labels for name, s in release.items()},
        about={name: [s.class_names, s.source, s.plate, s.well_ids] for name, s in release.items()},
        settings=[run.name, representation, classifier, settings, seed],
        code=store.code_key("leakage"),
    )
    names = [f"{classifier}-{setting:g}" for setting in settings]
    n = n_folds(train)
    if n < 2:
        return []
    cuts = {f"train-by-{by}": cut for by in RUNGS if (cut := folds(train, by, n, seed))}
    wanted = [*cuts, *tests]
    if stored := predictions.stored_as(run, representation, names, wanted, key):
        return stored
    made = {name: {} for name in names}
    with tqdm(total=n * len(cuts) + 1, desc=f"leakage, {classifier}", disable=not progress) as bar:
        for rung, cut in cuts.items():
            guessed = np.zeros((len(settings), len(train)), np.int64)
            for inside, outside in cut:
                learn, ask = features["train"][inside], features["train"][outside]
                guessed[:, outside] = guess(classifier, settings, learn, train.labels[inside], [ask])[0]
                bar.update()
            for name, predicted in zip(names, guessed, strict=True):
                made[name][rung] = (train, predicted)
        asked = [features[name] for name in tests]
        answered = guess(classifier, settings, features["train"], train.labels, asked)
        for test, answers in zip(tests, answered, strict=True):
            for name, predicted in zip(names, answers, strict=True):
                made[name][test] = (release[test], predicted)
        bar.update()
    return [
        {
            split: predictions.keep(run, cells, representation, name, predicted, None, seed, key, split)
            for split, (cells, predicted) in by_split.items()
        }
        for name, by_split in made.items()
    ]


def guess(classifier, settings, features, labels, asked):
    """Fit a classifier with each of many settings, and let each predict.

    Parameters
    ----------
    classifier : `knn` or `l1-lr`. settings : (S,) numbers of neighbours, or values of C.
    features : (N, d). labels : (N,).
    asked : list of (n, d) to predict.

    Returns
    -------
    list of (S, n) int64, one for each in `asked`: what `KNeighborsClassifier` and `L1LogisticRegression` say behind a
    `StandardScaler`. The neighbours are found once for all numbers of them.
    """
    scale = StandardScaler().fit(np.asarray(features, np.float64))
    points = scale.transform(np.asarray(features, np.float64))
    asked = [scale.transform(np.asarray(one, np.float64)) for one in asked]
    if classifier == "l1-lr":
        models = [L1LogisticRegression(C=setting).fit(points, labels) for setting in settings]
        return [np.array([model.predict(one) for model in models]).astype(np.int64) for one in asked]
    search = NearestNeighbors(n_neighbors=min(max(settings), len(points))).fit(points)
    classes, place = np.unique(labels, return_inverse=True)
    answers = []
    for one in asked:
        votes = place[search.kneighbors(one, return_distance=False)]
        counts = [(votes[:, :k, None] == np.arange(len(classes))).sum(1) for k in settings]
        answers.append(np.array([classes[count.argmax(1)] for count in counts]))
    return answers


def chosen(made, rung):
    """Pick the setting with the lowest balanced error on a rung: one of the dicts that `ladder` gives."""
    return min(made, key=lambda by_split: metrics.balanced_error(by_split[rung].labels, by_split[rung].predicted))


def _replicates(labels, groups):
    """Count the groups of the class that has the fewest."""
    return min(len(np.unique(groups[labels == k])) for k in np.unique(labels))
