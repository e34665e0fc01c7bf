"""Compiled functions, kept on disk for as long as the simulator's code does not change."""

from functools import cache
from pathlib import Path

from coos_helpers.store.keys import code_key

_FOLDER = Path(__file__).parent


@cache
def source_digest():
    """Return a digest of the simulator's code, docstrings and comments left out: other code draws other cells."""
    return code_key("simulate.release")


def compiled(function):
    """Compile a function with numba, without the interpreter's lock.

    Numba's own cache looks at one file only: a kernel that calls a function of another module would go on with that
    function's old code. So every state of the code has a cache of its own.
    """
    import numba  # here, as it takes half a second and a finished release needs none of it

    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(_FOLDER / "__pycache__" / source_digest())
    try:
        return numba.njit(cache=True, nogil=True, fastmath=True)(function)
    finally:
        numba.config.CACHE_DIR = before
