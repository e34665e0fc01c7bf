"""A random forest on binned features: the paper's third classifier, in a fraction of the time that sorting takes.

Breiman's forest (2001) with Gini impurity, as scikit-learn grows it: a bootstrap sample a tree, at each node a few
features drawn without replacement, no pruning, votes averaged as class shares of leaves. One thing is other: a
feature's values are first put into at most 256 bins with equally many training cells (as in LightGBM, Ke et al.
2017), and cuts lie between bins. The bins' borders come from at most 20,000 of the cells: a feature that has up to 256
values there loses nothing that it has there.

Why not a library: a search of 100 settings on two cores needs a forest several times faster than scikit-learn's.
scikit-learn-intelex is about as fast as this one, but is not to be had for every processor, and a result must not
depend on whether it is there. `benchmarks/forest.py` sets the three side by side.
"""

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from numba import njit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

BINS = 256
SAMPLE = 20_000  # cells from which the bins' borders are taken
SMALL = 16  # cells below which a node is sorted and not counted
PIECES = 8  # of a forest, for each core: on a cluster the cells travel with each piece
CHECKED = {"dtype": np.float64, "ensure_all_finite": False}  # `binned` looks for what is not finite


class RandomForest(ClassifierMixin, BaseEstimator):
    """Classify by the votes of trees that each saw other cells and other features.

    Parameters
    ----------
    n_estimators : trees.
    max_features : `sqrt`, `log2`, or None for all: features that are tried at a node.
    max_depth : of a tree; None for no limit.
    min_samples_split, min_samples_leaf : cells that a node needs to be cut, and that each side must get.
    bootstrap : whether each tree draws its cells anew, with replacement.
    random_state : whole number; the same forest on any number of cores.
    n_jobs : as joblib's.
    """

    def __init__(
        self, n_estimators=100, max_features="sqrt", max_depth=None, min_samples_split=2, min_samples_leaf=1,
        bootstrap=True, random_state=0, n_jobs=None,
    ):  # fmt: skip
        self.n_estimators = n_estimators
        self.max_features = max_features
        self.max_depth = max_depth
        self.min_samples_split = min_samples_split
        self.min_samples_leaf = min_samples_leaf
        self.bootstrap = bootstrap
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, features, labels):
        """Grow the trees on (N, d) features and (N,) labels.

        ValueError : none or not equally many, more than 256 classes, features that are not finite, or settings that
        mean nothing.
        """
        features, labels = validate_data(self, features, labels, **CHECKED)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) > 256:
            raise ValueError(f"found {len(self.classes_)} classes; expected at most 256. Are the labels numbers?")
        self.edges_ = edges(features)
        self.trees_ = self.grow(binned(features, self.edges_), codes, len(self.classes_))
        return self

    def grow(self, bins, codes, n_classes):
        """Grow trees on bins that were made before: a list of trees.

        Parameters
        ----------
        bins : (d, N) uint8 from `binned`. codes : (N,) classes from 0 to `n_classes` - 1.
        """
        d = len(bins)
        if self.n_estimators < 1:
            raise ValueError(f"found n_estimators={self.n_estimators}; expected at least one tree.")
        known = {"sqrt": int(np.sqrt(d)), "log2": int(np.log2(d)), None: d}
        if self.max_features not in known:
            raise ValueError(f"found max_features={self.max_features!r}; expected 'sqrt', 'log2' or None.")
        tried = known[self.max_features]
        limits = (max(tried, 1), -1 if self.max_depth is None else self.max_depth)
        limits += (self.min_samples_split, self.min_samples_leaf, self.bootstrap)
        seeds = np.random.SeedSequence(self.random_state).generate_state(self.n_estimators)
        codes = codes.astype(np.uint8)
        pieces = np.array_split(seeds, min(len(seeds), PIECES * effective_n_jobs(self.n_jobs)))
        # In a tuple, as a cluster keeps loose arrays on one worker and loses them with it.
        jobs = (delayed(_grown)((bins, codes), n_classes, piece.tolist(), limits) for piece in pieces)
        return [tree for trees in Parallel(self.n_jobs, prefer="threads")(jobs) for tree in trees]

    def predict_proba(self, features):
        """Give each class's share of the votes, (N, K) float64, columns as in `classes_`."""
        check_is_fitted(self)
        features = validate_data(self, features, reset=False, **CHECKED)
        return votes(self.trees_, binned(features, self.edges_), self.n_jobs)

    def predict(self, features):
        """Give the class with most votes, (N,)."""
        shares = self.predict_proba(features)
        return self.classes_[shares.argmax(1)]


def edges(features):
    """Choose the borders between bins: (d, 255) float64, ascending, filled up with infinity.

    Of a feature with up to 256 values in the sample the borders lie midway between neighbouring values.
    """
    features = np.asarray(features, np.float64)
    if len(features) > SAMPLE:
        features = features[np.random.default_rng(0).choice(len(features), SAMPLE, replace=False)]
    out = np.full((features.shape[1], BINS - 1), np.inf)
    for borders, values in zip(out, np.sort(features.T, axis=1), strict=True):
        different = values[np.append(True, np.diff(values) > 0)]
        if len(different) > BINS:
            at = (np.arange(1, BINS) * len(values)) // BINS
            cuts = np.unique((values[at - 1] + values[at]) / 2)
        else:
            cuts = (different[1:] + different[:-1]) / 2
        borders[: len(cuts)] = cuts
    return out


def binned(features, borders):
    """Put each value into its bin: (d, N) uint8; a value on a border lies below it. ValueError if one is not finite."""
    features = np.asarray(features, np.float64)
    if not np.isfinite(features).all():
        raise ValueError("found features that are not finite; expected numbers. Look at how they were computed.")
    out = np.empty(features.shape[::-1], np.uint8)
    for row, values, cuts in zip(out, features.T, borders, strict=True):
        row[:] = np.searchsorted(cuts, values, "left")
    return out


def votes(trees, bins, n_jobs=None):
    """Average the class shares of the leaves that cells fall into: (N, K) float64. `bins` (d, N) uint8.

    Here and not on a cluster: it takes less time than sending the trees.
    """
    cells = np.ascontiguousarray(bins.T)
    parts = np.array_split(cells, max(1, len(cells) // 4096))
    jobs = (delayed(_votes)(trees, part) for part in parts)
    return np.concatenate(Parallel(n_jobs, require="sharedmem")(jobs))


def _grown(cells, n_classes, seeds, limits):
    return [_tree(*cells, n_classes, seed, *limits) for seed in seeds]


def _votes(trees, cells):
    total = np.zeros((len(cells), trees[0][-1].shape[1]))
    for tree in trees:
        _add_votes(cells, *tree, total)
    return total / len(trees)


@njit(nogil=True, cache=True)
def _add_votes(cells, feature, cut, left, shares, total):
    for n in range(len(cells)):
        node = 0
        while left[node] > 0:
            node = left[node] + (cells[n, feature[node]] > cut[node])
        for k in range(shares.shape[1]):
            total[n, k] += shares[node, k]


@njit(nogil=True, cache=True)
def _tree(bins, codes, n_classes, seed, tried, max_depth, min_split, min_leaf, bootstrap):
    """Grow one tree: (feature, cut, left child, class shares) of its nodes; the right child follows the left one."""
    np.random.seed(seed)
    d, n_all = bins.shape
    weight = np.zeros(n_all, np.int32)
    if bootstrap:
        for _ in range(n_all):
            weight[np.random.randint(n_all)] += 1
    else:
        weight[:] = 1
    cells = np.flatnonzero(weight > 0).astype(np.int32)
    classes, times = codes[cells], weight[cells]  # these move with the cells, so that a node reads them in a row
    room = 2 * len(cells)
    feature, cut, left = np.zeros(room, np.int32), np.zeros(room, np.uint8), np.zeros(room, np.int32)
    shares = np.zeros((room, n_classes), np.float32)
    begin, end, depth = np.zeros(room, np.int64), np.zeros(room, np.int64), np.zeros(room, np.int32)
    end[0], n_nodes, node = len(cells), 1, 0
    order = np.arange(d)
    counts, distinct = np.zeros((BINS, n_classes), np.int32), np.zeros(BINS, np.int32)
    total, below = np.zeros(n_classes, np.int64), np.zeros(n_classes, np.int64)
    small = np.empty(SMALL, np.int64)
    while node < n_nodes:
        a, b = begin[node], end[node]
        n = b - a
        total[:] = 0
        for i in range(a, b):
            total[classes[i]] += times[i]
        whole = total.sum()
        for k in range(n_classes):
            shares[node, k] = total[k] / whole
        if n < max(min_split, 2 * min_leaf) or depth[node] == max_depth or total.max() == whole:
            node += 1
            continue
        best, best_feature, best_cut, found = -1.0, -1, 0, False
        visited = 0
        while visited < d and (visited < tried or not found):
            swap = visited + np.random.randint(d - visited)
            order[visited], order[swap] = order[swap], order[visited]
            column = bins[order[visited]]
            visited += 1
            if n <= SMALL:
                lowest, highest = _sorted_cells(column, cells, a, b, small)
            else:
                lowest, highest = _count(column, cells, a, b, classes, times, counts, distinct)
            if lowest == highest:
                continue
            found = True
            below[:] = 0
            so_far = 0
            if n <= SMALL:
                for i in range(n - 1):
                    at = a + small[i] % SMALL
                    below[classes[at]] += times[at]
                    so_far += 1
                    here = small[i] // SMALL
                    if here == small[i + 1] // SMALL or so_far < min_leaf or n - so_far < min_leaf:
                        continue
                    score = _purity(below, total)
                    if score > best:
                        best, best_feature, best_cut = score, order[visited - 1], here
            else:
                for bin in range(lowest, highest):
                    if distinct[bin] == 0:
                        continue
                    so_far += distinct[bin]
                    for k in range(n_classes):
                        below[k] += counts[bin, k]
                    if so_far < min_leaf or n - so_far < min_leaf:
                        continue
                    score = _purity(below, total)
                    if score > best:
                        best, best_feature, best_cut = score, order[visited - 1], bin
                counts[lowest : highest + 1] = 0
                distinct[lowest : highest + 1] = 0
        if best_feature >= 0:
            middle = _part(bins[best_feature], cells, classes, times, a, b, best_cut)
            feature[node], cut[node], left[node] = best_feature, best_cut, n_nodes
            for start, stop in ((a, middle), (middle, b)):
                begin[n_nodes], end[n_nodes], depth[n_nodes] = start, stop, depth[node] + 1
                n_nodes += 1
        node += 1
    return feature[:n_nodes].copy(), cut[:n_nodes].copy(), left[:n_nodes].copy(), shares[:n_nodes].copy()


@njit(nogil=True, cache=True)
def _count(column, cells, a, b, classes, times, counts, distinct):
    """Count a node's cells by bin and class; the lowest and the highest bin. What was counted is to be cleared."""
    lowest, highest = 255, 0
    for i in range(a, b):
        bin = column[cells[i]]
        counts[bin, classes[i]] += times[i]
        distinct[bin] += 1
        lowest, highest = min(lowest, bin), max(highest, bin)
    if lowest == highest:
        counts[lowest] = 0
        distinct[lowest] = 0
    return lowest, highest


@njit(nogil=True, cache=True)
def _sorted_cells(column, cells, a, b, small):
    """Sort a small node's cells by bin: bin and place in one number each; the lowest and the highest bin."""
    for i in range(b - a):
        value = column[cells[a + i]] * SMALL + i
        j = i
        while j > 0 and small[j - 1] > value:
            small[j] = small[j - 1]
            j -= 1
        small[j] = value
    return small[0] // SMALL, small[b - a - 1] // SMALL


@njit(nogil=True, cache=True)
def _purity(below, total):
    """Score a cut: the larger, the lower the sides' Gini impurity, weighted by their cells."""
    n_below, n_above, pure_below, pure_above = 0, 0, 0.0, 0.0
    for k in range(len(total)):
        above = total[k] - below[k]
        n_below += below[k]
        n_above += above
        pure_below += float(below[k]) * below[k]
        pure_above += float(above) * above
    return pure_below / n_below + pure_above / n_above


@njit(nogil=True, cache=True)
def _part(column, cells, classes, times, a, b, cut):
    """Put the cells at or below a cut first; where the others begin."""
    middle = a
    for i in range(a, b):
        if column[cells[i]] <= cut:
            cells[i], cells[middle] = cells[middle], cells[i]
            classes[i], classes[middle] = classes[middle], classes[i]
            times[i], times[middle] = times[middle], times[i]
            middle += 1
    return middle
