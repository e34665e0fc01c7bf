"""What must hold of levels of access: each has one number, one code and one phrase, and nothing else names it."""

import pytest

from coos_helpers.data.access import LEVELS, access


def test_a_level_is_found_by_its_code_its_words_and_its_number():
    for level, one in enumerate(LEVELS):
        assert one.level == level and access(level) == access(one.code) == access(one.words) == one
    assert len({one.code for one in LEVELS}) == len({one.words for one in LEVELS}) == len(LEVELS) == 6


@pytest.mark.parametrize("wrong", [6, -1, "", "Nothing", None, True, 2.0, ["well"]])
def test_what_names_no_level_is_refused_with_all_that_do(wrong):
    with pytest.raises(ValueError, match="sees: found .*nothing of a test set.*labels"):
        access(wrong)
