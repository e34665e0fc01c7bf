"""What must hold of a cell under another microscope: the same scene and noise, and only technical causes changed."""

import numpy as np
import pytest

from coos_helpers.simulate import FACTORS, draw, microscope, reimage, specimens


@pytest.fixture(scope="module")
def cell():
    return specimens("train", 1)[0]


def test_a_reimaged_specimen_is_the_cell_that_is_drawn():
    cells, drawn = specimens("test2", 7, 3), draw("test2", 7, 3)
    assert all(np.array_equal(reimage(cell), image) for cell, image in zip(cells, drawn.images, strict=True))
    assert [cell.label for cell in cells] == drawn.labels.tolist()
    assert [cell.values["focus"] for cell in cells] == drawn.truth["focus"].tolist()


def test_reimaging_changes_the_picture_and_not_the_scene(cell):
    before = cell.scene.protein.copy()
    near, far = reimage(cell), reimage(cell, {"focus": 2.0, "exposure": 0.5})
    assert np.array_equal(cell.scene.protein, before)
    assert far.std() < near.std()
    assert np.array_equal(reimage(cell), near)


def test_gain_and_offset_of_a_camera_change_counts_and_no_electron(cell):
    one = {"gain": 1.0, "offset": 0.0, "read_noise": 0.0}
    electrons, brighter = reimage(cell, one), reimage(cell, one | {"gain": 3.0, "offset": 100.0})
    assert np.array_equal(brighter, 3 * electrons + 100)


def test_more_light_is_never_fewer_electrons_and_more_counts_in_all(cell):
    dim, bright = (reimage(cell, {"read_noise": 0.0, "exposure": exposure}) for exposure in (1.0, 2.0))
    assert (bright >= dim).all() and bright.sum() > dim.sum()


def test_a_microscope_has_the_technical_factors_and_its_splits_displacement():
    home, abroad = microscope("train"), microscope("test4")
    assert set(home) == {f.name for f in FACTORS if f.kind == "technical"}
    for factor in FACTORS:
        if factor.kind == "technical":
            centre = factor.centre
            moved = centre * np.exp(factor.abroad) if factor.scale == "log" else centre + factor.abroad
            assert home[factor.name] == centre and abroad[factor.name] == pytest.approx(moved)
    assert microscope("test4", shift=0) == home


def test_a_biological_factor_is_no_part_of_a_microscope(cell):
    with pytest.raises(ValueError, match="'mesh' in microscope"):
        reimage(cell, {"mesh": 2.0})
    with pytest.raises(ValueError, match="split 'test9'"):
        microscope("test9")


@pytest.mark.parametrize(
    "name, value",
    [
        ("pixel", 323.0),
        ("pixel", 0.0),
        ("chromatic_x", 60.0),
        ("focus", float("inf")),
        ("focus", -1e30),
        ("psf", -1.0),
        ("psf", 1e4),
    ]
    + [("gain", float("nan")), ("gain", "2"), ("gain", None), ("exposure", 1e30), ("hot", True)],
)
def test_a_value_that_a_microscope_cannot_have_is_named_and_reaches_into_no_other_memory(cell, name, value):
    with pytest.raises(ValueError, match=f"{name}: found .*; expected a number from"):
        reimage(cell, {name: value})


@pytest.mark.parametrize("split", ["test3", "test4"])
@pytest.mark.parametrize("shift", [-2, 16])
def test_every_microscope_that_a_shift_gives_can_take_a_picture(cell, split, shift):
    assert reimage(cell, microscope(split, shift)).shape == (2, 64, 64)


def test_what_is_no_specimen_is_refused(cell):
    for arguments in ((None,), (cell.scene.protein,), (cell, "test4"), (cell, [2.0])):
        with pytest.raises(ValueError, match="found .*; expected one of `specimens`"):
            reimage(*arguments)
