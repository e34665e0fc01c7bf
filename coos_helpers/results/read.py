"""Read the results of a run, or those of a pack.

What is read is what the last execution of each chapter entered, and no file that an earlier one left behind.
"""

import json

import numpy as np

from coos_helpers import classifiers, runs, store
from coos_helpers.representations import rescale, texture
from coos_helpers.results import leakage
from coos_helpers.results import pack as packs
from coos_helpers.results.evaluate import evaluate_classifier
from coos_helpers.results.points import load_points
from coos_helpers.results.predictions import FAMILIES, Results
from coos_helpers.results.register import enter
from coos_helpers.results.select import by_method, family
from coos_helpers.results.stored import load, path_in

#: Where the rows come from.
CHAPTERS = ("02-texture", "03-vgg16", "04-deeploc", "05-paired-cell-inpainting")


def read_results(data="simulated", profile="quick", pack="", make_texture=False):
    """Read the results that chapters 02 to 05 entered, or those of a pack.

    Parameters
    ----------
    data, profile : of the run, as for `runs.start`.
    pack : path of a file that `coos pack` wrote; the run is not looked at then.
    make_texture : whether Texture's rows are made, as chapter 02 does, where there are none.

    Returns
    -------
    Results

    Raises
    ------
    ValueError : nothing was entered, or the chapters' results do not belong together.
    DataError : the pack is damaged or none.
    """
    if pack:
        return packs.read(pack)
    run = runs.named(data, profile)
    if _entered(run.folder):
        return gather(*runs.start(data, profile))
    if not make_texture:
        raise ValueError(
            f"found no results of data {run.data!r}, profile {run.profile!r}; expected those of one chapter at least. "
            f"Run {', '.join(CHAPTERS)} first, with the same DATA and PROFILE, or name a file of `coos pack` as PACK."
        )
    print("No results of chapters 02 to 05 here: Texture's are made first, in some minutes.", flush=True)
    run, release = runs.start(data, profile)
    _enter_texture(run, release)
    return gather(run, release)


def gather(run, release):
    """Read what the chapters of a run entered: `Results`; ValueError where that does not belong together."""
    parts = _read(run.folder)
    for name, p in (item for rows in parts["draws"] for row in rows for item in row.items()):
        if name not in release or not np.array_equal(p.labels, release[name].labels):
            which = f"{p.representation}, {p.classifier}, {name}"
            raise ValueError(f"found results of other cells than {run.data}'s ({which}). Run its chapter again.")

    def images(split, indices):
        return list(rescale.percentile(release[split].images[np.asarray(indices, int)][:, 0]))

    caption, classes = runs.caption(run, release), release["train"].class_names
    return Results(caption=caption, class_names=classes, images=images, **parts)


def without_cells(folder):
    """Read the results of a run's folder alone: `Results` without caption and images; ValueError where damaged."""
    parts, labels = _read(folder), {}
    for name, p in (item for rows in parts["draws"] for row in rows for item in row.items()):
        if not np.array_equal(labels.setdefault(name, p.labels), p.labels):
            raise ValueError(f"its chapters' results are of different cells of {name}. Run them again.")
    classes = next((p.class_names for row in parts["table"] for p in row.values()), ())
    return Results(caption="", class_names=classes, images=None, **parts)


def _read(folder):
    """Read what the chapters of a run entered: dict of the parts of `Results` that are stored."""
    about, rows, ladders, samples, asides = {}, [], [], {}, []
    for path in _entered(folder):
        try:
            entry = json.loads(store.unseal(path))
            about = entry["about"]
            rows += [_row(folder, names) for names in entry["table"]]
            ladders += [[_row(folder, names) for names in ladder] for ladder in entry["ladders"]]
            samples |= {name: load_points(folder, name) for name in entry["samples"]}
            asides += [_row(folder, names) for names in entry["asides"]]
        except Exception as error:  # zip, zlib, json, numpy and plain look-ups raise many kinds for damaged files
            what = f"the results of {path.stem} are missing or damaged ({type(error).__name__}: {error})"
            raise ValueError(f"{what}. Run it again.") from error
    order = list(FAMILIES.values())
    rows.sort(key=lambda row: order.index(family(row)) if family(row) in order else len(order))
    draws = by_method(rows)
    made = {"about": about, "table": [row for row, *_ in draws], "draws": draws, "ladders": ladders}
    return made | {"samples": samples, "asides": asides}


def _entered(folder):
    return [path for chapter in CHAPTERS if (path := folder / "results" / f"{chapter}.json").exists()]


def _row(folder, names):
    where, which = (folder, names["representation"], names["classifier"]), (names["setting"], names["draw"])
    return {column: load(path_in(*where, column, *which))[0] for column in names["columns"]}


def _enter_texture(run, release, seed=0):
    """Fit the three classifiers to Texture, cross-validate them, enter all that: two to three minutes in `quick`."""
    features = {name: store.kept(texture.features, split) for name, split in release.items()}
    table = [evaluate_classifier(run, release, features, "texture", name, seed) for name in classifiers.NAMES]
    ladders = [leakage.ladder(run, release, features, "texture", name, seed) for name in leakage.SETTINGS]
    enter(run, release, "02-texture", table=table, ladders=ladders, features={"texture": features}, seed=seed)
