"""Tell whether an HDF5 data set was ever written: HDF5 reads what is not there as zeros, and says nothing."""

from pathlib import Path

import h5py
import numpy as np

from coos_helpers.errors import DataError


def check_written(path, dataset):
    """Refuse a data set that lies in the file only in part, or whose parts lie in files that are gone.

    Parameters
    ----------
    path : the file that was asked for, for the message.
    dataset : an open h5py data set.
    """
    what = f"`{dataset.name.strip('/')}`"
    check_sources(path, dataset)
    if dataset.is_virtual or not dataset.size:  # the size of an empty data space is None
        return
    if dataset.dtype.kind in "iuf" and dataset.fillvalue != 0:  # what is missing reads as the maker chose
        return
    if dataset.chunks:
        expected = int(np.prod([-(-n // chunk) for n, chunk in zip(dataset.shape, dataset.chunks, strict=True)]))
        written, unit = dataset.id.get_num_chunks(), "chunks"
    else:
        expected = dataset.size * dataset.id.get_type().get_size()
        written, unit = dataset.id.get_storage_size(), "bytes"
    if written < expected:
        raise DataError(
            path,
            f"{what} with {written} of its {expected} {unit} written",
            "all of them, since HDF5 reads the others as zeros",
            "The file was not written to its end: make or fetch it again.",
        )


def check_sources(path, dataset):
    """Refuse a data set whose values lie in other files, of which one is gone, short or not written itself."""
    what = f"`{dataset.name.strip('/')}`"
    remedy = "Put that file back in its place, or copy the values into this file."
    for name, offset, size in dataset.external or ():
        raw = Path(name)  # a file that is gone is an error of HDF5's own when it is read
        if raw.exists() and size != h5py.h5f.UNLIMITED and raw.stat().st_size < offset + size:
            found = f"{what} in {name}, which has {raw.stat().st_size} bytes"
            raise DataError(path, found, f"{offset + size} bytes there", remedy)
    if not dataset.is_virtual:
        return
    sources = dataset.virtual_sources()
    covered = sum(source.vspace.get_select_npoints() for source in sources)
    if covered < dataset.size:
        found = f"{what} with sources for {covered} of its {dataset.size} values"
        raise DataError(path, found, "a source for every value, since HDF5 reads the others as zeros", remedy)
    here = Path(dataset.file.filename)
    parts = {}
    for source in sources:
        parts.setdefault((source.file_name, source.dset_name), []).append(source)
    for (name, key), wanted in parts.items():
        places = [here] if name == "." else [here.parent / name, Path(name)]
        try:
            with h5py.File(next(place for place in places if place.exists()), "r") as file:
                source = file.get(key)
                if not isinstance(source, h5py.Dataset) or not all(_reaches(source, part) for part in wanted):
                    found = f"{what} with values that lie in `{key}` of {name}, where they are not or too few"
                    raise DataError(path, found, "every value where this file says it lies", remedy)
                check_written(path, source)
        except (StopIteration, OSError) as error:
            found = f"{what} with values that lie in {name}, which is not there or cannot be read"
            raise DataError(path, found, "every file that the values lie in", remedy) from error


def _reaches(source, part):
    """Tell whether a data set is as large as a part of a virtual one takes from it."""
    if part.src_space.get_select_type() == h5py.h5s.SEL_ALL:
        return (source.size or 0) >= part.vspace.get_select_npoints()
    last = part.src_space.get_select_bounds()[1]
    return len(last) == source.ndim and all(at < n for at, n in zip(last, source.shape, strict=True))
