"""What must hold of the logistic regression with an L1 penalty: it is liblinear's, only faster."""

import warnings

import numpy as np
import pytest
import scipy.optimize
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from coos_helpers.lasso import L1LogisticRegression, _curvature, _direction, _lengths, minimise, objective


def cells(n, d, k=3, seed=0):
    """Draw correlated features of overlapping classes, some of them useless."""
    rng = np.random.default_rng([seed, n, d])
    labels = np.arange(n) % k
    means = np.zeros((k, d))
    means[:, : max(d // 3, 1)] = rng.normal(size=(k, max(d // 3, 1)))
    mix = np.eye(d) + 0.3 * rng.normal(size=(d, d)) / np.sqrt(d)
    return (means[labels] + 1.5 * rng.normal(size=(n, d))) @ mix, labels


def liblinear(C=1.0):  # by the penalty's old name, which every scikit-learn from 1.6 on knows
    return OneVsRestClassifier(
        LogisticRegression(C=C, penalty="l1", solver="liblinear", tol=1e-8, max_iter=100_000, random_state=0)
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("n, d", [(600, 5), (400, 60), (120, 200), (4000, 30)])
@pytest.mark.parametrize("C", [0.01, 1.0, 30.0])
def test_the_objective_is_liblinears(n, d, C):
    X, labels = cells(n, d)
    ours, theirs = L1LogisticRegression(C, tol=1e-7).fit(X, labels), liblinear(C).fit(X, labels)
    for k, other in enumerate(theirs.estimators_):
        sign = np.where(labels == k, 1.0, -1.0)
        heights = [
            objective(np.append(w, b), X @ w + b, sign, C)
            for w, b in ((ours.coef_[k], ours.intercept_[k]), (other.coef_[0], other.intercept_[0]))
        ]
        assert heights[0] <= heights[1] * (1 + 1e-6)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("k", [2, 3, 7])
def test_predictions_and_probabilities_are_liblinears(k):
    X, labels = cells(900, 30, k)
    names = np.array(["a", "b", "c", "d", "e", "f", "g"])[labels]
    ours, theirs = (model.fit(X[:600], names[:600]) for model in (L1LogisticRegression(tol=1e-7), liblinear()))
    assert ours.predict_proba(X[600:]) == pytest.approx(theirs.predict_proba(X[600:]), abs=1e-3)
    assert np.mean(ours.predict(X[600:]) == theirs.predict(X[600:])) > 0.995
    assert ours.predict_proba(X).sum(1) == pytest.approx(1)


def test_no_step_from_the_minimum_goes_down():
    X, labels = cells(300, 12)
    sign = np.where(labels == 0, 1.0, -1.0)
    w, *_ = minimise(X, sign, tol=1e-9)
    lowest, rng = objective(w, X @ w, sign), np.random.default_rng(0)
    for size in (1e-1, 1e-3, 1e-5):
        for _ in range(20):
            other = w + size * rng.normal(size=len(w))
            assert objective(other, X @ other, sign) >= lowest * (1 - 1e-12)


def test_a_sample_of_cells_has_the_curvature_of_all_on_average():
    X, _ = cells(2000, 8)
    bend = np.random.default_rng(0).random(2000) ** 8  # most cells bend little, as far from the boundary
    draw, free, shares = np.random.default_rng(1), np.arange(8), _lengths(X)[1]
    true = (X * bend[:, None]).T @ X
    drawn = np.array([_curvature(X, free, bend, shares, 160, draw) for _ in range(300)])
    assert np.abs(drawn.mean(0) - true).max() < 4 * (drawn.std(0) / np.sqrt(300)).max() + 1e-5 * true.max()
    assert drawn.std(0).max() > 1e-3 * true.max(), "it is a sample"
    assert _curvature(X, free, bend, shares, 2000, draw) == pytest.approx(true, rel=1e-4, abs=1e-4 * true.max())


def test_a_strong_penalty_leaves_no_weight():
    X, labels = cells(200, 10)
    assert not L1LogisticRegression(C=1e-4).fit(X, labels).coef_.any()


def test_useless_and_constant_features_get_a_weight_of_exactly_0():
    X, labels = cells(300, 12)
    X = np.column_stack([X, np.zeros(300)])
    weights = L1LogisticRegression(C=0.02).fit(X, labels).coef_
    assert (weights[:, -1] == 0).all() and (weights == 0).mean() > 0.3


def test_a_model_whose_minimum_is_at_0_is_left_there():
    assert _direction(np.eye(2), np.array([0.5, 0.2]), np.array([0.1, 0.0])) == pytest.approx([-0.1, 0.0], abs=1e-12)


def test_features_that_repeat_others_neither_change_the_minimum_nor_delay_it():
    X, labels = cells(3000, 20)
    sign = np.where(labels == 0, 1.0, -1.0)
    w, steps, _ = minimise(X, sign, tol=1e-8)
    twice = np.column_stack([X, X[:, :7], -X[:, 5:12]])
    v, more, _ = minimise(twice, sign, tol=1e-8)
    assert objective(v, twice @ v, sign) == pytest.approx(objective(w, X @ w, sign), rel=1e-7)
    assert more <= steps + 5


def test_features_that_sum_to_others_take_few_steps():
    X, labels = cells(5000, 40)
    X = np.column_stack([X, X @ np.random.default_rng(3).normal(size=(40, 30))])
    assert L1LogisticRegression(C=10.0).fit(X, labels).n_iter_.max() < 40


def test_features_that_are_0_in_nearly_all_cells_take_few_steps():
    X, labels = cells(20_000, 30)
    rng = np.random.default_rng(4)
    rare = np.zeros((len(X), 20))
    for column in rare.T:
        at = rng.choice(len(X), 20, replace=False)
        column[at] = np.where((labels[at] == 0) == (rng.random(20) > 0.2), 30, -30)
    model = L1LogisticRegression().fit(np.column_stack([X, rare]), labels)
    assert model.n_iter_.max() < 40 and model.coef_[0, 30:].any()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("C", [0.1, 100.0])
def test_features_of_any_scale_take_few_steps(C, seed):
    X, labels = cells(5000, 40, seed=seed)
    X = X * 10.0 ** np.random.default_rng(seed).uniform(-4, 6, 40)
    assert L1LogisticRegression(C).fit(X, labels).n_iter_.max() < 40


@pytest.mark.parametrize("mean", [0, 10, 100, 1e3, 3e3, 1e4, 1e8])
def test_it_is_at_the_minimum_or_says_that_it_is_not_however_large_the_means(mean):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4))
    labels = X[:, :2].sum(1) + rng.normal(size=200) > 0.5
    X, sign = np.column_stack([X + mean, np.ones(200)]), np.where(labels, 1.0, -1.0)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model = L1LogisticRegression().fit(X[:, :-1], labels)
    ours = np.append(model.coef_, model.intercept_)

    def halves(parts):  # the weights above 0, and those below
        w = parts[:5] - parts[5:]
        slope = -(sign * expit(-sign * (X @ w))) @ X
        return objective(w, X @ w, sign) - np.abs(w).sum() + parts.sum(), np.append(1 + slope, 1 - slope)

    start = np.maximum(np.append(ours, -ours), 0)
    found = scipy.optimize.minimize(halves, start, jac=True, method="SLSQP", bounds=[(0, None)] * 10, tol=1e-12)
    assert objective(ours, X @ ours, sign) <= found.fun * (1 + 1e-4) or said
    assert not said or mean > 3e3


def test_a_c_at_which_the_first_weight_appears_is_no_trouble():
    X, labels = cells(200, 5, 2)
    sign = np.where(labels == 1, 1.0, -1.0)
    critical = 2 / np.abs(sign @ np.column_stack([X, np.ones(200)])).max()
    for C in (critical * (1 - 1e-6), critical * (1 + 1e-6)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert np.abs(L1LogisticRegression(C).fit(X, labels).coef_).max() < 1e-4


def test_classes_that_can_be_told_apart_without_error_end_too():
    X = np.repeat([[-1.0, 0.0], [1.0, 0.0]], 50, axis=0) + np.random.default_rng(0).normal(0, 0.01, (100, 2))
    model = L1LogisticRegression(C=1e3).fit(X, np.repeat([0, 1], 50))
    assert np.isfinite(model.coef_).all() and (model.predict(X) == np.repeat([0, 1], 50)).all()


def test_the_same_data_give_the_same_weights():
    X, labels = cells(500, 40)
    assert np.array_equal(*(L1LogisticRegression().fit(X, labels).coef_ for _ in range(2)))


def test_one_class_and_infinite_features_are_refused():
    X, labels = cells(20, 3)
    with pytest.raises(ValueError, match="found one class, 4"):
        L1LogisticRegression().fit(X, np.full(20, 4))
    X[3, 1] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        L1LogisticRegression().fit(X, labels)
    X[3, 1] = -1e20
    with pytest.raises(ValueError, match="found a feature of 1.0e.20; expected at most 1e.15"):
        L1LogisticRegression().fit(X, labels)


@pytest.mark.parametrize("C", [0, -1.0, np.nan])
def test_a_c_that_is_not_above_0_is_refused(C):
    with pytest.raises(ValueError, match=f"found C={C}; expected a number above 0"):
        L1LogisticRegression(C).fit(*cells(20, 3))


@pytest.mark.filterwarnings("error")
def test_as_many_steps_as_it_takes_suffice():
    X, labels = cells(200, 20)
    taken = L1LogisticRegression().fit(X, labels).n_iter_.max()
    L1LogisticRegression(max_iter=taken).fit(X, labels)
    with pytest.warns(ConvergenceWarning, match=f"With max_iter={taken - 1}"):
        L1LogisticRegression(max_iter=taken - 1).fit(X, labels)


def test_too_few_steps_are_said():
    X, labels = cells(200, 20)
    with pytest.warns(ConvergenceWarning, match="With max_iter=1, .* for 0, 1, 2"):
        L1LogisticRegression(max_iter=1).fit(X, labels)
