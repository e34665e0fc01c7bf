"""Which protein stands in which well of which plate, and how many of its cells each split gets (Table 2).

Each class has 7 plates with 8 wells each. Fourteen plates are shared between the classes, as in the paper,
where "each well is a fluorescent protein, with the configuration differing from plate to plate": eight
training plates carry each class on four of them (any two classes meet on two plates), four later plates carry
it on two, two plates under the second microscope carry it on one. Of a class's 8 wells on a training plate 6
lie inside (training and test1) and 2 at the border (test2). As every plate carries several classes, the day on which
a picture was taken tells something of its class and not much: who knew the plate of each cell, and which classes stand
there, would name 28.6 % of the classes' cells rightly, where guessing gives 14.3 %.
"""

import math
from typing import NamedTuple

import numpy as np

from coos_helpers.metrics.arguments import REAL, number, seed_of
from coos_helpers.published import CLASS_NAMES

SPLITS = ("training", "test1", "test2", "test3", "test4")
COUNTS = {"training": 41456, "test1": 10364, "test2": 17021, "test3": 32596, "test4": 30772}
ROWS, COLUMNS = 16, 24  # a 384-well plate, A01 to P24
# Relative proliferation of the seven cell lines: more divisions, more cells in the same number of pictures.
PROLIFERATION = (1.05, 0.94, 1.00, 1.08, 0.90, 1.04, 0.99)
# Training plate x carries class c where the parity of x & (c + 1) is this bit: an orthogonal array of 8 x 7.
_PARITY = (0, 1, 0, 0, 1, 1, 0)
_LATE_PAIRS = ((0, 1), (2, 3), (0, 2), (1, 3), (0, 3), (1, 2), (0, 2))


class Well(NamedTuple):
    """One well in one split: whose cells, where, and how many of them.

    split: index into SPLITS. label: class. plate: 0..13. position: row * 24 + column. border: at the plate's
    edge. home: a training plate of the same class, the well's own where it stands on one: the day that `days`
    of 0 lead back to. cells: count in this split.
    """

    split: int
    label: int
    plate: int
    position: int
    border: bool
    home: int
    cells: int

    @property
    def name(self):
        return f"{'ABCDEFGHIJKLMNOP'[self.position // COLUMNS]}{self.position % COLUMNS + 1:02d}"

    @property
    def plate_name(self):
        return f"plate-{self.plate + 1:02d}"


def minimum_scale():
    """Return the smallest `scale` at which every training well still has a cell, rounded up to a number to print."""
    return math.ceil(1e5 * 6 * 4 * len(CLASS_NAMES) / COUNTS["training"]) / 1e5


def layout(scale=1.0, seed=0):
    """Lay out the release: every well of every split, with its number of cells.

    A home well stands in training and in test1: test1's cells are other cells of the same wells.

    Parameters
    ----------
    scale : number of cells relative to Table 2's, 0.00406 to 100; a split's add up to round(scale * its count).
    seed : of the run, a whole number from 0 to 2^63 - 1.

    Returns
    -------
    {split name: [Well, ...]}, wells in the order of their plates and classes.

    Raises
    ------
    ValueError : no such scale, as one that leaves a training well empty, or no such seed.
    """
    scale = number("scale", scale, minimum_scale(), 100, REAL)
    rng = np.random.default_rng([seed_of(seed), 0])
    seats = [_seats(rng) for _ in range(14)]
    groups = {split: [] for split in SPLITS}
    for label in range(len(CLASS_NAMES)):
        home = [x for x in range(8) if (x & (label + 1)).bit_count() % 2 == _PARITY[label]]
        for plate in home:
            inside = [seats[plate][0].pop() for _ in range(6)]
            edge = [seats[plate][1].pop() for _ in range(2)]
            groups["training"] += [(label, plate, position, False, plate) for position in inside]
            groups["test2"] += [(label, plate, position, True, plate) for position in edge]
        for plate, split in [(8 + x, "test3") for x in _LATE_PAIRS[label]] + [(12 + label % 2, "test4")]:
            inside = [seats[plate][0].pop() for _ in range(8)]
            groups[split] += [(label, plate, position, False, home[i % 4]) for i, position in enumerate(inside)]
    groups["test1"] = groups["training"]
    growth = {key: rng.lognormal(0.0, 0.10) for group in groups.values() for key in sorted(group)}
    wells = {}
    for place, split in enumerate(SPLITS):
        group = sorted(groups[split], key=lambda key: (key[1], key[0], key[2]))
        cells = _share(round(scale * COUNTS[split]), group, growth)
        wells[split] = [Well(place, *key, int(n)) for key, n in zip(group, cells, strict=True)]
    return wells


def _seats(rng):
    """Return a plate's free positions, shuffled: (interior list, border list)."""
    row, column = np.divmod(np.arange(ROWS * COLUMNS), COLUMNS)
    border = (row == 0) | (row == ROWS - 1) | (column == 0) | (column == COLUMNS - 1)
    return tuple([int(p) for p in rng.permutation(np.flatnonzero(mask))] for mask in (~border, border))


def _share(total, group, growth):
    """Divide `total` cells among the classes and then among each class's wells, as their growth says."""
    weights = np.array([PROLIFERATION[label] * growth[label, *rest] for label, *rest in group])
    labels = np.array([label for label, *_ in group])
    cells = np.zeros(len(group), int)
    by_class = _apportion(total, np.bincount(labels, weights), len(group) // len(CLASS_NAMES))
    for label, part in enumerate(by_class):
        cells[labels == label] = _apportion(part, weights[labels == label], 1)
    return cells


def _apportion(total, weights, least):
    """Divide an integer by weights (largest remainders), at least `least` each as far as that goes round."""
    least = min(least, total // len(weights))
    quota = (total - least * len(weights)) * weights / weights.sum()
    parts = np.floor(quota).astype(int)
    rest = total - least * len(weights) - parts.sum()
    parts[np.argsort(parts - quota, kind="stable")[:rest]] += 1
    return parts + least
