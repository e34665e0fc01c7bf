"""What must hold of entering: a chapter's last entry replaces its own, and says what it is about, but no path."""

import json

import numpy as np
import pytest
from conftest import write_release
from made_results import assert_same, features_of, kept_ladder, kept_row, named

from coos_helpers import results, runs, shift
from coos_helpers.results import read


@pytest.fixture
def made_up(tmp_path):
    """Hold a run on a release of 42 cells a split and more."""
    return runs.start(write_release(tmp_path / "release", n=42), "smoke")


def enter(made_up, chapter="02-texture", table=None, **options):
    table = [kept_row(*made_up)] if table is None else table
    results.enter(*made_up, chapter, table=table, **options)
    return table


def test_some_cells_of_every_split_are_kept_as_points_in_half_precision(made_up):
    run, release = made_up
    features = features_of(release)
    enter(made_up, features={"texture": features}, seed=2)
    (found,) = read.gather(run, release).samples.values()
    expected = shift.subsample_pca(features, release, seed=2)
    assert list(found) == list(expected) == list(release)
    for name, sample in expected.items():
        np.testing.assert_allclose(found[name].points, sample.points, rtol=1e-3, atol=1e-6)
        for part in ("labels", "wells", "plates"):
            np.testing.assert_array_equal(getattr(found[name], part), getattr(sample, part))
        assert found[name].points.dtype == np.float32 and found[name].labels.dtype == np.int64


def test_points_far_away_stay_finite(made_up):
    """A feature that hardly varies in the training set may be a hundred thousand standard deviations off elsewhere."""
    features = features_of(made_up[1])
    features["test4"] = features["test4"] + 1e6
    enter(made_up, features={"texture": features})
    assert np.isfinite(read.gather(*made_up).samples["texture"]["test4"].points).all()


def test_a_release_without_wells_and_plates_is_entered_all_the_same(tmp_path):
    made_up = runs.start(write_release(tmp_path / "bare", n=42, with_places=False), "smoke")
    (row,) = enter(made_up, features={"texture": features_of(made_up[1])})
    found = read.gather(*made_up)
    assert_same(row, found.table[0])
    assert found.table[0]["test1"].well is None and found.samples["texture"]["test1"].wells is None


def test_a_chapter_replaces_all_that_it_entered_before_and_nothing_of_another(made_up):
    run, release = made_up
    both = [kept_row(*made_up), kept_row(*made_up, classifier="rf")]
    enter(made_up, table=both, ladders=[kept_ladder(*made_up)], features={"texture": features_of(release)})
    enter(made_up, "03-vgg16", [kept_row(*made_up, "vgg16-conv4_1")])
    enter(made_up, table=both[:1])
    found = read.gather(run, release)
    assert named(found.table) == [("texture", "knn"), ("vgg16-conv4_1", "knn")]
    assert found.ladders == [] and found.samples == {}
    assert (run.folder / "predictions" / "texture--rf--test1.npz").exists(), "which is stale"


def test_a_ladder_that_could_not_be_had_is_left_out(made_up):
    """What `leakage.ladder` gives where a class has a single cell is empty, and has no rung to draw."""
    enter(made_up, ladders=[[], kept_ladder(*made_up)])
    assert [len(ladder) for ladder in read.gather(*made_up).ladders] == [2]


def test_no_path_of_the_machine_is_kept(tmp_path):
    folder = write_release(tmp_path / "somewhere" / "COOS-7", n=42)
    for data in (str(folder), f"{folder}/", str(folder / ".." / "COOS-7")):
        made_up = runs.start(data, "smoke")
        enter(made_up, ladders=[kept_ladder(*made_up)])
        about = read.gather(*made_up).about
        assert about["data"] == "COOS-7"
        assert not any(word in json.dumps(about) for word in ("somewhere", str(tmp_path), "/"))


def test_the_data_are_called_simulated_when_they_are(release):
    settings = {"scale": 0.01, "draws": 2}
    made_up = runs.Run("simulated", "smoke", settings), release
    enter(made_up, seed=4)
    about = read.gather(*made_up).about
    assert (about["data"], about["profile"], about["seed"]) == ("simulated", "smoke", 4)
    assert about["source"] == release["train"].source and about["settings"] == settings
    assert {"python", "numpy", "torch", "coos-helpers"} <= set(about["versions"]) and about["made"] and about["machine"]
    assert about["classifiers"].startswith("scikit-learn ")
