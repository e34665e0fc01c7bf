"""What must hold of wells: one place has one name, and what is not sure is not guessed."""

import pytest

from coos_helpers.data.places import FORMATS, at_border, plate_format, well_name, well_place


def letters(row):
    return "ABCDEFGHIJKLMNOP"[row]


@pytest.mark.parametrize("wells", FORMATS)
def test_four_ways_to_name_every_well_of_a_plate_are_one(wells):
    rows, columns = FORMATS[wells]
    places = [(row, column) for row in range(rows) for column in range(columns)]
    forms = {
        "A1": [f"{letters(r)}{c + 1}" for r, c in places],
        "a01": [f"{letters(r)}{c + 1:02}".lower() for r, c in places],
        "r01c01": [f"r{r + 1:02}c{c + 1:02}" for r, c in places],
        "1": [str(number) for number in range(1, wells + 1)],
    }
    for names in forms.values():
        assert plate_format(names) == wells
        assert [well_place(name, wells) for name in names] == places
        assert [well_name(name, wells) for name in names] == [name.upper() for name in forms["a01"]]
    border = [at_border(name, wells) for name in forms["A1"]]
    assert sum(border) == 2 * (rows + columns) - 4
    assert border == [r in (0, rows - 1) or c in (0, columns - 1) for r, c in places]


@pytest.mark.parametrize(
    "name", ["", "A", "A0", "A00", "AAC1-1", "AG1", "A49", "r0c1", "r33c1", "r1c49", "0", "1", "-1", "1.5", "é1", "²"]
)
def test_a_name_that_tells_no_place_is_kept(name):
    assert well_place(name) is None and well_name(name) == name


@pytest.mark.parametrize("names, wells", [
    ([], None),
    (["A1", "B6"], None),  # is on a plate of 96 and of 384
    (["H1", "G12"], 96),  # reaches the last row and column
    (["H1", "G11"], None),
    (["B13"], 384),
    (["I1"], 384),
    (["Q1"], None),
    (["A25"], None),
    (["1", "95"], None),
    (["1", "96"], 96),
    (["97"], 384),
    (["385"], None),
    (["2000"], None),
    (["field 1", "x"], None),
])  # fmt: skip
def test_how_many_wells_a_plate_has_is_told_only_where_it_is_sure(names, wells):
    assert plate_format(names) == wells


@pytest.mark.parametrize("names, wells, words", [
    (["A1", "P24", "I1"], 96, "the well 'P24'; expected A01 to H12 of 96 wells"),
    (["r1c13"], 96, "'r1c13'"), (["97"], 96, "'97'"), (["Q1"], 384, "'Q1'; expected A01 to P24"), (["0"], 384, "'0'"),
])  # fmt: skip
def test_a_well_off_its_plate_is_refused(names, wells, words):
    with pytest.raises(ValueError, match=words):
        plate_format(["B2", "no place", *names], wells)


def test_plates_of_two_kinds_are_refused_unless_one_is_said():
    small, large = ["A1", "H12", "A1"], ["A1", "P24", "B2"]
    assert plate_format([*small[:1], *large], None, ["s", *"lll"]) == 384  # the first may be of either
    with pytest.raises(ValueError, match="of 96 wells .such as 's'. and of 384 wells .such as 'l'.; expected one kind"):
        plate_format([*small, *large], None, [*"ssslll"])
    assert plate_format([*small, *large], 384, [*"ssslll"]) == 384


def test_a_number_says_nothing_on_a_plate_of_unknown_size_and_no_plate_has_a_well_outside():
    assert well_place("7") is None and well_place("97", 96) is None and well_place("A13", 96) is None
    assert not at_border("AAC1-1", 96) and well_name("A13", 96) == "A13"
