"""One small file that holds the results of a whole run: chapters 06 to 08 build from it without data or GPU.

A pack is a zip file of numpy arrays and a `meta.json`. Labels, predicted classes, wells and plates are exact. Scores
are one byte each, on the scale asin(sqrt(p)): within 0.0031 of what they were, and within 0.00001 of 0 and of 1.
"""

import io
import json
import zipfile
from datetime import UTC, datetime

import numpy as np

from coos_helpers import confidence, results, shift, store
from coos_helpers.errors import DataError
from coos_helpers.predictions import Predictions

FORMAT = "coos7-results"
VERSION = 1

EXPECTED = "a file that `coos pack` wrote"
REMEDY = "Fetch or write the pack again."


def write(found, path):
    """Write results to a pack.

    Parameters
    ----------
    found : `results.Results`. path : of the file, whose name may end as you like.

    Returns
    -------
    int, the size of the file in bytes.
    """
    parts, codes = {}, {}
    for by_split in found.table[:1] + [by_split for ladder in found.ladders for by_split in ladder]:
        for name, p in by_split.items():
            if f"cells/{name}/labels" in parts:
                continue
            parts[f"cells/{name}/labels"] = p.labels.astype(np.uint16)
            for what in ("plate", "well"):
                if (values := getattr(p, what)) is not None:
                    names, code = np.unique(values, return_inverse=True)
                    codes[f"{name}/{what}"] = [str(n) for n in names]
                    parts[f"cells/{name}/{what}"] = code.astype(np.uint32)
    rows = [_pack_row(parts, f"table/{i}", by_split) for i, by_split in enumerate(found.table)]
    ladders = [
        [_pack_row(parts, f"ladders/{i}/{j}", by_split) for j, by_split in enumerate(ladder)]
        for i, ladder in enumerate(found.ladders)
    ]
    sketches = {}
    for name, samples in found.sketches.items():
        sketches[name] = {}
        for split, sample in samples.items():
            at = f"sketches/{name}/{split}"
            parts[f"{at}/points"] = results.halved(sample.points).T
            parts[f"{at}/labels"] = sample.labels.astype(np.uint16)
            wells = codes.get(f"{split}/well")
            if sample.wells is not None:
                parts[f"{at}/wells"] = np.searchsorted(wells, sample.wells).astype(np.uint32)
            sketches[name][split] = sample.wells is not None
    pictures = {}
    for split, cells in results.pictured(found).items():
        images = found.images(split, cells)
        there = [i for i, image in enumerate(images) if image is not None]
        pictures[split] = len(there)
        if there:
            parts[f"pictures/{split}/cells"] = cells[there]
            stack = np.stack([images[i] for i in there])
            parts[f"pictures/{split}/images"] = np.rint(255 * stack).astype(np.uint8)
    meta = {
        "format": FORMAT,
        "version": VERSION,
        "packed": datetime.now(UTC).strftime("%Y-%m-%d"),
        "about": found.about,
        "caption": found.caption,
        "class_names": list(found.class_names),
        "codes": codes,
        "table": rows,
        "ladders": ladders,
        "sketches": sketches,
        "pictures": pictures,
    }
    with store.atomic(path) as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
            _add(archive, "meta.json", json.dumps(meta, indent=1).encode())
            for name, values in parts.items():
                buffer = io.BytesIO()
                np.save(buffer, np.ascontiguousarray(values), allow_pickle=False)
                _add(archive, f"{name}.npy", buffer.getvalue())
        return file.tell()


def read(path):
    """Read a pack.

    Returns
    -------
    `results.Results`; `images` gives the pictures that the pack holds, and None for other cells.

    Raises
    ------
    DataError : the file is missing, damaged, of another kind, or of another version of this format.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            meta = json.loads(archive.read("meta.json")) if "meta.json" in archive.namelist() else None
            if not isinstance(meta, dict) or meta.get("format") != FORMAT:
                raise DataError(path, "a zip file of another kind", EXPECTED, REMEDY)
            if meta.get("version") != VERSION:
                remedy = "Use the version of this book that wrote it, or write it again."
                raise DataError(path, f"version {meta.get('version')} of a pack", f"version {VERSION}", remedy)
            return _unpack(_Arrays(archive), meta)
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(path, "nothing there", EXPECTED, "Check the path.") from None
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(path, f"no zip file, or a damaged one ({error})", EXPECTED, REMEDY) from error
    except Exception as error:  # lzma, json, numpy and plain look-ups raise many kinds for damaged files
        raise DataError(path, f"damage ({type(error).__name__}: {error})", EXPECTED, REMEDY) from error


class _Arrays:
    """Read the arrays of a pack by name, and check of what kind they are."""

    def __init__(self, archive):
        self.archive = archive

    def __call__(self, name, shape, kind="iu", below=None):
        values = np.load(io.BytesIO(self.archive.read(f"{name}.npy")), allow_pickle=False)
        fits = len(shape) == values.ndim and all(n in (None, m) for n, m in zip(shape, values.shape, strict=True))
        known = values.dtype == np.uint8 if kind == "B" else values.dtype.kind in kind
        inside = below is None or not values.size or (values.min() >= 0 and values.max() < below)
        if not (fits and known and inside):
            raise ValueError(f"{name} has shape {values.shape}, type {values.dtype}, or values that do not fit")
        return values


def _unpack(arrays, meta):
    """Put results together from the arrays of a pack and its `meta.json`."""
    if missing := {"data", "source", "profile", "seed", "made", "machine"} - set(meta["about"]):
        raise ValueError(f"no word on {', '.join(sorted(missing))}")
    names, n_classes = tuple(map(str, meta["class_names"])), len(meta["class_names"])
    splits = dict.fromkeys(s for rows in [meta["table"], *meta["ladders"]] for row in rows for s in row["splits"])
    cells = {}
    for split in splits:
        labels = arrays(f"cells/{split}/labels", (None,), below=n_classes).astype(np.int64)
        cells[split] = {"labels": labels}
        for what in ("plate", "well"):
            known = meta["codes"].get(f"{split}/{what}")
            if known is not None:
                code = arrays(f"cells/{split}/{what}", (len(labels),), below=len(known))
                known = np.array(known, str)[code]
            cells[split][what] = known

    about = {"class_names": names, "source": str(meta["about"]["source"])}
    about |= {"profile": str(meta["about"]["profile"]), "seed": int(meta["about"]["seed"])}

    def row(at, of):
        made = {}
        for split in of["splits"]:
            n = len(cells[split]["labels"])
            predicted = arrays(f"{at}/{split}/predicted", (n,), below=n_classes).astype(np.int64)
            scores = None
            if of["scores"]:
                scores = confidence.from_bytes(arrays(f"{at}/{split}/scores", (n_classes, n), "B").T)
            made[split] = Predictions(
                str(of["representation"]), str(of["classifier"]), split,
                predicted=predicted, scores=scores, **cells[split], **about,
            )  # fmt: skip
        return made

    table = [row(f"table/{i}", of) for i, of in enumerate(meta["table"])]
    if not table or not all(table):
        raise ValueError("no row in its table, or one without splits")
    ladders = [[row(f"ladders/{i}/{j}", of) for j, of in enumerate(rows)] for i, rows in enumerate(meta["ladders"])]
    sketches = {}
    for name, of in meta["sketches"].items():
        sketches[name] = {}
        for split, with_wells in of.items():
            points = arrays(f"sketches/{name}/{split}/points", (None, None), "f").T.astype(np.float32)
            labels = arrays(f"sketches/{name}/{split}/labels", (len(points),), below=n_classes).astype(np.int64)
            known, wells = meta["codes"].get(f"{split}/well"), None
            if with_wells:
                wells = np.array(known, str)[arrays(f"sketches/{name}/{split}/wells", (len(points),), below=len(known))]
            sketches[name][split] = shift.Sample(points, labels, wells)
    pictures = {}
    for split, n in meta["pictures"].items():
        if n:
            which = arrays(f"pictures/{split}/cells", (n,))
            stack = arrays(f"pictures/{split}/images", (n, None, None), "B")
            pictures[split] = {int(cell): image / np.float32(255) for cell, image in zip(which, stack, strict=True)}

    def images(split, indices):
        return [pictures.get(split, {}).get(int(cell)) for cell in indices]

    caption = f"{meta['caption']} From a pack of {meta['packed']}."
    return results.Results(meta["about"], caption, names, table, ladders, sketches, images)


def _pack_row(parts, at, by_split):
    first = next(iter(by_split.values()))
    scored = all(p.scores is not None for p in by_split.values())
    for name, p in by_split.items():
        parts[f"{at}/{name}/predicted"] = p.predicted.astype(np.uint16 if len(p.class_names) > 256 else np.uint8)
        if scored:
            parts[f"{at}/{name}/scores"] = confidence.to_bytes(p.scores).T
    names = {"representation": first.representation, "classifier": first.classifier}
    return names | {"splits": list(by_split), "scores": scored}


def _add(archive, name, content):
    """Add a file without the time of day, so that the same results give the same pack on the same day."""
    archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_LZMA)
