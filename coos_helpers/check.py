"""Look through every image of a release, as `coos check` does."""

import os
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from tqdm import tqdm

from coos_helpers.data import open_release, open_split
from coos_helpers.naming import passed_over

#: Cells named in a warning before it only counts.
NAMED = 10


@dataclass(frozen=True)
class Report:
    """Say what is in a release: its splits by name, what is odd, and names of files that are no splits."""

    splits: dict
    warnings: list
    ignored: list

    def text(self):
        """Describe the release in lines for a terminal, without the warnings."""
        first = next(iter(self.splits.values()))
        heading = Path(os.path.abspath(first.path)).parent.name  # a path such as `.` names no folder
        lines = [heading, f"  source   {first.source}", f"  classes  {', '.join(first.class_names)}", ""]
        for split in self.splits.values():
            counts = np.bincount(split.labels, minlength=len(split.class_names))
            places = f"{_kinds(split.plate, 'plates')}, {_kinds(split.well_ids, 'wells')}"
            if split.well is not None and split.plate is None:
                places = f"{_kinds(split.well, 'names of wells')} on unknown plates"
            lines.append(f"  {split.name:6} {len(split):>7,} cells  {places}  {split.path.name}")
            lines.append(f"         cells a class: {' '.join(map(str, counts))}")
        if self.ignored:
            lines += ["", f"  ignored  {', '.join(self.ignored)}"]
        return "\n".join(lines)


def check_release(path, progress=True):
    """Read a whole release once and report what it holds and what is odd about it.

    Parameters
    ----------
    path : folder of a release, or the file or TIFF folder of one split.
    progress : whether a progress bar is drawn on stderr.

    Returns
    -------
    Report, with a warning for each split that has images of one constant value, lacks a class, or has an image twice
    or in common with another split; cells are named by their index.

    Raises
    ------
    DataError : the release cannot be used.
    """
    path = Path(path)
    whole = _is_release(path)
    splits = open_release(path) if whole else {(split := open_split(path)).name: split}
    warnings, seen = [], {}
    total = sum(len(split) for split in splits.values())
    with tqdm(total=total, desc="checking", unit=" cells", disable=not progress, leave=False) as bar:
        for name, split in splits.items():
            warnings += [
                f"{name}: no cell of the class {split.class_names[label]}"
                for label in np.setdiff1d(np.arange(len(split.class_names)), split.labels)
            ]
            constant, shared, here, twice = ([], []), {}, {}, []
            for indices, images in split.batches():
                flat = images.reshape(len(images), 2, -1)
                for channel, found in enumerate(constant):
                    found.extend(indices[(flat[:, channel] == flat[:, channel, :1]).all(axis=1)])
                for index, image in zip(indices, images, strict=True):
                    digest = blake2b(image, digest_size=16).digest()
                    if (first := here.setdefault(digest, int(index))) != index:
                        twice.append(f"{first} = {index}")
                    other, at = seen.setdefault(digest, (name, int(index)))
                    if other != name:
                        shared.setdefault(other, []).append((at, int(index)))
                bar.update(len(indices))
            for channel, found in zip(("protein", "nucleus"), constant, strict=True):
                if found:
                    warnings.append(f"{name}: constant {channel} image at {_cells(found)}")
            if twice:
                warnings.append(f"{name}: the same image twice, cell for cell: {_listed(twice)}")
            for other, pairs in shared.items():
                warnings.append(
                    f"the same image in {other} and {name}: {_cells([a for a, _ in pairs])} of {other}, "
                    f"{_cells([b for _, b in pairs])} of {name}"
                )
    return Report(splits, warnings, passed_over(path) if whole else [])


def _kinds(ids, what):
    return f"no {what}" if ids is None else f"{len(np.unique(ids))} {what}"


def _is_release(path):
    """Tell a folder of splits from the TIFF folder of one split, whose subfolders are labels."""
    return not path.exists() or (path.is_dir() and not any(p.is_dir() and p.name.isdigit() for p in path.iterdir()))


def _cells(indices):
    return f"cell{'s' if len(indices) > 1 else ''} {_listed(indices)}"


def _listed(things):
    more = f" and {len(things) - NAMED} more" if len(things) > NAMED else ""
    return ", ".join(map(str, things[:NAMED])) + more
