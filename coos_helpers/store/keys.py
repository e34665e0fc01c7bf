"""Keys that are the content of what made a thing: data, settings and code, condensed into 16 hexadecimal digits."""

import json
from functools import cache
from hashlib import blake2b, file_digest
from pathlib import Path

import numpy as np

from coos_helpers.store.code import PACKAGE, code_of


def key(**parts):
    """Condense named parts into a key: what JSON can hold, arrays, weights, trained networks, own functions."""
    text = json.dumps(parts, sort_keys=True, default=_identity)
    return blake2b(text.encode(), digest_size=8).hexdigest()


def split_key(split):
    """Condense a split's content into a key: the bytes of its file, or names, sizes and times of its TIFF images.

    Of a split in memory, the images themselves.
    """
    if split.path is None:
        return key(images=np.asarray(split.images))
    path = Path(split.path)
    if path.is_dir():
        stats = ((file.relative_to(path).as_posix(), file.stat()) for file in sorted(path.rglob("*.*")))
        return key(files=[(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats])
    stat = path.stat()
    return _file_key(path, stat.st_size, stat.st_mtime_ns)


def code_key(*modules):
    """Condense the code of modules such as `representations.texture`, and of those that they import, into a key."""
    return key(code=code_of(*modules))


@cache
def _file_key(path, size, modified):
    with open(path, "rb") as file:
        return file_digest(file, lambda: blake2b(digest_size=8)).hexdigest()


def _identity(value):
    """Say what a part of a key is, where JSON has no word for it."""
    if isinstance(value, np.generic):
        return value.item()
    if hasattr(value, "made_by"):  # a network knows what trained it
        return value.made_by
    if type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "numpy"):
        value = value.numpy()
    if isinstance(value, np.ndarray):
        return [value.shape, str(value.dtype), blake2b(np.ascontiguousarray(value), digest_size=8).hexdigest()]
    if getattr(value, "__module__", "").startswith(f"{PACKAGE.name}.") and "<" not in value.__qualname__:
        return f"{value.__module__}.{value.__qualname__}"
    raise TypeError(
        f"found a {type(value).__name__}, {value!r}; expected numbers, texts, arrays, or a function of coos_helpers."
    )
