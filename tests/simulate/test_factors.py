"""What must hold of the causes: each split is displaced as the table says, and a shift of 0 leads back home."""

import numpy as np
import pytest

from coos_helpers.simulate.factors import FACTORS, INDEX, NAMES, shift_sizes, well_effects
from coos_helpers.simulate.layout import SPLITS, layout


def test_displacements_act_only_where_they_are_meant_to():
    well = layout()["training"][0]
    home = well_effects(0, well, shift_sizes(None))
    for kind, changed in (
        ("border", well._replace(border=True)),
        ("later", well._replace(split=SPLITS.index("test3"))),
        ("abroad", well._replace(split=SPLITS.index("test4"))),
    ):
        moved = well_effects(0, changed, shift_sizes(None)) - home
        assert moved == pytest.approx([getattr(factor, kind) for factor in FACTORS])


def test_a_shift_of_0_leaves_nothing_but_a_training_day_and_moves_no_training_well():
    nothing, usual, twice = (shift_sizes(dict.fromkeys(NAMES, size)) for size in (0, 1, 2))
    wells = layout()
    for split in ("test2", "test3", "test4"):
        for well in wells[split][:40:5]:
            assert (well.home, well.label) in {(w.plate, w.label) for w in wells["training"]}
            at_home = well._replace(split=SPLITS.index("training"), border=False)
            assert well_effects(0, well, nothing) == pytest.approx(well_effects(0, at_home, nothing))
            steps = [well_effects(0, well, sizes) for sizes in (nothing, usual, twice)]
            assert steps[2] - steps[1] == pytest.approx(steps[1] - steps[0])
    well = wells["training"][3]
    assert well_effects(0, well, nothing) == pytest.approx(well_effects(0, well, twice))


def test_a_shift_in_one_factor_leaves_the_others_and_a_number_means_all():
    well = layout()["test4"][0]
    moved = well_effects(0, well, shift_sizes({"focus": 3})) - well_effects(0, well, shift_sizes(None))
    assert [name for name in NAMES if moved[INDEX[name]] != 0] == ["focus"]
    assert np.array_equal(shift_sizes(0), shift_sizes(dict.fromkeys(NAMES, 0)))
    assert np.array_equal(shift_sizes(1.0), shift_sizes(None))


@pytest.mark.parametrize("size", [float("inf"), -float("inf"), 17, -5, 1e300, True, [1]])
def test_a_size_that_no_shift_has_is_refused_with_those_that_it_may_have(size):
    for shift in (size, {"focus": size}):
        with pytest.raises(ValueError, match="shift of .*: found .*; expected a number from -2 to 16"):
            shift_sizes(shift)


@pytest.mark.parametrize("shift", [{"fokus": 1}, {"focus": "2"}, {"focus": float("nan")}, {"focus": None}, "focus"])
def test_a_shift_that_cannot_be_used_is_named(shift):
    with pytest.raises(ValueError, match=r"shift (names|of) "):
        shift_sizes(shift)
