"""Recognise the splits of a release among the files and folders beside it."""

import re
from pathlib import Path

from coos_helpers import hdf5, tiff
from coos_helpers.errors import DataError

#: Where the word that names a split may begin: not within another word (`contest3`), but where capitals begin or end.
START = r"(?:(?<![^\W_])|(?<=[A-Z]{2})(?=[A-Z]?[a-z])|(?<=[a-z])(?=[A-Z]))"

#: Where it ends: before a letter or a digit it would be another word.
END = r"(?![^\W_])"


def split_name(name):
    """Recognise a split by a file's or folder's name: `COOS7_v1.1_test3.hdf5` is `test3`; None if it says nothing.

    The word is `train`, `training` or `test` with a number from 1 to 9, in capitals or not (`Test_2`, `test-4`). It
    stands between other signs than letters and digits, or begins where capitals end (`COOStest3`, `COOSTrain`) or
    begin (`yeastTest1`). So neither `pretrained` nor `latest1` nor `CONTEST3` is a split. A name that begins with a
    dot, such as macOS leaves beside files, is none.
    """
    name = Path(name).name
    if name.startswith("."):
        return None
    if test := re.search(rf"{START}(?i:test)[_\- ]?([1-9]){END}", name):
        return f"test{test[1]}"
    return "train" if re.search(rf"{START}(?i:train(?:ing)?){END}", name) else None


def split_at(path):
    """Recognise the split that a file or folder is: its name must say so, and it must look like one.

    Returns
    -------
    The split's name, or None for files other than HDF5 and for folders without images in the authors' layout.
    """
    name = split_name(path.name)
    return name if name and _looks_like_a_split(path) else None


def passed_over(folder):
    """Name what looks like a split in a folder and is none to `open_release`, for want of a name or of images."""
    names = []
    for path in tiff.entries(Path(folder)):
        try:
            likely = _looks_like_a_split(path)
        except DataError:  # a folder that is closed to you
            likely = False
        if not path.name.startswith(".") and bool(split_name(path.name)) != likely and (likely or path.is_dir()):
            names.append(path.name)
    return names


def _looks_like_a_split(path):
    """Tell an HDF5 file by its suffix, and a folder by its images or by what `coos unpack` writes first."""
    if path.is_dir():
        return (path / tiff.SIDECAR).exists() or tiff.holds_images(path)
    return path.suffix.lower() in hdf5.SUFFIXES
