"""Split cells as the paper did, so that each test set differs from training in one way more (section 2.2)."""

from datetime import datetime

import numpy as np

from coos_helpers.data.composition import Lack, describe, listed
from coos_helpers.data.places import at_border, plate_format

#: What each split is, where `design` makes it.
RULES = {
    "train": "what is left",
    "test1": "a random fifth of each class's cells that are left",
    "test2": "the wells at the border of the plates that are left",
    "test3": "the two latest days of each class (one, where there are two)",
    "test4": "other microscopes than that of `train`",
}

ELSE = "Bring more cells of such a class, leave it out, or write a column `split` of your own."


def design(cells, wells=None):
    """Split cells by the paper's rules, as far as what is known of them goes.

    Cells of another microscope than that of most plates are `test4`. Of the others, the two latest days of each class
    are `test3`; one, where a class has two. Of the plates that are left, wells at the border are `test2`. A random
    fifth of each class's cells that are left is `test1`, and the rest is `train`. A rule that lacks what it needs is
    left out, and the design says so.

    Parameters
    ----------
    cells : dict of (N,) texts: `class`, and where they are known `plate`, `well`, `date` (as 2024-03-31) and
        `microscope`.
    wells : how many a plate has: 96 or 384; read from the wells' names where None.

    Returns
    -------
    Design

    Raises
    ------
    ValueError : a class would be left out of training, a date is none, or as `places.plate_format` has it.
    """
    known = {name: np.asarray(values, str) for name, values in cells.items()}
    classes, left = known["class"], np.ones(len(known["class"]), bool)  # what no rule has taken
    wells = plate_format(known.get("well", np.array([])).tolist(), wells, known.get("plate", np.array([])).tolist())
    split, lacks = np.full(len(left), "train", "U5"), []
    for name, rule in {"test4": _microscope, "test3": _dates, "test2": _border, "test1": _random}.items():
        taken, missing = rule(known, left, wells)
        lacks += [Lack(name, *lack) for lack in missing]
        split[taken] = name
        left &= ~taken
        _check_training(classes, left, name)
    return describe(cells | {"split": split}, wells, lacks)


def as_date(text):
    """Read the day from a date as ISO 8601 writes it, such as 2024-03-31; None where it is none."""
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        return None


def _microscope(known, left, wells):
    """Take the cells of other microscopes than that of most plates, of those that have all classes."""
    if "microscope" not in known or len(names := np.unique(known["microscope"])) == 1:
        return np.zeros_like(left), [
            ("", "all cells are of one microscope" if "microscope" in known else "no microscope is known")
        ]
    classes = set(known["class"])
    whole = [name for name in names if set(known["class"][known["microscope"] == name]) == classes]
    if not whole:
        found = "; ".join(f"{n} has {listed(np.unique(known['class'][known['microscope'] == n]))}" for n in names)
        raise ValueError(f"found no microscope with all classes ({found}); expected one to train with. {ELSE}")
    plates = known.get("plate", known["class"])
    size = {name: (known["microscope"] == name) for name in whole}
    usual = max(whole, key=lambda name: (len(set(plates[size[name]])), size[name].sum()))
    return known["microscope"] != usual, []


def _dates(known, left, wells):
    """Take the two latest days of each class."""
    if "date" not in known:
        return np.zeros_like(left), [("", "no dates are known")]
    texts, which = np.unique(known["date"], return_inverse=True)
    days = [as_date(text) for text in texts.tolist()]
    if None in days:
        bad = days.index(None)
        cell = np.flatnonzero(which == bad)[0]
        raise ValueError(
            f"found the date {str(texts[bad])!r} of cell {cell}; expected one such as 2024-03-31. Mend it."
        )
    day, taken, lacks = np.array([day.toordinal() for day in days])[which], np.zeros_like(left), []
    for name in np.unique(known["class"]):
        mine = left & (known["class"] == name)
        theirs = np.unique(day[mine])
        if len(theirs) < 2:
            lacks.append((name, "training needs its one day"))
        else:
            taken |= mine & (day >= theirs[max(1, len(theirs) - 2)])  # training keeps one
    return taken, lacks


def _border(known, left, wells):
    """Take the wells at the border of plates."""
    none = np.zeros_like(left)
    if "well" not in known:
        return none, [("", "no wells are known")]
    if wells is None:
        return none, [("", "the wells' names do not tell whether a plate has 96 or 384 wells, but --wells can")]
    names, which = np.unique(known["well"], return_inverse=True)
    taken = left & np.array([at_border(name, wells) for name in names])[which]
    return taken, [] if taken.any() else [("", f"no well lies at the border of its plate of {wells} wells")]


def _random(known, left, wells):
    """Take a random fifth of each class's cells."""
    taken, rng = np.zeros_like(left), np.random.default_rng(0)
    for name in np.unique(known["class"]):
        mine = rng.permutation(np.flatnonzero(left & (known["class"] == name)))
        taken[mine[: max(1, round(len(mine) / 5))]] = True
    return taken, []


def _check_training(classes, left, name):
    """Refuse a rule that would leave a class out of training."""
    if gone := set(classes) - set(classes[left]):
        found = f"no cell of {listed(sorted(gone))} left to train with, once {name} is taken"
        raise ValueError(f"found {found}; expected every class in training. {ELSE}")
