"""What must hold of reading: what the chapters entered last is read, whole, and what is not whole is refused."""

import dataclasses
import json

import numpy as np
import pytest
from conftest import write_release
from made_results import DAMAGES, assert_same, features_of, kept_ladder, kept_row, named, with_content

from coos_helpers import classifiers, results, runs, store
from coos_helpers.data import open_release
from coos_helpers.representations import rescale
from coos_helpers.results import Representation, leakage, read


@pytest.fixture
def made_up(tmp_path):
    """Hold a run on a release of 42 cells a split and more."""
    return runs.start(write_release(tmp_path / "release", n=42), "smoke")


@pytest.fixture
def entered(made_up):
    """Enter a row, a ladder and points for chapter 02."""
    parts = {"ladders": [kept_ladder(*made_up)], "features": {"texture": features_of(made_up[1])}}
    results.enter(*made_up, "02-texture", table=[kept_row(*made_up)], **parts)
    return made_up


def test_what_a_chapter_entered_is_read_back_whole(made_up):
    run, release = made_up
    table = [kept_row(*made_up), kept_row(*made_up, classifier="l1-lr", seed=1)]
    ladders = [kept_ladder(*made_up), kept_ladder(*made_up, "l1-lr", (0.1, 1.0))]
    features = {"texture": features_of(release)}
    results.enter(*made_up, "02-texture", table=table, ladders=ladders, features=features, seed=3)
    found = read.gather(run, release)
    for one, other in zip([table, *ladders], [found.table, *found.ladders], strict=True):
        for row, again in zip(one, other, strict=True):
            assert_same(row, again)
    assert found.class_names == release["train"].class_names and found.about["seed"] == 3
    assert found.caption == runs.caption(run, release)
    assert leakage.chosen(found.ladders[0], "train-by-well")["test1"].setting in (1, 3)


def test_every_training_of_a_network_is_read_back_and_the_first_stands_in_the_table(made_up):
    trained = [Representation("deeploc", "fc2", draw=draw) for draw in range(3)]
    rows = [kept_row(*made_up, of, name, seed=of.draw) for name in ("knn", "l1-lr") for of in trained]
    results.enter(*made_up, "04-deeploc", table=rows)
    results.enter(*made_up, "02-texture", table=[texture := kept_row(*made_up)])
    found = read.gather(*made_up)
    assert named(found.table) == [("deeploc-fc2", "knn"), ("deeploc-fc2", "l1-lr"), ("texture", "knn")]
    for draws, kept in zip(found.draws, (rows[:3], rows[3:], [texture]), strict=True):
        for number, (one, other) in enumerate(zip(kept, draws, strict=True)):
            assert_same(one, other)
            assert {p.draw for p in other.values()} == {number}
    assert all(row is draws[0] for row, draws in zip(found.table, found.draws, strict=True))


def test_rows_aside_are_read_back_and_are_no_rows_of_the_table(made_up):
    run, release = made_up
    few = {name: split.take(np.arange(20)) for name, split in release.items()}
    asides = [kept_row(run, few, Representation("vgg16", "conv4_1-both")), kept_row(*made_up, "mine")]
    results.enter(*made_up, "03-vgg16", table=[kept_row(*made_up)], asides=asides)
    results.enter(*made_up, "02-texture", table=[kept_row(*made_up)])
    found = read.gather(*made_up)
    assert named(found.table) == [("texture", "knn")] and len(found.draws) == 1
    for one, other in zip(asides, found.asides, strict=True):
        assert_same(one, other)


def test_without_its_cells_a_run_gives_the_same_but_pictures(entered):
    run, release = entered
    whole, alone = read.gather(run, release), read.without_cells(run.folder)
    assert_same(whole.table[0], alone.table[0])
    assert (alone.about, alone.class_names) == (whole.about, whole.class_names) and alone.images is None
    assert read.without_cells(run.folder.parent / "nothing").table == []


def test_pictures_are_the_protein_of_the_cells_that_are_asked_for(entered):
    run, release = entered
    images = read.gather(run, release).images("test3", np.array([4, 1, 4]))
    assert len(images) == 3
    for image, cell in zip(images, (4, 1, 4), strict=True):
        np.testing.assert_array_equal(image, rescale.percentile(release["test3"].images[cell][0]))
        assert image.shape == (64, 64) and image.min() == 0 and image.max() == 1


def test_the_rows_stand_in_the_papers_order_whatever_was_entered_first(made_up):
    """Table 3 has DeepLoc, Texture, PCI, VGG16; within each, the chapter's order stays."""
    of = Representation
    rows = {
        "05-paired-cell-inpainting": [(of("pci", "conv4", "w0.125"), "rf"), (of("pci", "conv3"), "knn")],
        "02-texture": [("texture", "knn"), ("mine", "l1-lr"), ("texture", "rf")],
        "04-deeploc": [(of("deeploc", "", "w0.125"), "end-to-end"), (of("deeploc", "fc2", "w0.125"), "knn")],
        "03-vgg16": [(of("vgg16", "conv4_2", "untrained"), "knn")],
    }
    for chapter, names in rows.items():
        results.enter(*made_up, chapter, table=[kept_row(*made_up, *name) for name in names])
    assert named(read.gather(*made_up).table) == [
        ("deeploc-w0.125", "end-to-end"), ("deeploc-w0.125-fc2", "knn"), ("texture", "knn"), ("texture", "rf"),
        ("pci-w0.125-conv4", "rf"), ("pci-conv3", "knn"), ("vgg16-untrained-conv4_2", "knn"), ("mine", "l1-lr"),
    ]  # fmt: skip


def test_read_takes_the_results_of_the_run_that_is_named(entered):
    run, release = entered
    assert_same(read.gather(run, release).table[0], results.read_results(run.data, "smoke").table[0])
    with pytest.raises(ValueError, match="profile 'quick'"):
        results.read_results(run.data, "quick")


# A chapter that is run alone


def test_texture_is_made_where_nothing_was_entered_and_read_the_next_time(made_up, capsys, monkeypatch):
    data = made_up[0].data
    found = results.read_results(data, "smoke", make_texture=True)
    assert "Texture's are made first" in capsys.readouterr().out
    assert named(found.table) == [("texture", name) for name in classifiers.NAMES]
    assert len(found.ladders) == len(leakage.SETTINGS) and list(found.samples) == ["texture"]
    monkeypatch.setattr(read, "_enter_texture", lambda *_: pytest.fail("made again"))
    assert len(results.read_results(data, "smoke", make_texture=True).table) == 3


# What cannot be read


def test_where_nothing_was_entered_one_message_says_what_to_run_and_nothing_is_simulated(monkeypatch):
    monkeypatch.setattr(runs.simulate, "simulate", lambda *_, **__: pytest.fail("simulated"))
    with pytest.raises(ValueError, match="found no results .*; expected .*\\. Run .*PACK") as caught:
        results.read_results("simulated", "paper")
    message = str(caught.value)
    assert all(chapter in message for chapter in read.CHAPTERS) and "'paper'" in message and "\n" not in message


def edited(change):
    """Another entry, with a checksum that fits."""

    def damage(path):
        entry = json.loads(store.unseal(path))
        change(entry)
        path.write_bytes(store.seal(json.dumps(entry)))

    return damage


ENTRIES = {what: damage for what, damage in DAMAGES.items() if what in ("empty", "text", "header only", "half")}
ENTRIES |= {
    "no text": lambda path: path.write_bytes(b"\xff" + path.read_bytes()),
    "another seed": with_content(lambda content, _: content.replace(b'"seed": 0', b'"seed": 1')),
    "another date": with_content(lambda content, _: content.replace(b'"made": "20', b'"made": "30')),
    "null": lambda path: path.write_text("null"),
    "a list": lambda path: path.write_text("[]"),
    "an empty object": lambda path: path.write_text("{}"),
    "no table": edited(lambda entry: entry.pop("table")),
    "no word on the run": edited(lambda entry: entry.pop("about")),
    "a row that is none": edited(lambda entry: entry.update(table=[1])),
    "a row as an older version wrote it": edited(lambda entry: entry.update(table=[["texture", "knn", ["train"]]])),
    "another row": edited(lambda entry: entry["table"][0].update(classifier="knm")),
    "another split": edited(lambda entry: entry["table"][0]["columns"].append("test9")),
}
FILES = ["predictions/texture--knn--test2.npz", "predictions/texture--knn-3--train-by-well.npz", "points/texture.npz"]
FATES = [("results/02-texture.json", damage) for damage in ENTRIES.values()]
FATES += [(file, damage) for file in FILES for damage in DAMAGES.values()]
NAMED = [*ENTRIES, *(f"{file}, {what}" for file in FILES for what in DAMAGES)]


@pytest.mark.parametrize("file, damage", FATES, ids=NAMED)
def test_lost_or_damaged_files_name_the_chapter_to_run_again(entered, file, damage):
    damage(entered[0].folder / file)
    with pytest.raises(ValueError, match="the results of 02-texture are missing or damaged .*Run it again") as caught:
        read.gather(*entered)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("n", [42, 49], ids=["other labels", "more cells"])
def test_results_of_other_cells_are_refused(entered, tmp_path, n):
    other = open_release(write_release(tmp_path / "other", n=n))
    other["test2"] = dataclasses.replace(other["test2"], labels=np.roll(other["test2"].labels, 1))
    with pytest.raises(ValueError, match="other cells .*texture, knn, .*Run its chapter again"):
        read.gather(entered[0], other)
    entered[1].pop("test4")
    with pytest.raises(ValueError, match="other cells .*test4"):
        read.gather(*entered)
