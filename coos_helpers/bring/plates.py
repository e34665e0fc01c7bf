"""A picture of the plates of a release: which class is in which well, and in which split."""

from collections import Counter

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from coos_helpers.data.places import FORMATS, well_place
from coos_helpers.store.files import atomic

#: Colours that a colour-blind reader tells apart (Okabe and Ito 2008), and what is drawn into a well of a split.
COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#999999")
MARKS = {"train": "o", "test1": "o", "test2": "s", "test3": "^", "test4": "D"}

MOST = 60  # plates in a picture


def draw_plates(path, cells, made, class_names):
    """Draw a panel for each plate: wells coloured by class, their shape by split, as PNG.

    A well of several classes or splits is drawn as what most of its cells are; `test1`, which is of the wells of
    training, is not told from it.

    Parameters
    ----------
    path : the file to write.
    cells : dict of (N,) texts with `class`, `well`, and where they are known `plate`.
    made : `data.composition.Design` of these cells.
    class_names : K names.
    """
    split = np.where(made.split == "test1", "train", made.split)
    plate = cells.get("plate", np.full(len(split), "plates, not told apart"))
    wells = Counter(zip(*(part.tolist() for part in (plate, cells["well"], cells["class"], split)), strict=True))
    top = {}
    for (name, well, *what), _ in sorted(wells.items(), key=lambda item: (-item[1], item[0])):
        top.setdefault(name, {}).setdefault(well, what)
    names = sorted(top)[:MOST]
    across = min(3, len(names))
    down = -(-len(names) // across)
    figure = Figure(figsize=(2.8 * across, 2 * down + 0.9), layout="constrained")
    panels = np.atleast_1d(figure.subplots(down, across)).ravel()
    rows, columns = FORMATS[made.wells or _smallest(cells["well"])]
    for ax, name in zip(panels, names, strict=False):
        _draw(ax, name, top[name], made.wells, rows, columns, class_names)
    for ax in panels[len(names) :]:
        ax.set_axis_off()
    figure.legend(
        handles=_legend(class_names, set(split)), loc="outside lower center", ncols=min(5, 2 * across), fontsize=8
    )
    if len(top) > MOST:
        figure.suptitle(f"the first {MOST} of {len(top)} plates", fontsize=9)
    with atomic(path) as file:
        style = {"bbox_inches": "tight", "pad_inches": 0.1}  # long names make the legend wider than the plates
        figure.savefig(file, format="png", dpi=150, facecolor="white", metadata={"Software": None}, **style)


def _draw(ax, name, wells, plate_wells, rows, columns, class_names):
    """Draw one plate."""
    size, of = 42 * 12 / columns, _colours(class_names)
    there = {well: place for well in wells if (place := well_place(well, plate_wells))}
    for kind in MARKS:
        mine = [(place, wells[well][0]) for well, place in there.items() if wells[well][1] == kind]
        if mine:
            colours = [of[class_name] for _, class_name in mine]
            places = np.array([place for place, _ in mine])
            edge = "none" if kind == "train" else "black"
            ax.scatter(places[:, 1] + 1, places[:, 0], s=size, c=colours, marker=MARKS[kind], edgecolors=edge, lw=0.8)
    ax.set(xlim=(0.3, columns + 0.7), ylim=(rows - 0.3, -0.7), aspect="equal")
    ax.set_xticks([1, columns // 2, columns], [1, columns // 2, columns], fontsize=7)
    ax.set_yticks([0, rows - 1], ["A", chr(ord("A") + rows - 1)], fontsize=7)
    lost = len(wells) - len(there)
    ax.set_title(f"{name}{f' ({lost} wells without a place)' if lost else ''}", fontsize=8)


def _legend(class_names, splits):
    """List the colours of classes and the shapes of splits."""
    colours = _colours(class_names).items()
    dots = [Line2D([], [], ls="", marker="o", color=colour, label=name) for name, colour in colours]
    shapes = [
        Line2D([], [], ls="", marker=MARKS[kind], color="white", markeredgecolor="black",
               label="train, test1" if kind == "train" else kind)
        for kind in MARKS if kind in splits
    ]  # fmt: skip
    return dots + shapes


def _colours(class_names):
    """Give each class a colour; of many classes, no set of colours is told apart by all."""
    many = colormaps["turbo"](np.linspace(0, 1, len(class_names)))
    return dict(zip(class_names, COLOURS if len(class_names) <= len(COLOURS) else many, strict=False))


def _smallest(wells):
    """Find the smallest format that has all of some wells."""
    places = [place for place in map(well_place, np.unique(wells).tolist()) if place]
    return next(n for n, (rows, columns) in FORMATS.items() if all(r < rows and c < columns for r, c in places))
