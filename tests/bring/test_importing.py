"""What must hold of `coos import`: real cells come back as they were; a bad row is named before anything is written."""

import csv

import h5py
import numpy as np
import pytest
import tifffile
from conftest import at_once, cells
from PIL import Image

from coos_helpers.bring import import_cells
from coos_helpers.bring.crops import Look
from coos_helpers.data import DataError, open_release

N = 8
IMAGES = cells(N)
HEADER = ["image", "class", "plate", "well"]


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        Image.fromarray(pixels).save(path)
    else:
        tifffile.imwrite(path, pixels, photometric="minisblack")


def table(folder, rows, header=HEADER):
    """Write a table."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "cells.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return folder / "cells.csv"


@pytest.fixture
def rows(tmp_path):
    """Write eight crops of two channels, and give the rows of a table of them."""
    for i, image in enumerate(IMAGES):
        save(tmp_path / "in" / f"{i}.tif", image)
    return [[f"{i}.tif", ["ER", "Golgi"][i % 2], f"{i // 4}", f"B{i}"] for i in range(N)]


def imported(path, out, **options):
    return import_cells(path, out, progress=False, **options)


def refused(path, out, *words, **options):
    """Refuse in one line, before anything is written."""
    with pytest.raises(DataError) as raised:
        imported(path, out, **options)
    assert "\n" not in str(raised.value) and not out.exists()
    for word in words:
        assert word in str(raised.value), raised.value


def test_real_cells_come_back_to_the_pixel(real_cells, tmp_path):
    release = {name: split.take(np.arange(0, len(split), 9)) for name, split in open_release(real_cells).items()}
    rows = []
    for name, split in release.items():
        for i, image in enumerate(split.images):
            paths = [f"crops/{name}_{i}_{channel}.png" for channel in ("protein", "nucleus")]
            for path, pixels in zip(paths, image, strict=True):
                save(tmp_path / path, pixels)
            rows.append([*paths, split.class_names[split.labels[i]], split.plate[i], split.well[i], name])
    path = table(tmp_path, rows, ["protein", "nucleus", "class", "plate", "well", "split"])
    imported(path, tmp_path / "out")
    again = open_release(tmp_path / "out")
    assert list(again) == list(release)
    for name, split in release.items():
        assert again[name].class_names == split.class_names
        for part in ("images", "labels", "plate", "well"):
            np.testing.assert_array_equal(getattr(again[name], part), getattr(split, part), err_msg=part)


def test_a_table_with_one_file_a_cell_and_more_columns(rows, tmp_path):
    path = table(tmp_path / "in", [[*row, i / 2, "x,y"] for i, row in enumerate(rows)], [*HEADER, "Dose", "note"])
    told = []
    report = imported(path, tmp_path / "out", told=lambda report: told.append((report, (tmp_path / "out").exists())))
    assert told == [(report, False)] and report.warnings() == []
    assert report.look == Look(2, 0, 0, 0, (64, 64), (64, 64), report.look.digest)
    assert (report.known, report.kept) == (("class", "plate", "well"), ("image", "dose", "note"))
    train = open_release(tmp_path / "out")["train"]
    np.testing.assert_array_equal(train.images, IMAGES)
    assert train.class_names == ("ER", "Golgi") and train.labels.tolist() == [0, 1] * 4
    assert train.source == "cells imported from cells.csv"
    assert train.well.tolist() == [f"B{i:02}" if i else "B0" for i in range(N)]  # of which B0 is no place
    with h5py.File(train.path) as file:
        assert file["dose"].asstr()[1] == "0.5" and file["image"].asstr()[7] == "7.tif"


def test_crops_of_other_sizes_are_fitted_and_counted(rows, tmp_path):
    for i, shape in enumerate([(2, 70, 80), (2, 64, 40), (2, 90, 30)]):
        save(tmp_path / "in" / f"{i}.tif", np.full(shape, 7, np.uint16))
    save(tmp_path / "in" / "3.tif", np.full((2, 64, 64), 9, np.uint8))
    report = imported(table(tmp_path / "in", rows), tmp_path / "out")
    assert report.look[:6] == (2, 2, 2, 1, (64, 30), (90, 80))
    assert "2 are larger than 64 x 64" in report.text() and "2 are smaller" in report.text()
    assert "1 images have 8 bits" in report.warnings()[0]
    with h5py.File(tmp_path / "out" / "cells_training.hdf5") as file:
        assert (file.attrs["cut"], file.attrs["padded"]) == (2, 2) and (file["data"][:3] == 7).all()


def test_of_one_channel_the_second_is_zero_and_that_is_said_everywhere(rows, tmp_path):
    for i, image in enumerate(IMAGES):
        save(tmp_path / "in" / f"{i}.png", image[0])
    path = table(tmp_path / "in", [[row[0].replace("tif", "png"), *row[1:]] for row in rows])
    report = imported(path, tmp_path / "out")
    train = open_release(tmp_path / "out")["train"]
    np.testing.assert_array_equal(train.images[:][:, 0], IMAGES[:, 0])
    assert not train.images[:][:, 1].any()
    assert train.source == "cells of one channel (the nucleus is zero) imported from cells.csv"
    assert "nucleus, is zero in every cell" in report.warnings()[0]
    for name in ("datasheet.md", "croissant.json"):
        said = (tmp_path / "out" / name).read_text(encoding="utf-8")
        assert "the nucleus is zero" in said and "the nucleus is not known, and zero" in said
    said = (tmp_path / "out" / "datasheet.md").read_text(encoding="utf-8")
    assert "images:" not in said and "None was made or given: all cells are `train`." in said


def test_a_folder_of_classes_is_imported_with_a_warning(tmp_path):
    for i, image in enumerate(IMAGES):
        save(tmp_path / "in" / ["Golgi", "ER"][i % 2] / f"{i}.tif", image)
    report = imported(tmp_path / "in", tmp_path / "out", split=True)
    assert "Nothing is known of plates and wells" in report.warnings()[0]
    release = open_release(tmp_path / "out")
    assert list(release) == ["train", "test1"] and release["train"].class_names == ("ER", "Golgi")
    assert release["train"].well is None and release["train"].plate is None


def test_a_folder_without_folders_of_classes_is_refused(tmp_path):
    save(tmp_path / "in" / "ER_1.tif", IMAGES[0])
    refused(
        tmp_path / "in", tmp_path / "out", "found no folder with files; expected a folder for each class", "--pattern"
    )


@pytest.mark.parametrize("form, pattern, options", [
    ("{plate}/{well}_{klass}_{i}.tif", r"(?P<plate>\d)/(?P<well>\w+)_(?P<class>\w+)_\d\.tif", {}),
    ("{klass}_{plate}_{well}_{i}_{channel}.tif",
     r"(?P<class>\w+?)_(?P<plate>\d)_(?P<well>B\d)_\d_(?P<channel>protein|nucleus)\.tif", {}),
    ("{klass}_{plate}_{well}_{i}_{channel}.tif",
     r"(?P<class>\w+?)_(?P<plate>\d)_(?P<well>B\d)_\d_(?P<channel>\w+)\.tif", {"protein": "GFP", "nucleus": "DAPI"}),
])  # fmt: skip
def test_a_pattern_stands_for_the_table(tmp_path, form, pattern, options):
    names = list(options.values()) or ["protein", "nucleus"]
    for i, image in enumerate(IMAGES):
        known = {"plate": i // 4, "well": f"B{i}", "klass": ["ER", "Golgi"][i % 2], "i": i}
        if "channel" in form:
            for channel, pixels in zip(names, image, strict=True):
                save(tmp_path / "in" / form.format(**known, channel=channel), pixels)
        else:
            save(tmp_path / "in" / form.format(**known), image)
    save(tmp_path / "in" / "extra.tif", IMAGES[0])
    report = imported(tmp_path / "in", tmp_path / "out", pattern=pattern, **options)
    assert report.warnings() == ["1 images do not match the pattern and are left out, such as extra.tif."]
    train = open_release(tmp_path / "out")["train"]
    order = [int(well[1:]) for well in train.well]
    np.testing.assert_array_equal(train.images, IMAGES[order])
    np.testing.assert_array_equal(train.labels, np.array(order) % 2)
    np.testing.assert_array_equal(train.plate.astype(int), np.array(order) // 4)


@pytest.mark.parametrize("change, words", [
    ({"rows": [["9.tif", "ER", "0", "B9"]]}, ["the image `9.tif`, where no file is, in row 10"]),
    ({"rows": [["./1.tif", "ER", "0", "B9"]]}, ["the image of row 3", "again in row 10"]),
    ({"rows": [["bad.tif", "ER", "0", "B9"]]}, ["in row 10", "bad.tif"]),
    ({"rows": [["one.tif", "ER", "0", "B9"]]}, ["1 channel(s), as one.tif, in row 10; expected 2 as in row 2"]),
    ({"rows": [["one.tif", "IMM", "0", "B9"]]}, ["the only cell of the class IMM in row 10"]),
    ({"header": ["picture", *HEADER[1:]]}, ["columns picture, class, plate, well", "`image`, or `protein`"]),
    ({"header": ["image", "class", "protein", "well"]}, ["`image`, or `protein` and"]),
    ({"header": ["protein", "class", "plate", "nucleus_file"]}, ["`nucleus_file` and no `nucleus` in row 1"]),
    ({"header": ["image", "class", "plate", "split"]}, ["the split 'B0' in row 2; expected train, test1"]),
    ({"header": ["image", "class", "date", "well"]}, ["the date '0' in row 2; expected one such as 2024-03-31"]),
    ({"protein": "3", "nucleus": "1"}, ["no channel '3'", "in row 2"]),
])  # fmt: skip
def test_a_row_that_cannot_be_used_is_named_before_anything_is_written(rows, tmp_path, change, words):
    (tmp_path / "in" / "bad.tif").write_bytes(b"II*\0 not so")
    save(tmp_path / "in" / "one.tif", IMAGES[0, 0])
    options = {name: change[name] for name in ("protein", "nucleus") if name in change}
    path = table(tmp_path / "in", rows + change.get("rows", []), change.get("header", HEADER))
    refused(path, tmp_path / "out", *words, **options)


def test_a_plate_of_384_wells_by_four_kinds_of_names_gives_the_same_release(tmp_path):
    """Three plates of one class and the other in each well; the border is test2."""
    letters = "ABCDEFGHIJKLMNOP"
    places = [(r, c) for r in (0, 7, 8, 15) for c in (0, 11, 12, 23)]
    forms = [
        lambda r, c: f"{letters[r]}{c + 1}",
        lambda r, c: f"{letters[r]}{c + 1:02}",
        lambda r, c: f"r{r + 1:02}c{c + 1:02}",
        lambda r, c: str(24 * r + c + 1),
    ]
    for i in range(2 * len(places)):
        save(tmp_path / "in" / f"{i}.tif", IMAGES[i % N] + np.uint16(i))
    found = []
    for number, form in enumerate(forms):
        rows = [[f"{i}.tif", ["ER", "Golgi"][i % 2], "1", form(*places[i // 2])] for i in range(2 * len(places))]
        imported(table(tmp_path / "in", rows), tmp_path / f"out{number}", split=True)
        release = open_release(tmp_path / f"out{number}")
        found.append({name: sorted(split.well.tolist()) for name, split in release.items()})
    assert found[0] == found[1] == found[2] == found[3]
    inside = {"H12", "H13", "I12", "I13"}
    assert set(found[0]["train"] + found[0]["test1"]) <= inside and not set(found[0]["test2"]) & inside
    assert len(found[0]["test2"]) == 24


def test_of_two_imports_at_once_both_end_well_and_another_table_is_refused_there(rows, tmp_path):
    path = table(tmp_path / "in", rows)
    first, second = at_once(lambda: imported(path, tmp_path / "out"))
    assert first.look == second.look
    save(tmp_path / "in" / "0.tif", IMAGES[0] + np.uint16(1))  # other pixels in a file of the same name
    with pytest.raises(DataError, match="of other cells or settings"):
        imported(path, tmp_path / "out")


def test_the_order_of_rows_is_that_of_the_cells(rows, tmp_path):
    imported(table(tmp_path / "in", rows[::-1]), tmp_path / "out")
    np.testing.assert_array_equal(open_release(tmp_path / "out")["train"].images, IMAGES[::-1])
    there = {path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")}
    assert there == {"cells_training.hdf5", "croissant.json", "datasheet.md", "plates.png"}


def test_a_given_split_that_does_not_train_a_class_is_kept_and_named(rows, tmp_path):
    rows = [[*row, "test1" if row[1] == "ER" else "training"] for row in rows]
    report = imported(table(tmp_path / "in", rows, [*HEADER, "split"]), tmp_path / "out", split=True)
    assert report.warnings() == ["No cell is in the training set of: ER."]
    assert {name: len(split) for name, split in open_release(tmp_path / "out").items()} == {"train": 4, "test1": 4}
