"""Read a split from a folder in the layout of the authors' unpack script.

`<folder>/<label>/COOSv1cell_<i>_protein.tif` beside `..._nucleus.tif`. That layout has no place for plates, wells and
class names; `coos unpack` adds them in one file, `cells.json`, which is read where it is there.
"""

import json
import math
import re
from functools import partial

import numpy as np
import tifffile

from coos_helpers.data.errors import DataError
from coos_helpers.data.split import CELL
from coos_helpers.data.validate import as_uint16, check_type

#: The file that says what TIFF images have no place for.
SIDECAR = "cells.json"

#: The channels in their order in `images`, and the authors' name for one channel of one cell.
CHANNELS = ("protein", "nucleus")
NAME = "COOSv1cell_{index}_{channel}.tif"
PATTERN = re.compile(r"COOSv1cell_(\d+)_(protein|nucleus)\.tiff?$", re.IGNORECASE)


def read_parts(folder):
    """Take a split's parts out of a folder, its cells ordered by number: the same dict as `hdf5.read_parts` gives."""
    pairs = _pairs(folder)
    order = sorted(pairs)
    images = [[pairs[cell][channel] for channel in CHANNELS] for cell in order]
    read = partial(_read_cells, images)
    read(np.array([0]))  # so that images of a wrong kind are refused before any work
    labels = np.array([label for _, label in order], np.int64)
    known = _sidecar(folder / SIDECAR, len(order))
    files = [file for pair in images for file in pair] + [folder / SIDECAR] * (folder / SIDECAR).exists()
    return {"labels": labels, "read": read, "files": tuple(files), **known}


def entries(folder):
    """List a folder in the order of names."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        found = f"a folder that cannot be read ({error.strerror})"
        raise DataError(folder, found, "a readable folder", "Check its permissions.") from error


def find_images(folder):
    """Go through the images in a folder's subfolders, in triples of the file, its cell's number and its channel."""
    for subfolder in entries(folder):
        if subfolder.is_dir() and not subfolder.name.startswith("."):
            for file in entries(subfolder):
                if match := PATTERN.match(file.name):
                    yield file, int(match[1]), match[2].lower()


def _pairs(folder):
    """Find the images of each cell: dict from (number, label) to a dict from channel to file."""
    pairs = {}
    for file, index, channel in find_images(folder):
        label = file.parent.name
        if not re.fullmatch(r"[0-9]{1,9}", label):
            remedy = "Rename the folder to its class's label (Table 1)."
            raise DataError(folder, f"images in a folder called {label}", "folders named by label: 0, 1, 2 ...", remedy)
        pairs.setdefault((index, int(label)), {})[channel] = file
    if not pairs:
        remedy = "Give the folder of one split, as the authors' script or `coos unpack` writes it."
        raise DataError(folder, "no image of a cell", "files such as 0/COOSv1cell_17_protein.tif", remedy)
    for (index, label), pair in pairs.items():
        for channel in set(CHANNELS) - set(pair):
            found, remedy = f"cell {index} without its {channel} image", "Unpack the split again."
            raise DataError(folder / str(label), found, "two images a cell, protein and nucleus", remedy)
    return pairs


def _read_cells(files, indices):
    """Read cells by index from pairs of TIFF files: (n,) int to (n, 2, 64, 64) uint16."""
    images = np.empty((len(indices), *CELL), np.uint16)
    for image, index in zip(images, indices, strict=True):
        for channel, file in enumerate(files[index]):
            image[channel] = _read(file)
    return images


def _read(file):
    """Read one image of 64 x 64 counts, of any type that holds them, as uint16."""
    try:
        with tifffile.TiffFile(file) as tiff:
            found = tiff.series[0]  # of another size it is refused unread: damaged, it may be gigabytes
            image = tiff.asarray() if found.size == math.prod(CELL[1:]) else np.broadcast_to(np.uint16(0), found.shape)
    except Exception as error:  # tifffile raises many kinds for damaged files
        found = f"a file that cannot be read ({error})"
        raise DataError(file, found, "a TIFF image", "It is damaged: unpack the split again.") from error
    if image.shape != CELL[1:]:
        remedy = "Unpack the raw images, each channel to its own file."
        raise DataError(file, f"an image of shape {image.shape}", "shape (64, 64): one channel of one cell", remedy)
    check_type(file, image.dtype, "an image")
    return as_uint16(file, image)


def _sidecar(file, count):
    """Read what `coos unpack` wrote beside the images of `count` cells; each key is None where nothing is there."""
    known = {"count": count}
    try:
        if file.exists():
            known = json.loads(file.read_text(encoding="utf-8"))
        total, source = known["count"], known.get("source")
        lists = {key: known.get(key) for key in ("plate", "well", "class_names")}
        # As objects: what is no text must not become one.
        lists = {key: None if values is None else np.array(values, object) for key, values in lists.items()}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        found = f"a file that cannot be read ({error})"
        raise DataError(file, found, "what `coos unpack` wrote", "Unpack the split again.") from error
    if total != count:
        remedy = "Unpack the split again: some images are missing."
        raise DataError(file.parent, f"{count} cells", f"{total}, as {file.name} says", remedy)
    return {**lists, "source": source}
