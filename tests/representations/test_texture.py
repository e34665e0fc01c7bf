"""What must hold of the Texture representation."""

import dataclasses

import numpy as np
import pytest
from conftest import cells, write_split

from coos_helpers.data import Split, open_split
from coos_helpers.representations import rescale, texture
from coos_helpers.representations.haralick import FEATURES, haralick


def features(split, **options):
    return texture.features(split, progress=False, **options)


def split_of(path, images):
    return open_split(write_split(path, len(images), data=images))


@pytest.fixture(scope="module")
def some(simulated):
    """Hold some simulated cells, (n, 2, 64, 64)."""
    return simulated["train"].images[::10][:40]


def test_columns_are_what_their_names_say(tmp_path, some):
    values = features(split_of(tmp_path / "train.h5", some))
    assert values.shape == (40, 69) and values.dtype == np.float32 and len(set(texture.NAMES)) == 69
    values = dict(zip(texture.NAMES, values.T, strict=True))
    protein, nucleus = some.astype(np.float64).transpose(1, 0, 2, 3)
    low, high = protein.min((1, 2), keepdims=True), protein.max((1, 2), keepdims=True)
    unit = (protein - low) / (high - low)
    np.testing.assert_allclose(values["mean"], unit.mean((1, 2)), rtol=1e-5)
    np.testing.assert_allclose(values["sum"], unit.sum((1, 2)), rtol=1e-5)
    np.testing.assert_allclose(values["standard deviation"], unit.std((1, 2)), rtol=1e-5)
    expected = [np.corrcoef(p.ravel(), n.ravel())[0, 1] for p, n in zip(protein, nucleus, strict=True)]
    np.testing.assert_allclose(values["correlation with the nucleus"], expected, rtol=1e-5, atol=1e-6)
    levels = rescale.to_8bit(rescale.min_max(some[:, 0]))
    for distance in texture.DISTANCES:
        for name, column in zip(FEATURES, haralick(levels, (distance,)).T, strict=True):
            np.testing.assert_allclose(values[f"{name}, {distance} px"], column, rtol=1e-6, atol=1e-30)


def test_the_nucleus_is_described_as_a_protein_in_its_place_would_be(tmp_path, some):
    turned = split_of(tmp_path / "test1.h5", some[:, ::-1])
    np.testing.assert_array_equal(features(split_of(tmp_path / "train.h5", some), channel=1), features(turned))


def test_constant_images_give_finite_features(tmp_path):
    images = cells(6)
    images[1, 0], images[2, 1], images[3] = 100, 0, 65535
    values = features(split_of(tmp_path / "train.h5", images))
    assert np.isfinite(values).all()
    assert (values[1:4, -1] == 0).all()
    np.testing.assert_array_equal(values[1, :-1], values[3, :-1])


def test_the_order_and_the_size_of_batches_are_irrelevant(tmp_path, some, monkeypatch):
    split = split_of(tmp_path / "train.h5", some)
    expected = features(split)
    batches = Split.batches
    order = np.random.default_rng(0).permutation(len(split))
    for size in (1, 7, 1000):
        monkeypatch.setattr(Split, "batches", lambda self, size=size: batches(self, size, order))
        np.testing.assert_array_equal(features(split), expected)
    monkeypatch.undo()
    turned = split_of(tmp_path / "turned.h5", some[::-1])
    np.testing.assert_array_equal(features(turned)[::-1], expected)


def test_turns_and_flips_change_nothing(tmp_path, some):
    one = features(split_of(tmp_path / "one.h5", some))
    for i, turned in enumerate((np.rot90(some, 1, (2, 3)), some[..., ::-1])):
        two = features(split_of(tmp_path / f"{i}.h5", np.ascontiguousarray(turned)))
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)


def test_labels_and_places_do_not_enter_and_another_rescaling_can_be_named(release):
    split = release["train"]
    blind, values = dataclasses.replace(split, labels=split.labels * 0, plate=None, well=None), features(split)
    np.testing.assert_array_equal(values, features(blind))
    assert not np.allclose(values, features(split, rescaled=rescale.percentile))


def test_correlation_is_numpys_and_zero_with_a_constant_image():
    a, b = np.random.default_rng(0).integers(0, 65536, (2, 5, 64, 64), np.uint16)
    b[1], b[2], b[3] = a[1], 65535 - a[2], a[3] // 2 + b[3] // 2
    expected = [np.corrcoef(x.ravel(), y.ravel())[0, 1] for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(texture.correlation(a, b), expected, rtol=1e-10)
    constant = np.full_like(a, 7)
    for one, other in ((a, constant), (constant, a), (constant, constant)):
        assert (texture.correlation(one, other) == 0).all()


def test_features_of_real_cells_are_finite_and_differ(real_cells):
    split = open_split(real_cells / "COOS_yeast5_test1.hdf5")
    values = features(split)
    assert values.shape == (len(split), 69) and np.isfinite(values).all()
    assert (values.std(0) > 0).all()
