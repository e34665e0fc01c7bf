"""What a self-check says to a right answer, to a wrong one and to none."""

import numpy as np
import pandas as pd
import pytest

from coos_helpers.notebook import selfcheck

SHARES = (
    (lambda s: len(s) == 3, "one share for each of three layers."),
    (lambda s: abs(sum(s) - 100) < 1e-6, "shares that add up to 100."),
)


def said(capsys, *arguments):
    assert selfcheck.answer(*arguments) is None, "a notebook would show it below the sentence"
    return capsys.readouterr().out


def test_a_right_answer_is_called_right_and_shown(capsys):
    assert said(capsys, "shares", [50, 30, 20], *SHARES) == "Right. `shares` is [50, 30, 20].\n"
    assert said(capsys, "x", np.ones(3), (lambda x: x > 0, "an array of truths.")).startswith("Right.")


def test_a_wrong_answer_hears_what_is_wrong_first(capsys):
    text = said(capsys, "shares", [50, 30], *SHARES)
    assert text == "Not yet. Expected: one share for each of three layers. Found: `shares` is [50, 30].\n"
    text = said(capsys, "shares", [50, 30, 30], *SHARES)
    assert text.startswith("Not yet.") and "add up to 100" in text and "three layers" not in text


@pytest.mark.parametrize("value", ["fifty", 3.0, object()])
def test_an_answer_of_another_kind_is_told_what_was_expected(value, capsys):
    text = said(capsys, "shares", value, *SHARES)
    assert text.startswith("Not yet.") and "one share for each of three layers." in text


def test_no_answer_is_not_a_wrong_answer(capsys):
    assert "write your answer into `shares`" in said(capsys, "shares", ..., *SHARES)
    assert "`shares` holds no answer, which is right only where" in said(capsys, "shares", None, *SHARES)


@pytest.mark.parametrize(
    "value, words",
    [
        (np.zeros((9, 2), np.float32), "an array of shape (9, 2) and type float32"),
        (np.array([1.0, 2.0]), "[1. 2.]"),
        ({"test1": np.float64(0.123456), "test3": (1, 2.5)}, "{'test1': 0.1235, 'test3': (1, 2.5)}"),
        ({"a": np.eye(2)}, "{'a': array([[1., 0.], [0., 1.]])}"),
        (pd.DataFrame({"a": [1], "b": [2]}), "a table of 1 rows with the columns a, b"),
        (np.float64(0.123456), "0.1235"),
        ("early endosome", "early endosome"),
        (list(range(100)), "of type list"),
    ],
)
def test_an_answer_is_shown_in_few_words(value, words, capsys):
    text = said(capsys, "x", value, (lambda _: True, "anything."))
    assert words in text and len(text) < 150
