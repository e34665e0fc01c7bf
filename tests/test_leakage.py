"""What must hold of the leakage ladder: folds that keep whole what they say, and a choice that no test cell sees."""

import dataclasses
import warnings

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from coos_helpers import data, leakage, metrics, predictions, store
from coos_helpers.lasso import L1LogisticRegression
from coos_helpers.profiles import Run

RUN = Run("made-up", "smoke", {"scale": 1, "draws": 2})


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


def ladder(release, features, classifier="knn", **options):
    options = {"seed": 0, "representation": "texture", "run": RUN} | options
    return leakage.ladder(
        options["run"], release, features, options["representation"], classifier, options["seed"], False
    )


def groups_of(cells, by):
    return {"cell": np.arange(len(cells)), "well": cells.well_ids, "plate": cells.plate}[by]


# Folds


@pytest.mark.parametrize("by", leakage.RUNGS)
@pytest.mark.parametrize("n, seed", [(2, 0), (3, 1), (5, 2)])
def test_folds_keep_whole_what_they_say_and_ask_every_cell_once(by, n, seed):
    cells = plates_of(3, seed=seed)
    cut = leakage.folds(cells, by, n, seed)
    assert len(cut) == n
    groups = groups_of(cells, by)
    for inside, outside in cut:
        assert not set(groups[inside]) & set(groups[outside])
        assert sorted([*inside, *outside]) == list(range(len(cells)))
    assert sorted(np.concatenate([outside for _, outside in cut])) == list(range(len(cells)))


@pytest.mark.parametrize("by", leakage.RUNGS)
@pytest.mark.parametrize("seed", range(5))
def test_each_fold_has_each_class_in_proportion_where_places_allow_it(by, seed):
    cells = plates_of(5, seed=seed)  # of each class 5 plates, 25 wells, 100 cells
    for inside, outside in leakage.folds(cells, by, 5, seed):
        assert np.bincount(cells.labels[outside]).tolist() == [20, 20, 20]
        assert np.bincount(cells.labels[inside]).tolist() == [80, 80, 80]


@pytest.mark.parametrize("by", leakage.RUNGS)
@pytest.mark.parametrize("seed", range(10))
def test_every_fold_learns_every_class_where_wells_are_uneven(by, seed):
    """Two plates a class, each class on plates of its own, and wells with few cells or many."""
    rng = np.random.default_rng(seed)
    place = [(k, p, w) for k in range(7) for p in range(2) for w in range(3) for _ in range(rng.integers(1, 12))]
    cells = split([k for k, _, _ in place], [f"{k}-{p}" for k, p, _ in place], [f"A{w}" for _, _, w in place])
    for inside, outside in leakage.folds(cells, by, leakage.n_folds(cells), seed):
        assert set(cells.labels[inside]) == set(range(7)) and len(outside)


def test_no_fold_leaves_a_class_out_of_what_is_learned():
    """The first class lies on plates 0 and 1, the second on all three: if 0 and 1 are not parted, there is no rung."""
    place = [(0, 0)] + [(0, 1)] * 5 + [(1, 0)] * 3 + [(1, 1)] + [(1, 2)] * 4
    cells = split([k for k, _ in place], [p for _, p in place])
    for seed in range(6):
        for inside, _ in leakage.folds(cells, "plate", leakage.n_folds(cells), seed) or ():
            assert set(cells.labels[inside]) == {0, 1}


def test_another_seed_cuts_other_folds_and_the_same_seed_the_same():
    cells = plates_of(3)
    for by in leakage.RUNGS[:2]:
        one, same, other = (leakage.folds(cells, by, 5, seed)[0][1].tolist() for seed in (0, 0, 1))
        assert one == same != other


def test_wells_of_one_name_on_two_plates_are_two():
    cells = split(np.tile([0, 1], 20), np.repeat(["p", "q", "r", "s"], 10), ["A01"] * 40)
    for inside, outside in leakage.folds(cells, "well", 4):
        assert len(outside) == 10 and len(inside) == 30


@pytest.mark.parametrize(
    "cells, lacking",
    [
        (split(np.arange(40) % 2), {"well", "plate"}),
        (split(np.arange(40) % 2, well=np.arange(40) // 4), {"well", "plate"}),
        (split(np.arange(40) % 2, plate=np.arange(40) // 4), {"well"}),
        (split(np.arange(40) % 2, np.arange(40) // 20, np.arange(40) // 4), {"plate"}),
        (split(np.arange(40) % 2, np.arange(40) // 20, np.arange(40) // 20), {"plate", "well"}),
        (split(np.arange(40) // 36, np.arange(40) // 4, np.arange(40)), {"plate"}),
    ],
    ids=["nothing known", "wells alone", "plates alone", "two plates", "two plates, two wells", "a class on one plate"],
)
def test_there_are_no_folds_where_places_are_unknown_or_too_few(cells, lacking):
    assert {by for by in leakage.RUNGS[1:] if leakage.folds(cells, by, 3) is None} == lacking


@pytest.mark.parametrize(
    "cells, n",
    [
        (plates_of(2, plates=7), 5),
        (plates_of(2, plates=4), 4),
        (plates_of(2, plates=2), 2),
        (split(np.arange(40) % 2), 5),
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
            assert all(len(cut) == n for by in leakage.RUNGS if (cut := leakage.folds(cells, by, n)))


# What a classifier says


@pytest.mark.parametrize("d", [3, 40])
@pytest.mark.parametrize("names", [(0, 1, 2), (2, 5, 9), (4, 1)], ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_guesses_are_those_of_the_nearest_neighbours_for_every_number_of_them(d, names, seed):
    rng = np.random.default_rng(seed)
    labels = rng.choice(names, 140)
    points = rng.normal(size=(140, d)) * rng.uniform(0.1, 100, d) + labels[:, None] + 1000
    asked = [rng.normal(size=(n, d)) * 20 + rng.choice(names, n)[:, None] + 1000 for n in (70, 1)]
    settings = leakage.SETTINGS["knn"]
    guessed = leakage.guess("knn", settings, points.astype("f4"), labels, [one.astype("f4") for one in asked])
    assert [one.shape for one in guessed] == [(6, 70), (6, 1)] and all(one.dtype == np.int64 for one in guessed)
    for number, k in enumerate(settings):
        model = make_pipeline(StandardScaler(), KNeighborsClassifier(k))
        model.fit(points.astype("f4").astype(float), labels)
        for one, answers in zip(asked, guessed, strict=True):
            np.testing.assert_array_equal(answers[number], model.predict(one.astype("f4").astype(float)))


@pytest.mark.parametrize("names", [(0, 1, 2), (2, 5, 9), (4, 1)], ids=str)
def test_guesses_are_those_of_logistic_regression_for_every_strength_of_the_penalty(names):
    rng = np.random.default_rng(0)
    labels = rng.choice(names, 150)
    points = (rng.normal(size=(150, 6)) + labels[:, None] * rng.normal(size=6) / 3).astype("f4")
    asked = (rng.normal(size=(80, 6)) + rng.choice(names, 80)[:, None] / 3).astype("f4")
    settings = leakage.SETTINGS["l1-lr"]
    (guessed,) = leakage.guess("l1-lr", settings, points, labels, [asked])
    assert guessed.shape == (4, 80) and guessed.dtype == np.int64 and len(np.unique(guessed, axis=0)) > 1
    for answers, strength in zip(guessed, settings, strict=True):
        model = make_pipeline(StandardScaler(), L1LogisticRegression(C=strength)).fit(points.astype(float), labels)
        np.testing.assert_array_equal(answers, model.predict(asked.astype(float)))


def test_where_there_are_fewer_cells_than_neighbours_all_are_asked():
    points, labels = np.arange(5.0)[:, None], np.array([3, 3, 3, 8, 8])
    (guessed,) = leakage.guess("knn", (1, 21), points, labels, [points])
    assert guessed.tolist() == [[3, 3, 3, 8, 8], [3, 3, 3, 3, 3]]


# The ladder


@pytest.mark.parametrize(
    "classifier, names", [("knn", ["1", "3", "5", "11", "21", "51"]), ("l1-lr", ["0.001", "0.01", "0.1", "1"])]
)
def test_every_setting_has_every_rung_and_every_test_set(made_up, classifier, names):
    release, features = made_up
    made = ladder(release, features, classifier)
    assert [of["test1"].classifier for of in made] == [f"{classifier}-{name}" for name in names]
    for by_split in made:
        assert list(by_split) == ["train-by-cell", "train-by-well", "train-by-plate", "test1"]
        for name, p in by_split.items():
            cells = release[name if name == "test1" else "train"]
            assert (p.split, p.representation, p.scores, p.class_names) == (name, "texture", None, cells.class_names)
            np.testing.assert_array_equal(p.labels, cells.labels)
            np.testing.assert_array_equal(p.well, cells.well_ids)
            np.testing.assert_array_equal(p.plate, cells.plate)
            assert p.predicted.dtype == np.int64 and set(p.predicted) <= {0, 1, 2}


def test_a_rung_is_what_models_of_the_other_folds_say(made_up):
    release, features = made_up
    made, train = ladder(release, features), release["train"]
    for by in leakage.RUNGS:
        expected = np.full(len(train), -1)
        for inside, outside in leakage.folds(train, by, 5, 0):
            model = make_pipeline(StandardScaler(), KNeighborsClassifier(5))
            model.fit(features["train"][inside].astype(float), train.labels[inside])
            expected[outside] = model.predict(features["train"][outside].astype(float))
        np.testing.assert_array_equal(made[2][f"train-by-{by}"].predicted, expected)
    model = make_pipeline(StandardScaler(), KNeighborsClassifier(5)).fit(features["train"].astype(float), train.labels)
    np.testing.assert_array_equal(made[2]["test1"].predicted, model.predict(features["test1"].astype(float)))


@pytest.mark.parametrize(
    "forget, rungs",
    [
        (("plate", "well"), ["train-by-cell", "test1"]),
        (("well",), ["train-by-cell", "train-by-plate", "test1"]),
        ((), ["train-by-cell", "train-by-well", "train-by-plate", "test1"]),
    ],
    ids=["nothing known", "plates alone", "both known"],
)
def test_rungs_that_cannot_be_had_are_left_out(made_up, forget, rungs):
    release, features = made_up
    release["train"] = dataclasses.replace(release["train"], **dict.fromkeys(forget))
    assert all(list(by_split) == rungs for by_split in ladder(release, features))


@pytest.mark.parametrize("by", ["plate", "well"])
def test_a_class_that_lies_in_one_place_costs_that_rung_and_no_other(made_up, by):
    release, features = made_up
    train = release["train"]
    first = train.labels == 0
    places = {"plate": np.where(first, "train-0", train.plate)}
    if by == "well":
        places["well"] = np.where(first, "A01", train.well)
    release["train"] = dataclasses.replace(train, **places)
    made = ladder(release, features)
    assert made and "train-by-cell" in made[0] and "test1" in made[0] and "train-by-plate" not in made[0]
    assert ("train-by-well" in made[0]) == (by == "plate")


def test_a_class_with_a_single_cell_leaves_no_ladder(made_up):
    release, features = made_up
    labels = np.where(release["train"].labels == 2, 1, release["train"].labels)
    labels[0] = 2
    release["train"] = split(labels)
    assert ladder(release, features) == []


def test_a_release_without_test_sets_has_its_rungs(made_up):
    release, features = made_up
    made = ladder({"train": release["train"]}, {"train": features["train"]})
    assert list(made[0]) == ["train-by-cell", "train-by-well", "train-by-plate"]


def test_no_more_neighbours_are_asked_than_half_the_cells():
    train = split(np.arange(16) % 2)
    made = ladder({"train": train}, {"train": np.random.default_rng(0).normal(size=(16, 2))})
    assert [of["train-by-cell"].classifier for of in made] == ["knn-1", "knn-3", "knn-5"]


# Made once


def no_more_guesses(monkeypatch):
    monkeypatch.setattr(leakage, "guess", lambda *_: pytest.fail("fitted again"))


def count_guesses(monkeypatch):
    fits, real = [], leakage.guess
    monkeypatch.setattr(leakage, "guess", lambda *arguments: fits.append(1) or real(*arguments))
    return fits


def test_a_ladder_is_made_once_and_read_the_second_time(made_up, monkeypatch):
    made = ladder(*made_up)
    no_more_guesses(monkeypatch)
    again = ladder(*made_up)
    for one, other in zip(made, again, strict=True):
        assert list(one) == list(other)
        for name in one:
            for field in dataclasses.fields(predictions.Predictions):
                np.testing.assert_array_equal(getattr(one[name], field.name), getattr(other[name], field.name))


def change_features(release, features):
    features["train"] = features["train"] + np.arange(5, dtype="f4") / 10


def change_test_features(release, features):
    features["test1"] = features["test1"][::-1].copy()


def change_labels(release, features):
    release["train"] = dataclasses.replace(release["train"], labels=np.roll(release["train"].labels, 1))


def change_test_labels(release, features):
    release["test1"] = dataclasses.replace(release["test1"], labels=np.roll(release["test1"].labels, 1))


def change_wells(release, features):
    release["train"] = dataclasses.replace(release["train"], well=release["train"].well[::-1].copy())


def forget_places(release, features):
    release["train"] = dataclasses.replace(release["train"], well=None, plate=None)


CHANGES = [change_features, change_test_features, change_labels, change_test_labels, change_wells, forget_places]


@pytest.mark.parametrize("change", CHANGES)
def test_a_ladder_is_remade_when_the_data_change(made_up, monkeypatch, change):
    release, features = made_up
    ladder(release, features)
    fits = count_guesses(monkeypatch)
    change(release, features)
    made = ladder(release, features)
    assert fits
    for by_split in made:
        for name, p in by_split.items():
            np.testing.assert_array_equal(p.labels, release[name if name == "test1" else "train"].labels)


@pytest.mark.parametrize(
    "options",
    [{"seed": 1}, {"representation": "vgg16"}, {"classifier": "l1-lr"}, {"run": Run("b", "smoke", {})}],
    ids=str,
)
def test_a_ladder_is_remade_when_the_settings_change(made_up, monkeypatch, options):
    ladder(*made_up)
    fits = count_guesses(monkeypatch)
    ladder(*made_up, **options)
    assert fits


def test_a_ladder_is_remade_when_the_code_changes_or_a_file_is_lost(made_up, monkeypatch):
    made = ladder(*made_up)
    fits = count_guesses(monkeypatch)
    next(iter((RUN.folder / "predictions").iterdir())).unlink()
    again = ladder(*made_up)
    assert fits and all(
        np.array_equal(one[s].predicted, other[s].predicted)
        for one, other in zip(made, again, strict=True)
        for s in one
    )
    fits.clear()
    monkeypatch.setattr(store, "code_key", lambda *_: "another")
    ladder(*made_up)
    assert fits


# The choice


def test_the_setting_with_the_lowest_error_on_a_rung_is_chosen(made_up):
    made = ladder(*made_up)
    for by in leakage.RUNGS:
        errors = [metrics.balanced_error(s[f"train-by-{by}"].labels, s[f"train-by-{by}"].predicted) for s in made]
        assert leakage.chosen(made, f"train-by-{by}") is made[int(np.argmin(errors))]


@pytest.mark.parametrize("classifier", leakage.SETTINGS)
def test_no_test_cell_has_a_part_in_the_choice(made_up, classifier):
    release, features = made_up
    made = ladder(release, features, classifier)
    rng = np.random.default_rng(1)
    features["test1"] = rng.normal(size=features["test1"].shape).astype("f4") * 50
    release["test1"] = dataclasses.replace(release["test1"], labels=rng.permutation(release["test1"].labels))
    again = ladder(release, features, classifier)
    for by in leakage.RUNGS:
        rung = f"train-by-{by}"
        one, other = (leakage.chosen(of, rung)[rung].classifier for of in (made, again))
        assert one == other
        for a, b in zip(made, again, strict=True):
            np.testing.assert_array_equal(a[rung].predicted, b[rung].predicted)
    assert any((a["test1"].predicted != b["test1"].predicted).any() for a, b in zip(made, again, strict=True))


def test_cells_leak_what_wells_keep_where_wells_differ():
    """Fresh wells tell which rung was right: that which keeps wells whole."""
    errors = {"train-by-cell": [], "train-by-well": [], "test1": []}
    for seed in range(6):
        fresh = plates_of(10, plates=6, each=3, name="test1", seed=seed)
        release = {"train": plates_of(8, each=5, seed=seed), "test1": fresh}
        features = {name: features_of(cells, well=1.0, gap=0.8, seed=seed) for name, cells in release.items()}
        best = leakage.chosen(ladder(release, features), "train-by-cell")
        for name, of in errors.items():
            of.append(metrics.balanced_error(best[name].labels, best[name].predicted))
    by_cell, by_well, fresh = (np.mean(of) for of in errors.values())
    assert by_cell < fresh - 0.3 and by_well == pytest.approx(fresh, abs=0.05)


def test_cells_leak_nothing_where_wells_are_alike():
    release = {"train": plates_of(4, each=10), "test1": plates_of(8, each=5, name="test1")}
    features = {name: features_of(cells, well=0.0, gap=0.25) for name, cells in release.items()}
    made = ladder(release, features)[2]
    by_cell, by_well, fresh = (
        metrics.balanced_error(made[s].labels, made[s].predicted) for s in ("train-by-cell", "train-by-well", "test1")
    )
    assert by_cell == pytest.approx(by_well, abs=0.05) and by_well == pytest.approx(fresh, abs=0.07)
    assert 0.05 < fresh < 0.6
