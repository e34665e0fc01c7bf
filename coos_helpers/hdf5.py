"""Read a split from an HDF5 file of the release (protocol: keys `data` and `labels`, others optional)."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np

from coos_helpers.counts import as_uint16, check_type
from coos_helpers.errors import DataError
from coos_helpers.written import check_sources, check_written

SUFFIXES = (".hdf5", ".h5", ".hdf")

#: Cells read at once where a file is looked through whole: 64 MiB of float64.
BLOCK = 1024

#: Runs of wanted cells closer than this are read in one piece: a seek costs more than a few cells.
GAP = 16

#: Threads that read cells at once, where each has at least so many to read.
THREADS, ALONE = 2, 256

#: What h5py raises for damaged files; a damaged shape can ask for more memory than there is.
UNREADABLE = (OSError, RuntimeError, KeyError, TypeError, ValueError, MemoryError)


def read_parts(path):
    """Take a split's parts out of a file, checked for shape, type and length.

    Returns
    -------
    dict with `labels` (N,), `plate` and `well` ((N,) or None), `class_names` (list of str or None), `source` (str or
    None) and `read`, a function from indices (n,), in any order, to images (n, 2, 64, 64) uint16.

    Raises
    ------
    DataError : whatever keeps the file from being a split.
    """
    try:
        with h5py.File(path, "r") as file:
            data, labels = (_dataset(path, file, key) for key in ("data", "labels"))
            _check_data(path, data)
            if (labels.shape or ())[:1] != data.shape[:1]:  # the shape of an empty data space is None
                raise DataError(
                    path,
                    f"{data.shape[0]} images beside labels of shape {labels.shape}",
                    "one label for each image",
                    "The file was not written to its end, or joined from two: fetch or make it again.",
                )
            check_written(path, labels)
            parts = {
                "labels": np.asarray(labels[()]),
                "plate": _places(path, file, "plate"),
                "well": _places(path, file, "well"),
                "class_names": _names(path, file.attrs.get("class_names")),
                "source": _text(file.attrs.get("source")),
                "read": _Reader(Path(path)),
            }
            dtype = data.dtype
    except DataError:
        raise
    except UNREADABLE as error:
        raise DataError(
            path,
            f"a file that cannot be read ({_first_line(error)})",
            "a whole HDF5 file",
            "It is damaged, cut short, locked or no HDF5 file: fetch or make it again.",
        ) from error
    if dtype != np.uint16:
        stat = Path(path).stat()
        _check_values(Path(path), len(parts["labels"]), stat.st_size, stat.st_mtime_ns)
    return parts


class _Reader:
    """Read cells by index; no file is kept open, so a reader may travel between processes."""

    def __init__(self, path):
        self.path = path

    def __call__(self, indices):
        try:
            stat = self.path.stat()
            start, dtype = _layout(self.path, stat.st_size, stat.st_mtime_ns)
            raw = np.empty((len(indices), 2, 64, 64), dtype)
            if start is None or not _read_in_a_row(self.path, start, indices, raw):
                with h5py.File(self.path, "r") as file:
                    check_sources(self.path, file["data"])
                    unique, inverse = np.unique(indices, return_inverse=True)
                    raw = _read_runs(file["data"], unique)
                    raw = raw if np.array_equal(unique, indices) else raw[inverse]
        except DataError:
            raise
        except UNREADABLE as error:
            raise DataError(
                self.path,
                f"cells {min(indices)} to {max(indices)} unreadable ({_first_line(error)})",
                "whole images",
                "The file is damaged or was changed while in use: fetch or make it again.",
            ) from error
        return as_uint16(self.path, raw, indices)


@lru_cache(maxsize=64)
def _layout(path, size, modified):
    """Find the byte from which on cells lie in a row, None where they do not, and their type.

    Remembered while the file stays as it is: to open it anew takes as long as a hundred cells in the cache.
    """
    with h5py.File(path, "r") as file:
        data = file["data"]
        _check_data(path, data)
        start = data.id.get_offset() if data.chunks is None else None
        if start is not None:
            ends = np.array([0, len(data) - 1])
            raw = np.empty((2, *data.shape[1:]), data.dtype)
            # HDF5's own word on where cells lie.
            if not _read_in_a_row(path, start, ends, raw) or not np.array_equal(raw, data[:: max(ends[1], 1)][[0, -1]]):
                start = None
        return start, data.dtype


def _read_runs(data, indices):
    """Read sorted, unique indices through HDF5, in few pieces."""
    raw = np.empty((len(indices), *data.shape[1:]), data.dtype)
    gaps = np.flatnonzero(np.diff(indices) > GAP) + 1
    for run in np.split(np.arange(len(indices)), gaps):
        first, last = indices[run[0]], indices[run[-1]]
        if last - first + 1 == len(run):
            data.read_direct(raw, np.s_[first : last + 1], np.s_[run[0] : run[-1] + 1])
        else:
            raw[run] = data[first : last + 1][indices[run] - first]
    return raw


def _read_in_a_row(path, start, indices, raw):
    """Fill `raw` with cells that lie in a row in a file, from byte `start` on; whether the file has them all."""
    if not hasattr(os, "preadv"):  # Windows
        return False
    parts = np.array_split(np.argsort(indices, kind="stable"), min(THREADS, -(-len(indices) // ALONE)))
    jobs = [(path, start, indices[part], part, raw) for part in parts]
    if len(jobs) == 1:
        return _fill(*jobs[0])
    with ThreadPoolExecutor(len(jobs)) as pool:
        return all(pool.map(lambda job: _fill(*job), jobs))


def _fill(path, start, indices, places, raw):
    """Put cells into their places in `raw`, a call of the system's for each run of both."""
    cell, into = raw[0].nbytes, memoryview(raw.reshape(-1).view(np.uint8))
    breaks = np.flatnonzero((np.diff(indices) != 1) | (np.diff(places) != 1)) + 1
    begins, counts = np.append(0, breaks), np.diff(breaks, prepend=0, append=len(indices))
    with open(path, "rb", buffering=0) as file:
        for first, place, count in np.column_stack([indices[begins], places[begins], counts]).tolist():
            begin, end = place * cell, (place + count) * cell
            offset = start + first * cell - begin
            while begin < end:
                if not (got := os.preadv(file.fileno(), [into[begin:end]], offset + begin)):
                    return False
                begin += got
    return True


@lru_cache(maxsize=64)
def _check_values(path, count, size, modified):
    """Look once through a file whose type could hold more than uint16; remembered while the file stays as it is."""
    reader = _Reader(path)
    for start in range(0, count, BLOCK):
        reader(np.arange(start, min(start + BLOCK, count)))


def _dataset(path, file, key):
    """Find a data set, or say which keys there are instead."""
    found = file.get(key)
    if isinstance(found, h5py.Dataset):
        return found
    keys = sorted(file)
    if found is not None:
        what, remedy = f"a group called `{key}`", "Store the values as one data set under that key."
    elif key in keys:
        what, remedy = f"a link called `{key}` that leads nowhere", "Copy what it should lead to into this file."
    else:
        what = f"the keys {', '.join(keys) or 'none'}, without `{key}`"
        remedy = "This is no file of the release, or its keys have other names: rename them."
    expected = "the data sets `data` (N, 2, 64, 64) and `labels` (N,), and `plate` and `well` (N,) where they are known"
    raise DataError(path, what, expected, remedy)


def _places(path, file, key):
    """Read plates or wells, None where the file has none."""
    if key not in list(file):  # `in` alone overlooks links that lead nowhere
        return None
    places = _dataset(path, file, key)
    check_written(path, places)
    return places[()]


def _check_data(path, data):
    """Refuse images of another shape, or of a type that cannot hold 16-bit counts."""
    if data.ndim != 4 or data.shape[1:] != (2, 64, 64):
        expected = "shape (N, 2, 64, 64): cell, channel, row, column"
        if data.ndim == 4 and data.shape[1:] == (64, 64, 2):
            remedy = "The channels stand last: write data.transpose(0, 3, 1, 2)."
        elif data.ndim == 4 and data.shape[0] == 2 and data.shape[2:] == (64, 64):
            remedy = "The channels stand first: write data.transpose(1, 0, 2, 3)."
        else:
            remedy = "Store both channels of 64 x 64 pixels for each cell."
        raise DataError(path, f"`data` of shape {data.shape}", expected, remedy)
    check_type(path, data.dtype, "`data`")
    check_written(path, data)


def _names(path, names):
    """Read the class names as a list of str."""
    if names is None:
        return None
    names = np.asarray(names)
    if names.ndim != 1 or names.dtype.kind not in "OSU":
        raise DataError(
            path, f"a class_names attribute {names!r}", "a list of names", "Store one string for each class, in order."
        )
    return [_text(name) for name in names]


def _text(value):
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else None if value is None else str(value)


def _first_line(error):
    return str(error).strip("'\"").splitlines()[0] if str(error) else type(error).__name__
