"""Read a split from a folder in the layout of the authors' unpack script.

`<folder>/<label>/COOSv1cell_<i>_protein.tif` beside `..._nucleus.tif`. That layout has no place for plates, wells and
class names; `coos unpack` adds them in one file, `cells.json`, which is read where it is there.
"""

import json
import re
from pathlib import Path

import numpy as np
import tifffile

from coos_helpers.counts import as_uint16, check_type
from coos_helpers.errors import DataError

SIDECAR = "cells.json"
NAME = "COOSv1cell_{index}_{channel}.tif"
CHANNELS = ("protein", "nucleus")
PATTERN = re.compile(r"COOSv1cell_(\d+)_(protein|nucleus)\.tiff?$", re.IGNORECASE)


def read_parts(folder):
    """Take a split's parts out of a folder; the same dict as `coos_helpers.hdf5.read_parts`.

    Cells are ordered by the number in their name, then by label.

    Raises
    ------
    DataError : no images, an image without its other channel, folders that are no labels, a damaged `cells.json`.
    """
    pairs = {}
    for subfolder in entries(Path(folder)):
        if not subfolder.is_dir() or subfolder.name.startswith("."):
            continue
        images = [(match, file) for file in entries(subfolder) if (match := PATTERN.match(file.name))]
        if not images:
            continue
        if not re.fullmatch(r"[0-9]{1,9}", subfolder.name):
            raise DataError(
                folder,
                f"images in a folder called {subfolder.name}",
                "folders named by label: 0, 1, 2 ...",
                "Rename the folder to its class's label (Table 1).",
            )
        for match, file in images:
            cell = pairs.setdefault((int(match[1]), int(subfolder.name)), {})
            cell[match[2].lower()] = file
    if not pairs:
        raise DataError(
            folder,
            "no image of a cell",
            "files such as 0/COOSv1cell_17_protein.tif",
            "Give the folder of one split, as the authors' script or `coos unpack` writes it.",
        )
    for (index, label), cell in pairs.items():
        if len(cell) < 2:
            missing = next(channel for channel in CHANNELS if channel not in cell)
            raise DataError(
                folder / str(label),
                f"cell {index} without its {missing} image",
                "two images a cell, protein and nucleus",
                "Unpack the split again; what is already there is kept.",
            )
    order = sorted(pairs)
    files = [[pairs[cell][channel] for channel in CHANNELS] for cell in order]
    labels = np.array([label for _, label in order], np.int64)
    known = _sidecar(Path(folder) / SIDECAR, len(labels))
    reader = _Reader(files)
    reader(np.array([0]))
    return {
        "labels": labels,
        "plate": known.get("plate"),
        "well": known.get("well"),
        "class_names": known.get("class_names"),
        "source": known.get("source"),
        "read": reader,
    }


def entries(folder):
    """List a folder in the order of names."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise DataError(
            folder, f"a folder that cannot be read ({error.strerror})", "a readable folder", "Check its permissions."
        ) from error


def holds_images(folder):
    """Tell whether a folder's own subfolders hold images with the authors' names."""
    subfolders = (path for path in entries(folder) if path.is_dir() and not path.name.startswith("."))
    return any(PATTERN.match(file.name) for subfolder in subfolders for file in entries(subfolder))


class _Reader:
    """Read cells by index from pairs of TIFF files."""

    def __init__(self, files):
        self.files = files

    def __call__(self, indices):
        images = np.empty((len(indices), 2, 64, 64), np.uint16)
        for image, index in zip(images, indices, strict=True):
            for channel, file in enumerate(self.files[index]):
                image[channel] = _read(file)
        return images


def _read(file):
    """Read one image of 64 x 64 counts, of any type that holds them, as uint16."""
    try:
        image = tifffile.imread(file)
    except Exception as error:  # tifffile raises many kinds for damaged files
        raise DataError(
            file, f"a file that cannot be read ({error})", "a TIFF image", "It is damaged: unpack the split again."
        ) from error
    if image.shape != (64, 64):
        raise DataError(
            file,
            f"an image of shape {image.shape}",
            "shape (64, 64): one channel of one cell",
            "Unpack the raw images, each channel to its own file.",
        )
    check_type(file, image.dtype, "an image")
    return as_uint16(file, image)


def _sidecar(file, count):
    """Read what `coos unpack` wrote beside the images."""
    if not file.exists():
        return {}
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
        total = known["count"]
        for key in ("class_names", "plate", "well"):
            values = known.get(key)
            if values is not None and not (isinstance(values, list) and all(isinstance(v, str) for v in values)):
                raise ValueError(f"{key} is no list of texts")
        if not isinstance(known.get("source") or "", str):
            raise ValueError("source is no text")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(
            file, f"a file that cannot be read ({error})", "what `coos unpack` wrote", "Unpack the split again."
        ) from error
    if total != count:
        raise DataError(
            file.parent,
            f"{count} cells",
            f"{total}, as {file.name} says",
            "Unpack the split again: some images are missing.",
        )
    return known
