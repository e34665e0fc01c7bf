"""What must hold of one field: its crops lie where the nuclei are, to the pixel, and what is odd is named."""

import numpy as np
import pytest
import small_fields
from scipy import ndimage

from coos_helpers.bring.cut import cut, take, warnings_of
from coos_helpers.bring.fields import read_fields
from coos_helpers.bring.segment import Options, segment
from coos_helpers.data import DataError

ASKED = {"options": Options(), "protein": None, "nucleus": None}


def test_a_crop_holds_the_counts_around_its_nucleus():
    counts = small_fields.counts()
    crops, kept = take(counts, np.array([(60, 45), (60.4, 45.4), (59.6, 44.6), (137.4, 117.4)]))
    assert kept.all() and crops.dtype == np.uint16
    np.testing.assert_array_equal(crops[0], counts[:, 14:78, 29:93])  # pixel 31 of 64, or 32, is the middle
    for crop in crops:
        np.testing.assert_array_equal(np.diff(crop[0].astype(int)), 1)


@pytest.mark.parametrize("x, y, kept", [
    (31, 31, True), (30.9, 31, False), (31, 30.9, False),
    (138, 60, False), (137.9, 60, True), (60, 118, False), (60, 117.9, True), (-5, 60, False), (60, 9e4, False),
])  # fmt: skip
def test_a_crop_that_would_leave_the_field_is_none(x, y, kept):
    crops, there = take(small_fields.counts(), np.array([(x, y)]))
    assert there.tolist() == [kept] and len(crops) == kept


def test_no_centres_no_crops():
    crops, kept = take(small_fields.counts(), np.empty((0, 2)))
    assert crops.shape == (0, 2, 64, 64) and kept.shape == (0,)


def said(counts):
    labels = segment(counts[1])
    return "; ".join(warnings_of(counts, labels, int(labels.max()), int(labels.max())))


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_saturation_is_a_pile_of_pixels_at_the_largest_value(bits):
    top = 2**bits - 1
    counts = small_fields.counts()
    assert said(counts) == ""
    light = np.minimum(counts[1] * (top / 450), top).astype(np.uint8 if bits == 8 else np.uint16)
    found = said(np.stack([counts[0].astype(light.dtype), light]))
    assert "saturated nucleus image" in found and f"% of pixels at {top}" in found
    dim = np.random.default_rng(0).poisson(1, counts.shape).astype(np.uint16)  # a handful of values, and none too large
    assert "saturated" not in said(dim)


@pytest.mark.parametrize("change, words", [
    (lambda c: np.stack([c[0], np.random.default_rng(0).poisson(100, c[1].shape)]), "no nucleus: empty, blurred"),
    (lambda c: np.stack([c[0], np.full_like(c[1], 7)]), "constant nucleus image"),
    (lambda c: np.stack([np.zeros_like(c[0]), c[1]]), "constant protein image"),
    (lambda c: np.stack([c[0], ndimage.gaussian_filter(c[1], 8)]), "blurred"),
    (lambda c: np.stack([c[0], ndimage.gaussian_filter(c[1], 60)]), "no nucleus: empty, blurred"),
])  # fmt: skip
def test_a_field_that_shows_nothing_is_named(change, words):
    assert words in said(change(small_fields.counts()).astype(np.uint16))


def test_a_field_whose_nuclei_all_lie_at_the_edge_is_named():
    counts = small_fields.counts(nuclei=small_fields.NEAR)
    assert warnings_of(counts, segment(counts[1]), 2, 0) == ["no nucleus but too near the edge"]


def test_what_was_done_is_found_again_and_what_has_changed_is_done_again(tmp_path, monkeypatch):
    table, fields = read_fields(small_fields.write(tmp_path / "fields"))
    one = cut(table, fields[0], ASKED, "code", tmp_path)
    np.testing.assert_allclose(one.centres, small_fields.INSIDE, atol=0.5)
    assert (one.left_out, one.shape, one.bits, one.warnings) == (2, (150, 170), 16, [])
    again = cut(table, fields[0], ASKED, "code", tmp_path)
    assert again.path == one.path and len(list(tmp_path.glob("*.npz"))) == 1
    others = [cut(table, fields[0], ASKED | {"options": Options(smooth=2)}, "code", tmp_path)]
    others.append(cut(table, fields[0], ASKED, "other code", tmp_path))
    (tmp_path / "fields" / "f0_protein.tif").write_bytes((tmp_path / "fields" / "f1_protein.tif").read_bytes())
    others.append(cut(table, fields[0], ASKED, "code", tmp_path))
    assert len({one.path, *(other.path for other in others)}) == 4


@pytest.mark.parametrize("content, words", [(b"", "an empty file"), (b"II*\0 but no more", "cannot be read")])
def test_an_image_that_cannot_be_read_is_named_with_its_row(tmp_path, content, words):
    table, fields = read_fields(small_fields.write(tmp_path))
    (tmp_path / "f2_protein.tif").write_bytes(content)
    with pytest.raises(DataError, match=f"(?s)fields.csv: found .*{words}.*f2_protein.tif.* in row 4"):
        cut(table, fields[2], ASKED, "code", tmp_path)


def test_a_centre_outside_its_field_is_in_another_unit(tmp_path):
    (tmp_path / "c.csv").write_text("field,x,y\nf1_nucleus,60,45\nf1_nucleus,600,45\n")
    table, fields = read_fields(small_fields.write(tmp_path) / "fields.csv", centres=tmp_path / "c.csv")
    words = "c.csv: found a centre at x 600, y 45 in row 3; expected a place in the field f1_nucleus, .* 170 x 150"
    with pytest.raises(DataError, match=words):
        cut(table, fields[1], ASKED, "code", tmp_path)
