"""Time the bootstrap over wells: 2,000 draws of 30,772 predictions, as of COOS-7's test4, beside a plain loop.

The loop is what one would write with numpy: find each well's cells once; then, a draw at a time, draw wells, gather
their cells, count who was right. It runs 100 draws, and what these take after the cells are found is scaled up.

Prints seconds, ratios and both intervals, which differ by the luck of the draws only.
"""

from time import perf_counter

import common
import numpy as np

from coos_helpers import metrics

DRAWS, LOOPED = 2000, 100


def main():
    labels, predicted, wells = cells()
    found, loops = {}, []

    def ours():
        found["coos_helpers"] = metrics.bootstrap_interval(labels, predicted, wells, DRAWS, seed=0)

    def theirs():
        seconds, found["plain loop"] = loop(labels, predicted, wells)
        loops.append(seconds)

    ours()  # warms up
    times = common.race({"coos_helpers": ours, "plain loop": theirs})["coos_helpers"]
    for side, (low, high) in found.items():
        print(f"{side}: interval {low:.4f} to {high:.4f}")
    ratios = common.ratio(loops, times)
    at = f"{DRAWS:,} draws of {len(labels):,} cells"
    note = f"the loop runs {LOOPED} draws, scaled up"
    shown = at, "a plain numpy loop", times, ratios, "100 x", ratios[0] >= 100, note
    common.keep("bootstrap", [common.line("Well bootstrap", *shown)])


def cells(n=30_772, classes=7, per_class=8):
    """Draw predictions of n cells in 56 wells whose sensitivities differ."""
    rng = np.random.default_rng(0)
    well = np.sort(rng.integers(0, classes * per_class, n))
    right = rng.random(n) < rng.beta(18, 2, classes * per_class)[well]
    labels = well // per_class
    return labels, np.where(right, labels, (labels + 1) % classes), well


def loop(labels, predicted, wells):
    """Draw wells within classes and score their cells, one draw after the other: seconds for all draws, interval."""
    start = perf_counter()
    rng, errors, right = np.random.default_rng(0), [], labels == predicted
    of_class = [np.unique(wells[labels == label]) for label in np.unique(labels)]
    cells = [[np.flatnonzero(wells == name) for name in names] for names in of_class]
    begun = perf_counter()
    for _ in range(LOOPED):
        drawn = [found[n] for found in cells for n in rng.integers(len(found), size=len(found) - 1)]
        drawn = np.concatenate(drawn)
        errors.append(1 - np.mean(np.bincount(labels[drawn], right[drawn]) / np.bincount(labels[drawn])))
    seconds = begun - start + (perf_counter() - begun) * DRAWS / LOOPED
    return seconds, np.percentile(errors, (2.5, 97.5))


if __name__ == "__main__":
    main()
