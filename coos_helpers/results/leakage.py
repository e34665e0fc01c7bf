"""How much of an estimate is leaked: one classifier, cross-validated with folds cut between cells, wells, plates."""

from warnings import catch_warnings, filterwarnings

import numpy as np
from joblib import Parallel, delayed, parallel_config
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from coos_helpers import classifiers
from coos_helpers.metrics.folds import FOLDS, fewest_groups, folds
from coos_helpers.metrics.scores import balanced_error
from coos_helpers.results.stored import column_of, keep, key_of, load_if_current

#: What is chosen by cross-validation: the number of neighbours; the inverse strength of the penalty.
SETTINGS = {"knn": (1, 3, 5, 11, 21, 51), "l1-lr": (0.001, 0.01, 0.1, 1.0)}

RUNGS = ("cell", "well", "plate")

#: Numbers in a table of features from which processes of their own pay for their start.
LARGE = 200_000


def n_folds(split):
    """Choose a number of folds for all rungs that can be had: 5, or as many as the class with the fewest plates has."""
    counts = [int(np.bincount(split.labels)[split.labels].min())]
    counts += [fewest_groups(split.labels, groups) for groups in (split.plate, split.well_ids) if groups is not None]
    return min([FOLDS, *(count for count in counts if count > 1)]) if counts[0] > 1 else 1


def ladder(run, release, features, representation, classifier, seed=0, progress=True):
    """Cross-validate every setting of a classifier on each rung, and let each setting predict the test sets.

    Parameters
    ----------
    run, release, features, representation : as for `evaluate_classifier`.
    classifier : `knn` or `l1-lr`. seed : of the folds. progress : whether to draw a bar on stderr.

    Returns
    -------
    list of dicts, one for each setting of `SETTINGS`, from `train-by-cell`, `train-by-well`, `train-by-plate` (those
    that can be had) and each test set to `Predictions` without scores, which name their `setting` and `rung`.
    What was made before is read instead. The list is empty where a class has a single cell.
    """
    train, tests = release["train"], {name: s for name, s in release.items() if name != "train"}
    if (n := n_folds(train)) < 2:
        return []
    settings = [s for s in SETTINGS[classifier] if classifier != "knn" or s <= len(train) // 2]
    groups = {"cell": None, "well": train.well_ids, "plate": train.plate}
    known = [by for by in RUNGS if by == "cell" or groups[by] is not None]
    cuts = {by: cut for by in known if (cut := folds(train.labels, groups[by], n, seed))}
    key = key_of("results.leakage", run, release, features, representation, classifier, settings, seed)
    wanted = [*(column_of(train.name, by) for by in cuts), *tests]
    if stored := load_if_current(run, representation, classifier, wanted, key, settings):
        return stored
    learned, labels = features["train"], train.labels
    folded = [(rung, inside, outside) for rung, cut in cuts.items() for inside, outside in cut]
    tasks = [(learned[inside], labels[inside], [learned[outside]]) for _, inside, outside in folded]
    tasks.append((learned, labels, [features[name] for name in tests]))
    bar = {"desc": f"leakage, {classifier}", "total": len(tasks), "disable": not progress}
    *guesses, answers = tqdm(_side_by_side(classifier, settings, tasks), **bar)
    held_out = {rung: np.zeros((len(settings), len(train)), np.int64) for rung in cuts}
    for (rung, _, outside), (guessed,) in zip(folded, guesses, strict=True):
        held_out[rung][:, outside] = guessed
    said = [(train, rung, guessed) for rung, guessed in held_out.items()]
    said += [(test, "", answer) for test, answer in zip(tests.values(), answers, strict=True)]
    made = [{} for _ in settings]
    for cells, rung, answers in said:
        for setting, predicted, row in zip(settings, answers, made, strict=True):
            p = keep(run, cells, representation, classifier, predicted, None, seed, key, setting, rung)
            row[column_of(cells.name, rung)] = p
    return made


def _side_by_side(classifier, settings, tasks):
    """Go through `fit_predict_grid` of each task, large logistic regressions on all cores of this machine."""
    # In processes, as threads would share liblinear's generator: the weights would be chance.
    large = classifier == "l1-lr" and tasks[-1][0].size > LARGE
    with parallel_config("loky", n_jobs=-1 if large else 1), catch_warnings():
        filterwarnings("ignore", "A worker stopped")  # whose memory has grown: another takes its place
        yield from Parallel(return_as="generator")(delayed(fit_predict_grid)(classifier, settings, *t) for t in tasks)


def fit_predict_grid(classifier, settings, features, labels, asked):
    """Let a classifier predict each (n, d) in `asked` with each of S settings: list of (S, n) int64.

    That is what `classifiers.knn` and `classifiers.l1_lr` say, but neighbours are found once for all numbers of them.
    """
    features, asked = np.asarray(features, np.float64), [np.asarray(one, np.float64) for one in asked]
    if classifier == "l1-lr":
        models = [classifiers.fit_here(classifiers.l1_lr(setting), features, labels) for setting in settings]
        return [np.array([model.predict(one) for model in models]).astype(np.int64) for one in asked]
    scale = StandardScaler().fit(features)
    points, asked = scale.transform(features), [scale.transform(one) for one in asked]
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
    return min(made, key=lambda by_split: balanced_error(by_split[rung].labels, by_split[rung].predicted))
