"""What must hold of tables: errors and intervals in percent, over wells where they are known."""

import dataclasses

import numpy as np
import pytest
from conftest import write_release
from made_results import RUN, kept_row
from sklearn.metrics import balanced_accuracy_score

from coos_helpers import metrics, results
from coos_helpers.data import open_release


@pytest.fixture
def rows(tmp_path):
    """Hold three rows, made up: two classifiers on Texture, and a network by itself."""
    release = open_release(write_release(tmp_path / "release", n=42))
    names = [("texture", "knn"), ("texture", "l1-lr"), ("deeploc", "end-to-end")]
    return [kept_row(RUN, release, *name, seed=seed, right=3) for seed, name in enumerate(names)]


def changed(row, **parts):
    return {name: dataclasses.replace(p, **parts) for name, p in row.items()}


def test_the_trainings_of_a_network_are_one_row_with_their_mean_error(rows):
    alike = {"representation": "deeploc", "classifier": "end-to-end"}
    table = results.error_table([changed(row, draw=draw, **alike) for draw, row in enumerate(rows)])
    alone = results.error_table(rows)
    assert len(table) == 1 and table["features"][0] == "deeploc"
    for name in rows[0]:
        assert table[name][0] == pytest.approx(alone[name].mean())


def test_the_table_of_errors_is_in_percent_with_a_row_for_each_model(rows):
    table = results.error_table(rows)
    assert list(table.columns) == ["features", "model", "train", "test1", "test2", "test3", "test4"]
    assert table["features"].tolist() == ["texture", "texture", "deeploc"]
    assert table["model"].tolist() == ["kNN", "L1 LR", "end-to-end"]
    for number, made in enumerate(rows):
        for name, p in made.items():
            expected = 100 * (1 - balanced_accuracy_score(p.labels, p.predicted))
            assert table.loc[number, name] == pytest.approx(expected)
    assert 0 < table["test1"].min() and table["test1"].max() < 80


def test_intervals_say_what_they_draw(rows):
    assert results.bootstrap_unit(rows) == "wells"
    rows[1]["test2"] = dataclasses.replace(rows[1]["test2"], well=None)
    assert results.bootstrap_unit(rows).startswith("cells")


@pytest.mark.parametrize("known", [True, False], ids=["wells", "no wells"])
def test_errors_that_are_resampled_are_those_of_each_row(rows, known):
    rows = rows if known else [changed(rows[0], well=None)]
    drawn = results.resampled_error_rows(rows, "test3", resamples=50)
    assert drawn.shape == (len(rows), 51)
    for errors, by_split in zip(drawn, rows, strict=True):
        p = by_split["test3"]
        np.testing.assert_allclose(errors, 100 * metrics.resampled_errors(p.labels, p.predicted, p.well, 50))
        assert errors[0] == pytest.approx(100 * metrics.balanced_error(p.labels, p.predicted))


def test_the_trainings_of_a_method_are_drawn_together(rows):
    alike = {"representation": "pci", "classifier": "knn", "family": "PCI"}
    draws = [changed(row, draw=draw, **alike) for draw, row in enumerate(rows)]
    one, other, alone = results.resampled_error_rows([draws, draws, draws[0]], "test1", 2000)
    np.testing.assert_array_equal(one, other)
    assert one[0] == pytest.approx(results.error_table(draws)["test1"][0])
    each = results.resampled_error_rows(draws, "test1")[:, 1:]
    assert np.var(one[1:]) == pytest.approx(each.mean(0).var() + each.var(0, ddof=1).mean() / len(draws), rel=0.1)
    assert alone[0] == pytest.approx(results.error_table(draws[:1])["test1"][0])


def test_rows_share_their_draws(rows):
    first, second, again = results.resampled_error_rows([*rows[:2], rows[0]], "test1")
    np.testing.assert_array_equal(first, again)
    p, q = (row["test1"] for row in rows[:2])
    ends = 100 * np.array(metrics.difference_interval(p.labels, p.predicted, q.predicted, p.well))
    np.testing.assert_allclose(np.percentile((first - second)[1:], (2.5, 97.5)), ends)
