"""Read a split from an HDF5 file of the release: the data sets `data` and `labels`, and `plate` and `well` if known."""

import math
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from coos_helpers.data.errors import DataError
from coos_helpers.data.validate import as_uint16, check_images

#: How the names of HDF5 files end.
SUFFIXES = (".hdf5", ".h5", ".hdf")

#: Cells read in one piece: 16 MiB of uint16.
BLOCK = 1024

#: What h5py raises for damaged files; a damaged shape can ask for more memory than there is.
UNREADABLE = (OSError, RuntimeError, LookupError, TypeError, ValueError, MemoryError)


def read_parts(path):
    """Take a split's parts out of a file that is whole: a dict.

    It holds `labels` (N,), `plate` and `well` (N,), `class_names` (K,) and `source`, the last four as the file has
    them or None; `read`, a function from indices (n,) int, in any order, to images (n, 2, 64, 64) uint16; and `files`,
    the file itself and those to which its links lead.
    """
    path = Path(path)
    with _plain_words(path, "a file that cannot be read"), h5py.File(path, "r") as file:
        data, labels = (_dataset(path, file, key) for key in ("data", "labels"))
        check_images(path, data.shape, data.dtype)
        if (labels.shape or ())[:1] != data.shape[:1]:  # the shape of an empty data space is None
            found = f"{data.shape[0]} images beside labels of shape {labels.shape}"
            remedy = "The file was not written to its end, or joined from two: fetch or make it again."
            raise DataError(path, found, "one label for each image", remedy)
        there = list(file)  # `in file` alone overlooks links that lead nowhere
        places = {key: _dataset(path, file, key) for key in ("plate", "well") if key in there}
        parts = {key: _values(places[key], len(data)) if key in places else None for key in ("plate", "well")}
        lies = [Path(found.file.filename) for found in (data, labels, *places.values())]
        parts["files"] = tuple(dict.fromkeys([path, *lies]))
        source = file.attrs.get("source", b"")
        parts["source"] = source.decode("utf-8", "replace") if isinstance(source, bytes) else str(source)
        parts |= {"labels": _values(labels, len(data)), "class_names": file.attrs.get("class_names")}
        count, dtype = data.shape[0], data.dtype
    if dtype != np.uint16:  # whose values may be no counts
        for start in range(0, count, BLOCK):
            _read_cells(path, np.arange(start, min(start + BLOCK, count)))
    return {**parts, "read": partial(_read_cells, path)}


def _read_cells(path, indices):
    """Read cells by index: (n,) int, in any order and with repeats, to (n, 2, 64, 64) uint16."""
    # An open file would not travel between processes, and would keep others from writing it; to open it takes as long
    # as to read a dozen cells. It may be another file by now.
    found = f"cells {indices.min()} to {indices.max()} unreadable"
    with _plain_words(path, found), h5py.File(path, "r") as file:
        data = file["data"]
        check_images(path, data.shape, data.dtype)
        if indices.max() >= len(data):
            raise IndexError(f"there are only {len(data)}")
        raw = _read_sorted(data, indices)
    return as_uint16(path, raw, indices)


def _read_sorted(data, indices):
    """Read cells in pieces of ascending indices, as HDF5 wants them, each put where it was asked for."""
    if (np.diff(indices) == 1).all():
        return data[indices[0] : indices[-1] + 1]
    raw = np.empty((len(indices), *data.shape[1:]), data.dtype)
    order = np.argsort(indices, kind="stable")
    for start in range(0, len(order), BLOCK):
        places = order[start : start + BLOCK]
        cells, repeats = np.unique(indices[places], return_inverse=True)
        found = data[cells]
        raw[places] = found if len(cells) == len(places) else found[repeats]  # repeats are seldom
    return raw


@contextmanager
def _plain_words(path, found):
    """Say what h5py could not do as a `DataError`."""
    try:
        yield
    except DataError:
        raise
    except UNREADABLE as error:
        reason = str(error).strip("'\"").splitlines()[0] if str(error) else type(error).__name__
        remedy = "It is damaged, cut short, in use by another program or no HDF5 file: fetch or make it again."
        raise DataError(path, f"{found} ({reason})", "a whole HDF5 file", remedy) from error


def _dataset(path, file, key):
    """Find a data set whose values are all in the file, or say what is there instead."""
    found = file.get(key)
    if isinstance(found, h5py.Dataset):
        _check_written(path, key, found)
        return found
    what = f"the keys {', '.join(sorted(file)) or 'none'}, without `{key}`"
    if key in list(file):
        what = f"a {'link' if found is None else 'group'} called `{key}`, which leads to no values"
    expected = "the data sets `data` (N, 2, 64, 64) and `labels` (N,), and `plate` and `well` (N,) where they are known"
    raise DataError(path, what, expected, f"Write the values into this file as one data set called `{key}`.")


def _values(dataset, count):
    """Read one value for each cell; a data set of another shape, which is refused, may be gigabytes and is not read."""
    unread = dataset.shape not in (None, (count,))  # None for an empty data space
    return np.broadcast_to(np.empty((), dataset.dtype), dataset.shape) if unread else dataset[()]


def _check_written(path, key, dataset):
    """Refuse values that are not in the file: HDF5 reads them as zeros, or as a number that the maker chose."""
    expected = "all of them in this file, since HDF5 reads those that are missing as zeros"
    if dataset.is_virtual or dataset.external:
        remedy = "Read the data set with h5py and write its values into a file of their own."
        raise DataError(path, f"`{key}` with values that lie in other files", expected, remedy)
    chosen = dataset.dtype.kind in "iuf" and dataset.fillvalue != 0
    if chosen or not dataset.size:  # None for an empty data space
        return
    if dataset.chunks:
        whole = math.prod(-(-n // chunk) for n, chunk in zip(dataset.shape, dataset.chunks, strict=True))
        written, unit = dataset.id.get_num_chunks(), "chunks"
    else:
        whole = dataset.size * dataset.id.get_type().get_size()
        written, unit = dataset.id.get_storage_size(), "bytes"
    if written < whole:
        remedy = "The file was not written to its end: make or fetch it again."
        raise DataError(path, f"`{key}` with {written} of its {whole} {unit} written", expected, remedy)
