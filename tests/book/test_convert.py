"""Addresses, and what the pages show of benchmarks."""

import json

import nbformat
import pytest
from book_builder import ROOT, convert, pages


@pytest.mark.parametrize(
    "url", ["https://github.com/a/b-c", "https://github.com/a/b-c/", "https://github.com/a/b-c.git"]
)
def test_a_repository_is_named_by_owner_and_name(url):
    assert convert.slug(url, "here") == "a/b-c"


@pytest.mark.parametrize("url", ["", "a/b", "http://github.com/a/b", "https://gitlab.com/a/b", "https://github.com/a"])
def test_an_address_that_is_none_is_named_with_its_place(url):
    with pytest.raises(ValueError, match="here: found .*; expected https://github.com/OWNER/NAME"):
        convert.slug(url, "here")


def test_the_address_has_one_place(monkeypatch):
    monkeypatch.setattr(convert, "repository", lambda: "some/body")
    made = convert.notebook(ROOT / "notebooks" / "02-texture.md")
    text = "".join(cell.source for cell in made.cells)
    assert "github.com/some/body" in text and convert.SOURCES_NAME not in text


@pytest.mark.parametrize(
    "tag, folding, show",
    [
        ("colab", "hide-cell", "Show what prepares a Colab machine"),
        ("self-check", "hide-input", "Show the check"),
        ("solution", "hide-cell", "Show a solution"),
        ("hide-input", "hide-input", "Show the code"),
    ],
)
def test_a_page_folds_a_cell_by_its_tag_and_says_what_opens_it(tag, folding, show):
    figure = {"caption": "A figure.", "name": "figure"}
    cell = nbformat.v4.new_code_cell("1", metadata={"tags": [tag], "mystnb": {"figure": figure}})
    convert.fold(cell)
    assert cell.metadata["tags"] == list(dict.fromkeys([tag, folding])) and cell.metadata["mystnb"]["figure"] == figure
    assert cell.metadata["mystnb"]["code_prompt_show"] == show
    assert ("jupyter" in cell.metadata) == (tag == "solution"), "in notebooks only solutions are closed"


def test_a_cell_without_such_a_tag_stays_as_it_is():
    cell = nbformat.v4.new_code_cell("1", metadata={"tags": ["parameters"]})
    convert.fold(cell)
    assert cell.metadata == {"tags": ["parameters"]}


def test_addresses_are_stamped_everywhere_but_on_the_page_on_citing(tmp_path):
    for name in ("a.md", "b.ipynb", "c.yml", "cite.md", "d.py"):
        (tmp_path / name).write_text("github.com/one/two")
    pages.stamp(tmp_path, "three/four", "one/two")
    stamped = {path.name for path in tmp_path.iterdir() if "three/four" in path.read_text()}
    assert stamped == {"a.md", "b.ipynb", "c.yml"}


def test_the_tables_of_speed_are_what_was_measured(tmp_path):
    line = {"path": "kNN", "at": "9 cells", "against": "x", "ours (s)": "1", "ratio": "2 (1 to 3)"}
    line |= {"bar": "2 x", "reached": "yes", "note": ""}
    about = {"machine": "a machine", "made": "2031-05-06"}
    (tmp_path / "knn.json").write_text(json.dumps({"about": about, "lines": [line]}))
    other = json.dumps({"about": about | {"machine": "another"}, "lines": [line | {"path": "L1"}]})
    stage = {"stage": "texture", "GiB": 1.5, "errors": {}} | about
    stages = [stage | {"cells": n, "seconds": n / 10} for n in (10, 1000)]
    (tmp_path / "scale.json").write_text(json.dumps({"about": about, "lines": stages}))
    made = {name: text.decode() for name, text in pages.speed(tmp_path).items()}
    assert "| kNN | 9 cells | x | 1 | 2 (1 to 3) | 2 x | yes |  |" in made["races.md"]
    assert made["races.md"].endswith("\nMeasured on: a machine; 2031-05-06.\n")
    assert "\nMeasured on: a machine; 2031-05-06. The largest process took 1.5 GiB." in made["scale.md"]
    (tmp_path / "l1.json").write_text(other)
    races = pages.speed(tmp_path)["races.md"].decode()
    assert "Measured on: a machine; 2031-05-06 (kNN) / another; 2031-05-06 (L1)." in races
    assert (
        "| stage | 10 cells | 1,000 cells | grows as |" in made["scale.md"]
        and "| texture | 1 s, 1.5 GiB | 100 s, 1.5 GiB | cells<sup>1.00</sup> |" in made["scale.md"]
    )


def test_where_nothing_was_measured_the_tables_are_empty(tmp_path):
    assert set(pages.speed(tmp_path)) == {"races.md", "scale.md"}
