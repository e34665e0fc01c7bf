"""What the splits of a release are made of: classes, plates and wells, and what goes along with class."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

MOST = 6  # alike that are named, before they are only counted


class Count(NamedTuple):
    """Count what a split has of a class; `plates` and `wells` are 0 where none are known."""

    split: str
    class_name: str
    plates: int
    wells: int
    cells: int


class Lack(NamedTuple):
    """Say why a rule was left out: for a split, and of one class; for all classes where `class_name` is empty."""

    split: str
    class_name: str
    why: str

    def text(self):
        return f"no {self.split}{' of the class ' * bool(self.class_name)}{self.class_name}: {self.why}"


class Confounded(NamedTuple):
    """Say what goes along with class: `what` (class, microscope, date or plate) called `name` has few `others`.

    Of a class it is the training set's; a plate that is `of` plate is the only one.
    """

    what: str
    name: str
    of: str
    others: tuple

    def text(self):
        if self.what == "class":
            return f"in training the class {self.name} has one {self.of} only, {self.others[0]}"
        if self.what == self.of:
            return f"all cells are of one {self.what}, {self.name}: of another nothing can be known"
        return f"the {self.what} {self.name} has no other {self.of} than {listed(self.others)}"


@dataclass(frozen=True)
class Design:
    """Hold an out-of-sample design.

    Attributes
    ----------
    split : (N,) str, each cell's split: `train`, `test1` ... `test4`.
    counts : list of `Count`, a row for each split and class.
    lacks : list of `Lack`: which rules were left out, and why.
    confounded : list of `Confounded`.
    shared : dict from `test3` and `test4` to plates that the training set has, too, with cells of other classes.
    wells : how many a plate has, 96 or 384; None where it is not known.
    """

    split: np.ndarray = field(repr=False)
    counts: list
    lacks: list
    confounded: list
    shared: dict
    wells: int | None

    def text(self):
        """Describe the design in lines for a terminal."""
        width = max(5, *(len(count.class_name) for count in self.counts))
        lines = [f"split  {'class':{width}} {'plates':>7} {'wells':>7} {'cells':>9}"]
        for count in self.counts:
            numbers = [f"{n:,}" if n else "-" for n in count[2:]]
            lines.append(f"{count.split:6} {count.class_name:{width}} {numbers[0]:>7} {numbers[1]:>7} {numbers[2]:>9}")
        lines += [f"plates of {self.wells} wells"] * bool(self.wells)
        return "\n".join([*lines, *(f"Note: {note}." for note in self.notes())])

    def notes(self):
        """List in words what is to be known of the design; of what is many times the same, the first."""
        found = [lack.text() for lack in self.lacks]
        found += [f"{split} shares with train the plates {listed(plates)}" for split, plates in self.shared.items()]
        for kind in dict.fromkeys((one.what, one.of) for one in self.confounded):
            alike = [one.text() for one in self.confounded if (one.what, one.of) == kind]
            found += alike[:MOST] + [f"{len(alike) - MOST} more of the kind {kind[0]}"] * (len(alike) > MOST)
        return found


def describe(cells, wells=None, lacks=()):
    """Count what a design has, and find what is confounded: for a split that is given as for one that is made.

    Parameters
    ----------
    cells : as for `design`, with a `split`. wells, lacks : as in `Design`.

    Returns
    -------
    Design
    """
    known = {name: np.asarray(values, str) for name, values in cells.items()}
    rows = [(known["split"], known["class"])] + [known[key] for key in ("plate", "well") if key in known]
    together = Counter(zip(*rows[0], *rows[1:], strict=True))
    counts = []
    for split, class_name in sorted({key[:2] for key in together}, key=lambda key: (_order(key[0]), key[1])):
        here = {key[2:]: n for key, n in together.items() if key[:2] == (split, class_name)}
        plates = len({key[0] for key in here}) if "plate" in known else 0
        counts.append(Count(split, class_name, plates, len(here) if "well" in known else 0, sum(here.values())))
    plates = {name: set(known["plate"][known["split"] == name]) for name in set(known["split"]) if "plate" in known}
    shared = {name: tuple(sorted(both)) for name in ("test3", "test4")
              if (both := plates.get(name, set()) & plates.get("train", set()))}  # fmt: skip
    return Design(known["split"], counts, list(lacks), _confounded(known), shared, wells)


def _confounded(known):
    """Find what goes along with class: few plates, a microscope, a day or a plate that has not all classes."""
    found, n_classes = [], len(set(known["class"]))
    for what in ("microscope", "date", "plate"):
        if what not in known:
            continue
        have, of = defaultdict(set), defaultdict(set)
        parts = (known[part].tolist() for part in (what, "class", "split"))
        for name, class_name, split in set(zip(*parts, strict=True)):
            have[name].add(class_name)
            if split == "train":
                of[class_name].add(name)
        few = n_classes - 1 if what == "microscope" else 1
        if n_classes > 1:
            found += [Confounded(what, name, "class", tuple(sorted(have[name]))) for name in sorted(have)
                      if len(have[name]) <= few]  # fmt: skip
        if what == "plate" and len(have) == 1:
            found.append(Confounded("plate", *have, "plate", ()))
        if len(set().union(*of.values())) > 1:  # where training has one alone, it tells no classes apart
            found += [Confounded("class", name, what, tuple(of[name])) for name in sorted(of) if len(of[name]) == 1]
    return found


def _order(split):
    return split != "train", split


def listed(names, most=MOST):
    """List names, and count those that would be too many to read."""
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
