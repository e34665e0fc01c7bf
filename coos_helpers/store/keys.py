"""Keys that are the content of what made a thing: data, settings and code, condensed into 16 hexadecimal digits."""

import json
import os
import time
from contextlib import suppress
from hashlib import blake2b, file_digest

import numpy as np

from coos_helpers.store.code import PACKAGE, code_of
from coos_helpers.store.files import atomic, root

TICK = 2_000_000_000  # ns, as long as the tick of any file system's clock


def key(**parts):
    """Condense named parts into a key: what JSON can hold, arrays, weights, trained networks, own functions."""
    text = json.dumps(parts, sort_keys=True, default=_identity)
    return blake2b(text.encode(), digest_size=8).hexdigest()


def split_key(split):
    """Condense a split's content into a key: every byte of the files that are read; the images of a split in memory.

    That takes two to three seconds a GB, or half a minute for 264,000 TIFF images, so the key is noted in the store,
    beside all that the file system says of the files. There, the time of the last change (ctime) cannot be set back. It
    is trusted only where it is seconds old, as a second change within one tick of the clock does not show, and not on
    Windows, where it is another time.
    """
    if not split.files:
        return key(images=np.asarray(split.images))
    state = _state(split.files)
    note = root() / "keys" / key(files=state)
    settled = os.name == "posix" and max(state)[0] < time.time_ns() - TICK
    if settled:
        with suppress(OSError, ValueError):  # none there, or damaged
            return unseal(note)
    names = [file.relative_to(split.path).as_posix() if split.path.is_dir() else "" for file in split.files]
    found = key(files=list(zip(names, map(_digest, split.files), strict=True)))
    if settled and _state(split.files) == state:
        with suppress(OSError), atomic(note) as file:  # a store that cannot be written to can still be read
            file.write(seal(found))
    return found


def code_key(*modules):
    """Condense the code of modules such as `representations.texture`, and of those that they import, into a key."""
    return key(code=code_of(*modules))


def seal(text):
    """Give a text the checksum that `unseal` asks for: bytes to write to a file."""
    return f"{text} {key(text=text)}".encode()


def unseal(path):
    """Read a text that `seal` wrote; ValueError where it has changed since."""
    text, _, checksum = path.read_text(encoding="utf-8").rpartition(" ")
    if checksum != key(text=text):
        raise ValueError(f"the checksum of {path.name} does not fit")
    return text


def _state(files):
    """List what the file system says of files."""
    stats = ((str(file), os.stat(file)) for file in files)
    return [(s.st_ctime_ns, s.st_mtime_ns, s.st_size, s.st_ino, name) for name, s in stats]


def _digest(path):
    with open(path, "rb", buffering=0) as file:
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
