"""What must hold of labels and wells that are wrong: as many as asked for, in the truth, and nothing else moves."""

import h5py
import numpy as np
import pytest

from coos_helpers.simulate import draw, reimage, simulate, specimens
from coos_helpers.simulate.conditions import STRANGERS, classes_of, conditions
from coos_helpers.simulate.layout import layout


def classes(well, cells, **wrong):
    """Give the true classes and the labels of a well's cells."""
    return np.array([classes_of(0, well, index, conditions(**wrong)) for index in range(cells)]).T


def test_nothing_is_wrong_by_default():
    drawn = draw("train", 14)
    assert np.array_equal(drawn.truth["true_class"], drawn.labels)


def test_label_noise_renames_as_many_cells_as_asked_for_and_moves_no_picture():
    well = layout()["training"][5]
    true_class, labels = classes(well, 4000, label_noise=0.3)
    assert (true_class == well.label).all()
    assert np.mean(labels != well.label) == pytest.approx(0.3, abs=0.03)
    others = np.bincount(labels[labels != well.label], minlength=7)
    assert others[well.label] == 0 and np.delete(others, well.label).min() > 120  # of 200
    less = classes(well, 4000, label_noise=0.1)[1]
    assert (less[labels == well.label] == well.label).all()  # what was right stays right
    clean, noisy = draw("test3", 28), draw("test3", 28, label_noise=0.5)
    assert np.array_equal(clean.images, noisy.images) and np.array_equal(clean.labels, noisy.truth["true_class"])
    assert not np.array_equal(clean.labels, noisy.labels)


def test_contamination_puts_one_other_class_into_as_many_wells_as_asked_for():
    wells = layout()["training"]
    found = [classes(well, 40, contamination=0.5) for well in wells]
    shares = []
    for well, (true_class, labels) in zip(wells, found, strict=True):
        assert (labels == well.label).all()
        strangers = true_class[true_class != well.label]
        assert len(set(strangers)) <= 1
        shares.append(len(strangers) / 40)
    shares = np.array(shares)
    assert np.mean(shares > 0) == pytest.approx(0.5, abs=0.12)
    assert shares[shares > 0].mean() == pytest.approx(STRANGERS, abs=0.05)
    home = wells[int(np.argmax(shares))]
    away = home._replace(split=1)  # the same well holds training's cells and test1's
    strange = [set(classes(well, 60, contamination=0.5)[0]) for well in (home, away)]
    assert strange[0] == strange[1] and len(strange[0]) == 2


def test_a_cell_of_another_class_is_drawn_as_such_and_others_stay_as_they_were():
    clean, mixed = draw("test1", 210), draw("test1", 210, contamination=1.0)
    strange = mixed.truth["true_class"] != mixed.labels
    assert np.array_equal(clean.labels, mixed.labels)
    same = (clean.images == mixed.images).all((1, 2, 3))
    assert np.array_equal(same, ~strange) and 0.15 < strange.mean() < 0.45


def test_a_file_says_what_was_asked_for_and_keeps_the_true_class(tmp_path):
    asked = {"shift": {"focus": 0}, "days": 0.5, "label_noise": 0.5, "contamination": 0.5}
    folder = simulate(tmp_path, scale=0.0041, seed=2, progress=False, **asked)
    drawn = draw("test4", 28, 2, **asked)
    with h5py.File(folder / "COOSsim_test4.hdf5") as file:
        said = 'with shift={"focus": 0.0}, days=0.5, label_noise=0.5, contamination=0.5; not COOS-7'
        assert file.attrs["source"].endswith(said) and file.attrs["days"] == 0.5
        there = {image.tobytes(): i for i, image in enumerate(file["data"])}
        rows = [there[image.tobytes()] for image in drawn.images]
        assert np.array_equal(file["labels"][:][rows], drawn.labels)
        assert np.array_equal(file["truth/true_class"][:][rows], drawn.truth["true_class"])
        assert (file["labels"][:] != file["truth/true_class"][:]).any()


def test_specimens_are_under_the_days_that_drawn_cells_are_under():
    cells, drawn = specimens("test3", 7, 1, 2, 0.0), draw("test3", 7, 1, 2, 0.0)
    assert all(np.array_equal(reimage(cell), image) for cell, image in zip(cells, drawn.images, strict=True))


@pytest.mark.parametrize("name", ["days", "label_noise", "contamination"])
@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), "0.1", None, True])
def test_a_share_that_cannot_be_is_named(name, value):
    with pytest.raises(ValueError, match=f"{name}: found .*; expected a number from 0 to 1"):
        draw("train", 7, **{name: value})
