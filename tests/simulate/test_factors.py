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


def test_displacement_and_days_have_a_size_each_and_both_at_0_leave_a_training_day():
    nothing, usual, twice = (shift_sizes(dict.fromkeys(NAMES, size)) for size in (0, 1, 2))
    wells = layout()
    for split in ("test2", "test3", "test4"):
        for well in wells[split][:40:5]:
            assert (well.home, well.label) in {(w.plate, w.label) for w in wells["training"]}
            same_day = well._replace(split=SPLITS.index("training"), border=False)
            assert well_effects(0, well, nothing) == pytest.approx(well_effects(0, same_day, usual))
            kind = {"test2": "border", "test3": "later", "test4": "abroad"}[split]
            displaced = [getattr(factor, kind) for factor in FACTORS]
            for days in (0, 0.5, 1):
                steps = [well_effects(0, well, sizes, days) for sizes in (nothing, usual, twice)]
                for step in np.diff(steps, axis=0):
                    assert step == pytest.approx(displaced)
            home, between, own = (well_effects(0, well, nothing, days) for days in (0, 0.5, 1))
            assert between == pytest.approx((home + own) / 2)
            assert np.array_equal(home, own) == (well.home == well.plate)


def test_days_of_0_lead_to_the_day_of_those_who_stand_on_the_home_plate():
    well, nothing = layout()["test3"][0], shift_sizes(0)

    def way(plate, home):  # from the home plate's day to the plate's own
        moved = well._replace(plate=plate, home=home)
        return well_effects(0, moved, nothing, 1.0) - well_effects(0, moved, nothing, 0.0)

    assert way(8, 0) - way(8, 1) == pytest.approx(way(1, 0)) and np.abs(way(1, 0)).max() > 0


def test_no_size_moves_a_training_well():
    nothing, twice, wells = shift_sizes(0), shift_sizes(2), layout()
    well = wells["training"][3]
    assert np.array_equal(well_effects(0, well, nothing, 0.0), well_effects(0, well, twice, 1.0))


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
