"""Folds for cross-validation that keep wells or plates whole: their cells resemble each other, and must not be cut."""

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, train_test_split

from coos_helpers.metrics.arguments import LABELS, NAMES, NUMBERS, array, number

FOLDS = 5
MOST_SEED = 2**32 - 1  # of scikit-learn


def folds(labels, groups, n_folds, seed=0):
    """Cut cells into (learned, held_out) indices, with `groups` whole unless None; None if one would lack a class."""
    labels, groups = _checked(labels, groups)
    n_folds, seed = number("n_folds", n_folds, 2), number("seed", seed, 0, MOST_SEED)
    if fewest_groups(labels, np.arange(len(labels)) if groups is None else groups) < n_folds:
        return None
    cut = StratifiedKFold if groups is None else StratifiedGroupKFold
    cuts = list(cut(n_folds, shuffle=True, random_state=seed).split(labels, labels, groups))
    return cuts if groups is None or all(set(labels[learned]) == set(labels) for learned, _ in cuts) else None


def fewest_groups(labels, groups):
    """Count the groups (wells, plates) of the class that has the fewest."""
    labels, groups = _checked(labels, () if groups is None else groups)
    return min(len(np.unique(groups[labels == k])) for k in np.unique(labels))


def cut_folds(labels, wells, seed=0, who=""):
    """Cut a training set into five folds of whole wells, or what is nearest: the cells that take part, and `folds`."""
    labels, wells = _checked(labels, wells)
    kept = _not_alone(labels, f": {who} goes without them")
    labels, wells = labels[kept], None if wells is None else wells[kept]
    if wells is not None:
        n_folds = min(FOLDS, fewest_groups(labels, wells))
        if n_folds > 1 and (cuts := folds(labels, wells, n_folds, seed)):
            return kept, cuts
        print(f"Wells are too few to be kept whole: {who} cuts its folds between cells.")
    n_folds = min(FOLDS, fewest_groups(labels, np.arange(len(labels))))
    if n_folds < FOLDS:
        print(f"The smallest class has {n_folds} cells: {who} uses {n_folds} folds, not {FOLDS}.")
    return kept, folds(labels, None, n_folds, seed)


def hold_out(labels, seed=0):
    """Cut a training set into indices to learn from, and those of a fifth; a class's only cell is learned from."""
    labels, _ = _checked(labels, None)
    seed, rest = number("seed", seed, 0, MOST_SEED), _not_alone(labels)
    size = max(-(-len(rest) // 5), len(np.unique(labels[rest])))
    fit, held_out = train_test_split(rest, test_size=size, random_state=seed, stratify=labels[rest])
    return np.concatenate([fit, np.setdiff1d(np.arange(len(labels)), rest)]), held_out


def _not_alone(labels, then=""):
    """Find the cells that have others of their class, and say in print which classes have a single cell."""
    classes, counts = np.unique(labels, return_counts=True)
    if counts.max() < 2:
        raise ValueError("found one cell in each class; expected at least two in one, so that one can be held out.")
    if 1 in counts:
        print(f"Classes with a single cell ({', '.join(map(str, classes[counts == 1]))}) cannot be held out{then}.")
    return np.flatnonzero(np.isin(labels, classes[counts > 1]))


def _checked(labels, groups):
    """Give labels, of a cell at least, and groups, unless None, as arrays that fit each other."""
    if not len(labels := array("labels", labels, LABELS)):
        raise ValueError("labels: found none; expected those of a cell at least.")
    return labels, groups if groups is None else array("groups", groups, NAMES, labels.shape)


def checked_features(features, labels):
    """Give features as (N, d) float64 and labels as (N,), or raise a ValueError that says what is wrong with them."""
    # Single precision would cost the standardised features digits where a mean is large beside its spread.
    features = array("features", features, NUMBERS, None, -np.inf, np.inf, nan=True).astype(np.float64, copy=False)
    labels = array("labels", labels, LABELS, None)
    if features.ndim != 2 or labels.shape != features.shape[:1]:
        raise ValueError(f"found shapes {features.shape} and {labels.shape}; expected (N, d) features and (N,) labels.")
    if not np.isfinite(features).all():
        row, column = np.argwhere(~np.isfinite(features))[0]
        found = f"{features[row, column]} in feature {column} of cell {row}"
        raise ValueError(f"found {found}; expected finite numbers. `coos check` names images without contrast.")
    if len(np.unique(labels)) < 2:
        raise ValueError("found one class in the training set; expected at least two to tell apart.")
    return features, labels
