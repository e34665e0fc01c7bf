"""What must hold of tables: read as they are meant, or refused in one message with the row's number."""

import csv
import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coos_helpers.bring import read_table
from coos_helpers.data import DataError

NEEDED, KNOWN = ["image", "class"], ["plate", "well", "date"]
GOOD = "image,class,plate,well\na.png,ER,1,A01\nb.png,Golgi,2,A02\n"


@pytest.fixture
def write(tmp_path):
    """Write a table, and give a function that does."""

    def write(content, name="cells.csv"):
        (path := tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def refused(path, *words, **options):
    """Refuse a table in one line that has all these words; give it."""
    with pytest.raises(DataError) as raised:
        read_table(path, NEEDED, KNOWN, **options)
    said = str(raised.value)
    assert "\n" not in said and said.startswith(f"{path}: found ") and "; expected " in said
    for word in words:
        assert word in said, said
    return said


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        GOOD.encode("utf-8-sig"),
        GOOD.encode("utf-16"),
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        GOOD.replace("image,class", " Image , CLASS "),
        GOOD.replace("a.png,ER", '"a.png",  "ER"'.replace("  ", "")),
        GOOD.replace("\n", ",\n"),  # a separator at each row's end
        GOOD.rstrip("\n"),
        GOOD + ",,,\n\n",
    ],
)
def test_one_table_in_many_forms(write, content):
    table = read_table(write(content), NEEDED, KNOWN)
    assert table.columns == {
        "image": ["a.png", "b.png"],
        "class": ["ER", "Golgi"],
        "plate": ["1", "2"],
        "well": ["A01", "A02"],
    }
    assert table.lines == [2, 3] and len(table) == 2


def test_a_row_has_the_number_that_a_spreadsheet_shows(write):
    table = read_table(write('image,class\n\n"a\nb.png",ER\n,\nc.png,Golgi\n'), NEEDED)
    assert table.lines == [3, 5]
    assert str(table.error(1, "x", "y", "Z.")).endswith("cells.csv: found x in row 5; expected y. Z.")


@pytest.mark.parametrize(
    "content, words",
    [
        ("\n \n", ["an empty file"]),
        ("\n" + GOOD, ["no names of columns in row 1"]),
        ("image,class\n", ["no row below the header"]),
        ("image,klass\na,b\n", ["column `klass` and no `class` in row 1", "Rename it"]),
        ("image,class,wells\na,b,c\n", ["column `wells` and no `well`"]),
        ("path,plate\na,b\n", ["`path`, `plate` and no `image` in row 1", "Add `image`."]),
        ("image,class,Class\na,b,c\n", ["column `class` twice in row 1"]),
        ("image,,class\na,b,c\n", ["no name of column 2 in row 1"]),
        ("image;class,plate\na;b,c\n", ["commas and semicolons between columns in row 1"]),
        ("image,class\na,b\nc;d\n", ["semicolons in row 3 and commas in row 1"]),
        ("image,class\na,b\nc,d,e\n", ["3 values in row 3", "expected 2 values"]),
        ("image,class,plate\na,b,c\n\nc,d\n", ["2 values in row 4"]),
        ("image,class\na,b\n,d\n", ["no image in row 3"]),
        ("image,class,plate\na,b,1\nc,d,\n", ["no plate in row 3", "or remove `plate`"]),
        ("image,class,plate\na,b,1\nc,d,2.0\n", ["the plate `2.0` in row 3", "spreadsheet"]),
        ("image,class,plate\na,b,'001\n", ["the plate `'001` in row 2"]),
        ("image,class,plate\na,b,2.00E+10\n", ["the plate `2.00E+10` in row 2"]),
        ("image;class;plate\na;b;1,00E+11\n", ["the plate `1,00E+11` in row 2"]),
        ("image;class;plate\na;b;1,0\n", ["the plate `1,0` in row 2"]),
        ("image,class\na,b\na,b\xa0\n", [r"the class `b\xa0` in row 3", "can be printed"]),
        ("image,class\xa0\na,b\n", [r"the column `class\xa0` and no `class` in row 1"]),
        ("image,class,plate\na,b,1\nc," + "d" * 101 + ",1\n", ["the class", "in row 3", "at most 100"]),
        ("image,class\na,\x1b[2J\n", [r"the class `\x1b[2J` in row 2"]),
        ('image,class\na,b\n"c,d\n', ["in row 3", "whole quotation marks"]),
        ('image,class\na,"b"c\n', ["in row 2", "whole quotation marks"]),
        (b"image,class\na,b\nc,\xe4\n", ["byte 0xe4, which is no UTF-8, in row 3", "CSV UTF-8"]),
        (b"PK\x03\x04xl/workbook", ["a workbook of a spreadsheet program"]),
        (b"\xff\xfea", ["no UTF-16"]),
        (b"\x89PNG\r\n\x1a\n\0", ["an image", "Name the table"]),
    ],
)
def test_a_bad_table_is_refused_by_the_row(write, content, words):
    refused(write(content), *words)


def test_what_is_no_file_is_refused(tmp_path):
    refused(tmp_path, "a folder", "--pattern")
    refused(tmp_path / "no.csv", "nothing there")


def test_files_are_found_beside_the_table_also_by_windows_paths(write, tmp_path):
    (tmp_path / "crops").mkdir()
    (tmp_path / "crops" / "a.png").touch()
    for name in ("crops/a.png", "crops\\a.png", f"{tmp_path}/crops/a.png"):
        (found,) = read_table(write(f"image,class\n{name},x\n"), NEEDED).files("image")
        assert found.resolve() == tmp_path / "crops" / "a.png"
    table = read_table(write("image,class\ncrops/a.png,x\n./crops\\a.png,x\n"), NEEDED)
    with pytest.raises(DataError, match="found the image of row 2, .*crops/a.png`, again in row 3; expected each"):
        table.files("image")


@pytest.mark.parametrize(
    "name, words",
    [
        ("b.png", "the image `b.png`, where no file is, in row 3"),
        ("C:\\data\\a.png", "It is a path of another computer"),
        ("crops", "where no file is"),
        ("a" * 5000, "where no file is"),
        ("a\0b", "where no file is"),
    ],
)
def test_a_missing_file_is_named_with_its_row(write, tmp_path, name, words):
    (tmp_path / "a.png").touch()
    (tmp_path / "crops").mkdir()
    table = read_table(write(f"image,class\na.png,x\n{name},x\n"), NEEDED)
    with pytest.raises(DataError, match=re.escape(words)):
        table.files("image")


def images(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_names_of_files_stand_for_a_table(tmp_path):
    images(tmp_path, "p2/B02_ER_1.png", "p1/A01_ER_1.png", "p1/A01_Golgi_2.png", "p1/notes.txt", "odd.png", ".x/a.png")
    pattern = r"(?P<Plate>[^/]+)/(?P<well>\w+?)_(?P<class>\w+)_\d\.png"
    table = read_table(tmp_path, ["class"], ["plate", "well", "image"], pattern)
    assert table.columns == {
        "plate": ["p1", "p1", "p2"],
        "well": ["A01", "A01", "B02"],
        "class": ["ER", "Golgi", "ER"],
        "image": ["p1/A01_ER_1.png", "p1/A01_Golgi_2.png", "p2/B02_ER_1.png"],
    }
    assert table.lines == [1, 2, 3] and table.passed_over == ["odd.png"] and len(table.files("image")) == 3


def test_the_group_channel_joins_the_files_of_a_cell(tmp_path):
    images(tmp_path, "ER_1_DAPI.tif", "ER_1_GFP.tif", "ER_2_DAPI.tif", "ER_2_GFP.tif")
    table = read_table(tmp_path, ["class"], (), r"(?P<class>\w+)_(?P<cell>\d)_(?P<channel>GFP|DAPI)\.tif")
    assert table.columns == {
        "class": ["ER", "ER"],
        "cell": ["1", "2"],
        "dapi": ["ER_1_DAPI.tif", "ER_2_DAPI.tif"],
        "gfp": ["ER_1_GFP.tif", "ER_2_GFP.tif"],
    }
    with pytest.raises(DataError, match="both|ER_1_DAPI.tif and ER_2_DAPI.tif as the dapi of one cell"):
        read_table(tmp_path, ["class"], (), r"(?P<class>\w+)_\d_(?P<channel>GFP|DAPI)\.tif")


@pytest.mark.parametrize(
    "pattern, words",
    [
        ("(?P<class>", "regular expression"),
        ("(?P<class>x)", "no name like"),
        (r"(?P<plate>\w)\.png", "no `image`|`class`"),
    ],
)
def test_a_bad_pattern_is_refused(tmp_path, pattern, words):
    images(tmp_path, "a.png")
    with pytest.raises(DataError, match=words):
        read_table(tmp_path, ["class"], (), pattern)


CELLS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp", "Zs"]), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=5), separator=st.sampled_from(",;\t"))
def test_whatever_a_table_holds_comes_back_as_it_was(tmp_path_factory, rows, separator):
    text = io.StringIO()
    csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL).writerows([("image", "label", "note"), *rows])
    (path := tmp_path_factory.mktemp("table") / "t.csv").write_text(text.getvalue(), encoding="utf-8", newline="")
    table = read_table(path, ["image"])
    assert list(zip(*table.columns.values(), strict=True)) == [tuple(part.strip() for part in row) for row in rows]


@settings(max_examples=150, deadline=None)
@given(st.text("image,class;\t\"' \n\r1.é\0", max_size=60))
def test_no_text_ends_in_anything_but_a_table_or_a_message(tmp_path_factory, text):
    (path := tmp_path_factory.mktemp("table") / "t.csv").write_bytes(("image,class\n" + text).encode())
    try:
        table = read_table(path, NEEDED, KNOWN)
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert all(len(values) == len(table) > 0 for values in table.columns.values())
        assert all(table.columns["image"]) and table.lines == sorted(set(table.lines))
