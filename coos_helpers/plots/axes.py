"""What is drawn on one pair of matplotlib axes: boxes, matrices with their numbers, and numbers written plainly."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator, StrMethodFormatter


def boxes(ax, values, names, orientation="vertical"):
    """Draw a box for each list of values: the middle half, with whiskers from 5 to 95 %.

    Parameters
    ----------
    values : B sequences of numbers.
    names : their labels; None where another panel has them.
    orientation : `vertical` or `horizontal`; lying boxes read downwards.
    """
    ax.boxplot(values, orientation=orientation, tick_labels=names, whis=(5, 95), showfliers=False)
    if orientation == "horizontal" and not ax.yaxis_inverted():
        ax.invert_yaxis()


def heatmap(ax, values, rows, columns, low, high, cmap="viridis", form="{:.0f}", slanted=False):
    """Draw a matrix with its numbers written in; NaN stays white and is marked with a dash.

    Parameters
    ----------
    values, rows, columns : (R, C) numbers, and R and C names.
    low, high, cmap : the values at the ends of the colour map, and its name in matplotlib.
    form : a format such as `{:.1f}`, or a function from a number to its text.
    slanted : turn the columns' names.

    Returns
    -------
    The matplotlib image, for a colour bar.
    """
    write = form if callable(form) else form.format
    picture = ax.imshow(np.ma.masked_invalid(values), vmin=low, vmax=high, cmap=cmap, aspect="auto")
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    if slanted:
        plt.setp(ax.get_xticklabels(), rotation=45, ha="right", rotation_mode="anchor")
    for (r, c), value in np.ndenumerate(values):
        known = np.isfinite(value)
        colour = ink(picture.cmap(picture.norm(value))) if known else "black"
        ax.text(c, r, write(value) if known else "–", ha="center", va="center", fontsize=8, color=colour)
    return picture


def ink(ground):
    """Choose the letters that stand off more from a ground, (r, g, b) or with alpha, by WCAG's contrast."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in ground[:3]]
    return "white" if (0.05 + np.dot(linear, (0.2126, 0.7152, 0.0722))) ** 2 <= 1.05 * 0.05 else "black"


def frame(ax, cells):
    """Draw a frame around some cells of a `heatmap`, given as pairs of row and column."""
    for row, column in cells:
        for width, colour in ((3.6, "white"), (1.8, "black")):  # to be seen on any ground
            ax.add_patch(plt.Rectangle((column - 0.44, row - 0.44), 0.88, 0.88, fill=False, ec=colour, lw=width))


def signed(value):
    """Write a change as a whole number with its sign, and 0 without one: `+3`, `-12` or `0`."""
    text = f"{value:+.0f}"
    return "0" if text in ("+0", "-0") else text


def plain_log(axis, subs=(1, 2, 5)):
    """Label a logarithmic axis, `ax.xaxis` or `ax.yaxis`, with plain numbers, at multiples `subs` of powers of ten."""
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
    axis.set_minor_formatter(NullFormatter())


def plain_numbers(axis):
    """Write the ticks that are set on an axis as plain numbers, without others between them."""
    axis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
    axis.set_minor_locator(NullLocator())
