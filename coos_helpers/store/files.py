"""Where made things lie: nothing is made twice, nothing stale is read, and what has its final name is whole."""

import os
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np

from coos_helpers.store.code import PACKAGE
from coos_helpers.store.keys import code_key, key, split_key


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
        with part:
            yield part
        mask = os.umask(0)  # it can only be read by setting it
        os.umask(mask)
        os.chmod(part.name, 0o666 & ~mask)  # as any other file, not the temporary one's 0600
        os.replace(part.name, path)
    except BaseException:
        os.unlink(part.name)
        raise
