"""What must hold of the page beside the paper: each run is listed once, by its name, and none that is damaged."""

import dataclasses
import shutil

import pytest
import tables
from conftest import write_release
from made_results import kept_row

from coos_helpers import published, results, store
from coos_helpers.data import open_release
from coos_helpers.results import Representation, pack, read
from coos_helpers.runs import PROFILES, Run

ROWS = {
    "02-texture": [("texture", "knn"), ("texture", "l1-lr"), ("texture", "rf")],
    "03-vgg16": [(Representation("vgg16", "conv4_1"), "l1-lr"), (Representation("vgg16", "conv4_2"), "l1-lr")],
    "04-deeploc": [
        (Representation("deeploc", variant="w0.125"), "end-to-end"),
        (Representation("deeploc", "fc2", "w0.125"), "l1-lr"),
    ],
    "05-paired-cell-inpainting": [(Representation("pci", "conv3", "w0.125"), name) for name in ("knn", "l1-lr")],
}


def enter(release, data="simulated", profile="quick", chapters=tuple(ROWS), seed=0):
    """Enter made-up rows for a run, and give it."""
    run = Run(str(data), profile, PROFILES[profile])
    for chapter in chapters:
        rows = enumerate(ROWS[chapter])
        table = [kept_row(run, release, *names, seed=100 * seed + 10 * len(chapter) + n, right=0) for n, names in rows]
        results.enter(run, release, chapter, table=table, seed=seed)
    return run


def simulated(profile):
    return tables.title({"data": "simulated", "profile": profile})


def titles(found):
    return [tables.title(run.about) for run in found]


@pytest.fixture(autouse=True)
def no_evening(monkeypatch, tmp_path):
    """Look at runs alone; what the repository brings along has tests of its own."""
    monkeypatch.setattr(tables, "EVENING", tmp_path / "no.pack")


# The runs


def test_where_nothing_was_run_there_is_nothing():
    assert tables.runs() == []


def test_every_run_is_listed_with_its_errors(release, tmp_path):
    enter(release)
    enter(release, tmp_path / "COOS-7", "paper", ["02-texture"], seed=1)
    found = tables.runs()
    assert titles(found) == [f"{release['train'].source}, profile paper", simulated("quick")]
    paper, quick = (tables.errors(run) for run in found)
    assert paper["features"].tolist() == ["texture"] * 3 and paper["model"].tolist() == ["kNN", "L1 LR", "RF"]
    assert len(quick) == 9 and list(quick.columns) == ["features", "model", *release]
    assert quick.equals(results.error_table(read.without_cells(enter(release).folder).table))


def test_runs_that_only_show_that_all_works_are_left_out_where_there_is_another(release):
    enter(release, profile="smoke")
    assert titles(tables.runs()) == [simulated("smoke")]
    enter(release, profile="quick")
    assert titles(tables.runs()) == [simulated("quick")]


def test_a_run_whose_chapters_entered_nothing_is_not_listed(release):
    run = enter(release, chapters=["02-texture"])
    (run.folder.parent / "simulated-paper" / "notebooks").mkdir(parents=True)
    (run.folder.parent / "simulated-smoke" / "results").mkdir(parents=True)
    assert len(tables.runs()) == 1


@pytest.fixture
def packed(release, tmp_path):
    """Read a pack of the simulated run of profile `paper`, which also lies here."""
    run = enter(release, profile="paper", seed=5)
    pack.write(read.gather(run, release), tmp_path / "run.coos")
    return pack.read(tmp_path / "run.coos")


def test_a_pack_comes_first_and_is_not_listed_twice(release, packed):
    enter(release, profile="quick")
    assert titles(tables.runs()) == [simulated("paper"), simulated("quick")]
    found = tables.runs(packed)
    assert titles(found) == [simulated("paper"), simulated("quick")]
    assert found[0] is packed
    enter(release, profile="paper", seed=6)
    assert [run.about["seed"] for run in tables.runs(packed)] == [5, 6, 0]


def test_the_packed_evening_comes_last_and_is_not_listed_twice(release, packed, monkeypatch, tmp_path):
    monkeypatch.setattr(tables, "EVENING", tmp_path / "run.coos")
    assert titles(tables.runs()) == [simulated("paper")], "the same run lies here"
    assert titles(tables.runs(packed)) == [simulated("paper")]
    shutil.rmtree(store.root() / "runs")
    enter(release, profile="smoke")
    assert titles(tables.runs()) == [simulated("smoke"), simulated("paper")]


def test_the_repository_brings_the_results_of_an_evening(monkeypatch):
    monkeypatch.undo()
    found = pack.read(tables.EVENING)
    assert tables.EVENING.stat().st_size < 6_000_000
    assert (found.about["data"], found.about["profile"]) == ("simulated", "evening")
    assert {"seed", "made", "machine", "versions"} <= set(found.about) and "not COOS-7" in found.caption
    trainings = {results.family(draws[0]): len(draws) for draws in found.draws}
    assert trainings == {"DeepLoc": 3, "Texture": 1, "PCI": 3, "VGG16": 1}
    assert not any("untrained" in row_p.variant for row in found.table for row_p in row.values())


def test_a_pack_of_another_machine_is_listed_beside_what_lies_here(release, packed):
    other = dataclasses.replace(packed, about=packed.about | {"machine": "arm64, 8 cores, no GPU"})
    assert titles(tables.runs(other)) == [simulated("paper")] * 2


def test_two_releases_in_folders_of_one_name_are_two_runs(tmp_path):
    for place in ("here", "there"):
        folder = write_release(tmp_path / place / "COOS-7", n=42 if place == "here" else 49)
        enter(open_release(folder), folder, "quick", ["02-texture"], seed=0)
    assert len(tables.runs()) == 2


def test_a_damaged_run_is_left_out_and_named(release, capsys):
    enter(release, profile="paper")
    run = enter(release, profile="quick")
    next((run.folder / "predictions").glob("texture--rf--test2.npz")).write_bytes(b"no archive")
    assert titles(tables.runs()) == [simulated("paper")]
    said = capsys.readouterr().out
    assert said.startswith("simulated-quick is left out: the results of 02-texture are missing or damaged")
    assert said.count("\n") == 1


@pytest.mark.parametrize("content", ["", '{"about', "[]", "{}", "null"])
def test_a_run_with_a_damaged_list_is_left_out_and_named(release, capsys, content):
    enter(release, profile="paper")
    run = enter(release, profile="quick")
    (run.folder / "results" / "03-vgg16.json").write_text(content)
    assert titles(tables.runs()) == [simulated("paper")]
    said = capsys.readouterr().out
    assert said.startswith("simulated-quick is left out: ") and "03-vgg16" in said and said.count("\n") == 1


def test_a_run_whose_chapters_saw_different_cells_is_left_out_and_named(release, tmp_path, capsys):
    enter(release, profile="paper")
    enter(release, chapters=["02-texture"])
    enter(open_release(write_release(tmp_path / "other", n=42)), chapters=["03-vgg16"])
    assert titles(tables.runs()) == [simulated("paper")]
    assert (
        "simulated-quick is left out: its chapters' results are of different cells of train" in capsys.readouterr().out
    )


# Beside the paper


def test_one_row_of_each_representation_stands_beside_the_papers(release, tmp_path):
    enter(release)
    enter(release, tmp_path / "COOS-7", "paper", ["02-texture", "03-vgg16"], seed=1)
    found = tables.runs()
    table = tables.side_by_side(found)
    real, quick = f"{release['train'].source}, profile paper", simulated("quick")
    assert table[["representation", "data"]].to_numpy().tolist() == [
        ["DeepLoc", "COOS-7 (the paper)"],
        ["deeploc-w0.125", quick],
        ["Texture", "COOS-7 (the paper)"],
        ["texture", real],
        ["texture", quick],
        ["PCI Conv4", "COOS-7 (the paper)"],
        ["pci-w0.125-conv3", quick],
        ["VGG16 Conv4_2", "COOS-7 (the paper)"],
        ["vgg16-conv4_1", real],
        ["vgg16-conv4_1", quick],
    ]
    assert list(table.columns) == ["representation", "data", *published.SPLITS]
    numbers = tables.errors(found[1]).set_index(["features", "model"])
    expected = numbers.loc[("vgg16-conv4_1", "L1 LR"), published.SPLITS].tolist()
    assert table.iloc[-1][published.SPLITS].tolist() == expected
    paper = published.table3().set_index(["features", "model"])
    for place, names in ((0, ("DeepLoc", "End-to-End")), (5, ("PCI Conv4", "L1 LR")), (7, ("VGG16 Conv4_2", "L1 LR"))):
        assert table.iloc[place][published.SPLITS].tolist() == paper.loc[names].tolist()


def test_without_any_run_the_paper_stands_alone():
    table = tables.side_by_side([])
    assert table["representation"].tolist() == ["DeepLoc", "Texture", "PCI Conv4", "VGG16 Conv4_2"]
    assert set(table["data"]) == {"COOS-7 (the paper)"} and not table.isna().any().any()


def test_a_split_that_one_side_lacks_stays_empty_there(tmp_path):
    folder = write_release(tmp_path / "some", ("train", "test1", "test4"), n=42)
    some = open_release(folder)
    some["day2"] = dataclasses.replace(some.pop("test4"), name="day2")
    enter(some, chapters=["02-texture"])
    table = tables.side_by_side(tables.runs())
    assert list(table.columns) == ["representation", "data", *published.SPLITS, "day2"]
    ours = table[table["data"] != "COOS-7 (the paper)"]
    assert len(ours) == 1 and ours[["test2", "test3", "test4"]].isna().all(axis=None)
    assert ours[["train", "test1", "day2"]].notna().all(axis=None)
    assert table[table["data"] == "COOS-7 (the paper)"]["day2"].isna().all()


def test_a_representation_without_logistic_regression_has_no_row_of_its_own(release):
    run = Run("simulated", "quick", PROFILES["quick"])
    rows = [kept_row(run, release, *names) for names in (("texture", "knn"), ("mine", "l1-lr"))]
    about = {"data": "simulated", "profile": "quick"}
    assert len(tables.side_by_side([results.Results(about, "", (), rows, [[row] for row in rows], [], {}, None)])) == 4


def test_all_trainings_of_a_network_are_one_row_their_mean(release):
    run = enter(release, chapters=["02-texture"])
    trained = [
        kept_row(run, release, Representation("deeploc", draw=n), "end-to-end", seed=n, right=2) for n in range(3)
    ]
    results.enter(run, release, "04-deeploc", table=trained)
    (found,) = tables.runs()
    expected = results.error_table(trained)[published.SPLITS].iloc[0]
    assert expected["test1"] != results.error_table(trained[:1])["test1"].iloc[0]
    for table in (tables.errors(found), tables.side_by_side([found]).iloc[1:]):
        assert table[published.SPLITS].iloc[0].to_numpy(float) == pytest.approx(expected.to_numpy(float))


def test_simulated_cells_are_never_called_anything_else(release, tmp_path):
    enter(release)
    enter(release, tmp_path / "COOS-7")
    for run in tables.runs():
        assert tables.title(run.about).startswith("simulated cells") == (run.about["data"] == "simulated")
