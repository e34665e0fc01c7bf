"""Features, made once of each split and kept under the key of what made them."""

import numpy as np

from coos_helpers.store.code import PACKAGE
from coos_helpers.store.files import atomic, check_zip, root
from coos_helpers.store.keys import code_key, key, split_key
from coos_helpers.store.lock import alone


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
    ValueError : the split's files were changed while features were made of them.
    TypeError : a setting or `make` itself is a function of your own, which the key cannot tell from another.
    """
    module = make.__module__.partition(".")[2]
    if make.__module__.partition(".")[0] != PACKAGE.name:
        raise TypeError(f"found {make.__name__} of {make.__module__}; expected a function of coos_helpers.")
    of = split_key(split)
    made_by = key(split=[of, len(split)], settings=settings, make=make.__qualname__, code=code_key(module))
    path = root() / "features" / module.rpartition(".")[2] / f"{made_by}.npz"
    if (found := _read(path)) is None:
        with alone(path.parent, path.stem) as waited:
            if waited and (found := _read(path)) is not None:
                return found
            made = make(split, **settings)
            if split_key(split) != of:
                raise ValueError(f"{split.path}: found other data than before; expected no change. Run this again.")
            with atomic(path) as file:
                np.savez(file, **(made if isinstance(made, dict) else {"features": made}))
        found = _read(path)
    return found


def _read(path):
    """Read what is kept: an array, or a mapping whose arrays are read one by one; None where there is no whole file."""
    try:
        found = np.load(check_zip(path), allow_pickle=False)
        if list(found) != ["features"]:
            return found
        with found:
            return found["features"]
    except FileNotFoundError:
        return None
    except Exception:  # zip and numpy raise many kinds for damaged files
        print(f"{path} is damaged and will be made again.")
        return None
