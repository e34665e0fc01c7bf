"""The paper's three classifiers as scikit-learn pipelines, and its search for a forest's settings (section 3.1)."""

import os
from importlib.metadata import version
from warnings import catch_warnings

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs, parallel_config
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import HalvingRandomSearchCV, RandomizedSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from coos_helpers import store
from coos_helpers.metrics.folds import checked_features, cut_folds
from coos_helpers.metrics.scores import balanced_error

#: What fits the classifiers. scikit-learn-intelex is faster, where it is installed; COOS_INTELEX=0 turns it off.
ENGINE = f"scikit-learn {version('scikit-learn')}"
try:
    if os.environ.get("COOS_INTELEX") == "0":
        raise ImportError
    from sklearnex.ensemble import RandomForestClassifier
    from sklearnex.neighbors import KNeighborsClassifier

    ENGINE += f" with scikit-learn-intelex {version('scikit-learn-intelex')}"
except ImportError:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.neighbors import KNeighborsClassifier

NAMES = {"knn": "kNN", "l1-lr": "L1 LR", "rf": "RF"}
#: The L1 penalty as scikit-learn wants it said, since version 1.8 and before; chapter 02 builds its pipeline with it.
L1 = {"l1_ratio": 1.0} if LogisticRegression().penalty == "deprecated" else {"penalty": "l1"}
#: What the random forest's search draws from (paper, section 3.1).
GRID = {
    "n_estimators": [20, 40, 60, 80, 120, 140, 160, 180, 200],
    "max_features": ["log2", "sqrt"],
    "max_depth": [1, 13, 25, 37, 50, None],
    "min_samples_split": [2, 5, 10, 20, 40],
    "min_samples_leaf": [1, 2, 4, 8, 16],
}


def knn(n_neighbors=11):
    """Make the k-nearest-neighbour classifier, with the paper's k = 11: an unfitted scikit-learn pipeline."""
    return make_pipeline(StandardScaler(), KNeighborsClassifier(n_neighbors))


def l1_lr(C=1.0, seed=0):
    """Make the logistic regression with an L1 penalty, one class against the rest.

    Parameters
    ----------
    C : inverse strength of the penalty. The paper names neither it nor the solver: these are scikit-learn's of 2019.
    seed : of the order of steps.

    Returns
    -------
    An unfitted scikit-learn pipeline.
    """
    one = LogisticRegression(**L1, solver="liblinear", C=C, max_iter=1000, random_state=seed)
    return make_pipeline(StandardScaler(), OneVsRestClassifier(one))


def rf(seed=0, n_jobs=-1, **settings):
    """Make a random forest.

    Parameters
    ----------
    seed : of the trees. n_jobs : as joblib's. settings : of the forest, such as those of `GRID`.

    Returns
    -------
    An unfitted scikit-learn pipeline.
    """
    return make_pipeline(StandardScaler(), RandomForestClassifier(**settings, random_state=seed, n_jobs=n_jobs))


def fit(classifier, features, labels, wells=None, draws=100, search="random", seed=0, progress=True):
    """Fit one of the paper's classifiers to a training set, on this machine also where joblib was given a cluster.

    Parameters
    ----------
    classifier : `knn`, `l1-lr` or `rf`.
    features : (N, d) real, which are centred and scaled by their own mean and deviation. labels : (N,) int64.
    wells : (N,) names of wells with their plates, which the search's folds keep whole; None where they are unknown.
    draws, search : of the random forest's settings, as for `search_forest`; the others ignore them.
    seed : of everything random. progress : whether the search draws a progress bar on stderr.

    Returns
    -------
    A fitted scikit-learn pipeline with `predict` and `predict_proba`.

    Raises
    ------
    ValueError : an unknown classifier, features that are not finite, or fewer than two classes.
    """
    values, labels = checked_features(features, labels)
    if classifier == "rf":
        model = rf(seed, **search_forest(features, labels, wells, draws, search, seed, progress)[0])
    elif classifier == "knn":
        model = knn(min(11, len(labels)))
    elif classifier == "l1-lr":
        model = l1_lr(seed=seed)
    else:
        raise ValueError(f"found the classifier {classifier!r}; expected one of {', '.join(NAMES)}.")
    fit_here(model, values, labels)
    if classifier == "l1-lr" and any(one.n_iter_.max() >= one.max_iter for one in model[-1].estimators_):
        print("The L1 logistic regression stopped short of its optimum: its errors may be a little off.")
    return model


def fit_here(model, features, labels):
    """Fit a pipeline on this machine, and leave it to `fit` to say that a logistic regression stopped short."""
    with parallel_config("threading", n_jobs=1), catch_warnings(action="ignore", category=ConvergenceWarning):
        model.fit(features, labels)
    if isinstance(model[-1], RandomForestClassifier):
        model[-1].n_jobs = 1  # votes are then summed in one order, so that ties fall the same way every time
    return model


def search_forest(features, labels, wells=None, draws=100, search="random", seed=0, progress=True):
    """Choose the random forest's settings by cross-validation of the training set.

    The score is the balanced accuracy of the held-out part; the paper does not name its own. Every fold's score is
    stored as it comes, so a search that was stopped goes on. Where joblib was given a cluster, folds are scored there.

    Parameters
    ----------
    features, labels, wells, seed, progress : as for `fit`. draws : settings drawn from `GRID`; the paper's are 100.
    search : `random`, which scores every draw on all cells (the paper's), or `halving`, which scores all draws on few
        cells, the best third on three times as many, and so on (Jamieson and Talwalkar 2016).

    Returns
    -------
    The best settings (dict), and the `RandomizedSearchCV` or `HalvingRandomSearchCV` with the scores, without a forest.
    """
    if draws < 1 or search not in ("random", "halving"):
        raise ValueError(f"found draws={draws}, search={search!r}; expected a draw at least, 'random' or 'halving'.")
    labels = checked_features(features, labels)[1]
    kept, cuts = cut_folds(labels, wells, seed, who="the random forest's search")
    features, labels, missing = np.asarray(features)[kept], labels[kept], {}
    about = store.key(features=features, labels=labels, seed=seed, by=[ENGINE, store.code_key("classifiers")])

    class StoredForest(RandomForestClassifier):
        """Look a score up instead of fitting: scikit-learn's searches would lose all scores when they are stopped."""

        def fit(self, rows, labels):
            self.learned = rows
            return self

        def score(self, rows, labels):
            settings, fold = {name: getattr(self, name) for name in GRID}, (self.learned, rows)
            path = store.root() / "search" / store.key(about=about, settings=settings, fold=fold)
            try:
                return float(store.unseal(path))
            except (OSError, ValueError):  # not there, or damaged
                missing[path] = settings, fold
                return 0

    options = {"cv": cuts, "random_state": seed, "refit": False, "return_train_score": False}
    if search == "random":
        found = RandomizedSearchCV(StoredForest(), GRID, n_iter=draws, **options)
    else:  # from as few cells as leave all for the last rung; scikit-learn refuses fewer than two a class and fold
        start = "exhaust" if len(labels) >= 2 * len(cuts) * len(np.unique(labels)) else len(labels)
        found = HalvingRandomSearchCV(StoredForest(), GRID, n_candidates=draws, min_resources=start, **options)
    with (
        store.alone(store.root() / "search", about),  # a second search waits, and finds the scores
        tqdm(desc="random forest search", unit=" forests", disable=not progress) as bar,
    ):
        while True:  # what the search misses is scored, and it runs again until it misses nothing
            missing.clear()
            with parallel_config("sequential"):
                found.fit(np.arange(len(labels)), labels)
            bar.total = len(cuts) * len(found.cv_results_["params"])
            bar.update(bar.total - len(missing) - bar.n)
            if not missing:
                return found.best_params_, found
            # Of a halving, the rung with fewest cells: its scores tell who comes to the next, with thrice as many.
            sizes = {path: sum(map(len, fold)) for path, (_, fold) in missing.items()}
            rung = {path: missing[path] for path, size in sizes.items() if size < 2 * min(sizes.values())}
            cores = -1 if effective_n_jobs() == 1 else 1  # of a forest: on a cluster they grow side by side
            models = (rf(seed, cores, **settings) for settings, _ in rung.values())
            cells = ([part[rows] for rows in fold for part in (features, labels)] for _, fold in rung.values())
            scores = Parallel(return_as="generator")(map(delayed(fold_score), models, cells))
            for path, score in zip(rung, scores, strict=True):
                with store.atomic(path) as file:
                    file.write(store.seal(str(score)))
                bar.update()


def fold_score(model, cells):
    """Fit a forest to features and labels, and give its balanced accuracy on those held out: `cells` are all four."""
    learned, labels, held_out, truth = cells  # one list, as joblib on a cluster loses loose arrays with a worker
    fit_here(model, np.asarray(learned, np.float64), labels)
    return float(1 - balanced_error(truth, model.predict(np.asarray(held_out, np.float64))))
