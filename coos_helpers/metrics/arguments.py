"""Refuse an argument that cannot be what was meant, in one message, before numpy does it in its words or nothing does.

Rooms that know arrays only (`metrics`, `shift`, `rescale`) check here what they are given.
"""

import numpy as np

MOST = 1_000_000  # of draws and the like: more is a mistake, and would fill the memory
TOGETHER = 100_000_000  # so are these, of draws times wells
MOST_CLASSES = 1000  # so is a label of a million
SEEDS = 2**63 - 1  # the largest: an attribute of a file holds no larger one
LARGEST = 1e38  # in single precision

#: What an array may hold, and the kinds of numpy's types for that.
CLASSES, NUMBERS, NAMES, LABELS = "whole numbers (of scores, take the argmax)", "numbers", "names", "numbers or names"
KINDS = {CLASSES: "iu", NUMBERS: "iuf", NAMES: "USiu", LABELS: "USiuf"}

WHOLE, REAL = (int, np.integer), (int, float, np.integer, np.floating)


def array(name, values, what=NUMBERS, shape=(None,), low=-LARGEST, high=LARGEST, nan=False):
    """Give an argument as an array; ValueError if it holds something else, has another shape, or leaves its range.

    shape: None in it is any length, in its place any shape. low, high: of numbers. nan: whether NaN may be among them.
    """
    if np.ma.is_masked(values):
        raise ValueError(f"{name}: found masked values; expected none: leave these cells out.")
    try:  # of a list of names numpy would make text of NaN, too
        values = np.asarray(values, object if what in (NAMES, LABELS) and isinstance(values, list | tuple) else None)
        if values.dtype == object and len({type(value) for value in values.flat}) < 2:
            values = np.array(values.tolist(), None if values.size else "U")
    except (ValueError, TypeError):  # rows of different lengths
        values = np.array(None)
    found = f"an array of shape {values.shape} and type {values.dtype}"
    fits = values.dtype.kind in KINDS[what] and 0 not in values.shape[1:]
    if shape is not None and fits:
        fits = len(shape) == values.ndim and all(a in (None, b) for a, b in zip(shape, values.shape, strict=True))
    expected = f"{'any shape of' if shape is None else str(shape).replace('None', 'any')} {what}"
    if what in (CLASSES, NUMBERS):
        expected = f"{expected} from {low:g} to {high:g}"
    if fits and values.dtype.kind in "iuf" and (known := values[values == values] if nan else values).size:
        ends = float(known.min()), float(known.max())
        fits = low <= ends[0] and ends[1] <= high
        found = "NaN among the values" if ends[0] != ends[0] else f"values from {known.min()} to {known.max()}"
    if not fits:
        raise ValueError(f"{name}: found {found}; expected {expected}.")
    return values


def number(name, value, low=1, high=MOST, kinds=WHOLE):
    """Give a number as an int, or a `REAL` one as a float; ValueError if it is none, or leaves its range."""
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        said = "a whole number" if kinds is WHOLE else "a number"
        raise ValueError(f"{name}: found {value!r}; expected {said} from {low} to {high}.")
    return int(value) if kinds is WHOLE else float(value)


def together(**numbers):
    """Refuse numbers, such as of draws and wells, whose product would fill the memory."""
    if np.prod(list(numbers.values()), dtype=float) > TOGETHER:
        found = " x ".join(f"{many:,} {name}" for name, many in numbers.items())
        raise ValueError(f"found {found}; expected a product of at most {TOGETHER:,}. Draw fewer.")


def seed_of(seed):
    """Give a seed as an int; ValueError if it is none."""
    return number("seed", seed, 0, SEEDS)


def checked_classes(labels, predicted, n_classes=None, least=1):
    """Give labels and predictions as (N,) int64, and the number of classes (found if None); refuse what is none."""
    most = MOST_CLASSES if n_classes is None else number("n_classes", n_classes, 1, MOST_CLASSES)
    both = (("labels", labels), ("predicted", predicted))
    labels, predicted = (array(*one, CLASSES, low=0, high=most - 1).astype(np.int64) for one in both)
    if labels.shape != predicted.shape or len(labels) < least:
        words = f"found {len(labels)} labels and {len(predicted)} predictions; expected as many of one as of the other"
        raise ValueError(f"{words}, and at least one cell.")
    return labels, predicted, most if n_classes is not None else int(max(labels.max(), predicted.max(), 0)) + 1
