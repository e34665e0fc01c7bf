"""What must hold of samples: so many cells of each well, rotated as scikit-learn would, and halves without a shift."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from coos_helpers.data import Split
from coos_helpers.shift import Sample, halves, subsample_pca
from coos_helpers.shift.sample import even_out


def sample(wells, plates=2, cells=5):
    """Make a sample in random order: so many wells of each class, dealt to so many plates, all cells different."""
    labels = np.repeat(np.arange(len(wells)), np.multiply(wells, cells))
    well = np.concatenate([np.repeat(np.arange(n), cells) for n in wells])
    plate = np.char.add("plate/", (well % plates).astype(str))  # a name that no one can take for one of a well
    names = np.char.add(np.char.add(plate, "/"), np.char.add(well.astype(str), np.char.add("-", labels.astype(str))))
    points = np.arange(3.0 * len(labels)).reshape(-1, 3).astype("f4")
    return Sample(points, labels, names, plate).part(np.random.default_rng(0).permutation(len(labels)))


def split(name, labels, wells):
    plate = None if wells is None else np.full(len(labels), "p")
    well = None if wells is None else np.asarray(wells)
    return Split(name, None, None, np.asarray(labels), plate, well, tuple("ABC"), "made up")


def made(seed=0, n=400, d=9, wells=6, known=True):
    """Make a training set and a test set, features and splits, with uneven wells."""
    features, release = {}, {}
    for name, size in (("train", n), ("test1", n // 2)):
        rng = np.random.default_rng([seed, size])
        labels = rng.integers(0, 3, size)
        names = [f"{name}{w}" for w in rng.choice(wells, size, p=rng.dirichlet(np.ones(wells)))]
        features[name] = rng.normal(size=(size, d)) @ rng.normal(size=(d, d)) * np.arange(1, d + 1) + 7
        release[name] = split(name, labels, names if known else None)
    return features, release


def test_of_every_well_and_class_so_many_cells_are_drawn_or_all():
    features, release = made()
    for name, drawn in subsample_pca(features, release, per_well=5, components=4).items():
        whole = release[name]
        for k in range(3):
            for well in np.unique(whole.well_ids):
                there = np.sum((whole.labels == k) & (whole.well_ids == well))
                assert np.sum((drawn.labels == k) & (drawn.wells == well)) == min(there, 5)
        assert set(drawn.plates) == {"p"} and len(drawn.plates) == len(drawn.wells)


@pytest.mark.parametrize("n, d, components", [(200, 6, 4), (200, 6, 32), (20, 50, 8), (20, 50, 32)])
def test_points_are_scikit_learns_components_of_the_training_set(n, d, components):
    rng = np.random.default_rng(n)
    features = {name: rng.normal(size=(size, d)) * np.arange(1, d + 1) for name, size in (("train", n), ("test3", 30))}
    release = {name: split(name, np.arange(len(x)) % 3, np.arange(len(x)).astype(str)) for name, x in features.items()}
    kept = min(components, n, d)
    pipeline = make_pipeline(StandardScaler(), PCA(kept, svd_solver="full")).fit(features["train"])
    for name, drawn in subsample_pca(features, release, components=components).items():
        cells = np.array([int(well.split("/")[1]) for well in drawn.wells])
        assert sorted(cells) == list(range(len(features[name])))
        assert drawn.points.shape == (len(cells), kept) and drawn.points.dtype == np.float32
        np.testing.assert_allclose(np.abs(drawn.points), np.abs(pipeline.transform(features[name][cells])), atol=1e-3)
        np.testing.assert_array_equal(drawn.labels, cells % 3)


@pytest.mark.parametrize("known", [True, False])
def test_a_subsample_is_the_same_each_time_and_another_for_another_seed(known):
    features, release = made(known=known)
    one, same, other = (subsample_pca(features, release, 3, 4, seed)["train"].points for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    more = {**features, "test1": features["test1"] * 100 - 3}  # only the training set says how to rotate
    np.testing.assert_array_equal(one, subsample_pca(more, release, 3, 4)["train"].points)
    if not known:
        drawn = subsample_pca(features, release, per_well=2, components=4)
        assert drawn["train"].wells is None and np.bincount(drawn["train"].labels).tolist() == [48, 48, 48]


def test_a_subsample_is_in_random_order_and_constant_features_do_no_harm():
    release = {"train": split("train", np.repeat([0, 1, 2], 100), np.repeat([str(i) for i in range(30)], 10))}
    features = np.column_stack([np.random.default_rng(0).normal(size=(300, 3)), np.ones(300)])
    drawn = subsample_pca({"train": features}, release)["train"]
    assert abs(np.corrcoef(drawn.labels, np.arange(300))[0, 1]) < 0.2
    assert np.isfinite(drawn.points).all() and drawn.points.std(0).max() > 0.5


@pytest.mark.parametrize("by", ["well", "plate"])
@pytest.mark.parametrize("seed", range(3))
def test_halves_have_no_well_or_plate_in_common_and_lose_nothing(seed, by):
    whole, n_plates = sample([2, 7, 4]), {"well": [2, 7, 4], "plate": [2, 2, 2]}[by]
    one, other = halves(whole, seed, by)
    for k, n in enumerate(n_plates):
        names = [(h.wells if by == "well" else h.plates)[h.labels == k] for h in (one, other)]
        assert not set(names[0]) & set(names[1])
        assert [len(set(some)) for some in names] in ([n - n // 2, n // 2], [n // 2, n - n // 2])
    both = {
        tuple(p): rest for h in (one, other) for p, *rest in zip(h.points, h.labels, h.wells, h.plates, strict=True)
    }
    assert both == {
        tuple(p): rest for p, *rest in zip(whole.points, whole.labels, whole.wells, whole.plates, strict=True)
    }


@pytest.mark.parametrize(
    "wells, plates, by, kept", [([1, 4], 2, "well", {1}), ([1, 4], 3, "plate", {1}), ([3, 4], 1, "plate", set())]
)
def test_halves_leave_out_a_class_with_one_well_or_plate(wells, plates, by, kept):
    whole = sample(wells, plates)
    found = halves(whole, by=by)
    assert all(set(half.labels) == kept for half in found)
    assert sum(len(half.labels) for half in found) == np.isin(whole.labels, list(kept)).sum()
    np.testing.assert_array_equal(halves(whole, by=by)[0].points, found[0].points)
    assert not kept or not np.array_equal(halves(whole, 1, by)[0].points, found[0].points)


def test_what_a_half_goes_by_is_a_field_and_no_part_of_a_name():
    whole = sample([4, 4])
    renamed = replace(whole, wells=np.char.replace(whole.wells, "/", " "))
    np.testing.assert_array_equal(halves(whole, 1, "plate")[0].points, halves(renamed, 1, "plate")[0].points)
    unknown = replace(whole, plates=None)
    np.testing.assert_array_equal(halves(unknown, 1, "plate")[0].points, halves(whole, 1)[0].points)
    assert halves(unknown)[0].plates is None
    one, other = halves(replace(whole, wells=None, plates=None))
    assert one.wells is None and (np.abs(np.bincount(one.labels) - np.bincount(other.labels)) <= 1).all()
    assert len(one.labels) + len(other.labels) == len(whole.labels)


def test_wells_in_both_samples_are_evened_out_and_others_left():
    whole = sample([3, 3], cells=6)
    a, b = whole.part(np.arange(36) % 3 > 0), whole.part(np.arange(36) % 3 == 0)
    b = replace(b, wells=np.where(b.labels == 1, np.char.add(b.wells, "-elsewhere"), b.wells))
    for one, even in zip((a, b), even_out(a, b), strict=True):
        assert np.sum(even.labels == 1) == np.sum(one.labels == 1)
    even = even_out(a, b)
    for well in np.unique(whole.wells[whole.labels == 0]):
        counts = [np.sum(part.wells == well) for part in (a, b)]
        assert [np.sum(part.wells == well) for part in even] == [min(counts)] * 2
    assert np.array_equal(even_out(replace(a, wells=None), b)[1].points, b.points)
