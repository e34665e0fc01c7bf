"""Write a release as single TIFF images, in the layout and with the names of the authors' unpack script."""

import io
import json
import os
from pathlib import Path

import numpy as np
import tifffile
from tqdm import tqdm

from coos_helpers.data import open_release, open_split
from coos_helpers.errors import DataError
from coos_helpers.naming import split_at
from coos_helpers.tiff import CHANNELS, NAME, PATTERN, SIDECAR

EMPTY_FOLDER = "Choose an empty folder, or remove what is there if it is no longer needed."


def unpack(folder, out, progress=True):
    """Write each split to `<out>/<split>/<label>/COOSv1cell_<i>_protein.tif` and `..._nucleus.tif`, losing nothing.

    What TIFF images have no place for (class names, plates, wells, the source) goes to `<out>/<split>/cells.json`. It
    is written first and counts the cells, so that half a split is never read as a whole one. A call that was stopped
    is continued by the next: images already there are compared with the release and kept.

    Parameters
    ----------
    folder : a folder with a release, or the file of one split.
    out : made if missing.
    progress : show a bar.

    Returns
    -------
    dict from split name to the split's folder.

    Raises
    ------
    DataError : the release is damaged, or `out` holds images of another one.
    OSError : `out` cannot be written.
    """
    folder, out = Path(folder), Path(out)
    whole = folder.is_dir()
    split = None if whole else open_split(folder)
    splits = open_release(folder) if whole else {split.name: split}
    targets = {name: out / name for name in splits}
    _check_neighbours(folder, out, targets, whole)
    for name, split in splits.items():
        _check_target(split, targets[name])
    cells = sum(len(split) for split in splits.values())
    with tqdm(total=cells, unit=" cells", disable=not progress) as bar:
        for name, split in splits.items():
            bar.set_description(name)
            _unpack_split(split, targets[name], bar)
    return targets


def _unpack_split(split, target, bar):
    """Write one split's `cells.json` and every image that is not there yet."""
    for label in np.unique(split.labels):
        (target / str(label)).mkdir(parents=True, exist_ok=True)
    _write(target / SIDECAR, json.dumps(_description(split), indent=1, ensure_ascii=False).encode("utf-8"))
    for indices, images in split.batches():
        for index, image in zip(indices, images, strict=True):
            for channel, pixels in zip(CHANNELS, image, strict=True):
                file = target / str(split.labels[index]) / NAME.format(index=index, channel=channel)
                encoded = _encode(pixels)
                if not _is_there(file, pixels, encoded, split):
                    _write(file, encoded)
            bar.update()


def _is_there(file, pixels, encoded, split):
    """Tell whether an image has been written already; refuse to go on where the file shows another cell."""
    if not file.exists():
        return False
    content = file.read_bytes()
    if content == encoded:
        return True
    there = _decode(content)  # another program may have written the same pixels in other bytes
    if there is not None and not np.array_equal(there, pixels):
        raise DataError(file, "another image", f"this cell of {split.path}", EMPTY_FOLDER)
    return there is not None


def _encode(pixels):
    """Make the bytes of a plain TIFF file."""
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, photometric="minisblack", metadata=None)
    return stream.getvalue()


def _decode(content):
    """Read an image's pixels; None for a file that was cut short or damaged."""
    try:
        return tifffile.imread(io.BytesIO(content))
    except Exception:  # tifffile raises many kinds for damaged files
        return None


def _write(file, content):
    """Write a file whole or not at all: a reader never meets half an image."""
    unfinished = file.with_name(f"{file.name}.part")
    unfinished.write_bytes(content)
    os.replace(unfinished, file)


def _description(split):
    """Gather what `cells.json` says: with the images, it is the whole split."""
    return {
        "source": split.source,
        "count": len(split),
        "class_names": list(split.class_names),
        "plate": None if split.plate is None else split.plate.tolist(),
        "well": None if split.well is None else split.well.tolist(),
    }


def _check_neighbours(folder, out, targets, whole):
    """Refuse a folder in which the unpacked splits would stand beside splits of another release, or twice."""
    for path in sorted(out.iterdir()) if out.is_dir() else []:
        if path in targets.values() or (name := split_at(path)) is None:
            continue
        if name in targets or whole:
            raise DataError(
                out, f"the split {name} in {path.name}", f"nothing but what {folder} is unpacked to", EMPTY_FOLDER
            )


def _check_target(split, target):
    """Refuse a folder that holds cells of another release, before anything is written to it."""
    expected = f"cells of {split.path}"
    description = _description(split)
    try:
        known = json.loads((target / SIDECAR).read_text(encoding="utf-8"))
        other = [key for key, value in description.items() if known[key] != value]
    except (OSError, ValueError, KeyError, TypeError):
        other = []  # none there or damaged: it is written anew, and the images are compared one by one
    if other:
        raise DataError(target / SIDECAR, f"another release (its {other[0]} differs)", expected, EMPTY_FOLDER)
    found = [(int(m[1]), m[2], file) for file in target.glob("*/*") if (m := PATTERN.match(file.name))]
    for index, _, file in found:
        if index >= len(split) or file.parent.name != str(split.labels[index]):
            raise DataError(file, "a cell of another release", expected, EMPTY_FOLDER)
    for index, channel, file in found[:1]:  # the others are compared when their turn comes
        pixels = split.images[index][CHANNELS.index(channel.lower())]
        _is_there(file, pixels, _encode(pixels), split)
