"""One at a time: who is to write where another process writes waits until that has finished."""

import sys
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def alone(folder, name="coos"):
    """Work in a folder while no other process does: a second `with alone(folder)` says that it waits, and waits.

    The lock is the operating system's, on a hidden file, and ends with its process, however that ends. It gives whether
    it had to wait, so that others' work is looked for again; None where nothing can be locked, and nobody waits.
    """
    path, waited = Path(folder) / f".{name}.lock", False
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        waited = True
        _say(f"Another process is at work in {path.parent}. Waiting until it has finished ({path.name}).")
        lock.acquire()
    except (OSError, NotImplementedError):
        waited = None
        if path.exists():  # else read-only or full: all may be there already, and who has to write is told then
            path.unlink(missing_ok=True)
            _say(f"{path.parent}: nothing can be locked there. Start nothing else that writes to it.")
    try:
        yield waited
    finally:
        if waited is not None:
            with suppress(OSError):  # before the lock ends: who waits for it sees that the file has gone
                path.unlink()
        lock.release()


@cache
def _say(text):
    """Say something once, on stderr and as progress bars begin, which are left out of pages."""
    print(f"\r{text}", file=sys.stderr, flush=True)
