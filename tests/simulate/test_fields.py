"""What must hold of simulated fields: the truth is where the light is, and the same seed draws the same field."""

import csv

import numpy as np
import pytest
from scipy import ndimage

from coos_helpers.bring.images import read_image
from coos_helpers.simulate import fields as module
from coos_helpers.simulate import sample
from coos_helpers.simulate.fields import draw_fields, write_fields

PIXELS = 260


@pytest.fixture(scope="module")
def drawn():
    return list(draw_fields("train", 3, seed=1, pixels=PIXELS))


def test_a_seed_draws_one_field_and_another_seed_another(drawn):
    again, other = (next(draw_fields("train", 3, seed=seed, pixels=PIXELS)) for seed in (1, 2))
    np.testing.assert_array_equal(again.counts, drawn[0].counts)
    np.testing.assert_array_equal(again.centres, drawn[0].centres)
    assert not np.array_equal(other.counts, drawn[0].counts)
    assert drawn[0].counts.shape == (2, PIXELS, PIXELS) and drawn[0].counts.dtype == np.uint16


def test_the_truth_is_where_the_nuclei_are(drawn):
    """The dye's centroid around each true centre lies there, to the chromatin's own unevenness."""
    y, x = np.mgrid[:PIXELS, :PIXELS]
    for field in drawn:
        light = field.counts[1] - np.median(field.counts[1])
        away = []
        for centre, radius in zip(field.centres, field.radii, strict=True):
            if (centre > 30).all() and (centre < PIXELS - 30).all():
                weight = np.where(np.hypot(x - centre[0], y - centre[1]) < 1.25 * radius, light, 0)
                away.append(np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum() - centre)
        assert len(away) > 3 and np.abs(away).max() < 2.5
        assert np.abs(np.mean(away, 0)).max() < 1  # no shift of all, as by half a pixel and more


def test_there_is_no_nucleus_beside_the_truth(drawn):
    for field in drawn:
        light = ndimage.gaussian_filter(field.counts[1].astype(float), 2)
        bright = np.argwhere(light > np.median(light) + 0.5 * (light.max() - np.median(light)))[:, ::-1]
        apart = np.linalg.norm(bright[:, None] - field.centres, axis=2) - 1.4 * field.radii
        inside = (bright > 25).all(1) & (bright < PIXELS - 25).all(1)
        assert (apart[inside].min(1) < 0).all()


def test_a_cell_looks_as_it_does_in_a_crop_and_tiles_leave_no_seam(drawn):
    """Rows and columns at which a tile begins differ from their neighbours by no more than others do."""
    background = np.mean([np.median(field.counts[1]) for field in drawn])
    crops = sample.draw("train", 3, seed=1).images[:, 1]
    assert background == pytest.approx(np.percentile(crops, 10), rel=0.3)
    for axis in (1, 2):
        steps = np.abs(np.diff(np.mean([field.counts for field in drawn], (0, axis)), axis=-1))
        seams = steps[:, module.TILE - 1 :: module.TILE]
        assert (seams.mean(1) < 2 * np.median(steps, 1) + 3 * steps.std(1)).all()


def test_fields_are_written_with_a_table_and_the_truth_apart(tmp_path):
    for folder in ("one", "two"):
        write_fields(tmp_path / folder, 2, seed=3, pixels=96, progress=False)
    one, two = (
        {p.relative_to(f): p.read_bytes() for p in sorted(f.rglob("*.*"))} for f in (tmp_path / "one", tmp_path / "two")
    )
    assert one == two and len(one) == 4
    with open(tmp_path / "one" / "fields.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    field = next(draw_fields("train", 2, seed=3, pixels=96))
    assert rows[0]["class"] and rows[0]["well"] == field.well.name and rows[0]["plate"] == field.well.plate_name
    counts, names = read_image(tmp_path / "one" / rows[0]["image"])
    np.testing.assert_array_equal(counts, field.counts)
    assert names == ("protein", "nucleus")
    with open(tmp_path / "one" / "truth" / "centres.csv", newline="") as file:
        truth = [row for row in csv.DictReader(file) if row["field"] == "field-001"]
    np.testing.assert_allclose([(float(row["x"]), float(row["y"])) for row in truth], field.centres, atol=1e-3)


@pytest.mark.parametrize("given, words", [
    (("train", 2, 0, 63), "pixels: found 63"), (("train", 0, 0, 64), "cells: found 0"),
    (("train", 2, -1, 64), "seed: found -1"), (("test9", 2, 0, 64), "'test9'"),
])  # fmt: skip
def test_an_argument_that_cannot_be_used_is_refused(given, words):
    with pytest.raises(ValueError, match=words):
        draw_fields(*given)
