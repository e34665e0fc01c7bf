"""Time a training step of DeepLoc and of PCI: all of it, and bare, on tensors that lie ready.

What the whole step has on top is the handling of data: cells chosen, stretched, cropped, flipped and turned, on the
device. Prints seconds a step and the share that data handling adds, median and range over the repeats; both sides take
turns.
"""

import statistics

import common
import numpy as np
import torch
from torch.nn import functional

from coos_helpers import simulate
from coos_helpers.representations import deeploc, inpainting, stretch, training

REPEATS, BATCH, CELLS = 9, 64, 700


def main():
    device, drawn = training.choose_device(), simulate.draw("train", CELLS)
    cells, labels = training.put(drawn.images, device), torch.from_numpy(drawn.labels).to(device)
    rng, (members, sources) = np.random.default_rng(0), inpainting.pairs(drawn.well_ids)
    spread = stretch.percentiles(cells)
    ends = stretch.extremes(cells)

    def crops():
        chosen = torch.from_numpy(training.batch_of(CELLS, BATCH, 0, 0)).to(device)
        return deeploc.augment(cells[chosen], spread[chosen], rng), labels[chosen]

    def pair():
        source = sources[training.batch_of(len(sources), BATCH, 0, 0)]
        target = inpainting.partners(source, members, rng)
        return tuple(inpainting.augment(cells, ends, chosen, rng) for chosen in (source, target))

    def named(m, x, y):
        return functional.cross_entropy(m(x), y)

    def painted(m, x, y):
        return functional.mse_loss(m(x, y[:, 1:]), y[:, :1])

    networks = {}
    for width in (0.125, 1.0):  # of the profile quick, and the paper's
        networks[f"DeepLoc, width {width:g}"] = (deeploc.DeepLoc(width=width), crops, named)
        networks[f"PCI, width {width:g}"] = (inpainting.PairedCellInpainting(width), pair, painted)
    print(f"one step, batch {BATCH}, {device}, {torch.get_num_threads()} threads; {REPEATS} repeats")
    print(f"{'':24}{'bare (s)':>10}{'whole (s)':>10}{'data handling adds (range)':>32}")
    lines = []
    for name, (model, load, loss) in networks.items():
        model = model.to(device, memory_format=torch.channels_last)
        ready = load()
        sides = {"bare": lambda m=model, s=loss, r=ready: s(m, *r).backward()}
        sides["whole"] = lambda m=model, s=loss, make=load: s(m, *make()).backward()
        times = common.race(sides, REPEATS + 1)  # the first warms up
        bare, whole = (statistics.median(spent[1:]) for spent in times.values())
        ratios = common.ratio(times["whole"][1:], times["bare"][1:])
        shown = f"{ratios[0] - 1:.1%} ({ratios[1] - 1:.1%} to {ratios[2] - 1:.1%})"
        print(f"{name:24}{bare:10.3f}{whole:10.3f}{shown:>32}")
        if not name.endswith("width 1"):
            continue
        at, against = f"batch {BATCH}, {device}, full width", "bare forward and backward"
        note = f"a step with its data as a multiple of the bare step; {REPEATS} repeats"
        path = f"Training step of {name.split(',')[0]}"
        lines.append(common.line(path, at, against, whole, ratios, "at most 1.05 x", ratios[0] <= 1.05, note))
    common.keep("training", lines)


if __name__ == "__main__":
    main()
