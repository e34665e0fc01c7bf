"""What must hold of stored predictions: read whole or made again, whatever happened to their file."""

import numpy as np
import pytest
from conftest import write_release
from made_results import DAMAGES, RUN, assert_same, features_of

from coos_helpers import data, results
from coos_helpers.results import stored


@pytest.fixture
def made_up(tmp_path):
    """Hold a release of 42 cells a split, and what nearest neighbours say of it."""
    release = data.open_release(write_release(tmp_path / "release", n=42))
    features = features_of(release)
    return release, lambda: results.evaluate_classifier(RUN, release, features, "texture", "knn")


@pytest.mark.parametrize("known", [(), ("plate",), ("plate", "well")], ids=str)
def test_predictions_survive_storing(known):
    places = {key: np.array(["Plätte 1/A01", "B02"]) if key in known else None for key in ("plate", "well")}
    labels, scores = np.array([0, 1]), np.array([[0.25, 0.75], [0, 1]], np.float32)
    split = data.Split("test1", None, None, labels, **places, class_names=("bud neck", "nucléole"), source="made up")
    of = results.Representation("pci", "conv4", "w0.5")
    p = stored.keep(RUN, split, of, "rf", scores.argmax(1), scores, 3, "key", 0.01, "well")
    assert (p.representation, p.family, p.layer, p.variant) == ("pci-w0.5-conv4", "PCI", "conv4", "w0.5")
    read, made_by = stored.load(RUN.folder / "predictions" / "pci-w0.5-conv4--rf-0.01--test1-by-well.npz")
    assert_same(p, read)
    assert made_by == "key"


def test_a_ladders_files_are_told_apart_by_setting_and_rung(release):
    cells, tries = release["train"], [(setting, rung) for setting in (None, 0.01, 1.0) for rung in ("", "well")]
    made = {of: stored.keep(RUN, cells, "pci", "l1-lr", cells.labels, None, 0, "key", *of) for of in tries}
    for (setting, rung), p in made.items():
        assert (p.setting, p.rung) == (setting, rung)
        column = stored.column_of("train", rung)
        assert_same({column: p}, stored.load_if_current(RUN, "pci", "l1-lr", [column], "key", [setting])[0])
    assert len(list((RUN.folder / "predictions").iterdir())) == 6


def test_what_another_chapter_stored_is_read_back_whole_or_not_at_all(made_up):
    release, evaluate = made_up
    made = evaluate()
    assert_same(made, results.load_stored(RUN, release, "texture", "knn"))
    assert results.load_stored(RUN, release, "texture", "rf") is None


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_or_lost_file_is_remade(made_up, damage):
    release, evaluate = made_up
    made, path = evaluate(), RUN.folder / "predictions" / "texture--knn--test2.npz"
    damage(path)
    assert results.load_stored(RUN, release, "texture", "knn") is None
    assert_same(made, evaluate())
    assert_same(made["test2"], stored.load(path)[0])
