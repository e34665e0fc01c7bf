"""What must hold of the classifiers: scikit-learn's, the paper's protocol, nothing learned from a test split."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
from conftest import at_once
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RandomizedSearchCV, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from coos_helpers import classifiers, results, store
from coos_helpers.results.evaluate import class_scores

KEYS = ["knn", "l1-lr", "rf"]
SEARCHES = ["random", "halving"]
PAPERS_GRID = dict(classifiers.GRID)


@pytest.fixture(autouse=True)
def small_forests(monkeypatch):
    """Keep the tests quick: nothing here depends on the number of trees."""
    monkeypatch.setitem(classifiers.GRID, "n_estimators", [3, 4, 5, 6])


def blobs(n=120, classes=4, d=6, seed=0):
    """Draw features (n, d) around one centre a class, with overlap, each feature on another scale; and labels."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(0, 1.2, (classes, d))
    labels = np.arange(n) % classes
    features = (centres[labels] + rng.normal(size=(n, d)) + np.linspace(-9, 9, d)) * np.logspace(-3, 3, d)
    return features.astype(np.float32), labels


def fit(classifier, features, labels, draws=2, seed=0, **options):
    return classifiers.fit(classifier, features, labels, draws=draws, seed=seed, progress=False, **options)


def search(features, labels, draws=4, **options):
    return classifiers.search_forest(features, labels, draws=draws, progress=False, **options)


def stored(build_folder):
    return sorted((build_folder / "search").glob("*"))


@pytest.fixture
def fits(monkeypatch):
    """List what each forest of a search was given: features and labels to learn from, and those held out."""
    made, real = [], classifiers.fold_score
    monkeypatch.setattr(classifiers, "fold_score", lambda model, cells: made.append(cells) or real(model, cells))
    return made


def test_of_two_searches_of_the_same_one_scores_and_the_other_finds_the_scores(fits, build_folder):
    features, labels = blobs(60, 3, 4)
    one, other = at_once(lambda: search(features, labels, draws=2))
    assert one[0] == other[0] and len(fits) == len(stored(build_folder)) == len(np.unique(stored(build_folder)))


def test_there_are_the_papers_three_in_its_order_and_its_grid():
    assert list(classifiers.NAMES.values()) == ["kNN", "L1 LR", "RF"]
    assert [len(values) for values in PAPERS_GRID.values()] == [9, 2, 6, 5, 5] and None in PAPERS_GRID["max_depth"]
    assert (min(PAPERS_GRID["n_estimators"]), max(PAPERS_GRID["n_estimators"])) == (20, 200)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("classifier", KEYS)
@pytest.mark.parametrize("n, classes, d", [(120, 2, 6), (120, 4, 6), (10, 2, 1)])
def test_a_fitted_model_tells_classes_apart_and_gives_probabilities(classifier, n, classes, d, capfd):
    model = fit(classifier, *blobs(n, classes, d))
    others, truth = blobs(80, classes, d, seed=1)
    assert n == 10 or (model.predict(others) == truth).mean() > 0.6
    scores = class_scores(model, others, classes)
    assert scores.shape == (80, classes) and scores.dtype == np.float32 and scores.min() >= 0
    np.testing.assert_allclose(scores.sum(1), 1, rtol=1e-5)
    assert capfd.readouterr() == ("", "")


@pytest.mark.filterwarnings("ignore:'Threading' parallel backend")
@pytest.mark.parametrize("classifier", KEYS)
def test_the_same_seed_gives_the_same_model_on_any_number_of_cores(classifier, build_folder):
    features, labels = blobs()
    one = fit(classifier, features, labels, seed=3)
    for path in stored(build_folder):
        path.unlink()
    with joblib.parallel_config("threading", n_jobs=2):  # the search's forests then grow side by side
        other = fit(classifier, features, labels, seed=3)
    np.testing.assert_array_equal(one.predict_proba(features), other.predict_proba(features))
    if classifier == "rf":
        settings = {name: one[-1].get_params()[name] for name in classifiers.GRID}
        alone = classifiers.rf(3, n_jobs=1, **settings).fit(np.asarray(features, float), labels)
        np.testing.assert_array_equal(alone.predict_proba(features), one.predict_proba(features))


@pytest.mark.parametrize("classifier", KEYS)
def test_features_are_standardised_by_the_training_set_alone(classifier):
    features, labels = blobs()
    model = fit(classifier, features, labels)
    np.testing.assert_allclose(model[0].scale_, features.astype(float).std(0), rtol=1e-6)
    others, _ = blobs(12, seed=1)
    alone = np.concatenate([model.predict_proba(row[None]) for row in others])
    np.testing.assert_allclose(model.predict_proba(others), alone, atol=1e-6)


@pytest.mark.parametrize("classifier", ["knn", "l1-lr"])
def test_the_scale_of_a_feature_does_not_matter(classifier):
    features, labels = blobs()
    scaled = np.asarray(features, float) * np.array([1, 16, 1e-10, 2, 1e30, 256])
    one, other = fit(classifier, features, labels), fit(classifier, scaled, labels)
    np.testing.assert_allclose(one.predict_proba(features), other.predict_proba(scaled), atol=1e-3)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("classifier", KEYS)
@pytest.mark.parametrize("value", [0.0, 7.25, -1e12])
def test_a_constant_feature_breaks_nothing(classifier, value):
    features, labels = blobs(60)
    constant = np.c_[np.full(60, value), features]
    model, without = fit(classifier, constant, labels), fit(classifier, features, labels)
    assert np.isfinite(model.predict_proba(constant)).all()
    if classifier == "knn":
        np.testing.assert_allclose(model.predict_proba(constant), without.predict_proba(features), atol=1e-6)


def test_knn_is_eleven_votes_after_standardising():
    features, labels = blobs()
    others, _ = blobs(50, seed=1)
    scaler = StandardScaler().fit(features.astype(float))
    train, test = (scaler.transform(part.astype(float)) for part in (features, others))
    by_hand = KNeighborsClassifier(11, algorithm="brute").fit(train, labels)
    model = fit("knn", features, labels)
    np.testing.assert_allclose(model.predict_proba(others), by_hand.predict_proba(test), atol=1e-6)
    np.testing.assert_array_equal(model.predict(others), by_hand.predict(test))


@pytest.mark.filterwarnings("ignore:.*penalty.*")  # its name changed with scikit-learn's versions
def test_l1_lr_is_liblinear_one_class_against_the_rest_with_c_1():
    features, labels = blobs(150, d=12)
    train = StandardScaler().fit_transform(features.astype(float))
    options = {"penalty": "l1", "C": 1.0, "solver": "liblinear", "tol": 1e-8, "max_iter": 10_000, "random_state": 0}
    by_hand = [LogisticRegression(**options).fit(train, labels == k) for k in range(4)]
    scores = np.stack([one.predict_proba(train)[:, 1] for one in by_hand], 1)
    model = fit("l1-lr", features, labels)
    np.testing.assert_allclose(model.predict_proba(features), scores / scores.sum(1, keepdims=True), atol=3e-3)
    weights = np.concatenate([one.coef_ for one in model[-1].estimators_])
    np.testing.assert_allclose(weights, np.concatenate([one.coef_ for one in by_hand]), atol=0.02)
    assert (weights == 0).any() and (weights != 0).any()


@pytest.mark.filterwarnings("error")
def test_an_l1_lr_that_stopped_too_early_says_so_in_one_line(monkeypatch, capfd):
    real = classifiers.l1_lr
    hasty = {"onevsrestclassifier__estimator__max_iter": 1}
    monkeypatch.setattr(classifiers, "l1_lr", lambda **options: real(**options).set_params(**hasty))
    fit("l1-lr", *blobs())
    assert capfd.readouterr() == (
        "The L1 logistic regression stopped short of its optimum: its errors may be a little off.\n", ""
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore:y_pred contains classes")
def test_the_searches_are_scikit_learns_over_the_same_draws():
    (features, labels), drawn = blobs(), {}
    grid = {f"randomforestclassifier__{name}": values for name, values in classifiers.GRID.items()}
    options = {"cv": StratifiedKFold(5, shuffle=True, random_state=1), "random_state": 1, "refit": False}
    for kind, theirs, n in (("random", RandomizedSearchCV, 6), ("halving", classifiers.HalvingRandomSearchCV, 8)):
        best, found = search(features, labels, draws=6, search=kind, seed=1)
        options["scoring"], draws = "balanced_accuracy", {"n_iter" if kind == "random" else "n_candidates": 6}
        by_hand = theirs(classifiers.rf(1), grid, **draws, **options).fit(features.astype(float), labels)
        assert {f"randomforestclassifier__{name}": value for name, value in best.items()} == by_hand.best_params_
        scores = found.cv_results_["mean_test_score"]
        np.testing.assert_allclose(scores, by_hand.cv_results_["mean_test_score"], atol=1e-9)
        assert len(scores) == n and len(set(scores)) > 1
        drawn[kind] = found.cv_results_["params"][:6]
        forest = fit("rf", features, labels, draws=6, search=kind, seed=1)[-1]
        assert {name: forest.get_params()[name] for name in best} == best
    assert drawn["random"] == drawn["halving"] and len({str(draw) for draw in drawn["random"]}) == 6


@pytest.mark.parametrize("kind", SEARCHES)
@pytest.mark.parametrize("after", [0, 33])
def test_a_search_that_was_stopped_goes_on_and_fits_only_what_is_missing(kind, after, build_folder, fits, monkeypatch):
    features, labels = blobs(60)
    whole, needed, real = search(features, labels, 7, search=kind), len(fits), classifiers.fold_score
    for path in stored(build_folder):
        path.unlink()
    fits.clear()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):

        def stopped(model, cells):
            if len(fits) == after:
                raise KeyboardInterrupt
            return real(model, cells)

        patch.setattr(classifiers, "fold_score", stopped)
        search(features, labels, 7, search=kind)
    assert len(stored(build_folder)) == len(fits) == after
    again = search(features, labels, 7, search=kind)
    assert len(fits) == needed and again[0] == whole[0]
    np.testing.assert_array_equal(again[1].cv_results_["mean_test_score"], whole[1].cv_results_["mean_test_score"])
    assert search(features, labels, 7, search=kind)[0] == whole[0] and len(fits) == needed


@pytest.mark.parametrize("damage", [b"", b"0.5, 0.", b"null", b"\xff\xfe", b"0.5", b"1.0", None])
def test_a_damaged_score_is_made_again(build_folder, fits, damage):
    features, labels = blobs(60)
    whole = search(features, labels, 2)
    path = stored(build_folder)[3]
    content = path.read_bytes()
    path.write_bytes(content.replace(b"0.", b"1.", 1) if damage is None else damage)
    fits.clear()
    assert search(features, labels, 2)[0] == whole[0] and len(fits) == 1
    assert path.read_bytes() == content


@pytest.mark.filterwarnings("ignore:'Threading' parallel backend")
def test_two_searches_at_once_do_each_other_no_harm(build_folder):
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: search(*blobs(60))[0], range(2))
    assert one == other == search(*blobs(60))[0]
    assert len(stored(build_folder)) == 20 and all(0 <= float(store.unseal(path)) <= 1 for path in stored(build_folder))


@pytest.mark.parametrize("changed", ["features", "labels", "seed"])
def test_another_search_is_not_mistaken_for_a_finished_one(fits, changed):
    features, labels = blobs(60)
    search(features, labels, 2)
    other = features + (changed == "features"), np.roll(labels, changed == "labels")
    search(*other, 2, seed=int(changed == "seed"))
    assert len(fits) == 20


@pytest.mark.parametrize("kind", SEARCHES)
def test_the_search_keeps_wells_whole(kind, fits):
    _, labels = blobs(240)
    wells = labels + 4 * np.random.default_rng(0).integers(0, 6, 240)
    search(wells[:, None].astype(float), labels, 3, wells=wells.astype(str), search=kind)
    assert fits and all(not np.intersect1d(learned, held_out).size for learned, _, held_out, _ in fits)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("sizes", [(2, 2), (2, 19), (5, 6), (3, 4, 5), (2, 1, 30), (1, 9), (20,) * 5], ids=str)
def test_small_classes_are_searched_and_ranked_as_far_as_they_go(sizes, capfd):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    features = np.random.default_rng(0).normal(size=(len(labels), 1)) + labels[:, None]
    ranked = results.rank_layers({"one": features, "other": np.c_[features, features]}, labels)
    assert all(0 <= error <= 1 for error in ranked.values())
    assert "random forest" not in capfd.readouterr().out
    for kind in SEARCHES:
        model = fit("rf", features, labels, search=kind)
        out, err = capfd.readouterr()
        assert ("random forest's search" in out) == (min(sizes) < 5) and err == ""
        assert list(model.classes_) == list(range(len(sizes))), "the forest itself learns from all"


@pytest.mark.parametrize("seed", [0, 3])
def test_layers_rank_by_the_error_of_knn_in_five_folds_of_the_training_set(seed):
    good, labels = blobs()
    noise = np.random.default_rng(7).normal(size=good.shape) * good.std(0)
    features = {"noise": noise, "good": good, "fair": good + noise}
    ranked = results.rank_layers(features, labels, seed=seed)
    assert list(ranked) == ["good", "fair", "noise"] and list(ranked.values()) == sorted(ranked.values())
    options = {"cv": StratifiedKFold(5, shuffle=True, random_state=seed), "scoring": "balanced_accuracy"}
    for layer, values in features.items():
        scores = cross_val_score(classifiers.knn(), values.astype(float), labels, **options)
        assert ranked[layer] == pytest.approx(1 - scores.mean())


def test_a_layer_that_only_knows_its_well_ranks_last_where_wells_are_known():
    (features, labels), rng = blobs(240), np.random.default_rng(0)
    wells = labels + 4 * rng.integers(0, 6, 240)
    of_well = rng.normal(size=(24, 6))[wells] + 0.01 * rng.normal(size=(240, 6))
    both = {"well": of_well, "cell": features}
    assert list(results.rank_layers(both, labels)) == ["well", "cell"]
    assert list(results.rank_layers(both, labels, wells.astype(str))) == ["cell", "well"]


@pytest.mark.parametrize("classifier", KEYS)
def test_a_class_that_the_training_set_lacks_scores_zero_and_is_never_predicted(classifier):
    features, labels = blobs(90, classes=3)
    model = fit(classifier, features, np.array([0, 2, 5])[labels])
    scores = class_scores(model, features, 7)
    assert (scores[:, [1, 3, 4, 6]] == 0).all() and set(model.predict(features)) <= {0, 2, 5}
    np.testing.assert_allclose(scores[:, [0, 2, 5]], model.predict_proba(features), rtol=1e-6)


@pytest.mark.filterwarnings("ignore:invalid value")  # scikit-learn 1.6 divides 0 by 0
def test_a_cell_that_every_class_disowns_has_finite_scores():
    model = fit("l1-lr", *blobs())
    for one in model[-1].estimators_:
        one.intercept_[:] = -1e6
    assert (class_scores(model, blobs()[0], 4) == 0).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_features_that_are_not_finite_are_named(value):
    features, labels = blobs(40)
    features[17, 3] = value
    refused = [lambda key=key: fit(key, features, labels) for key in KEYS]
    for call in (*refused, lambda: results.rank_layers({"a": features}, labels)):
        with pytest.raises(ValueError, match=f"found {value} in feature 3 of cell 17; expected finite numbers"):
            call()


ONES = np.ones((40, 2))
REFUSED = [
    *((key, ONES, np.zeros(40), {}, "found one class .*; expected at least two") for key in KEYS),
    ("rf", ONES[:3], np.arange(3), {}, "found one cell in each class; expected at least two"),
    ("rf", ONES, np.arange(40) % 2, {"draws": 0}, "found draws=0, search='random'; expected"),
    ("rf", ONES, np.arange(40) % 2, {"search": "grid"}, "found draws=2, search='grid'; expected"),
    ("svm", ONES, np.arange(40) % 2, {}, "found the classifier 'svm'; expected one of knn, l1-lr, rf"),
    ("knn", ONES, np.zeros(4), {}, r"found shapes \(40, 2\) and \(4,\); expected \(N, d\) features"),
    ("knn", ONES[:, 0], np.zeros(40), {}, r"found shapes \(40,\) and \(40,\); expected \(N, d\) features"),
]


@pytest.mark.parametrize("classifier, features, labels, options, message", REFUSED)
def test_what_cannot_be_learned_from_is_refused(classifier, features, labels, options, message):
    with pytest.raises(ValueError, match=message):
        fit(classifier, features, labels, **options)


def test_without_scikit_learn_intelex_all_is_the_same_but_the_forests_luck(monkeypatch):
    code = (
        "import json, test_classifiers as t; from coos_helpers import classifiers as c;"
        "c.GRID['n_estimators'] = [40]; others = t.blobs(80, seed=1)[0];"
        "print(json.dumps([c.ENGINE, *(t.fit(k, *t.blobs()).predict(others).tolist() for k in t.KEYS)]))"
    )
    plainly = os.environ | {"COOS_INTELEX": "0", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=plainly, stdout=subprocess.PIPE, check=True)
    engine, *plain = json.loads(done.stdout)
    assert engine.startswith("scikit-learn ") and "intelex" not in engine and classifiers.ENGINE.startswith(engine)
    monkeypatch.setitem(classifiers.GRID, "n_estimators", [40])
    ours = [fit(key, *blobs()).predict(blobs(80, seed=1)[0]) for key in KEYS]
    agree = (np.array(ours) == np.array(plain)).mean(1)
    assert agree[0] == agree[1] == 1 and agree[2] > 0.8
