"""What must hold of the classifiers: the paper's protocol, nothing learned from a test split, nothing done twice."""

import json
import time
import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from coos_helpers import classifiers, store

KEYS = ["knn", "l1-lr", "rf"]


PAPERS_GRID = dict(classifiers.GRID)


@pytest.fixture(autouse=True)
def small_forests(monkeypatch):
    """Keep the tests quick: nothing here depends on the number of trees."""
    monkeypatch.setitem(classifiers.GRID, "n_estimators", (5, 10, 15, 20))


def blobs(n=120, classes=4, d=6, seed=0):
    """Draw features (n, d) around one centre a class, with overlap, each feature on another scale; and labels."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(0, 1.2, (classes, d))
    labels = np.arange(n) % classes
    features = (centres[labels] + rng.normal(size=(n, d)) + np.linspace(-9, 9, d)) * np.logspace(-3, 3, d)
    return features.astype(np.float32), labels


def fit(classifier, features, labels, draws=2, seed=0):
    return classifiers.fit(classifier, features, labels, draws=draws, seed=seed, progress=False)


def standardised(train, *others):
    """Centre and scale by hand, in double precision."""
    train = np.asarray(train, float)
    mean, deviation = train.mean(0), train.std(0)
    deviation = np.where(deviation > 0, deviation, 1)
    return [(np.asarray(x, float) - mean) / deviation for x in (train, *others)]


def test_there_are_the_papers_three_in_its_order():
    assert list(classifiers.NAMES.values()) == ["kNN", "L1 LR", "RF"]


def test_the_grid_is_the_papers():
    sizes = {name: len(values) for name, values in PAPERS_GRID.items()}
    assert sizes == {
        "n_estimators": 9, "max_features": 2, "max_depth": 6, "min_samples_split": 5, "min_samples_leaf": 5,
    }  # fmt: skip
    assert None in PAPERS_GRID["max_depth"]
    assert (min(PAPERS_GRID["n_estimators"]), max(PAPERS_GRID["n_estimators"])) == (20, 200)


@pytest.mark.parametrize("classifier", KEYS)
def test_a_fitted_model_tells_classes_apart_and_gives_probabilities(classifier):
    features, labels = blobs()
    model = fit(classifier, features, labels)
    others, truth = blobs(80, seed=1)
    assert (model.predict(others) == truth).mean() > 0.6
    scores = classifiers.class_scores(model, others, 4)
    assert scores.shape == (80, 4) and scores.dtype == np.float32
    np.testing.assert_allclose(scores.sum(1), 1, rtol=1e-5)
    assert scores.min() >= 0


@pytest.mark.parametrize("classifier", KEYS)
def test_the_same_seed_gives_the_same_model(classifier):
    features, labels = blobs()
    one, other = (fit(classifier, features, labels, seed=3) for _ in range(2))
    # A forest adds up its trees' votes in the order in which threads finish: the last bit may differ.
    np.testing.assert_allclose(one.predict_proba(features), other.predict_proba(features), rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(one.predict(features), other.predict(features))


# Standardisation


@pytest.mark.parametrize("classifier", KEYS)
def test_features_are_standardised_by_the_training_set(classifier):
    features, labels = blobs()
    scaler = fit(classifier, features, labels)[0]
    np.testing.assert_allclose(scaler.mean_, features.astype(float).mean(0), rtol=1e-9)
    np.testing.assert_allclose(scaler.scale_, features.astype(float).std(0), rtol=1e-6)


def test_a_test_split_does_not_move_the_standardisation():
    features, labels = blobs()
    model = fit("knn", features, labels)
    others, _ = blobs(40, seed=1)
    alone = np.concatenate([model.predict_proba(row[None]) for row in others])
    np.testing.assert_array_equal(model.predict_proba(others), alone)
    shifted = others + 10 * features.std(0)
    assert not np.array_equal(model.predict_proba(shifted), alone)


@pytest.mark.parametrize("classifier", ["knn", "l1-lr"])
def test_the_scale_of_a_feature_does_not_matter(classifier):
    features, labels = blobs()
    features = np.asarray(features, float)
    scaled = features * np.array([1, 16, 1 / 1024, 2, 4, 256])
    one, other = fit(classifier, features, labels), fit(classifier, scaled, labels)
    np.testing.assert_allclose(one.predict_proba(features), other.predict_proba(scaled), atol=1e-3)


@pytest.mark.parametrize("classifier", KEYS)
@pytest.mark.parametrize("value", [0.0, 7.25, -1e30])
def test_a_constant_feature_breaks_nothing(classifier, value):
    features, labels = blobs(60)
    constant = np.c_[np.full(60, value), features]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = fit(classifier, constant, labels)
    assert np.isfinite(model.predict_proba(constant)).all()
    if classifier == "knn":
        without = fit(classifier, features, labels)
        np.testing.assert_array_equal(model.predict_proba(constant), without.predict_proba(features))


# kNN


def test_knn_is_eleven_votes_after_standardising():
    features, labels = blobs()
    others, _ = blobs(50, seed=1)
    model = fit("knn", features, labels)
    train, test = standardised(features, others)
    distances = np.linalg.norm(test[:, None] - train[None], axis=2)
    votes = labels[np.argsort(distances, axis=1)[:, :11]]
    expected = np.stack([(votes == k).mean(1) for k in range(4)], 1)
    np.testing.assert_allclose(model.predict_proba(others), expected, atol=1e-12)
    by_hand = KNeighborsClassifier(11).fit(train, labels)
    np.testing.assert_array_equal(model.predict(others), by_hand.predict(test))


def test_knn_with_fewer_cells_than_neighbours_asks_them_all():
    features, labels = blobs(8)
    np.testing.assert_allclose(fit("knn", features, labels).predict_proba(features), 0.25)


# L1 logistic regression


def test_l1_lr_is_liblinear_one_class_against_the_rest():
    features, labels = blobs(150)
    others, _ = blobs(60, seed=1)
    features, others = features.astype(float), others.astype(float)
    scaler = StandardScaler().fit(features)
    train, test = scaler.transform(features), scaler.transform(others)
    scores = []
    for k in range(4):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the penalty's name changed with scikit-learn's versions
            one = LogisticRegression(penalty="l1", C=1.0, solver="liblinear", tol=1e-8, max_iter=10_000, random_state=0)
            scores.append(one.fit(train, labels == k).predict_proba(test)[:, 1])
    scores = np.stack(scores, 1)
    model = fit("l1-lr", features, labels)
    np.testing.assert_allclose(model.predict_proba(others), scores / scores.sum(1, keepdims=True), atol=1e-3)
    np.testing.assert_array_equal(model.predict(others), scores.argmax(1))


def test_l1_lr_stands_at_the_optimum_of_the_l1_penalty_with_c_1():
    """Check the optimum's conditions: the loss's slope times C is at most 1, and 1 where a weight is not 0."""
    features, labels = blobs(150, d=12)
    model = fit("l1-lr", features, labels)
    (train,) = standardised(features)
    zeros = 0
    for k in range(4):
        weights = np.r_[model[-1].coef_[k], model[-1].intercept_[k]]
        with_constant = np.c_[train, np.ones(len(train))]
        sign = np.where(labels == k, 1, -1)
        slope = (with_constant * (sign / (1 + np.exp(sign * (with_constant @ weights))))[:, None]).sum(0)
        assert (abs(slope) < 1 + 0.01).all()
        used = weights != 0
        np.testing.assert_allclose(slope[used], np.sign(weights[used]), atol=0.01)
        zeros += (~used).sum()
    assert zeros > 0


@pytest.mark.filterwarnings("error")
def test_l1_lr_brings_no_warning():
    features, labels = blobs()
    fit("l1-lr", features, labels).predict(features)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("classifier", KEYS)
def test_two_classes_are_enough(classifier):
    features, labels = blobs(60, classes=2)
    model = fit(classifier, features, labels)
    assert classifiers.class_scores(model, features, 2).shape == (60, 2)


# The search


def test_the_draw_with_the_best_cross_validation_is_chosen():
    features, labels = blobs()
    chosen, scores = classifiers.search(features, labels, draws=4, seed=1, progress=False)
    assert scores.shape == (4,) and len(set(scores)) > 1
    folds = StratifiedKFold(5, shuffle=True, random_state=1)
    by_hand = cross_val_score(
        classifiers.random_forest(chosen, 1), features, labels, cv=folds, scoring="balanced_accuracy"
    )
    assert by_hand.mean() == pytest.approx(scores.max())
    forest = fit("rf", features, labels, draws=4, seed=1)[-1]
    assert {name: forest.get_params()[name] for name in chosen} == chosen


def test_draws_come_from_the_grid_and_are_the_first_of_a_longer_search(monkeypatch):
    seen = []

    def score(settings, *_):
        seen.append(settings)
        return 0.0

    monkeypatch.setattr(classifiers, "fold_score", score)
    classifiers.search(*blobs(), draws=100, progress=False)
    assert len(seen) == 500 and len({tuple(settings.values()) for settings in seen}) == 100
    assert all(value in classifiers.GRID[name] for settings in seen for name, value in settings.items())


def wait_until(done, seconds=60):
    """Let other threads work until something is done, or for so long that it will not be."""
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(0.01)


def test_a_search_that_was_stopped_goes_on_and_ends_as_if_it_had_not(build_folder, monkeypatch):
    features, labels = blobs(60)
    whole = classifiers.search(features, labels, draws=4, progress=False)
    for file in (build_folder / "search").iterdir():
        file.unlink()
    real, settings, broken = classifiers.fold_score, [], [True]

    def stopped(drawn, *args):
        settings.append(tuple(drawn.values()))
        if tuple(drawn.values()) not in list(dict.fromkeys(settings))[:2] and broken[0]:
            wait_until(lambda: list((build_folder / "search").glob("*.json")))
            raise RuntimeError("the machine went down")
        return real(drawn, *args)

    monkeypatch.setattr(classifiers, "fold_score", stopped)
    with pytest.raises(RuntimeError, match="went down"):
        classifiers.search(features, labels, draws=4, progress=False)
    (path,) = (build_folder / "search").iterdir()
    kept = len(json.loads(path.read_text()))
    assert 1 <= kept <= 2
    settings.clear()
    broken[0] = False
    again = classifiers.search(features, labels, draws=4, progress=False)
    assert len(settings) == 5 * (4 - kept), "only the draws that were missing"
    assert again[0] == whole[0]
    np.testing.assert_array_equal(again[1], whole[1])


def test_a_search_without_draws_is_refused():
    with pytest.raises(ValueError, match="found draws=0; expected at least one"):
        classifiers.search(*blobs(60), draws=0, progress=False)


def test_a_finished_search_is_not_done_again(monkeypatch):
    features, labels = blobs(60)
    one = classifiers.search(features, labels, draws=2, progress=False)
    monkeypatch.setattr(classifiers, "fold_score", lambda *_: pytest.fail("searched again"))
    other = classifiers.search(features, labels, draws=2, progress=False)
    assert one[0] == other[0] and one[1].tolist() == other[1].tolist()


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"[0.5, 0.",
        b"{}",
        b"7",
        b"null",
        b'["x", 1]',
        b"[NaN, 0.5]",
        b"[[1], 1]",
        b"[0.1, 0.1, 0.1]",
        b"\xff\xfe",
        b"[2]",
    ],
)
def test_a_damaged_score_file_is_made_again(build_folder, capsys, damage):
    features, labels = blobs(60)
    whole = classifiers.search(features, labels, draws=2, progress=False)
    (path,) = (build_folder / "search").iterdir()
    content = path.read_bytes()
    path.write_bytes(damage)
    again = classifiers.search(features, labels, draws=2, progress=False)
    assert f"{path} is damaged and will be made again." in capsys.readouterr().out
    assert again[0] == whole[0] and again[1].tolist() == whole[1].tolist()
    assert path.read_bytes() == content


@pytest.mark.parametrize("smallest", [2, 3, 4])
def test_a_class_smaller_than_the_folds_is_held_out_in_fewer(capfd, smallest):
    features, labels = blobs(60)
    labels = np.where(np.arange(60) >= 60 - smallest, 6, labels)
    _, scores = classifiers.search(features, labels, draws=2, progress=False)
    out, err = capfd.readouterr()
    words = f"The smallest class has {smallest} cells: the random forest's search uses {smallest} folds, not 5."
    assert out.count(words) == 1 and err == ""
    assert np.isfinite(scores).all()


def test_a_cell_without_another_of_its_class_is_said_not_to_be_held_out(capfd):
    features, labels = blobs(60)
    labels[[7, 31]] = 5, 6
    _, scores = classifiers.search(features, labels, draws=2, progress=False)
    out, err = capfd.readouterr()
    assert err == "" and np.isfinite(scores).all()
    assert (
        out == "Classes with a single cell (5, 6) cannot be held out: the random forest's search goes without them.\n"
    )
    assert set(fit("rf", features, labels).classes_) == {0, 1, 2, 3, 5, 6}  # the forest itself learns from all


@pytest.mark.filterwarnings("error")
def test_enough_cells_of_every_class_say_nothing(capfd):
    classifiers.search(*blobs(20), draws=1, progress=False)
    assert capfd.readouterr() == ("", "")


def test_one_cell_a_class_cannot_be_searched():
    with pytest.raises(ValueError, match="found one cell in each class; expected at least two"):
        classifiers.search(*blobs(4), draws=1, progress=False)


@pytest.mark.parametrize("changed", ["features", "labels", "draws", "seed"])
def test_another_search_is_not_mistaken_for_a_finished_one(monkeypatch, changed):
    features, labels = blobs(60)
    calls = []
    monkeypatch.setattr(classifiers, "fold_score", lambda *_: calls.append(1) or 0.0)
    classifiers.search(features, labels, draws=2, seed=0, progress=False)
    other = features + (changed == "features"), np.roll(labels, changed == "labels")
    draws, seed = 2 + (changed == "draws"), int(changed == "seed")
    classifiers.search(*other, draws=draws, seed=seed, progress=False)
    assert len(calls) == 5 * (2 + draws)


def test_the_search_lies_where_made_things_lie(build_folder):
    classifiers.search(*blobs(60), draws=1, progress=False)
    assert store.root() == build_folder
    assert [path.suffix for path in (build_folder / "search").iterdir()] == [".json"]


# Ranking layers


def layers(n=120):
    """Draw three layers: one that tells classes apart, one with more noise, and one of noise alone."""
    features, labels = blobs(n)
    rng = np.random.default_rng(7)
    noise = rng.normal(size=features.shape) * features.std(0)
    return {"noise": noise, "good": features, "fair": features + noise}, labels


def test_layers_come_best_first():
    ranked = classifiers.rank(*layers())
    assert list(ranked) == ["good", "fair", "noise"]
    assert list(ranked.values()) == sorted(ranked.values())
    assert ranked["good"] < 0.35 and 0.6 < ranked["noise"] < 0.9


@pytest.mark.parametrize("seed", [0, 3])
def test_the_rank_is_the_error_of_eleven_neighbours_in_five_folds_of_the_training_set(seed):
    features, labels = layers()
    ranked = classifiers.rank(features, labels, seed)
    for layer, values in features.items():
        errors = []
        for fit_on, held_out in StratifiedKFold(5, shuffle=True, random_state=seed).split(values, labels):
            train, test = standardised(values[fit_on], values[held_out])
            distances = np.linalg.norm(test[:, None] - train[None], axis=2)
            votes = labels[fit_on][np.argsort(distances, axis=1)[:, :11]]
            predicted = np.stack([(votes == k).sum(1) for k in range(4)], 1).argmax(1)
            right = [np.mean(predicted[labels[held_out] == k] == k) for k in range(4)]
            errors.append(1 - np.mean(right))
        assert ranked[layer] == pytest.approx(np.mean(errors))


def test_ranking_is_the_same_every_time_and_leaves_features_alone():
    features, labels = layers()
    copies = {layer: values.copy() for layer, values in features.items()}
    assert classifiers.rank(features, labels) == classifiers.rank(dict(reversed(features.items())), labels)
    for layer, values in features.items():
        np.testing.assert_array_equal(values, copies[layer])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("sizes", [(5, 6), (6, 6), (6, 7), (7, 7), (2, 19), (2, 2), (3, 4, 5), (2, 1, 30)], ids=str)
def test_few_cells_are_ranked_by_as_many_neighbours_as_there_are(sizes):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    values = np.random.default_rng(0).normal(size=(len(labels), 3)) + labels[:, None]
    ranked = classifiers.rank({"one": values, "other": values[:, :1]}, labels)
    assert all(0 <= error <= 1 for error in ranked.values()), ranked


def test_ranking_few_cells_does_not_speak_of_the_random_forest(capsys):
    labels = np.repeat(np.arange(3), (1, 3, 30))
    classifiers.rank({"one": np.random.default_rng(0).normal(size=(34, 3)) + labels[:, None]}, labels)
    assert "random forest" not in capsys.readouterr().out


def test_a_layer_that_is_not_finite_is_refused():
    features, labels = layers()
    features["fair"][5, 2] = np.nan
    with pytest.raises(ValueError, match="found nan in feature 2 of cell 5"):
        classifiers.rank(features, labels)


# What is refused, and absent classes


@pytest.mark.parametrize("classifier", KEYS)
def test_a_class_that_the_training_set_lacks_scores_zero_and_is_never_predicted(classifier):
    features, labels = blobs(90, classes=3)
    labels = np.array([0, 2, 5])[labels]
    model = fit(classifier, features, labels)
    scores = classifiers.class_scores(model, features, 7)
    assert scores.shape == (90, 7)
    assert (scores[:, [1, 3, 4, 6]] == 0).all()
    np.testing.assert_allclose(scores[:, [0, 2, 5]], model.predict_proba(features), rtol=1e-6)
    assert set(model.predict(features)) <= {0, 2, 5}


@pytest.mark.parametrize("classifier", KEYS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_features_that_are_not_finite_are_named(classifier, value):
    features, labels = blobs(40)
    features[17, 3] = value
    with pytest.raises(ValueError, match=f"found {value} in feature 3 of cell 17; expected finite numbers"):
        fit(classifier, features, labels)


@pytest.mark.parametrize("classifier", KEYS)
def test_one_class_is_refused(classifier):
    with pytest.raises(ValueError, match="found one class .*; expected at least two"):
        fit(classifier, blobs(40)[0], np.zeros(40, int))


def test_an_unknown_classifier_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="found the classifier 'svm'; expected one of knn, l1-lr, rf"):
        fit("svm", *blobs(40))


@pytest.mark.parametrize("features, labels", [(np.ones((5, 2)), np.zeros(4)), (np.ones(5), np.zeros(5))])
def test_lengths_that_disagree_are_refused(features, labels):
    with pytest.raises(ValueError, match=r"found features of shape .* and labels of shape .*; expected \(N, d\)"):
        fit("knn", features, labels)
