"""What must hold of the leakage ladder: rungs that keep whole what they say, and a choice that no test cell sees."""

import dataclasses
import warnings

import numpy as np
import pytest
from made_results import CHANGES, RUN, assert_same

from coos_helpers import classifiers, data, metrics, results, store
from coos_helpers.metrics.folds import folds
from coos_helpers.results import leakage
from coos_helpers.runs import Run


def split(labels, plate=None, well=None, name="train"):
    places = {key: None if v is None else np.asarray(v).astype(str) for key, v in (("plate", plate), ("well", well))}
    labels = np.asarray(labels)
    return data.Split(name, None, None, labels, **places, class_names=tuple("abcdefg"), source="made up")


def plates_of(wells, plates=5, each=4, classes=3, name="train", seed=0):
    """Make a split with some wells of every class on every plate, its cells in random order."""
    place = [(k, p, w) for k in range(classes) for p in range(plates) for w in range(wells) for _ in range(each)]
    place = np.random.default_rng(seed).permutation(place)
    plate = np.array([f"{name}-{p}" for _, p, _ in place])
    return split(place[:, 0], plate, [f"{'ABC'[k]}{w + 1:02}" for k, _, w in place], name)


def features_of(cells, well=0.0, gap=1.0, d=5, seed=0):
    """Make up features: a centre for each class, a random effect of each well, and noise."""
    rng = np.random.default_rng([seed, len(cells)])
    _, member = np.unique(cells.well_ids, return_inverse=True)
    effect = well * rng.normal(size=(member.max() + 1, d))
    centres = gap * np.random.default_rng(7).normal(size=(7, d))
    return (centres[cells.labels] + effect[member] + 0.3 * rng.normal(size=(len(cells), d))).astype(np.float32)


@pytest.fixture
def made_up():
    """Hold a release of plates with wells, and features that overlap."""
    release = {"train": plates_of(2), "test1": plates_of(1, plates=3, name="test1")}
    return release, {name: features_of(cells, well=0.5) for name, cells in release.items()}


def ladder(release, features, classifier="knn", run=RUN, representation="texture", seed=0):
    return leakage.ladder(run, release, features, representation, classifier, seed, progress=False)


@pytest.mark.parametrize(
    "cells, n",
    [
        (plates_of(2, plates=7), 5),
        (plates_of(2, plates=2), 2),
        (split(np.repeat([0, 1], [30, 4])), 4),
        (split(np.repeat([0, 3], [30, 1])), 1),
        (split(np.arange(40) % 2, plate=np.arange(40) // 14), 3),
        (split(np.repeat([0, 5], [20, 4]), np.arange(24) % 8, np.arange(24)), 4),
    ],
)
def test_there_are_as_many_folds_as_every_rung_can_have(cells, n):
    assert leakage.n_folds(cells) == n
    if n > 1:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # such as one on classes with too few cells
            cuts = [folds(cells.labels, of, n) for of in (cells.plate, cells.well_ids) if of is not None]
            assert all(len(cut) == n for cut in (folds(cells.labels, None, n), *cuts) if cut)


# What a classifier says


@pytest.mark.parametrize("classifier", leakage.SETTINGS)
@pytest.mark.parametrize("names", [(0, 1, 2), (2, 5, 9), (4, 1)], ids=str)
def test_what_is_predicted_is_what_the_classifier_says_with_each_setting(classifier, names):
    rng = np.random.default_rng(len(names))
    labels, settings = rng.choice(names, 150), leakage.SETTINGS[classifier]
    scale = rng.uniform(0.1, 100, 6)
    points, *asked = (
        (scale * (rng.normal(size=(len(of), 6)) + of[:, None] * np.arange(6) / 9) + 1000).astype("f4")
        for of in (labels, rng.choice(names, 70), rng.choice(names, 1))
    )
    said = leakage.fit_predict_grid(classifier, settings, points, labels, asked)
    assert [one.shape for one in said] == [(len(settings), 70), (len(settings), 1)]
    assert all(one.dtype == np.int64 for one in said) and len(np.unique(said[0], axis=0)) > 1
    for number, setting in enumerate(settings):
        model = {"knn": classifiers.knn, "l1-lr": classifiers.l1_lr}[classifier](setting)
        model.fit(points.astype(float), labels)
        for one, answers in zip(asked, said, strict=True):
            np.testing.assert_array_equal(answers[number], model.predict(one.astype(float)))


def test_where_there_are_fewer_cells_than_neighbours_all_are_asked():
    points, labels = np.arange(5.0)[:, None], np.array([3, 3, 3, 8, 8])
    (said,) = leakage.fit_predict_grid("knn", (1, 21), points, labels, [points])
    assert said.tolist() == [[3, 3, 3, 8, 8], [3, 3, 3, 3, 3]]


# The ladder


@pytest.mark.parametrize("classifier", leakage.SETTINGS)
def test_every_setting_has_every_rung_and_every_test_set(made_up, classifier):
    release, features = made_up
    made = ladder(release, features, classifier, representation=results.Representation("vgg16", "conv4_2"))
    assert [row["test1"].setting for row in made] == list(leakage.SETTINGS[classifier])
    for row in made:
        assert list(row) == ["train-by-cell", "train-by-well", "train-by-plate", "test1"]
        assert [p.rung for p in row.values()] == [*leakage.RUNGS, ""]
        for p in row.values():
            cells = release["train" if p.rung else "test1"]
            assert (p.split, p.classifier, p.scores, p.class_names) == (cells.name, classifier, None, cells.class_names)
            assert (p.representation, p.family, p.layer) == ("vgg16-conv4_2", "VGG16", "conv4_2")
            for a, b in ((p.labels, cells.labels), (p.well, cells.well_ids), (p.plate, cells.plate)):
                np.testing.assert_array_equal(a, b)
            assert p.predicted.dtype == np.int64 and set(p.predicted) <= {0, 1, 2}


def test_a_rung_is_what_models_of_the_other_folds_say(made_up):
    release, features = made_up
    made, train = ladder(release, features), release["train"]
    model = classifiers.knn(5)
    for by, groups in {"cell": None, "well": train.well_ids, "plate": train.plate}.items():
        expected = np.full(len(train), -1)
        for inside, outside in folds(train.labels, groups, 5, 0):
            model.fit(features["train"][inside].astype(float), train.labels[inside])
            expected[outside] = model.predict(features["train"][outside].astype(float))
        np.testing.assert_array_equal(made[2][f"train-by-{by}"].predicted, expected)
    model.fit(features["train"].astype(float), train.labels)
    np.testing.assert_array_equal(made[2]["test1"].predicted, model.predict(features["test1"].astype(float)))


@pytest.mark.parametrize(
    "places, rungs",
    [
        ({"plate": None, "well": None}, ["cell"]),
        ({"well": None}, ["cell", "plate"]),
        ({"plate": "train-0"}, ["cell", "well"]),
        ({"plate": "train-0", "well": "A01"}, ["cell"]),
    ],
    ids=["nothing known", "plates alone", "a class on one plate", "a class in one well"],
)
def test_a_rung_that_cannot_be_had_is_left_out_and_no_other(made_up, places, rungs):
    release, features = made_up
    train = release["train"]
    parts = {by: to and np.where(train.labels == 0, to, getattr(train, by)) for by, to in places.items()}
    release["train"] = dataclasses.replace(train, **parts)
    made = ladder(release, features)
    assert made and all(list(row) == [*(f"train-by-{rung}" for rung in rungs), "test1"] for row in made)


def test_a_small_training_set_has_fewer_settings_and_a_class_with_a_single_cell_leaves_no_ladder():
    features = {"train": np.random.default_rng(0).normal(size=(16, 2))}
    made = ladder({"train": split(np.arange(16) % 2)}, features)
    assert [row["train-by-cell"].setting for row in made] == [1, 3, 5] and list(made[0]) == ["train-by-cell"]
    assert ladder({"train": split([*np.arange(15) % 2, 2])}, features) == []


def test_processes_say_what_one_core_says(made_up, monkeypatch):
    release, features = made_up
    alone = ladder(release, features, "l1-lr")
    monkeypatch.setattr(leakage, "LARGE", 0)
    for one, other in zip(alone, ladder(release, features, "l1-lr", representation="other"), strict=True):
        assert list(one) == list(other)
        for column, predictions in one.items():
            np.testing.assert_array_equal(predictions.predicted, other[column].predicted)


# Made once


@pytest.fixture
def fits(monkeypatch):
    """List the fits that are made from now on."""
    made, real = [], leakage.fit_predict_grid
    monkeypatch.setattr(leakage, "fit_predict_grid", lambda *arguments: made.append(1) or real(*arguments))
    return made


def test_a_ladder_is_made_once_and_again_when_a_file_is_lost_or_the_code_changes(made_up, fits, monkeypatch):
    made = ladder(*made_up)
    changes = {
        "nothing": lambda: None,
        "a file": lambda: next((RUN.folder / "predictions").iterdir()).unlink(),
        "the code": lambda: monkeypatch.setattr(store, "code_key", lambda *_: "another"),
    }
    for what, change in changes.items():
        fits.clear()
        change()
        for one, other in zip(made, ladder(*made_up), strict=True):
            assert_same(one, other)
        assert bool(fits) == (what != "nothing")


OTHERS = [{"seed": 1}, {"representation": "vgg16"}, {"classifier": "l1-lr"}, {"run": Run("b", "smoke", {})}]


@pytest.mark.parametrize("change", [*CHANGES.values(), *OTHERS], ids=[*CHANGES, *map(str, OTHERS)])
def test_a_ladder_is_remade_when_the_data_or_the_settings_change(made_up, fits, change):
    release, features = made_up
    ladder(release, features)
    fits.clear()
    if callable(change):
        change(release, features)
    made = ladder(release, features, **({} if callable(change) else change))
    assert fits
    for p in (p for row in made for p in row.values()):
        np.testing.assert_array_equal(p.labels, release[p.split].labels)


# The choice


@pytest.mark.parametrize("classifier", leakage.SETTINGS)
def test_the_setting_with_the_lowest_error_on_a_rung_is_chosen_and_no_test_cell_has_a_part_in_it(made_up, classifier):
    release, features = made_up
    made = ladder(release, features, classifier)
    rng = np.random.default_rng(1)
    features["test1"] = rng.normal(size=features["test1"].shape).astype("f4") * 50
    release["test1"] = dataclasses.replace(release["test1"], labels=rng.permutation(release["test1"].labels))
    again = ladder(release, features, classifier)
    assert any((a["test1"].predicted != b["test1"].predicted).any() for a, b in zip(made, again, strict=True))
    for rung in (f"train-by-{by}" for by in leakage.RUNGS):
        best = int(np.argmin([metrics.balanced_error(row[rung].labels, row[rung].predicted) for row in made]))
        assert leakage.chosen(made, rung) is made[best] and leakage.chosen(again, rung) is again[best]


@pytest.mark.parametrize("well", [1.0, 0.0], ids=["wells differ", "wells are alike"])
def test_cells_leak_what_wells_keep_where_wells_differ(well):
    """Fresh wells tell which rung was right: that which keeps wells whole."""
    errors = {"train-by-cell": [], "train-by-well": [], "test1": []}
    for seed in range(6):
        fresh = plates_of(10, plates=6, each=3, name="test1", seed=seed)
        release = {"train": plates_of(8, each=5, seed=seed), "test1": fresh}
        gap = 0.8 if well else 0.25
        features = {name: features_of(cells, well, gap, seed=seed) for name, cells in release.items()}
        made = ladder(release, features)
        best = leakage.chosen(made, "train-by-cell") if well else made[2]
        for name, of in errors.items():
            of.append(metrics.balanced_error(best[name].labels, best[name].predicted))
    by_cell, by_well, fresh = (np.mean(of) for of in errors.values())
    assert by_well == pytest.approx(fresh, abs=0.05) and 0.05 < fresh < 0.7
    assert by_cell < fresh - 0.3 if well else by_cell == pytest.approx(by_well, abs=0.03)
