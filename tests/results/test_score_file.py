"""What must hold of a file of predictions: CSV as anybody writes it, Parquet where it can be read, rows by number."""

import sys

import pytest

from coos_helpers.data import DataError
from coos_helpers.results.score_file import read

ROWS = ["split,cell,predicted", "train,0,Golgi", "train,1,ER"]


def written(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    "text",
    ["\n".join(ROWS), "\r\n".join(ROWS) + "\r\n", "\ufeff" + "\n".join(ROWS), "\n".join(ROWS).replace(",", ";")]
    + ["\n".join(ROWS).replace(",", "\t"), 'Split, CELL ,"Predicted"\ntrain, 0,"Golgi"\ntrain,1,ER\n\n'],
    ids=["lines", "Windows", "BOM", "semicolons", "tabs", "capitals, quotes, spaces and an empty line"],
)
def test_a_table_is_read_as_it_is_commonly_written(tmp_path, text):
    frame = read(written(tmp_path / "a.csv", text))
    assert frame.index.tolist() == [2, 3] and frame.columns.tolist() == ["split", "cell", "predicted"]
    assert frame.to_numpy().tolist() == [["train", "0", "Golgi"], ["train", "1", "ER"]]


def test_a_table_in_utf_16_is_read_as_import_reads_it(tmp_path):
    assert read(written(tmp_path / "a.csv", "\n".join(ROWS), "utf-16"))["predicted"].tolist() == ["Golgi", "ER"]


def test_an_empty_line_between_rows_leaves_their_numbers(tmp_path):
    assert read(written(tmp_path / "a.csv", "\n".join([ROWS[0], ROWS[1], "", ROWS[2]]))).index.tolist() == [2, 4]


@pytest.mark.parametrize(
    "text, words",
    [
        ("", ["an empty file"]),
        ("\n".join([*ROWS, "train,2"]), ["2 values in row 4", "3 values"]),
        ("\n".join([*ROWS, "train;2;ER"]), ["semicolons in row 4 and commas in row 1"]),
        ("split,cell,Cell\n", ["the column `cell` twice"]),
    ],
)
def test_what_is_no_such_table_is_said_with_its_row(tmp_path, text, words):
    path = written(tmp_path / "a.csv", text)
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(path) in str(caught.value) and [word for word in words if word not in str(caught.value)] == []


def test_what_is_no_file_of_text_is_said(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    for path in (tmp_path / "nowhere.csv", tmp_path / "folder.csv", written(tmp_path / "a.csv", "split,é", "latin-1")):
        with pytest.raises(DataError, match="expected"):
            read(path)


def test_parquet_needs_pyarrow_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr("pandas.read_parquet", lambda path: __import__("pyarrow"))
    with pytest.raises(DataError, match="no pyarrow to read it.*pip install pyarrow"):
        read(written(tmp_path / "a.parquet", "PAR1"))


def test_parquet_holds_the_same_table(tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: the extra `parquet` brings it")
    frame = read(written(tmp_path / "a.csv", "\n".join(ROWS)))
    frame.assign(cell=[0, 1]).to_parquet(tmp_path / "a.parquet", index=False)
    same = read(tmp_path / "a.parquet")
    assert same.index.tolist() == [2, 3] and same["predicted"].tolist() == ["Golgi", "ER"]
    with pytest.raises(DataError, match="Parquet"):
        read(written(tmp_path / "b.parquet", "no Parquet"))
