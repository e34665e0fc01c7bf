"""What must hold of results: what the chapters entered last is read, whole, and nothing that lies beside it."""

import dataclasses
import json

import numpy as np
import pytest
from conftest import write_release

from coos_helpers import confidence, leakage, metrics, predictions, profiles, rescale, results, shift
from coos_helpers.data import open_release

LADDER = ("knn-1", "knn-3")
RUNGS = ("train-by-cell", "train-by-well", "test1")


@pytest.fixture
def made_up(tmp_path):
    """Hold a run on a release of 42 cells a split and more."""
    return profiles.start(write_release(tmp_path / "release", n=42), "smoke")


def said(labels, seed=0, right=8.0):
    """Make up what a model says of some cells: (N, K) probabilities, the truth's the highest as a rule."""
    rng = np.random.default_rng([seed, len(labels)])
    odds = 4 * rng.normal(size=(len(labels), 7)) + right * np.eye(7)[labels]
    scores = np.exp(odds - odds.max(1, keepdims=True))
    return (scores / scores.sum(1, keepdims=True)).astype(np.float32)


def row(made_up, representation="texture", classifier="knn", **options):
    """Store predictions of every split, as a chapter does, and give them."""
    run, release = made_up
    made = {}
    for name, split in release.items():
        scores = said(split.labels, **options)
        made[name] = predictions.keep(run, split, representation, classifier, scores.argmax(1), scores, 0, "key")
    return made


def rung(made_up, representation="texture", names=LADDER, splits=RUNGS):
    """Store a ladder: predictions without scores, some of them of the training set under other names."""
    run, release = made_up
    made = []
    for seed, classifier in enumerate(names):
        cells = {name: release["train" if name.startswith("train") else name] for name in splits}
        predicted = {name: said(split.labels, seed).argmax(1) for name, split in cells.items()}
        keep = [(run, cells[s], representation, classifier, predicted[s], None, 0, "key", s) for s in splits]
        made.append({s: predictions.keep(*one) for s, one in zip(splits, keep, strict=True)})
    return made


def enter(made_up, chapter="02-texture", table=None, ladders=(), features=None, seed=0):
    table = [row(made_up)] if table is None else table
    results.enter(*made_up, chapter, table, ladders, features, seed)
    return table


def assert_same(one, other):
    assert list(one) == list(other)
    for name in one:
        for field in dataclasses.fields(predictions.Predictions):
            a, b = getattr(one[name], field.name), getattr(other[name], field.name)
            np.testing.assert_array_equal(a, b, err_msg=f"{name}, {field.name}")
            assert type(a) is type(b), field.name


def names(table):
    return [(p.representation, p.classifier) for p in (next(iter(by_split.values())) for by_split in table)]


# Entering and reading


def test_what_a_chapter_entered_is_read_back_whole(made_up):
    run, release = made_up
    features = {name: np.random.default_rng(0).normal(size=(len(s), 5)) for name, s in release.items()}
    table = [row(made_up), row(made_up, classifier="l1-lr", seed=1)]
    ladders = [rung(made_up), rung(made_up, names=("l1-lr-0.1", "l1-lr-1"))]
    enter(made_up, table=table, ladders=ladders, features={"texture": features}, seed=3)
    found = results.gather(run, release)
    assert len(found.table) == 2 and [len(ladder) for ladder in found.ladders] == [2, 2]
    pairs = [*zip(table, found.table, strict=True)]
    for ladder, read in zip(ladders, found.ladders, strict=True):
        pairs += zip(ladder, read, strict=True)
    for one, other in pairs:
        assert_same(one, other)
    assert found.class_names == release["train"].class_names and found.about["seed"] == 3
    assert found.caption == profiles.caption(run, release)


def test_some_cells_of_every_split_are_kept_as_points_in_half_precision(made_up):
    run, release = made_up
    features = {name: np.random.default_rng(0).normal(size=(len(s), 5)) for name, s in release.items()}
    enter(made_up, features={"texture": features}, seed=2)
    (read,) = results.gather(run, release).sketches.values()
    expected = shift.sketch(features, release, seed=2)
    assert list(read) == list(expected) == list(release)
    for name, sample in expected.items():
        np.testing.assert_allclose(read[name].points, sample.points, rtol=1e-3, atol=1e-6)
        np.testing.assert_array_equal(read[name].labels, sample.labels)
        np.testing.assert_array_equal(read[name].wells, sample.wells)
        assert read[name].points.dtype == np.float32 and read[name].labels.dtype == np.int64


def test_points_far_away_stay_finite(made_up):
    """A feature that hardly varies in the training set may be a hundred thousand standard deviations off elsewhere."""
    run, release = made_up
    features = {name: np.random.default_rng(0).normal(size=(len(s), 5)) for name, s in release.items()}
    features["test4"] = features["test4"] + 1e6
    enter(made_up, features={"texture": features})
    assert np.isfinite(results.gather(run, release).sketches["texture"]["test4"].points).all()


def test_a_release_without_wells_and_plates_is_entered_all_the_same(tmp_path):
    made_up = profiles.start(write_release(tmp_path / "bare", n=42, with_places=False), "smoke")
    features = {name: np.random.default_rng(0).normal(size=(len(s), 5)) for name, s in made_up[1].items()}
    (table,) = enter(made_up, features={"texture": features})
    found = results.gather(*made_up)
    assert_same(found.table[0], table)
    assert found.table[0]["test1"].well is None and found.sketches["texture"]["test1"].wells is None


def test_pictures_are_the_protein_of_the_cells_that_are_asked_for(made_up):
    run, release = made_up
    enter(made_up)
    images = results.gather(run, release).images("test3", np.array([4, 1, 4]))
    assert len(images) == 3
    for image, cell in zip(images, (4, 1, 4), strict=True):
        np.testing.assert_array_equal(image, rescale.percentile(release["test3"].images[cell][0]))
        assert image.shape == (64, 64) and image.min() == 0 and image.max() == 1


def test_what_is_not_entered_again_is_not_read(made_up):
    run, release = made_up
    both = [row(made_up), row(made_up, classifier="rf")]
    features = {name: np.random.default_rng(0).normal(size=(len(s), 5)) for name, s in release.items()}
    enter(made_up, table=both, ladders=[rung(made_up)], features={"texture": features})
    enter(made_up, table=both[:1])
    found = results.gather(run, release)
    assert names(found.table) == [("texture", "knn")] and found.ladders == [] and found.sketches == {}
    stale = {path.name for path in (run.folder / "predictions").iterdir()}
    assert "texture--rf--test1.npz" in stale and "texture--knn-1--train-by-cell.npz" in stale


def test_stored_predictions_that_no_chapter_entered_are_not_read(made_up):
    enter(made_up)
    row(made_up, "deeploc", "end-to-end")
    assert names(results.gather(*made_up).table) == [("texture", "knn")]


def test_a_chapter_replaces_its_own_entries_alone(made_up):
    enter(made_up, "03-vgg16", [row(made_up, "vgg16-conv4_1")])
    enter(made_up, "02-texture", [row(made_up)])
    enter(made_up, "03-vgg16", [row(made_up, "vgg16-conv4_2")])
    assert names(results.gather(*made_up).table) == [("texture", "knn"), ("vgg16-conv4_2", "knn")]


def test_the_rows_stand_in_the_papers_order_whatever_was_entered_first(made_up):
    """Table 3 has DeepLoc, Texture, PCI, VGG16; within each, the chapter's order stays."""
    rows = {
        "05-paired-cell-inpainting": [("pci-w0.125-conv4", "rf"), ("pci-w0.125-conv4", "knn"), ("pci-conv3", "knn")],
        "02-texture": [("texture", "knn"), ("mine", "l1-lr"), ("texture", "rf")],
        "04-deeploc": [("deeploc-w0.125", "end-to-end"), ("deeploc-w0.125-fc2", "knn")],
        "03-vgg16": [("vgg16-untrained-conv4_2", "knn")],
    }
    for chapter, of in rows.items():
        enter(made_up, chapter, [row(made_up, *name) for name in of])
    assert names(results.gather(*made_up).table) == [
        *rows["04-deeploc"],
        ("texture", "knn"),
        ("texture", "rf"),
        *rows["05-paired-cell-inpainting"],
        *rows["03-vgg16"],
        ("mine", "l1-lr"),
    ]


@pytest.mark.parametrize(
    "representation, family",
    [
        ("texture", "Texture"),
        ("texture-percentile", "Texture"),
        ("deeploc", "DeepLoc"),
        ("deeploc-w0.125-fc2", "DeepLoc"),
        ("pci-w0.125-conv4", "PCI"),
        ("vgg16-conv4_2", "VGG16"),
        ("vgg19-conv4_2", "vgg19-conv4_2"),
        ("mine", "mine"),
    ],
)
def test_a_representation_belongs_to_the_family_of_its_first_word(representation, family):
    assert results.family_of(representation) == family


def test_a_ladder_that_could_not_be_had_is_left_out(made_up):
    """What `leakage.ladder` gives where a class has a single cell is empty, and has no rung to draw."""
    enter(made_up, ladders=[[], rung(made_up)])
    assert [len(ladder) for ladder in results.gather(*made_up).ladders] == [2]


def test_read_takes_the_results_of_the_run_that_is_named(tmp_path):
    folder = write_release(tmp_path / "release", n=42)
    made_up = profiles.start(folder, "smoke")
    table = enter(made_up)
    assert_same(results.read(str(folder), "smoke").table[0], table[0])
    with pytest.raises(ValueError, match="profile 'quick'"):
        results.read(str(folder), "quick")


# What the results are about


def test_no_path_of_the_machine_is_kept(tmp_path):
    folder = tmp_path / "somewhere" / "COOS-7"
    write_release(folder, n=42)
    for data in (str(folder), f"{folder}/", str(folder / ".." / "COOS-7")):
        made_up = profiles.start(data, "smoke")
        enter(made_up, ladders=[rung(made_up)])
        about = results.gather(*made_up).about
        assert about["data"] == "COOS-7"
        assert not any(word in json.dumps(about) for word in ("somewhere", str(tmp_path), "/"))


def test_the_data_are_called_simulated_when_they_are(release):
    made_up = profiles.Run("simulated", "smoke", {"scale": 0.01, "draws": 2}), release
    enter(made_up, seed=4)
    about = results.gather(*made_up).about
    assert (about["data"], about["profile"], about["seed"]) == ("simulated", "smoke", 4)
    assert about["source"] == release["train"].source and about["settings"] == {"scale": 0.01, "draws": 2}
    assert {"python", "numpy", "torch", "coos-helpers"} <= set(about["versions"]) and about["made"] and about["machine"]


# What cannot be read


def test_where_nothing_was_entered_one_message_names_the_chapters_and_the_pack(made_up):
    row(made_up)
    run, _ = made_up
    with pytest.raises(ValueError, match="found no results .*; expected .*\\. Run .*PACK") as caught:
        results.read(run.data, "smoke")
    message = str(caught.value)
    assert all(chapter in message for chapter in results.CHAPTERS) and "'smoke'" in message and "\n" not in message


def test_where_nothing_was_entered_no_cells_are_simulated(monkeypatch):
    monkeypatch.setattr(profiles.simulate, "simulate", lambda *_, **__: pytest.fail("simulated"))
    with pytest.raises(ValueError, match="found no results"):
        results.read("simulated", "paper")


def text(content):
    return lambda whole: content.encode()


def edited(change):
    """Damage that leaves valid JSON behind."""

    def damage(whole):
        entry = json.loads(whole)
        change(entry)
        return json.dumps(entry).encode()

    return damage


ENTRIES = {
    "empty": text(""),
    "half": lambda whole: whole[: len(whole) // 2],
    "cut at the end": lambda whole: whole[:-1],
    "no text": lambda whole: b"\xff" + whole,
    "null": text("null"),
    "a list": text("[]"),
    "a number": text("3"),
    "an empty object": text("{}"),
    "no table": edited(lambda entry: entry.pop("table")),
    "no word on the run": edited(lambda entry: entry.pop("about")),
    "a row that is none": edited(lambda entry: entry.update(table=[1])),
    "a table that is none": edited(lambda entry: entry.update(table=None)),
    "another row": edited(lambda entry: entry["table"][0].__setitem__(1, "knm")),
    "another split": edited(lambda entry: entry["splits"].append("test9")),
}


@pytest.mark.parametrize("damage", ENTRIES.values(), ids=ENTRIES.keys())
def test_a_damaged_list_of_results_names_what_to_run_again(made_up, damage):
    enter(made_up)
    path = made_up[0].folder / "results" / "02-texture.json"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match="(texture.*[Rr]un (it|its chapter) again)") as caught:
        results.gather(*made_up)
    assert "\n" not in str(caught.value)


def flip_in_the_middle(content):
    middle = len(content) // 2
    return content[:middle] + bytes(b ^ 0xFF for b in content[middle : middle + 40]) + content[middle + 40 :]


FILES = {
    "gone": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("no archive"),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "cut at the end": lambda path: path.write_bytes(path.read_bytes()[:-30]),
    "flipped bytes": lambda path: path.write_bytes(flip_in_the_middle(path.read_bytes())),
    "other arrays": lambda path: np.savez(path, x=np.zeros(3)),
}


@pytest.mark.parametrize("damage", FILES.values(), ids=FILES.keys())
@pytest.mark.parametrize("file", ["texture--knn--test2", "texture--knn-3--train-by-well"])
def test_lost_or_damaged_predictions_name_what_to_run_again(made_up, file, damage):
    enter(made_up, ladders=[rung(made_up)])
    damage(made_up[0].folder / "predictions" / f"{file}.npz")
    with pytest.raises(ValueError, match="texture, knn.* missing or damaged .*Run its chapter again"):
        results.gather(*made_up)


@pytest.mark.parametrize("damage", FILES.values(), ids=FILES.keys())
def test_lost_or_damaged_points_name_what_to_run_again(made_up, damage):
    features = {name: np.random.default_rng(0).normal(size=(len(s), 5)) for name, s in made_up[1].items()}
    enter(made_up, features={"texture": features})
    damage(made_up[0].folder / "sketches" / "texture.npz")
    with pytest.raises(ValueError, match="texture.*[Rr]un (it|its chapter) again"):
        results.gather(*made_up)


@pytest.mark.parametrize("n", [42, 49], ids=["other labels", "more cells"])
def test_results_of_other_cells_are_refused(made_up, tmp_path, n):
    run, _ = made_up
    enter(made_up)
    other = open_release(write_release(tmp_path / "other", n=n))
    other["test2"] = dataclasses.replace(other["test2"], labels=np.roll(other["test2"].labels, 1))
    with pytest.raises(ValueError, match="other cells .*texture, knn, .*Run its chapter again"):
        results.gather(run, other)


def test_results_of_a_split_that_is_gone_are_refused(made_up):
    run, release = made_up
    enter(made_up)
    some = {name: split for name, split in release.items() if name != "test4"}
    with pytest.raises(ValueError, match="other cells .*test4"):
        results.gather(run, some)


# What is shown of them


def made_of(rows, splits=("train", "test1", "test3", "test4"), seed=0):
    """Make results of some rows without a run: 35 cells a split, in wells."""
    table = []
    for number, (representation, classifier) in enumerate(rows):
        by_split = {}
        for place, name in enumerate(splits):
            labels = np.arange(35) % 7
            scores = said(labels, seed + 10 * number + place, right=3)
            well = np.array([f"p{i % 2}/{'AB'[i % 2]}{i % 3}" for i in range(35)])
            by_split[name] = predictions.Predictions(
                representation, classifier, name, labels, scores.argmax(1), scores, None, well,
                tuple("abcdefg"), "made up", "smoke", 0,
            )  # fmt: skip
        table.append(by_split)
    return results.Results({}, "Made up.", tuple("abcdefg"), table, [], {}, None)


PAPERS = [
    ("deeploc-w0.125", "end-to-end"),
    ("deeploc-w0.125-fc2", "knn"),
    ("deeploc-w0.125-fc2", "l1-lr"),
    ("texture", "knn"),
    ("texture", "l1-lr"),
    ("pci-conv4", "rf"),
    ("pci-conv4", "l1-lr"),
    ("pci-conv3", "l1-lr"),
    ("vgg16-conv4_2", "knn"),
    ("vgg16-conv4_2", "l1-lr"),
    ("vgg16-conv4_1", "l1-lr"),
]


@pytest.mark.parametrize(
    "rows, chosen",
    [
        (PAPERS, [PAPERS[0], PAPERS[9], PAPERS[6], PAPERS[4]]),
        ([*PAPERS, ("mine", "svm"), ("mine", "rf")], [PAPERS[0], PAPERS[9], PAPERS[6], PAPERS[4], ("mine", "svm")]),
        (PAPERS[3:], [PAPERS[9], PAPERS[6], PAPERS[4]]),
        (PAPERS[1:5], [PAPERS[2], PAPERS[4]]),
        ([("texture", "rf"), ("texture", "knn")], [("texture", "rf")]),
        ([("mine", "knn"), ("mine", "l1-lr")], [("mine", "l1-lr")]),
    ],
    ids=["the paper's", "and another", "without DeepLoc", "its layer alone", "nothing linear", "only another"],
)
def test_one_row_of_each_representation_is_chosen_before_any_test(rows, chosen):
    assert names(results.firsts(made_of(rows))) == chosen


def test_the_choice_does_not_depend_on_what_any_model_said():
    assert names(results.firsts(made_of(PAPERS, seed=0))) == names(results.firsts(made_of(PAPERS, seed=99)))


@pytest.mark.parametrize(
    "splits, drawn",
    [
        ("train test1 test2 test3 test4", "test1 test3 test4"),
        ("train test1 test2 test4", "test1 test2 test4"),
        ("train test4 test3 test1", "test1 test3 test4"),
        ("train day2", "day2"),
        ("train a b c d", "a b c"),
    ],
)
def test_matrices_are_drawn_of_three_models_on_three_test_sets(splits, drawn):
    found = made_of(PAPERS, splits.split())
    assert results.tests(found) == splits.split()[1:]
    rows, shown = results.shown(found)
    assert shown == drawn.split() and names(rows) == [PAPERS[0], PAPERS[9], PAPERS[6]]


def test_the_training_set_stands_in_where_there_is_no_test_set():
    found = made_of(PAPERS[:1], ["train"])
    assert results.tests(found) == ["train"] and results.shown(found)[1] == ["train"]


def test_pictures_are_wanted_of_the_surest_cells_of_every_error_that_a_chapter_shows():
    found = made_of(PAPERS)
    wanted = results.pictured(found)
    rows, splits = results.shown(found)
    assert list(wanted) == splits
    for name in splits:
        expected = set()
        for p in (row[name] for row in rows):
            for true, called, _ in metrics.common_errors(p.labels, p.predicted, 7):
                expected |= set(confidence.confident_errors(p.labels, p.predicted, p.scores, true, called, 8).tolist())
        p = rows[0][name]
        for true, called in set(zip(p.labels.tolist(), p.predicted.tolist(), strict=True)):
            if true != called:  # the first model's matrix opens every kind
                some = confidence.confident_errors(p.labels, p.predicted, p.scores, true, called, 6)
                assert results.browsed(found, name, true, called).tolist() == some.tolist()
                expected |= set(some.tolist())
        assert wanted[name].tolist() == sorted(expected) and wanted[name].dtype == np.int64
    assert sum(map(len, wanted.values())) > 0


def test_no_pictures_are_wanted_of_a_model_without_errors():
    found = made_of(PAPERS[:1])
    perfect = {name: dataclasses.replace(p, predicted=p.labels) for name, p in found.table[0].items()}
    wanted = results.pictured(dataclasses.replace(found, table=[perfect]))
    assert [len(cells) for cells in wanted.values()] == [0, 0, 0]


# Errors, drawn anew


@pytest.mark.parametrize("known", [True, False], ids=["wells", "no wells"])
def test_errors_that_are_drawn_are_those_of_each_row(known):
    rows = made_of(PAPERS[:3]).table
    if not known:
        rows = [{name: dataclasses.replace(p, well=None) for name, p in row.items()} for row in rows[:1]]
    drawn = results.errors_drawn(rows, "test3", resamples=50)
    assert drawn.shape == (len(rows), 51)
    for errors, by_split in zip(drawn, rows, strict=True):
        p = by_split["test3"]
        np.testing.assert_allclose(errors, 100 * metrics.resampled_errors(p.labels, p.predicted, p.well, 50))
        assert errors[0] == pytest.approx(100 * metrics.balanced_error(p.labels, p.predicted))


def test_rows_share_their_draws():
    rows = made_of(PAPERS[:2]).table
    first, second, again = results.errors_drawn([*rows, rows[0]], "test1")
    np.testing.assert_array_equal(first, again)
    p, q = (row["test1"] for row in rows)
    ends = 100 * np.array(metrics.difference_interval(p.labels, p.predicted, q.predicted, p.well))
    np.testing.assert_allclose(np.percentile((first - second)[1:], (2.5, 97.5)), ends)


def test_a_ladder_that_was_entered_is_a_ladder_that_chooses(made_up):
    enter(made_up, ladders=[rung(made_up)])
    (ladder,) = results.gather(*made_up).ladders
    best = leakage.chosen(ladder, "train-by-well")
    errors = [metrics.balanced_error(s["train-by-well"].labels, s["train-by-well"].predicted) for s in ladder]
    assert best is ladder[int(np.argmin(errors))]
