"""What must hold of figures: the numbers in them are those of the predictions."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import memory_split
from sklearn.metrics import recall_score

from coos_helpers import plots, predictions, rescale
from coos_helpers.profiles import Run


@pytest.fixture
def made():
    release = {"train": memory_split(70), "test1": memory_split(60, labels=np.arange(60) % 6)}
    rng = np.random.default_rng(0)
    scores = {name: np.eye(7)[split.labels] + rng.random((len(split), 7)) * 2 for name, split in release.items()}
    yield predictions.end_to_end(Run("made-up", "smoke", {}), release, scores, "deeploc")
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


@pytest.mark.parametrize(
    "value, text", [(0, "0"), (0.49, "0"), (-0.49, "0"), (0.51, "+1"), (-0.51, "-1"), (12.4, "+12"), (-99.6, "-100")]
)
def test_a_change_is_written_with_its_sign_and_none_without(value, text):
    assert plots.signed(value) == text


@pytest.mark.parametrize("value", [0.5, -0.5, 1.5, -2.5])
def test_no_change_is_written_as_a_signed_zero(value):
    assert plots.signed(value).lstrip("+-") != "0" or plots.signed(value) == "0"


def test_numbers_in_a_heatmap_are_written_as_a_function_says():
    _, ax = plt.subplots()
    plots.heatmap(ax, np.array([[0.2, -7], [np.nan, 3]]), ["a", "b"], ["c", "d"], -10, 10, form=plots.signed)
    written = {text.get_position(): text.get_text() for text in ax.texts}
    assert written == {(0, 0): "0", (1, 0): "-7", (0, 1): "\N{EN DASH}", (1, 1): "+3"}
    plt.close("all")


def test_a_frame_is_drawn_around_each_cell_that_is_named_and_inside_its_bounds():
    _, ax = plt.subplots()
    plots.frame(ax, [(0, 2), (1, 0)])
    assert len(ax.patches) == 4  # black on white, to be seen on any ground
    for patch, (row, column) in zip(ax.patches, [(0, 2), (0, 2), (1, 0), (1, 0)], strict=True):
        box = patch.get_bbox()
        assert np.allclose([(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2], [column, row])
        assert 0.8 < box.width < 1 and 0.8 < box.height < 1 and not patch.get_fill()
    plots.frame(ax, [])
    assert len(ax.patches) == 4
    plt.close("all")


def test_where_there_is_nothing_to_draw_the_figure_says_so_and_is_signed():
    figure = plots.absent("No such model.", "Made up.")
    (ax,) = figure.axes
    assert [text.get_text() for text in ax.texts] == ["No such model."] and not ax.axison
    assert figure.get_supxlabel() == "Made up."
    plt.close("all")


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


def test_a_sheet_with_titles_of_columns_has_them_once(styled):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 65536, (2, 3, 64, 64), np.uint16)
    figure = plots.sheet(images, ["one", "two"], ["a", "b", "c"], "Made up.")
    assert [ax.get_title() for ax in figure.axes] == ["a", "b", "c", "", "", ""]
    for ax, image in zip(figure.axes, images.reshape(-1, 64, 64), strict=True):
        np.testing.assert_array_equal(ax.images[0].get_array(), rescale.percentile(image))


def test_the_pictures_of_a_sheet_are_as_large_as_asked_whatever_their_titles(styled):
    images = [[np.zeros((64, 64))] * 3] * 4
    sizes = [plots.sheet(images, "abcd", titles, "", 2.0).get_size_inches() for titles in (["x"] * 3, [["x"] * 3] * 4)]
    assert sizes[0].tolist() == sizes[1].tolist() == [7.2, 8.5]
