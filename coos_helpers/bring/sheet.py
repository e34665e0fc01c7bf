"""The contact sheet: some fields with the outlines of their nuclei, and some crops of each class, in one picture."""

import io
import math
from collections import defaultdict

import numpy as np
from matplotlib.figure import Figure
from skimage.segmentation import find_boundaries

from coos_helpers.store.files import atomic

FIELDS = 6  # shown at most; those with warnings first
CLASSES, CROPS = 12, 8  # classes shown at most, and crops of each
KEPT, LEFT = "#E69F00", "#56B4E9"


def write(path, fields, cropped, see):
    """Draw the contact sheet as a PNG image.

    Parameters
    ----------
    path : of the image.
    fields, cropped : a `Field` and a `Cropped` of each field.
    see : function from a field to its counts (2, H, W), the nuclei's centres (n, 2), and labels (H, W) or None.
    """
    shown = _choose(fields, cropped)
    of_class = _crops(fields, cropped)
    columns = min(len(shown), 3)
    rows = math.ceil(len(shown) / columns)
    figure = Figure((5 * columns, 5.3 * rows + 1.7 * len(of_class)), facecolor="white", layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(5.3 * rows, 1.7 * len(of_class)))
    for ax, index in zip(above.subplots(rows, columns, squeeze=False).flat, [*shown, *[None] * FIELDS], strict=False):
        ax.set_axis_off()
        if index is not None:
            _draw_field(ax, fields[index], cropped[index], *see(fields[index]))
    above.suptitle("Nucleus channel: outlines, centres of crops (orange), nuclei left out (blue)", fontsize=9)
    for (name, crops), one in zip(of_class.items(), np.atleast_1d(below.subfigures(len(of_class), 1)), strict=True):
        one.suptitle(f"{name}: protein above, nucleus below", fontsize=9, parse_math=False)
        for ax, image in zip(one.subplots(2, CROPS).T.ravel(), crops.reshape(-1, 64, 64), strict=False):
            ax.imshow(_stretched(image), cmap="gray", vmin=0, vmax=1)
        for ax in one.axes:
            ax.set_axis_off()
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
        found[name] = np.concatenate([np.load(one.path)["images"][:each] for one in chosen])[:CROPS]
    return found


def _draw_field(ax, field, one, counts, centres, labels):
    """Draw a field's nuclei; a large field is drawn at half its size or less."""
    step = math.ceil(max(one.shape) / 1200)
    image = _stretched(counts[1, ::step, ::step])
    colours = np.repeat(image[..., None], 3, axis=2)
    if labels is not None:
        colours[find_boundaries(labels[::step, ::step], mode="outer")] = (0.84, 0.37, 0.0)
    height, width = one.shape
    ax.imshow(colours, extent=(-0.5, width - 0.5, height - 0.5, -0.5), interpolation="antialiased")
    kept = {tuple(point) for point in one.centres}
    colour = [KEPT if tuple(point) in kept else LEFT for point in centres]
    if len(centres):
        ax.scatter(*centres.T, s=4, c=colour, linewidths=0)
    title = f"{field.name} ({field.known['class']}): {len(one.centres)} cells, {one.left_out} left out"
    ax.set_title("\n".join([title, *one.warnings]), fontsize=8, parse_math=False)


def _stretched(image):
    """Rescale an image to [0, 1] between its darkest and its brightest percent; roots show what is dim."""
    low, high = np.percentile(image, (1, 99.8))
    return np.sqrt(np.clip((image - low) / max(high - low, 1), 0, 1))
