"""Read a file of predictions that others bring, CSV or Parquet, as a table whose rows keep their numbers."""

from pathlib import Path

import pandas as pd

from coos_helpers.bring.delimited import read_delimited
from coos_helpers.data.errors import DataError, is_folder, unreadable
from coos_helpers.results.score_table import WRITE


def read(path):
    """Read a table of predictions from a CSV or Parquet file.

    Parameters
    ----------
    path : a name that ends in `.parquet`, or a table as `bring.delimited.read_delimited` takes it.

    Returns
    -------
    pandas.DataFrame with the rows numbered from 2: a header is row 1. Names of a CSV's columns are in small letters.

    Raises
    ------
    DataError : the file is missing, none of these, or has rows that are too long or too short.
    """
    path = Path(path)
    if is_folder(path, "a table of predictions", WRITE):
        raise DataError(path, "a folder", "a table of predictions", "Name the file in it.")
    if path.suffix.lower() in (".pack", ".json"):
        raise DataError(path, f"a {path.suffix} file", "a table of predictions, CSV or Parquet", WRITE)
    if path.suffix.lower() in (".parquet", ".pq"):
        frame = _read_parquet(path)
        return frame.set_axis(range(2, len(frame) + 2))
    return pd.DataFrame(*read_delimited(path), dtype=object)


def _read_parquet(path):
    try:
        return pd.read_parquet(path)
    except ImportError:
        remedy = "Install it with `pip install pyarrow`, or write the table as CSV."
        raise DataError(path, "a Parquet file, and no pyarrow to read it", "pyarrow", remedy) from None
    except Exception as error:  # pyarrow raises many kinds for damaged files
        raise unreadable(path, " ".join(str(error).split())[:200], "a Parquet file") from None
