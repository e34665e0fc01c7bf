"""The pairs of paired cell inpainting: cells by group, a partner for each, and how both are shown to the network."""

import numpy as np
import torch

from coos_helpers.representations.stretch import extremes, stretch
from coos_helpers.representations.training import put


def groups_of(split, pair_by="well"):
    """Name what a source and its target share: (N,) str, or a ValueError where no wells are known.

    `pair_by` is `well`, the nearest thing to the original's images; `class` hands the labels to a method that is meant
    to do without, and what is made so must carry that word.
    """
    if pair_by == "class":
        return np.array(split.class_names)[split.labels]
    if pair_by != "well":
        raise ValueError(f"found pair_by = {pair_by!r}; expected 'well' or 'class'.")
    if split.well_ids is None:
        raise ValueError(
            f"{split.path or split.name}: found no plates and wells; paired cell inpainting pairs cells of one well. "
            "Pairing by class would hand the labels to a method that is meant to do without: ask for it by name, "
            "pair_by='class'."
        )
    return split.well_ids


def pairs(groups):
    """Sort cells by their groups, (N,) str: what `partners` needs, and the indices of the cells that have a partner.

    ValueError where no group has two cells.
    """
    _, group, size = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.argsort(group, kind="stable")
    first, size = (np.cumsum(size) - size)[group], size[group]
    sources = np.flatnonzero(size > 1)
    if not len(sources):
        raise ValueError("found no well with two cells; paired cell inpainting needs pairs from one well.")
    return (order, first, size, np.argsort(order) - first), sources


def partners(source, members, rng):
    """Draw each source's target, uniformly from the other cells of its group: (n,) int64, by a numpy generator."""
    order, *known = members
    first, size, place = (values[source] for values in known)
    return order[first + (place + rng.integers(1, size)) % size]


def augment(cells, bounds, chosen, rng):
    """Show the chosen cells, indices (n,), as the training does: each channel from 0 to 1, flipped at random.

    Cells are from `training.put`, and bounds their `extremes`. Each flip has a chance of 1/2, drawn from a numpy
    generator; all is done at once on the device: (n, 2, 64, 64) float32.
    """
    at = torch.from_numpy(chosen).to(cells.device)
    x = stretch(cells[at], bounds[at])
    for axis in (2, 3):
        flip = torch.from_numpy(rng.integers(0, 2, len(chosen)).astype(bool)).to(cells.device)
        x = torch.where(flip[:, None, None, None], x.flip(axis), x)
    return x


def view(images, rng):
    """Show images (n, 2, 64, 64) uint16 as the training does, by `augment`: a tensor on the CPU."""
    cells = put(images, "cpu")
    return augment(cells, extremes(cells), np.arange(len(cells)), rng)
