"""What must hold of the board: entries are whole and honest, recomputed where they can be, and drawn apart by data."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import board
import jsonschema
import numpy as np
import pytest
from book_builder import ROOT
from conftest import memory_split
from made_results import said

from coos_helpers import published, results
from coos_helpers.data import DataError
from coos_helpers.data.access import LEVELS
from coos_helpers.results import pack
from coos_helpers.results.brought import brought

SOURCE = "simulated cells (coos_helpers.simulate, version=1, scale=0.1, seed=3); not COOS-7"


@pytest.fixture(scope="module")
def entries():
    return board.entries()


def test_the_papers_rows_are_its_table_3(entries):
    paper = {e["name"]: e for stem, e in entries.items() if stem.startswith("lu2019-")}
    table = published.table3()
    assert len(paper) == len(table) == 25
    for _, row in table.iterrows():
        entry = paper[f"{row['features']}, {row['model']}"]
        assert {split: of["value"] for split, of in entry["results"].items()} == row[published.SPLITS].to_dict()
        assert (entry["data"]["name"], entry["protocol"]["metric"]) == ("COOS-7", "balanced error")
        assert (entry["sees"], entry["reported_by"]) == ("nothing", "as reported")


def test_what_others_reported_keeps_its_metric_and_says_what_sets_it_apart(entries):
    others = {stem: e for stem, e in entries.items() if not stem.startswith(("lu2019-", "book-"))}
    assert others["hua2021-cytoimagenet-and-imagenet"]["protocol"]["metric"] == "accuracy"
    assert others["xun2023-microsnoop"]["protocol"]["metric"] == "not named"
    assert others["zecchin2022-ad-gda"]["sees"] == "labels" and not others["shang2026-scmir"]["results"]
    assert all("as reported" == e["reported_by"] and len(e["not_comparable_in"]) > 40 for e in others.values())


def test_the_books_rows_are_the_headline_rows_of_its_longer_run(entries):
    rows = [e for stem, e in entries.items() if stem.startswith("book-")]
    assert all(e["reported_by"] == "recomputed" and e["data"]["name"] == "simulated" for e in rows)
    own = [e["predictions"] for e in rows]
    found = pack.read(board.HERE / "evening.pack")
    firsts = [next(iter(row.values())) for row in results.headline_rows(found)]
    assert {(of["features"], of["model"]) for of in own} == {(p.representation, p.classifier) for p in firsts}
    assert {of["pack"] for of in own} == {"../evening.pack"}


def test_the_schema_is_one_and_knows_every_level_of_access():
    jsonschema.Draft202012Validator.check_schema(board.SCHEMA)
    codes = board.SCHEMA["properties"]["sees"]["enum"]
    assert codes == [*(one.code for one in LEVELS), "not said"]


def rounded(error):
    ends = {of: [round(end, 1) for end in error[of]] for of in ("other_wells", "another_plate") if error[of]}
    return {"value": round(error["value"], 1)} | ends


@pytest.fixture
def mine(tmp_path):
    """Write an entry of a brought classifier, recomputed from the pack beside it."""
    release, given = {}, {}
    for seed, name in enumerate(("train", "test1", "test3")):
        split = memory_split(70, seed)
        plate = split.plate if name != "test3" else np.char.add("late", split.plate)
        release[name] = type(split)(**{**vars(split), "name": name, "plate": plate, "source": SOURCE})
        if name != "train":  # of which only the plates are known
            given[name] = said(split.labels, seed, right=3)
    pack.write(brought(given, release, "Mine"), tmp_path / "mine.coos")
    found = results.score(given, release, name="Mine", sees="nothing", baseline=None)["splits"]
    shown = {name: rounded(split["balanced_error"]) for name, split in found.items()}
    assert "another_plate" in shown["test3"]
    entry = {
        "name": "Mine, <as> given",
        "data": {"name": "simulated", "version": "1", "scale": 0.1, "seed": 3},
        "protocol": {"metric": "balanced error", "classifier": "mine", "trained_on": "train"},
        "results": shown,
        "sees": "nothing",
        "links": {"code": "https://example.org/?a=1&b=2"},
        "date": "2026-02",
        "reported_by": "recomputed",
        "predictions": {"pack": "mine.coos", "features": "Mine", "model": "as given"},
        "not_comparable_in": "nothing",
    }
    return tmp_path / "mine.json", entry


def written(path, entry):
    path.write_text(json.dumps(entry), encoding="utf-8")
    return path


def test_an_entry_with_a_pack_is_recomputed(mine):
    path, entry = mine
    assert board.read(written(path, entry)) == entry
    entry["results"]["test1"]["value"] += 0.2
    with pytest.raises(DataError, match="what its predictions give"):
        board.read(written(path, entry))
    entry["results"]["test1"]["value"] -= 0.2
    entry["results"]["test1"]["other_wells"][1] += 0.2
    with pytest.raises(DataError, match="what its predictions give"):
        board.read(written(path, entry))


def within(place, value):
    def changed(entry):
        *way, last = place.split("/")
        for step in way:
            entry = entry[step]
        if value is None:
            del entry[last]
        else:
            entry[last] = value

    return changed


@pytest.mark.parametrize(
    "change, words",
    [
        (within("sees", "everything"), "sees"),
        (within("sees", None), "'sees' is a required"),
        (within("author", "me"), "author"),
        (within("data/seed", None), "'seed' is a required"),
        (within("data/name", "COOS-7"), "data"),
        (within("data/seed", 4), "predictions of simulated cells"),
        (within("data/version", "77"), "version=77"),
        (within("results/test1/value", 101), "101"),
        (within("results/test1/other_wells", [90, 95]), "outside its interval"),
        (within("results/test0", {"value": 1}), "test0"),
        (within("results/test2", {"value": 1}), "a number of test2"),
        (within("results", {}), "nothing `said`"),
        (within("predictions", None), "'predictions' is a required"),
        (within("predictions/pack", "../mine.coos"), "pack"),
        (within("predictions/pack", "other.coos"), "nothing there"),
        (within("predictions/model", "kNN"), "Mine, as given"),
        (within("links", {}), "links"),
        (within("links/code", "javascript:alert(1)"), "links/code"),
        (within("date", "last year"), "date"),
        (within("not_comparable_in", ""), "not_comparable_in"),
    ],
)
def test_what_is_wrong_with_an_entry_is_one_message(mine, change, words):
    path, entry = mine
    change(entry)
    with pytest.raises(DataError, match=re.escape(words)) as caught:
        board.read(written(path, entry))
    assert "\n" not in str(caught.value)


def test_the_command_checks_a_file_and_says_what_it_is_or_what_is_wrong(mine):
    path, entry = mine
    command = [sys.executable, ROOT / "book" / "board.py", written(path, entry)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0 and "recomputed from its pack" in done.stdout
    path.write_text("{", encoding="utf-8")
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1 and done.stderr.startswith("Error: ") and "no JSON" in done.stderr
    assert len(done.stderr.splitlines()) == 1


class Rows(HTMLParser):
    """Collect the tables of a page: captions, and rows as lists of what each cell sorts by or shows."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.open = [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "table":
            self.tables.append({"caption": "", "rows": []})
        elif tag == "tr":
            self.tables[-1]["rows"].append([])
        elif tag in ("td", "th", "caption"):
            self.open = tag
            if tag != "caption":
                self.tables[-1]["rows"][-1].append([attributes.get("data-sort"), ""])

    def handle_endtag(self, tag):
        self.open = None if tag == self.open else self.open

    def handle_data(self, text):
        if self.open == "caption":
            self.tables[-1]["caption"] += text
        elif self.open:
            self.tables[-1]["rows"][-1][-1][1] += text


def test_data_sets_and_metrics_are_apart_and_every_row_is_as_long_as_its_head(mine, entries):
    path, entry = mine
    for stem, other in entries.items():
        if not stem.startswith("book-"):  # whose pack is not beside these copies
            written(path.with_name(f"{stem}.json"), other)
    written(path, entry)
    for version in ("1", "2"):  # with numbers that nobody recomputes
        made = entry | {"data": {"name": "Ours", "version": version}, "reported_by": "as reported"}
        del made["predictions"]
        written(path.with_name(f"ours{version}.json"), made)
    text = board.made(path.parent)["board.md"].decode()
    tables = Rows(text).tables
    captions = [table["caption"] for table in tables]
    assert captions[0].startswith("COOS-7: balanced error (%), 25 entries") and "other metrics" in captions[1]
    assert captions[2].startswith("Ours, version 1: ") and captions[3].startswith("Ours, version 2: ")
    assert captions[4].startswith("Simulated cells, not COOS-7 (version 1, scale 0.1, seed 3)")
    assert [len(table["rows"]) - 1 for table in tables] == [25, 4, 1, 1, 1]
    for table in tables:
        assert {len(row) for row in table["rows"]} == {len(table["rows"][0])}
    assert "<as>" not in text and "&lt;as&gt;" in text and "a=1&amp;b=2" in text
    column = [name for _, name in tables[0]["rows"][0]].index("test3")
    assert np.isclose(sum(float(row[column][0]) for row in tables[0]["rows"][1:]), published.table3()["test3"].sum())
