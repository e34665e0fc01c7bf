"""Nearest neighbours: the paper's first classifier, settled in double precision for the few cells that need it.

scikit-learn and faiss measure every pair of cells in all d features. Here the features are turned onto their principal
axes, and the first half of these, with the length of the rest as one number more, bound each distance from below: half
of the product, in single precision. Only where a bound is below the k-th distance so far is more of the rest looked at,
and only the nearest cells are measured in double precision, in the features as they came. The bounds leave room for
what single precision rounds away, so the neighbours are scikit-learn's; of cells at the same distance, the first is
taken.

Why not a library: scikit-learn, the reference, takes a multiple of the time; faiss' exact search takes somewhat
longer than this, and rounds to single precision, so of cells at nearly the same distance it may take another; what is
faster is approximate. `benchmarks/neighbours.py` sets the three side by side.
"""

import numpy as np
from joblib import Parallel, cpu_count, delayed
from numba import njit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

AXES = 64  # in the bound, or half of all if that is more
SAMPLE = 5000  # cells from which the axes are found
BLOCK = 64  # bounds that are passed over together
FIRST = 64  # axes of the rest that are looked at together
FEW = 50  # distances, for d squared, that are measured sooner than axes are found
ROWS = 512  # queries in one product, at most
BYTES = 2**28  # of the bounds that one product gives, at most


class NearestNeighbours(ClassifierMixin, BaseEstimator):
    """Classify by the votes of the nearest training cells, by Euclidean distance.

    Parameters
    ----------
    k : neighbours that vote.
    """

    def __init__(self, k=11):
        self.k = k

    def fit(self, features, labels):
        """Keep (N, d) features and (N,) labels; ValueError if these are not equally many."""
        check_consistent_length(features, labels)
        self.classes_, self.codes_ = np.unique(labels, return_inverse=True)
        self.features_ = np.asarray(features, np.float64)
        return self

    def predict_proba(self, features):
        """Give each class's share of the votes, (n, K) float64, columns as in `classes_`."""
        check_is_fitted(self)
        voted = self.codes_[nearest(self.features_, features, self.k)]
        return np.stack([(voted == k).mean(1) for k in range(len(self.classes_))], axis=1)

    def predict(self, features):
        """Give the class with most votes, (n,); of equal ones the first."""
        shares = self.predict_proba(features)
        return self.classes_[shares.argmax(1)]


def nearest(train, queries, k):
    """Find the nearest training cells of each query.

    Parameters
    ----------
    train : (N, d) real. queries : (n, d) real. k : at most N.

    Returns
    -------
    (n, k) int64 indices, nearest first; of cells at the same distance, the one with the lower index.

    Raises
    ------
    ValueError : no features, fewer training cells than neighbours, queries with other features, or features that are
        not finite.
    """
    train, queries = np.ascontiguousarray(train, np.float64), np.ascontiguousarray(queries, np.float64)
    if train.ndim != 2 or train.shape[1] == 0:
        raise ValueError(f"found training cells of shape {train.shape}; expected (N, d), with at least one feature.")
    if not 0 < k <= len(train):
        raise ValueError(f"found {len(train)} training cells; expected at least k = {k}, and k above 0.")
    if queries.ndim != 2 or queries.shape[1] != train.shape[1]:
        raise ValueError(f"found queries of shape {queries.shape}; expected (n, {train.shape[1]}), as in training.")
    train, queries = _in_reach(train, queries)
    middle, d = train.mean(0), train.shape[1]
    axes, kept = np.eye(d), d
    if len(train) > 1 and len(train) * len(queries) > FEW * d * d:
        axes, kept = principal_axes(train[:: -(-len(train) // SAMPLE)]), min(d, max(AXES, d // 2))
    short, rest = _turned(train - middle, axes, kept)
    length = np.ascontiguousarray(short[:, -1])
    # One product gives squared lengths less twice the inner products.
    doubled = np.column_stack([-2 * short, np.einsum("nd,nd->n", short, short)]).T
    cells = doubled, rest, length, train
    parts = np.array_split(queries, min(len(queries), 16 * cpu_count()) or 1)
    with threadpool_limits(1, "blas"):  # a thread for each part, and not for each product
        jobs = (delayed(_of_part)(part, middle, axes, kept, cells, k) for part in parts)
        return np.concatenate(Parallel(-1, require="sharedmem")(jobs))


def _in_reach(train, queries):
    """Refuse what is not finite; scale what single precision could not square, by a power of two."""
    ends = [end(cells, axis=0) for cells in (train, queries) if len(cells) for end in (np.min, np.max)]
    if not np.isfinite(ends).all():
        raise ValueError("found features that are not finite; expected numbers. Look at how they were computed.")
    _, power = np.frexp(np.abs(np.subtract(ends, train.mean(0))).max())
    return (train, queries) if abs(power) < 50 else (np.ldexp(train, -power), np.ldexp(queries, -power))


def _of_part(queries, middle, axes, kept, cells, k):
    """Find the k nearest of some queries, (n, k) int64."""
    doubled, *others = cells
    found = np.empty((len(queries), k), np.int64)
    rows = max(1, min(ROWS, len(queries), BYTES // (4 * doubled.shape[1])))
    bounds = np.empty((rows, doubled.shape[1]), np.float32)  # once, as new memory costs time
    for start in range(0, len(queries), rows):
        asked = queries[start : start + rows]
        short, rest = _turned(asked - middle, axes, kept)
        low = np.matmul(np.column_stack([short, np.ones(len(short), np.float32)]), doubled, out=bounds[: len(asked)])
        own, length = np.square(asked - middle).sum(1), np.ascontiguousarray(short[:, -1])
        found[start : start + rows] = _settled(low, own, rest, length, asked, *others, k)
    return found


def principal_axes(features):
    """Find the principal axes of features (N, d): (d, d) float64, a column an axis, the longest first."""
    found = np.linalg.eigh(np.cov(features.T).reshape(features.shape[1], -1))[1]
    return np.ascontiguousarray(found[:, ::-1])


def _turned(centred, axes, kept):
    """Turn cells (n, d) onto the axes: `kept` coordinates with the length of the others, and the others; float32."""
    turned = (centred @ axes).astype(np.float32)
    length = np.linalg.norm(turned[:, kept:], axis=1)
    return np.column_stack([turned[:, :kept], length]), np.ascontiguousarray(turned[:, kept:])


@njit(nogil=True, cache=True)
def _settled(bounds, own, asked_rest, asked_length, asked, rest, length, train, k):
    """Find the k nearest of each query, (n, k) int64, nearest first.

    Parameters
    ----------
    bounds : (n, N) float32, of the squared distances less the queries' own squared lengths. own : (n,) these lengths.
    asked_rest, asked_length, asked : of the queries: coordinates that are not in the bounds (n, d - kept) float32, the
        length of these, and the features as they came.
    rest, length, train : the same of the training cells.
    """
    found, near = np.empty((len(asked), k), np.int64), np.empty(k, np.int64)
    lowest, apart = np.empty(k, np.float32), np.empty(k)
    n_train, d = train.shape
    some, begun = np.empty(n_train, np.int64), np.empty(n_train)
    for q in range(len(asked)):
        row = bounds[q]
        for begin in range(0, n_train, BLOCK):
            block = row[begin : begin + BLOCK]
            if begin >= k and not _any_at_most(block, lowest[k - 1]):
                continue
            for n in range(begin, begin + len(block)):
                if n < k or row[n] < lowest[k - 1]:
                    _insert(row[n], n, lowest, near, min(n, k))
        for place in range(k):
            _insert(_squared(train[near[place]], asked[q]), near[place], apart, found[q], place)
        limit, count = _limit(own[q], apart[k - 1], d), 0
        for begin in range(0, n_train, BLOCK):
            block = row[begin : begin + BLOCK]
            if not _any_at_most(block, np.float32(limit - own[q])):
                continue
            for n in range(begin, begin + len(block)):
                if row[n] <= limit - own[q]:
                    some[count] = n
                    count += 1
        for at in range(count):  # all in one go, as a processor then waits for many cells at once
            n = some[at]
            begun[at] = row[n] + own[q] - (length[n] - asked_length[q]) ** 2
            begun[at] += _squared(rest[n, :FIRST], asked_rest[q, :FIRST])
        for at in range(count):
            n = some[at]
            if begun[at] > limit or _far(rest[n, FIRST:], asked_rest[q, FIRST:], begun[at], limit) or n in near:
                continue
            distance = _squared(train[n], asked[q])
            if distance <= apart[k - 1]:
                _insert(distance, n, apart, found[q], k)
                limit = _limit(own[q], apart[k - 1], d)
    return found


@njit(nogil=True, cache=True)
def _any_at_most(values, limit):
    """Tell whether any value is at most a limit; as a sum of 32 bits, which a processor makes of many at once."""
    count = np.int32(0)
    for value in values:
        count += np.int32(value <= limit)
    return count > 0


@njit(nogil=True, cache=True)
def _limit(own, distance, d):
    """Give what no cell at most as far as `distance` exceeds in single precision, whatever is rounded there.

    Rounding is relative to lengths, and such a cell is at most as long as the query and its distance together.
    """
    return distance + (d + 9) * 1.2e-7 * (2 * np.sqrt(own) + np.sqrt(distance)) ** 2 + d * 1e-37


@njit(nogil=True, cache=True)
def _insert(value, n, values, places, size):
    """Put a value among the `size` lowest, in order of value and place; the highest goes if there is no room."""
    at = min(size, len(values) - 1)
    if size == len(values) and not (value, n) < (values[at], places[at]):
        return
    while at > 0 and (value, n) < (values[at - 1], places[at - 1]):
        values[at], places[at] = values[at - 1], places[at - 1]
        at -= 1
    values[at], places[at] = value, n


@njit(nogil=True, cache=True)
def _far(a, b, total, limit):
    """Tell whether two cells are further apart than a squared distance, from a part of it on, as soon as it is sure."""
    for begin in range(0, len(a), 32):
        total += _squared(a[begin : begin + 32], b[begin : begin + 32])
        if total > limit:
            return True
    return False


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _squared(a, b):
    """Measure the squared distance of two cells, in their own precision."""
    total = a.dtype.type(0)
    for j in range(len(a)):
        total += (a[j] - b[j]) * (a[j] - b[j])
    return total
