"""What must hold of the table of fields: what it says is found, what is wrong is named by its row."""

import numpy as np
import pytest
import small_fields
import tifffile
from PIL import Image

from coos_helpers.bring.fields import read_fields, read_labels
from coos_helpers.data import DataError


@pytest.fixture
def folder(tmp_path):
    return small_fields.write(tmp_path / "fields")


def rewritten(folder, old, new, times=1):
    """Change the table's text."""
    path = folder / "fields.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, times))
    return folder


def test_a_folder_stands_for_its_one_table_and_each_row_is_a_field(folder):
    table, fields = read_fields(folder)
    assert read_fields(folder / "fields.csv")[0] == table and len(fields) == 4
    assert fields[1].name == "f1_nucleus" and fields[1].files == (folder / "f1_protein.tif", folder / "f1_nucleus.tif")
    assert fields[1].known == {"class": "b", "plate": "p1", "well": "A02"}  # the dose is passed over
    (folder / ".hidden.csv").write_text("x")
    read_fields(folder)
    (folder / "other.tsv").write_text("x")
    with pytest.raises(DataError, match="fields.csv and other.tsv; expected just one table.*Name the table itself"):
        read_fields(folder)


def test_one_image_may_hold_both_channels(tmp_path):
    (tmp_path / "a.ome.tif").touch()
    (tmp_path / "t.tsv").write_text("Image\tclass\tplate\twell\tdate\na.ome.tif\ter\t1\tA1\t2024-03-31\n")
    _, (field,) = read_fields(tmp_path)
    assert field.name == "a" and field.known["date"] == "2024-03-31"


@pytest.mark.parametrize("old, new, words", [
    ("f2_nucleus.tif", "gone.tif", "nucleus `gone.tif`, where no file is, in row 4"),
    ("f2_nucleus.tif", "f1_nucleus.tif", "nucleus of row 3, .*f1_nucleus.tif.*again in row 4"),
    ("f2_protein.tif", "./f1_protein.tif", "protein of row 3, .*f1_protein.tif.*again in row 4"),
    ("class,plate", "klass,plate", "no `class` in row 1"),
    ("A03", "", "no well in row 4"),
    ("dose", "split", "the split '7' in row 2; expected train"),
    ("dose", "date", "the date '7' in row 2; expected one such as 2024-03-31"),
    ("dose", "image", "protein, nucleus, image; expected either"),
    ("protein,nucleus", "nucleus,other", "nucleus; expected either"),
    ("dose", "field", "the field of row 2, `7`, again in row 3"),
    ("p1,A02,7", "p1;A02;7", "row 3"),
])  # fmt: skip
def test_what_is_wrong_is_named_by_its_row(folder, old, new, words):
    with pytest.raises(DataError, match=f"fields.csv: found .*{words}"):
        read_fields(rewritten(folder, old, new))


def test_windows_paths_and_a_mark_of_byte_order_are_read(folder):
    (folder / "sub").mkdir()
    (folder / "f0_nucleus.tif").rename(folder / "sub" / "f0_nucleus.tif")
    rewritten(folder, "f0_nucleus.tif", r"sub\f0_nucleus.tif")
    path = folder / "fields.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_fields(folder)[1][0].name == "sub/f0_nucleus"


@pytest.mark.parametrize("pattern, name", [
    ("_cp_masks.png", "f{}_nucleus_cp_masks.png"), ("masks/{}.tif", "masks/f{}_nucleus.tif"), (None, "m{}.tif"),
])  # fmt: skip
def test_masks_are_found_by_a_pattern_or_a_column(folder, pattern, name):
    mask = np.zeros((small_fields.H, small_fields.W), np.int32)
    mask[40:50, 55:65] = 3
    (folder / "masks").mkdir()
    for i in range(4):
        path = folder / name.format(i)
        Image.fromarray(mask.astype(np.uint16)).save(path) if path.suffix == ".png" else tifffile.imwrite(path, mask)
        if not pattern:
            rewritten(folder, f"A{i + 1:02},7", f"A{i + 1:02},{name.format(i)}")
    if not pattern:
        rewritten(folder, "dose", "labels")
    _, fields = read_fields(folder, labels=pattern)
    np.testing.assert_array_equal(read_labels(fields[2], mask.shape), mask)
    with pytest.raises(DataError, match="a mask of 150 x 170 pixels; expected 150 x 171"):
        read_labels(fields[2], (150, 171))
    fields[2].labels.unlink()
    with pytest.raises(DataError, match="in row 4"):
        read_fields(folder, labels=pattern)


def test_centres_come_from_a_table(folder, tmp_path):
    (points := tmp_path / "centres.csv").write_text("Field;X;Y\nf0_nucleus;60;45.5\nf2_nucleus;1;2\nf0_nucleus;3;4\n")
    _, fields = read_fields(folder, centres=points)
    assert [field.centres.tolist() for field in fields] == [[[60, 45.5], [3, 4]], [], [[1, 2]], []]
    for row, words in (("nobody;1;2", "the field 'nobody' in row 5"), ("f0_nucleus;1,5;2", "x '1,5', y '2' in row 5"),
                       ("f0_nucleus;nan;2", "x 'nan', y '2' in row 5")):  # fmt: skip
        (bad := tmp_path / "bad.csv").write_text(points.read_text() + row + "\n")
        with pytest.raises(DataError, match=words):
            read_fields(folder, centres=bad)
    with pytest.raises(DataError, match="--labels, --centres; expected .* one thing at most"):
        read_fields(folder, labels="_m.tif", centres=points)
