"""What the tables of results are made of: which predictions the chapters of a run entered, wherever they lie.

A chapter enters its rows when it has made them. So what is read is what the last execution of each chapter made, and
no file that an earlier one left behind. A pack (`coos_helpers.pack`) gives the same without the run.
"""

import json
import os
import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np

from coos_helpers import classifiers, confidence, metrics, predictions, profiles, rescale, shift, store

#: The paper's representations in the order of its Table 3, by the first word of a representation's name.
FAMILIES = {"deeploc": "DeepLoc", "texture": "Texture", "pci": "PCI", "vgg16": "VGG16"}

#: Where the rows come from.
CHAPTERS = ("02-texture", "03-vgg16", "04-deeploc", "05-paired-cell-inpainting")

PICTURES = 8  # of each error


@dataclass(frozen=True)
class Results:
    """Hold the results of a run.

    Attributes
    ----------
    about : dict of `data`, `source`, `profile`, `seed`, `made` (date), `machine`, `versions`.
    caption : says data and profile in a sentence or two, for figures and tables.
    class_names : K names.
    table : list of dicts from split name to `Predictions`, one a row of Table 3, in the paper's order.
    ladders : list of ladders, each a list of dicts as `leakage.ladder` gives it.
    sketches : dict from representation to a dict from split name to `shift.Sample`.
    images : function from a split name and (n,) indices to n images of the protein, (64, 64) in [0, 1], or None each.
    """

    about: dict
    caption: str
    class_names: tuple
    table: list = field(repr=False)
    ladders: list = field(repr=False)
    sketches: dict = field(repr=False)
    images: object = field(repr=False)


def enter(run, release, chapter, table, ladders=(), features=None, seed=0):
    """Enter what a chapter made among the run's results, in place of what it entered before.

    Parameters
    ----------
    run, release : from `profiles.start`.
    chapter : its name, such as `02-texture`.
    table : dicts from split name to `Predictions`, best first where a network has many layers.
    ladders : what `leakage.ladder` gave, each.
    features : dict from representation to a dict from split name to (N, d); some cells of each are kept as a
        `shift.sketch`.
    seed : of the chapter.
    """
    sketched = {name: shift.sketch(of, release, seed=seed) for name, of in (features or {}).items()}
    for name, samples in sketched.items():
        with store.atomic(_sketch(run, name)) as file:
            np.savez_compressed(file, **_flat(samples))
    entry = {
        "about": _about(run, release, seed),
        "splits": list(release),
        "table": [_names(by_split) for by_split in table],
        "ladders": [[_names(by_split) for by_split in one] for one in ladders if one],
        "sketches": list(sketched),
    }
    with store.atomic(run.folder / "results" / f"{chapter}.json") as file:
        file.write(json.dumps(entry, indent=1).encode())


def read(data="simulated", profile="quick", pack="", otherwise=None):
    """Read the results that chapters 02 to 05 entered, or those of a pack.

    Parameters
    ----------
    data, profile : of the run, as for `profiles.start`.
    pack : path of a file that `coos pack` wrote; the run is not looked at then.
    otherwise : function of a run and its release that enters some results, called where there are none.

    Returns
    -------
    Results

    Raises
    ------
    ValueError : nothing was entered and `otherwise` is None, or the chapters' results do not belong together.
    DataError : the pack is damaged or none.
    """
    if pack:
        from coos_helpers.pack import read as unpack  # here, as packs are made of results

        return unpack(pack)
    run = profiles.named(data, profile)
    if not _entries(run.folder):
        if otherwise:
            print("No results of chapters 02 to 05 here: Texture's are made first, in about a minute.", flush=True)
            started = profiles.start(data, profile)
            otherwise(*started)
            return gather(*started)
        raise ValueError(
            f"found no results of data {run.data!r}, profile {run.profile!r}; expected those of one chapter at least. "
            f"Run {', '.join(CHAPTERS)} first, with the same DATA and PROFILE, or name a file of `coos pack` as PACK."
        )
    return gather(*profiles.start(data, profile))


def gather(run, release):
    """Read what the chapters of a run entered: `Results`; ValueError where that does not belong together."""
    entries, (about, table) = _entries(run.folder), table_of(run.folder)
    for by_split in table:
        for name, p in by_split.items():
            if name not in release or not np.array_equal(p.labels, release[name].labels):
                which = f"{p.representation}, {p.classifier}, {name}"
                raise ValueError(f"found results of other cells than {run.data}'s ({which}). Run its chapter again.")
    ladders = [[_row(run.folder, n, n[2]) for n in one] for entry in entries.values() for one in entry["ladders"]]
    sketches = {}
    for entry in entries.values():
        for name in entry["sketches"]:
            try:
                with np.load(_sketch(run, name), allow_pickle=False) as file:
                    sketches[name] = _deep(file)
            except Exception as error:  # zip, zlib and numpy raise many kinds for damaged files
                raise ValueError(f"the points of {name} are damaged ({error}). Run its chapter again.") from error

    def images(split, indices):
        return list(rescale.percentile(release[split].images[np.asarray(indices, int)][:, 0]))

    classes = release["train"].class_names
    return Results(about, profiles.caption(run, release), classes, table, ladders, sketches, images)


def table_of(folder):
    """Read the rows of Table 3 that the chapters of a run entered.

    Parameters
    ----------
    folder : of the run.

    Returns
    -------
    (about, table) : as in `Results`.

    Raises
    ------
    ValueError : a row is missing or damaged.
    """
    entries, table = _entries(folder), []
    for entry in entries.values():
        table += [_row(folder, names, entry["splits"]) for names in entry["table"]]
    order = list(FAMILIES.values())
    table.sort(key=lambda by_split: order.index(f) if (f := family(by_split)) in order else len(order))
    return (list(entries.values())[-1]["about"] if entries else {}), table


def family(by_split):
    """Name the representation that a row of the table belongs to, without its layer: `PCI` for `pci-w0.125-conv4`."""
    return family_of(next(iter(by_split.values())).representation)


def family_of(representation):
    """Name the representation that a name such as `pci-w0.125-conv4` belongs to: `PCI`."""
    return FAMILIES.get(representation.split("-")[0], representation)


def title(by_split):
    """Name a row as the tables do: `texture, L1 LR`."""
    p = next(iter(by_split.values()))
    return f"{p.representation}, {classifiers.NAMES.get(p.classifier, p.classifier)}"


def firsts(found):
    """Choose one row of each representation, without a look at any test set.

    DeepLoc end to end; of the others L1 logistic regression, on the layer that ranked first on the training set. Where
    that is not there, the representation's first row. The networks come first, then Texture, then others.
    """
    linear = ("end-to-end", "l1-lr")
    rows = {}
    for row in sorted(found.table, key=lambda row: next(iter(row.values())).classifier not in linear):
        rows.setdefault(family(row), row)
    order = [name for name in ("DeepLoc", "VGG16", "PCI", "Texture") if name in rows]
    return [rows[name] for name in [*order, *(name for name in rows if name not in order)]]


def shown(found):
    """Choose what the confusion matrices are drawn of: the `firsts` of up to three representations and test sets.

    The paper's supplement has nine matrices and does not say of what. Taken here: DeepLoc end to end, VGG16 and PCI
    with L1 logistic regression; and `test1`, `test3`, `test4`, or the first three test sets that there are.

    Returns
    -------
    (rows of the table, names of splits)
    """
    splits = tests(found)
    wanted = [name for name in ("test1", "test3", "test4") if name in splits]
    return firsts(found)[:3], wanted if len(wanted) == 3 else splits[:3]


def tests(found):
    """List the test sets of some results, in order; the training set stands in where there is none."""
    return [name for name in found.table[0] if name != "train"] or ["train"]


def errors_drawn(rows, split, resamples=2000):
    """Give each row's balanced error (percent) on a split, and again for each draw of wells, the same for all rows.

    Parameters
    ----------
    rows : M dicts from split name to `Predictions`. split : its name. resamples : R.

    Returns
    -------
    (M, 1 + R) percent, as `metrics.resampled_errors` gives it.
    """
    first = rows[0][split]
    predicted = np.array([row[split].predicted for row in rows])
    return 100 * metrics.resampled_errors(first.labels, predicted, first.well, resamples)


def browsed(found, split, true, called):
    """List the cells that the first model's matrix opens for one kind of error, the surest first: (<= 6,) indices."""
    p = shown(found)[0][0][split]
    if p.scores is None:
        return np.flatnonzero((p.labels == true) & (p.predicted == called))[:6]
    return confidence.confident_errors(p.labels, p.predicted, p.scores, true, called, 6)


def pictured(found):
    """List the cells whose pictures the confusion matrices need: dict from split name to (n,) sorted indices."""
    rows, splits = shown(found)
    kinds = range(len(found.class_names))
    pairs = [(true, called) for true in kinds for called in kinds if true != called]
    wanted = {name: {int(i) for pair in pairs for i in browsed(found, name, *pair)} for name in splits}
    for row in rows:
        for name in splits:
            p = row[name]
            if p.scores is None:
                continue
            for true, called, _ in metrics.common_errors(p.labels, p.predicted, len(p.class_names)):
                some = confidence.confident_errors(p.labels, p.predicted, p.scores, true, called, PICTURES)
                wanted[name] |= set(some.tolist())
    return {name: np.array(sorted(cells), np.int64) for name, cells in wanted.items()}


def machine():
    """Describe the machine in a few words: processor type, cores, GPU."""
    import torch  # here, as it loads slowly

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{platform.machine()}, {os.cpu_count()} cores, {gpu}"


def _about(run, release, seed):
    packages = ("numpy", "scikit-learn", "torch", "torchvision", "coos-helpers")
    return {
        "data": "simulated" if run.data == "simulated" else os.path.basename(os.path.normpath(run.data)),
        "source": release["train"].source,
        "profile": run.profile,
        "settings": run.settings,
        "seed": seed,
        "made": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in packages},
    }


def _names(by_split):
    p = next(iter(by_split.values()))
    return [p.representation, p.classifier, list(by_split)]


def _entries(folder):
    """Read what each chapter entered, in the chapters' order."""
    entries = {}
    for chapter in CHAPTERS:
        path = folder / "results" / f"{chapter}.json"
        try:
            if path.exists():
                entries[chapter] = entry = json.loads(path.read_text(encoding="utf-8"))
                rows = [*entry["table"], *(row for ladder in entry["ladders"] for row in ladder)]
                if not all(len(row) == 3 for row in rows) or {"about", "splits", "sketches"} - set(entry):
                    raise ValueError("it lacks a part")
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"the results of {chapter} are damaged ({error}). Run it again.") from error
    return entries


def _row(folder, names, splits):
    try:
        return {s: predictions.load(predictions.path_in(folder, *names[:2], s))[0] for s in splits}
    except Exception as error:  # zip, zlib, json and numpy raise many kinds for damaged files
        which = ", ".join(names[:2])
        raise ValueError(f"results of {which} are missing or damaged ({error}). Run its chapter again.") from error


def _sketch(run, representation):
    return run.folder / "sketches" / f"{representation}.npz"


def halved(points):
    """Store points in half precision, which is plenty for a test; what lies beyond its range is moved to its end."""
    return np.clip(points, -65504, 65504).astype(np.float16)


def _flat(samples):
    """Spread samples over named arrays."""
    parts = {}
    for split, sample in samples.items():
        parts |= {f"{split}/points": halved(sample.points), f"{split}/labels": sample.labels}
        parts |= {} if sample.wells is None else {f"{split}/wells": sample.wells}
    return parts


def _deep(parts):
    """Put samples together again from the arrays of `_flat`."""
    splits = dict.fromkeys(name.split("/")[0] for name in parts)
    return {
        split: shift.Sample(
            parts[f"{split}/points"].astype(np.float32),
            parts[f"{split}/labels"],
            parts[f"{split}/wells"] if f"{split}/wells" in parts else None,
        )
        for split in splits
    }
