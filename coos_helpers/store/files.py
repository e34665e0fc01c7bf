"""Where made things lie: nothing is made twice, nothing stale is read, and what has its final name is whole."""

import errno
import os
import platform
import sys
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np

try:
    import fcntl
except ImportError:  # Windows, where nobody waits for another
    fcntl = None

from coos_helpers.store.code import PACKAGE
from coos_helpers.store.keys import code_key, key, split_key

#: What a disk says that takes no more, and what to do.
FULL = tuple(os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
ROOM = "Make room there, raise the limit on files (`ulimit -f unlimited`), or name a folder on another disk."


def root():
    """Folder of everything made: `$COOS_BUILD`, or `_build` in a clone of the project, or `_build` where you are."""
    if named := os.environ.get("COOS_BUILD"):
        return Path(named)
    project = PACKAGE.parent
    return (project if (project / "_config.yml").exists() else Path.cwd()) / "_build"


def kept(make, split, **settings):
    """Give what a representation makes of a split, made once and kept: `kept(texture.features, split)`.

    Parameters
    ----------
    make : a representation's `features`, a function of a split that gives (N, d), or a dict from layer to (N, d).
    split : a `Split`.
    settings : keyword arguments of `make`: numbers, texts, arrays, weights, networks from `train`, and functions of
        `coos_helpers`.

    Returns
    -------
    What `make` gives: (N, d), or a mapping from layer to (N, d), each read from disk when it is asked for.

    Raises
    ------
    TypeError : a setting or `make` itself is a function of your own, which the key cannot tell from another.
    """
    module = make.__module__.partition(".")[2]
    if make.__module__.partition(".")[0] != PACKAGE.name:
        raise TypeError(f"found {make.__name__} of {make.__module__}; expected a function of coos_helpers.")
    made_by = key(split=split_key(split), settings=settings, make=make.__qualname__, code=code_key(module))
    path = root() / "features" / module.rpartition(".")[2] / f"{made_by}.npz"
    if (found := _read(path)) is None:
        with alone(path.parent, path.stem) as waited:
            if waited and (found := _read(path)) is not None:
                return found
            made = make(split, **settings)
            with atomic(path) as file:
                np.savez(file, **(made if isinstance(made, dict) else {"features": made}))
        found = _read(path)
    return found


def _read(path):
    """Read what is kept: an array, or a mapping whose arrays are read one by one; None where there is no whole file."""
    try:
        found = np.load(path, allow_pickle=False)
        if list(found) != ["features"]:
            return found
        with found:
            return found["features"]
    except FileNotFoundError:
        return None
    except Exception:  # zip and numpy raise many kinds for damaged files
        print(f"{path} is damaged and will be made again.")
        return None


@contextmanager
def atomic(path):
    """Write a file so that it appears under its name only when it is whole: `with atomic(path) as file`."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False)
    try:
        with naming(path), part:
            yield part
        mask = os.umask(0)  # it can only be read by setting it
        os.umask(mask)
        os.chmod(part.name, 0o666 & ~mask)  # as any other file, not the temporary one's 0600
        os.replace(part.name, path)
    except BaseException:
        os.unlink(part.name)
        raise


@contextmanager
def naming(path):
    """Let a disk that takes no more be reported with the file's name, which Python leaves out of what it writes."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.strerror in FULL:
            error.filename = str(path)
        raise


@contextmanager
def alone(folder, name="coos"):
    """Work in a folder while no other process does: a second `with alone(folder)` says whom it waits for, and waits.

    The lock is the operating system's, on a hidden file, and ends with its process, however that ends. It gives whether
    it had to wait, so that others' work is looked for again; None where nothing can be locked, and nobody waits.
    """
    path = Path(folder) / f".{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    lock, waited = _locked(path)
    try:
        yield waited
    finally:
        if lock:
            with suppress(OSError):  # before the lock ends: who waits for it sees that the file has gone
                path.unlink()
            lock.close()


def _locked(path):
    """Open a file and lock it: the file, and whether that took waiting; `(None, None)` where it cannot be."""
    waited = False
    while True:
        try:
            file = open(path, "ab+", buffering=0)
        except OSError:  # read-only or full: all may be there already, and who has to write is told then
            return None, None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if waited else fcntl.LOCK_NB))
            if os.path.samefile(file.fileno(), path):
                with suppress(OSError):  # it is only for those who wait
                    file.truncate(0)
                    file.write(f"Process {os.getpid()} on {platform.node()}".encode())
                return file, waited
        except BlockingIOError:
            waited = True
            file.seek(0)
            who = file.read().decode("utf-8", "replace") or "Another process"
            _say(f"{who} is at work in {path.parent}. Waiting until it has finished ({path.name}).")
        except FileNotFoundError:  # whose lock it was has finished
            pass
        except (OSError, AttributeError):
            path.unlink(missing_ok=True)
            _say(f"{path.parent}: nothing can be locked there. Start nothing else that writes to it.")
            return None, None
        file.close()


@cache
def _say(text):
    """Say something once, on stderr and as progress bars begin, which are left out of pages."""
    print(f"\r{text}", file=sys.stderr, flush=True)
