"""What must hold of the picture of plates: a panel for each, whatever is known, and the same bytes each time."""

import numpy as np
import pytest
from PIL import Image

from coos_helpers.bring import plates
from coos_helpers.data.composition import describe

NAMES = [f"{row}{column:02}" for row in "ABCH" for column in (1, 7, 12)]


def drawn(path, n_plates=2, n_classes=2, wells=96, names=NAMES, with_plates=True, class_name="c{}"):
    """Draw plates on which classes take turns; give the picture as (H, W, 3)."""
    n = n_plates * len(names)
    cells = {
        "well": np.array(names * n_plates),
        "class": np.array([class_name.format(i % n_classes) for i in range(n)]),
    }
    if with_plates:
        cells["plate"] = np.repeat([f"p{i:03}" for i in range(n_plates)], len(names))
    split = np.array(["train", "test1", "test2", "test3", "test4"])[np.arange(n) % 5]
    classes = [class_name.format(i) for i in range(n_classes)]
    plates.draw_plates(path, cells, describe(cells | {"split": split}, wells), classes)
    return np.asarray(Image.open(path).convert("RGB"))


def has(picture, colour):
    return (picture == [int(colour[i : i + 2], 16) for i in (1, 3, 5)]).all(2).any()


def test_classes_have_colours_and_the_ground_is_white(tmp_path):
    picture = drawn(tmp_path / "a.png", n_classes=3)
    assert (picture[0, 0] == 255).all() and all(has(picture, colour) for colour in plates.COLOURS[:3])
    assert not has(picture, plates.COLOURS[3])
    drawn(tmp_path / "b.png", n_classes=3)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("options", [
    {"n_plates": 1}, {"n_plates": 5}, {"wells": None}, {"wells": None, "names": ["I1", "P24", "Q1"]},
    {"with_plates": False}, {"n_classes": 20}, {"names": ["odd", "A01"]}, {"names": ["odd"], "wells": None},
])  # fmt: skip
def test_whatever_is_known_a_picture_is_drawn(tmp_path, options):
    assert min(drawn(tmp_path / "a.png", **options).shape[:2]) > 200


@pytest.mark.parametrize("n_plates, class_name", [(1, "class {}"), (1, "long" * 25 + "{}"), (4, "long" * 20 + "{}")])
def test_no_legend_is_cut(tmp_path, n_plates, class_name):
    picture = drawn(tmp_path / "a.png", n_plates, class_name=class_name)
    assert (picture[:, [0, -1]] == 255).all() and (picture[[0, -1]] == 255).all()


def test_of_many_plates_the_first_are_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(plates, "MOST", 3)
    tall = drawn(tmp_path / "c.png", n_plates=9, names=["A01"]).shape
    monkeypatch.setattr(plates, "MOST", 9)
    assert drawn(tmp_path / "d.png", n_plates=9, names=["A01"]).shape[0] > tall[0]
