"""Time reading a split in batches of cells drawn at random, against one read of everything.

The split is the training set of the full-scale simulated release.
"""

import tracemalloc
from functools import partial

import common
import h5py
import numpy as np

from coos_helpers import data

BATCHES = 64, 4096  # a training step's, and one for reading fast


def main():
    split = data.open_release(common.full_scale() / "release")["train"]
    order = np.random.default_rng(0).permutation(len(split))

    def at_once():
        with h5py.File(split.path) as file:
            return file["data"][:]

    def at_random(size):
        return sum(len(split.images[order[n : n + size]]) for n in range(0, len(order), size))

    def in_order():
        return sum(len(images) for _, images in split.batches(max(BATCHES)))

    at_once()  # so that every side finds the file in the system's cache
    sides = {size: partial(at_random, size) for size in BATCHES}
    times = common.race(sides | {"in order": in_order, "at once": at_once})
    lines, against = [], "one h5py read of everything"
    for size in BATCHES:
        tracemalloc.start()
        at_random(size)
        most, whole = (bytes / 2**20 for bytes in (tracemalloc.get_traced_memory()[1], split.path.stat().st_size))
        tracemalloc.stop()
        at, ratios = f"{len(split):,} cells, batches of {size:,}", common.ratio(times["at once"], times[size])
        bar = "0.5 x", ratios[0] >= 0.5, f"{most:.0f} MiB at most, of {whole:.0f}"
        lines.append(common.line("Reading in random order", at, against, times[size], ratios, *bar))
    ratios = common.ratio(times["at once"], times["in order"])
    lines.append(common.line("Reading in order", at, against, times["in order"], ratios, "", True))
    common.keep("reading", lines)


if __name__ == "__main__":
    main()
