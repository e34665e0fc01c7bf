"""Crops of single cells and a table become a release, as `coos import` does."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from coos_helpers.bring.crops import Look, look, reader
from coos_helpers.bring.names import short
from coos_helpers.bring.table import Table, read_table, refuse_inside
from coos_helpers.bring.write import plan, write_release
from coos_helpers.data.errors import DataError
from coos_helpers.data.split_names import split_name

#: What may be known of a cell, and the columns that name its images.
KNOWN = ("plate", "well", "split", "date", "microscope")
FILES = ("image", "protein", "nucleus")

#: A folder for each class, with the images in it.
CLASSES = r"(?P<class>[^/]+)/[^/]+\.(?i:png|tiff?)"


@dataclass(frozen=True)
class Imported:
    """Say what was imported: the `table`, the `look` at its images, names of `known` and of `kept` columns."""

    table: Table
    look: Look
    known: tuple
    kept: tuple

    def text(self):
        """Describe it in lines for a terminal."""
        seen = self.look
        sizes = " to ".join(dict.fromkeys(f"{rows} x {columns}" for rows, columns in (seen.smallest, seen.largest)))
        lines = [f"{len(self.table):,} cells from {self.table.path}: {sizes} pixels"]
        lines += [f"{seen.cut:,} are larger than 64 x 64 and cut around their centre"] * bool(seen.cut)
        lines += [f"{seen.padded:,} are smaller and padded with the median of their border"] * bool(seen.padded)
        lines.append(f"known of each cell: {', '.join(self.known)}")
        lines += [f"kept beside that: {', '.join(self.kept)}"] * bool(self.kept)
        return "\n".join(lines)

    def warnings(self):
        """List what is to be known of these cells, a sentence each."""
        seen, found = self.look, []
        if missing := [f"{name}s" for name in ("plate", "well") if name not in self.known]:
            found.append(f"Nothing is known of {' and '.join(missing)}: cells of one may be in training and in a test.")
        if seen.channels == 1:
            found.append("The images have one channel: the second, the nucleus, is zero in every cell.")
        if 0 < seen.eight_bit < len(self.table):
            found.append(f"{seen.eight_bit:,} images have 8 bits a pixel and the others 16: their counts differ.")
        if splits := self.table.columns.get("split"):
            pairs = set(zip(self.table.columns["class"], map(split_name, splits), strict=True))
            if untrained := sorted({name for name, _ in pairs} - {name for name, split in pairs if split == "train"}):
                found.append(f"No cell is in the training set of: {', '.join(untrained)}.")
        if passed := self.table.passed_over:
            found.append(f"{len(passed):,} images do not match the pattern and are left out, such as {passed[0]}.")
        return found


def import_cells(
    table, out, pattern=None, protein=None, nucleus=None, split=False, wells=None, progress=True,
    told=lambda report: None,
):  # fmt: skip
    """Write a release of crops, a row of a table for each cell.

    Parameters
    ----------
    table : a CSV or TSV file with the columns `class`, and `image` or `protein` and, where there is one, `nucleus`,
        paths relative to it; where they are known `plate`, `well`, `split`, `date` (as 2024-03-31) and `microscope`.
        Further columns are kept. Or a folder of images: with a `pattern`, or with a folder for each class in it.
    out : the folder to write to. Run again after a stop, it goes on.
    pattern : regular expression whose named groups are the columns, as for `read_table`.
    protein, nucleus : which channel is which, by number from 1 or by name; of files that the pattern's group `channel`
        tells apart, its values. Of two channels the first is the protein.
    split, wells, progress : as for `write_release`.
    told : called with the `Imported` before anything is written.

    Returns
    -------
    Imported

    Raises
    ------
    DataError : for a row or an image that cannot be used, with the row's number; or for `out`.
    ValueError : the split would leave a class out of training.
    """
    table = Path(table)
    if (by_class := pattern is None and table.is_dir()) and not any(table.glob("*/*")):
        remedy = "Move the images there, or read what is known from the names of files with --pattern."
        raise DataError(table, "no folder with files", "a folder for each class, with its images", remedy)
    table = read_table(table, ["class"], [*KNOWN, *FILES], CLASSES if by_class else pattern)
    refuse_inside(table, out)
    columns, wanted = _file_columns(table, protein, nucleus)
    _check(table)
    files = list(zip(*map(table.files, columns), strict=True))
    cells = {name: np.array(values) for name, values in table.columns.items()}
    names = sorted(set(table.columns["class"]))
    plan(cells, names, split, wells)  # which refuses a design before the long look at every image
    report = Imported(
        table,
        look(table, files, wanted, progress),
        tuple(name for name in ("class", *KNOWN) if name in table.columns),
        tuple(name for name in table.columns if name not in ("class", *KNOWN)),
    )
    told(report)
    zero = " of one channel (the nucleus is zero)" * (report.look.channels == 1)
    source = f"cells{zero} imported from {table.path.resolve().name}"
    about = {"images": report.look.digest, "channels": report.look.channels}
    about |= {name: n for name, n in zip(("cut", "padded"), report.look[1:3], strict=True) if n}
    write_release(out, cells, reader(files, wanted), names, source, split, about, progress, wells)
    return report


def _file_columns(table, protein, nucleus):
    """Say which columns name a cell's files, and which channels of them are wanted."""
    there = [name for name in FILES if name in table.columns]
    wanted = tuple(None if text is None else str(text) for text in (protein, nucleus))
    named = [(text or name).lower() for text, name in zip(wanted, FILES[1:], strict=True)]
    if not there and named[0] in table.columns:  # a pattern's group `channel` has the user's names
        return [name for name in named if name in table.columns], (None, None)
    if there == ["protein"] and (near := [name for name in table.columns if "nucle" in name]):
        remedy = "Rename it if it names files of the nucleus; else call it something else."
        raise DataError(table.path, f"the column {short(near[0])} and no `nucleus` in row 1", "`nucleus`", remedy)
    if there in (["image"], ["protein"], ["protein", "nucleus"]):
        return there, wanted
    found = f"the columns {', '.join(table.columns)}"
    expected = "`image`, or `protein` and, where there is one, `nucleus`, paths of images"
    raise DataError(table.path, found, expected, "Name the files of a cell in one of these ways.")


def _check(table):
    """Refuse a class of one cell, which cannot be learned and tested."""
    counts = Counter(table.columns["class"])
    for row, name in enumerate(table.columns["class"]):
        if counts[name] == 1:
            remedy = "Bring more cells of it, or remove the row."
            raise table.error(row, f"the only cell of the class {name}", "two or more of each class", remedy)
