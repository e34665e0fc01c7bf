"""Simulated cells in memory: the very cells that the files hold, as many as one needs."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from joblib import cpu_count

from coos_helpers.metrics.arguments import number
from coos_helpers.simulate.conditions import conditions
from coos_helpers.simulate.factors import FACTORS, NAMES, well_effects
from coos_helpers.simulate.layout import CLASS_NAMES, COUNTS, SPLITS, layout

PLACE = (  # truths that are not factors: (name, unit, meaning)
    ("cell_cycle", "1", "phase of the cell, 0 just divided to 1 about to divide"),
    ("field_x", "1", "place in the camera's field, -1 left to 1 right"),
    ("field_y", "1", "place in the camera's field, -1 top to 1 bottom"),
    ("true_class", "1", "class that the cell is of, 0 to 6, whatever its label says"),
)


class Drawn(NamedTuple):
    """Hold cells in memory, in the order of a file, and the truth about each.

    Parameters
    ----------
    images : (n, 2, 64, 64) uint16, channel 0 protein, channel 1 nucleus.
    labels : (n,) int64.
    plate, well : (n,) str.
    truth : {name: (n,) float64}: every factor in the unit of `FACTORS`, and those of `PLACE`.
    """

    images: np.ndarray
    labels: np.ndarray
    plate: np.ndarray
    well: np.ndarray
    truth: dict

    @property
    def well_ids(self):
        """Name each cell's physical well, (n,) str as `plate/well`."""
        return np.char.add(np.char.add(self.plate, "/"), self.well)


def draw(split, cells, seed=0, shift=None, days=1.0, label_noise=0.0, contamination=0.0):
    """Draw some cells of a split into memory, without a file.

    They are the first cells of each well, as evenly over the classes and their wells as `cells` allows; the file of the
    same seed holds the very same ones. Whatever the conditions, the random numbers are the same, so that the n-th cell
    of two calls is one cell under two conditions.

    Parameters
    ----------
    split : `train` (or `training`), `test1` ... `test4`.
    cells : number of cells, 1 or more.
    seed : of the simulation, a whole number from 0 to 2^63 - 1.
    shift : {factor name: size}, or one number for all factors: how far test2, test3 and test4 are displaced from
        training. 0 is not at all, 1 as `FACTORS` says (the default of every factor), more goes beyond; -2 to 16.
    days : whose days the wells are under, 0 to 1: 1, their own; 0, days of the training set. Test3 with a shift of 0 is
        other days of the same kind as training's; with days of 0 as well, it is other wells of the training days.
    label_noise : share of the cells whose label is another class's, each class as likely, 0 to 1.
    contamination : share of the wells in which another class has grown as well, 0 to 1; three cells in ten are of it.
        Both leave the cells' own class in `truth["true_class"]`.

    Returns
    -------
    Drawn : the cells, in the order of a file.

    Raises
    ------
    ValueError : an argument that cannot be used.
    """
    under = conditions(shift, days, label_noise, contamination)
    tasks = [(seed, under, well, 0, n) for well, n in choose_cells(split, cells, seed)]
    parts = list(in_order(draw_batch, tasks, cpu_count()))
    images, labels, truths = (np.concatenate(kind) for kind in zip(*parts, strict=True))
    names = (*NAMES, *(name for name, *_ in PLACE))
    counts = [n for *_, n in tasks]
    return Drawn(
        images=images,
        labels=labels,
        plate=np.repeat([task[2].plate_name for task in tasks], counts),
        well=np.repeat([task[2].name for task in tasks], counts),
        truth=dict(zip(names, truths.T.copy(), strict=True)),
    )


def draw_batch(seed, under, well, first, cells):
    """Draw `cells` cells of a well from index `first` on, under Conditions.

    Returns counts (n, 2, 64, 64) uint16, labels (n,) int64, truth (n, F + P) float64, the factors and `PLACE`.
    """
    # It loads the compiler, and a finished release is recognised without it.
    from coos_helpers.simulate.experiment import draw_specimen, picture  # here for that

    effects = well_effects(seed, well, under.sizes, under.days)
    counts, labels = np.empty((cells, 2, 64, 64), np.uint16), np.empty(cells, np.int64)
    truth = np.empty((cells, len(FACTORS) + len(PLACE)))
    for i in range(cells):
        specimen = draw_specimen(seed, well, first + i, effects, under)
        counts[i], labels[i] = picture(specimen), specimen.label
        truth[i] = (*specimen.values.values(), specimen.scene.cycle, *specimen.field, specimen.true_class)
    return counts, labels, truth


def in_order(function, tasks, jobs):
    """Yield function(*task) for each task in turn, working ahead in threads by no more than two tasks each.

    Threads suffice: the drawing is compiled and lets go of the interpreter's lock, and nothing has to be copied.
    """
    pool = ThreadPoolExecutor(jobs)
    waiting = deque()
    try:
        for task in tasks:
            waiting.append(pool.submit(function, *task))
            if len(waiting) > 2 * jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def split_number(split):
    """Return a split's index in SPLITS; `train` is the training split; ValueError if it is none."""
    name = "training" if split == "train" else split
    if name not in SPLITS:
        raise ValueError(f"found the split {split!r}; expected train, test1, test2, test3 or test4")
    return SPLITS.index(name)


def choose_cells(split, cells, seed):
    """Say how many cells to take of each well of a split, as evenly as can be: [(well, n), ...] for n of 1 or more."""
    wells = layout(1.0, seed)[SPLITS[split_number(split)]]
    number("cells", cells, 1, max(COUNTS.values()))
    shares = np.zeros(len(wells), int)
    for label in range(len(CLASS_NAMES)):
        mine = np.array([i for i, well in enumerate(wells) if well.label == label])
        total = int(cells) // len(CLASS_NAMES) + (label < int(cells) % len(CLASS_NAMES))
        # Multiples of total / wells, rounded: what does not go round is spread over the plates.
        shares[mine] = np.diff(np.arange(len(mine) + 1) * total // len(mine))
    least = min(range(len(wells)), key=lambda i: wells[i].cells - shares[i])
    if shares[least] > wells[least].cells:
        raise ValueError(f"found {cells} cells; well {wells[least].name} of {split} has only {wells[least].cells}")
    return [(well, int(n)) for well, n in zip(wells, shares, strict=True) if n]
