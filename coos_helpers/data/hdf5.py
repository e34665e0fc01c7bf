"""Read a split from an HDF5 file of the release: the data sets `data` and `labels`, and `plate` and `well` if known."""

import math
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from coos_helpers.data.errors import DataError, is_folder, unreadable
from coos_helpers.data.validate import as_uint16, check_images, check_shape

with suppress(ImportError):
    import hdf5plugin  # noqa: F401  Where it is installed, files that need its filters can be read.

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
    with _opened(path, "a file that cannot be read") as file:
        data, labels = (_dataset(path, file, key) for key in ("data", "labels"))
        check_images(path, data.shape, data.dtype)
        check_shape(path, "labels", labels.shape, len(data))
        there = list(file)  # `in file` alone overlooks links that lead nowhere
        known = {key: _dataset(path, file, key) for key in ("plate", "well", "class_names") if key in there}
        lies = [Path(found.file.filename) for found in (data, labels, *known.values())]
        parts = dict.fromkeys(("plate", "well", "class_names", "source"))
        parts |= {key: _values(found, len(data)) for key, found in {"labels": labels, **known}.items()}
        attrs = {key: file.attrs[key] for key in ("class_names", "source") if key in file.attrs}
        parts |= {key: value for key, value in attrs.items() if not isinstance(value, h5py.Empty)}  # which is no value
        parts["files"] = tuple(dict.fromkeys([path, *lies]))
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
    with _opened(path, found) as file:
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
def _opened(path, found):
    """Open a file to read, locked against who writes it, and say what h5py could not do as a `DataError`."""
    try:
        try:
            file = h5py.File(path, "r")
        except OSError as error:
            if "unable to lock" not in str(error) or isinstance(error, BlockingIOError):
                raise
            file = h5py.File(path, "r", locking=False)  # where a file system has no locks, nobody holds one
        with file:
            yield file
    except DataError:
        raise
    except UNREADABLE as error:
        reason = str(error).strip("'\"").splitlines()[0] if str(error) else type(error).__name__
        raise unreadable(path, f"{found} ({reason})", "a whole HDF5 file") from error


def _dataset(path, file, key):
    """Find a data set whose values are all in the file, or say what is there instead."""
    link, found = file.get(key, getlink=True), None
    if isinstance(link, h5py.ExternalLink):  # HDF5 looks beside the file, then where you are
        for place in (path.parent / link.filename, Path(link.filename)):
            if place.exists() and is_folder(place, "the HDF5 file to which a link leads", "Mend the link."):
                break  # a folder, which HDF5 refuses
    with suppress(*() if isinstance(link, h5py.HardLink) else UNREADABLE):
        found = file.get(key)
    if isinstance(found, h5py.Dataset):
        _check_stored(path, key, found)
        _check_written(path, key, found)
        return found
    what = f"the keys {', '.join(sorted(file)) or 'none'}, without `{key}`"
    if found is not None:
        what = f"a {type(found).__name__.lower()} called `{key}`, which leads to no values"
    elif link is not None:
        target = "".join(getattr(link, part, "") for part in ("filename", "path"))
        what = f"a link called `{key}` to {target}, which leads to no values"
    expected = "the data sets `data` (N, 2, 64, 64) and `labels` (N,), and `plate` and `well` (N,) where they are known"
    raise DataError(path, what, expected, f"Write the values into this file as one data set called `{key}`.")


def _values(dataset, count):
    """Read a data set, but not one of more values than there can be: it may be gigabytes, and its shape is refused."""
    many = (dataset.size or 0) > max(count, 1000)
    return np.broadcast_to(np.empty((), dataset.dtype), dataset.shape) if many else dataset[()]


def _check_stored(path, key, dataset):
    """Refuse values packed by a filter that is not there, and references to values."""
    packing = dataset.id.get_create_plist()
    for code, _, _, name in map(packing.get_filter, range(packing.get_nfilters())):
        if not h5py.h5z.filter_avail(code):
            found = f"`{key}` packed by {name.decode('utf-8', 'replace') or 'a filter'} ({code}), which is not here"
            remedy = (
                f"Bring it (`pip install hdf5plugin`), or repack elsewhere: `h5repack -f GZIP=4 {path.name} new.h5`."
            )
            raise DataError(path, found, "no filter or one of HDF5's own, such as gzip", remedy)
    if h5py.check_ref_dtype(dataset.dtype):
        remedy = "MATLAB writes texts in this way: store the texts or numbers themselves."
        raise DataError(path, f"`{key}` of references to values", "the values", remedy)


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
