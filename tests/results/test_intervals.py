"""What must hold of the intervals of methods: what they speak of, what they learn from, and what they leave unsaid."""

import dataclasses

import numpy as np
import pytest
from conftest import write_release
from made_results import RUN, kept_row

from coos_helpers import metrics, results
from coos_helpers.data import open_release

WELLS, PLATES = "other wells of these plates", "another plate"


@pytest.fixture
def rows(tmp_path):
    """Hold three rows, made up: two classifiers on Texture, and a network by itself; test3 and test4 on new plates."""
    release = open_release(write_release(tmp_path / "release", n=42))
    names = [("texture", "knn"), ("texture", "l1-lr"), ("deeploc", "end-to-end")]
    made = [kept_row(RUN, release, *name, seed=seed, right=3) for seed, name in enumerate(names)]
    for row, new in ((row, new) for row in made for new in ("test3", "test4")):
        parts = {part: np.char.add(new, getattr(row[new], part)) for part in ("plate", "well")}
        row[new] = dataclasses.replace(row[new], **parts)
    return made


def changed(row, **parts):
    return {name: dataclasses.replace(p, **parts) for name, p in row.items()}


def cells(p):
    return {"labels": p.labels, "first": p.predicted, "second": None, "wells": p.well, "plates": p.plate}


def said(ends):
    return "unknown" if np.isnan(ends[0]) else f"{100 * ends[0]:.1f} to {100 * ends[1]:.1f}"


def test_a_table_has_two_rows_a_method_and_each_says_what_it_speaks_of(rows):
    table, errors = results.interval_table(rows), results.error_table(rows)
    assert table.columns.tolist() == [*errors.columns[:2], "speaks of", *errors.columns[3:]]
    assert table["speaks of"].tolist() == [WELLS, PLATES] * 3
    for number, row in enumerate(rows):
        for name in ("test1", "test2"):
            _, *ends = metrics.error_intervals(**cells(row[name]))
            assert table[name][2 * number : 2 * number + 2].tolist() == [said(end) for end in ends]


def test_new_plates_lend_to_each_other_and_the_held_out_ones_of_the_training_set_to_them(rows):
    p = dataclasses.replace(rows[0]["train"], rung="plate")
    ladder = [{"train-by-plate": p}]
    for name, other in (("test3", "test4"), ("test4", "test3")):
        like = [cells(rows[0][other])]
        for ladders, more in (((), []), ([ladder], [cells(p)])):
            _, *ends = metrics.error_intervals(**cells(rows[0][name]), like=like + more)
            found = results.interval_table(rows[:1], ladders)[name]
            assert found.tolist() == [said(end) for end in ends]
    of_another = results.interval_table(rows[1:], [ladder])
    assert of_another.equals(results.interval_table(rows[1:]))


def test_an_interval_says_where_it_cannot_be_had_and_where_it_is_too_narrow(rows):
    p, q = rows[0]["test2"], rows[0]["test3"]
    rows[0]["test2"] = dataclasses.replace(p, well=np.char.add("p/", p.labels.astype(str)), plate=None)
    one_alone = rows[0]["test3"] = dataclasses.replace(q, well=np.where(q.labels == 0, "alone", q.well))
    found = results.interval_table(rows[:1])
    assert found["test2"].tolist() == ["unknown", "unknown"]
    assert found["test3"][0].endswith(" (too narrow)") and found["test1"][0][-1].isdigit()
    assert [results.fewest_wells(p) for p in (one_alone, dataclasses.replace(p, well=None))] == [1, None]
    assert results.interval_text(one_alone) == found["test3"][0]
    of = results.difference_table([(rows[1:2], rows[:1])]).set_index("split")
    assert of.loc[["test2", "test3"], "better"].tolist() == ["unknown", "unknown"]


def test_there_are_no_intervals_without_a_test_set(rows):
    assert results.interval_table([{"train": rows[0]["train"]}]).empty
    one, other = ([{"train": row["train"]}] for row in rows[:2])
    assert results.difference_table([(one, other)])["split"].tolist() == ["train"]


def test_a_difference_names_the_better_method_where_it_is_shown(rows):
    best = {name: dataclasses.replace(p, predicted=p.labels) for name, p in rows[1].items()}
    table = results.difference_table([(rows[:1], [best]), ([best], rows[:1]), (rows[:1], rows[:1])])
    assert table["split"].tolist() == ["test1", "test2", "test3", "test4"] * 3
    there = table[table["split"] == "test1"]
    assert there["better"].tolist() == ["texture, L1 LR", "texture, L1 LR", "not shown"]
    assert there["other minus one"].tolist() == pytest.approx([-(e := results.error_table(rows[:1])["test1"][0]), e, 0])


def test_trainings_of_one_network_are_paired_and_those_of_two_are_not(rows):
    def trained(seed, **names):
        return [changed(row, draw=draw, **names) for draw, row in enumerate(rows[seed:] + rows[:seed])]

    one = trained(0, representation="pci-conv3", family="PCI")
    other = trained(0, representation="pci-conv4", family="PCI")
    apart = trained(0, representation="deeploc", family="DeepLoc")
    assert results.method_intervals(one, "test1", other)[1] == (0, 0)
    low, high = results.method_intervals(one, "test1", apart)[1]
    assert low < 0 < high
