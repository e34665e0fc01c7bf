"""What the benchmarks share: races in which sides take turns, and the lines that the page shows."""

import json
import os
import platform
import statistics
import time
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import numpy as np

from coos_helpers import data, pretrained, results, simulate, store, vgg16

MEASURED = Path(__file__).parent / "measured"
REPEATS = 5
CELLS = 41_456  # of COOS-7's training set


def race(sides, repeats=REPEATS):
    """Time functions in turns, in the other order each time: dict from name to seconds, one a repeat."""
    times = {name: [] for name in sides}
    for repeat in range(repeats):
        for name in list(sides)[:: 1 if repeat % 2 else -1]:
            start = perf_counter()
            sides[name]()
            times[name].append(perf_counter() - start)
    return times


def ratio(slow, fast):
    """Divide two sides' seconds repeat by repeat: median, lowest and highest."""
    ratios = sorted(a / b for a, b in zip(slow, fast, strict=True))
    return statistics.median(ratios), ratios[0], ratios[-1]


def line(path, at, against, seconds, ratios, bar, reached, note=""):
    """Make a line of the page's table, and print it.

    Parameters
    ----------
    path : what is timed. at : on how much. against : what you would take instead.
    seconds : ours. ratios : from `ratio`. bar : in words. reached : whether. note : in a few words.
    """
    median, low, high = ratios
    shown = f"{median:.3g}" if low == high else f"{median:.3g} ({low:.3g} to {high:.3g})"
    made = {"path": path, "at": at, "against": against, "ours (s)": f"{statistics.median(np.atleast_1d(seconds)):.3g}"}
    made |= {"ratio": shown, "bar": bar, "reached": "yes" if reached else "no", "note": note}
    print("; ".join(f"{key}: {value}" for key, value in made.items() if value), flush=True)
    return made


def keep(name, lines):
    """Write the lines of a benchmark beside it, with the machine and the day, for the page."""
    MEASURED.mkdir(exist_ok=True)
    about = {"machine": machine(), "made": time.strftime("%Y-%m-%d")}
    about |= {p: version(p) for p in ("numpy", "scikit-learn", "torch", "numba")}
    with store.atomic(MEASURED / f"{name}.json") as file:
        file.write(json.dumps({"about": about, "lines": lines}, indent=1).encode() + b"\n")


def machine():
    """Describe the machine: processor, cores, memory, GPU."""
    try:
        text = Path("/proc/cpuinfo").read_text()
        model = next(text.split(":", 1)[1].strip() for text in text.splitlines() if text.startswith("model name"))
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        return f"{model}, {results.machine()}, {memory:.0f} GiB"
    except (OSError, StopIteration):
        return f"{platform.processor()}, {results.machine()}"


def conv4_1(cells, seed=0):
    """Features of VGG16's conv4_1 of simulated training cells: (cells, 512), labels, and the network's name; kept."""
    try:
        weights, name = pretrained.load(), "VGG16"
    except pretrained.WeightsError:
        weights, name = None, "VGG16 (untrained)"
    drawn = CELLS if seed == 0 else cells  # of the first seed all, of which a benchmark takes some
    key = store.key(cells=drawn, seed=seed, weights=pretrained.key(weights), code=store.source_key("vgg16"))
    place = store.root() / "benchmarks" / f"{key}.npz"
    if not place.exists():
        made = simulate.draw("train", drawn, seed)
        places = made.labels, made.plate, made.well
        split = data.Split("train", None, made.images, *places, data.CLASS_NAMES, "simulated")
        found = vgg16.features(split, weights, layers=("conv4_1",))["conv4_1"]
        with store.atomic(place) as file:
            np.savez(file, features=found, labels=made.labels)
    with np.load(place) as file:
        order = np.random.default_rng(0).permutation(drawn)[:cells]
        return file["features"][order], file["labels"][order], name
