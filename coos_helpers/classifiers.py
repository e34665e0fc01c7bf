"""The paper's three classifiers, from features to a fitted model (section 3.1).

Each centres and scales features by the training set's mean and standard deviation; a feature that is constant there
is only centred. Nothing is ever chosen by a test split.
"""

import json

import numpy as np
from joblib import Parallel, delayed
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import ParameterSampler, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from coos_helpers import forest, store
from coos_helpers.forest import RandomForest
from coos_helpers.lasso import L1LogisticRegression
from coos_helpers.neighbours import NearestNeighbours

#: Names in files, and in tables as the paper writes them, in the paper's order.
NAMES = {"knn": "kNN", "l1-lr": "L1 LR", "rf": "RF"}

#: What the random forest's search draws from (paper, section 3.1).
GRID = {
    "n_estimators": (20, 40, 60, 80, 120, 140, 160, 180, 200),
    "max_features": ("log2", "sqrt"),
    "max_depth": (1, 13, 25, 37, 50, None),
    "min_samples_split": (2, 5, 10, 20, 40),
    "min_samples_leaf": (1, 2, 4, 8, 16),
}

FOLDS = 5


def fit(classifier, features, labels, draws=100, seed=0, progress=True):
    """Fit one of the paper's classifiers to a training set.

    Parameters
    ----------
    classifier : `knn`, `l1-lr` or `rf`.
    features : (N, d) real.
    labels : (N,) int64.
    draws : settings of the random forest that are tried; the paper's is 100. The others ignore it.
    seed : of everything random.
    progress : whether the search draws a progress bar on stderr.

    Returns
    -------
    A fitted scikit-learn pipeline with `predict` and `predict_proba`.

    Raises
    ------
    ValueError : an unknown classifier, features that are not finite, or fewer than two classes.
    """
    features, labels = _checked(features, labels)
    if classifier == "knn":
        model = knn(len(labels))
    elif classifier == "l1-lr":
        model = l1_logistic_regression()
    elif classifier == "rf":
        settings, _ = search(features, labels, draws, seed, progress)
        model = random_forest(settings, seed)
    else:
        raise ValueError(f"found the classifier {classifier!r}; expected one of {', '.join(NAMES)}.")
    return make_pipeline(StandardScaler(), model).fit(features, labels)


def knn(n_train):
    """Make the k-nearest-neighbour classifier with the paper's k = 11, or every cell where there are fewer."""
    return NearestNeighbours(min(11, n_train))


def l1_logistic_regression():
    """Make a logistic regression with an L1 penalty, one class against the rest.

    The paper names neither solver nor C. These are what scikit-learn chose by itself in 2019: one class against the
    rest and C = 1, by liblinear's objective; `lasso` reaches its minimum faster than liblinear does.
    """
    return L1LogisticRegression(C=1.0)


def random_forest(settings, seed=0):
    """Make a random forest with settings drawn from `GRID`."""
    return RandomForest(**settings, random_state=seed, n_jobs=-1)


def search(features, labels, draws=100, seed=0, progress=True):
    """Choose the random forest's settings by a random search with 5-fold cross-validation of the training set.

    The score is the mean balanced accuracy of the folds; the paper does not name its own. Each fold's features are put
    into bins once, by its training part. Folds and settings run side by side through joblib, so that a cluster can
    take them over. Scores are stored as they come, so a search that was stopped goes on. Where a class has fewer
    cells than there are folds, there are fewer folds; a cell without another of its class cannot be held out, and takes
    no part. Both are said in print.

    Returns
    -------
    The best settings (dict), and the scores of all draws, (draws,) float64.

    Raises
    ------
    ValueError : features that are not finite, fewer than two classes, no class with two cells, or no draws.
    """
    features, labels = _checked(features, labels)
    if draws < 1:
        raise ValueError(f"found draws={draws}; expected at least one draw of settings.")
    key = store.key(
        features=features, labels=labels, draws=draws, seed=seed, grid=GRID, code=store.code_key("classifiers")
    )
    path = store.root() / "search" / f"{key}.json"
    scores = _stored_scores(path, draws)
    drawn = list(ParameterSampler(GRID, draws, random_state=seed))
    features, labels, n_folds = _with_folds(features, labels, "the random forest's search")
    ahead = drawn[len(scores) :]
    folds = _binned_folds(features, labels, n_folds, seed) if ahead else []
    jobs = (delayed(fold_score)(settings, seed, fold) for settings in ahead for fold in folds)
    found = Parallel(-1, prefer="threads", return_as="generator")(jobs)
    with tqdm(total=draws, initial=len(scores), desc="random forest search", disable=not progress) as bar:
        of_draw = []
        for score in found:
            of_draw.append(score)
            if len(of_draw) == n_folds:
                scores.append(float(np.mean(of_draw)))
                of_draw.clear()
                with store.atomic(path) as file:
                    file.write(json.dumps(scores).encode())
                bar.update()
    return drawn[int(np.argmax(scores))], np.array(scores)


def fold_score(settings, seed, fold):
    """Give the balanced accuracy of a forest on the part of a fold that it did not see.

    Parameters
    ----------
    settings, seed : as for `random_forest`.
    fold : the part that is learned, as (d, n) uint8 bins from `forest.binned` and (n,) classes from 0 on, and the
        same of the part that is held out. One tuple, as a cluster keeps loose arrays on one worker and loses them with
        it.
    """
    bins, codes, held_out, truth = fold
    # Forests grow side by side, so each on one core.
    trees = random_forest(settings, seed).set_params(n_jobs=1).grow(bins, codes, int(codes.max()) + 1)
    return balanced_accuracy_score(truth, forest.votes(trees, held_out).argmax(1))


def _binned_folds(features, labels, n_folds, seed):
    """Cut a training set into folds and put their features into bins, with borders from the part that is learned."""
    codes, folds = np.unique(labels, return_inverse=True)[1], []
    for learned, held in StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(features, codes):
        borders = forest.edges(features[learned])
        bins = [forest.binned(features[part], borders) for part in (learned, held)]
        folds.append((bins[0], codes[learned], bins[1], codes[held]))
    return folds


def rank(features, labels, seed=0):
    """Sort the layers of a network by what they are worth, without a look at any test set.

    Parameters
    ----------
    features : dict from layer to (N, d), of the training set.
    labels : (N,) int64.
    seed : of the folds.

    Returns
    -------
    dict from layer to the balanced error of kNN in 5-fold cross-validation of the training set, best first. The paper
    reports its "top 3 overall performing layers" and leaves open on which cells; test cells would make the choice a
    part of the result.
    """
    errors, say = {}, True
    for layer, values in features.items():
        values, kept, n_folds = _with_folds(*_checked(values, labels), "the ranking of layers" if say else "")
        folds = list(StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(values, kept))
        model = make_pipeline(StandardScaler(), knn(min(len(train) for train, _ in folds)))
        errors[layer] = 1 - cross_val_score(model, values, kept, cv=folds, scoring="balanced_accuracy").mean()
        say = False
    return dict(sorted(errors.items(), key=lambda item: item[1]))


def class_scores(model, features, n_classes):
    """Give a model's probabilities for all K classes, (N, K) float32; 0 for a class that its training set lacked."""
    scores = np.zeros((len(features), n_classes), np.float32)
    scores[:, model.classes_] = model.predict_proba(np.asarray(features, np.float64))
    return scores


def _stored_scores(path, draws):
    """Read the scores of a search that was begun; none where there are none, or where the file is damaged."""
    if not path.exists():
        return []
    try:
        scores = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(scores, list) and len(scores) <= draws and all(0 <= float(score) <= 1 for score in scores):
            return scores
    except (OSError, ValueError, TypeError, RecursionError):
        pass
    print(f"{path} is damaged and will be made again.")
    return []


def _with_folds(features, labels, who):
    """Choose the number of folds by the smallest class, and leave out cells that have no other of their class.

    `who` is named where this is said in print; nothing is said where it is empty.
    """
    _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if counts.max() < 2:
        raise ValueError("found one cell in each class; expected at least two in one, so that one can be held out.")
    alone = counts[classes] == 1
    if who and alone.any():
        names = ", ".join(map(str, labels[alone]))
        print(f"Classes with a single cell ({names}) cannot be held out: {who} goes without them.")
    n_folds = min(FOLDS, int(counts[counts > 1].min()))
    if who and n_folds < FOLDS:
        print(f"The smallest class has {n_folds} cells: {who} uses {n_folds} folds, not {FOLDS}.")
    return features[~alone], labels[~alone], n_folds


def _checked(features, labels):
    # Single precision would cost the standardised features digits where a mean is large beside its spread.
    features, labels = np.asarray(features, np.float64), np.asarray(labels)
    if features.ndim != 2 or labels.shape != features.shape[:1]:
        raise ValueError(
            f"found features of shape {features.shape} and labels of shape {labels.shape}; expected (N, d) and (N,)."
        )
    if not np.isfinite(features).all():
        row, column = np.argwhere(~np.isfinite(features))[0]
        raise ValueError(
            f"found {features[row, column]} in feature {column} of cell {row}; expected finite numbers. "
            "Look at that cell's image: `coos check` names images without contrast."
        )
    if len(np.unique(labels)) < 2:
        raise ValueError("found one class in the training set; expected at least two to tell apart.")
    return features, labels
