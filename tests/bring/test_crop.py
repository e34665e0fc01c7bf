"""What must hold of `crop`: a release that opens, counted and shown, the same whatever came between."""

import csv
import math
import os
import re

import h5py
import numpy as np
import pytest
import small_fields
import tifffile
from conftest import at_once, shared
from PIL import Image

from coos_helpers.bring import crop as module
from coos_helpers.bring import cut
from coos_helpers.bring.segment import Options
from coos_helpers.data import DataError, open_release


@pytest.fixture(autouse=True)
def undrawn(request, monkeypatch):
    """Leave out the contact sheet, which takes most of the time, but where a test asks for it to be drawn."""
    if "drawn" not in request.fixturenames:
        monkeypatch.setattr(module.sheet, "write", lambda path, *given: path.write_bytes(b""))


@pytest.fixture
def drawn():
    """Ask for the contact sheet."""


@pytest.fixture
def fields(tmp_path):
    return small_fields.write(tmp_path / "fields")


def crop(fields, out, jobs=1, **options):
    return module.crop(fields, out, jobs=jobs, progress=False, **options)


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*"))}


def text(out):
    return (out / "crop-report.txt").read_text()


def test_fields_become_a_release_with_every_count_as_it_was(fields, tmp_path):
    out = crop(fields, tmp_path / "out")
    split = open_release(out)["train"]
    assert len(split) == 12 and split.class_names == ("a", "b") and split.labels.tolist() == [0, 0, 0, 1, 1, 1] * 2
    assert split.well.tolist() == np.repeat(["A01", "A02", "A03", "A04"], 3).tolist() and set(split.plate) == {"p1"}
    with h5py.File(split.path) as file:
        places = zip(file["field"].asstr()[:], file["x"][:], file["y"][:], split.images[:], strict=True)
        for name, x, y, image in places:
            top, left = math.floor(y - 31), math.floor(x - 31)
            seed = int(re.search(r"\d", name)[0])
            np.testing.assert_array_equal(image, small_fields.counts(seed)[:, top : top + 64, left : left + 64])
    ours = {"cells_training.hdf5", "contact-sheet.png", "crop-report.csv", "crop-report.txt"}
    assert ours < set(contents(out)) and not (out / ".crop").exists()


def test_the_report_counts_cells_per_field_well_plate_and_class(fields, tmp_path, drawn):
    out = crop(fields, tmp_path / "out")
    with open(out / "crop-report.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["field"], row["class"], row["cells"], row["left_out"], row["warnings"]) for row in rows] == [
        (f"f{i}_nucleus", "ab"[i % 2], "3", "2", "") for i in range(4)
    ]
    said = re.sub(" +", " ", text(out))
    for line in ("4 fields, 12 cells", "left out: 8 nuclei", "\na 2 6\n", "\np1 4 12\n", "\np1/A03 1 3\n"):
        assert line in said
    with Image.open(out / "contact-sheet.png") as sheet:
        assert sheet.size[0] > 1000 and np.asarray(sheet).std() > 10


def test_two_spellings_of_a_well_are_one_in_the_report_as_in_the_release(fields, tmp_path):
    table = fields / "fields.csv"
    table.write_text(table.read_text().replace("A03", "a1"))
    assert "\np1/A01 2 6\n" in re.sub(" +", " ", text(crop(fields, tmp_path / "out")))


def test_odd_fields_are_named_and_left_to_you(tmp_path):
    small, eight = small_fields.counts()[:, :120, :130], small_fields.counts()
    eight = (eight // eight.max((1, 2), keepdims=True)).astype(np.uint8)
    eight = np.stack([small_fields.counts()[0] % 251, small_fields.counts()[1] // 4]).astype(np.uint8)
    empty = small_fields.counts(nuclei=())
    out = crop(small_fields.write(tmp_path / "fields", 6, f1=small, f2=eight, f3=empty), tmp_path / "out")
    said = text(out)
    assert "Warning: f1_nucleus (row 3): 120 x 130 pixels, where other fields have 150 x 170" in said
    assert "Warning: f2_nucleus (row 4): 8 bits, where other fields have 16" in said
    assert "Warning: f3_nucleus (row 5): no nucleus: empty, blurred to nothing" in said
    assert said.count("Warning") == 3 and "8-bit images: 1 field" in said
    with h5py.File(out / "cells_training.hdf5") as file:
        assert file["data"][file["field"].asstr()[:] == "f2_nucleus"].max() < 256


@pytest.mark.parametrize("nuclei, words", [([], "no cell"), (small_fields.INSIDE[:1], "1 cell")])
def test_a_class_of_fewer_than_two_cells_is_named(tmp_path, nuclei, words):
    few = small_fields.counts(nuclei=nuclei)
    said = text(crop(small_fields.write(tmp_path / "fields", 2, f1=few), tmp_path / "out"))
    assert f"Warning: the class b has {words}: it cannot be learned and tested" in said and "class a" not in said


def test_processes_change_no_byte(fields, tmp_path, drawn):
    one, two = crop(fields, tmp_path / "one" / "out"), crop(fields, tmp_path / "two" / "out", jobs=2)
    assert contents(one) == contents(two)


@pytest.mark.parametrize("after", [0, 1, 3])
def test_stopped_it_goes_on_with_the_same_result(fields, tmp_path, monkeypatch, after):
    seen, segment = [], cut.segment.segment

    def stop(image, options):
        if len(seen) == after:
            raise KeyboardInterrupt
        seen.append(image)
        return segment(image, options)

    with monkeypatch.context() as patch:
        patch.setattr(cut.segment, "segment", stop)
        with pytest.raises(KeyboardInterrupt):
            crop(fields, tmp_path / "out")
    assert not list((tmp_path / "out").glob("[!.]*"))
    again = []
    monkeypatch.setattr(cut.segment, "segment", lambda *given: again.append(given) or segment(*given))
    crop(fields, tmp_path / "out")
    assert len(again) == 4 - after
    assert contents(tmp_path / "out") == contents(crop(fields, tmp_path / "whole" / "out"))


def test_stopped_between_the_release_and_the_report_it_goes_on(fields, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(module.sheet, "write", lambda *given: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            crop(fields, tmp_path / "out")
    assert contents(crop(fields, tmp_path / "out")) == contents(crop(fields, tmp_path / "whole" / "out"))


def test_what_is_finished_is_not_done_again_and_not_mixed_with_other_options(fields, tmp_path, monkeypatch):
    out = crop(fields, tmp_path / "out")
    before = contents(out)
    monkeypatch.setattr(module, "cut", lambda *given: 1 / 0)
    crop(fields, out)
    with pytest.raises(DataError, match="one made with other options; expected an empty folder"):
        crop(fields, out, options=Options(smooth=2))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "COOS7_v1.1_training.hdf5").write_bytes(b"x")
    with pytest.raises(DataError, match="another release"):
        crop(fields, tmp_path / "other")
    assert contents(out) == before


def test_of_two_at_once_one_works_and_the_other_finds_it_done(fields, tmp_path, monkeypatch, capsys):
    segment, seen = cut.segment.segment, []
    monkeypatch.setattr(cut.segment, "segment", lambda *given: seen.append(given) or segment(*given))
    assert at_once(lambda: crop(fields, tmp_path / "out")) == [tmp_path / "out"] * 2
    assert len(seen) == 4 and "Waiting until it has finished" in capsys.readouterr().err


def test_labels_or_centres_of_your_own_stand_for_the_segmentation(fields, tmp_path):
    whole = open_release(crop(fields, tmp_path / "out"))["train"].images[:]
    (tmp_path / "centres.csv").write_text(
        "field,x,y\n" + "".join(f"f{i}_nucleus,{x},{y}\n" for i in range(4) for x, y in small_fields.INSIDE)
    )
    by_centres = open_release(crop(fields, tmp_path / "c", centres=tmp_path / "centres.csv"))["train"].images[:]
    for i in range(4):
        mask = np.zeros((small_fields.H, small_fields.W), np.uint16)
        for number, (x, y) in enumerate((*small_fields.INSIDE, *small_fields.NEAR), 5):
            mask[np.hypot(small_fields.X - x, small_fields.Y - y) < 6] = number
        Image.fromarray(mask).save(fields / f"f{i}_nucleus_cp_masks.png")
    by_labels = open_release(crop(fields, tmp_path / "l", labels="_cp_masks.png"))["train"].images[:]
    np.testing.assert_array_equal(by_centres, by_labels)
    assert len(whole) == len(by_labels) and "left out: 8" in text(tmp_path / "l")
    with pytest.raises(ValueError, match="options of segmentation beside labels"):
        crop(fields, tmp_path / "x", labels="_cp_masks.png", options=Options(smooth=2))


@pytest.mark.parametrize("given, words", [
    ({"nucleus": "2"}, "no channel '2' among 1 .*f0_nucleus.tif. in row 2"),
    ({"options": Options(smallest=200)}, "200 to 60 pixels"),
    ({"options": Options(smallest=40)}, "no cell in 4 fields"),
])  # fmt: skip
def test_options_that_do_not_fit_are_refused(fields, tmp_path, given, words):
    with pytest.raises(ValueError, match=words):
        crop(fields, tmp_path / "out", **given)
    assert not list((tmp_path / "out").glob("[!.]*"))


def test_of_several_wrong_fields_the_first_is_named_whatever_the_number_of_processes(fields, tmp_path):
    tifffile.imwrite(fields / "f1_protein.tif", np.zeros((3000, 3000), np.uint16), compression="zlib")  # takes longer
    (fields / "f2_protein.tif").write_bytes(b"")
    for jobs in (1, 2):
        with pytest.raises(DataError, match="in row 3"):
            crop(fields, tmp_path / "out", jobs)


def test_a_design_is_made_where_it_is_asked_for_and_refused_before_any_work(fields, tmp_path, monkeypatch):
    assert set(open_release(crop(fields, tmp_path / "out", split=True))) == {"train", "test1"}
    table = fields / "fields.csv"
    table.write_text(
        table.read_text().replace("dose", "microscope").replace("A02,7", "A02,8").replace("A04,7", "A04,8")
    )
    monkeypatch.setattr(module, "cut", lambda *given: 1 / 0)
    with pytest.raises(ValueError, match="no microscope with all classes"):
        crop(fields, tmp_path / "other", split=True)
    assert not (tmp_path / "other").exists()


def test_channels_of_one_image_have_to_be_told_apart(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", small_fields.counts(), photometric="minisblack")
    (tmp_path / "t.csv").write_text("image,class,plate,well\na.tif,er,1,A1\n")
    for told in ({}, {"protein": "1"}):
        with pytest.raises(DataError, match="one file of both channels; expected to know protein and nucleus"):
            crop(tmp_path, tmp_path / "out", **told)
    with pytest.raises(DataError, match="channel 1 as protein and as nucleus .*a.tif. in row 2"):
        crop(tmp_path, tmp_path / "out", protein="1", nucleus="1")
    assert len(open_release(crop(tmp_path, tmp_path / "out", protein="1", nucleus="2"))["train"]) == 3


def test_real_fields_have_as_many_nuclei_as_one_counts_by_eye(tmp_path):
    if not (real := shared("fields")).is_dir():
        pytest.skip(
            "no real fields here: they are not part of the project (COOS_SHARED can name their folder's parent)"
        )
    rows = real.joinpath("fields.csv").read_text().splitlines()
    chosen = [rows[0], *(row for row in rows if row.startswith(("A03", "D11")))]
    (tmp_path / "t.csv").write_text(
        "\n".join(re.sub(r"(\w+\.png)", lambda name: os.path.join(real, name[0]), row) for row in chosen)
    )
    said = text(crop(tmp_path / "t.csv", tmp_path / "out"))
    assert "Warning" not in said and "8-bit images: 2 fields" in said
    cells, left = (int(re.search(pattern, said)[1]) for pattern in (r"(\d+) cells", r"left out: (\d+)"))
    assert 400 < cells + left < 440  # by eye about 230 and 185


def test_real_crops_pasted_to_a_field_come_back_as_they_were(real_cells, tmp_path):
    with h5py.File(real_cells / "COOS_yeast5_test1.hdf5") as file:
        cells = file["data"][:64]
    field = cells.reshape(8, 8, 2, 64, 64).transpose(2, 0, 3, 1, 4).reshape(2, 512, 512)
    labels = {"axes": "CYX", "Labels": ["GFP", "RFP"]}
    tifffile.imwrite(tmp_path / "a.tif", field, imagej=True, metadata=labels)
    (tmp_path / "t.csv").write_text("image,class,plate,well\na.tif,er,1,A1\n")
    middles = [f"a,{64 * (i % 8) + 31.5},{64 * (i // 8) + 31.5}" for i in range(64)]
    (tmp_path / "c.txt").write_text("\n".join(["field,x,y", *middles]))
    out = crop(tmp_path, tmp_path / "out", protein="gfp", nucleus="RFP", centres=tmp_path / "c.txt")
    np.testing.assert_array_equal(open_release(out)["train"].images[:], cells)
