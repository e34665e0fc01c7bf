"""Recognise the splits of a release among the files and folders beside it."""

import os
import re
from pathlib import Path

from coos_helpers.data import hdf5, tiff
from coos_helpers.data.errors import DataError

#: How names of files end that may tell of a split, and hold none.
DOCUMENTS = tuple(".md .txt .json .csv .log .pdf .png .py .ipynb .html .md5 .sha256".split())

#: The word that names a split may begin where capitals begin or end, but not within another word (`contest3`).
START = r"(?:(?<![^\W_])|(?<=[A-Z]{2})(?=[A-Z]?[a-z])|(?<=[a-z])(?=[A-Z]))"


def split_name(name):
    """Recognise a split by a name: `COOS7_v1.1_test3.hdf5` is `test3`.

    Parameters
    ----------
    name : of a file or folder, or its path, with `train`, `training` or `test` and a number from 1 to 9 as a word of
        its own, in capitals or not: `Test_2` and `COOStest3` but not `pretrained`, `latest1`, `CONTEST3` or `.train`.

    Returns
    -------
    `train`, `test1` ... `test9`, or None.
    """
    name = Path(name).name
    words = (r"test[_\- ]?([1-9])", "train(?:ing)?")
    test, train = (re.search(rf"{START}(?i:{word})(?![^\W_])", name) for word in words)
    return None if name.startswith(".") else f"test{test[1]}" if test else "train" if train else None


def find_splits(folder):
    """Tell the splits in a folder, (name, path) pairs, from what only looks like one or has the name of one: names."""
    splits, ignored = [], []
    for path in tiff.entries(folder):
        name, is_split = split_name(path.name), looks_like_a_split(path)
        nowhere = not os.path.exists(path) and not path.suffix[1:2].isalpha()
        if name and (is_split or nowhere):  # a link that leads nowhere is for who opens it to refuse
            splits.append((name, path))
        elif not path.name.startswith(".") and (is_split or (name and not path.name.lower().endswith(DOCUMENTS))):
            ignored.append(path.name)
    return splits, ignored


def looks_like_a_split(path):
    """Tell an HDF5 file by its suffix, and a folder by its images or by what `coos unpack` writes first."""
    if not os.path.isdir(path):
        return path.suffix.lower() in hdf5.SUFFIXES
    try:
        return (path / tiff.SIDECAR).exists() or any(tiff.find_images(path))
    except (OSError, DataError):  # closed to you: by its name it is a split, and who opens it is told
        return split_name(path.name) is not None
