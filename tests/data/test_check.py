"""What must hold of `check_release`: everything odd in a release is named, and nothing that is not odd."""

import h5py
import numpy as np
import pytest
from conftest import FILES, cells, places, write_release, write_split
from hostile import CLASSES, SOURCES
from on_disk import write_tiffs

from coos_helpers.data import DataError, Split
from coos_helpers.data.check import check_release
from coos_helpers.data.unpack import unpack


def check(path):
    return check_release(path, progress=False)


def constant(channel, value):
    """Give a cell of which one channel has one value."""
    image = cells(1, seed=value)[0]
    image[channel] = value
    return image


TRAIN, TEST1 = cells(14), cells(15, seed=1)  # as `write_release` draws them
NEARLY, HALF = constant(0, 100), constant(1, 100)
NEARLY[0, 63, 63], HALF[1] = 101, TRAIN[4, 1]  # one pixel is another; only the nucleus is another cell's

# By split and cell: the image that is written there.
CHANGES = {
    "train": {3: constant(0, 0), 11: constant(0, 65535), 12: TEST1[4], 2: TEST1[9], 13: TRAIN[7], 10: TRAIN[7]},
    "test1": {1: TRAIN[5], 8: TRAIN[5]},
    "test2": {0: constant(1, 7), 1: NEARLY, 2: HALF},
    "test3": {cell: constant(0, cell) for cell in range(1, 14)},
}  # fmt: skip
WARNINGS = [
    "train: constant protein image at cell 3, 11",
    "train: the same image twice at cell 7 = 10, 7 = 13",
    "train and test1: the same image twice at cell 5 = 1, 12 = 4, 5 = 8, 2 = 9",
    "test1: the same image twice at cell 1 = 8",
    "test2: constant nucleus image at cell 0",
    "test3: constant protein image at cell 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, and 3 more",
]


@pytest.mark.parametrize("size", [1024, 3])
def test_odd_images_are_named_by_split_and_cell_in_batches_of_any_size(tmp_path, monkeypatch, size):
    batches = Split.batches
    monkeypatch.setattr(Split, "batches", lambda split: batches(split, size=size))
    write_release(tmp_path)
    assert check(tmp_path).warnings == []
    for split, images in CHANGES.items():
        with h5py.File(tmp_path / FILES[split], "a") as file:
            for cell, image in images.items():
                file["data"][cell] = image
    report = check(tmp_path)
    assert (list(report.splits), report.warnings) == (list(FILES), WARNINGS)


def test_one_file_or_tiff_folder_can_be_checked_alone_and_missing_classes_are_named(tmp_path):
    path = write_split(tmp_path / FILES["test3"], 6, labels=[0, 1, 2, 3, 5, 5])
    unpack(path, tmp_path / "out", progress=False)
    for alone in (path, tmp_path / "out" / "test3"):
        report = check(alone)
        assert {name: len(split) for name, split in report.splits.items()} == {"test3": 6}
        assert report.warnings == [f"test3: no cell of the class {c}" for c in ("Early Endosome", "Nuclear Envelope")]


def test_the_text_says_what_is_in_the_release_and_in_one_line_what_was_passed_over(tmp_path):
    folder = write_release(tmp_path / "cells", attrs={"source": "made up for a test"})
    text = check(folder).text()
    classes = "ER, IMM, Golgi, Peroxisomes, Early Endosome, Cytosol, Nuclear Envelope"
    for words in ("made up for a test", classes, "cells a class: 2 2 2 2 2 2 2", "2 plates, 6 wells", *FILES.values()):
        assert words in text
    assert "ignored" not in text
    write_split(folder / "latest1.hdf5")
    (folder / "test 3").mkdir()
    assert check(folder).text() == f"{text}\n\n  ignored  latest1.hdf5, test 3"


def test_what_has_the_name_of_a_split_and_is_not_read_is_a_warning(tmp_path):
    write_release(tmp_path)
    odd = ["COOS7_v1.1_test2.hdf5.part", "COOS7_v1.1_test2.zip", "test 3"]
    for name in odd[:2]:
        (tmp_path / name).write_bytes(b"PK")
    (tmp_path / odd[2]).mkdir()
    warnings = check(tmp_path).warnings
    assert [warning.partition(": not read, ")[0] for warning in warnings] == odd
    assert "Unpack, complete or move it" in warnings[0]


BESIDE = {
    "images": lambda folder: write_tiffs(folder, cells(2), [2024, 2024]),
    "half a cell": lambda folder: (folder / "2024").mkdir() or (folder / "2024" / "COOSv1cell_1_nucleus.tif").touch(),
    "a split": lambda folder: write_tiffs(folder / "2024", cells(2), [0, 1]),
    "a release": lambda folder: write_release(folder / "2024"),
    "no image": lambda folder: (folder / "2024" / "cells.json").mkdir(parents=True),
    "cells.json beside": lambda folder: (folder / "cells.json").write_text("{}"),
    "link": lambda folder: (folder / "2024").symlink_to("nowhere"),
    "named as a split": lambda folder: write_tiffs(folder / "training data", cells(2), [0, 1]).rename(folder / "2024"),
}


@pytest.mark.parametrize("make", BESIDE.values(), ids=BESIDE)
@pytest.mark.parametrize("name", ["cells", "train"])
def test_a_folder_beside_the_splits_does_not_make_the_release_a_split(tmp_path, name, make):
    write_release(tmp_path / name)
    make(tmp_path / name)
    report = check(tmp_path / name)
    assert list(report.splits) == list(FILES) and report.warnings == []


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())
def test_the_text_does_nothing_to_a_terminal_whatever_a_file_says(tmp_path, source):
    attrs = {"source": np.bytes_(source.encode("utf-8", "surrogateescape")), "class_names": np.array(CLASSES, object)}
    write_split(tmp_path / "test1\x1b[2J\udce9.hdf5", attrs=attrs)
    lines = check(write_release(tmp_path, ("train",), attrs=attrs)).text().splitlines()
    assert len(lines) == 8 and all(line.isprintable() for line in lines if "\u202e" not in line)
    assert "".join(lines).encode() and r"test1\x1b[2J\udce9.hdf5" in lines[-2] and r"a\x1b[2J\nb\r" in lines[2]


@pytest.mark.parametrize("known, said", [((), "no plates, no wells"), (("plate",), "2 plates, no wells"),
                                         (("well",), "6 names of wells on unknown plates")])  # fmt: skip
def test_the_text_says_what_is_unknown_of_wells(tmp_path, known, said):
    assert said in check(write_split(tmp_path / "train.h5", **{key: places(14)[key] for key in known})).text()


@pytest.mark.parametrize("path", [".", "../cells", "../cells/.", "..", "deeper/.."])
def test_the_heading_is_the_folders_real_name(tmp_path, monkeypatch, path):
    folder = write_release(tmp_path / "cells", ("train",))
    (folder / "deeper").mkdir()
    monkeypatch.chdir(folder / "deeper" if path == ".." else folder)
    assert check(path).text().startswith("cells\n")


def test_what_is_not_there_or_damaged_is_an_error_and_no_warning(tmp_path):
    with pytest.raises(DataError, match="nowhere: found nothing there.*coos download"):
        check(tmp_path / "nowhere")
    path = write_release(tmp_path) / FILES["test4"]
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=FILES["test4"]):
        check(tmp_path)


@pytest.mark.parametrize("folder", ["simulated_folder", "real_cells"])
def test_simulated_and_real_cells_are_sound(folder, request):
    assert check(request.getfixturevalue(folder)).warnings == []
