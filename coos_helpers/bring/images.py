"""Read one image file as its microscope counted it: TIFF, OME-TIFF or PNG, of one channel or several."""

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import tifffile
from PIL import Image
from scipy import ndimage

from coos_helpers.data.errors import DataError, is_folder, unreadable
from coos_helpers.data.validate import as_uint16

KINDS = "a TIFF, OME-TIFF or PNG image of grey counts"
GREY = "Save each channel as an image of its own in grey, with the raw counts."

#: Axes of a TIFF file that may be channels: named so, samples of a pixel, or pages that the file does not name.
CHANNEL_AXES = "CSQI"
#: What else an axis can be, and what to do.
STACKS = {
    "Z": ("planes of a stack", "Choose the plane in focus, or project the stack, and save that."),
    "T": ("moments of a movie", "Save each moment as an image of its own."),
}


def read_image(path):
    """Read the raw counts of an image, and what its channels are called.

    Parameters
    ----------
    path : a TIFF, OME-TIFF (OME's and ImageJ's names of channels are read) or PNG image of 8 to 16 bits, with one
        channel or with several, first or last.

    Returns
    -------
    counts : (C, H, W) uint8 where the file has 8 bits a pixel, else uint16; nothing is rescaled.
    names : C texts, empty where the file does not name a channel.

    Raises
    ------
    DataError : it cannot be read, is in colours, a stack or a movie, or holds something else than counts.
    """
    raw, names, colours = _read(path)
    if colours:
        raise DataError(path, f"an image in colours ({colours})", KINDS, GREY)
    if raw.dtype.kind not in "iu":
        found = f"pixels of type {raw.dtype}"
        raise DataError(path, found, "whole counts of 8 to 16 bits", "Save the raw counts: what was rescaled is lost.")
    if raw.dtype != np.uint8:
        raw = np.stack([as_uint16(path, channel) for channel in raw])
    return raw, names


def read_mask(path):
    """Read an integer mask of objects: (H, W) int64, 0 where none is, else the number of the object.

    Cellpose, StarDist and CellProfiler write such masks, as TIFF or PNG. A `DataError` says what is none.
    """
    raw, _, colours = _read(path)
    expected = "one number a pixel: 0 for background, else the object's"
    if len(raw) > 1 or raw.dtype.kind not in "iu" or colours not in ("", "PALETTE", "P"):
        found = f"{len(raw)} channel(s) of type {raw.dtype}" + f" in colours ({colours})" * bool(colours)
        raise DataError(path, found, expected, "Save the mask of labels itself, not a picture of it.")
    if raw.min() < 0 or raw.max() > 2**31:
        raise DataError(path, f"numbers from {raw.min()} to {raw.max()}", expected, "Number the objects from 1.")
    mask = raw[0].astype(np.int64)
    if (mask[mask > 0] == mask.max()).all() and (places := ndimage.label(mask, np.ones((3, 3)))[1]) > 1:
        found = f"the one number {mask.max()} in {places} places: foreground, not objects"
        raise DataError(path, found, expected, "Number the objects, each by its own, as `skimage.measure.label` does.")
    return mask


def channel_index(path, names, wanted):
    """Find a channel of an image by its number, from 1, or its name.

    Parameters
    ----------
    path : of the image, for the message. names : C texts, from `read_image`.
    wanted : number or name, as a text; a name counts first, without regard to capitals.

    Returns
    -------
    Its index, from 0.

    Raises
    ------
    DataError : no channel is called so, or more than one is.
    """
    wanted, called = str(wanted).strip(), [name.strip().lower() for name in names]
    found = [i for i, name in enumerate(called) if name == wanted.lower()]
    if not found and wanted.isdecimal() and 1 <= int(wanted) <= len(names):
        return int(wanted) - 1
    if len(found) != 1:
        have = ", ".join(f"{i} {name}".rstrip() for i, name in enumerate(names, 1))
        many = f"{len(found)} channels called {wanted!r}" if found else f"no channel {wanted!r}"
        raise DataError(path, f"{many} among {have}", "one", "Give a channel by its number, from 1, or its name.")
    return found[0]


def _read(path):
    """Read an image as it is: (C, H, W), names of channels, and the kind of its colours, empty where it has none."""
    if is_folder(path := Path(path), KINDS, "Name a file."):
        raise DataError(path, "a folder", KINDS, "Name a file.")
    try:
        with open(path, "rb") as file:
            begin = file.read(8)
        if begin[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            return _read_tiff(path)
        if begin == b"\x89PNG\r\n\x1a\n":
            return _read_png(path)
    except DataError:
        raise
    except Exception as error:  # tifffile and Pillow raise many kinds for damaged files
        if isinstance(error, ImportError) or re.search("imagecodecs|COMPRESSION", str(error)):
            remedy = "What reads most others comes by `pip install imagecodecs`."
            raise DataError(path, f"an image packed in another way ({error})", KINDS, remedy) from error
        raise unreadable(path, f"a file that cannot be read ({error})", KINDS) from error
    if begin[:2] == b"\xff\xd8":
        raise DataError(path, "a JPEG image, which has lost counts", KINDS, "Export the raw image as TIFF or PNG.")
    raise unreadable(path, f"a file that begins with {begin!r}", KINDS)


def _read_png(path):
    """Read a PNG file."""
    with Image.open(path) as image:
        grey = image.mode in ("L", "I", "I;16", "I;16B")
        pixels = np.array(image)
    if grey or image.mode == "P":
        return pixels[None], ("",), "" if grey else image.mode
    return np.atleast_3d(pixels).transpose(2, 0, 1), ("",) * len(image.getbands()), image.mode


def _read_tiff(path):
    """Read a TIFF file of whatever kind: its one image, with channels first."""
    with tifffile.TiffFile(path) as tiff:
        series = tiff.series
        if not series:
            raise ValueError("no image in it")
        same = len({(one.axes, one.shape, one.dtype) for one in series}) == 1  # as pages that were written one by one
        if not same or (len(series) > 1 and series[0].axes != "YX"):
            remedy = "Save each image to a file of its own."
            raise DataError(path, f"{len(series)} images of different kinds", "one image of a field", remedy)
        page = tiff.pages[0]
        kind = page.photometric.name if "PhotometricInterpretation" in page.tags else ""
        long = [(axis, n) for axis, n in zip(series[0].axes, series[0].shape, strict=True) if n > 1 or axis in "YX"]
        axes = "".join(axis for axis, _ in long)
        for axis, n in long:
            if axis not in f"YX{CHANNEL_AXES}":
                what, remedy = STACKS.get(axis, (f"places along an axis {axis}", "Save one plane of each channel."))
                if axis == "Z" and tiff.is_imagej:
                    remedy += " If these are channels, in ImageJ: Image > Hyperstacks > Stack to Hyperstack."
                raise DataError(path, f"{n} {what}", "one plane of each channel", remedy)
        if len(axes) > 3 or not axes.endswith(("YX", "YXS")):
            raise DataError(path, f"axes {series[0].axes} {series[0].shape}", "channels, rows and columns", GREY)
        pixels = np.stack([one.asarray() for one in series]) if len(series) > 1 else series[0].asarray()
        pixels = pixels.reshape([len(series)] * (len(series) > 1) + [n for _, n in long])
        names = _ome_names(tiff) or _imagej_names(tiff)
    if pixels.ndim == 2:
        pixels = pixels[None]
    elif axes.endswith("S") or (
        axes[0] in "QI" and len(series) == 1 and pixels.shape[2] <= 8 < min(pixels.shape[:2])
    ):  # channels last
        pixels = pixels.transpose(2, 0, 1)
    names = names if len(names) == len(pixels) else ("",) * len(pixels)
    return pixels, names, "" if kind in ("", "MINISBLACK") else kind


def _ome_names(tiff):
    """List the names that OME's metadata give the channels of the first image."""
    if not tiff.is_ome:
        return ()
    image = next((part for part in ElementTree.fromstring(tiff.ome_metadata).iter() if part.tag.endswith("}Image")), ())
    parts = image.iter() if len(image) else ()
    return tuple(part.get("Name", "") for part in parts if part.tag.endswith("}Channel"))


def _imagej_names(tiff):
    """List the labels that ImageJ gives the channels."""
    labels = (tiff.imagej_metadata or {}).get("Labels", ()) if tiff.is_imagej else ()
    return (labels,) if isinstance(labels, str) else tuple(str(label) for label in labels)
