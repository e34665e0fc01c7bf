"""Under which conditions cells are drawn: how far from training, on whose days, and what goes wrong with classes."""

from typing import NamedTuple

import numpy as np

from coos_helpers.metrics.arguments import REAL, number
from coos_helpers.published import CLASS_NAMES
from coos_helpers.simulate.factors import shift_sizes

STRANGERS = 0.3  # share of a contaminated well's cells that belong to the other class
_WELL_KEY, _CELL_KEY = 4, 5  # keep these generators apart from those of `factors`


class Conditions(NamedTuple):
    """Hold what `simulate` and `draw` were asked for, checked; `sizes` is (F,), in the order of `FACTORS`."""

    sizes: np.ndarray
    days: float
    label_noise: float
    contamination: float


def conditions(shift=None, days=1.0, label_noise=0.0, contamination=0.0):
    """Check the conditions that `draw` explains and give them as `Conditions`; ValueError for one that cannot be."""
    shares = {"days": days, "label_noise": label_noise, "contamination": contamination}
    return Conditions(shift_sizes(shift), *(number(name, share, 0, 1, REAL) for name, share in shares.items()))


def classes_of(seed, well, index, under):
    """Say what a cell is and what it is called: (true class, label).

    seed: the run's. well: `layout.Well`. index: of the cell in its well and split. under: Conditions. More noise or
    contamination leaves every cell as it was that was wrong before.
    """
    if not under.label_noise and not under.contamination:
        return well.label, well.label
    dish = np.random.default_rng([seed, _WELL_KEY, well.plate, well.position])
    cell = np.random.default_rng([seed, _CELL_KEY, well.split, well.plate, well.position, index])
    stranger, wrong = cell.random(2) < (STRANGERS, under.label_noise)
    stranger &= dish.random() < under.contamination
    classes = len(CLASS_NAMES)
    true_class, label = (
        int(well.label + other * rng.integers(1, classes)) % classes for other, rng in ((stranger, dish), (wrong, cell))
    )
    return true_class, label
