"""Time the bootstrap over wells: 2,000 draws of 30,772 predictions, as of COOS-7's test4, beside a plain loop.

The loop is what one would write with numpy: find each well's cells once; then, a draw at a time, draw wells, gather
their cells, count who was right. It runs 100 draws, and its time is scaled up.

Prints seconds, ratios and both intervals, which differ by the luck of the draws only.

    python benchmarks/bootstrap.py [REPEATS]
"""

import sys
from time import perf_counter

import common
import numpy as np

from coos_helpers import metrics

DRAWS, LOOPED = 2000, 100


def main(repeats=5):
    labels, predicted, wells = cells()
    ours, loops = [], []
    for seed in range(repeats):
        start = perf_counter()
        fast = metrics.bootstrap_interval(labels, predicted, wells, DRAWS, seed=seed)
        middle = perf_counter()
        slow = loop(labels, predicted, wells, seed)
        ours.append(middle - start)
        loops.append((perf_counter() - middle) * DRAWS / LOOPED)
    ratios = np.array(loops) / ours
    print(f"well bootstrap, {DRAWS:,} draws of {len(labels):,} predictions, {repeats} repeats")
    print(f"  coos_helpers  {np.median(ours):8.3f} s   interval {fast[0]:.4f} to {fast[1]:.4f}")
    print(
        f"  plain loop    {np.median(loops):8.1f} s   interval {slow[0]:.4f} to {slow[1]:.4f} ({LOOPED} draws, scaled)"
    )
    print(f"  ratio         {np.median(ratios):8.0f}     ({ratios.min():.0f} to {ratios.max():.0f})")
    shown = float(np.median(ratios)), float(ratios.min()), float(ratios.max())
    at = f"{DRAWS:,} draws of {len(labels):,} cells"
    bar = "100 x", shown[0] >= 100
    common.keep("bootstrap", [common.line("Well bootstrap", at, "a plain numpy loop", ours, shown, *bar)])


def cells(n=30_772, classes=7, per_class=8):
    """Draw predictions of n cells in 56 wells whose sensitivities differ."""
    rng = np.random.default_rng(0)
    well = np.sort(rng.integers(0, classes * per_class, n))
    right = rng.random(n) < rng.beta(18, 2, classes * per_class)[well]
    labels = well // per_class
    return labels, np.where(right, labels, (labels + 1) % classes), well


def loop(labels, predicted, wells, seed):
    """Draw wells within classes and score their cells, one draw after the other."""
    rng, errors, right = np.random.default_rng(seed), [], labels == predicted
    of_class = [np.unique(wells[labels == label]) for label in np.unique(labels)]
    cells = [[np.flatnonzero(wells == name) for name in names] for names in of_class]
    for _ in range(LOOPED):
        drawn = [found[n] for found in cells for n in rng.integers(len(found), size=len(found) - 1)]
        drawn = np.concatenate(drawn)
        errors.append(1 - np.mean(np.bincount(labels[drawn], right[drawn]) / np.bincount(labels[drawn])))
    return np.percentile(errors, (2.5, 97.5))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
