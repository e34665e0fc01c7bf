"""Look through every image of a release, as `coos check` does."""

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from tqdm import tqdm

from coos_helpers.data import open_release, open_split

#: Cells named in a warning before it only counts.
NAMED = 10


@dataclass(frozen=True)
class Report:
    """Say what is in a release: `splits` (dict from name to `Split`) and `warnings` (list of str)."""

    splits: dict
    warnings: list

    def text(self):
        """Describe the release in lines for a terminal, without the warnings."""
        first = next(iter(self.splits.values()))
        lines = [first.path.parent.name, f"  source   {first.source}", f"  classes  {', '.join(first.class_names)}", ""]
        for split in self.splits.values():
            counts = np.bincount(split.labels, minlength=len(split.class_names))
            places = [
                f"{len(np.unique(ids))} {what}" if ids is not None else f"no {what}"
                for what, ids in (("plates", split.plate), ("wells", split.well_ids))
            ]
            lines.append(f"  {split.name:6} {len(split):>7,} cells  {', '.join(places)}  {split.path.name}")
            lines.append(f"         cells a class: {' '.join(map(str, counts))}")
        return "\n".join(lines)


def check_release(path, progress=True):
    """Read a whole release once and report what it holds and what is odd about it.

    Parameters
    ----------
    path : folder of a release, or the file or TIFF folder of one split.
    progress : whether a progress bar is drawn on stderr.

    Returns
    -------
    Report, with a warning for each split that has images of one constant value, lacks a class, or shares images
    with another split; cells are named by their index.

    Raises
    ------
    DataError : the release cannot be used.
    """
    path = Path(path)
    splits = open_release(path) if _is_release(path) else {(split := open_split(path)).name: split}
    warnings, seen = [], {}
    total = sum(len(split) for split in splits.values())
    with tqdm(total=total, desc="checking", unit=" cells", disable=not progress, leave=False) as bar:
        for name, split in splits.items():
            warnings += [
                f"{name}: no cell of the class {split.class_names[label]}"
                for label in np.setdiff1d(np.arange(len(split.class_names)), split.labels)
            ]
            constant, shared = ([], []), {}
            for indices, images in split.batches():
                flat = images.reshape(len(images), 2, -1)
                for channel, found in enumerate(constant):
                    found.extend(indices[(flat[:, channel] == flat[:, channel, :1]).all(axis=1)])
                for index, image in zip(indices, images, strict=True):
                    digest = blake2b(image, digest_size=16).digest()
                    other, at = seen.setdefault(digest, (name, int(index)))
                    if other != name:
                        shared.setdefault(other, []).append((at, int(index)))
                bar.update(len(indices))
            for channel, found in zip(("protein", "nucleus"), constant, strict=True):
                if found:
                    warnings.append(f"{name}: constant {channel} image at {_cells(found)}")
            for other, pairs in shared.items():
                warnings.append(
                    f"the same image in {other} and {name}: {_cells([a for a, _ in pairs])} of {other}, "
                    f"{_cells([b for _, b in pairs])} of {name}"
                )
    return Report(splits, warnings)


def _is_release(path):
    """Tell a folder of splits from the TIFF folder of one split, whose subfolders are labels."""
    return not path.exists() or (path.is_dir() and not any(p.is_dir() and p.name.isdigit() for p in path.iterdir()))


def _cells(indices):
    named = ", ".join(map(str, indices[:NAMED]))
    more = f" and {len(indices) - NAMED} more" if len(indices) > NAMED else ""
    return f"cell{'s' if len(indices) > 1 else ''} {named}{more}"
