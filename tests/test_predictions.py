"""What must hold of predictions: made once, remade when anything behind them changes, never read half."""

import dataclasses

import numpy as np
import pytest
from conftest import write_release
from sklearn.metrics import balanced_accuracy_score

from coos_helpers import classifiers, metrics, predictions, store
from coos_helpers.data import open_release
from coos_helpers.profiles import Run

RUN = Run("made-up", "smoke", {"scale": 1, "draws": 2})


@pytest.fixture
def made_up(tmp_path):
    """Hold a release of 42 cells a split, and features of 7 overlapping classes."""
    release = open_release(write_release(tmp_path / "release", n=42))
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 1.5, (7, 5))
    features = {name: (centres[s.labels] + rng.normal(size=(len(s), 5))).astype("f4") for name, s in release.items()}
    return release, features


def evaluate(release, features, classifier="knn", run=RUN, representation="texture", draws=2, seed=0):
    return predictions.evaluate(run, release, features, representation, classifier, draws, seed)


def no_more_fits(monkeypatch):
    monkeypatch.setattr(classifiers, "fit", lambda *_, **__: pytest.fail("fitted again"))


def count_fits(monkeypatch):
    fits, real = [], classifiers.fit
    monkeypatch.setattr(classifiers, "fit", lambda *args, **options: fits.append(1) or real(*args, **options))
    return fits


def assert_equal(one, other):
    for field in dataclasses.fields(predictions.Predictions):
        a, b = getattr(one, field.name), getattr(other, field.name)
        np.testing.assert_array_equal(a, b, err_msg=field.name)
        if isinstance(a, np.ndarray):
            assert a.dtype == b.dtype
        else:
            assert type(a) is type(b), field.name


@pytest.mark.parametrize("classifier", ["knn", "l1-lr"])
def test_predictions_hold_what_a_model_of_the_training_set_says(made_up, classifier):
    release, features = made_up
    made = evaluate(release, features, classifier)
    assert list(made) == list(release)
    model = classifiers.fit(classifier, features["train"], release["train"].labels)
    for name, split in release.items():
        p = made[name]
        assert (p.representation, p.classifier, p.split, p.profile, p.seed) == ("texture", classifier, name, "smoke", 0)
        assert (p.class_names, p.source) == (split.class_names, split.source)
        np.testing.assert_array_equal(p.labels, split.labels)
        np.testing.assert_array_equal(p.predicted, model.predict(features[name]))
        np.testing.assert_allclose(p.scores, model.predict_proba(features[name]), rtol=1e-6)
        np.testing.assert_array_equal(p.plate, split.plate)
        np.testing.assert_array_equal(p.well, split.well_ids)
        assert (p.labels.dtype, p.predicted.dtype, p.scores.dtype) == (np.int64, np.int64, np.float32)


def test_predictions_are_made_once_and_read_the_second_time(made_up, monkeypatch):
    release, features = made_up
    made = evaluate(release, features)
    no_more_fits(monkeypatch)
    again = evaluate(release, features)
    assert list(again) == list(made)
    for name in made:
        assert_equal(made[name], again[name])


def change_features(release, features):
    features["train"] = features["train"] + np.float32(1e-3)


def change_test_features(release, features):
    features["test3"] = features["test3"][::-1].copy()


def change_labels(release, features):
    release["train"] = dataclasses.replace(release["train"], labels=np.roll(release["train"].labels, 1))


def change_wells(release, features):
    release["test1"] = dataclasses.replace(release["test1"], well=release["test1"].well[::-1].copy())


def forget_wells(release, features):
    release["test1"] = dataclasses.replace(release["test1"], well=None)


def change_plates(release, features):
    release["test1"] = dataclasses.replace(release["test1"], plate=release["test1"].plate[::-1].copy(), well=None)


def rename_a_class(release, features):
    names = ("endoplasmic reticulum", *release["train"].class_names[1:])
    for name, split in release.items():
        release[name] = dataclasses.replace(split, class_names=names)


def add_a_class(release, features):
    for name, split in release.items():
        release[name] = dataclasses.replace(split, class_names=(*split.class_names, "Nucleolus"))


def name_the_source(release, features):
    for name, split in release.items():
        release[name] = dataclasses.replace(split, source="another")


def drop_a_cell(release, features):
    split = release["test4"]
    release["test4"] = dataclasses.replace(
        split, labels=split.labels[1:], plate=split.plate[1:], well=split.well[1:], images=split.images[1:]
    )
    features["test4"] = features["test4"][1:]


@pytest.mark.parametrize(
    "change",
    [
        change_features,
        change_test_features,
        change_labels,
        change_wells,
        change_plates,
        forget_wells,
        rename_a_class,
        add_a_class,
        name_the_source,
        drop_a_cell,
    ],
)
def test_predictions_are_remade_when_the_data_change(made_up, monkeypatch, change):
    release, features = made_up
    evaluate(release, features)
    fits = count_fits(monkeypatch)
    change(release, features)
    made = evaluate(release, features)
    assert fits
    for name, split in release.items():
        np.testing.assert_array_equal(made[name].labels, split.labels)
        assert len(made[name].predicted) == len(split.labels)
        assert (made[name].well is None) == (split.well is None)
        assert (made[name].class_names, made[name].source) == (split.class_names, split.source)
        assert made[name].scores.shape == (len(split.labels), len(split.class_names))


@pytest.mark.parametrize(
    "options", [{"seed": 1}, {"draws": 3}, {"classifier": "l1-lr"}, {"representation": "vgg16"}], ids=str
)
def test_predictions_are_remade_when_the_settings_change(made_up, monkeypatch, options):
    evaluate(*made_up)
    fits = count_fits(monkeypatch)
    made = evaluate(*made_up, **options)
    assert fits
    (key, value), *_ = options.items()
    assert getattr(made["train"], key, value) == value


def test_predictions_are_remade_when_the_code_changes(made_up, monkeypatch):
    evaluate(*made_up)
    fits = count_fits(monkeypatch)
    monkeypatch.setattr(store, "code_key", lambda *_: "another")
    evaluate(*made_up)
    assert fits


def test_two_runs_do_not_share_predictions(made_up, monkeypatch):
    evaluate(*made_up)
    fits = count_fits(monkeypatch)
    evaluate(*made_up, run=Run("others", "smoke", {}))
    evaluate(*made_up, run=Run("made-up", "quick", {}))
    assert len(fits) == 2
    no_more_fits(monkeypatch)
    assert evaluate(*made_up)["train"].profile == "smoke"


def test_a_new_split_is_noticed(made_up):
    release, features = made_up
    some = {name: release[name] for name in ("train", "test1")}
    evaluate(some, features)
    assert list(evaluate(release, features)) == list(release)


def flip_in_the_middle(content):
    middle = len(content) // 2
    return content[:middle] + bytes(b ^ 0xFF for b in content[middle : middle + 40]) + content[middle + 40 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"no archive",
        lambda content: content[:40],
        lambda content: content[: len(content) // 2],
        lambda content: content[:-20],
        flip_in_the_middle,
        lambda content: content.replace(b"predicted", b"predictea"),
    ],
    ids=["empty", "text", "header only", "half", "cut at the end", "flipped bytes", "a part missing"],
)
def test_a_damaged_file_is_remade(made_up, damage):
    made = evaluate(*made_up)
    path = next(path for path in (RUN.folder / "predictions").iterdir() if "test2" in path.name)
    path.write_bytes(damage(path.read_bytes()))
    again = evaluate(*made_up)
    for name in made:
        assert_equal(made[name], again[name])
    assert_equal(predictions.load(path)[0], made["test2"])


def test_random_damage_is_either_harmless_or_remade(made_up):
    made = evaluate(*made_up)
    path = next(path for path in (RUN.folder / "predictions").iterdir() if "test2" in path.name)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(40):
        content = bytearray(whole)
        for at in rng.integers(0, len(content), 3):
            content[at] ^= 1 << rng.integers(8)
        path.write_bytes(content)
        for name, p in evaluate(*made_up).items():
            assert_equal(p, made[name])


def test_a_lost_file_is_remade(made_up):
    made = evaluate(*made_up)
    next(iter((RUN.folder / "predictions").iterdir())).unlink()
    again = evaluate(*made_up)
    for name in made:
        assert_equal(made[name], again[name])


@pytest.mark.parametrize("known", [(), ("plate",), ("plate", "well")])
def test_predictions_survive_storing(tmp_path, known):
    names = {key: np.array(["Plätte 1/A01", "B02"]) if key in known else None for key in ("plate", "well")}
    p = predictions.Predictions(
        representation="texture",
        classifier="rf",
        split="test1",
        labels=np.array([0, 1]),
        predicted=np.array([1, 1]),
        scores=np.array([[0.25, 0.75], [0, 1]], np.float32),
        class_names=("bud neck", "nucléole"),
        source="made up",
        profile="smoke",
        seed=3,
        **names,
    )
    predictions.save(p, tmp_path / "deep" / "p.npz", "key")
    read, made_by = predictions.load(tmp_path / "deep" / "p.npz")
    assert_equal(read, p)
    assert made_by == "key"


def test_a_release_without_places_gives_predictions_without_them(tmp_path, made_up):
    _, features = made_up
    release = open_release(write_release(tmp_path / "bare", n=42, with_places=False))
    for _ in range(2):
        for p in evaluate(release, features).values():
            assert p.plate is None and p.well is None


def test_a_split_that_lacks_classes_has_a_score_for_each_class(made_up):
    release, features = made_up
    keep = np.isin(release["test1"].labels, (1, 4))
    release["test1"] = dataclasses.replace(
        release["test1"], labels=release["test1"].labels[keep], plate=None, well=None
    )
    features["test1"] = features["test1"][keep]
    assert evaluate(release, features)["test1"].scores.shape == (keep.sum(), 7)


def test_the_table_of_errors_is_in_percent_with_a_row_for_each_model(made_up):
    one, other = evaluate(*made_up), evaluate(*made_up, classifier="l1-lr")
    table = predictions.errors([one, other])
    assert list(table.columns) == ["features", "model", "train", "test1", "test2", "test3", "test4"]
    assert table["features"].tolist() == ["texture", "texture"] and table["model"].tolist() == ["kNN", "L1 LR"]
    for row, made in enumerate((one, other)):
        for name, p in made.items():
            expected = 100 * (1 - balanced_accuracy_score(p.labels, p.predicted))
            assert table.loc[row, name] == pytest.approx(expected)
    assert 0 < table["test1"].min() and table["test1"].max() < 80


def test_the_table_names_a_classifier_of_another_kind_as_it_is(made_up):
    made = {name: dataclasses.replace(p, classifier="end-to-end") for name, p in evaluate(*made_up).items()}
    assert predictions.errors([made])["model"].tolist() == ["end-to-end"]


# A network that classifies by itself


def scores_of(release, seed=0):
    rng = np.random.default_rng(seed)
    return {name: rng.dirichlet(np.ones(7), len(split)).astype(np.float32) for name, split in release.items()}


def test_a_networks_own_scores_become_predictions(release):
    scores = scores_of(release)
    made = predictions.end_to_end(RUN, release, scores, "deeploc", seed=3)
    assert list(made) == list(release)
    for name, split in release.items():
        p = made[name]
        assert (p.representation, p.classifier, p.split, p.profile, p.seed) == (
            "deeploc",
            "end-to-end",
            name,
            "smoke",
            3,
        )
        assert (p.class_names, p.source) == (split.class_names, split.source)
        np.testing.assert_array_equal(p.scores, scores[name])
        np.testing.assert_array_equal(p.predicted, [max(range(7), key=row.__getitem__) for row in scores[name]])
        np.testing.assert_array_equal(p.labels, split.labels)
        np.testing.assert_array_equal(p.plate, split.plate)
        np.testing.assert_array_equal(p.well, split.well_ids)
        assert (p.labels.dtype, p.predicted.dtype, p.scores.dtype) == (np.int64, np.int64, np.float32)


def test_a_networks_predictions_lie_in_files_of_their_own(release, made_up):
    evaluate(*made_up, representation="deeploc")
    before = {path.name for path in (RUN.folder / "predictions").iterdir()}
    made = predictions.end_to_end(RUN, release, scores_of(release), "deeploc")
    after = {path.name: path for path in (RUN.folder / "predictions").iterdir()}
    assert len(after) == len(before) + 5
    for name in set(after) - before:
        read, _ = predictions.load(after[name])
        assert_equal(read, made[read.split])


def test_other_scores_replace_a_networks_predictions(release):
    keys = set()
    for seed in (0, 1):
        made = predictions.end_to_end(RUN, release, scores_of(release, seed), "deeploc")
        (path,) = (path for path in (RUN.folder / "predictions").iterdir() if "test2" in path.name)
        read, key = predictions.load(path)
        assert_equal(read, made["test2"])
        keys.add(key)
    assert len(keys) == 2


def test_a_network_stands_in_the_table_beside_the_classifiers(release, made_up):
    made = predictions.end_to_end(RUN, release, scores_of(release), "deeploc")
    table = predictions.errors([evaluate(*made_up), made])
    assert table["features"].tolist() == ["texture", "deeploc"]
    assert table["model"].tolist() == ["kNN", "end-to-end"]
    assert 60 < table.loc[1, "test1"] <= 100


# Intervals


def test_intervals_are_those_over_wells_in_percent_without_the_training_set(made_up):
    one, other = evaluate(*made_up), evaluate(*made_up, classifier="l1-lr")
    table = predictions.intervals([one, other])
    assert list(table.columns) == ["features", "model", "test1", "test2", "test3", "test4"]
    assert table["features"].tolist() == ["texture", "texture"] and table["model"].tolist() == ["kNN", "L1 LR"]
    for row, made in enumerate((one, other)):
        for name in ("test1", "test2", "test3", "test4"):
            p = made[name]
            found = [float(end) for end in table.loc[row, name].split(" to ")]
            expected = np.multiply(100, metrics.bootstrap_interval(p.labels, p.predicted, p.well))
            np.testing.assert_allclose(found, expected, atol=0.0501)
            assert found[0] <= 100 * metrics.balanced_error(p.labels, p.predicted) <= found[1]


def test_an_interval_is_unknown_where_every_class_has_one_well(made_up):
    made = evaluate(*made_up)
    alone = np.char.add("p/", made["test2"].labels.astype(str))
    made["test2"] = dataclasses.replace(made["test2"], well=alone)
    table = predictions.intervals([made])
    assert table.loc[0, "test2"] == "unknown" and " to " in table.loc[0, "test1"]


def test_where_no_wells_are_known_the_interval_is_over_cells(made_up):
    made = {name: dataclasses.replace(p, well=None) for name, p in evaluate(*made_up).items()}
    p = made["test3"]
    low, high = metrics.bootstrap_interval(p.labels, p.predicted)
    assert predictions.intervals([made]).loc[0, "test3"] == f"{100 * low:.1f} to {100 * high:.1f}"


def test_stored_predictions_are_read_back_whole_or_not_at_all(made_up):
    run, (release, _) = RUN, made_up
    made = evaluate(*made_up)
    again = predictions.stored(run, release, "texture", "knn")
    assert all(np.array_equal(again[name].scores, made[name].scores) for name in release)
    assert predictions.stored(run, release, "texture", "rf") is None


def test_intervals_say_what_they_draw(made_up):
    made = evaluate(*made_up)
    assert predictions.drawn([made]) == "wells"
    made["test2"] = dataclasses.replace(made["test2"], well=None)
    assert predictions.drawn([made]).startswith("cells")
