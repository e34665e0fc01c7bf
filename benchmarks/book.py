"""Time `make book` in the profile quick: cold, with nothing changed, and with one chapter edited.

It runs on a copy of the project's own files in a folder of its own, with the packages that are installed already. The
edited chapter gets one more sentence at its end; its own time is what the build says of it.

    python benchmarks/book.py [CHAPTER]
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import common

PROJECT = Path(__file__).resolve().parent.parent
MOVED = shutil.ignore_patterns(".venv", "_build", ".git", "__pycache__")


def main(chapter="00-start-here"):
    with tempfile.TemporaryDirectory() as place:
        project = shutil.copytree(PROJECT, Path(place) / "book", ignore=MOVED)
        cold, _ = build(project)
        still = [build(project)[0] for _ in range(common.REPEATS)]
        source = project / "notebooks" / f"{chapter}.md"
        edited, own = [], []
        for repeat in range(common.REPEATS):
            with open(source, "a") as file:
                file.write(f"\nEdited {repeat + 1} times.\n")
            seconds, said = build(project)
            edited.append(seconds)
            own.append(float(re.search(rf"{chapter}: done in (\d+) s", said)[1]))
    more = sorted(a - b for a, b in zip(edited, own, strict=True))
    at, nothing, bar = "profile quick, after set-up", f"{min(still):.1f} to {max(still):.1f} s", "its own time + 20 s"
    on_top = f"on top of its own time {more[0]:.1f} to {more[-1]:.1f} s"
    lines = [("cold", cold, "under 18 min", cold < 1080, f"{cold / 60:.1f} min, once")]
    lines += [("nothing changed", still, "under 20 s", max(still) < 20, nothing)]
    lines += [(f"{chapter} edited", edited, bar, more[-1] < 20, on_top)]
    kept = [common.line(f"make book, {what}", at, "–", seconds, None, *rest) for what, seconds, *rest in lines]
    common.keep("book", kept)


def build(project):
    """Run `make book` and return its seconds and what it said."""
    start = perf_counter()
    # The packages are those of the Python that runs this; only the project itself is the copy.
    environment = os.environ | {"PYTHONPATH": str(project), "COOS_BUILD": str(project / "_build")}
    command = [sys.executable, project / "book" / "build.py"]
    done = subprocess.run(command, cwd=project, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return perf_counter() - start, done.stdout


if __name__ == "__main__":
    main(*sys.argv[1:])
