"""What must hold of a release: opened whatever form it lies in, in the paper's order, or refused in one message."""

import os
import pickle
import socket
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import FILES, cells, places, write_release, write_split
from on_disk import refusal, write_tiffs

from coos_helpers.data import DataError, open_release, open_split
from coos_helpers.data.split_names import find_splits
from coos_helpers.published import CLASS_NAMES


def test_a_split_holds_what_the_file_holds(tmp_path):
    split = open_split(write_split(tmp_path / "COOS7_v1.1_test3.hdf5", 9, **places(9)))
    assert (split.name, len(split), split.class_names) == ("test3", 9, CLASS_NAMES)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(split)).images[:], cells(9))
    np.testing.assert_array_equal(split.labels, np.arange(9) % 7)
    assert split.plate.tolist() == [f"plate-{i % 2}" for i in range(9)]
    assert split.well_ids.tolist() == [f"plate-{i % 2}/{'AB'[i % 2]}{i % 3 + 1:02}" for i in range(9)]


def test_a_release_comes_in_the_papers_order_may_lack_splits_and_mix_files_and_folders(tmp_path):
    write_release(tmp_path, ("test3", "test1", "train"))
    write_tiffs(tmp_path / "test2", cells(2), [0, 1])
    lengths = {name: len(split) for name, split in open_release(str(tmp_path)).items()}
    assert list(lengths.items()) == [("train", 16), ("test1", 15), ("test2", 2), ("test3", 14)]


def test_real_cells_of_five_classes_open_without_a_fourth_test_set(real_cells):
    release = open_release(real_cells)
    assert list(release) == ["train", "test1", "test2", "test3"]
    assert sum(map(len, release.values())) == 1642
    for split in release.values():
        assert len(split.class_names) == 5 and split.images[0].max() > 0


@pytest.mark.parametrize("file, attrs, name, source", [
    ("my cells.h5", {}, "my cells", "my cells.h5 (the file names no source)"),
    ("mine_test3.hdf5", {"source": ""}, "test3", "mine_test3.hdf5 (the file names no source)"),
    ("COOS7_v1.1_test3.hdf5", {}, "test3", "COOS-7 (Lu et al. 2019; images CC BY-NC 4.0)"),
    ("COOS7_v1.1_test4.hdf5", {"source": "yeast, 2026"}, "test4", "yeast, 2026"),
    ("train.h5", {"source": np.bytes_("yeast, 2026")}, "train", "yeast, 2026"),
    ("train.h5", {"source": np.array([1, 2])}, "train", "[1 2]"),
    ("train.h5", {"source": np.array(["yeast, 2026"], object)}, "train", "yeast, 2026"),  # as MATLAB writes it
    *[("a.h5", {"source": empty}, "a", "a.h5 (the file names no source)")
      for empty in (h5py.Empty("S1"), h5py.Empty("f8"), np.array([]), b"", " \n", np.array(["\t"], object))],
    ("train.h5", {"source": " two\r\nlines,\ta tab "}, "train", "two lines, a tab"),
    ("train.h5", {"source": "a\x1b[2J\x07b\u202ec"}, "train", r"a\x1b[2J\x07b\u202ec"),
    ("tr\x1bain.h5", {}, "tr\x1bain", r"tr\x1bain.h5 (the file names no source)"),
])  # fmt: skip
def test_a_split_names_itself_and_where_its_cells_come_from(tmp_path, file, attrs, name, source):
    split = open_split(write_split(tmp_path / file, attrs=attrs))
    assert (split.name, split.source) == (name, source)


OTHER = {"attrs": {"class_names": list("abcdefg")}}


@pytest.mark.parametrize("file, changes, found", [
    (FILES["test1"], OTHER, "test1.*found classes a, b.*expected.*training.*ER, IMM.*same classes"),
    ("old_test1.h5", {}, "both COOS7_v1.1_test1.hdf5 and old_test1.h5.*Move one"),
    (FILES["test1"], {"labels": None}, FILES["test1"]),
], ids=["other classes", "two files for one split", "one bad split"])  # fmt: skip
def test_splits_that_do_not_make_one_release_are_refused(tmp_path, file, changes, found):
    write_release(tmp_path, ("train", "test1", "test2"))
    write_split(tmp_path / file, **changes)
    with pytest.raises(DataError, match=found):
        open_release(tmp_path)


def test_a_data_error_is_a_value_error_and_survives_pickling():
    error = DataError("a.h5", "x", "y", "Do z.")
    assert str(pickle.loads(pickle.dumps(error))) == str(error) == "a.h5: found x; expected y. Do z."
    assert isinstance(error, ValueError)


@pytest.mark.parametrize("opened", [open_split, open_release])
@pytest.mark.parametrize("name", ["nowhere.hdf5", "no/where", "nul\0", "x" * 300])
def test_a_path_with_nothing_there_is_refused_with_the_way_to_get_a_release(tmp_path, opened, name):
    with pytest.raises(
        DataError, match=r"found (nothing there|no way there .*); .*Check .*coos download.*coos simulate"
    ):
        opened(tmp_path / name)


def test_what_is_no_release_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError, match="no split, passing over nothing; .*coos download.*coos simulate"):
        open_release(tmp_path)
    with pytest.raises(DataError, match="found a file; expected a folder .*open_split"):
        open_release(write_split(tmp_path / "train.h5"))


def pipe(path):
    os.mkfifo(path)


def listening(path):
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


def device(path):
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [pipe, listening, device])
@pytest.mark.parametrize("name", [FILES["test1"], "test1", "5/COOSv1cell_5_protein.tif", "cells.json"])
def test_what_is_neither_file_nor_folder_is_refused_and_never_opened(tmp_path, monkeypatch, make, name):
    """Who opens a named pipe waits for ever, and a device may never end."""
    monkeypatch.chdir(tmp_path)  # as the name of a socket must be short
    path = Path(name)
    if not name.lower().startswith(("coos7", "test")):
        write_tiffs(tmp_path, cells(2), [5, 5], first=5)
        path.unlink(missing_ok=True)
    make(path)
    split = path if path.parts[0].lower().startswith(("coos7", "test")) else tmp_path
    assert refusal(split, named=path.name)["found"] == "a named pipe, a socket or a device"


def test_a_link_inside_a_file_to_a_named_pipe_is_not_followed(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    path = write_split(tmp_path / "train.h5", data=None)
    with h5py.File(path, "r+") as file:
        file["data"] = h5py.ExternalLink("pipe", "data")
    assert refusal(path, named="pipe")["found"] == "a named pipe, a socket or a device"


@pytest.mark.parametrize("name", [FILES["test3"], "test3"])
def test_a_link_to_a_split_that_leads_nowhere_is_refused_and_not_passed_over(tmp_path, name):
    write_release(tmp_path, ("train", "test1"))
    (tmp_path / name).symlink_to("/no/such/disk")
    with pytest.raises(DataError, match="test3.*: found a link that leads nowhere"):
        open_release(tmp_path)


def test_a_permission_that_is_denied_anywhere_is_said_in_plain_words(tmp_path, monkeypatch):
    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    path, folder = write_split(tmp_path / "train.h5"), write_tiffs(tmp_path / "test1", cells(2), [0, 1])
    for name, asked in (("h5py.File", path), ("pathlib.Path.iterdir", folder), ("pathlib.Path.stat", path)):
        with monkeypatch.context() as patch:
            patch.setattr(name, denied)
            assert "Permission denied" in refusal(asked)["found"]
    (tmp_path / "lost+found").mkdir()
    monkeypatch.setattr("coos_helpers.data.tiff.find_images", denied)  # a folder closed to you is what its name says
    assert find_splits(tmp_path) == ([("test1", folder), ("train", path)], [])
