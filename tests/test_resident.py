"""What must hold of cells on the device and of the order in which a training takes them."""

import numpy as np
import pytest
import torch
from conftest import cells

from coos_helpers import resident


def test_every_count_of_16_bits_survives():
    every = np.arange(65536, dtype=np.uint16).reshape(8, 2, 64, 64)
    counts = resident.counts(resident.put(every, "cpu"))
    assert counts.dtype == torch.float32
    np.testing.assert_array_equal(counts.numpy(), every.astype(np.float32))


def test_resident_cells_take_two_bytes_a_pixel():
    held = resident.put(cells(3), "cpu")
    assert held.shape == (3, 2, 64, 64)
    assert held.element_size() * held.nelement() == cells(3).nbytes


def test_images_that_stay_on_disk_and_slices_with_gaps_are_taken_too(release):
    images = release["train"].images
    for some in (images, images[:][::-2], images[:][:, :, :, ::-1]):
        np.testing.assert_array_equal(resident.counts(resident.put(some, "cpu")).numpy(), np.asarray(some))


def test_a_single_cell_of_a_reversed_array_is_taken_too():
    np.testing.assert_array_equal(resident.counts(resident.put(cells(3)[::-1][:1], "cpu")).numpy(), cells(3)[2:])


@pytest.mark.parametrize("n, size", [(10, 3), (10, 10), (7, 20), (1, 4), (64, 8)])
def test_iterations_go_through_one_shuffling_after_another(n, size):
    batches = [resident.batch(n, size, iteration, seed=5) for iteration in range(3 * n)]
    assert {len(chosen) for chosen in batches} == {size}
    epochs = np.concatenate(batches).reshape(-1, n)
    np.testing.assert_array_equal(np.sort(epochs), np.tile(np.arange(n), (len(epochs), 1)))
    if n > 9:
        assert len({tuple(epoch) for epoch in epochs}) == len(epochs)


def test_an_iteration_depends_on_its_number_and_seed_alone():
    forwards = [resident.batch(50, 8, iteration, 3) for iteration in range(20)]
    np.random.seed(1)
    backwards = [resident.batch(50, 8, iteration, 3) for iteration in reversed(range(20))]
    np.testing.assert_array_equal(forwards, backwards[::-1])
    assert not np.array_equal(forwards, [resident.batch(50, 8, iteration, 4) for iteration in range(20)])


def test_every_cell_is_as_likely_at_every_place():
    counts = np.zeros((6, 6))
    for seed in range(600):
        counts[np.arange(6), resident.batch(6, 6, 0, seed)] += 1
    assert ((counts - 100) ** 2 / 100).sum() < 53  # chi-square with 25 degrees of freedom: exceeded once in 1,000
