"""Figures and tables that more than one chapter draws, all on white and readable without colour.

A `caption` is the run's, from `runs.caption`; what draws a figure gives it back.
"""

import warnings
from hashlib import blake2b
from html import escape

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.text import Text
from matplotlib.ticker import LogFormatter

from coos_helpers.metrics.scores import sensitivities
from coos_helpers.plots.axes import heatmap
from coos_helpers.representations import rescale

#: Okabe and Ito's colours, which colour-blind readers can tell apart; each split has a marker of its own as well.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#7F7F7F", "#000000", "#F0E442", "#882255")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")


def style():
    """Set what all figures share; call it once at the top of a chapter."""
    # Of names from a file: a character that the font lacks is a box, and a long name leaves less room.
    warnings.filterwarnings("ignore", "Glyph .* missing|constrained_layout not applied")
    plt.rcParams.update(
        {
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
            "figure.dpi": 110,
            "figure.constrained_layout.use": True,
            "font.size": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": False,
            "axes.prop_cycle": plt.cycler(color=COLOURS),
            "legend.frameon": False,
            "image.cmap": "gray",
            "image.interpolation": "nearest",
        }
    )


def sign(figure, caption):
    """Write the data and profile behind a figure under it, so that the picture never travels without them.

    Every word in the figure is text from now on: the dollars in a class's name enclose no formula.
    """
    figure.supxlabel(caption, x=0.01, ha="left", fontsize=7.5, color="0.35")
    for text in figure.findobj(Text):
        text.set_parse_math(False)
    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
        if isinstance(axis.get_major_formatter(), LogFormatter):  # writes powers of ten as formulas
            plt.setp(axis.get_ticklabels(which="both"), parse_math=True)


def table(frame, title, caption, formats=None):
    """Show a data frame under a title that ends with the run's caption.

    Parameters
    ----------
    frame, title : DataFrame, and what it shows.
    formats : dict from column to a format, such as `{:.2f}`; other numbers get one decimal.

    Returns
    -------
    pandas Styler, which a notebook shows.
    """
    kept = {column: form for column, form in (formats or {}).items() if column in frame}
    ident = blake2b(f"{title} {frame.to_json()}".encode(), digest_size=4).hexdigest()  # the same in every run
    plain = 'class="mathjax_ignore tex2jax_ignore"'  # a dollar in a name begins no formula
    shown = frame.style.set_uuid(ident).set_table_attributes(plain)
    shown = shown.hide(axis="index").set_caption(escape(f"{title} {caption}"))
    shown = shown.format(precision=1, na_rep="–", escape="html").format_index(escape="html", axis="columns")
    return shown.format(kept, na_rep="–", escape="html", subset=list(kept))


def sheet(images, rows, columns, caption, size=1.0, stretch=rescale.percentile):
    """Draw cells in a grid, each stretched by itself.

    Parameters
    ----------
    images : for each row, a sequence of (64, 64) images, (64, 64, 3) colours, or None where there is no cell.
    rows, columns : their titles; or, in place of the columns', a list of titles for each row.
    size : inches a cell.
    stretch : the rescaling to [0, 1]; None shows values in [0, 1] as they are.
    """
    images, columns = list(images), list(columns)
    each = isinstance(columns[0], list)
    shape = (len(rows), len(columns[0]) if each else len(columns))
    figure, axes = plt.subplots(*shape, figsize=(size * shape[1] + 1.2, size * shape[0] + 0.5), squeeze=False)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.01, hspace=0.01)
    for r, name in enumerate(rows):
        for c in range(shape[1]):
            ax = axes[r, c]
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
            image = images[r][c]
            if image is None:
                ax.text(0.5, 0.5, "no cell", ha="center", va="center", fontsize=8, transform=ax.transAxes)
            else:
                ax.imshow(stretch(image) if stretch else image, vmin=0, vmax=1)
            if each or r == 0:
                title, letters = (columns[r][c], 7) if each else (columns[c], 9)
                ax.set_title(title, fontsize=letters, pad=2 if each else 6)
            if c == 0:
                ax.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    sign(figure, caption)
    return figure


def by_split(frame, splits, caption, trainings=()):
    """Draw balanced error (percent) against splits, columns of a frame from `results.error_table`, a line a row.

    `trainings` are frames with the same rows, each of one training of the network: their errors are small points.
    """
    figure, ax = plt.subplots(figsize=(6.4, 3.6))
    for number, (_, row) in enumerate(frame.iterrows()):
        look = {"marker": MARKERS[number % len(MARKERS)], "color": COLOURS[number % len(COLOURS)]}
        ax.plot(splits, row[splits], label=f"{row['features']}, {row['model']}", **look)
        for one in trainings:
            ax.plot(splits, one.iloc[number][splits], ls="", ms=3, alpha=0.5, **look)
    ax.set(ylabel="balanced error (%)", ylim=(0, None))
    ax.axvspan(-0.3, 0.3, color="0.93", zorder=0)
    ax.margins(x=0.06)
    ax.legend(loc="upper left", fontsize=8)
    sign(figure, caption)
    return figure


def by_class(by_split, caption):
    """Draw the sensitivity (percent) of each class on each split, of a dict from split name to `Predictions`."""
    classes = next(iter(by_split.values())).class_names
    values = [sensitivities(p.labels, p.predicted, len(classes)) for p in by_split.values()]
    figure, ax = plt.subplots(figsize=(6, 0.36 * len(classes) + 1))
    heatmap(ax, 100 * np.array(values).T, classes, list(by_split), 0, 100)
    sign(figure, caption)
    return figure


def absent(words, caption):
    """Draw a figure that says in words why there is nothing to draw."""
    figure, ax = plt.subplots(figsize=(6, 0.8))
    ax.text(0, 0.5, words, va="center")
    ax.set_axis_off()
    sign(figure, caption)
    return figure
