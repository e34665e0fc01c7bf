"""Read a file of rows and columns, CSV or TSV, and refuse by the row's number what has two meanings."""

import csv
import io
import re

from coos_helpers.bring.names import short
from coos_helpers.data.errors import DataError, is_folder

#: What may stand between two columns.
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}

SAVE = "Save the table as `CSV UTF-8`."


def read_delimited(path):
    """Read a file's rows as texts, without spaces around them.

    Parameters
    ----------
    path : the file: in UTF-8 or UTF-16, its columns parted by commas, semicolons or tabs.

    Returns
    -------
    columns : dict from a column's name, in small letters, to its R texts.
    lines : number of each row in the file, where the header is 1; rows without any text are left out.

    Raises
    ------
    DataError : the file is no such table, with the number of the row where it is none.
    """
    text = _decoded(path)
    separator = _separator(path, text)
    lines, rows, record = [], [], 0
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for record, fields in enumerate(reader, 1):
            fields = [field.strip(" ") for field in fields]  # what else is white may be part of a name
            if record == 1:
                header = [field.lower() for field in fields]
                if not any(header):
                    raise DataError(path, "no names of columns in row 1", "a header", "Remove what is above it.")
            elif any(fields):  # a spreadsheet leaves empty rows behind
                _check_length(path, record, fields, header, separator)
                lines.append(record)
                rows.append(fields)
    except csv.Error as error:
        found = f"a quotation mark or a text that does not end in row {record + 1} ({error})"
        raise DataError(path, found, "texts in whole quotation marks", "Mend the row.") from error
    while header and not header[-1] and not any(row[len(header) - 1] for row in rows):
        header.pop()  # as does one that ends each row with a separator
    for at, name in enumerate(header, 1):
        if not name or header.count(name) > 1:
            found = f"the column {short(name)} twice in row 1" if name else f"no name of column {at} in row 1"
            raise DataError(path, found, "a name of its own for each column", "Rename or remove the column.")
    return {name: [row[at] for row in rows] for at, name in enumerate(header)}, lines


def _decoded(path):
    """Read a file's text in UTF-8, or in UTF-16, which a spreadsheet calls Unicode and marks."""
    if is_folder(path, "a table (CSV or TSV)", "Check the path."):
        raise DataError(path, "a folder", "a table (CSV or TSV)", "Name the table, or read file names with --pattern.")
    raw = path.read_bytes()
    if raw.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise DataError(path, "a workbook of a spreadsheet program", "a table (CSV or TSV)", SAVE)
    if raw.startswith((b"\x89PNG", b"II*\0", b"MM\0*", b"\xff\xd8\xff", b"\x89HDF")):
        raise DataError(path, "an image or a file of arrays", "a table (CSV or TSV)", "Name the table that lists it.")
    marked = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = raw.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        name = "UTF-16" if marked else "UTF-8"
        found = f"the byte 0x{raw[error.start]:02x}, which is no {name}, in row {raw[: error.start].count(10) + 1}"
        raise DataError(path, found, f"text in {name}", SAVE) from error
    if not text.strip():
        raise DataError(path, "an empty file", "a table (CSV or TSV)", "Name the table, or make it again.")
    return text


def _separator(path, text):
    """Tell from the header what parts the columns."""
    header = re.sub(r'"[^"]*"', "", next(iter(text.splitlines()), ""))
    found = [separator for separator in SEPARATORS if separator in header]
    if len(found) > 1:
        both = " and ".join(SEPARATORS[separator] for separator in found)
        raise DataError(path, f"{both} between columns in row 1", "one of them", "Use the same in all of the table.")
    return found[0] if found else ","


def _check_length(path, record, fields, header, separator):
    """Refuse a row with more or fewer fields than the header, which may be parted by something else."""
    if len(fields) == len(header):
        return
    other = [s for s in SEPARATORS if s != separator and sum(field.count(s) for field in fields) >= len(header) - 1 > 0]
    found, remedy = f"{len(fields)} values in row {record}", "Mend the row; a text with a separator needs quotes."
    if other:
        found = f"{SEPARATORS[other[0]]} in row {record} and {SEPARATORS[separator]} in row 1"
        remedy = "Use the same between columns in all of the table."
    raise DataError(path, found, f"{len(header)} values, one a column", remedy)
