"""One at a time: who is to write where another process writes waits until that has finished."""

import sys
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock, Timeout
from packaging.version import Version

#: Whether who waits for a lock notices that its file has gone: else the file has to stay.
TIDY = Version(version("filelock")) >= Version("3.24")


@contextmanager
def alone(folder, name="coos"):
    """Work in a folder while no other process does: a second `with alone(folder)` says that it waits, and waits.

    The lock is the operating system's, on a hidden file, and ends with its process, however that ends. It gives whether
    it had to wait, so that others' work is looked for again; None where nothing can be locked, and nobody waits.
    """
    path, waited = Path(folder) / f".{name}.lock", False
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, mode=0o666)  # for whoever else may write into a shared folder
    try:
        lock.acquire(blocking=False)
    except Timeout:
        waited = True
        _say(f"Another process is at work in {path.parent}. Waiting until it has finished ({path.name}).")
        lock.acquire()
    except (OSError, NotImplementedError) as error:
        waited = None
        # Read-only or full: all may be there already, and who has to write is told then.
        if path.exists() and not isinstance(error, PermissionError):
            path.unlink(missing_ok=True)
            _say(f"{path.parent}: nothing can be locked there. Start nothing else that writes to it.")
    try:
        yield waited
    finally:
        if waited is not None and TIDY:
            with suppress(OSError):  # before the lock ends, so that nobody gets it on a file that is about to go
                path.unlink()
        lock.release()


@cache
def _say(text):
    """Say something once, on stderr and as progress bars begin, which are left out of pages."""
    print(f"\r{text}", file=sys.stderr, flush=True)
