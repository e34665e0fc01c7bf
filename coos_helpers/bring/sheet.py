"""The contact sheet: some fields with the outlines of their nuclei, and some crops of each class, in one picture."""

import io
import math
from collections import defaultdict

import numpy as np
from matplotlib.figure import Figure
from skimage.segmentation import find_boundaries

from coos_helpers.store.files import atomic

FIELDS = 4  # shown at most; those with warnings first
WINDOW = 720  # pixels of a field that are shown: its middle
CLASSES, CROPS = 20, 14  # classes shown at most, and crops of each
KEPT, LEFT, OUTLINE = "#F0E442", "#56B4E9", (0.84, 0.37, 0.0)


def write(path, fields, cropped, see):
    """Draw the contact sheet as a PNG image.

    Parameters
    ----------
    path : of the image.
    fields, cropped : a `Field` and a `Cropped` of each field.
    see : function from a field to its counts (2, H, W), the nuclei's centres (n, 2), and labels (H, W) or None.
    """
    shown, of_class = _choose(fields, cropped), _crops(fields, cropped)
    columns = min(len(shown), 2)
    rows = math.ceil(len(shown) / columns)
    heights = (7.4 * rows, 2.3 * len(of_class))
    figure = Figure((14, sum(heights)), facecolor="white", layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=heights)
    axes = above.subplots(rows, columns, squeeze=False).flat
    for ax, index in zip(axes, shown, strict=False):
        _draw_field(ax, fields[index], cropped[index], *see(fields[index]))
    for ax, (name, crops) in zip(below.subplots(len(of_class), 1, squeeze=False).flat, of_class.items(), strict=True):
        ax.imshow(_strip(crops), cmap="gray", vmin=0, vmax=1)
        ax.set_title(f"{name}: protein above, nucleus below", fontsize=9, loc="left", parse_math=False)
    for ax in (*axes, *below.axes, *above.axes):
        ax.set_axis_off()
    said = "Nucleus channel, in roots: outlines, centres of crops (yellow), nuclei too near the edge (blue)"
    above.suptitle(said, fontsize=9)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=130, metadata={"Software": None})
    with atomic(path) as file:
        file.write(content.getvalue())


def _choose(fields, cropped):
    """Choose fields to show: those with warnings, then the first of each class in turn, in the table's order."""
    turn, seen = [], defaultdict(int)
    for index, (field, one) in enumerate(zip(fields, cropped, strict=True)):
        seen[field.known["class"]] += 1
        turn.append((not one.warnings, seen[field.known["class"]], index))
    return sorted(index for *_, index in sorted(turn)[:FIELDS])


def _crops(fields, cropped):
    """Take some crops of each class, from as many of its fields: dict from class to (n, 2, 64, 64)."""
    of_class = defaultdict(list)
    for field, one in zip(fields, cropped, strict=True):
        if len(one.centres):
            of_class[field.known["class"]].append(one)
    found = {}
    for name, ones in sorted(of_class.items())[:CLASSES]:
        chosen = ones[:: math.ceil(len(ones) / CROPS)]
        each = math.ceil(CROPS / len(chosen))
        found[name] = np.concatenate([_spread(np.load(one.path)["images"], each) for one in chosen])[:CROPS]
    return found


def _spread(crops, n):
    """Take n crops of a field, evenly from its top to its bottom."""
    return crops[:: max(len(crops) // n, 1)][:n]


def _draw_field(ax, field, one, counts, centres, labels):
    """Draw the middle of a field, its nuclei, and what is odd about it."""
    top, left = ((length - min(length, WINDOW)) // 2 for length in one.shape)
    window = slice(top, top + WINDOW), slice(left, left + WINDOW)
    image = _stretched(counts[1][window])
    colours = np.repeat(image[..., None], 3, axis=2)
    if labels is not None:
        colours[find_boundaries(labels[window], mode="outer")] = OUTLINE
    ax.imshow(colours)
    kept = {tuple(point) for point in one.centres}
    places = centres - (left, top)
    shown = ((places >= 0) & (places < image.shape[::-1])).all(1)
    colour = [KEPT if tuple(point) in kept else LEFT for point in centres[shown]]
    ax.scatter(*places[shown].T, s=6, c=colour, linewidths=0)
    title = f"{field.name} ({field.known['class']}): {len(one.centres)} cells, {one.left_out} left out"
    title += f"; the middle {WINDOW} pixels" if max(one.shape) > WINDOW else ""
    ax.set_title("\n".join([title, *one.warnings]), fontsize=8, parse_math=False)


def _strip(crops):
    """Lay crops (n, 2, 64, 64) side by side on white, each stretched by itself: the protein above the nucleus."""
    strip = np.ones((2 * 66, CROPS * 66), np.float32)
    for i, crop in enumerate(crops):
        for channel, image in enumerate(crop):
            strip[66 * channel : 66 * channel + 64, 66 * i : 66 * i + 64] = _stretched(image)
    return strip


def _stretched(image):
    """Rescale an image to [0, 1] between its darkest and its brightest percent; roots show what is dim."""
    low, high = np.percentile(image, (1, 99.8))
    return np.sqrt(np.clip((image - low) / max(high - low, 1), 0, 1))
