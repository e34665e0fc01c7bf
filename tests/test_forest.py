"""The forest on bins: the same trees as scikit-learn's where both must agree, and as good where chance decides."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.tree import DecisionTreeClassifier

from coos_helpers import forest
from coos_helpers.forest import RandomForest


def few_values(n=400, d=5, seed=0, values=60):
    """Draw whole-numbered features, fewer values than bins, and classes that depend on two of them and on chance."""
    rng = np.random.default_rng(seed)
    features = rng.integers(0, values, (n, d)).astype(float)
    score = features[:, 0] + 0.7 * features[:, 1] + rng.normal(0, 12, n)
    return features, np.digitize(score, np.quantile(score, (0.3, 0.7)))


def overlapping(n, d=30, classes=7, seed=0, apart=0.75):
    """Draw classes that overlap, told apart by a third of the features."""
    rng = np.random.default_rng([1, seed])
    centres = np.random.default_rng(7).normal(0, apart, (classes, d)) * (np.arange(d) < d / 3)
    labels = rng.integers(0, classes, n)
    return (centres[labels] + rng.normal(size=(n, d))).astype(np.float32), labels


@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"max_depth": 1},
        {"max_depth": 4},
        {"min_samples_split": 40},
        {"min_samples_leaf": 16},
        {"max_depth": 6, "min_samples_split": 20, "min_samples_leaf": 4},
    ],
)
def test_one_tree_of_all_cells_and_features_is_scikit_learns(limits):
    features, labels = few_values()
    ours = RandomForest(1, max_features=None, bootstrap=False, **limits).fit(features, labels)
    theirs = DecisionTreeClassifier(random_state=0, **limits).fit(features, labels)
    # Among cuts of the same purity each chooses its own; what the tree learns of its cells is as pure.
    assert ours.predict_proba(features).max(1).mean() == pytest.approx(
        theirs.predict_proba(features).max(1).mean(), abs=0.01
    )
    if limits.get("max_depth", 9) == 1:
        np.testing.assert_allclose(ours.predict_proba(features), theirs.predict_proba(features), atol=1e-6)


def test_a_single_cut_is_the_purest_there_is():
    rng = np.random.default_rng(3)
    for _ in range(30):
        features = rng.integers(0, 12, (rng.integers(4, 60), 3)).astype(float)
        labels = rng.integers(0, 3, len(features))
        stump = RandomForest(1, max_features=None, max_depth=1, bootstrap=False).fit(features, labels)
        found = np.sum(stump.predict_proba(features)[np.arange(len(labels)), np.unique(labels, return_inverse=True)[1]])

        def purity(side, labels=labels):
            counts = np.bincount(labels[side], minlength=3)
            return (counts**2).sum() / max(counts.sum(), 1)

        cuts = [(features[:, c] <= v) for c in range(3) for v in range(12)]
        best = max([purity(side) + purity(~side) for side in cuts if 0 < side.sum() < len(side)], default=None)
        if best is not None:
            assert found == pytest.approx(best, rel=1e-5)


@pytest.mark.parametrize("settings", [{}, {"max_depth": 13, "min_samples_leaf": 4, "max_features": "log2"}])
def test_it_is_as_good_as_scikit_learns_within_noise(settings):
    differences = []
    for seed in range(5):
        (x, y), (x2, y2) = overlapping(1500, seed=seed), overlapping(3000, seed=100 + seed)
        ours = RandomForest(60, random_state=seed, **settings).fit(x, y).predict(x2)
        theirs = RandomForestClassifier(60, random_state=seed, **settings).fit(x, y).predict(x2)
        differences.append(np.mean(ours == y2) - np.mean(theirs == y2))
    # A test of 3,000 cells has a standard error near one point; five of them, paired, far less.
    assert abs(np.mean(differences)) < 0.012


def test_labels_that_mean_nothing_are_not_learned():
    features, labels = overlapping(1500)
    shuffled = np.random.default_rng(0).permutation(labels)
    found = RandomForest(40).fit(features, shuffled).predict(overlapping(3000, seed=5)[0])
    assert abs(np.mean(found == overlapping(3000, seed=5)[1]) - 1 / 7) < 0.05


@pytest.mark.parametrize("cores", [1, 2, -1])
def test_the_same_seed_gives_the_same_forest_on_any_number_of_cores(cores):
    features, labels = overlapping(6000)
    model = RandomForest(8, random_state=3, n_jobs=cores).fit(features, labels)
    alone = RandomForest(8, random_state=3).fit(features, labels)
    np.testing.assert_array_equal(model.predict_proba(features), alone.predict_proba(features))
    other = RandomForest(8, random_state=4).fit(features, labels)
    assert (other.predict_proba(features) != alone.predict_proba(features)).any()


def test_cells_travel_with_pieces_of_a_forest_and_not_with_each_tree(monkeypatch):
    grown, asked = forest._grown, []

    def seen(cells, n_classes, seeds, limits):
        asked.append(len(seeds))
        return grown(cells, n_classes, seeds, limits)

    monkeypatch.setattr(forest, "_grown", seen)
    features, labels = overlapping(100)
    assert len(RandomForest(100).fit(features, labels).trees_) == 100 and sorted(asked) == [12] * 4 + [13] * 4
    assert len(RandomForest(3).fit(features, labels).trees_) == 3 and asked[8:] == [1, 1, 1]


def test_each_tree_draws_its_cells_anew():
    features, labels = overlapping(300)
    trees = RandomForest(30, max_depth=1).fit(features, labels).trees_
    roots = np.array([shares[0] for *_, shares in trees])
    truth = np.bincount(labels) / 300
    assert len(np.unique(roots, axis=0)) == 30 and np.abs(roots.mean(0) - truth).max() < 0.02
    (whole,) = RandomForest(1, bootstrap=False).fit(features, labels).trees_
    np.testing.assert_allclose(whole[-1][0], truth, rtol=1e-6)


def test_a_leaf_has_the_cells_that_were_asked_for():
    features, labels = overlapping(500)
    model = RandomForest(5, min_samples_leaf=30, bootstrap=False).fit(features, labels)
    bins = forest.binned(features, model.edges_).T
    for feature, cut, left, _ in model.trees_:
        at = np.zeros(len(bins), int)
        while (inner := left[at] > 0).any():
            go = bins[np.arange(len(bins)), feature[at]] > cut[at]
            at = np.where(inner, left[at] + go, at)
        assert np.bincount(at)[np.unique(at)].min() >= 30


def test_a_small_node_is_cut_as_a_large_one(monkeypatch):
    """Nodes below `SMALL` cells are sorted, others are counted: doubled cells must be cut at the same places."""
    features, labels = few_values(n=10, values=5)
    one = RandomForest(1, max_features=None, bootstrap=False).fit(features, labels)
    many = RandomForest(1, max_features=None, bootstrap=False).fit(np.tile(features, (9, 1)), np.tile(labels, 9))
    np.testing.assert_allclose(one.predict_proba(features), many.predict_proba(features), atol=1e-6)


def test_bins_hold_equally_many_cells_and_keep_the_order():
    values = np.random.default_rng(0).lognormal(0, 2, (5000, 2))
    borders = forest.edges(values)
    bins = forest.binned(values, borders)
    assert borders.shape == (2, 255) and bins.dtype == np.uint8 and bins.shape == (2, 5000)
    for row, column in zip(bins, values.T, strict=True):
        counts = np.bincount(row, minlength=256)
        assert counts.min() >= 18 and counts.max() <= 21
        assert (np.diff(row[np.argsort(column)].astype(int)) >= 0).all()


def test_a_feature_with_few_values_has_a_bin_for_each():
    values = np.repeat([[3.0], [-1.0], [7.5]], 4, axis=0)
    borders = forest.edges(values)
    assert borders[0, :2].tolist() == [1.0, 5.25] and np.isinf(borders[0, 2:]).all()
    assert forest.binned(np.array([[-9.0], [1.0], [1.1], [99.0]]), borders).tolist() == [[0, 0, 1, 2]]


def test_features_that_are_constant_leave_one_leaf():
    model = RandomForest(3).fit(np.ones((20, 4)), np.arange(20) % 2)
    assert all(len(left) == 1 for _, _, left, _ in model.trees_)
    assert model.predict_proba(np.zeros((2, 4))).shape == (2, 2)


def test_a_node_goes_on_drawing_features_until_one_is_not_constant():
    features = np.zeros((40, 200))
    features[:, 17] = np.arange(40) % 2
    model = RandomForest(5, max_features="log2").fit(features, np.arange(40) % 2)
    assert (model.predict(features) == np.arange(40) % 2).all()


def test_classes_keep_their_names():
    features, labels = overlapping(200)
    names = np.array([3, 11, 40, 41, 50, 60, 9])[labels]
    model = RandomForest(10).fit(features, names)
    assert set(model.predict(features)) <= set(names) and model.classes_.tolist() == sorted(set(names))
    assert clone(model).get_params() == model.get_params()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_features_that_are_not_finite_are_refused(bad):
    model = RandomForest(2).fit(np.arange(20.0)[:, None], np.arange(20) % 2)
    with pytest.raises(ValueError, match="not finite"):
        model.predict(np.array([[bad]]))


@pytest.mark.parametrize(
    "labels, options, said",
    [
        (np.arange(299) % 3, {}, "300, 299"),
        (np.arange(300), {}, "found 300 classes; expected at most 256"),
        (np.arange(300) % 3, {"max_features": 0.5}, "found max_features=0.5; expected 'sqrt', 'log2' or None"),
        (np.arange(300) % 3, {"n_estimators": 0}, "found n_estimators=0; expected at least one tree"),
    ],
)
def test_labels_and_settings_that_it_has_no_room_for_are_refused(labels, options, said):
    with pytest.raises(ValueError, match=said):
        RandomForest(**{"n_estimators": 2} | options).fit(np.zeros((300, 4)), labels)


@pytest.mark.parametrize("shape, said", [((0, 3), "0 sample"), ((4, 0), "0 feature"), ((4,), "Expected 2D array")])
def test_features_of_no_use_are_refused(shape, said):
    with pytest.raises(ValueError, match=said):
        RandomForest(2).fit(np.zeros(shape), np.arange(shape[0]) % 2)


def test_a_forest_predicts_for_the_features_that_it_knows():
    model = RandomForest(2)
    with pytest.raises(NotFittedError):
        model.predict(np.zeros((2, 3)))
    model.fit(np.zeros((20, 3)), np.arange(20) % 2)
    with pytest.raises(ValueError, match="2 features, but RandomForest is expecting 3"):
        model.predict(np.zeros((2, 2)))
