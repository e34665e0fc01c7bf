"""Let chapters take turns: some side by side, each as soon as those that it reads are there, with one line for all."""

import os
import re
import shutil
import sys
from queue import SimpleQueue
from threading import Lock, Thread

from joblib import cpu_count

AT_ONCE = 4  # more would fill the memory before the cores


def share():
    """Say how many chapters run side by side here, and give each its part of the cores; networks share no GPU."""
    import torch  # here, as it loads slowly

    at_once = 1 if torch.cuda.is_available() else min(AT_ONCE, cpu_count())
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "LOKY_MAX_CPU_COUNT"):
        os.environ.setdefault(name, str(cpu_count() // at_once))
    return at_once


def in_turn(reads, work, at_once):
    """Do some work for each chapter, some at once: those first that most others wait for, then the book's last.

    The last ones simulate the most; to begin with them leaves short ones for the end, when a core would be idle.

    Parameters
    ----------
    reads : dict from chapter, in the book's order, to the chapters that it waits for.
    work : function of a chapter's name and of what the chapters before it gave, a dict.
    at_once : how many at most.

    Returns
    -------
    dict from chapter to what the work gave. The first error is raised at once, whatever still runs.
    """
    given, todo, ended, running = {}, list(reads)[::-1], SimpleQueue(), 0
    todo.sort(key=lambda name: -sum(name in others for others in reads.values()))

    def one(name, known):
        try:
            ended.put((name, work(name, known), None))
        except BaseException as error:
            ended.put((name, None, error))

    while todo or running:
        for name in [name for name in todo if all(other in given for other in reads[name])][: at_once - running]:
            todo.remove(name)
            running += 1
            Thread(target=one, args=(name, dict(given)), daemon=True).start()
        name, found, error = ended.get()
        running -= 1
        if error:
            raise error
        given[name] = found
    return given


class Line:
    """Keep one line on stderr for the progress bars of all chapters that run: what, how far, how long still."""

    def __init__(self):
        self.lock, self.bars, self.shown = Lock(), {}, ""

    def clear(self):
        """Take the line away, so that something else can be said."""
        with self.lock:
            self._show("")

    def of(self, chapter):
        """Give what papermill writes a chapter's stderr to."""
        return _Bar(self, chapter)

    def update(self, chapter, bar):
        """Show a chapter that runs and its latest bar, if there is one; None takes it away."""
        with self.lock:
            self.bars[chapter] = bar
            told = (": ".join(filter(None, [name, bar])) for name, bar in sorted(self.bars.items()) if bar is not None)
            self._show(" | ".join(told)[: shutil.get_terminal_size().columns - 1])

    def _show(self, text):
        if text != self.shown:
            sys.stderr.write(f"\r{' ' * len(self.shown)}\r{text}")
            sys.stderr.flush()
            self.shown = text


class _Bar:
    """Stand for a file: of what tqdm writes, the last bar is what counts."""

    def __init__(self, line, chapter):
        self.line, self.chapter = line, chapter

    def write(self, text):
        """Read a bar such as `VGG16 of train:  12%|#   | 8/64 [00:05<00:35, 1.6 cells/s]`; a finished one goes."""
        for what, percent, left in re.findall(r"([^\r\n|]*?):? +(\d+)%\|[^\r\n]*?<([\d:]+)", text)[-1:]:
            self.line.update(self.chapter, "" if percent == "100" else f"{what} {percent} %, {left} left")

    def flush(self):
        """Do nothing: each line is shown at once."""


LINE = Line()


def say(text):
    """Say on stdout what happens, above the line."""
    LINE.clear()
    print(f"== {text}", flush=True)
