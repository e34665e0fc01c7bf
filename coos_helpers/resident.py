"""Keep a training set on the device in 16 bits, and say which of its cells each iteration takes."""

import numpy as np
import torch


def put(images, device):
    """Put raw images (n, ..., 64, 64) uint16 on the device; torch knows few operations on uint16, so as int16 bits."""
    return torch.from_numpy(np.array(images, order="C").view(np.int16)).to(device)


def counts(cells):
    """Turn resident images back into counts, float32."""
    return (cells.int() & 0xFFFF).float()


def batch(n, size, iteration, seed):
    """Take an iteration's cells, (size,) int64, from an endless sequence of shufflings of 0 to n - 1.

    It depends on nothing but its arguments: a run that was stopped needs no state of a generator to go on.
    """
    places = np.arange(iteration * size, (iteration + 1) * size)
    orders = {epoch: np.random.default_rng([seed, 0, epoch]).permutation(n) for epoch in np.unique(places // n)}
    return np.array([orders[place // n][place % n] for place in places])
