"""Read the table of fields of view: which files show a field, what is known of it, and where its nuclei are."""

import math
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from coos_helpers.bring.images import read_mask
from coos_helpers.bring.table import read_table
from coos_helpers.data.errors import DataError, is_folder
from coos_helpers.data.tiff import entries

NEEDED = ("class", "plate", "well")
KNOWN = ("split", "date", "microscope")
OURS = ("protein", "nucleus", "image", "labels", "field")


class Field(NamedTuple):
    """Say what a row of the table says of one field.

    row: index of its row. name: of the field. files: its image, or the images of protein and nucleus. known: dict from
    column to text. labels: file of a mask of its nuclei, or None. centres: (n, 2) x and y in pixels, or None; then
    points: their table, and the number of each one's row there.
    """

    row: int
    name: str
    files: tuple
    known: dict
    labels: Path | None
    centres: np.ndarray | None
    points: tuple = ()


def read_fields(path, labels=None, centres=None):
    """Read a table with a row for each field.

    Parameters
    ----------
    path : the table, CSV or TSV; or a folder with just one. Columns `protein` and `nucleus`, or `image`; `class`,
        `plate`, `well`; and where known `split`, `date`, `microscope`, `labels`, `field`. Others are passed over.
    labels : how the name of a field's mask follows from that of its image (of the nucleus, where it has two), as
        `_cp_masks.png` or, with `{}` in the stem's place, `masks/{}.tif`; in the image's folder. None: the column
        `labels`, if there is one.
    centres : a table with columns `field`, `x`, `y` (pixels, from 0, x to the right), or None.

    Returns
    -------
    The table, and a `Field` for each row.

    Raises
    ------
    DataError : with the row's number.
    """
    table = read_table(_table(Path(path)), NEEDED, (*KNOWN, *OURS))
    columns = table.columns
    pair = "protein" in columns and "nucleus" in columns
    if (
        pair == ("image" in columns)
        or ("labels" in columns and labels)
        or (centres and (labels or "labels" in columns))
    ):
        given = [name for name in OURS if name in columns] + ["--labels"] * bool(labels) + ["--centres"] * bool(centres)
        expected = "either `protein` and `nucleus` or `image`, and one thing at most that says where nuclei are"
        raise DataError(table.path, f"{', '.join(given) or 'no file names'}", expected, "Give one of each.")
    kinds = ("protein", "nucleus") if pair else ("image",)
    files = list(zip(*map(table.files, kinds), strict=True))
    names = [re.sub(r"(\.ome)?\.[^./]*$", "", name.replace("\\", "/"), flags=re.I) for name in columns[kinds[-1]]]
    table.distinct("field", names := columns.get("field", names))
    masks = table.files("labels") if "labels" in columns else [None] * len(table)
    if labels:
        masks = [_mask(table, row, images[-1], labels) for row, images in enumerate(files)]
    points = _centres(Path(centres), names) if centres else dict.fromkeys(names, (None,))
    known = [name for name in (*NEEDED, *KNOWN) if name in columns]
    return table, [
        Field(row, name, images, {k: columns[k][row] for k in known}, mask, *points[name])
        for row, (name, images, mask) in enumerate(zip(names, files, masks, strict=True))
    ]


def read_labels(field, shape):
    """Read the mask of a field's nuclei, (H, W) int64."""
    mask = read_mask(field.labels)
    if mask.shape != shape:
        found = f"a mask of {mask.shape[0]} x {mask.shape[1]} pixels"
        expected = f"{shape[0]} x {shape[1]}, as the field has"
        raise DataError(field.labels, found, expected, "Segment the raw image, without rescaling it.")
    return mask


def _table(path):
    """Find the table in a folder, or take a file for it."""
    if not is_folder(path, "a folder of fields with a table, or the table", "Check the path."):
        return path
    found = [
        file for file in entries(path) if file.suffix.lower() in (".csv", ".tsv") and not file.name.startswith(".")
    ]
    if len(found) != 1:
        names = " and ".join(file.name for file in found[:5]) or "no table"
        raise DataError(path, names, "just one table (.csv or .tsv) of fields", "Name the table itself.")
    return found[0]


def _mask(table, row, image, pattern):
    """Find the file of a field's mask by the name of its image."""
    name = (pattern if "{}" in pattern else "{}" + pattern).replace("{}", image.name.removesuffix(image.suffix))
    if not (file := image.parent / name).is_file():
        remedy = "Mend --labels: it is what follows the image's name, or has {} in its place."
        raise table.error(row, f"no mask {file}", "a mask for each field", remedy)
    return file


def _centres(path, names):
    """Read a table of centres: dict from each field's name to (n, 2) float64 and `Field.points`; n may be 0."""
    table = read_table(path, ("field", "x", "y"))
    found = {name: [] for name in names}
    for row, (name, *texts) in enumerate(zip(*(table.columns[key] for key in ("field", "x", "y")), strict=True)):
        try:
            point = [float(text) for text in texts]
        except ValueError:
            point = [math.nan]
        if not all(map(math.isfinite, point)):
            expected = "numbers of pixels, from 0, with a decimal point"
            raise table.error(row, f"x {texts[0]!r}, y {texts[1]!r}", expected, "Mend the row.")
        if name not in found:
            expected = f"one of the fields, such as {names[0]!r}"
            raise table.error(row, f"the field {name!r}", expected, "Name fields alike in both tables.")
        found[name].append((*point, table.lines[row]))
    whole = {name: np.array(rows, float).reshape(-1, 3) for name, rows in found.items()}
    return {name: (rows[:, :2], (path, rows[:, 2].astype(int).tolist())) for name, rows in whole.items()}
