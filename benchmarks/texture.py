"""Time the whole extraction of Texture, from a file to 69 features a cell, against the sum of its parts, in one run.

The parts are: reading, the rescaling to 8 bits, Haralick's features, the three moments and the correlation. Each goes
over the same cells by itself, on one core, with what it needs ready in memory. What `scale.py` measured
of the full-scale release on this machine is shown as well, if it is there.

    python benchmarks/texture.py [RELEASE]
"""

import json
import sys
import tempfile

import common
import numpy as np

from coos_helpers import data, simulate, store
from coos_helpers.representations import rescale, texture
from coos_helpers.representations.haralick import haralick


def main(folder=None):
    with tempfile.TemporaryDirectory() as made:
        split = data.open_release(folder or simulate.simulate(made, scale=0.1, seed=0))["train"]
        pieces = [images for _, images in split.batches()]
        units = [rescale.min_max(images[:, 0]) for images in pieces]
        grey = [rescale.to_8bit(unit) for unit in units]

        def moments():
            for unit in units:
                pixels = unit.reshape(len(unit), -1).astype(np.float64)
                pixels.mean(1), pixels.sum(1), pixels.std(1)

        parts = {
            "reading": lambda: sum(len(images) for _, images in split.batches()),
            "rescaling": lambda: [rescale.to_8bit(rescale.min_max(images[:, 0])) for images in pieces],
            "Haralick": lambda: [haralick(images, texture.DISTANCES, n_jobs=1) for images in grey],
            "moments": moments,
            "correlation": lambda: [texture.correlation(images[:, 0], images[:, 1]) for images in pieces],
        }
        times = common.race(parts | {"whole": lambda: texture.features(split, progress=False)})
    together = [sum(spent) for spent in zip(*(times[part] for part in parts), strict=True)]
    shares = ", ".join(f"{part} {np.median(times[part]) / np.median(together):.0%}" for part in parts)
    at, note = f"{len(split):,} cells", f"the whole as a multiple of the sum, of which {shares}"
    shown = at, "the sum of its parts, one core", times["whole"], common.ratio(times["whole"], together)
    lines = [common.line("Whole Texture extraction", *shown, "", True, note)]
    kept = store.root() / "scale" / "1" / "texture.json"
    full = json.loads(kept.read_text()) if kept.exists() else {}
    if full.get("machine") == common.machine():
        good = full["seconds"] < 180 and full["GiB"] < 1.5
        at, note = f"{full['cells']:,} cells", f"once; {full['GiB']:.2f} GiB at most"
        bar = "under 3 min and 1.5 GiB"
        lines.append(common.line("Whole Texture extraction", at, "–", full["seconds"], None, bar, good, note))
    common.keep("texture", lines)


if __name__ == "__main__":
    main(*sys.argv[1:])
