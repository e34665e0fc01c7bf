"""Time reading a split in batches of cells drawn at random, against one read of everything.

The split is the training set of the full-scale simulated release.
"""

import tracemalloc

import common
import h5py
import numpy as np

from coos_helpers import data

BATCH = 4096


def main():
    split = data.open_release(common.full_scale() / "release")["train"]
    order = np.random.default_rng(0).permutation(len(split))

    def at_once():
        with h5py.File(split.path) as file:
            return file["data"][:]

    def at_random():
        return sum(len(split.images[np.sort(order[n : n + BATCH])]) for n in range(0, len(order), BATCH))

    def in_order():
        return sum(len(images) for _, images in split.batches(BATCH))

    at_once()  # so that every side finds the file in the system's cache
    times = common.race({"random": at_random, "in order": in_order, "at once": at_once})
    tracemalloc.start()
    at_random()
    note = f"{tracemalloc.get_traced_memory()[1] / 2**20:.0f} MiB at most, of {split.path.stat().st_size / 2**20:.0f}"
    at, against = f"{len(split):,} cells, batches of {BATCH:,}", "one h5py read of everything"
    random, ordered = (common.ratio(times["at once"], times[side]) for side in ("random", "in order"))
    common.keep(
        "reading",
        [
            common.line(
                "Reading in random order", at, against, times["random"], random, "0.5 x", random[0] >= 0.5, note
            ),
            common.line("Reading in order", at, against, times["in order"], ordered, "", True),
        ],
    )


if __name__ == "__main__":
    main()
