"""Camera counts of 16 bits, out of any type of number that holds every one of them."""

import numpy as np

from coos_helpers.errors import DataError


def check_type(path, dtype, what):
    """Refuse a type that cannot hold every count from 0 to 65535.

    Parameters
    ----------
    path : the file, for the message.
    dtype : of its pixels.
    what : what has that type, for the message.
    """
    kind, size = dtype.kind, dtype.itemsize
    if not ((kind == "u" and size >= 2) or (kind in "if" and size >= 4)):
        raise DataError(
            path,
            f"{what} of type {dtype}",
            "a type that holds every 16-bit count: uint16, a wider integer, float32 or float64",
            f"Store the raw images as uint16: {dtype} loses counts.",
        )


def as_uint16(path, raw, cells=None):
    """Convert raw pixels to uint16, or say which of them would lose information.

    Parameters
    ----------
    path : the file, for the message.
    raw : (n, ...) pixels of a type that `check_type` lets pass.
    cells : (n,) indices of the cells, for the message; None where the file is a single image.
    """
    if raw.dtype == np.uint16:
        return raw.astype(np.uint16, copy=False)  # native byte order
    with np.errstate(invalid="ignore"):
        counts = raw.astype(np.uint16)
    wrong = counts != raw
    if wrong.any():
        at = np.unravel_index(np.argmax(wrong), wrong.shape)
        value = raw[at]
        kind = "not a number" if np.isnan(value) else "not a 16-bit count"
        where = f"in row {at[0]}, column {at[1]}" if cells is None else f"in cell {cells[at[0]]}"
        raise DataError(
            path,
            f"the pixel value {value} ({kind}) {where}",
            "whole camera counts from 0 to 65535",
            "Store the raw 16-bit counts; rescaled or filtered images have lost what the chapters need.",
        )
    return counts
