"""What must hold of the simulated plates: Table 2's counts, no well in two groups, classes side by side."""

import re

import numpy as np
import pytest

from coos_helpers.simulate.layout import COUNTS, SPLITS, layout, minimum_scale


@pytest.mark.parametrize("seed", [0, 7])
def test_full_scale_has_table_2s_counts_and_classes_differ_but_little(seed):
    wells = layout(1.0, seed)
    assert {split: sum(well.cells for well in wells[split]) for split in SPLITS} == COUNTS
    assert sum(COUNTS.values()) == 132209
    cells = np.bincount([w.label for w in wells["training"]], [w.cells for w in wells["training"]])
    assert len(set(cells)) > 1 and cells.max() < 1.4 * cells.min()


def test_every_class_has_7_plates_and_56_wells_and_8_wells_a_plate():
    wells = layout()
    for label in range(7):
        seats = {(w.plate, w.position) for split in SPLITS for w in wells[split] if w.label == label}
        plates = [plate for plate, _ in seats]
        assert len(seats) == 56
        assert len(set(plates)) == 7
        assert all(plates.count(plate) == 8 for plate in set(plates))
        home = {w.plate for w in wells["training"] if w.label == label}
        assert len(home) == 4
        assert home == {w.plate for w in wells["test2"] if w.label == label}
        assert len({w.plate for w in wells["test3"] if w.label == label} - home) == 2
        assert len({w.plate for w in wells["test4"] if w.label == label} - home) == 1


@pytest.mark.parametrize("split", ["training", "test2", "test3", "test4"])
def test_the_day_tells_something_of_the_class_and_not_much(split):
    """Who knows each cell's plate and names one of the classes there is right in one class of 3.5."""
    there = {(w.plate, w.label) for w in layout()[split]}
    plates = {plate for plate, _ in there}
    assert len(plates) / len(there) == pytest.approx(0.286, abs=5e-4)


def test_no_well_is_in_two_groups_and_none_holds_two_classes():
    wells = layout()
    groups = [wells["training"] + wells["test1"], wells["test2"], wells["test3"], wells["test4"]]
    seats = [{(w.plate, w.position) for w in group} for group in groups]
    assert sum(map(len, seats)) == len(set.union(*seats)) == 7 * 56
    assert len({(w.plate, w.position, w.label) for group in groups for w in group}) == 7 * 56
    assert {(w.plate, w.position) for w in wells["training"]} == {(w.plate, w.position) for w in wells["test1"]}


def test_test2_stands_at_the_border_and_the_rest_inside():
    for split, group in layout().items():
        for well in group:
            row, column = well.name[0], int(well.name[1:])
            border = row in "AP" or column in (1, 24)
            assert border == well.border == (split == "test2")
            assert "A" <= row <= "P" and 1 <= column <= 24


def test_a_smaller_scale_keeps_wells_and_plates_and_rounds_counts():
    small, full = layout(0.1), layout()
    for split in SPLITS:
        assert [well[:5] for well in small[split]] == [well[:5] for well in full[split]]
        assert sum(well.cells for well in small[split]) == round(0.1 * COUNTS[split])


@pytest.mark.parametrize("scale", [0.00405, 0, -1, 100.1, 1e9, float("nan"), float("inf"), "0.1", None, True])
def test_the_scales_that_a_message_names_can_be_used(scale):
    with pytest.raises(ValueError, match="scale: found .*; expected a number from") as error:
        layout(scale)
    least, most = re.findall(r"from (\S+) to (\S+)\.$", str(error.value))[0]
    assert layout(float(least)) and layout(float(most))
    assert float(least) == pytest.approx(24 * 7 / COUNTS["training"], rel=0.01)


@pytest.mark.parametrize("seed", [2**63, 99999999999999999999999, -1, 0.5, "0", None, True])
def test_a_seed_that_no_file_can_hold_is_refused(seed):
    with pytest.raises(ValueError, match=f"seed: found .*; expected a whole number from 0 to {2**63 - 1}"):
        layout(1.0, seed)


def test_the_smallest_scale_leaves_no_class_without_cells():
    wells = layout(minimum_scale())
    assert min(w.cells for w in wells["training"]) >= 1
    for split in SPLITS:
        assert {w.label for w in wells[split] if w.cells} == set(range(7))
