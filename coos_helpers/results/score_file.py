"""Read a file of predictions that others bring, CSV or Parquet, as a table whose rows keep their numbers."""

import csv
from pathlib import Path

import pandas as pd

from coos_helpers.data.errors import DataError, is_folder, unreadable
from coos_helpers.results.score_table import COLUMNS, NEEDED, WRITE, more


def read(path):
    """Read a table of predictions from a CSV or Parquet file.

    Parameters
    ----------
    path : a name that ends in `.parquet`, or text with commas, semicolons or tabs and a header.

    Returns
    -------
    pandas.DataFrame as it stands in the file, with the rows numbered from 2: a header is row 1.

    Raises
    ------
    DataError : the file is missing, none of these, or has rows that are too long or too short.
    """
    path = Path(path)
    if is_folder(path, "a table of predictions", WRITE):
        raise DataError(path, "a folder", "a table of predictions", "Name the file in it.")
    if path.suffix.lower() in (".parquet", ".pq"):
        frame = _read_parquet(path)
        return frame.set_axis(range(2, len(frame) + 2))
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise unreadable(path, "text that is not UTF-8", "a table of predictions in UTF-8, or Parquet") from None
    first = lines[0] if lines else ""
    headers = {sign: [name.strip() for name in next(_rows([first], sign), [])] for sign in ",;\t"}
    sign, header = max(headers.items(), key=lambda item: len({*NEEDED} & {*item[1]}))
    if missing := [name for name in NEEDED if name not in header]:
        raise DataError(path, f"no column {', '.join(missing)} in the header {first.strip()!r:.200}", COLUMNS, WRITE)
    try:
        rows = {number: row for number, row in enumerate(_rows(lines, sign), 1) if row and number > 1}
    except csv.Error as error:
        raise unreadable(path, f"no table ({error})", "a table of predictions") from None
    if wrong := [number for number, row in rows.items() if len(row) != len(header)]:
        found = f"{len(rows[wrong[0]])} values in row {wrong[0]}{more(wrong)}"
        raise DataError(path, found, f"{len(header)}, as in the header", "Mend the row.")
    return pd.DataFrame(list(rows.values()), list(rows), header, dtype=object)


def _rows(lines, sign):
    return csv.reader(lines, delimiter=sign, skipinitialspace=True)


def _read_parquet(path):
    try:
        return pd.read_parquet(path)
    except ImportError:
        remedy = "Install it with `pip install pyarrow`, or write the table as CSV."
        raise DataError(path, "a Parquet file, and no pyarrow to read it", "pyarrow", remedy) from None
    except Exception as error:  # pyarrow raises many kinds for damaged files
        raise unreadable(path, " ".join(str(error).split())[:200], "a Parquet file") from None
