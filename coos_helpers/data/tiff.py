"""Read a split from a folder in the layout of the authors' unpack script.

`<folder>/<label>/COOSv1cell_<i>_protein.tif` beside `..._nucleus.tif`. That layout has no place for plates, wells and
class names; `coos unpack` adds them in one file, `cells.json`, which is read where it is there.
"""

import json
import math
import os
import re
from functools import partial

import numpy as np
import tifffile

from coos_helpers.data.errors import DataError, is_folder, unreadable
from coos_helpers.data.split import CELL
from coos_helpers.data.validate import as_uint16, check_type

#: The file that says what TIFF images have no place for.
SIDECAR = "cells.json"

#: The channels in their order in `images`, and the authors' name for one channel of one cell.
CHANNELS = ("protein", "nucleus")
NAME = "COOSv1cell_{index}_{channel}.tif"
AGAIN = "Unpack the split again."
LABEL = re.compile("[0-9]{1,9}")
PATTERN = re.compile(r"COOSv1cell_([0-9]+)_(protein|nucleus)\.tiff?", re.IGNORECASE)


def read_parts(folder):
    """Take a split's parts out of a folder, its cells ordered by number: the same dict as `hdf5.read_parts` gives."""
    pairs = _pairs(folder)
    images = [[pairs[cell][channel] for channel in CHANNELS] for cell in sorted(pairs)]
    read = partial(_read_cells, images)
    read(np.array([0]))  # so that images of a wrong kind are refused before any work
    labels = np.array([int(file.parent.name) for file, _ in images], np.int64)
    known = _sidecar(folder / SIDECAR, len(images))
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
                if match := PATTERN.fullmatch(file.name):
                    yield file, int(match[1]), match[2].lower()
        elif LABEL.fullmatch(subfolder.name):
            is_folder(subfolder, "a folder with the images of one class", AGAIN)  # which refuses a link to nowhere


def _pairs(folder):
    """Find the images of each cell: dict from its number to a dict from channel to file."""
    pairs, of_label = {}, {}
    for file, index, channel in find_images(folder):
        label = file.parent.name
        if not LABEL.fullmatch(label):
            remedy = "Rename the folder to its class's label (Table 1)."
            raise DataError(folder, f"images in a folder called {label}", "folders named by label: 0, 1, 2 ...", remedy)
        if is_folder(file, "a TIFF image", AGAIN):
            raise DataError(file, "a folder", "a TIFF image", AGAIN)
        pair = pairs.setdefault(index, {})
        if twin := pair.get(channel) or next((one for one in pair.values() if one.parent != file.parent), None):
            both = " and ".join(one.relative_to(folder).as_posix() for one in (twin, file))
            expected = "one label for each cell, and one file for each of its channels"
            raise DataError(folder, f"both {both} for cell {index}", expected, "Move the wrong one elsewhere.")
        pair[channel] = file
        of_label.setdefault(int(label), {})[label] = file
    if same := [" and the folder ".join(labels) for labels in of_label.values() if len(labels) > 1]:
        remedy = "Move the images of one into the other."
        raise DataError(folder, f"both the folder {same[0]}", "one folder for each label", remedy)
    if not pairs:
        remedy = "Give the folder of one split, as the authors' script or `coos unpack` writes it."
        raise DataError(folder, "no image of a cell", "files such as 0/COOSv1cell_17_protein.tif", remedy)
    for index, pair in pairs.items():
        for channel in set(CHANNELS) - set(pair):
            found, (file,) = f"cell {index} without its {channel} image", pair.values()
            raise DataError(file.parent, found, "two images a cell, protein and nucleus", AGAIN)
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
    packed = "something unknown"
    try:
        with tifffile.TiffFile(file) as tiff:
            page, series = tiff.pages[0], tiff.series
            packed, kind = (getattr(part, "name", part) for part in (page.compression, page.photometric))
            kind = kind if "PhotometricInterpretation" in page.tags else "MINISBLACK"
            few = series[0].size == math.prod(CELL[1:])  # others are refused unread: damaged, they may be gigabytes
            image = series[0].asarray().squeeze() if few else np.broadcast_to(np.uint16(0), series[0].shape)
    except Exception as error:  # tifffile raises many kinds for damaged files
        if isinstance(error, ImportError) or re.search("imagecodecs|COMPRESSION", str(error)):
            found, expected = f"an image packed by {packed} ({error})", "one without compression, or packed by DEFLATE"
            raise DataError(
                file, found, expected, "What reads most others comes by `pip install imagecodecs`."
            ) from error
        raise unreadable(file, f"a file that cannot be read ({error})", "a TIFF image") from error
    if (len(series), image.shape, kind) != (1, CELL[1:], "MINISBLACK"):
        found = f"{len(series)} image(s), the first of shape {image.shape} and kind {kind}"
        expected = "one of shape (64, 64) and kind MINISBLACK (0 is black): one channel of one cell"
        raise DataError(file, found, expected, "Unpack the raw images, each channel to its own file.")
    check_type(file, image.dtype, "an image")
    return as_uint16(file, image)


def _sidecar(file, count):
    """Read what `coos unpack` wrote beside the images of `count` cells; each key is None where nothing is there."""
    known = {"count": count}
    try:
        if os.path.lexists(file):
            is_folder(file, "what `coos unpack` wrote", AGAIN)
            known = json.loads(file.read_text(encoding="utf-8-sig"))  # as editors may write it
        total, source = known["count"], known.get("source")
        lists = {key: known.get(key) for key in ("plate", "well", "class_names")}
        # As objects: what is no text must not become one.
        lists = {key: None if values is None else np.array(values, object) for key, values in lists.items()}
    except DataError:
        raise
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise unreadable(file, f"a file that cannot be read ({error})", "what `coos unpack` wrote") from error
    if total != count:
        remedy = f"Some images are missing, or of another split. {AGAIN}"
        raise DataError(file.parent, f"{count} cells", f"{total!r}, as {file.name} says", remedy)
    return {**lists, "source": source}
