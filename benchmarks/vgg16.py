"""Time VGG16's 13 layers: ours against a bare pass of the network on tensors that lie ready, and thirteen passes."""

import common
import torch

from coos_helpers import data, published, simulate
from coos_helpers.representations import training, vgg16

CELLS, FEW = 4032, 64  # the thirteen passes are slow


def main():
    drawn = simulate.draw("train", CELLS)
    places = drawn.labels, drawn.plate, drawn.well
    split = data.Split("train", None, drawn.images, *places, published.CLASS_NAMES, "simulated")
    device = training.choose_device()
    model = vgg16.network().to(device, memory_format=torch.channels_last)
    ready = torch.rand(FEW, 3, 64, 64, device=device).contiguous(memory_format=torch.channels_last)
    size = 8 if device.type == "cpu" else 64

    def bare():
        with torch.inference_mode():
            for _ in range(CELLS // size):
                model(ready[:size])

    def thirteen():
        with torch.inference_mode():
            for depth in [n + 2 for n, m in enumerate(model) if isinstance(m, torch.nn.Conv2d)]:
                model[:depth](ready).amax((2, 3))

    weights = {f"features.{name}": values for name, values in vgg16.network().state_dict().items()}

    def ours():
        vgg16.features(split, weights, batch=size, device=device, progress=False)

    bare()
    times = common.race({"ours": ours, "bare": bare, "thirteen": thirteen})
    thirteen_times = [seconds * CELLS / FEW for seconds in times["thirteen"]]
    at = f"{CELLS:,} cells, {device}"
    slower = common.ratio(times["ours"], times["bare"])
    faster = common.ratio(thirteen_times, times["ours"])
    path = "VGG16, 13 layers"
    note = f"the whole extraction's time as a multiple of the bare pass, both in batches of {size}"
    common.keep(
        "vgg16",
        [
            common.line(path, at, "one bare pass", times["ours"], slower, "at most 1.15 x", slower[0] <= 1.15, note),
            common.line(
                path, at, "thirteen passes", times["ours"], faster, "", True, f"thirteen passes on {FEW} of them"
            ),
        ],
    )


if __name__ == "__main__":
    main()
