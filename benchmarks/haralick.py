"""Time Haralick's features: the compiled kernel against mahotas, on the same cells, in one run.

Prints milliseconds a cell and the ratio, median and range over the repeats.
"""

import os
import statistics
import tempfile
from functools import partial

import common
import mahotas
import numpy as np

from coos_helpers import data, simulate
from coos_helpers.representations import rescale, texture
from coos_helpers.representations.haralick import haralick

CELLS = 200  # for mahotas, which is slow; the kernel gets twenty times as many


def main():
    with tempfile.TemporaryDirectory() as folder:
        release = data.open_release(simulate.simulate(folder, scale=0.1, seed=0))
        cells = rescale.to_8bit(rescale.min_max(release["train"].images[: 20 * CELLS][:, 0]))
    sides = {
        "mahotas, 1 core": (by_mahotas, cells[:CELLS]),
        "coos_helpers, 1 core": (lambda x: haralick(x, texture.DISTANCES, n_jobs=1), cells),
        f"coos_helpers, {os.cpu_count()} cores": (lambda x: haralick(x, texture.DISTANCES), cells),
    }
    difference = np.abs(haralick(cells[:CELLS], texture.DISTANCES) / by_mahotas(cells[:CELLS]) - 1).max()
    raced = common.race({name: partial(run, images) for name, (run, images) in sides.items()})
    times = {name: [1e3 * seconds / len(sides[name][1]) for seconds in spent] for name, spent in raced.items()}
    print(f"13 features, 5 distances, 64 x 64 pixels; largest relative difference {difference:.1e}")
    print(f"{'':24}{'ms a cell':>12}{'ratio to mahotas (range)':>30}")
    for name, spent in times.items():
        median, low, high = common.ratio(times["mahotas, 1 core"], spent)
        print(f"{name:24}{statistics.median(spent):12.3f}{f'{median:.1f} ({low:.1f} to {high:.1f})':>30}")
    slow, one, all_cores = times.values()
    at, whole = f"{len(cells):,} cells", len(cells) / 1e3  # milliseconds a cell, to seconds
    alone, more = common.ratio(slow, one), common.ratio(one, all_cores)
    good = alone[0] >= 50 and difference <= 1e-9
    ours, faster = ([t * whole for t in spent] for spent in (one, all_cores))
    lines = [
        ("Haralick, 5 distances", at, "mahotas, one core", ours, alone, "50 x, equal to 1e-9", good),
        ("Haralick, all cores", at, "ours, one core", faster, more, "1.8 x", more[0] >= 1.8),
    ]
    notes = f"mahotas on {CELLS} of them; largest relative difference {difference:.0e}", f"{os.cpu_count()} cores"
    common.keep("haralick", [common.line(*line, note) for line, note in zip(lines, notes, strict=True)])


def by_mahotas(cells):
    rows = [[mahotas.features.haralick(c, distance=d, return_mean=True) for d in texture.DISTANCES] for c in cells]
    return np.array(rows).reshape(len(cells), -1)


if __name__ == "__main__":
    main()
