"""The neighbours must be scikit-learn's, whatever is rounded on the way."""

import numpy as np
import pytest
from sklearn import neighbors
from sklearn.exceptions import NotFittedError

from coos_helpers import neighbours
from coos_helpers.neighbours import NearestNeighbours, nearest


@pytest.fixture(autouse=True, params=["as they came", "turned"])
def way(request, monkeypatch):
    """Measure in the features as they came, and on few principal axes, each for few cells already."""
    if request.param == "turned":
        monkeypatch.setattr(neighbours, "FEW", 0)
        monkeypatch.setattr(neighbours, "AXES", 2)


def brute(train, queries, k):
    """Measure every pair in double precision; of equal ones, the first."""
    apart = np.array([np.square(train - q).sum(1) for q in queries])
    return np.argsort(apart, axis=1, kind="stable")[:, :k]


@pytest.mark.parametrize(
    "n, q, d, k", [(500, 200, 20, 11), (12, 30, 3, 11), (11, 5, 2, 11), (300, 1, 512, 1), (40, 9, 1, 40)]
)
def test_they_are_the_nearest_in_order(n, q, d, k):
    rng = np.random.default_rng(n)
    train, queries = rng.normal(size=(n, d)), rng.normal(size=(q, d))
    found = nearest(train, queries, k)
    np.testing.assert_array_equal(found, brute(train, queries, k))
    model = neighbors.NearestNeighbors(n_neighbors=k, algorithm="brute").fit(train)
    np.testing.assert_array_equal(found, model.kneighbors(queries, return_distance=False))


def test_they_are_the_nearest_of_correlated_features_some_of_them_constant():
    rng = np.random.default_rng(5)
    blend = rng.normal(size=(90, 90)) / np.arange(1, 91)[:, None]
    train, queries = (rng.normal(size=(n, 90)) @ blend for n in (900, 70))
    train[:, 7] = queries[:, 7] = 3.0
    np.testing.assert_array_equal(nearest(train, queries, 11), brute(train, queries, 11))


@pytest.mark.parametrize("scale", [1e25, 1e-21, 1e-40])
def test_what_single_precision_cannot_hold_is_measured_all_the_same(scale):
    rng = np.random.default_rng(6)
    train, queries = scale * rng.normal(size=(60, 5)), scale * rng.normal(size=(9, 5))
    np.testing.assert_array_equal(nearest(train, queries, 4), brute(train, queries, 4))


@pytest.mark.parametrize("offset, scale", [(0, 1), (1e6, 1), (1e4, 1e-3), (0, 1e-9), (-3e8, 10)])
def test_cells_that_single_precision_cannot_tell_apart_are_measured_in_double(offset, scale):
    rng = np.random.default_rng(0)
    train = offset + scale * rng.normal(size=(400, 8))
    queries = train[:50] + 1e-3 * scale * rng.normal(size=(50, 8))
    np.testing.assert_array_equal(nearest(train, queries, 5), brute(train, queries, 5))


def test_one_far_cell_does_not_hide_which_of_the_others_are_near():
    rng = np.random.default_rng(1)
    train = rng.normal(size=(300, 6))
    train[0] = 1e7
    queries = rng.normal(size=(40, 6))
    np.testing.assert_array_equal(nearest(train, queries, 7), brute(train, queries, 7))


def test_of_cells_at_the_same_distance_the_first_is_taken():
    train = np.repeat(np.eye(3), 50, axis=0)
    queries = np.array([[1.0, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(nearest(train, queries, 4), [[0, 1, 2, 3], [0, 1, 2, 3]])


@pytest.mark.parametrize("what, value", [("ROWS", 7), ("BYTES", 4 * 90 * 7), ("BYTES", 1)])
def test_pieces_change_nothing(what, value, monkeypatch):
    rng = np.random.default_rng(2)
    train, queries = rng.normal(size=(90, 4)), rng.normal(size=(330, 4))
    whole = brute(train, queries, 5)
    monkeypatch.setattr(neighbours, "cpu_count", lambda: 1)
    monkeypatch.setattr(neighbours, what, value)
    np.testing.assert_array_equal(nearest(train, queries, 5), whole)


def test_many_queries_of_many_features_where_some_cells_are_the_same():
    rng = np.random.default_rng(8)
    blend = rng.normal(size=(300, 300)) / np.sqrt(np.arange(1, 301))[:, None]
    train, queries = (rng.normal(size=(n, 300)) @ blend for n in (1500, 700))
    train[700:1000] = train[rng.integers(0, 700, 300)]
    queries[:200] = train[rng.integers(0, 1500, 200)]
    np.testing.assert_array_equal(nearest(train, queries, 11), brute(train, queries, 11))


def test_votes_are_scikit_learns():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 4, 300) * 10
    train, queries = rng.normal(size=(300, 5)) + labels[:, None] / 40, rng.normal(size=(200, 5)) + 0.4
    ours, theirs = NearestNeighbours(11).fit(train, labels), neighbors.KNeighborsClassifier(11).fit(train, labels)
    np.testing.assert_allclose(ours.predict_proba(queries), theirs.predict_proba(queries), atol=1e-15)
    np.testing.assert_array_equal(ours.predict(queries), theirs.predict(queries))


@pytest.mark.parametrize("n", [65, 66, 130])
@pytest.mark.parametrize("seed", range(20))
def test_no_block_is_passed_over_where_some_squares_are_too_large_for_single_precision(n, seed):
    rng = np.random.default_rng([n, seed])
    d = int(rng.integers(1, 70))
    train = rng.normal(size=(n, d)) * 10.0 ** rng.uniform(-20, 20, d)
    queries = train * (1 + 1e-3 * rng.normal(size=train.shape))
    np.testing.assert_array_equal(nearest(train, queries, 5), brute(train, queries, 5))


def test_one_training_cell_is_everybodys_nearest():
    assert nearest(np.ones((1, 1)), np.arange(60.0)[:, None], 1).tolist() == [[0]] * 60


@pytest.mark.parametrize("train", [np.zeros(5), np.zeros((5, 0))])
def test_training_cells_without_features_are_refused(train):
    with pytest.raises(ValueError, match=r"found training cells of shape .*; expected \(N, d\)"):
        nearest(train, train, 2)


def test_labels_for_other_cells_are_refused():
    with pytest.raises(ValueError, match="5, 4"):
        NearestNeighbours(2).fit(np.zeros((5, 2)), np.arange(4))


def test_what_was_not_fitted_says_so():
    with pytest.raises(NotFittedError):
        NearestNeighbours(2).predict(np.zeros((5, 2)))


@pytest.mark.parametrize("queries", [np.zeros((3, 1)), np.zeros(2), np.zeros((3, 3))])
def test_queries_with_other_features_are_refused(queries):
    with pytest.raises(ValueError, match=r"found queries of shape .*; expected \(n, 2\)"):
        nearest(np.zeros((5, 2)), queries, 2)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_features_that_are_not_finite_are_refused(bad):
    cells, broken = np.zeros((5, 2)), np.full((5, 2), bad)
    for train, queries in ((cells, broken), (broken, cells)):
        with pytest.raises(ValueError, match="not finite"):
            nearest(train, queries, 2)


@pytest.mark.parametrize("k", [0, 6])
def test_too_few_cells_are_named(k):
    with pytest.raises(ValueError, match=f"found 5 training cells; expected at least k = {k}"):
        nearest(np.zeros((5, 2)), np.zeros((1, 2)), k)


def test_no_query_is_no_answer():
    assert nearest(np.zeros((5, 2)), np.zeros((0, 2)), 3).shape == (0, 3)
