"""One small file that holds the results of a whole run: chapters 06 to 08 build from it without data or GPU.

A pack is a file of numpy arrays, as `numpy.load` reads them; the one named `meta` says in JSON what they are. Labels,
predicted classes, wells and plates are exact. Scores and points are in half precision: a score is within 0.00025 of
what it was, and within a two-thousandth part of it where that is less. Of a network's further trainings only those of
the headline rows have scores, to two decimals, and rows aside have none: no chapter asks for others, and they would be
half of the file. Pictures have 256 levels.
"""

import json
from datetime import UTC, datetime

import numpy as np

from coos_helpers import store
from coos_helpers.data.errors import DataError
from coos_helpers.data.validate import as_class_names, as_source
from coos_helpers.results.points import parts_of
from coos_helpers.results.predictions import Results, facts, together
from coos_helpers.results.select import by_method, cells_to_picture, headline_rows
from coos_helpers.shift.sample import Sample

FORMAT = "coos7-results 3"

ABOUT = {"data", "source", "profile", "seed", "made", "machine"}  # of a run, which pages show

#: Of each array, by the last word of its name: the kinds of type that it may have, its dimensions, its type once read.
KINDS = dict.fromkeys(("labels", "predicted", "cells"), ("iu", 1, np.int64))
KINDS |= dict.fromkeys(("plate", "well", "plates", "wells"), ("U", 1, str))
KINDS |= dict.fromkeys(("scores", "points"), ("f", 2, np.float32)) | {"images": ("u", 3, np.float32)}


def write(found, path):
    """Write results to a pack.

    Parameters
    ----------
    found : `Results`. path : of the file, whose name may end as you like.

    Returns
    -------
    int, the size of the file in bytes.
    """
    arrays = {name: values for name, values in _arrays(found) if values is not None}
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    meta = {
        "format": FORMAT,
        "about": found.about,
        "caption": f"{found.caption} From a pack of {day}.",
        "class_names": found.class_names,
        "tables": [[_facts(row) for row in rows] for rows in _tables(found)],
        "asides": [_facts(row) for row in found.asides],
        "arrays": list(arrays),
    }
    with store.atomic(path) as file:
        np.savez_compressed(file, meta=json.dumps(meta), **arrays)
        return file.tell()


def _tables(found):
    """List the tables of results: the rows of all trainings, then each ladder."""
    return [[row for rows in found.draws for row in rows], *found.ladders]


def _facts(row):
    return {column: facts(p) for column, p in row.items()}


def _scored(found):
    """Name the places of rows whose scores are kept, exactly or rounded: two sets."""
    exact, rounded, headline, j = set(), set(), [id(row) for row in headline_rows(found)], 0
    for trainings in found.draws:
        first, *further = (f"tables/0/{j + n}" for n in range(len(trainings)))
        exact.add(first)
        rounded.update(further if id(trainings[0]) in headline else ())
        j += len(trainings)
    return exact, rounded


def _arrays(found):
    """List the arrays of results, each with its name, those of cells once for each row; None for what is unknown."""
    tables = [(f"tables/{i}/{j}", row) for i, t in enumerate(_tables(found)) for j, row in enumerate(t)]
    tables += [(f"asides/{j}", row) for j, row in enumerate(found.asides)]
    exact, rounded = _scored(found)
    for at, column, p in ((at, column, p) for at, row in tables for column, p in row.items()):
        cells = f"{at}/{column}" if at.startswith("asides/") else f"cells/{p.split}"  # which may be some of them
        yield f"{cells}/labels", p.labels.astype(np.uint16)
        yield f"{cells}/plate", p.plate
        yield f"{cells}/well", p.well
        yield f"{at}/{column}/predicted", p.predicted.astype(np.uint16)
        scores = p.scores if at in exact | rounded else None
        if scores is not None:
            yield f"{at}/{column}/scores", (np.round(scores, 2) if at in rounded else scores).astype(np.float16)
    for name, samples in found.samples.items():
        for split, sample in samples.items():
            yield from ((f"samples/{name}/{split}/{part}", values) for part, values in parts_of(sample))
    for split, cells in cells_to_picture(found).items():
        pairs = zip(cells, found.images(split, cells), strict=True)
        if there := {cell: np.rint(255 * image).astype(np.uint8) for cell, image in pairs if image is not None}:
            yield f"pictures/{split}/cells", np.array(list(there))
            yield f"pictures/{split}/images", np.stack(list(there.values()))


def read(path):
    """Read a pack.

    Returns
    -------
    `Results`; `images` gives the pictures that the pack holds, and None for other cells.

    Raises
    ------
    DataError : the file is missing, damaged, of another kind, or of another version of this format.
    """
    try:
        with np.load(store.check_zip(path), allow_pickle=False) as file:
            meta = json.loads(str(file["meta"]))
            if meta["format"] == FORMAT:
                return _results(meta, _held(file, meta["arrays"], len(meta["class_names"])))
        found, remedy = meta["format"], "Use the version of this book that wrote it, or write it again."
    except FileNotFoundError:
        found, remedy = "nothing there", "Check the path."
    except Exception as error:  # zip, zlib, json, numpy and plain look-ups raise many kinds for damaged files
        found = f"another kind of file, or a damaged one ({type(error).__name__}: {error})"
        remedy = "Fetch or write the pack again."
    raise DataError(path, found, f"a file that `coos pack` wrote ({FORMAT})", remedy)


def _held(file, names, k):
    """Read the arrays of a pack by place and by the last word of their names; ValueError where one is of no use."""
    held = {}
    for name in names:
        at, _, part = name.rpartition("/")
        values, (kinds, dimensions, dtype) = file[name], KINDS[part]
        fits = values.dtype.kind in kinds and values.ndim == dimensions and (part != "scores" or values.shape[1] == k)
        if not fits or (part in ("labels", "predicted") and not np.isin(values, range(k)).all()):
            raise ValueError(f"{name} has shape {values.shape}, type {values.dtype}, or values that do not fit")
        held.setdefault(at, {})[part] = values.astype(dtype)
    if uneven := [at for at, parts in held.items() if len({len(values) for values in parts.values()}) > 1]:
        raise ValueError(f"the arrays of {', '.join(uneven)} are of different lengths")
    return held


def _results(meta, held):
    """Put results together from what a pack says of its arrays, and from these."""
    caption, classes = as_source(meta["caption"]), as_class_names("the pack", meta["class_names"], ())
    about = {name: as_source(said) if isinstance(said, str) else said for name, said in meta["about"].items()}

    def row(at, columns):
        named = {c: of | {"class_names": classes} for c, of in columns.items()}
        return {c: together(of, arrays(f"{at}/{c}", of["split"])) for c, of in named.items()}

    def arrays(at, split):
        return held[at] if at.startswith("asides/") else held[f"cells/{split}"] | held[at]

    def images(split, cells):
        return [pictures.get((split, int(cell))) for cell in cells]

    tables = [[row(f"tables/{i}/{j}", of) for j, of in enumerate(rows)] for i, rows in enumerate(meta["tables"])]
    asides = [row(f"asides/{j}", of) for j, of in enumerate(meta["asides"])]
    if not tables[0] or not all([*tables[0], *asides]) or not ABOUT <= set(about) or not 0 < len(caption) < 500:
        raise ValueError("no row, a row without splits, or not what should be known of the run")
    samples, pictures = {}, {}
    for at, parts in held.items():
        what, *names = at.split("/")
        if what == "samples":
            samples.setdefault(names[0], {})[names[1]] = Sample(**{"wells": None} | parts)
        elif what == "pictures":
            cells = zip(parts["cells"].tolist(), parts["images"], strict=True)
            pictures |= {(names[0], cell): image / 255 for cell, image in cells}
    draws = by_method(tables[0])
    return Results(about, caption, classes, [row for row, *_ in draws], draws, tables[1:], samples, images, asides)
