"""Look through every image of a release, as `coos check` does."""

from collections import defaultdict
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from tqdm import tqdm

from coos_helpers.data.release import open_release, open_split
from coos_helpers.data.split_names import find_splits, looks_like_a_split, split_name
from coos_helpers.data.tiff import CHANNELS
from coos_helpers.data.validate import printable

NOT_READ = "not read, being no HDF5 file (.hdf5, .h5, .hdf) nor folder of TIFF images. Unpack, complete or move it."

#: Cells named in a warning before it only counts.
NAMED = 10


@dataclass(frozen=True)
class Report:
    """Say what is in a release: its `splits` by name, `warnings` of what is odd, and names of what was `ignored`."""

    splits: dict
    warnings: list
    ignored: list

    def text(self):
        """Describe the release in lines for a terminal, without the warnings."""
        first = next(iter(self.splits.values()))
        heading = first.path.parent.resolve().name  # a path such as `.` names no folder
        lines = [heading, f"  source   {first.source}", f"  classes  {', '.join(first.class_names)}", ""]
        for split in self.splits.values():
            places = {"plates": split.plate, "wells": split.well_ids}
            if split.well is not None and split.plate is None:
                places = {"names of wells on unknown plates": split.well}
            known = ", ".join(f"{'no' if ids is None else len(np.unique(ids))} {what}" for what, ids in places.items())
            counts = np.bincount(split.labels, minlength=len(split.class_names))
            lines.append(f"  {split.name:6} {len(split):>7,} cells  {known}  {split.path.name}")
            lines.append(f"         cells a class: {' '.join(map(str, counts))}")
        lines += ["", f"  ignored  {', '.join(self.ignored)}"] * bool(self.ignored)
        return "\n".join(map(printable, lines))  # names of files, too


def check_release(path, progress=True):
    """Read a whole release once, and report what it holds and what is odd about it.

    Parameters
    ----------
    path : folder of a release, or the file or TIFF folder of one split.
    progress : whether a progress bar is drawn on stderr.

    Returns
    -------
    Report, with a warning for each split that has images of one constant value, lacks a class, or has an image twice
    or in common with another split (cells are named by their index), and for what has a split's name and is not read.

    Raises
    ------
    DataError : the release cannot be used.
    """
    path = Path(path)
    inside, ignored = find_splits(path) if path.is_dir() else ([], [])
    # Beside its splits, a release may hold a folder of images with a number for a name, as a split does.
    alone = not inside and (path.is_file() or looks_like_a_split(path))
    splits = {(split := open_split(path)).name: split} if alone else open_release(path)
    warnings = [f"{name}: {NOT_READ}" for name in ignored if split_name(name)]
    seen, total = {}, sum(map(len, splits.values()))
    with tqdm(total=total, desc="checking", unit=" cells", disable=not progress, leave=False) as bar:
        for split in splits.values():
            absent = np.setdiff1d(np.arange(len(split.class_names)), split.labels)
            warnings += [f"{split.name}: no cell of the class {split.class_names[label]}" for label in absent]
            warnings += _odd_images(split, seen, bar)
    return Report(splits, warnings, ignored)


def _odd_images(split, seen, bar):
    """Name images of one value, and those met before; `seen` goes from a split to where it shows an image first."""
    seen[split.name], odd = {}, defaultdict(list)
    for indices, images in split.batches():
        for index, image in zip(indices.tolist(), images, strict=True):
            for channel, pixels in zip(CHANNELS, image, strict=True):
                if (pixels == pixels[0, 0]).all():
                    odd[f"{split.name}: constant {channel} image"].append(index)
            digest = blake2b(image, digest_size=16).digest()
            for name, first in seen.items():
                if digest in first:
                    where = name if name == split.name else f"{name} and {split.name}"
                    odd[f"{where}: the same image twice"].append(f"{first[digest]} = {index}")
            seen[split.name].setdefault(digest, index)
        bar.update(len(indices))
    for cells in odd.values():
        if len(cells) > NAMED:
            cells[NAMED:] = [f"and {len(cells) - NAMED} more"]
    return [f"{what} at cell {', '.join(map(str, cells))}" for what, cells in odd.items()]
