"""What must hold of what is drawn on axes: numbers are those that were given, and written as a reader would."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from coos_helpers import plots


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.mark.parametrize(
    "value, text",
    [
        (0, "0"),
        (0.5, "0"),
        (-0.5, "0"),
        (1.5, "+2"),
        (-2.5, "-2"),
        (0.51, "+1"),
        (-0.51, "-1"),
        (12.4, "+12"),
        (-99.6, "-100"),
    ],
)
def test_a_change_is_written_with_its_sign_and_none_without(value, text):
    assert plots.signed(value) == text


def test_numbers_in_a_heatmap_are_written_as_a_function_says():
    _, ax = plt.subplots()
    plots.heatmap(ax, np.array([[0.2, -7], [np.nan, 3]]), ["a", "b"], ["c", "d"], -10, 10, form=plots.signed)
    written = {text.get_position(): text.get_text() for text in ax.texts}
    assert written == {(0, 0): "0", (1, 0): "-7", (0, 1): "\N{EN DASH}", (1, 1): "+3"}


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


@pytest.mark.parametrize("orientation, upside_down", [("vertical", False), ("horizontal", True)])
def test_boxes_read_downwards_where_they_lie_and_show_the_middle_half(orientation, upside_down):
    _, ax = plt.subplots()
    plots.boxes(ax, [np.arange(101), np.arange(101) + 50], ["a", "b"], orientation)
    assert ax.yaxis_inverted() == upside_down
    assert [label.get_text() for label in (ax.yaxis if upside_down else ax.xaxis).get_ticklabels()] == ["a", "b"]
    along = [line.get_xdata() if upside_down else line.get_ydata() for line in ax.lines]
    assert {(min(of), max(of)) for of in along} >= {(25, 75), (5, 25), (75, 95), (75, 125)}


def test_logarithmic_axes_have_plain_numbers():
    _, ax = plt.subplots()
    ax.set(xscale="log", yscale="log", xlim=(0.5, 3000), ylim=(1, 10))
    plots.plain_log(ax.xaxis)
    ax.set_yticks([1, 3, 10])
    plots.plain_numbers(ax.yaxis)
    ax.figure.canvas.draw()
    written = [label.get_text() for label in ax.get_xticklabels()]
    assert {"0.5", "1", "20", "1,000"} < set(written)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["1", "3", "10"]
    assert not len(ax.yaxis.get_minorticklocs())
