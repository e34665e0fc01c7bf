"""What must hold of a score: the chapters' numbers, whatever form the predictions come in; and it fits into JSON."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import write_release
from made_results import RUN, features_of, kept_row, said
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

from coos_helpers import metrics, results, shift
from coos_helpers.data import open_release
from coos_helpers.metrics import wells
from coos_helpers.results import leakage, measures, pack
from coos_helpers.results.brought import brought

TESTS = ["test1", "test2", "test3", "test4"]


@pytest.fixture
def release(tmp_path):
    """Hold a release of 42 cells a split, in which test3 and test4 have plates of their own."""
    release = open_release(write_release(tmp_path / "release", n=42))
    for name in ("test3", "test4"):
        plate = np.char.add(name, release[name].plate)
        release[name] = dataclasses.replace(release[name], plate=plate)
    return release


def score(predictions, release, **options):
    return results.score(predictions, release, **{"name": "mine", "sees": "nothing", "baseline": None} | options)


def without_date(made):
    return made | {"about": {key: value for key, value in made["about"].items() if key != "date"}}


def frame_of(row):
    """Write a chapter's predictions as a table, scores in single precision."""
    tables = []
    for name, p in row.items():
        table = pd.DataFrame({"split": name, "cell": range(len(p.labels)), "predicted": p.predicted})
        for k, kind in enumerate(p.class_names if p.scores is not None else ()):
            table[f"score_{kind}"] = p.scores[:, k]
        tables.append(table)
    return pd.concat(tables)


def test_a_table_of_chapter_02s_predictions_gives_the_chapters_numbers_to_the_last_digit(release, tmp_path):
    """Held-out plates included: rows of the split train-by-plate stand for the chapter's ladder."""
    features = features_of(release)
    row = results.evaluate_classifier(RUN, release, features, "texture", "l1-lr")
    ladder = leakage.ladder(RUN, release, features, "texture", "l1-lr", progress=False)
    by_plate = leakage.chosen(ladder, "train-by-plate")["train-by-plate"]
    held_out = pd.DataFrame({"split": "train-by-plate", "cell": range(42), "predicted": by_plate.predicted})
    frame_of(row).to_csv(tmp_path / "mine.csv", index=False)
    alone = score(tmp_path / "mine.csv", release)
    frame = pd.concat([frame_of(row).drop(columns=[c for c in frame_of(row) if c.startswith("score")]), held_out])
    for made, ladders in ((alone, ()), (score(frame, release), [ladder])):
        errors = results.error_table([row])
        for name in TESTS:
            of = made["splits"][name]["balanced_error"]
            value, *ends = results.method_intervals([row], name, ladders=ladders)
            assert of["value"] == errors[name][0] == pytest.approx(value)
            assert [of["other_wells"], of["another_plate"]] == [list(measures.plain(end) or []) or None for end in ends]
    p, of = row["test3"], alone["splits"]["test3"]
    about = p.labels, p.predicted, p.scores
    assert of["confusion"] == metrics.confusion_matrix(*about[:2], 7).tolist()
    assert of["calibration"]["error"] == 100 * metrics.expected_calibration_error(*about)
    low, high = 100 * metrics.calibration_intervals(*about, p.well)[0]
    assert of["calibration"]["interval"] == [low, high]
    assert of["worst_class"]["by_chance"] == 100 * wells.worst_class_by_chance(*about[:2], p.well)
    assert of["worst_class"]["error"] == pytest.approx(100 - 100 * min(metrics.sensitivities(*about[:2], 7)))
    assert [one["interval"] for one in of["sensitivities"]] == [
        measures.plain(tuple(ends)) for ends in 100 * metrics.sensitivity_intervals(*about[:2], 7, p.well)
    ]
    answered = {one["answered"]: one["right"] for one in of["selective_accuracy"]}
    assert answered[100] == pytest.approx(100 * np.mean(p.labels == p.predicted))
    pairs = [(one["first"], one["second"]) for one in alone["differences"]]
    assert pairs == [("test1", name) for name in TESTS[1:]]
    test = shift.difference_test(row["test1"], row["test4"])
    assert alone["differences"][pairs.index(("test1", "test4"))]["adjusted"] == measures.plain(test.adjusted)


def test_the_form_of_predictions_and_missing_training_rows_change_nothing(release):
    release = {name: release[name] for name in ("train", "test1", "test3")}
    row = kept_row(RUN, release, right=3)
    expected = without_date(score(row, release))
    forms = {
        "scores": {name: p.scores for name, p in row.items()},
        "both": {name: (p.predicted, p.scores) for name, p in row.items()},
        "table": frame_of(row),
    }
    for form, given in forms.items():
        assert without_date(score(given, release)) == expected, form
    names = {name: [p.class_names[k] for k in p.predicted] for name, p in row.items() if name != "train"}
    fewer = score(names, release)
    for name in ("test1", "test3"):
        assert fewer["splits"][name] == expected["splits"][name] | {"calibration": None, "selective_accuracy": None}
    assert list(fewer["splits"]) == ["test1", "test3"] and fewer["differences"] == expected["differences"]


def test_it_is_json_without_nan_and_says_what_is_missing(release):
    row = kept_row(RUN, release, right=3)
    one = {"test1": row["test1"], "test3": row["test3"]}
    made = score(one, release, sees="plate")
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert made["about"]["sees"] == {"level": 3, "code": "plate", "words": "the unlabelled plate"}
    notes = " ".join(made["about"]["notes"])
    assert "test2 was not predicted" in notes and "train" not in notes
    assert len(made["differences"]) == 1 and made["baseline"] is None


def test_the_difference_to_a_baseline_is_paired_by_cell(release, tmp_path):
    mine, other = kept_row(RUN, release, right=3), kept_row(RUN, release, "texture", "l1-lr", seed=1, right=2)
    made = score(mine, release, baseline=other)["baseline"]
    table = results.difference_table([([other], [mine])]).set_index("split")
    for name in TESTS:
        of = made["splits"][name]
        assert of["difference"] == table.loc[name, "other minus one"]
        assert "{:.1f} to {:.1f}".format(*of["other_wells"]) == table.loc[name, "other wells of these plates"]
    assert score(mine, release, baseline=mine)["baseline"]["splits"]["test1"]["other_wells"] == [0, 0]
    pack.write(brought(mine, release, "mine"), tmp_path / "mine.coos")
    with pytest.raises(ValueError, match="no row of Texture"):
        score(mine, release, baseline=tmp_path / "mine.coos")


def test_a_baseline_comes_from_a_pack_of_the_same_cells(release, tmp_path):
    mine, other = kept_row(RUN, release, right=3), kept_row(RUN, release, "texture", "l1-lr", seed=1, right=2)
    results.enter(RUN, release, "02-texture", table=[other])
    found = results.read.gather(RUN, release)
    pack.write(found, tmp_path / "run.coos")
    packed = score(mine, release, baseline=str(tmp_path / "run.coos"))["baseline"]
    given = score(mine, release, baseline=other)["baseline"]
    assert packed["splits"] == given["splits"] and packed["from"] == "from the pack run.coos"
    moved = release | {"test1": dataclasses.replace(release["test1"], labels=np.roll(release["test1"].labels, 1))}
    with pytest.raises(ValueError, match="other cells of test1"):
        score(mine, moved, baseline=tmp_path / "run.coos")


def test_the_baseline_is_made_of_the_release_and_kept(tmp_path):
    folder = write_release(tmp_path / "noise", ["train", "test1"], n=42)
    given = {"test1": open_release(folder)["test1"].labels}
    made = [results.score(given, folder, name="best", sees="labels", progress=False) for _ in range(2)]
    assert made[0]["baseline"] == made[1]["baseline"]
    of = made[0]["baseline"]["splits"]["test1"]
    assert of["difference"] == -of["error"] < 0 and made[0]["splits"]["test1"]["balanced_error"]["value"] == 0


def test_an_estimator_a_function_and_a_network_are_asked_in_batches(release, monkeypatch):
    monkeypatch.setattr("coos_helpers.results.answers.BATCH", 5)
    release = {name: release[name] for name in ("train", "test1")}
    train = release["train"]
    pixels = train.images[:].reshape(len(train), -1).astype(float)
    for model in (KNeighborsClassifier(3), LinearSVC(C=1e-12)):
        model.fit(pixels, [train.class_names[k] for k in train.labels])
        made = score(None, release, predict=model, progress=False)
        again = {n: model.predict(s.images[:].reshape(len(s), -1).astype(float)) for n, s in release.items()}
        expected = score(again, release)
        for name in release:
            assert made["splits"][name]["confusion"] == expected["splits"][name]["confusion"]
        assert (made["splits"]["test1"]["calibration"] is None) == isinstance(model, LinearSVC)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.BatchNorm1d(8192), torch.nn.Linear(8192, 7))
    made = score(None, release, predict=network, progress=False)
    assert network.training, "it is given back as it was"
    again = score(None, release, predict=lambda images: _softmax(network, images), progress=False)
    assert without_date(made) == without_date(again)
    assert made["splits"]["test1"]["calibration"] is not None
    classes = score(None, release, predict=lambda images: images[:, 0, 0, 0] % 7, progress=False)
    assert classes["splits"]["test1"]["cells"] == 43


def _softmax(network, images):
    with torch.no_grad():
        return network.eval()(torch.from_numpy(images.astype("f4"))).softmax(1).numpy()


@pytest.mark.parametrize(
    "predict, words",
    [
        (lambda images: np.zeros(len(images) + 1, int), "predict, of 42 images of train"),
        (lambda images: np.full((len(images), 7), np.nan), "NaN"),
        (lambda images: np.zeros((len(images), 6)), "7"),
        (lambda images: ["Nucleolus"] * len(images), "Nucleolus"),
        (lambda images: np.zeros(len(images)), "whole numbers"),
        (lambda images: (np.zeros(len(images), int), np.eye(7)[[1] * len(images)]), "predicted ER but"),
        (LogisticRegression().fit(np.eye(3), [0, 1, 2]), "3 features"),
        ("texture", "str"),
    ],
)
def test_what_a_classifier_gives_has_to_fit_the_images(release, predict, words):
    with pytest.raises(ValueError, match=words):
        score(None, release, predict=predict, progress=False)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"sees": "some"}, "sees: found 'some'"),
        ({"name": " "}, "name: found"),
        ({"predictions": {"test9": [0]}}, "test9"),
        ({"predictions": {}}, "expected a dict"),
        ({"predictions": {"train-by-plate": np.zeros(42, int)}}, "alone"),
        ({"predictions": {"test1": [0]}}, "test1"),
        ({"predictions": {"test1": np.full(43, 7)}}, "from 0 to 6"),
        ({"release": None}, "a release"),
        ({"predict": len}, "one of them"),
        ({"baseline": "nowhere.coos"}, "nowhere.coos"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_message(release, options, words):
    given = {"predictions": {"test1": release["test1"].labels}, "release": release} | options
    with pytest.raises(ValueError, match=words):
        score(**given)


def unplaced(split):
    return dataclasses.replace(split, plate=None, well=None)


EDGES = {
    "a class missing": lambda s: s.take(np.flatnonzero(s.labels != 2)),
    "one class": lambda s: s.take(np.flatnonzero(s.labels == 2)),
    "one well a class": lambda s: dataclasses.replace(s, well=s.labels.astype(str), plate=np.full(len(s), "p")),
    "no wells": unplaced,
}


@pytest.mark.parametrize("edge", EDGES.values(), ids=EDGES.keys())
@pytest.mark.parametrize("kind", ["some errors", "constant", "perfect"])
def test_edges_give_numbers_or_none_and_no_warning(release, edge, kind):
    release = {name: edge(release[name]) if name != "train" else release[name] for name in ("train", "test1", "test3")}
    given = {
        name: {"some errors": said(s.labels, right=2), "constant": np.zeros(len(s), int), "perfect": s.labels}[kind]
        for name, s in release.items()
    }
    made = score(given, release, baseline={name: p for name, p in kept_row(RUN, release).items()})
    json.dumps(made, allow_nan=False)
    for name in ("test1", "test3"):
        of, split = made["splits"][name], release[name]
        expected = 100 * metrics.balanced_error(
            split.labels, np.array(given[name]) if kind != "some errors" else given[name].argmax(1)
        )
        assert of["balanced_error"]["value"] == expected
        assert of["absent_classes"] == metrics.absent_classes(split.labels, split.class_names)
        assert all((one["value"] is None) == (one["cells"] == 0) for one in of["sensitivities"])
        if edge is unplaced:
            assert of["worst_well"] is None and of["balanced_error"]["another_plate"] is None
            assert any("No wells are known" in note for note in made["about"]["notes"])
        if edge is EDGES["one well a class"]:
            assert of["balanced_error"]["other_wells"] is None


@pytest.mark.parametrize("form", [np.log, lambda scores: 100 * scores], ids=["logits", "percent"])
def test_scores_that_are_no_probabilities_claim_nothing_and_are_packed_without(release, tmp_path, form):
    scores = said(release["test1"].labels)
    made = score({"test1": form(scores)}, release)
    expected = score({"test1": scores}, release)["splits"]["test1"]
    assert made["splits"]["test1"] == expected | {"calibration": None, "selective_accuracy": None}
    assert any(note.startswith("Of test1 the scores are no probabilities") for note in made["about"]["notes"])
    pack.write(brought({"test1": form(scores)}, release, "mine"), tmp_path / "mine.coos")
    assert pack.read(tmp_path / "mine.coos").table[0]["test1"].scores is None


def test_probabilities_may_be_rounded_to_two_decimals(release):
    scores = said(release["test1"].labels, right=3)
    rounded = np.round(scores, 2)
    assert np.abs(rounded.sum(1) - 1).max() > 5e-3
    made, exact = (score({"test1": (scores.argmax(1), s)}, release) for s in (rounded, scores))
    claimed = [one["splits"]["test1"]["calibration"]["mean_confidence"] for one in (made, exact)]
    assert claimed[0] == pytest.approx(claimed[1], abs=0.5)  # percent
    assert [note for note in made["about"]["notes"] if "rounded" in note] and "rounded" not in str(exact["about"])
    rounded[3] *= 0.9
    assert score({"test1": rounded}, release)["splits"]["test1"]["calibration"] is None


def test_a_pack_of_what_was_brought_gives_the_same_numbers(release, tmp_path):
    row = {name: p.scores for name, p in kept_row(RUN, release, right=3).items() if name != "train"}
    pack.write(brought(row, release, "mine"), tmp_path / "mine.coos")
    found = pack.read(tmp_path / "mine.coos")
    assert list(found.table[0]) == TESTS, "a training set that was not predicted is none"
    made = score(row, release)
    for name in TESTS:
        assert results.error_table(found.table)[name][0] == made["splits"][name]["balanced_error"]["value"]
