"""What must hold of pairs: another cell of the same well, any of them, and both shown as they are or flipped."""

import dataclasses

import numpy as np
import pytest
from conftest import cells, memory_split

from coos_helpers.representations import pairs


@pytest.fixture(scope="module")
def split():
    return memory_split(48)


def test_every_other_cell_of_the_group_is_as_likely_and_a_cell_alone_is_no_source():
    groups = np.array([*"aaxaaaabybbab"])
    members, sources = pairs.pairs(groups)
    assert sources.tolist() == [i for i, group in enumerate(groups) if group in "ab"]
    rng, each = np.random.default_rng(0), 4000
    for source in sources:
        targets = pairs.partners(np.full(each, source), members, rng)
        others = [i for i in range(len(groups)) if groups[i] == groups[source] and i != source]
        counts = np.bincount(targets, minlength=len(groups))[others]
        assert counts.sum() == each
        # Chi-square with 5 degrees of freedom, exceeded once in 10,000.
        assert ((counts - each / len(others)) ** 2 / (each / len(others))).sum() < 25.7


def test_groups_are_wells_with_their_plates(split):
    np.testing.assert_array_equal(pairs.groups_of(split), split.well_ids)


@pytest.mark.parametrize("unknown", [{"plate": None}, {"well": None}, {"plate": None, "well": None}], ids=str)
def test_where_no_wells_are_known_pairing_is_refused_and_by_class_must_be_asked_for(split, unknown):
    blind = dataclasses.replace(split, **unknown)
    with pytest.raises(ValueError, match="found no plates and wells; .* pair_by='class'"):
        pairs.groups_of(blind)
    expected = [split.class_names[label] for label in split.labels]
    assert pairs.groups_of(blind, pair_by="class").tolist() == expected
    assert pairs.groups_of(split, pair_by="class").tolist() == expected


def test_another_way_to_pair_and_cells_without_pairs_are_refused(split):
    with pytest.raises(ValueError, match="found pair_by = 'plate'; expected 'well' or 'class'"):
        pairs.groups_of(split, pair_by="plate")
    with pytest.raises(ValueError, match="found no well with two cells"):
        pairs.pairs(np.array(["a", "b", "c"]))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seed", range(3))
def test_a_view_is_each_channel_from_0_to_1_flipped_as_drawn(seed):
    images = cells(30)
    images[0], images[1, 1] = 7, 0
    low, high = (f(images.astype(float), (2, 3), keepdims=True) for f in (np.min, np.max))
    unit = (images - low) / np.where(high > low, high - low, 1)
    rng = np.random.default_rng(seed)
    up_down, left_right = rng.integers(0, 2, 30), rng.integers(0, 2, 30)
    found = pairs.view(images, np.random.default_rng(seed)).numpy()
    for i, image in enumerate(unit):
        image = image[:, ::-1] if up_down[i] else image
        image = image[:, :, ::-1] if left_right[i] else image
        np.testing.assert_allclose(found[i], image, rtol=1e-5, atol=1e-6)
    assert found.min() == 0 and found.max() == 1 and found.dtype == np.float32
