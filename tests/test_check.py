"""What must hold of `coos_helpers.check`: everything odd in a release is named, and nothing that is not odd."""

import h5py
import numpy as np
import pytest
from conftest import FILES, cells, places, write_release, write_split

from coos_helpers.check import check_release
from coos_helpers.data import DataError


def warnings_of(folder):
    return check_release(folder, progress=False).warnings


def change(path, cell, image):
    """Replace images of a file."""
    with h5py.File(path, "a") as file:
        file["data"][cell] = image


def test_a_sound_release_has_no_warnings(tmp_path):
    report = check_release(write_release(tmp_path), progress=False)
    assert report.warnings == []
    assert list(report.splits) == list(FILES)


def test_constant_images_are_named_by_split_channel_and_cell(tmp_path):
    write_release(tmp_path)
    for cell, value in ((3, 0), (11, 65535), (5, 100)):
        image = cells(1)[0]
        image[0] = value
        change(tmp_path / FILES["train"], cell, image)
    image = cells(1, seed=1)[0]
    image[1] = 7
    change(tmp_path / FILES["test2"], 0, image)
    found = warnings_of(tmp_path)
    assert "train: constant protein image at cells 3, 5, 11" in found
    assert "test2: constant nucleus image at cell 0" in found


def test_an_image_with_one_other_pixel_is_not_constant(tmp_path):
    write_release(tmp_path)
    image = cells(1)[0]
    image[0] = 100
    image[0, 63, 63] = 101
    change(tmp_path / FILES["train"], 3, image)
    assert warnings_of(tmp_path) == []


def test_the_same_image_in_two_splits_is_named_with_both_indices(tmp_path):
    write_release(tmp_path)
    change(tmp_path / FILES["train"], 12, cells(15, seed=1)[4])  # test1 has 15 cells, drawn with seed 1
    change(tmp_path / FILES["train"], 2, cells(15, seed=1)[9])
    change(tmp_path / FILES["test4"], 0, cells(16, seed=2)[15])  # test2 has 16
    assert warnings_of(tmp_path) == [
        "the same image in train and test1: cells 12, 2 of train, cells 4, 9 of test1",
        "the same image in test2 and test4: cell 15 of test2, cell 0 of test4",
    ]


def test_the_same_image_twice_in_one_split_is_named_with_both_indices(tmp_path):
    write_release(tmp_path)
    for cell, other in ((12, 3), (13, 3), (9, 5)):
        change(tmp_path / FILES["train"], cell, cells(14)[other])
    change(tmp_path / FILES["test1"], 1, cells(14)[5])
    assert warnings_of(tmp_path) == [
        "train: the same image twice, cell for cell: 5 = 9, 3 = 12, 3 = 13",
        "the same image in train and test1: cell 5 of train, cell 1 of test1",
    ]


def test_an_image_twice_in_a_split_and_in_another_is_named_in_both_ways(tmp_path):
    write_release(tmp_path, ("train", "test1"))
    for cell in (1, 8):
        change(tmp_path / FILES["test1"], cell, cells(14)[5])
    assert warnings_of(tmp_path) == [
        "test1: the same image twice, cell for cell: 1 = 8",
        "the same image in train and test1: cells 5, 5 of train, cells 1, 8 of test1",
    ]


@pytest.mark.parametrize("channel", [0, 1])
def test_cells_that_share_only_one_channel_are_not_the_same(tmp_path, channel):
    write_release(tmp_path)
    image = cells(1)[0]
    image[channel] = cells(15, seed=1)[4, channel]
    change(tmp_path / FILES["train"], 12, image)
    assert warnings_of(tmp_path) == []


def test_missing_classes_are_named(tmp_path):
    write_release(tmp_path, ("train", "test1"))
    write_split(tmp_path / FILES["test1"], 6, seed=9, labels=[0, 1, 2, 3, 5, 5])
    assert warnings_of(tmp_path) == [
        "test1: no cell of the class Early Endosome",
        "test1: no cell of the class Nuclear Envelope",
    ]


def test_many_cells_are_named_and_then_counted(tmp_path):
    images = cells(14)
    images[1:, 0] = np.arange(13)[:, None, None]  # constant, and still no two alike
    write_split(tmp_path / FILES["train"], 14, data=images)
    assert warnings_of(tmp_path) == ["train: constant protein image at cells 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 3 more"]


def test_findings_do_not_depend_on_batches(tmp_path, monkeypatch):
    write_release(tmp_path)
    change(tmp_path / FILES["train"], 12, cells(15, seed=1)[14])
    change(tmp_path / FILES["train"], 13, 5)
    whole = warnings_of(tmp_path)
    from coos_helpers.data import Split

    batches = Split.batches
    monkeypatch.setattr(Split, "batches", lambda split: batches(split, size=3))
    assert warnings_of(tmp_path) == whole != []


def test_one_file_can_be_checked_alone(tmp_path):
    path = write_split(tmp_path / FILES["test3"], 14, **places(14))
    change(path, 6, 1)
    report = check_release(path, progress=False)
    assert list(report.splits) == ["test3"]
    assert report.warnings == [
        "test3: constant protein image at cell 6",
        "test3: constant nucleus image at cell 6",
    ]


def test_one_tiff_folder_can_be_checked_alone(tmp_path):
    from coos_helpers.unpack import unpack

    unpack(write_release(tmp_path / "release", ("train",)), tmp_path / "out", progress=False)
    report = check_release(tmp_path / "out" / "train", progress=False)
    assert [len(split) for split in report.splits.values()] == [14]
    assert report.warnings == []


def test_the_text_says_what_is_in_the_release(tmp_path):
    write_release(tmp_path / "cells", attrs={"source": "made up for a test"})
    change(tmp_path / "cells" / FILES["train"], 3, 0)
    text = check_release(tmp_path / "cells", progress=False).text()
    for words in (
        "made up for a test",
        "ER, IMM, Golgi, Peroxisomes, Early Endosome, Cytosol, Nuclear Envelope",
        "cells a class: 2 2 2 2 2 2 2",
        "2 plates, 6 wells",
        *FILES.values(),
    ):
        assert words in text


def test_the_text_names_what_was_passed_over_in_one_line(tmp_path):
    folder = write_release(tmp_path / "cells")
    assert "ignored" not in check_release(folder, progress=False).text()
    write_split(folder / "latest1.hdf5")
    write_split(folder / "mean.h5")
    (folder / "._COOS7_training.hdf5").write_bytes(b"x")
    (folder / "README_train.md").write_text("x")
    (folder / "pictures").mkdir()
    (folder / "test 3").mkdir()
    image = folder / "yeast" / "0" / "COOSv1cell_0_protein.tif"
    image.parent.mkdir(parents=True)
    image.write_bytes(b"x")
    lines = check_release(folder, progress=False).text().splitlines()
    assert lines[-1] == "  ignored  latest1.hdf5, mean.h5, test 3, yeast"
    assert sum("ignored" in line for line in lines) == 1


@pytest.mark.parametrize("path", [".", "../cells", "../cells/.", "..", "deeper/.."])
def test_the_heading_is_the_folders_real_name(tmp_path, monkeypatch, path):
    folder = write_release(tmp_path / "cells", ("train",))
    (folder / "deeper").mkdir()
    monkeypatch.chdir(folder / "deeper" if path == ".." else folder)
    assert check_release(path, progress=False).text().startswith("cells\n")


def test_wells_without_plates_are_no_physical_wells(tmp_path):
    text = check_release(write_split(tmp_path / "train.h5", well=places(14)["well"]), progress=False).text()
    assert "6 names of wells on unknown plates" in text


def test_where_nothing_is_the_advice_fits(tmp_path):
    with pytest.raises(DataError) as caught:
        check_release(tmp_path / "nowhere", progress=False)
    assert "coos download" in str(caught.value) and "open_split" not in str(caught.value)


def test_a_damaged_split_is_an_error_and_no_warning(tmp_path):
    write_release(tmp_path)
    content = (tmp_path / FILES["test4"]).read_bytes()
    (tmp_path / FILES["test4"]).write_bytes(content[:-100])
    with pytest.raises(DataError, match=FILES["test4"]):
        warnings_of(tmp_path)


def test_simulated_cells_are_sound(simulated_folder):
    assert warnings_of(simulated_folder) == []


def test_real_cells_are_sound(real_cells):
    assert warnings_of(real_cells) == []
