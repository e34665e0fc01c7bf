"""Open a release of cell images, whatever form it lies in on disk.

`open_release` and `open_split` read the HDF5 files of COOS-7, the authors' TIFF folders and the files of
`coos_helpers.simulate` alike. What is wrong with a file is a `DataError`, raised before any number is made from it.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from coos_helpers import hdf5, tiff
from coos_helpers.annotations import as_class_names, as_labels, as_places
from coos_helpers.errors import DataError
from coos_helpers.images import Images
from coos_helpers.naming import passed_over, split_at, split_name

__all__ = ["CLASS_NAMES", "DataError", "Split", "open_release", "open_split", "split_name"]

#: COOS-7's classes in the order of their labels (paper, Table 1).
CLASS_NAMES = ("ER", "IMM", "Golgi", "Peroxisomes", "Early Endosome", "Cytosol", "Nuclear Envelope")

FETCH = "Fetch the release with `coos download`, or make one with `coos simulate`."


@dataclass(frozen=True)
class Split:
    """Hold what is known of one split: its cells' labels, plates and wells, and the way to their images.

    Attributes
    ----------
    name : `train`, `test1` ... `test4`, or the file's own stem if its name says neither.
    path : the HDF5 file or the TIFF folder; None for cells in memory.
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
        """Name each cell's physical well, (N,) str as `plate/well`.

        None where the file does not name both: A01 lies on every plate, so a well's name alone may be two wells.
        """
        if self.well is None or self.plate is None:
            return None
        return np.char.add(np.char.add(self.plate, "/"), self.well)

    def take(self, indices):
        """Make a split of some of its cells, held in memory: (n,) indices, in the order that they are given."""
        parts = {name: getattr(self, name) for name in ("labels", "plate", "well")}
        parts = {name: values if values is None else values[indices] for name, values in parts.items()}
        return replace(self, path=None, images=self.images[indices], **parts)

    def batches(self, size=1024, order=None):
        """Go through the split in pairs of indices and images, so that it need never lie in memory whole.

        Parameters
        ----------
        size : cells in a batch.
        order : (n,) indices to go through; the file's own order when None.

        Returns
        -------
        An iterator over pairs of indices (n,) int64 and images (n, 2, 64, 64) uint16.

        Raises
        ------
        ValueError : a size that is no whole number of at least 1.
        IndexError : an order that holds no indices.
        """
        if not isinstance(size, (int, np.integer)) or size < 1:
            raise ValueError(f"found a batch size of {size}; expected a whole number of at least 1.")
        order = np.arange(len(self)) if order is None else np.asarray(order)
        if len(order) and order.dtype.kind not in "iu":
            raise IndexError(f"found an order of type {order.dtype}; expected the indices of cells, whole numbers.")
        parts = (order[start : start + size] for start in range(0, len(order), size))
        return ((indices, self.images[indices]) for indices in parts)


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
    class_names = as_class_names(path, parts["class_names"], CLASS_NAMES)
    labels = as_labels(path, parts["labels"], class_names)
    plate, well = (as_places(path, key, parts[key], len(labels)) for key in ("plate", "well"))
    return Split(
        name=split_name(path.name) or (path.name if path.is_dir() else path.stem),
        path=path,
        images=Images(parts["read"], len(labels)),
        labels=labels,
        plate=plate,
        well=well,
        class_names=class_names,
        source=parts["source"] or _source(path.name),
    )


def _source(name):
    """Say where cells come from by a name: the authors' files have no source, and their licence asks for one."""
    if name.upper().startswith("COOS7_V"):
        return "COOS-7 (Lu et al. 2019; images CC BY-NC 4.0)"
    return f"{name} (the file names no source)"


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
        found, remedy = (
            ("a file", "open_split opens one file.") if kind else ("nothing there", f"Check the path. {FETCH}")
        )
        raise DataError(folder, found, "a folder with a release", remedy)
    paths, entries = {}, tiff.entries(folder)
    for path in entries:
        if (name := split_at(path)) is None:
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
        skipped = f", passing over {', '.join(names)}" if (names := passed_over(folder)) else ""
        raise DataError(
            folder,
            f"no split among {len(entries)} entries{skipped}",
            "files such as COOS7_v1.1_training.hdf5 and COOS7_v1.1_test1.hdf5, or folders of TIFF images so named",
            FETCH,
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
