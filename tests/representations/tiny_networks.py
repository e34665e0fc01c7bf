"""Trainings of a moment, of both networks, which tests stop, kill and compare."""

import numpy as np
import torch
from conftest import cells, memory_split

from coos_helpers.representations import deeploc, inpainting


def train_deeploc(folder, **options):
    """Go 10 steps with a network of 2 to 8 channels."""
    given = dict(images=cells(35), labels=np.arange(35) % 7, width=0.03, iterations=10, decay_every=2, save_every=3)
    return deeploc.train(folder=folder, **{**given, "batch": 8, "device": "cpu", "progress": False, **options})


def train_pci(folder, split=None, **options):
    """Go 12 steps (2 epochs of 48 cells in batches of 8) with a network of 1 to 12 channels."""
    split = memory_split(48) if split is None else split
    given = dict(images=split.images, groups=inpainting.groups_of(split), width=0.03, epochs=2, save_every=4)
    return inpainting.train(folder=folder, **{**given, "batch": 8, "device": "cpu", "progress": False, **options})


TRAIN = {"deeploc": train_deeploc, "pci": train_pci}


def same(one, other):
    """Compare two networks' weights to the last bit."""
    one, other = one.state_dict(), other.state_dict()
    return list(one) == list(other) and all(torch.equal(one[name], other[name]) for name in one)


def adam(monkeypatch, watch):
    """Let `watch` see what Adam is told, before each step."""
    real = torch.optim.Adam.step
    monkeypatch.setattr(
        torch.optim.Adam,
        "step",
        lambda self, *args, **options: watch(*self.param_groups) or real(self, *args, **options),
    )
