"""What must hold of a release that is written: it opens as given, is whole or not there, and mixes with nothing."""

import h5py
import numpy as np
import pytest
from conftest import at_once, cells, files_up_to

from coos_helpers.bring import write, write_release
from coos_helpers.data import DataError, open_release

N = 24
IMAGES = cells(N)
KNOWN = {
    "class": np.array(["a", "b"])[np.arange(N) % 2],
    "plate": np.array(["p1", "Öl|2"])[np.arange(N) % 2],
    "well": np.array(["A1", "r02c03", "odd"])[np.arange(N) % 3],
    "split": np.array(["train", "training", "Test 1", "test3"])[np.arange(N) % 4],
}


def read(indices):
    return IMAGES[indices]


def written(out, known=KNOWN, reader=read, **options):
    options = {"class_names": ["a", "b"], "source": "made up", "progress": False} | options
    return write_release(out, known, reader, **options)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_written_opens_as_it_was_given(tmp_path):
    more = {"x": np.linspace(0, 1, N), "field": np.array([f"f{i}" for i in range(N)])}
    release = open_release(written(tmp_path / "new" / "out", KNOWN | more, about={"cut": 3}))
    assert list(release) == ["train", "test1", "test3"]
    for name, rows in {"train": [0, 1], "test1": [2], "test3": [3]}.items():
        rows = np.flatnonzero(np.isin(np.arange(N) % 4, rows))
        split = release[name]
        np.testing.assert_array_equal(split.images, IMAGES[rows])
        np.testing.assert_array_equal(split.labels, rows % 2)
        np.testing.assert_array_equal(split.plate, KNOWN["plate"][rows])
        np.testing.assert_array_equal(split.well, np.array(["A01", "B03", "odd"])[rows % 3])
        assert (split.class_names, split.source) == (("a", "b"), "made up")
        with h5py.File(split.path) as file:
            np.testing.assert_array_equal(file["x"][()], more["x"][rows])
            assert file["field"].asstr()[0] == f"f{rows[0]}" and file.attrs["cut"] == 3


def test_without_plates_wells_and_splits_all_is_training(tmp_path):
    release = open_release(written(tmp_path, {"class": KNOWN["class"]}))
    assert list(release) == ["train"] and len(release["train"]) == N
    assert release["train"].well is None and release["train"].plate is None
    written(tmp_path / "odd", {"class": KNOWN["class"], "well": np.full(N, "of no place")})
    assert not list(tmp_path.rglob("plates.png"))


def test_the_split_is_made_only_where_it_is_asked_for_and_none_is_given(tmp_path):
    known = {name: values for name, values in KNOWN.items() if name != "split"}
    assert list(open_release(written(tmp_path / "a", known))) == ["train"]
    assert list(open_release(written(tmp_path / "b", known, split=True))) == ["train", "test1"]
    assert list(open_release(written(tmp_path / "c", split=True))) == ["train", "test1", "test3"]


def test_the_design_is_printed_and_drawn_before_any_cell_is_read(tmp_path, capsys):
    def stop(indices):
        assert "split  class" in capsys.readouterr().out
        assert (tmp_path / "plates.png").read_bytes().startswith(b"\x89PNG")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        written(tmp_path, reader=stop, progress=True)
    assert list(contents(tmp_path)) == ["plates.png"]


@pytest.mark.parametrize("after", range(4))
def test_stopped_anywhere_it_goes_on_and_gives_the_same_bytes(tmp_path, after):
    asked = []

    def stop(indices):
        if len(asked) == after:
            raise KeyboardInterrupt
        asked.append(indices)
        return IMAGES[indices]

    if after < 3:
        with pytest.raises(KeyboardInterrupt):
            written(tmp_path / "out", reader=stop)
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.hdf5")}
    assert len(kept) == (after if after < 3 else 0)
    written(tmp_path / "out")
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    again = tmp_path / "again" / "out"
    assert contents(written(again)) == contents(tmp_path / "out")
    assert contents(written(again, reader=lambda _: pytest.fail("read again"))) == contents(again)


def test_a_batch_at_a_time_changes_nothing(tmp_path, monkeypatch):
    whole = contents(written(tmp_path / "a" / "out"))
    monkeypatch.setattr(write, "BATCH", 5)
    sizes = []
    written(tmp_path / "b" / "out", reader=lambda rows: sizes.append(len(rows)) or IMAGES[rows])
    assert contents(tmp_path / "b" / "out") == whole and max(sizes) == 5


def test_of_two_at_once_one_writes_and_the_other_finds_it_done(tmp_path, capsys):
    asked = []
    made = at_once(lambda: written(tmp_path, reader=lambda rows: asked.extend(rows.tolist()) or IMAGES[rows]))
    assert made == [tmp_path, tmp_path] and sorted(asked) == list(range(N))


@pytest.mark.parametrize(
    "change",
    [
        {"known": KNOWN | {"class": KNOWN["class"][::-1]}},
        {"known": KNOWN | {"split": np.full(N, "train")}},
        {"class_names": ["b", "a"]},
        {"source": "another"},
        {"about": {"images": "other"}},
    ],
)
def test_other_cells_are_never_mixed_with_those_that_are_there(tmp_path, change):
    before = contents(written(tmp_path))
    with pytest.raises(
        DataError, match="of other cells or settings; expected no other release. Choose an empty folder"
    ):
        written(tmp_path, **change)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("change, words", [
    ({"class": np.full(N, "c")}, "found the class 'c'; expected one of a, b"),
    ({"split": np.full(N, "valid")}, "found the split 'valid'; expected train, test1 ... test9"),
    ({"data": np.zeros(N)}, "found a column 'data'"),
    ({"a/b": np.zeros(N)}, "found a column 'a/b'"),
])  # fmt: skip
def test_what_cannot_be_written_is_refused_before_anything_is(tmp_path, change, words):
    with pytest.raises(ValueError, match=words):
        written(tmp_path / "out", KNOWN | change)
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_way_and_a_full_disk_are_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="found a file; expected a folder"):
        written(tmp_path / "file")
    with files_up_to(50_000), pytest.raises(OSError, match="File too large|plates.png|cells_training"):
        written(tmp_path / "out", {name: values for name, values in KNOWN.items() if name != "well"})
    assert not list((tmp_path / "out").glob("*.hdf5")) and not list((tmp_path / "out").glob(".cells*"))
