"""Some cells of every split as points, in a file for each representation of a run."""

from dataclasses import fields

import numpy as np

from coos_helpers import store
from coos_helpers.shift.sample import Sample


def save_points(folder, representation, samples):
    """Store the points of a representation: dict from split name to `shift.Sample`, in half precision."""
    with store.atomic(folder / "points" / f"{representation}.npz") as file:
        np.savez_compressed(file, **{f"{s}/{part}": values for s in samples for part, values in parts_of(samples[s])})


def load_points(folder, representation):
    """Read the points of a representation: dict from split name to `shift.Sample`."""
    samples = {}
    with np.load(store.check_zip(folder / "points" / f"{representation}.npz")) as file:
        for name, values in file.items():
            split, _, part = name.rpartition("/")
            samples.setdefault(split, {})[part] = values.astype(np.float32) if part == "points" else values
    return {split: Sample(**{"wells": None, **parts}) for split, parts in samples.items()}


def parts_of(sample):
    """List the arrays of a sample that are there, each with its name; points in half precision, within its range."""
    parts = [(f.name, getattr(sample, f.name)) for f in fields(sample)]
    halved = np.clip(sample.points, -65504, 65504).astype(np.float16)  # which is plenty for a test
    return [(name, halved if name == "points" else values) for name, values in parts if values is not None]
