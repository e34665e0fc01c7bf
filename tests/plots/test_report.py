"""What must hold of a report: all in one file, every number from the score, readable without sight and on a phone."""

import json
import re
from base64 import b64decode
from html.parser import HTMLParser
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import memory_split
from made_results import said

from coos_helpers import results
from coos_helpers.plots import report, report_figures
from coos_helpers.plots.report_figures import figures
from coos_helpers.plots.static import style
from coos_helpers.results import card
from coos_helpers.results.brought import brought


def made_up(names=("train", "test1", "test3"), labels=None, **options):
    """Score made-up predictions of splits of noise, beside others."""
    release, given, other = {}, {}, {}
    for seed, name in enumerate(names):
        split = memory_split(70, seed, **({} if labels is None else {"labels": labels}))
        release[name] = type(split)(**{**vars(split), "name": name})
        given[name] = said(split.labels, seed, right=3)
        other[name] = said(split.labels, seed + 9, right=2)
    base = brought(other, release, "other").table[0]
    options = {"name": "<b>my</b> method", "sees": "well", "baseline": base} | options
    return json.loads(json.dumps(results.score(given, release, **options), allow_nan=False))


@pytest.fixture(scope="module")
def score():
    return made_up()


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "img", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_a_page_is_whole_asks_for_nothing_and_shows_its_names_as_text(score):
    text = report.page(score)
    page = Page(text)
    assert not page.open and text == report.page(score)
    for tag, attributes in page.tags:
        assert tag not in ("link", "script", "iframe", "b")
        assert attributes.get("src", "data:").startswith("data:") and "href" not in attributes
    assert "url(" not in text and "&lt;b&gt;my&lt;/b&gt; method" in text and "$" not in re.sub('base64,[^"]*', "", text)
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in page.tags


def test_each_figure_has_words_and_each_figure_and_table_names_its_data(score):
    text = report.page(score)
    images = [attributes for tag, attributes in Page(text).tags if tag == "img"]
    assert len(images) == 5 and all(len(image["alt"]) > 60 for image in images)
    captions = re.findall(r"<caption>(.*?)</caption>", text, re.S)
    assert len(captions) == 5 and all("Data: made up." in caption for caption in captions)
    pictures = [b64decode(image["src"].partition(",")[2]).decode() for image in images]
    assert all("Data: made up." in picture for picture in pictures) and text.count("Data: made up.") == 5
    wide = [attributes for tag, attributes in Page(text).tags if attributes.get("class") == "wide"]
    assert len(wide) == len(captions) + len(images) and all(
        one["tabindex"] == "0" and one["aria-label"] for one in wide
    )


def test_the_numbers_are_those_of_the_score(score):
    text = report.page(score)
    for name in ("test1", "test3"):
        of = score["splits"][name]
        shown = [of["balanced_error"]["value"], of["calibration"]["error"], of["worst_class"]["error"]]
        shown += [one["value"] for one in of["sensitivities"]] + of["balanced_error"]["other_wells"]
        assert [number for number in shown if f"{number:.1f}" not in text] == []
        assert f"{score['baseline']['splits'][name]['difference']:+.1f}" in text
    assert "the unlabelled well" in text and score["about"]["data_key"] in text


@pytest.mark.parametrize(
    "ends, words",
    [(None, "unknown"), ([-2, -1], "better"), ([1, 2], "worse"), ([-1, 1], "not shown"), ([0, 0], "not shown")],
)
def test_a_verdict_needs_an_interval_on_one_side_of_zero(ends, words):
    assert report.verdict({"other_wells": ends}) == words


@pytest.mark.parametrize(
    "options, there",
    [
        ({"baseline": None}, [False, True]),
        ({"names": ("test1",)}, [True, False]),
        ({"names": ("train",)}, [False, False]),
        ({"names": ("train", "test1"), "labels": np.repeat([0, 1, 3], [23, 23, 24])}, [True, False]),
        ({"names": ("test1", "test2"), "labels": np.zeros(70, int)}, [True, True]),
    ],
    ids=["no baseline", "one test set", "no test set", "classes missing", "one class"],
)
def test_what_is_missing_is_left_out_or_said(options, there):
    made = made_up(**options)
    for split in made["splits"].values():
        split["calibration"] = split["selective_accuracy"] = None
    text = report.page(made)
    Page(text)
    assert [words in text for words in ("Beside the baseline", "What changed between")] == there
    assert not re.search(r"\b(nan|None|null)\b", re.sub('base64,[^"]*|<style.*?</style>', "", text, flags=re.S))
    assert "No probabilities were given" in text and "reliability" not in figures(made, "made up")


def test_of_the_training_set_alone_page_and_card_say_that_it_is_memory():
    made = made_up(("train",))
    lead, table = re.findall(r'<p class="lead">.*?</p>|<table.*?</table>', report.page(made), re.S)[:2]
    assert "memory" in lead and table.count(">memory</td>") == 2 and card.of_score(made).count("| memory") == 2


def test_titles_of_small_matrices_do_not_meet(score):
    two = score | {"about": score["about"] | {"classes": ["A", "B"]}}
    test = {"first": "test1", "difference": [[0, 0], [0, 0]], "adjusted": [[1, 1], [1, 1]]}
    tests = [test | {"second": f"test{number}"} for number in (2, 3, 4)]
    with plt.rc_context():
        style()
        figure = report_figures._differences(two | {"differences": tests})
        figure.canvas.draw()
        boxes = [ax.title.get_window_extent() for ax in figure.axes]
    assert all(one.x1 < other.x0 for one, other in pairwise(boxes))
    assert boxes[0].x0 > 0 and boxes[-1].x1 < figure.bbox.x1


def test_an_interval_that_a_single_well_narrows_is_marked(score):
    score = json.loads(json.dumps(score))
    assert "too narrow" not in report.page(score)
    score["splits"]["test1"]["fewest_wells"] = 1
    assert report.page(score).count("(too narrow)") == 1
