"""What must hold of a table of predictions: each cell once, in any order; what is wrong is a message with its row."""

import numpy as np
import pandas as pd
import pytest
from made_results import said

from coos_helpers.data import DataError
from coos_helpers.results.score_table import BY_PLATE, check


def table(release, splits=("train", "test1"), scores=True, names=True):
    """Write predictions of some splits, numbered as a file's rows are."""
    frames = []
    for name in splits:
        split = release["train" if name == BY_PLATE else name]
        probable = said(split.labels, len(frames))
        predicted = probable.argmax(1)
        called = [split.class_names[k] for k in predicted] if names else predicted
        frame = pd.DataFrame({"split": name, "cell": range(len(split)), "predicted": called})
        for k, kind in enumerate(split.class_names if scores else ()):
            frame[f"score_{kind}"] = probable[:, k]
        frames.append(frame)
    frame = pd.concat(frames)
    return frame.set_axis(range(2, len(frame) + 2))


@pytest.mark.parametrize("names", [True, False], ids=["names", "numbers"])
@pytest.mark.parametrize("scores", [True, False], ids=["scores", "no scores"])
def test_rows_in_any_order_give_each_cell_what_was_said_of_it(release, scores, names):
    frame = table(release, ("test1", "train", BY_PLATE), scores, names)
    made, unread = check(frame.sample(frac=1, random_state=0).assign(note="x"), release)
    assert list(made) == ["train", "test1", BY_PLATE] and unread == ["note"]
    for seed, name in enumerate(("test1", "train", BY_PLATE)):
        expected = said(release["train" if name == BY_PLATE else name].labels, seed)
        predicted, got = made[name]
        np.testing.assert_array_equal(predicted, expected.argmax(1))
        assert predicted.dtype == np.int64 and (got is None) == (not scores)
        if scores:
            np.testing.assert_array_equal(got, expected)
            assert got.dtype == np.float32


def test_columns_may_be_spelt_in_small_letters_or_large_ones(release):
    expected, _ = check(table(release), release)
    for spell in (str.lower, str.upper, " {} ".format):
        made, unread = check(table(release).rename(columns=spell), release)
        assert not unread
        for one, other in zip(made.values(), expected.values(), strict=True):
            np.testing.assert_array_equal(one[1], other[1])


def test_numbers_as_a_spreadsheet_writes_them_are_the_same_numbers(release):
    frame = table(release, names=False)
    texts = frame.assign(cell=frame["cell"].map("{:.1f}".format), predicted=frame["predicted"].map("{:.1f}".format))
    for one, other in zip(
        check(frame, release)[0].values(), check(texts.astype(str), release)[0].values(), strict=True
    ):
        np.testing.assert_array_equal(one[0], other[0])


@pytest.mark.parametrize("last", [True, False], ids=["with the last", "without the last"])
def test_classes_that_are_counted_from_1_are_refused_and_named(release, last):
    frame = table(release, scores=False, names=False)
    labels = np.concatenate([release[name].labels for name in ("train", "test1")])
    counted = frame.assign(predicted=np.where(last | (labels < 6), labels, 2) + 1)
    with pytest.raises(DataError, match="classes from 1 to .*counted from 1: subtract 1"):
        check(counted, release, "mine.csv")
    for fair in (np.ones(len(labels), int), np.where(labels == 0, 1, labels)):
        np.testing.assert_array_equal(check(frame.assign(predicted=fair), release)[0]["train"][0], fair[:14])


def change(column, row, value):
    def changed(frame):
        frame[column] = frame[column].astype(object)
        frame.loc[row, column] = value
        return frame

    return changed


def best_elsewhere(frame):
    frame.loc[3, "score_Golgi"], frame.loc[3, "predicted"] = 0.99, "ER"
    return frame


BAD = {
    "no cells": (lambda f: f.drop(columns="cell"), ["no column cell"]),
    "no rows": (lambda f: f.iloc[:0], ["no rows"]),
    "a row lost": (lambda f: f.drop(5), ["no row for the cell 3 of train"]),
    "rows lost": (lambda f: f.drop([5, 9]), ["no row for the cell 3 of train (and 1 more)"]),
    "a row doubled": (lambda f: pd.concat([f, f.loc[[5]].set_axis([99])]), ["the cell 3 of train in row 99", "row 5"]),
    "beyond": (change("cell", 5, 14), ["the cell 14 of train in row 5", "0 to 13"]),
    "from 1": (lambda f: f.assign(cell=f["cell"] + 1), ["the cells 1 to 14 of train", "subtract 1"]),
    "a half": (change("cell", 4, 0.5), ["0.5", "row 4"]),
    "below": (change("cell", 4, -1), ["-1", "row 4"]),
    "no number": (change("cell", 4, "three"), ["'three'", "row 4"]),
    "no split": (change("split", 6, "test7"), ["'test7'", "row 6", "test4"]),
    "another class": (change("predicted", 7, "Nucleolus"), ["'Nucleolus'", "row 7", "Golgi"]),
    "an empty class": (change("predicted", 7, ""), ["row 7"]),
    "names and numbers": (change("predicted", 7, 3), ["'3'", "row 7", "in every row"]),
    "no score": (change("score_Golgi", 8, "nan"), ["NaN", "row 8"]),
    "an empty score": (change("score_Golgi", 8, ""), ["score_Golgi", "row 8"]),
    "a comma": (change("score_Golgi", 8, "0,5"), ["'0,5'", "decimal point"]),
    "endless": (change("score_Golgi", 8, np.inf), ["infinite", "row 8"]),
    "contradiction": (best_elsewhere, ["predicted ER", "Golgi", "row 3"]),
    "a score of none": (lambda f: f.assign(score_Nucleolus=0), ["the column score_Nucleolus"]),
    "a score missing": (lambda f: f.drop(columns="score_Golgi"), ["no column score_Golgi"]),
}


@pytest.mark.parametrize("bad, words", BAD.values(), ids=BAD.keys())
def test_what_is_wrong_is_one_message_that_names_the_row(release, bad, words):
    with pytest.raises(DataError) as caught:
        check(bad(table(release)), release, "mine.csv")
    text = str(caught.value)
    assert text.startswith("mine.csv: found ") and "; expected " in text and "\n" not in text
    assert [word for word in words if word not in text] == [], text


def test_classes_that_are_called_by_numbers_are_known_by_name_alone(release):
    names = ("1", "2", "3", "4", "5", "6", "7")
    release = {name: type(split)(**{**vars(split), "class_names": names}) for name, split in release.items()}
    frame = table(release, scores=False)
    made, _ = check(frame, release)
    np.testing.assert_array_equal(made["train"][0], said(release["train"].labels, 0).argmax(1))
    with pytest.raises(DataError, match="the class '0'"):
        check(table(release, scores=False, names=False), release)
