"""What must hold of what is shown: chosen before any test, and pictured where a chapter shows it."""

import dataclasses

import numpy as np
import pytest
from made_results import named, said

from coos_helpers import metrics, results
from coos_helpers.results import predictions, select


def made_of(rows, splits=("train", "test1", "test3", "test4"), seed=0):
    """Make results of some rows without a run: 35 cells a split, in wells."""
    table = []
    for number, (representation, classifier) in enumerate(rows):
        by_split, of = {}, predictions.representation_of(representation)
        for place, name in enumerate(splits):
            labels = np.arange(35) % 7
            scores = said(labels, seed + 10 * number + place, right=3)
            well = np.array([f"p{i % 2}/{'AB'[i % 2]}{i % 3}" for i in range(35)])
            by_split[name] = results.Predictions(
                of.name, classifier, name, labels, scores.argmax(1), scores, None, well,
                tuple("abcdefg"), "made up", "smoke", 0, of.family, of.layer,
            )  # fmt: skip
        table.append(by_split)
    return results.Results({}, "Made up.", tuple("abcdefg"), table, results.by_method(table), [], {}, None)


of = results.Representation
PAPERS = [
    (of("deeploc", "", "w0.125"), "end-to-end"), (of("deeploc", "fc2", "w0.125"), "knn"),
    (of("deeploc", "fc2", "w0.125"), "l1-lr"), ("texture", "knn"), ("texture", "l1-lr"),
    (of("pci", "conv4"), "rf"), (of("pci", "conv4"), "l1-lr"), (of("pci", "conv3"), "l1-lr"),
    (of("vgg16", "conv4_2"), "knn"), (of("vgg16", "conv4_2"), "l1-lr"), (of("vgg16", "conv4_1"), "l1-lr"),
]  # fmt: skip
NAMES = named(made_of(PAPERS).table)


def test_a_row_is_named_and_belongs_to_a_family():
    titles = [results.row_title(row) for row in made_of([PAPERS[0], PAPERS[5], ("mine", "svm")]).table]
    assert titles == ["deeploc-w0.125, end-to-end", "pci-conv4, RF", "mine, svm"]
    families = [results.family(row) for row in made_of([*PAPERS[2:6], ("mine", "svm")]).table]
    assert families == ["DeepLoc", "Texture", "Texture", "PCI", "mine"]


@pytest.mark.parametrize(
    "rows, chosen",
    [
        (PAPERS, [NAMES[0], NAMES[9], NAMES[6], NAMES[4]]),
        ([*PAPERS, ("mine", "svm"), ("mine", "rf")], [NAMES[0], NAMES[9], NAMES[6], NAMES[4], ("mine", "svm")]),
        (PAPERS[3:], [NAMES[9], NAMES[6], NAMES[4]]),
        (PAPERS[1:5], [NAMES[2], NAMES[4]]),
        ([("texture", "rf"), ("texture", "knn")], [("texture", "rf")]),
        ([("mine", "knn"), ("mine", "l1-lr")], [("mine", "l1-lr")]),
    ],
    ids=["the paper's", "and another", "without DeepLoc", "its layer alone", "nothing linear", "only another"],
)
def test_one_row_of_each_representation_is_chosen_before_any_test(rows, chosen):
    for seed in (0, 99):  # whatever any model said
        assert named(results.headline_rows(made_of(rows, seed=seed))) == chosen


@pytest.mark.parametrize(
    "splits, drawn",
    [
        ("train test1 test2 test3 test4", "test1 test3 test4"),
        ("train test1 test2 test4", "test1 test2 test4"),
        ("train test4 test3 test1", "test1 test3 test4"),
        ("train day2", "day2"),
        ("train a b c d", "a b c"),
        ("train", "train"),
    ],
)
def test_matrices_are_drawn_of_three_models_on_three_test_sets(splits, drawn):
    found = made_of(PAPERS, splits.split())
    assert results.test_splits(found) == (splits.split()[1:] or ["train"])
    rows, shown = results.confusion_selection(found)
    assert shown == drawn.split() and named(rows) == [NAMES[0], NAMES[9], NAMES[6]]


def test_pictures_are_wanted_of_the_surest_cells_of_every_error_that_a_chapter_shows():
    found = made_of(PAPERS)
    wanted = select.cells_to_picture(found)
    rows, splits = results.confusion_selection(found)
    assert list(wanted) == splits
    for name in splits:
        expected = set()
        for p in (row[name] for row in rows):
            for true, called, _ in metrics.common_errors(p.labels, p.predicted, 7):
                expected |= set(metrics.confident_errors(p.labels, p.predicted, p.scores, true, called, 8).tolist())
        p = rows[0][name]
        for true, called in set(zip(p.labels.tolist(), p.predicted.tolist(), strict=True)):
            if true != called:  # the first model's matrix opens every kind
                some = metrics.confident_errors(p.labels, p.predicted, p.scores, true, called, 6)
                assert results.most_confident_cells(found, name, true, called).tolist() == some.tolist()
                expected |= set(some.tolist())
        assert wanted[name].tolist() == sorted(expected) and wanted[name].dtype == np.int64
    assert sum(map(len, wanted.values())) > 0


def test_no_pictures_are_wanted_of_a_model_without_errors():
    found = made_of(PAPERS[:1])
    perfect = {name: dataclasses.replace(p, predicted=p.labels) for name, p in found.table[0].items()}
    wanted = select.cells_to_picture(dataclasses.replace(found, table=[perfect]))
    assert [len(cells) for cells in wanted.values()] == [0, 0, 0]
