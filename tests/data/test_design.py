"""What must hold of the paper's design: each cell where section 2.2's rules put it, and said what could not be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coos_helpers.data import design
from coos_helpers.data.composition import Confounded, Count, Lack, describe
from coos_helpers.data.design import as_date

WELLS = [f"{row}{column:02}" for row in "ABCDEFGH" for column in range(1, 13)]
BORDER = {well for well in WELLS if well[0] in "AH" or well[1:] in ("01", "12")}


def plates(*known, each=2):
    """Make cells, `each` in every well of 96: a plate for each (class, plate, date, microscope)."""
    rows = [(*one, well) for one in known for well in WELLS for _ in range(each)]
    names = ("class", "plate", "date", "microscope", "well")
    return dict(zip(names, map(np.array, zip(*rows, strict=True)), strict=True))


def six(name, days=range(1, 7)):
    """Make six plates of a class, of which the last is of another microscope."""
    return [(name, f"{name}{n}", f"2024-{n:02}-03", "B" if n == 6 else "A") for n in days]


CELLS = plates(*six("ER"), *six("Golgi"))


def test_each_rule_takes_what_the_paper_says():
    made = design(CELLS)
    number, border = np.char.str_len(CELLS["plate"]), np.isin(CELLS["well"], list(BORDER))
    number = np.array([int(name[-1]) for name in CELLS["plate"]])
    assert made.wells == 96 and made.lacks == [] and made.shared == {}
    np.testing.assert_array_equal(made.split == "test4", number == 6)
    np.testing.assert_array_equal(made.split == "test3", (number == 4) | (number == 5))
    np.testing.assert_array_equal(made.split == "test2", (number < 4) & border)
    inside = (number < 4) & ~border
    assert set(made.split[inside]) == {"train", "test1"}
    for name in ("ER", "Golgi"):
        mine = inside & (CELLS["class"] == name)
        assert (made.split[mine] == "test1").sum() == round(mine.sum() / 5)
    wells = {(p, w) for p, w, s in zip(CELLS["plate"], CELLS["well"], made.split, strict=True) if s == "train"}
    assert made.counts[0] == Count("train", "ER", 3, len({well for well in wells if well[0][:2] == "ER"}), 288)
    assert sum(count.cells for count in made.counts) == len(made.split)


def test_the_same_cells_are_split_in_the_same_way_each_time():
    np.testing.assert_array_equal(design(CELLS).split, design({k: v.tolist() for k, v in CELLS.items()}).split)


@pytest.mark.parametrize("gone, lacking, why", [
    (["microscope"], "test4", "no microscope is known"),
    (["date"], "test3", "no dates are known"),
    (["well"], "test2", "no wells are known"),
    (["date", "microscope", "well", "plate"], "test4", "no microscope is known"),
])  # fmt: skip
def test_what_is_not_known_leaves_its_rule_out_and_that_is_said(gone, lacking, why):
    made = design({name: values for name, values in CELLS.items() if name not in gone})
    assert lacking not in made.split and {"train", "test1"} <= set(made.split)
    assert Lack(lacking, "", why) in made.lacks and f"Note: no {lacking}: {why}." in made.text()


@pytest.mark.parametrize("change, lack", [
    ({"microscope": "A"}, Lack("test4", "", "all cells are of one microscope")),
    ({"well": "D05"},
     Lack("test2", "", "the wells' names do not tell whether a plate has 96 or 384 wells, but --wells can")),
])  # fmt: skip
def test_a_rule_that_has_nothing_to_take_says_so(change, lack):
    cells = CELLS | {name: np.full(len(CELLS["class"]), value) for name, value in change.items()}
    assert lack in design(cells).lacks


def test_the_size_of_plates_can_be_said_where_names_do_not_tell_it():
    cells = CELLS | {"well": np.where(CELLS["well"] == "A01", "A01", "D05")}
    assert "test2" not in design(cells).split
    made = design(cells, wells=384)
    np.testing.assert_array_equal(
        made.split == "test2", (cells["well"] == "A01") & ~np.isin(made.split, ["test3", "test4"])
    )
    with pytest.raises(ValueError, match="found plates of 100 wells; expected 96 or 384"):
        design(cells, wells=100)


def test_training_keeps_a_day_of_each_class():
    cells = plates(*six("ER", [1]), *six("Golgi", [1, 2]), *six("IMM", [1, 2, 3, 4]))
    made = design(cells)
    late = {
        name: set(cells["date"][(made.split == "test3") & (cells["class"] == name)]) for name in ("ER", "Golgi", "IMM")
    }
    assert late == {"ER": set(), "Golgi": {"2024-02-03"}, "IMM": {"2024-03-03", "2024-04-03"}}
    assert [lack for lack in made.lacks if lack.split == "test3"] == [Lack("test3", "ER", "training needs its one day")]


def test_the_microscope_of_most_plates_trains_if_it_has_all_classes():
    many = [("ER", f"B{n}", "2024-01-01", "B") for n in range(9)]
    cells = plates(*six("ER", [1, 2, 3]), *six("Golgi", [1, 2, 3]), *many)
    made = design(cells)
    np.testing.assert_array_equal(made.split == "test4", cells["microscope"] == "B")


@pytest.mark.parametrize("cells, words", [
    (plates(("ER", "1", "2024-01-01", "A"), ("Golgi", "2", "2024-01-01", "B")),
     "no microscope with all classes .A has ER; B has Golgi"),
    ({"class": ["ER", "ER", "Golgi", "Golgi"], "well": ["D05", "D06", "H12", "H12"]},
     "no cell of Golgi left to train with, once test2"),
    ({"class": ["ER", "ER", "Golgi"]}, "no cell of Golgi left to train with, once test1"),
    ({"class": ["ER", "ER"], "date": ["2024-01-01", "1.2.2024"]},
     "date '1.2.2024' of cell 1; expected one such as 2024-03-31"),
    ({"class": ["ER", "ER"], "date": ["45321", "2024-01-01"]}, "date '45321' of cell 0"),
])  # fmt: skip
def test_a_class_left_out_of_training_or_a_date_that_is_none_is_refused(cells, words):
    with pytest.raises(ValueError, match=words):
        design(cells)


def test_what_goes_along_with_class_is_found():
    cells = plates(*six("ER", [1, 2]), ("Golgi", "G", "2024-01-03", "A"), ("IMM", "G", "2024-05-03", "C"))
    found = describe(cells | {"split": np.full(len(cells["class"]), "train")}).confounded
    assert Confounded("microscope", "C", "class", ("IMM",)) in found
    assert Confounded("date", "2024-05-03", "class", ("IMM",)) in found
    assert Confounded("plate", "ER1", "class", ("ER",)) in found
    assert (
        Confounded("class", "Golgi", "plate", ("G",)) in found
        and Confounded("class", "ER", "microscope", ("A",)) in found
    )
    assert not [one for one in found if one.what == "plate" and one.name == "G"]
    text = describe(cells | {"split": np.full(len(cells["class"]), "train")}).text()
    assert "Note: in training the class Golgi has one plate only, G." in text
    assert "Note: the microscope C has no other class than IMM." in text


def test_what_is_confounded_in_training_is_not_hidden_by_a_test_set_and_what_only_tests_have_confounds_nothing():
    cells = plates(("ER", "1", "2024-01-01", "A"), ("Golgi", "2", "2024-01-01", "A"), ("ER", "3", "2024-05-01", "B"),
                   ("Golgi", "3", "2024-05-01", "B"))  # fmt: skip
    found = describe(cells | {"split": np.where(cells["microscope"] == "B", "test4", "train")}).confounded
    classes = [one for one in found if one.what == "class"]
    assert classes == [Confounded("class", "ER", "plate", ("1",)), Confounded("class", "Golgi", "plate", ("2",))]


def test_a_single_plate_is_said_once():
    found = describe({"class": ["a", "b"], "plate": ["P", "P"], "split": ["train", "train"]})
    assert found.notes() == ["all cells are of one plate, P: of another nothing can be known"]


def test_a_plate_that_trains_one_class_and_tests_another_is_named():
    cells = plates(
        *[(name, f"P{n}", f"2024-{n:02}-01", "A") for name, last in (("ER", 4), ("IMM", 5)) for n in range(1, last)]
    )
    made = design(cells)
    assert made.shared == {"test3": ("P2",)} and "test3 shares with train the plates P2" in made.text()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_cells_are_split_whole_or_refused(data):
    n = data.draw(st.integers(2, 40))
    pick = {"class": "ab", "plate": "pq", "microscope": "XY"}
    cells = {name: data.draw(st.lists(st.sampled_from(of), min_size=n, max_size=n)) for name, of in pick.items()}
    cells["date"] = data.draw(
        st.lists(st.sampled_from(["2024-01-01", "2024-01-02", "2024-02-01"]), min_size=n, max_size=n)
    )
    cells["well"] = data.draw(st.lists(st.sampled_from(["A1", "C5", "P24"]), min_size=n, max_size=n))
    try:
        made = design(cells)
    except ValueError as error:
        assert "expected" in str(error)
        return
    split, classes = made.split, np.array(cells["class"])
    assert set(classes[split == "train"]) == set(classes) and set(split) <= {
        "train",
        "test1",
        "test2",
        "test3",
        "test4",
    }
    trains = np.isin(split, ["train", "test1"])
    assert len(set(np.array(cells["microscope"])[trains])) == 1
    if made.wells:
        assert not np.isin(np.array(cells["well"])[trains], ["A1", "P24"]).any()
    assert sum(count.cells for count in made.counts) == n


@pytest.mark.parametrize("text, day", [
    ("2024-03-31", "2024-03-31"), ("2024-03-31T12:00", "2024-03-31"), ("2024-03-31 12:00:01", "2024-03-31"),
    ("20240331", "2024-03-31"), ("31.03.2024", None), ("03/31/2024", None),
    ("2024-02-30", None), ("", None), ("45382", None),
])  # fmt: skip
def test_dates_are_those_of_iso_8601(text, day):
    assert (as_date(text) and str(as_date(text))) == day
