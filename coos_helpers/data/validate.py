"""Check what a split says of its cells: labels, class names, plates, wells, and pixels that are 16-bit counts.

Each function takes the file's path for its message, and raises a `DataError` for what is wrong.
"""

import re

import numpy as np

from coos_helpers.data.errors import DataError
from coos_helpers.data.split import CELL

#: Characters of a name that a figure has room for.
LONGEST = 100

#: Characters that are not shown but do something, such as move a terminal's cursor; and halves of characters.
CONTROLS = re.compile("[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def as_labels(path, labels, n_classes):
    """Turn labels (N,) of any type into int64, where all are whole numbers from 0 to `n_classes` - 1."""
    if labels.dtype.kind not in "iuf":
        remedy = "Store the classes' numbers (Table 1) as integers, not their names."
        raise DataError(path, f"`labels` of type {labels.dtype}", "one whole number a cell", remedy)
    if not len(labels):
        raise DataError(path, "no cells", "at least one cell", "The file is empty: make or fetch it again.")
    bad = np.flatnonzero(~((labels >= 0) & (labels < n_classes) & (labels == np.rint(labels))))  # NaN is bad, too
    if len(bad):
        raise DataError(
            path,
            f"label {labels[bad[0]]} at cell {bad[0]} (and {len(bad) - 1} more such cells)",
            f"whole numbers from 0 to {n_classes - 1}, one for each of {n_classes} classes",
            "Number the classes from 0, name every class in class_names, and remove cells without a label.",
        )
    return labels.astype(np.int64)


def as_class_names(path, names, default):
    """Turn K class names, texts or bytes, into a tuple of str; the default where the file has none."""
    if names is None:
        return tuple(default)
    texts = _texts(names, "OSU")
    if not texts or len(set(texts)) < len(texts) or not all(text.strip() and len(text) <= LONGEST for text in texts):
        raise DataError(
            path,
            f"class_names {np.asarray(names).tolist()}"[:500],
            f"a list of different, non-empty names, one for each label, of at most {LONGEST} characters",
            "Mend class_names, or remove it if the classes are COOS-7's seven.",
        )
    return tuple(texts)


def as_source(source):
    """Turn what a file says of its source, of any type, into one line of text; an empty one where it says nothing."""
    if isinstance(source, np.ndarray) and source.size <= 1:
        source = next(iter(source.flat), None)
    text = source.decode("utf-8", "replace") if isinstance(source, bytes) else str("" if source is None else source)
    return printable(" ".join(text.split()))


def printable(text):
    """Write control characters as escapes, such as `\\x1b`: a text from a file is shown, and does nothing."""
    return CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def as_places(path, key, places, count):
    """Turn plates or wells, (count,) texts, bytes or whole numbers, into str; None where the file has none."""
    if places is None:
        return None
    places, remedy = np.asarray(places), f"Store a text or whole number for each cell, or leave `{key}` out."
    check_shape(path, key, places.shape, count)
    texts = _texts(places, "OSUiu")
    if texts is None:
        raise DataError(path, f"`{key}` of type {places.dtype}", "texts or whole numbers, without NaN or null", remedy)
    for cell, text in enumerate(texts):
        if text.strip().lower() in ("", "nan") or len(text) > LONGEST:
            expected = f"a {key} with a name of at most {LONGEST} characters"
            raise DataError(path, f"the {key} {text[:200]!r} at cell {cell}", expected, remedy)
    return np.array(texts, str)


def _texts(values, kinds):
    """Turn (n,) values of some kinds of type into a list of str; None where they are of another shape or type."""
    values = np.asarray(values)
    if values.ndim != 1 or values.dtype.kind not in kinds:
        return None
    known = (bytes, str, int) if "i" in kinds else (bytes, str)
    if values.dtype.kind == "O" and not all(
        isinstance(value, known) and value is not True and value is not False for value in values
    ):
        return None
    # Bytes that are no UTF-8 stay apart from one another.
    return [printable(v.decode("utf-8", "backslashreplace") if isinstance(v, bytes) else str(v)) for v in values]


def check_shape(path, key, shape, count):
    """Refuse labels, plates or wells of another shape than (count,)."""
    if shape == (count,):
        return
    remedy = f"Store one value of `{key}` for each cell; if some are missing, fetch or make the file again."
    if shape in ((1, count), (count, 1)):
        remedy = f"A row or a column, as MATLAB writes it: store {key}.ravel()."
    elif key == "labels" and len(shape or ()) == 2 and count in shape:  # the shape of an empty data space is None
        remedy = f"If these are one-hot, store labels.argmax({1 - shape.index(count)})."
    raise DataError(path, f"`{key}` of shape {shape} beside {count} cells", f"shape ({count},): one a cell", remedy)


def check_images(path, shape, dtype):
    """Refuse images of another shape than (N, 2, 64, 64), or of a type that loses counts."""
    shape = shape or ()  # None where the data space is empty
    if shape[1:] != CELL:
        remedy = "Store both channels of 64 x 64 pixels for each cell."
        if shape[1:] == (64, 64, 2):
            remedy = "The channels stand last: write data.transpose(0, 3, 1, 2)."
        elif shape[:1] == (2,) and shape[2:] == (64, 64):
            remedy = "The channels stand first: write data.transpose(1, 0, 2, 3)."
        elif shape[:3] == (64, 64, 2):
            remedy = "All axes are turned round, as MATLAB writes them: write data.transpose(3, 2, 1, 0)."
        raise DataError(path, f"`data` of shape {shape}", "shape (N, 2, 64, 64): cell, channel, row, column", remedy)
    check_type(path, dtype, "`data`")


def check_type(path, dtype, what):
    """Refuse a type of pixels that cannot hold every count from 0 to 65535."""
    if not ((dtype.kind == "u" and dtype.itemsize >= 2) or (dtype.kind in "if" and dtype.itemsize >= 4)):
        raise DataError(
            path,
            f"{what} of type {dtype}",
            "a type that holds every 16-bit count: uint16, a wider integer, float32 or float64",
            "Store the raw images as uint16, without scaling.",
        )


def as_uint16(path, raw, cells=None):
    """Turn pixels (n, ...) that are whole numbers from 0 to 65535 into uint16 in the machine's own byte order.

    `cells` are the n cells' indices, for the message; None where the pixels (rows, columns) are one image's.
    """
    if raw.dtype == np.uint16:
        return raw.astype(np.uint16, copy=False)  # native byte order
    with np.errstate(invalid="ignore"):
        counts = raw.astype(np.uint16)
    wrong = counts != raw
    if wrong.any():
        at = np.unravel_index(np.argmax(wrong), wrong.shape)
        kind = "not a number" if np.isnan(raw[at]) else "not a 16-bit count"
        where = f"in row {at[0]}, column {at[1]}" if cells is None else f"in cell {cells[at[0]]}"
        raise DataError(
            path,
            f"the pixel value {raw[at]} ({kind}) {where}",
            "whole camera counts from 0 to 65535",
            "Store the raw 16-bit counts; rescaled or filtered images have lost what the chapters need.",
        )
    return counts
