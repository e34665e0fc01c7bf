"""Logistic regression with an L1 penalty by a proximal Newton method, for many more cells than features.

The objective is liblinear's: the sum of the absolute weights, the intercept's among them, plus C times the sum of the
logistic losses. liblinear, and the coordinate descent of skglm and celer, go through all cells for each step in one
coordinate. With some hundred features it is cheaper to condense the cells once a Newton step into the (d, d) matrix of
second derivatives, a product of matrices, and to minimise there (Yuan, Ho and Lin 2012; Lee, Sun and Saunders 2014).
That matrix needs few cells: those near the boundary bend the objective, so a weighted sample of them stands for all
(Xu et al. 2016). The gradient is always that of all cells, so it ends at the same weights. `benchmarks/l1.py` sets the
four side by side.
"""

import warnings

import numpy as np
from joblib import Parallel, delayed
from numba import njit
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

CELLS = 4  # in the sample for the second derivatives, for each feature
LEAST = 1e-8  # of the most that the objective can bend along a feature, added to what it does bend
ROUNDED = 1e-6  # of what single precision rounds away in a sum
LARGEST = 1e15  # a feature, whose square single precision can still sum


class L1LogisticRegression(ClassifierMixin, BaseEstimator):
    """Tell each class from the rest by a logistic regression with an L1 penalty.

    Parameters
    ----------
    C : weight of the losses against the penalty, above 0, as in scikit-learn.
    tol : training stops when the violation of the optimality conditions has fallen to this share of its first value,
        and is below 1, which is the penalty's own slope, in each weight.
    max_iter : Newton steps at most, for each class.

    Attributes
    ----------
    classes_ : (K,), coef_ : (K, d), intercept_ : (K,), n_iter_ : (K,) steps taken. Two classes have one row.

    The same as `OneVsRestClassifier(LogisticRegression(solver="liblinear"))` with an L1 penalty, to the solver's
    tolerance; probabilities are normalised over the classes in the same way. Features are best standardised, as the
    penalty has all weights alike; where their means are thousands of standard deviations large, steps may not suffice.
    """

    def __init__(self, C=1.0, tol=1e-6, max_iter=100):
        self.C = C
        self.tol = tol
        self.max_iter = max_iter

    def fit(self, X, y):
        """Fit to features (N, d) and labels (N,).

        ValueError for one class, features that are not finite or beyond 1e15, or a C that is not above 0.
        ConvergenceWarning where `max_iter` did not suffice.
        """
        if not self.C > 0:
            raise ValueError(f"found C={self.C}; expected a number above 0.")
        X, y = validate_data(self, X, y, dtype=np.float64)
        if (largest := max(X.max(), -X.min())) > LARGEST:
            raise ValueError(
                f"found a feature of {largest:.1e}; expected at most {LARGEST:.0e}. Standardise them first."
            )
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(f"found one class, {self.classes_[0]}; expected at least two to tell apart.")
        own = self.classes_[1:] if len(self.classes_) == 2 else self.classes_
        X = np.column_stack([X, np.ones(len(X))])
        signs = (np.where(y == name, 1.0, -1.0) for name in own)
        threads = 1 if len(own) > 1 else None  # a thread for each class, and not for each product
        lengths = _lengths(X)
        with threadpool_limits(threads, "blas"):
            jobs = (delayed(minimise)(X, sign, self.C, self.tol, self.max_iter, lengths) for sign in signs)
            weights, steps, left = map(np.array, zip(*Parallel(-1, require="sharedmem")(jobs), strict=True))
        if (late := left > self.tol).any():
            warnings.warn(
                f"With max_iter={self.max_iter}, the violation of the optimality conditions was down to "
                f"{left.max():.1e} of its first value, not to {self.tol:.1e}, for {', '.join(map(str, own[late]))}. "
                "More steps or a smaller C help.",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.coef_, self.intercept_, self.n_iter_ = weights[:, :-1], weights[:, -1], steps
        return self

    def decision_function(self, X):
        """Give the log odds of each class against the rest, (N, K); of the second class, (N,), where there are two."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        odds = X @ self.coef_.T + self.intercept_
        return odds[:, 0] if len(self.classes_) == 2 else odds

    def predict(self, X):
        """Name the most probable class of each cell, (N,)."""
        odds = self.decision_function(X)
        return self.classes_[(odds > 0).astype(int) if odds.ndim == 1 else odds.argmax(1)]

    def predict_proba(self, X):
        """Give the probabilities, normalised over classes, (N, K)."""
        p = expit(self.decision_function(X))
        if p.ndim == 1:
            return np.column_stack([1 - p, p])
        total = p.sum(1, keepdims=True)
        return np.where(total > 0, p / np.where(total > 0, total, 1), 1 / p.shape[1])


def minimise(X, sign, c=1.0, tol=1e-6, max_iter=100, lengths=None):
    """Find the weights of one class against the rest.

    Parameters
    ----------
    X : (N, d) float64; a column of ones in it is an intercept. sign : (N,), 1 in the class and -1 outside.
    c, tol, max_iter : as `C`, `tol` and `max_iter` of `L1LogisticRegression`.
    lengths : what `_lengths` gives of X, where it is known already.

    Returns
    -------
    (d,) weights, the number of Newton steps, and what is left of the violation of the optimality conditions, as a share
    of the first, or `tol` times the violation in one weight where that is more.
    """
    (n, d), draw = X.shape, np.random.default_rng(0)
    w, z, first, last, sample = np.zeros(d), np.zeros(n), None, np.inf, CELLS * d
    (squares, shares), damping = lengths or _lengths(X), LEAST
    for step in range(max_iter + 1):
        p = expit(-sign * z)
        gradient = -c * ((sign * p) @ X)
        violations = np.abs(np.where(w != 0, gradient + np.sign(w), np.maximum(np.abs(gradient) - 1, 0)))
        violation = violations.sum()
        first = max(violation, 1.0) if first is None else first
        left = max(violation / first, tol * violations.max())
        if left <= tol or step == max_iter:
            return w, step, left
        sample, last = sample * (2 if violation > 0.8 * last else 1), violation
        free = np.flatnonzero((w != 0) | (np.abs(gradient) > 0.9))  # the others are 0 and will stay so for now
        move = np.zeros_like(w)
        curvature = _curvature(X, free, c * p * (1 - p), shares, sample, draw)
        more = ROUNDED * curvature.diagonal() + damping * c / 4 * squares[free] + 1e-12
        curvature[np.diag_indices_from(curvature)] += more
        move[free] = _direction(curvature, gradient[free], w[free])
        along, now = X @ move, objective(w, z, sign, c)
        expected = gradient @ move + np.abs(w + move).sum() - np.abs(w).sum()
        size = 1.0
        while objective(w + size * move, z + size * along, sign, c) > now + 0.01 * size * expected:
            size = size / 2 if size > 1e-9 else 0.0  # at 0 the next step takes a larger sample
        w, z = w + size * move, z + size * along
        # Where cells are told apart so surely that they bend nothing, steps are too long (Levenberg and Marquardt).
        damping = max(damping / 10, LEAST) if size == 1 else damping * 10 if size < 0.1 else damping


def objective(w, z, sign, c=1.0):
    """Give what is minimised: the penalty of the weights w plus c times the losses of the log odds z."""
    return np.abs(w).sum() + c * np.logaddexp(0, -sign * z).sum()


def _lengths(X):
    """Give each feature's squared length, (d,), and each cell's share of all of these, (N,), which sum to d."""
    squares = np.einsum("nd,nd->d", X, X)
    return squares, np.einsum("nd,nd,d->n", X, X, 1 / np.where(squares > 0, squares, 1))


def _curvature(X, free, bend, shares, sample, draw):
    """Give the second derivatives in the free features, from a sample of cells that `bend` (N,) the objective.

    A cell is drawn with a chance in proportion to how much it bends and to its share of the features, and divided by
    that chance stands for those that were not, so that the sum is right on average. What is large alone, as a feature
    that is 0 in nearly all cells, is drawn for certain (leverage scores, Drineas et al. 2012, of each feature by
    itself). Summed in single precision: it says where to go next, and the gradient, in double precision, where to end.
    """
    rows, weight = np.arange(len(X)), bend
    if sample < len(X):
        worth = bend * shares
        high = np.sort(worth)[::-1]
        certain = np.arange(sample)
        level = (high.sum() - np.append(0, np.cumsum(high[: sample - 1]))) / (sample - certain)
        level = max(level[(high[:sample] <= level).argmax()], 1e-300)
        rows = np.flatnonzero(draw.random(len(X)) * level < worth)
        weight = bend[rows] * np.maximum(1, level / worth[rows])
    part = _part(X, rows, free, np.sqrt(weight))
    return (part.T @ part).astype(np.float64)


@njit(nogil=True, cache=True)
def _part(X, rows, free, weight):
    """Copy some cells and features, each cell times its weight; other threads go on meanwhile."""
    part = np.empty((len(rows), len(free)), np.float32)
    for i in range(len(rows)):
        for j in range(len(free)):
            part[i, j] = weight[i] * X[rows[i], free[j]]
    return part


def _direction(curvature, gradient, w):
    """Minimise the quadratic model plus the penalty; return the move from w, (d,).

    Coordinate descent finds which weights are not zero; equations for these alone say how large they would be if none
    changed its sign, and the way there is followed as far as it leads down, until no sign changes on it (feature-sign
    search, Lee et al. 2007).
    """
    u, slope, begun = w.copy(), gradient.copy(), None
    for _ in range(100):
        moved = _descend(curvature, u, slope)
        begun = moved if begun is None else begun
        if moved <= 1e-2 * begun:
            break
        for _ in range(len(u)):
            there = np.flatnonzero(u)
            if len(there) == 0:
                break
            now, bend = u[there], curvature[np.ix_(there, there)]
            try:
                way = -cho_solve(cho_factor(bend), slope[there] + np.sign(now))
            except LinAlgError:  # as good as singular: coordinate descent goes on alone
                break
            turns = np.flatnonzero(now * (now + way) < 0)
            ends = np.append(-now[turns] / way[turns], 1.0)
            heights = ends * (slope[there] @ way) + ends**2 / 2 * (way @ bend @ way)
            best = (heights + np.abs(now + np.outer(ends, way)).sum(1)).argmin()
            u[there] = now + ends[best] * way
            u[there[turns[best : best + 1]]] = 0.0
            slope = gradient + curvature @ (u - w)
            if best == len(turns):
                break
    return u - w


@njit(nogil=True, cache=True, fastmath=True)
def _descend(curvature, u, slope):
    """Go through the coordinates ten times, changing u and slope (d,) in place; return how far the first time moved."""
    first = 0.0
    for sweep in range(10):
        for j in range(len(u)):
            bend = curvature[j, j]
            to = u[j] - slope[j] / bend
            step = np.sign(to) * max(abs(to) - 1.0 / bend, 0.0) - u[j]
            if step != 0.0:
                u[j] += step
                for k in range(len(u)):  # one loop, as an expression would make an array for each product
                    slope[k] += step * curvature[j, k]
                if sweep == 0:
                    first += abs(step) * bend
    return first
