"""The figures of a report, drawn from the numbers of a score alone, as pictures that a page holds in itself."""

import base64
import io
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np

from coos_helpers.plots.axes import frame, heatmap, signed
from coos_helpers.plots.static import COLOURS, MARKERS, sign, style

SURE = 0.05  # p-values below it, after Holm's correction, are framed
ACROSS = 3  # matrices in a row
NARROWEST = 1.9  # inches of a matrix, so that its title has room
LETTERS = 15  # of a caption, for each inch of its figure


def figures(score, caption):
    """Draw all figures of a report.

    Parameters
    ----------
    score : dict as `results.score` gives it. caption : what is written under each figure: the data.

    Returns
    -------
    dict from a figure's name to the address of its picture, an SVG in itself; without those that need what is missing.
    """
    drawn = {"errors": _errors, "confusion": _confusion, "differences": _differences}
    drawn |= {"reliability": _reliability, "selective": _selective}
    made = {}
    with plt.rc_context({"svg.hashsalt": "score"}):
        style()
        for name, draw in drawn.items():
            if (figure := draw(score)) is not None:
                sign(figure, fill(caption, round(LETTERS * figure.get_figwidth())))
                file = io.BytesIO()
                figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
                plt.close(figure)
                made[name] = f"data:image/svg+xml;base64,{base64.b64encode(file.getvalue()).decode()}"
    return made


def numbers(values):
    """Turn lists with None for what is unknown into an array with NaN."""
    return np.array(
        [numbers(one) if isinstance(one, list) else np.nan if one is None else one for one in values], float
    )


def tests(score):
    """List the test sets of a score; the training set stands in where there is none."""
    return [name for name in score["splits"] if name != "train"] or list(score["splits"])


def _errors(score):
    """Draw the error on each test set with both intervals, and the baseline's."""
    names, base = tests(score), score["baseline"] or {"splits": {}}
    figure, ax = plt.subplots(figsize=(6.4, 0.42 * len(names) + 1.3))
    for at, name in enumerate(names):
        error = score["splits"][name]["balanced_error"]
        for ends, width in ((error["other_wells"], 3.5), (error["another_plate"], 1)):
            if ends:
                ax.hlines(at, *ends, lw=width, color=COLOURS[0])
        ax.plot(error["value"], at, "o", color=COLOURS[0], label=None if at else score["about"]["name"][:60])
    there = [(at, base["splits"][name]["error"]) for at, name in enumerate(names) if name in base["splits"]]
    if there:
        ax.plot([error for _, error in there], [at for at, _ in there], "x", color="black", label=base["name"])
    ax.set_yticks(range(len(names)), names)
    ax.set(xlabel="balanced error (%)", xlim=(0, None), ylim=(len(names) - 0.5, -0.5))
    figure.legend(loc="outside upper left", fontsize=8, ncols=2)
    return figure


def _matrices(panels, classes, draw):
    """Draw a matrix of classes a panel, some in a row: `draw` is given the axes and what a panel holds."""
    if not panels:
        return None
    across = min(ACROSS, len(panels))
    down = -(-len(panels) // across)
    size = (max(0.34 * len(classes), NARROWEST) * across + 2.2, (0.34 * len(classes) + 1.5) * down + 0.3)
    figure, axes = plt.subplots(down, across, figsize=size, squeeze=False)
    for number, ax in enumerate(axes.flat):
        if number >= len(panels):
            ax.set_axis_off()
            continue
        title, held = panels[number]
        draw(ax, held)
        ax.set(title=title, xlabel="called")
        if number % across:
            ax.set_yticks([])
        else:
            ax.set_ylabel("true class")
    return figure


def _confusion(score):
    classes = score["about"]["classes"]

    def draw(ax, split):
        counts = np.array(split["confusion"], float)
        total = counts.sum(1, keepdims=True)
        shares = np.divide(100 * counts, total, out=np.full(counts.shape, np.nan), where=total > 0)
        heatmap(ax, shares, classes, classes, 0, 100, cmap="Blues", slanted=True)
        frame(ax, [(classes.index(e["true"]), classes.index(e["called"])) for e in split["common_errors"]])

    return _matrices([(name, score["splits"][name]) for name in tests(score)], classes, draw)


def _differences(score):
    classes = score["about"]["classes"]

    def draw(ax, test):
        change, surely = numbers(test["difference"]), numbers(test["adjusted"]) < SURE
        heatmap(ax, change, classes, classes, -50, 50, cmap="PuOr", form=signed, slanted=True)
        frame(ax, np.argwhere(surely))

    panels = [(f"{test['second']} minus {test['first']}", test) for test in score["differences"]]
    return _matrices(panels, classes, draw)


def _reliability(score):
    known = [(n, c) for n in tests(score) if (c := score["splits"][n]["calibration"])]
    if not known:
        return None
    figure, ax = plt.subplots(figsize=(4.6, 4))
    ax.plot([0, 100], [0, 100], "--", color="0.6", lw=1)
    for number, (name, calibration) in enumerate(known):
        claimed, right = (numbers(calibration["reliability"][part]) for part in ("confidence", "accuracy"))
        there = np.isfinite(claimed)
        ax.plot(claimed[there], right[there], label=name, ms=4, **_look(number))
    ax.set(xlabel="confidence (%)", ylabel="right (%)", xlim=(0, 101), ylim=(0, 101))
    ax.legend(fontsize=8)
    return figure


def _selective(score):
    known = [(n, s) for n in tests(score) if (s := score["splits"][n]["selective_accuracy"])]
    if not known:
        return None
    figure, ax = plt.subplots(figsize=(4.6, 3.4))
    for number, (name, points) in enumerate(known):
        at, right = ([point[part] for point in points] for part in ("answered", "right"))
        ax.plot(at, right, label=name, ms=4, markevery=4, **_look(number))
    ax.set(xlabel="answered (%), the surest first", ylabel="right of those (%)", xlim=(0, 101))
    ax.legend(fontsize=8)
    return figure


def _look(number):
    return {"marker": MARKERS[number % len(MARKERS)], "color": COLOURS[number % len(COLOURS)]}
