"""A table of what is known of images: read from CSV or TSV, or from the names of files, and refused by the row."""

import difflib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from coos_helpers.bring.delimited import read_delimited
from coos_helpers.bring.names import read_names, short
from coos_helpers.data.design import as_date
from coos_helpers.data.errors import DataError
from coos_helpers.data.split_names import split_name
from coos_helpers.data.validate import LONGEST

#: Columns of names, which a spreadsheet may have taken for numbers.
NAMES = ("class", "plate", "well", "split", "microscope")

#: How a column is written, and what gives None where it is not.
FORMS = {"split": ("train, test1 ... test9", split_name), "date": ("one such as 2024-03-31", as_date)}

#: What a spreadsheet makes of a name: `1.0`, `2,00E+10`, and `'001`, a text that is marked as one.
REWRITTEN = re.compile(r"\d+[.,]0+|\d+([.,]\d+)?E\+\d+|['‘’`].*", re.IGNORECASE)


@dataclass(frozen=True)
class Table:
    """Hold a table as it is in its file.

    Attributes
    ----------
    path : the file; the folder, where names of files stand for a table.
    columns : dict from a column's name, in small letters, to its R texts, one a row.
    lines : (R,) number of each row in the file, where the header is 1; without a file, of each cell from 1.
    passed_over : names of images that do not match a pattern.
    """

    path: Path
    columns: dict
    lines: list
    passed_over: list = field(default_factory=list)

    def __len__(self):
        return len(self.lines)

    def error(self, row, found, expected, remedy):
        """Make the `DataError` for a row, an index from 0: it names the file and the row's number there."""
        return DataError(self.path, f"{found} in row {self.lines[row]}", expected, remedy)

    def files(self, column):
        """Find the files that a column names, relative to the table or not: R paths, each once, or `DataError`."""
        folder = self.path if self.path.is_dir() else self.path.parent
        found = [self._file(folder, column, row, name) for row, name in enumerate(self.columns[column])]
        self.distinct(column, map(os.path.normpath, found))
        return found

    def distinct(self, what, values):
        """Refuse two rows of the same value: `what` says what the R values are."""
        first = {}
        for row, value in enumerate(values):
            if (other := first.setdefault(value, row)) != row:
                found = f"the {what} of row {self.lines[other]}, {short(str(value))}, again"
                raise self.error(row, found, f"each {what} once", "Remove one of the rows.")

    def _file(self, folder, column, row, name):
        """Find a file by its name as it stands, then as Windows writes it."""
        expected = "the path of a file, from the table's folder or from the root"
        for text in (name, name.replace("\\", "/")):
            try:
                if (path := folder / text).is_file():
                    return path
            except (OSError, ValueError):  # too long for a name, or with a null character
                break
        remedy = "It is a path of another computer: " if re.match(r"[A-Za-z]:\\|\\\\", name) else ""
        remedy += "mend the name, or bring the file there." if remedy else "Mend the name, or bring the file there."
        raise self.error(row, f"the {column} {short(name)}, where no file is,", expected, remedy)


def read_table(path, needed, known=(), pattern=None):
    """Read a table, and refuse what could be misunderstood.

    Parameters
    ----------
    path : a CSV or TSV file, its columns parted by commas, semicolons or tabs; with a `pattern`, a folder of images.
    needed : names of columns that must be there.
    known : names of columns that may be there. In a needed or known column, no row is empty.
    pattern : regular expression with named groups, which the path of each file, relative to the folder and with `/`,
        matches whole. The groups are the columns, beside `image`, the path. A group `channel` tells the files of one
        cell apart: then its values are columns of paths in place of `image`. Files that do not match are passed over.

    Returns
    -------
    Table, with every column of the file, whether known or not. Names of columns are in small letters.

    Raises
    ------
    DataError : with the row's number, what was found there, and what to do.
    """
    path = Path(path)
    table = Table(path, *(read_delimited(path) if pattern is None else read_names(path, pattern)))
    names = list(table.columns)
    for missing in [name for name in (*needed, *known) if name not in names]:
        near = difflib.get_close_matches(missing, [name for name in names if name not in (*needed, *known)], 1, 0.75)
        if near or missing in needed:
            found = f"the column {short(near[0])}" if near else f"the columns {', '.join(map(short, names))}"
            remedy = f"Rename it to `{missing}`, or to a name less like it." if near else f"Add `{missing}`."
            raise DataError(path, f"{found} and no `{missing}` in row 1", f"columns {_expected(needed, known)}", remedy)
    if not len(table):
        raise DataError(path, "no row below the header", "a row for each image", "Fill the table.")
    spelled = {}
    for name in [name for name in (*needed, *known) if name in names]:
        for row, text in enumerate(table.columns[name]):
            if not text:
                raise table.error(row, f"no {name}", "a value in each row", f"Fill it in, or remove `{name}`.")
            if name in NAMES:
                _check_name(table, row, name, text)
            if name == "class" and (first := spelled.setdefault(text.casefold(), text)) != text:
                expected = f"{short(first)}, as in the rows before"
                raise table.error(row, f"the class {short(text)}", expected, "Write each class in one way.")
            if name in FORMS and FORMS[name][1](text) is None:
                raise table.error(row, f"the {name} {text!r}", FORMS[name][0], f"Write every {name} so, as text.")
    return table


def refuse_inside(table, out):
    """Refuse to write a release into the folder of a table, where its files would lie among yours."""
    folder = table.path if table.path.is_dir() else table.path.parent
    if folder.resolve() == Path(out).resolve():
        raise DataError(out, "the folder that is read", "another folder for the release", "Name a new one.")


def _expected(needed, known):
    return ", ".join(needed) + (f", and where they are known {', '.join(known)}" if known else "")


def _check_name(table, row, name, text):
    """Refuse a name that a spreadsheet rewrote, as it may stand elsewhere as it was, and one that no figure shows."""
    if REWRITTEN.fullmatch(text):
        remedy = "A spreadsheet made a number of it, or marked it as text: write the name itself, in every row."
        raise table.error(row, f"the {name} {short(text)}", "a name such as 1 or 001", remedy)
    if len(text) > LONGEST or not text.isprintable():
        expected = f"a name of at most {LONGEST} characters that can be printed"
        raise table.error(row, f"the {name} {short(text)}", expected, "Rename it.")
