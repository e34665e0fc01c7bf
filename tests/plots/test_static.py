"""What must hold of figures: the numbers in them are those of the predictions."""

import dataclasses
import io
import re
import warnings
from html import unescape

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from conftest import memory_split
from hostile import CLASSES, SOURCES
from matplotlib.text import Text
from sklearn.metrics import recall_score

from coos_helpers import plots, results
from coos_helpers.data.validate import as_source
from coos_helpers.representations import rescale
from coos_helpers.runs import Run

#: What stands in a caption is cut by `runs.caption`.
SHORT = {name: as_source(SOURCES[name])[:200] for name in ("a formula", "a script", "other letters", "one long word")}


def row(said):
    return pd.DataFrame([{"features": said, "model": said, "train": 1.0, said: 2.0}])


@pytest.fixture
def made():
    release = {"train": memory_split(70), "test1": memory_split(60, labels=np.arange(60) % 6)}
    rng = np.random.default_rng(0)
    scores = {name: np.eye(7)[split.labels] + rng.random((len(split), 7)) * 2 for name, split in release.items()}
    yield results.evaluate_network(Run("made-up", "smoke", {}), release, scores, "deeploc")
    plt.close("all")


def test_sensitivities_by_class_are_drawn_in_percent_and_an_absent_class_as_a_dash(made):
    figure = plots.by_class(made, "Made up.")
    (ax,) = figure.axes
    assert [label.get_text() for label in ax.get_yticklabels()] == list(made["train"].class_names)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["train", "test1"]
    written = {text.get_position(): text.get_text() for text in ax.texts}
    assert len(written) == 14
    for column, (name, p) in enumerate(made.items()):
        recall = recall_score(p.labels, p.predicted, labels=range(7), average=None, zero_division=np.nan)
        for row in range(7):
            absent = name == "test1" and row == 6
            assert written[column, row] == ("\N{EN DASH}" if absent else f"{100 * recall[row]:.0f}")
    assert figure.get_supxlabel() == "Made up."


def test_where_there_is_nothing_to_draw_the_figure_says_so_and_is_signed(styled):
    figure = plots.absent("No such model.", "Made up.")
    (ax,) = figure.axes
    assert [text.get_text() for text in ax.texts] == ["No such model."] and not ax.axison
    assert figure.get_supxlabel() == "Made up."


FIGURES = {
    "sheet": lambda made, said: plots.sheet([[np.zeros((64, 64))]] * 7, CLASSES, [said], said),
    "by class": lambda made, said: plots.by_class({said: made["train"]}, said),
    "by split": lambda made, said: plots.by_split(row(said), ["train", said], said),
    "absent": lambda made, said: plots.absent(said, said),
}


@pytest.mark.parametrize("said", SHORT.values(), ids=SHORT.keys())
@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES.keys())
def test_what_a_file_says_is_drawn_as_text_in_every_figure(styled, made, figure, said):
    made = {name: dataclasses.replace(p, class_names=CLASSES) for name, p in made.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plots.style()
        drawn = figure(made, said)
        drawn.savefig(io.BytesIO(), bbox_inches="tight")
    assert drawn.get_supxlabel() == said
    assert not [text.get_text() for text in drawn.findobj(Text) if text.get_parse_math() and "$" in text.get_text()]


def test_powers_of_ten_on_a_logarithmic_axis_stay_formulas(styled):
    figure, ax = plt.subplots()
    ax.plot([1, 1e6], [1, 2], label="$x$")
    ax.set(xscale="log", title="$y$")
    ax.legend()
    plots.sign(figure, "$z$")
    figure.canvas.draw()
    formulas = [text.get_text() for text in figure.findobj(Text) if text.get_parse_math() and "$" in text.get_text()]
    assert formulas and all("10^" in text for text in formulas)


@pytest.mark.parametrize("said", SOURCES.values(), ids=SOURCES.keys())
def test_what_a_file_says_is_text_in_every_part_of_a_table(said):
    said = as_source(said)
    frame = pd.DataFrame([[said, 0.26, 3]], columns=[f"{said} a", f"{said} b", "n"])
    html = plots.table(frame, said, said, {f"{said} b": "{:.2f}"}).to_html()
    cells = [re.sub(r"\s+", " ", unescape(found)).strip() for found in re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", html)]
    assert cells == [f"{said} a", f"{said} b", "n", said, "0.26", "3"]
    assert unescape(re.search("<caption>([^<]*)</caption>", html)[1]) == f"{said} {said}"


@pytest.fixture
def styled():
    """Draw as chapters do."""
    with plt.rc_context():
        plots.style()
        yield
    plt.close("all")


def test_a_sheet_may_have_a_title_for_each_picture(styled):
    images = [[np.full((64, 64), 0.3), np.full((64, 64), 0.6)], [np.full((64, 64), 0.9), None]]
    titles = [["0.99", "0.98"], ["0.51", ""]]
    figure = plots.sheet(images, ["one", "two"], titles, "Made up.", stretch=None)
    assert [ax.get_title() for ax in figure.axes] == ["0.99", "0.98", "0.51", ""]
    assert [ax.get_ylabel() for ax in figure.axes] == ["one", "", "two", ""]
    assert [text.get_text() for text in figure.axes[3].texts] == ["no cell"]
    for ax, value in zip(figure.axes, (0.3, 0.6, 0.9), strict=False):
        (picture,) = ax.images
        assert picture.get_array().max() == value and picture.get_clim() == (0, 1)
    assert figure.get_supxlabel() == "Made up."


def test_a_sheet_with_titles_of_columns_has_them_once_and_stretches_each_picture(styled):
    images = np.random.default_rng(0).integers(0, 65536, (2, 3, 64, 64), np.uint16)
    figure = plots.sheet(images, ["one", "two"], ["a", "b", "c"], "Made up.")
    assert [ax.get_title() for ax in figure.axes] == ["a", "b", "c", "", "", ""]
    for ax, image in zip(figure.axes, images.reshape(-1, 64, 64), strict=True):
        np.testing.assert_array_equal(ax.images[0].get_array(), rescale.percentile(image))


@pytest.mark.parametrize("titles", [["x"] * 3, [["x"] * 3] * 4], ids=["columns", "pictures"])
def test_the_pictures_of_a_sheet_are_as_large_as_asked_whatever_their_titles(styled, titles):
    figure = plots.sheet([[np.zeros((64, 64))] * 3] * 4, "abcd", titles, "", 2.0)
    assert figure.get_size_inches().tolist() == [7.2, 8.5]
