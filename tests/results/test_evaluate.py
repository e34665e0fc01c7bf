"""What must hold of evaluation: predictions are those of a model of the training set, and made once."""

import dataclasses

import numpy as np
import pytest
from conftest import write_release
from made_results import CHANGES, RUN, assert_same, features_of, said

from coos_helpers import classifiers, results, store
from coos_helpers.data import open_release
from coos_helpers.results import stored
from coos_helpers.runs import Run


@pytest.fixture
def made_up(tmp_path):
    """Hold a release of 42 cells a split, and features of 7 overlapping classes."""
    release = open_release(write_release(tmp_path / "release", n=42))
    return release, features_of(release)


def evaluate(release, features, classifier="knn", run=RUN, representation="texture", seed=0):
    return results.evaluate_classifier(run, release, features, representation, classifier, seed)


@pytest.fixture
def fits(monkeypatch):
    """List the fits that are made from now on."""
    made, real = [], classifiers.fit
    monkeypatch.setattr(classifiers, "fit", lambda *args, **options: made.append(1) or real(*args, **options))
    return made


def assert_about(p, split, name, **expected):
    """Check all that predictions take over from a split."""
    assert {key: getattr(p, key) for key in expected} == expected
    assert (p.split, p.profile, p.class_names, p.source) == (name, "smoke", split.class_names, split.source)
    np.testing.assert_array_equal(p.labels, split.labels)
    np.testing.assert_array_equal(p.plate, split.plate)
    np.testing.assert_array_equal(p.well, split.well_ids)
    assert (p.labels.dtype, p.predicted.dtype, p.scores.dtype) == (np.int64, np.int64, np.float32)


@pytest.mark.parametrize("classifier", ["knn", "l1-lr"])
def test_predictions_hold_what_a_model_of_the_training_set_says(made_up, classifier):
    release, features = made_up
    made = evaluate(release, features, classifier)
    assert list(made) == list(release)
    model = classifiers.fit(classifier, features["train"], release["train"].labels)
    for name, split in release.items():
        p = made[name]
        assert_about(p, split, name, representation="texture", family="Texture", classifier=classifier, seed=0)
        np.testing.assert_array_equal(p.predicted, model.predict(features[name]))
        np.testing.assert_allclose(p.scores, model.predict_proba(features[name]), rtol=1e-6)


def test_predictions_are_made_once_and_again_when_the_code_changes(made_up, fits, monkeypatch):
    made = evaluate(*made_up)
    assert_same(made, evaluate(*made_up))
    assert len(fits) == 1
    monkeypatch.setattr(store, "code_key", lambda *_: "another")
    evaluate(*made_up)
    assert len(fits) == 2


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_predictions_are_remade_when_the_data_change(made_up, fits, change):
    release, features = made_up
    evaluate(release, features)
    change(release, features)
    made = evaluate(release, features)
    assert len(fits) == 2
    for name, split in release.items():
        assert_about(made[name], split, name)
        assert made[name].scores.shape == (len(split.labels), len(split.class_names))


SETTINGS = [{"seed": 1}, {"classifier": "l1-lr"}, {"representation": results.Representation("texture", "1")}]
SETTINGS += [{"run": Run("made-up", "smoke", RUN.settings | {"draws": 3})}, {"run": Run("b", "smoke", RUN.settings)}]


@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_predictions_are_remade_when_the_settings_change_and_no_two_runs_share_them(made_up, fits, options):
    before, made = evaluate(*made_up), evaluate(*made_up, **options)
    assert len(fits) == 2
    assert all(getattr(made["train"], key) == options[key] for key in set(options) & {"seed", "classifier"})
    if getattr(options.get("run"), "name", RUN.name) != RUN.name:
        assert_same(before, evaluate(*made_up))
        assert len(fits) == 2


def test_a_split_that_lacks_classes_has_a_score_for_each_class(made_up):
    release, features = made_up
    there = np.isin(release["test1"].labels, (1, 4))
    parts = {"labels": release["test1"].labels[there], "plate": None, "well": None}
    release["test1"] = dataclasses.replace(release["test1"], **parts)
    features["test1"] = features["test1"][there]
    assert evaluate(release, features)["test1"].scores.shape == (there.sum(), 7)


# A network that classifies by itself


def test_a_networks_own_scores_become_predictions_in_files_of_their_own(made_up):
    release, _ = made_up
    of = results.Representation("deeploc", "fc2", "w0.5")
    evaluate(*made_up, representation=of)
    before, scores = set((RUN.folder / "predictions").iterdir()), {n: said(s.labels) for n, s in release.items()}
    made = results.evaluate_network(RUN, release, scores, of, seed=3)
    assert list(made) == list(release)
    names = {"representation": "deeploc-w0.5-fc2", "family": "DeepLoc", "layer": "fc2", "variant": "w0.5"}
    for name, split in release.items():
        assert_about(made[name], split, name, classifier="end-to-end", seed=3, setting=None, rung="", **names)
        np.testing.assert_array_equal(made[name].scores, scores[name])
        np.testing.assert_array_equal(made[name].predicted, [np.argmax(row) for row in scores[name]])
    added = set((RUN.folder / "predictions").iterdir()) - before
    assert len(added) == 5
    for path in added:
        read, _ = stored.load(path)
        assert_same(made[read.split], read)


def test_other_scores_replace_a_networks_predictions(release):
    keys = set()
    for seed in (0, 1):
        scores = {name: said(split.labels, seed) for name, split in release.items()}
        made = results.evaluate_network(RUN, release, scores, "deeploc")
        read, key = stored.load(RUN.folder / "predictions" / "deeploc--end-to-end--test2.npz")
        assert_same(made["test2"], read)
        keys.add(key)
    assert len(keys) == 2
