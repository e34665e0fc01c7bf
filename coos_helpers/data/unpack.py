"""Write a release as single TIFF images, in the layout and with the names of the authors' unpack script."""

import io
import json
from pathlib import Path

import numpy as np
import tifffile
from tqdm import tqdm

from coos_helpers.data.errors import DataError, is_folder
from coos_helpers.data.release import open_release, open_split
from coos_helpers.data.split_names import find_splits
from coos_helpers.data.tiff import CHANNELS, NAME, SIDECAR, find_images
from coos_helpers.store.files import naming
from coos_helpers.store.lock import alone

EMPTY_FOLDER = "Choose an empty folder, or remove what is there if it is no longer needed."


def unpack(folder, out, progress=True):
    """Write each cell of a release as two TIFF images, losing nothing.

    They are named as the authors name them: `<out>/<split>/<label>/COOSv1cell_<i>_protein.tif` and `..._nucleus.tif`.
    What TIFF images have no place for goes to `<out>/<split>/cells.json`. It is written first and counts the cells, so
    that half a split is never read as a whole one. The next call goes on where one was stopped.

    Parameters
    ----------
    folder : holds a release; or the file of one split.
    out : the folder to write to, made if missing.
    progress : whether a progress bar is drawn on stderr.

    Returns
    -------
    dict from split name to the split's folder, a Path.

    Raises
    ------
    DataError : the release is damaged, or `out` holds images of another one.
    OSError : `out` cannot be written.
    """
    folder, out = Path(folder), Path(out)
    splits = open_release(folder) if folder.is_dir() else {(split := open_split(folder)).name: split}
    targets = {name: out / name for name in splits}
    with alone(out):
        for name, path in find_splits(out)[0]:
            if path not in targets.values() and (folder.is_dir() or name in targets):
                raise DataError(out, f"the split {name} in {path.name}", f"only splits of {folder}", EMPTY_FOLDER)
        for name, split in splits.items():
            _check_target(split, targets[name])
        with tqdm(total=sum(map(len, splits.values())), unit=" cells", disable=not progress) as bar:
            for name, split in splits.items():
                bar.set_description(name)
                _unpack_split(split, targets[name], bar)
    return targets


def _check_target(split, target):
    """Refuse a folder that holds cells of another release, before anything is written to it."""
    expected = f"cells of {split.path}"
    _check_file(target / SIDECAR, expected)
    try:
        known = json.loads((target / SIDECAR).read_text(encoding="utf-8"))
        other = [key for key, value in _description(split).items() if known[key] != value]
    except (OSError, ValueError, KeyError, TypeError):
        other = []  # none there or damaged: it is written anew, and the images are compared one by one
    if other:
        raise DataError(target / SIDECAR, f"another release (its {other[0]} differs)", expected, EMPTY_FOLDER)
    found = list(find_images(target)) if target.is_dir() else []
    for file, index, _ in found:
        if index >= len(split) or file.parent.name != str(split.labels[index]):
            raise DataError(file, "a cell of another release", expected, EMPTY_FOLDER)
    for file, index, channel in found[:1]:  # the others are compared when their turn comes
        _is_there(file, split.images[index][CHANNELS.index(channel)], split)


def _unpack_split(split, target, bar):
    """Write one split's `cells.json` and every image that is not there yet."""
    description = json.dumps(_description(split), indent=1, ensure_ascii=False).encode("utf-8")
    if not (file := target / SIDECAR).exists() or file.read_bytes() != description:
        _write(file, description)
    for indices, images in split.batches():
        for index, image in zip(indices, images, strict=True):
            for channel, pixels in zip(CHANNELS, image, strict=True):
                file = target / str(split.labels[index]) / NAME.format(index=index, channel=channel)
                if not _is_there(file, pixels, split):
                    stream = io.BytesIO()
                    tifffile.imwrite(stream, pixels, photometric="minisblack", metadata=None)
                    _write(file, stream.getvalue())
            bar.update()


def _description(split):
    """Gather what `cells.json` says: with the images, it is the whole split."""
    places = {key: None if (values := getattr(split, key)) is None else values.tolist() for key in ("plate", "well")}
    return {"source": split.source, "count": len(split), "class_names": list(split.class_names), **places}


def _is_there(file, pixels, split):
    """Tell whether an image has been written already; refuse to go on where the file shows another cell."""
    _check_file(file, f"this cell of {split.path}")
    try:
        there = tifffile.imread(file)
    except Exception:  # none there, cut short or damaged, for which tifffile raises many kinds
        return False
    if not np.array_equal(there, pixels):
        raise DataError(file, "another image", f"this cell of {split.path}", EMPTY_FOLDER)
    return True


def _check_file(file, expected):
    """Refuse what is there and no file: who opens a named pipe waits for ever."""
    if file.exists() and is_folder(file, expected, EMPTY_FOLDER):
        raise DataError(file, "a folder", expected, EMPTY_FOLDER)


def _write(file, content):
    """Write a file whole or not at all: a reader never meets half an image."""
    unfinished = file.with_name(f"{file.name}.part")
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with naming(file):
            unfinished.write_bytes(content)
        unfinished.replace(file)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
