"""What must hold of the Texture representation."""

import dataclasses

import numpy as np
import pytest
from conftest import cells, memory_split, write_split

from coos_helpers import rescale, texture
from coos_helpers.data import Split, open_split
from coos_helpers.haralick import FEATURES, haralick


def features(split, **options):
    return texture.features(split, progress=False, **options)


def split_of(path, images):
    return open_split(write_split(path, len(images), data=images))


@pytest.fixture(scope="module")
def some(simulated):
    """Hold 40 simulated cells, (40, 2, 64, 64)."""
    return simulated["train"].images[::21][:40]


def test_there_are_69_columns_with_names(release):
    values = features(release["train"])
    assert values.shape == (14, 69) == (14, len(texture.NAMES)) and values.dtype == np.float32
    assert len(set(texture.NAMES)) == 69
    assert texture.NAMES[0] == "angular second moment, 1 px"
    assert texture.NAMES[13 * 4 + 8] == "entropy, 16 px"
    assert len(texture.DISTANCES) == 5


def test_columns_are_what_their_names_say(tmp_path, some):
    values = dict(zip(texture.NAMES, features(split_of(tmp_path / "train.h5", some)).T, strict=True))
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


def test_the_nucleus_enters_only_the_correlation(tmp_path, some):
    other = some.copy()
    other[:, 1] = cells(len(some))[:, 1]
    one, two = (features(split_of(tmp_path / f"{i}.h5", images)) for i, images in enumerate((some, other)))
    np.testing.assert_array_equal(one[:, :-1], two[:, :-1])
    assert (one[:, -1] != two[:, -1]).all()


@pytest.mark.parametrize("gain, offset", [(1, 1000), (2, 0), (3, 77)])
def test_gain_and_offset_of_the_camera_leave_no_trace(tmp_path, some, gain, offset):
    counts = np.minimum(some, 20000)
    one = features(split_of(tmp_path / "one.h5", counts))
    two = features(split_of(tmp_path / "two.h5", counts * gain + offset))
    # Rounding to 8 bits may fall to the other side of a half for a few pixels of a few cells.
    close = np.isclose(one, two, rtol=1e-5, atol=1e-6).all(1)
    assert close.mean() > 0.8
    np.testing.assert_allclose(one, two, rtol=0.02, atol=1e-3)


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


def test_labels_and_places_do_not_enter(release):
    split = release["train"]
    blind = dataclasses.replace(split, labels=np.zeros(len(split), int), plate=None, well=None, name="test1")
    np.testing.assert_array_equal(features(split), features(blind))


def test_another_rescaling_can_be_named(tmp_path, some):
    split = split_of(tmp_path / "train.h5", some)
    values = features(split, rescaled=rescale.percentile)
    assert np.isfinite(values).all() and not np.allclose(values, features(split))


@pytest.mark.parametrize("seed", range(3))
def test_correlation_is_numpys(seed):
    a, b = np.random.default_rng(seed).integers(0, 65536, (2, 5, 64, 64), np.uint16)
    b[1], b[2], b[3] = a[1], 65535 - a[2], a[3] // 2 + b[3] // 2
    expected = [np.corrcoef(x.ravel(), y.ravel())[0, 1] for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(texture.correlation(a, b), expected, rtol=1e-10)
    assert texture.correlation(a, b)[1:3] == pytest.approx([1, -1])


def test_correlation_with_a_constant_image_is_zero():
    a = cells(1)[:, 0]
    constant = np.full_like(a, 7)
    for one, other in ((a, constant), (constant, a), (constant, constant)):
        assert texture.correlation(one, other).tolist() == [0]


def test_features_of_real_cells_are_finite_and_differ(real_cells):
    split = open_split(real_cells / "COOS_yeast5_test1.hdf5")
    values = features(split)
    assert values.shape == (len(split), 69) and np.isfinite(values).all()
    assert (values.std(0) > 0).all()


def test_stored_features_are_the_features_and_are_computed_once(monkeypatch):
    split = memory_split(6)
    first = texture.stored(split)
    np.testing.assert_array_equal(first, texture.features(split, progress=False))
    monkeypatch.setattr(texture, "features", lambda *_, **__: pytest.fail("computed again"))
    np.testing.assert_array_equal(texture.stored(split), first)


def test_stored_features_of_another_rescaling_are_others():
    split = memory_split(6)
    assert (texture.stored(split, rescale.percentile) != texture.stored(split)).any()


def test_a_rescaling_of_a_readers_own_is_not_stored():
    def min_max(images):
        return rescale.min_max(images) ** 2

    for own in (min_max, lambda images: images / 65_535):
        with pytest.raises(ValueError, match="expected one of coos_helpers.rescale.*call `features`"):
            texture.stored(memory_split(6), own)
