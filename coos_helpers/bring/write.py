"""Cells that somebody brings, written as a release: a file a split, whole or not at all."""

import errno
import os
import shutil
from pathlib import Path

import h5py
import numpy as np
from tqdm import tqdm

from coos_helpers.bring.plates import draw_plates
from coos_helpers.data.composition import describe
from coos_helpers.data.datasheet import write_documents
from coos_helpers.data.design import RULES, design
from coos_helpers.data.errors import DataError
from coos_helpers.data.places import plate_format, well_name, well_place
from coos_helpers.data.split import CELL
from coos_helpers.data.split_names import find_splits, split_name
from coos_helpers.store.files import atomic
from coos_helpers.store.keys import key
from coos_helpers.store.lock import alone

BATCH = 512  # cells read in one piece: 8 MiB of pixels

MOTIVATION = "To measure how a classifier of these cells does on cells that are unlike those of its training set."
GIVEN, NONE = "As they were given.", "None was made or given: all cells are `train`."

EMPTY = "Choose an empty folder, or remove what is there if it is no longer needed."


def write_release(out, cells, read, class_names, source, split=False, about=None, progress=True, wells=None):
    """Write cells as a release: `cells_training.hdf5`, `cells_test1.hdf5` and so on, which `open_release` reads.

    A split's file is there only when it is whole. One that is there, of the same cells, is left alone, so a run that
    was stopped goes on.

    Parameters
    ----------
    out : the folder; it is made if it was not there.
    cells : dict of (N,) arrays. Texts: `class`, where they are known `plate`, `well`, `split` (`train`, `test1` ...),
        `date` and `microscope`. What else is in it is kept in the files as it is.
    read : function from indices (n,) int64, ascending, to images (n, 2, 64, 64) uint16.
    class_names : K names, in the order of the labels.
    source : where the cells come from, in one line.
    split : whether the split is made by `data.design`, where `cells` has none. Else all cells are the training set.
    about : dict of texts and numbers, kept as the files' attributes. It has to tell apart what `read` would give: the
        settings, and a digest of the files that it reads.
    progress : whether the design is printed, and a progress bar drawn on stderr.
    wells : how many a plate has: 96 or 384; read from the wells' names where None.

    Returns
    -------
    The folder as a Path.

    Raises
    ------
    DataError : the folder holds another release. ValueError : the cells cannot be used, or `data.design` refuses.
    """
    out, about = Path(out), dict(about or {}) | {"class_names": list(class_names), "source": source}
    how = GIVEN if "split" in cells else NONE
    cells, made = plan(cells, class_names, split, wells)
    if progress:
        print(made.text(), flush=True)
    mark = key(cells={name: values.tolist() for name, values in cells.items()}, about=about)
    rows = {name: np.flatnonzero(made.split == name) for name in dict.fromkeys(count.split for count in made.counts)}
    paths = {name: out / f"cells_{'training' if name == 'train' else name}.hdf5" for name in rows}
    with alone(_folder(out)) as waited:
        for half in out.glob(".cells_*") if waited is not None else ():  # of a run that was killed
            half.unlink()
        missing = [name for name, path in paths.items() if not _finished(path, mark)]
        _check_folder(out, set(paths.values()) - {paths[name] for name in missing})
        total = sum(len(rows[name]) for name in missing)
        _check_room(out, total)
        if any(well_place(name, made.wells) for name in np.unique(cells.get("well", [])).tolist()):
            draw_plates(out / "plates.png", cells, made, list(class_names))
        with tqdm(total=total, unit=" cells", disable=not (progress and missing)) as bar:
            for name in missing:
                bar.set_description(name)
                held = {what: values[rows[name]] for what, values in cells.items() if what not in ("class", "split")}
                _write_split(paths[name], held, rows[name], read, about | {"mark": mark}, bar.update)
        if split and how == NONE:
            rules = [f"- {name}: {RULES[name]}." for name in rows]
            how = "\n".join(["By the rules of Lu et al. (2019), section 2.2:", "", *rules])
        write_documents(out, {"motivation": MOTIVATION, "splits": how}, made)
    return out


def plan(cells, class_names, split=False, wells=None):
    """Check what is known of cells, name their wells alike, and give each its split.

    Parameters
    ----------
    cells, class_names, split, wells : as for `write_release`.

    Returns
    -------
    cells : the same with `labels`, and with `split` and `well` as the release has them. made : `data.design.Design`.

    Raises
    ------
    ValueError : the cells cannot be used, or `data.design` refuses.
    """
    cells = {name: np.asarray(values) for name, values in cells.items()}
    if odd := [name for name in cells if name in ("data", "labels", "truth") or "/" in name or name.strip(".") == ""]:
        raise ValueError(f"found a column {odd[0]!r}, which a release has for itself; expected another. Rename it.")
    number = {name: label for label, name in enumerate(class_names)}
    if unknown := set(cells["class"].tolist()) - number.keys():
        raise ValueError(f"found the class {min(unknown)!r}; expected one of {', '.join(class_names)}. Name it there.")
    cells["labels"] = np.array([number[name] for name in cells["class"].tolist()], np.int64)
    if "well" in cells:
        wells = plate_format(cells["well"].tolist(), wells, cells.get("plate", np.array([])).tolist())
        names, which = np.unique(cells["well"], return_inverse=True)
        cells["well"] = np.array([well_name(name, wells) for name in names.tolist()])[which]
    if "split" not in cells:
        train = {"split": np.full(len(cells["class"]), "train")}
        made = design(cells, wells) if split else describe(cells | train, wells)
        return cells | {"split": made.split}, made
    texts, which = np.unique(cells["split"], return_inverse=True)
    names = [split_name(text) for text in texts.tolist()]
    if None in names:
        raise ValueError(
            f"found the split {str(texts[names.index(None)])!r}; expected train, test1 ... test9. Rename it."
        )
    made = describe(cells | {"split": np.array(names)[which]}, wells)
    return cells | {"split": made.split}, made


def _write_split(path, cells, rows, read, attributes, advance):
    """Write one split, under another name until it is complete."""
    # HDF5 writes through Python's file: on a full disk its own way of writing ends in a crash.
    with atomic(path) as part, h5py.File(part, "w") as file:
        for name, value in attributes.items():
            file.attrs[name] = value
        for name, values in cells.items():
            file[name] = np.char.encode(values, "utf-8") if values.dtype.kind == "U" else values
        data = file.create_dataset("data", (len(rows), *CELL), np.uint16)  # as the simulated release: fast to read
        for at in range(0, len(rows), BATCH):
            data[at : at + BATCH] = read(rows[at : at + BATCH])
            advance(len(rows[at : at + BATCH]))
        file.attrs["complete"] = True


def _finished(path, mark):
    """Say whether a split's file is there, of the same cells, and written to its end: `complete` is written last."""
    if not path.is_file():  # who opens a named pipe waits for ever
        return False
    try:
        with h5py.File(path, "r", locking=False) as file:
            return file.attrs.get("mark") == mark and bool(file.attrs.get("complete"))
    except OSError:
        return False


def _check_folder(out, ours):
    """Refuse to mix a release with another one that is in the folder."""
    if others := [path for _, path in find_splits(out)[0] if path not in ours]:
        raise DataError(out, f"{others[0].name} of other cells or settings", "no other release", EMPTY)


def _check_room(out, cells):
    """Refuse to begin what the disk cannot hold."""
    if shutil.disk_usage(out).free < cells * (4 * 64 * 64 + 500) + 100_000:  # bytes: pixels, names, the file's own
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(out))


def _folder(out):
    """Make a folder to write to, and refuse what is none."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise DataError(out, "a file", "a folder for the release", "Name another one.") from None
    return out
