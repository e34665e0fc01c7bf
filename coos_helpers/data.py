"""Open a release of cell images, whatever form it lies in on disk.

`open_release` and `open_split` read the HDF5 files of COOS-7, the authors' TIFF folders and the files of
`coos_helpers.simulate` alike. What is wrong with a file is a `DataError`, raised before any number is made from it.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from coos_helpers import hdf5, tiff
from coos_helpers.errors import DataError
from coos_helpers.images import Images

__all__ = ["CLASS_NAMES", "DataError", "Split", "open_release", "open_split", "split_name"]

#: COOS-7's classes in the order of their labels (paper, Table 1).
CLASS_NAMES = ("ER", "IMM", "Golgi", "Peroxisomes", "Early Endosome", "Cytosol", "Nuclear Envelope")


@dataclass(frozen=True)
class Split:
    """Hold what is known of one split: its cells' labels, plates and wells, and the way to their images.

    Attributes
    ----------
    name : `train`, `test1` ... `test4`, or the file's own stem if its name says neither.
    path : the HDF5 file or the TIFF folder.
    images : `Images`, (N, 2, 64, 64) uint16, read when indexed.
    labels : (N,) int64, from 0 to K - 1.
    plate, well : (N,) str, or None where the file has none. A well's name says where on its plate it lies.
    class_names : K names, in the order of the labels.
    source : where the cells come from, as the file says it.
    """

    name: str
    path: Path
    images: Images = field(repr=False)
    labels: np.ndarray = field(repr=False)
    plate: np.ndarray | None = field(repr=False)
    well: np.ndarray | None = field(repr=False)
    class_names: tuple
    source: str

    def __len__(self):
        return len(self.labels)

    @property
    def well_ids(self):
        """Name each cell's physical well, (N,) str as `plate/well`, or None: A01 lies on every plate."""
        if self.well is None or self.plate is None:
            return self.well
        return np.char.add(np.char.add(self.plate, "/"), self.well)

    def batches(self, size=1024, order=None):
        """Yield `(indices, images)` over the split, so that it need never lie in memory whole.

        Parameters
        ----------
        size : cells in a batch.
        order : (n,) indices to go through; the file's own order when None.

        Yields
        ------
        indices (n,) int64 and images (n, 2, 64, 64) uint16.
        """
        order = np.arange(len(self)) if order is None else np.asarray(order)
        if len(order) and order.dtype.kind not in "iu":
            raise IndexError(f"found an order of type {order.dtype}; expected the indices of cells, whole numbers.")
        for start in range(0, len(order), size):
            indices = order[start : start + size]
            yield indices, self.images[indices]


def split_name(name):
    """Recognise a split by a file's or folder's name: `COOS7_v1.1_test3.hdf5` is `test3`; None if it says nothing."""
    stem = Path(name).name.lower()
    if test := re.search(r"test[_\- ]?([1-9])(?!\d)", stem):
        return f"test{test[1]}"
    return "train" if "train" in stem else None


def open_split(path):
    """Open one split and check everything about it that can be checked without reading every uint16 pixel.

    Parameters
    ----------
    path : an HDF5 file, or a folder in the authors' TIFF layout (`<label>/COOSv1cell_<i>_protein.tif`).

    Returns
    -------
    Split

    Raises
    ------
    DataError : the file is missing, damaged or not what a split looks like. Images of another type than uint16 are
        read through once, in bounded memory, since they could hold values that uint16 cannot.
    """
    path = Path(path)
    kind = _kind(path)
    if kind is None:
        raise DataError(path, "nothing there", "an HDF5 file or a folder of TIFF images", "Check the path.")
    parts = (tiff if kind == "folder" else hdf5).read_parts(path)
    labels = parts["labels"]
    _check_labels(path, labels)
    class_names = _class_names(path, parts["class_names"])
    outside = np.flatnonzero((labels < 0) | (labels >= len(class_names)))
    if len(outside):
        raise DataError(
            path,
            f"label {labels[outside[0]]} at cell {outside[0]} ({len(outside)} cells outside the range)",
            f"labels from 0 to {len(class_names) - 1}, one for each of {len(class_names)} classes",
            "Number the classes from 0, or name every class in the file's class_names attribute.",
        )
    labels = labels.astype(np.int64)
    plate, well = (_places(path, key, parts[key], len(labels)) for key in ("plate", "well"))
    return Split(
        name=split_name(path.name) or (path.name if path.is_dir() else path.stem),
        path=path,
        images=Images(parts["read"], len(labels)),
        labels=labels,
        plate=plate,
        well=well,
        class_names=class_names,
        source=parts["source"] or f"{path.name} (the file names no source)",
    )


def open_release(folder):
    """Open every split in a folder.

    Parameters
    ----------
    folder : holds one HDF5 file or one TIFF folder a split, recognised by name (`train`, `test1` ...).

    Returns
    -------
    dict from split name to `Split`, in the order train, test1, test2 ...

    Raises
    ------
    DataError : no split is there, two files claim the same split, or the splits do not share their classes.
    """
    folder = Path(folder)
    if (kind := _kind(folder)) != "folder":
        found = "a file" if kind else "nothing there"
        raise DataError(folder, found, "a folder with a release", "Check the path; open_split opens one file.")
    paths, entries = {}, tiff.entries(folder)
    for path in entries:
        if path.suffix.lower() not in hdf5.SUFFIXES and not path.is_dir():
            continue
        if (name := split_name(path.name)) is None:
            continue
        if name in paths:
            raise DataError(
                folder,
                f"both {paths[name].name} and {path.name} for the split {name}",
                "one file or folder for each split",
                "Move one of them to another folder.",
            )
        paths[name] = path
    if not paths:
        raise DataError(
            folder,
            f"no split among {len(entries)} entries",
            "files such as COOS7_v1.1_training.hdf5 and COOS7_v1.1_test1.hdf5, or folders of TIFF images so named",
            "Fetch the release with `coos download`, or make one with `coos simulate`.",
        )
    order = sorted(paths, key=lambda name: (name != "train", name))
    release = {name: open_split(paths[name]) for name in order}
    first = release[order[0]]
    for split in release.values():
        if split.class_names != first.class_names:
            raise DataError(
                split.path,
                f"classes {', '.join(split.class_names)}",
                f"the classes of {first.path.name}: {', '.join(first.class_names)}",
                "The splits of one release must name the same classes in the same order.",
            )
    return release


def _kind(path):
    """Tell a folder from a file; None where nothing is."""
    try:
        return "folder" if path.is_dir() else "file" if path.exists() else None
    except OSError as error:  # a folder on the way may be closed to you, or a name too long
        raise DataError(path, f"no way there ({error.strerror})", "a readable path", "Check the path.") from error


def _check_labels(path, labels):
    """Refuse what is no whole number for each cell."""
    if labels.ndim != 1:
        raise DataError(
            path,
            f"labels of shape {labels.shape}",
            "one label a cell, shape (N,)",
            "Store class numbers, not one-hot rows.",
        )
    if not len(labels):
        raise DataError(path, "no cells", "at least one cell", "The file is empty: make or fetch it again.")
    if labels.dtype.kind not in "iuf":
        raise DataError(
            path, f"labels of type {labels.dtype}", "whole numbers", "Store the class numbers from Table 1."
        )
    if labels.dtype.kind == "f" and not (np.isfinite(labels).all() and (labels == np.rint(labels)).all()):
        bad = np.flatnonzero(~(np.isfinite(labels) & (labels == np.rint(labels))))[0]
        raise DataError(path, f"label {labels[bad]} at cell {bad}", "whole numbers", "Mend or remove that cell.")


def _class_names(path, names):
    """Take the file's own class names, or COOS-7's where it has none."""
    if names is None:
        return CLASS_NAMES
    if not names or len(set(names)) < len(names) or not all(name.strip() for name in names):
        raise DataError(
            path,
            f"class_names {list(names)}",
            "a list of different, non-empty names, one for each label",
            "Mend the class_names attribute, or remove it if the classes are COOS-7's seven.",
        )
    return tuple(names)


def _places(path, key, values, count):
    """Turn plates or wells into str, one a cell."""
    if values is None:
        return None
    values = np.asarray(values)
    if values.shape != (count,):
        raise DataError(
            path,
            f"{key} of shape {values.shape} beside {count} labels",
            f"one {key} a cell, shape ({count},)",
            f"Store a {key} for each cell, or leave the key out.",
        )
    if values.dtype.kind == "O":
        values = [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values]
    elif values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", "replace")
    return np.asarray(values).astype(str)
