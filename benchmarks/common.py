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

from coos_helpers import store
from coos_helpers.results import register

MEASURED = Path(__file__).parent / "measured"
REPEATS = 5


def race(sides, repeats=REPEATS):
    """Time functions in turns, in the other order each time: dict from name to seconds, one a repeat."""
    times = {name: [] for name in sides}
    for repeat in range(repeats):
        for name in list(sides)[:: 1 if repeat % 2 else -1]:
            start = perf_counter()
            sides[name]()
            times[name].append(perf_counter() - start)
            print(f"turn {repeat + 1} of {repeats}, {name}: {times[name][-1]:.3g} s", flush=True)
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
    seconds : ours. ratios : from `ratio`; None where there is nothing to divide by, infinity as the highest where the
        other side was stopped.
    bar : in words. reached : whether. note : in a few words.
    """
    median, low, high = ratios or (None,) * 3
    shown = f"{median:.3g} ({low:.3g} to {high:.3g})" if low != high else f"{median:.3g}" if ratios else "–"
    shown = f"at least {low:.3g}" if high == np.inf else shown
    ours = statistics.median(np.atleast_1d(seconds))
    ours = f"{ours:,.0f}" if ours >= 1000 else f"{ours:.3g}"
    made = {"path": path, "at": at, "against": against, "ours (s)": ours}
    made |= {"ratio": shown, "bar": bar, "reached": ("yes" if reached else "no") if bar else "", "note": note}
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
        return f"{model}, {register.machine()}, {memory:.0f} GiB"
    except (OSError, StopIteration):
        return f"{platform.processor()}, {register.machine()}"
