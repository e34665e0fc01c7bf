"""Time reading a split in batches through `Split.images`, against h5py alone with the file held open; and its key.

The split is the training set of the full-scale simulated release.
"""

import statistics
from functools import partial
from unittest.mock import patch

import common
import h5py
import numpy as np
import scale

from coos_helpers import data, store
from coos_helpers.store import keys

BATCHES = 64, 4096  # a training step's, and one for looking through a split


def main():
    split = data.open_release(scale.full_scale() / "release")["train"]
    drawn = np.random.default_rng(0).permutation(len(split))

    def ours(order, size):
        return sum(len(images) for _, images in split.batches(size, order))

    def alone(order, size):
        with h5py.File(split.path, "r") as file:
            images, done = file["data"], 0
            for start in range(0, len(split), size):
                batch = slice(start, start + size)
                if order is None:
                    part = images[batch]
                else:  # h5py takes ascending indices alone
                    cells, places = np.unique(order[batch], return_inverse=True)
                    part = images[cells][places]
                done += len(part)
        return done

    ours(None, max(BATCHES))  # so that every side finds the file in the system's cache
    lines = []
    for path, order, size in (
        *(("Reading in random order", drawn, size) for size in BATCHES),
        ("Reading in order", None, max(BATCHES)),
    ):
        times = common.race({"ours": partial(ours, order, size), "h5py": partial(alone, order, size)})
        ratios = common.ratio(times["h5py"], times["ours"])
        at = f"{len(split):,} cells, batches of {size:,}"
        against = "h5py, the file held open"
        lines.append(common.line(path, at, against, times["ours"], ratios, "0.5 x", ratios[0] >= 0.5))

    def anew():
        with patch.object(keys, "TICK", 2**63):  # as if the file were too young for its key to be noted
            store.split_key(split)

    store.split_key(split)
    times = common.race({"noted": partial(store.split_key, split), "anew": anew})
    at, against = f"{split.path.stat().st_size / 1e9:.1f} GB", "reading all bytes, as the first time"
    first = f"the first time {statistics.median(times['anew']):.1f} s"
    ratios = common.ratio(times["anew"], times["noted"])
    lines.append(common.line("The key of a split, noted", at, against, times["noted"], ratios, "", True, first))
    common.keep("reading", lines)


if __name__ == "__main__":
    main()
