"""What must hold of folds: wells whole, classes in proportion, and a word where that cannot be had."""

import numpy as np
import pytest

from coos_helpers.metrics.folds import cut_folds, fewest_groups, folds


def plate(wells_of_a_class=6, classes=4, n=240, seed=0):
    """Draw labels of n cells, and names of wells that each hold one class."""
    labels = np.arange(n) % classes
    numbers = labels + classes * np.random.default_rng(seed).integers(0, wells_of_a_class, n)
    return labels, np.array([f"plate/{number:03}" for number in numbers])


def held_out_once(cuts, n):
    """Tell whether each of n cells is held out once, and learned from otherwise."""
    once = np.array_equal(np.sort(np.concatenate([held_out for _, held_out in cuts])), np.arange(n))
    return once and all(len(np.union1d(*cut)) == n == sum(map(len, cut)) for cut in cuts)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seed", range(5))
def test_wells_stay_whole_and_every_class_is_in_every_part(seed, capsys):
    labels, wells = plate(seed=seed)
    kept, cuts = cut_folds(labels, wells.tolist(), seed)
    assert len(cuts) == 5 and np.array_equal(kept, np.arange(240)) and held_out_once(cuts, 240)
    for learned, held_out in cuts:
        assert not np.intersect1d(wells[learned], wells[held_out]).size
        assert set(labels[learned]) == set(labels[held_out]) == {0, 1, 2, 3}
    assert capsys.readouterr().out == ""
    again, other = (cut_folds(labels, wells, number)[1] for number in (seed, seed + 1))
    assert all(np.array_equal(one[1], two[1]) for one, two in zip(cuts, again, strict=True))
    assert not all(np.array_equal(one[1], two[1]) for one, two in zip(cuts, other, strict=True))


@pytest.mark.filterwarnings("error")
def test_without_wells_folds_are_cut_between_cells_with_classes_in_proportion(capsys):
    labels = np.repeat([0, 1], [200, 40])
    kept, cuts = cut_folds(labels, None)
    assert len(kept) == 240 and held_out_once(cuts, 240)
    assert all(np.bincount(labels[held_out]).tolist() == [40, 8] for _, held_out in cuts)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("wells_of_a_class", [2, 3, 4])
def test_a_class_with_fewer_wells_than_folds_makes_fewer_folds(wells_of_a_class):
    labels, wells = plate(wells_of_a_class)
    assert fewest_groups(labels, wells) == wells_of_a_class
    assert len(cut_folds(labels, wells)[1]) == wells_of_a_class
    assert folds(labels, wells, wells_of_a_class + 1) is None


def test_a_class_with_one_well_is_cut_between_cells_and_that_is_said(capsys):
    labels, wells = plate(1)
    _, cuts = cut_folds(labels, wells, who="the search")
    assert len(cuts) == 5 and held_out_once(cuts, 240)
    assert capsys.readouterr().out == "Wells are too few to be kept whole: the search cuts its folds between cells.\n"


def test_one_well_of_several_classes_must_not_take_a_class_from_what_is_learned():
    labels = np.repeat([0, 1], [10, 2])
    assert folds(labels, np.array([*"abcdefghij", *"aa"]), 2) is None
    assert folds(labels, np.array(["a"] * 6 + ["b"] * 4 + ["a", "b"]), 2) is not None


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("smallest", [2, 3, 4])
def test_a_class_smaller_than_the_folds_is_held_out_in_fewer(smallest, capsys):
    labels = np.repeat([0, 6], [50, smallest])
    _, cuts = cut_folds(labels, None, who="the search")
    assert len(cuts) == smallest and all(6 in labels[held_out] for _, held_out in cuts)
    assert capsys.readouterr().out.startswith(f"The smallest class has {smallest} cells: the search uses {smallest} ")


@pytest.mark.filterwarnings("error")
def test_a_cell_without_another_of_its_class_takes_no_part_and_that_is_said(capsys):
    labels, wells = plate()
    labels[[7, 31]] = 5, 9
    kept, cuts = cut_folds(labels, wells, who="the search")
    assert np.array_equal(kept, np.setdiff1d(np.arange(240), [7, 31])) and held_out_once(cuts, 238)
    assert capsys.readouterr().out == (
        "Classes with a single cell (5, 9) cannot be held out: the search goes without them.\n"
    )
    with pytest.raises(ValueError, match="found one cell in each class"):
        cut_folds(np.arange(4), None)
