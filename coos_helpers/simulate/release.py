"""The simulated release as files: five splits in COOS-7's format, written once, kept when finished."""

import errno
import json
import os
import shutil
from pathlib import Path

import h5py
import numpy as np
from joblib import cpu_count
from tqdm import tqdm

from coos_helpers.simulate.conditions import conditions
from coos_helpers.simulate.factors import FACTORS
from coos_helpers.simulate.kernels import source_digest
from coos_helpers.simulate.layout import CLASS_NAMES, SPLITS, layout
from coos_helpers.simulate.sample import PLACE, draw_batch, in_order
from coos_helpers.store.files import atomic
from coos_helpers.store.lock import alone

#: Of the simulated release: raised whenever its cells change.
VERSION = 1

BATCH = 64  # cells that one task draws: 1 MiB of pictures
USUAL = {"shift": "{}", "days": 1.0, "label_noise": 0.0, "contamination": 0.0}  # what a file's source leaves out


def simulate(out, scale=1.0, seed=0, shift=None, progress=True, days=1.0, label_noise=0.0, contamination=0.0):
    """Write a simulated release into a folder: COOSsim_training.hdf5, COOSsim_test1.hdf5 and so on.

    Each file has `data` (N, 2, 64, 64) uint16 (channel 0 protein, channel 1 nucleus), `labels` (N,) int64, `plate` and
    `well` (N,) byte strings, and the attributes `class_names`, `source` and `version`. The group `truth` keeps each
    cell's factor values, one (N,) float32 data set per factor with its unit and meaning. A split that is already there,
    finished and of the same scale, seed, conditions and simulator is left alone, so a run that was stopped goes on.

    Parameters
    ----------
    out : the folder; it is made if it was not there.
    scale : how many cells, relative to COOS-7's 132,209, 0.00406 (else a well has none) to 100; wells and plates stay.
    seed : whole number from 0 to 2^63 - 1; the same seed gives the same cells.
    progress : whether a progress bar is drawn on stderr.
    shift, days, label_noise, contamination : as for `draw`.

    Returns
    -------
    The folder as a Path.

    Raises
    ------
    ValueError : an argument that cannot be used, with what was got and what was expected.
    """
    wells = layout(scale, seed)
    out, seed, scale = Path(out), int(seed), float(scale)
    under = conditions(shift, days, label_noise, contamination)
    named = {f.name: float(size) for f, size in zip(FACTORS, under.sizes, strict=True) if size != 1}
    asked = dict(zip(USUAL, (json.dumps(named), *under[1:]), strict=True))
    mark = {"version": VERSION, "scale": scale, "seed": seed, "simulator": source_digest(), **asked}
    if not _missing(out, mark):  # then it may be read-only
        return out
    with alone(_folder(out)) as waited:
        for half in out.glob(".COOSsim_*") if waited is not None else ():  # of a run that was killed
            half.unlink()
        missing = _missing(out, mark)
        total = sum(well.cells for split in missing for well in wells[split])
        with tqdm(total=total, unit="cell", disable=not (progress and missing)) as bar:
            for split in missing:
                bar.set_description(f"simulate {split}")
                write_split(_path(out, split), wells[split], seed, under, mark, advance=bar.update)
    return out


def write_split(path, wells, seed, under, mark, advance=lambda cells: None, jobs=None, batch=BATCH):
    """Write one split, under another name until it is complete.

    wells: list of `layout.Well`. under: from `conditions.conditions`. mark: attributes that identify the run.
    advance: called with the number of cells written. jobs, batch: threads and cells per task, neither of
    which changes a cell.
    """
    tasks = [(well, first, min(batch, well.cells - first)) for well in wells for first in range(0, well.cells, batch)]
    _check_room(path, sum(well.cells for well in wells))
    # HDF5 writes through Python's file: on a full disk its own way of writing ends in a crash.
    with atomic(path) as part, h5py.File(part, "w") as file:
        sets = _create(file, wells, mark)
        row = 0
        tasks = [(seed, under, *task) for task in tasks]
        for counts, labels, truth in in_order(draw_batch, tasks, jobs or cpu_count()):
            rows = slice(row, row + len(counts))
            sets["data"][rows], sets["labels"][rows] = counts, labels
            for name, column in zip(sets["truth"], truth.T, strict=True):
                sets["truth"][name][rows] = column
            row = rows.stop
            advance(len(counts))
        file.attrs["complete"] = True


def _check_room(path, cells):
    """Refuse to begin what the disk cannot hold."""
    needed = cells * (4 * 64 * 64 + 200) + 100_000  # bytes: pixels, truth, and the file's own
    if shutil.disk_usage(path.parent).free < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path.parent))


def _create(file, wells, mark):
    """Lay out a split's file; what is known without drawing is written at once."""
    cells = [well.cells for well in wells]
    n = sum(cells)
    told = {name: mark[name] for name, usual in USUAL.items() if mark.get(name, usual) != usual}
    file.attrs["class_names"] = list(CLASS_NAMES)
    file.attrs["source"] = (
        f"simulated cells (coos_helpers.simulate, version={VERSION}, scale={mark['scale']}, seed={mark['seed']})"
        + (f" with {', '.join(f'{name}={value}' for name, value in told.items())}" if told else "")
        + "; not COOS-7"
    )
    for key, value in mark.items():
        file.attrs[key] = value
    labels = file.create_dataset("labels", (n,), np.int64)
    file["plate"] = np.repeat([well.plate_name for well in wells], cells).astype("S")
    file["well"] = np.repeat([well.name for well in wells], cells).astype("S")
    # Neither chunks nor gzip: a classifier that trains in random order reads 100 times faster, the files are twice as
    # large (2.0 GiB for the full release).
    data = file.create_dataset("data", (n, 2, 64, 64), np.uint16)
    truth = {}
    for name, unit, meaning in [(f.name, f.unit, f.meaning) for f in FACTORS] + list(PLACE):
        truth[name] = file.create_dataset(f"truth/{name}", (n,), np.float32)
        truth[name].attrs["unit"] = unit
        truth[name].attrs["meaning"] = meaning
    return {"data": data, "labels": labels, "truth": truth}


def _path(out, split):
    return out / f"COOSsim_{split}.hdf5"


def _missing(out, mark):
    return [split for split in SPLITS if not _finished(_path(out, split), mark)]


def _finished(path, mark):
    """Say whether a split's file is there, of this run's kind, and written to its end: `complete` is written last."""
    if not path.is_file():  # who opens a named pipe waits for ever
        return False
    try:
        with h5py.File(path, "r", locking=False) as file:
            return all(file.attrs.get(key) == value for key, value in {**mark, "complete": True}.items())
    except OSError:
        return False


def _folder(out):
    """Return `out` as a folder that can be written to, made if it was not there."""
    out = Path(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise ValueError(f"{out}: a file is in the way; give a folder for the simulated release") from None
    except OSError as error:
        raise ValueError(f"{out}: this folder cannot be made ({error.strerror}); give another one") from None
    if not os.access(out, os.W_OK | os.X_OK):
        raise ValueError(f"{out}: this folder cannot be written to; give another one")
    return out
