"""What people are told of a release, beside its files: a datasheet of a page, and the Croissant file."""

import json
from pathlib import Path

import h5py
import numpy as np

from coos_helpers.data.composition import describe
from coos_helpers.data.croissant import croissant
from coos_helpers.data.release import open_release
from coos_helpers.store.files import atomic

#: Attributes that say nothing to a reader.
MARKS = ("class_names", "source", "mark", "complete", "simulator", "images", "crops", "channels")


def write_documents(folder, told, made=None, version=None):
    """Write `croissant.json` and `datasheet.md` beside the files of a release.

    Parameters
    ----------
    folder : holds a release of HDF5 files.
    told : dict of what the files do not say: `motivation`, what the release is for, `splits`, how they were made, and
        maybe `limits`; sentences in Markdown.
    made : `composition.Design`, if more is known than the files say, such as dates.
    version : of the release, a text, if it has one.
    """
    folder = Path(folder)
    release = open_release(folder)
    first = next(iter(release.values()))
    name, cells = folder.resolve().name, sum(map(len, release.values()))
    what = f"{cells:,} images of single cells, classes {', '.join(first.class_names)}. Source: {first.source}."
    about = {"name": name, "description": what} | ({"version": version} if version else {})
    text = json.dumps(croissant(release, about), indent=1, ensure_ascii=False)
    _write(folder / "croissant.json", text + "\n")
    _write(folder / "datasheet.md", datasheet(name, release, told, made))


def datasheet(name, release, told, made=None):
    """Write the datasheet of a release: motivation, composition, collection, splits and limits, as Markdown.

    Parameters
    ----------
    name : of the release. release : dict from split name to `Split`, of HDF5 files.
    told, made : as for `write_documents`.

    Returns
    -------
    str
    """
    first = next(iter(release.values()))
    with h5py.File(first.path, "r") as file:
        zero = "; the nucleus is not known, and zero" if file.attrs.get("channels") == 1 else ", nucleus"
        facts = {key: value for key, value in file.attrs.items() if key not in MARKS}
        factors = {key: dict(found.attrs) for key, found in file.get("truth", {}).items()}
    found = made or describe(_known(release))
    rows = [(count.split, count.class_name, *(f"{n:,}" if n else "not known" for n in count[2:]))
            for count in found.counts]  # fmt: skip
    parts = {
        "Motivation": [told["motivation"]],
        "Composition": [
            f"Images of single cells, 2 x 64 x 64 camera counts (protein{zero}), {len(first.class_names)} classes.",
            "",
            "| split | class | plates | wells | cells |",
            "|:---|:---|---:|---:|---:|",
            *(f"| {' | '.join(text.replace('|', '/') for text in row)} |" for row in rows),
        ],
        "Collection": [f"Source: {first.source}.", "", *(f"- {key}: {value}" for key, value in facts.items())],
        "Splits": [told["splits"]],
        "Limits": [f"- {line}" for line in [*filter(None, [told.get("limits")]), *_limits(release, found)]],
    }
    if factors:
        parts["Composition"] += ["", "Of each cell the true causes are known (`truth`):", ""]
        parts["Composition"] += [f"- `{key}` ({one['unit']}): {one['meaning']}" for key, one in factors.items()]
    sections = [f"## {title}\n\n" + "\n".join(lines) for title, lines in parts.items()]
    return "\n\n".join([f"# {name}", *sections]).replace("\n\n\n", "\n\n") + "\n"


def _known(release):
    """Gather what is known of all cells of a release, as `describe` asks for it."""
    splits = release.values()
    known = {"split": [np.full(len(split), split.name) for split in splits]}
    known["class"] = [np.array(split.class_names)[split.labels] for split in splits]
    for key in ("plate", "well"):
        if all(getattr(split, key) is not None for split in splits):
            known[key] = [getattr(split, key) for split in splits]
    return {key: np.concatenate(values) for key, values in known.items()}


def _limits(release, found):
    """Say what the release cannot show."""
    lines = ["No licence is stated here: agree on one before you hand the files on."]
    if any(split.well_ids is None for split in release.values()):
        lines.append("Plates or wells are not known: cells of one may be in training and in a test set.")
    if len(release) == 1:
        lines.append("There is one split: nothing is held out.")
    lines += [f"{note[0].upper()}{note[1:]}." for note in found.notes()]
    return lines


def _write(path, text):
    """Write a text, unless it is there already: a finished release may be read-only."""
    content = text.encode()
    if not path.is_file() or path.read_bytes() != content:
        with atomic(path) as file:
            file.write(content)
