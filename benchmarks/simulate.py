"""Time the simulator at three sizes, in one run: whether time grows in proportion to the number of cells.

Each size is a process of its own, as a user would start it, with a folder that is deleted afterwards. Prints cells,
seconds, milliseconds a cell and the largest memory, and at last the exponent of the growth (1 is in proportion).
"""

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

from coos_helpers.simulate.layout import layout

SCALES = (0.05, 0.1, 0.2)


def main():
    draw(0.005)  # compiles what is not compiled yet
    print(f"coos simulate on {os.cpu_count()} cores")
    print(f"{'cells':>8}{'seconds':>10}{'ms a cell':>12}{'MiB at most':>13}")
    cells, seconds = [], []
    for scale in SCALES:
        cells.append(sum(well.cells for wells in layout(scale, 0).values() for well in wells))
        seconds.append(draw(scale))
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024  # Linux counts in KiB
        print(f"{cells[-1]:8,}{seconds[-1]:10.1f}{1e3 * seconds[-1] / cells[-1]:12.2f}{memory:13.0f}")
    print(f"time grows with cells to the power of {np.polyfit(np.log(cells), np.log(seconds), 1)[0]:.2f}")


def draw(scale):
    """Draw a release of a size and return the seconds that it took."""
    with tempfile.TemporaryDirectory() as folder:
        start = perf_counter()
        command = [Path(sys.executable).with_name("coos"), "simulate", folder, "--scale", str(scale)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return perf_counter() - start


if __name__ == "__main__":
    main()
