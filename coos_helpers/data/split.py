"""What is known of one split: labels, plates, wells, and the way to its images, which stay on disk."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

#: Channels, rows and columns of one cell (paper, section 2.1).
CELL = (2, 64, 64)


@dataclass(frozen=True)
class Images:
    """Stand for images that stay on disk: index them by cell, like an array, to read.

    A slice or indices, in any order and with repeats, give (n, 2, 64, 64) uint16; an integer gives (2, 64, 64).
    `read` takes indices (n,) to images, and `length` is N. Channel 0 is the protein, channel 1 the nucleus.
    """

    read: Callable = field(repr=False)
    length: int
    dtype = np.dtype(np.uint16)

    @property
    def shape(self):
        return (self.length, *CELL)

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        if isinstance(index, (int, np.integer)):
            return self[[index]][0]
        if isinstance(index, tuple) or (indices := np.arange(self.length)[index]).ndim != 1:
            raise IndexError("index images by cell alone (an integer, a slice, an array), then what you get")
        return self.read(indices) if len(indices) else np.empty((0, *CELL), np.uint16)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self[:], dtype=dtype)


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
    files : every file of which bytes are read; none for cells in memory.
    """

    name: str
    path: Path
    images: Images = field(repr=False)
    labels: np.ndarray = field(repr=False)
    plate: np.ndarray | None = field(repr=False)
    well: np.ndarray | None = field(repr=False)
    class_names: tuple
    source: str
    files: tuple = field(default=(), repr=False)

    def __len__(self):
        return len(self.labels)

    @property
    def well_ids(self):
        """Name each cell's physical well, (N,) str `plate/well`; None unless both are known: each plate has an A01."""
        known = self.plate is not None and self.well is not None
        return np.char.add(np.char.add(self.plate, "/"), self.well) if known else None

    def take(self, indices):
        """Make a split of some of its cells, held in memory.

        Parameters
        ----------
        indices : (n,) int, in the order in which the cells are wanted.

        Returns
        -------
        Split of n cells, with an array as `images` and without a path.
        """
        parts = {name: getattr(self, name) for name in ("images", "labels", "plate", "well")}
        parts = {name: None if values is None else values[indices] for name, values in parts.items()}
        return replace(self, path=None, files=(), **parts)

    def batches(self, size=1024, order=None):
        """Go through the split in pairs of indices and images, so that it need never lie in memory whole.

        Parameters
        ----------
        size : cells in a batch, at least 1.
        order : (n,) indices to go through; the file's own order when None.

        Returns
        -------
        An iterator over pairs of indices (n,) int64 and images (n, 2, 64, 64) uint16.
        """
        if not isinstance(size, (int, np.integer)) or size < 1:
            raise ValueError(f"found a batch size of {size}; expected a whole number of at least 1.")
        order = np.arange(len(self))[slice(None) if order is None else order]
        parts = (order[at : at + size] for at in range(0, len(order), size))
        return ((indices, self.images[indices]) for indices in parts)
