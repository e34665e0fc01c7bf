"""Let the images of a split be indexed like an array while they stay on disk."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

#: Channels, rows and columns of one cell (paper, section 2.1).
CELL = (2, 64, 64)


@dataclass(frozen=True, repr=False)
class Images:
    """Stand for the images of a split without holding them: index it like an array to read.

    `shape` is (N, 2, 64, 64), `dtype` uint16; channel 0 is the protein, channel 1 the nucleus. A slice or an array
    of indices, in any order and with repeats, gives an array (n, 2, 64, 64); one integer gives (2, 64, 64).
    """

    read: Callable
    length: int
    dtype = np.dtype(np.uint16)

    @property
    def shape(self):
        return (self.length, *CELL)

    @property
    def nbytes(self):
        return int(np.prod(self.shape)) * 2

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        if isinstance(index, tuple):
            raise IndexError("index images by cell alone: an integer, a slice or an array; then index what you get")
        if isinstance(index, (int, np.integer)):
            return self[[index]][0]
        indices = np.arange(self.length)[index]
        if indices.ndim != 1:
            raise IndexError("index images by cell: an integer, a slice or a one-dimensional array")
        return self.read(indices) if len(indices) else np.empty((0, *CELL), np.uint16)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self[:], dtype=dtype)

    def __repr__(self):
        return f"Images(shape={self.shape}, dtype=uint16)"
