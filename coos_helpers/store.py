"""Where made things lie, each under a key that is the content of what made it.

The key of a thing covers the data, the settings and the source of every module of `coos_helpers` that had a part in
it. So nothing is made twice, nothing stale is read, and work that was stopped goes on where it was.
"""

import ast
import json
import os
from functools import cache
from hashlib import blake2b, file_digest
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np

PACKAGE = Path(__file__).resolve().parent


def root():
    """Folder of everything made: `$COOS_BUILD`, or `_build` in a clone of the project, or `_build` where you are."""
    if named := os.environ.get("COOS_BUILD"):
        return Path(named)
    project = PACKAGE.parent
    return (project if (project / "_config.yml").exists() else Path.cwd()) / "_build"


def key(**parts):
    """Condense named parts (what JSON can hold, and arrays) into a key of 16 hexadecimal digits."""
    text = json.dumps(parts, sort_keys=True, default=_array_digest)
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
    """Condense the source of modules of `coos_helpers`, and of those that they import, into a key.

    Parameters
    ----------
    modules : names inside the package, such as `texture` or `simulate.optics`.
    """
    return key(code={name: _source(path) for name, path in sorted(closure(modules).items())})


def source_key(*modules):
    """Condense the source of modules of `coos_helpers`, and of nothing that they import, into a key.

    For what takes hours to make: a new word in a message elsewhere must not throw it away.
    """
    return key(code={name: _file(name).read_text(encoding="utf-8") for name in modules})


def closure(modules):
    """Follow imports inside `coos_helpers` from some modules; a dict from each module's name to its file."""
    found, ahead = {}, list(modules)
    while ahead:
        name = ahead.pop()
        if name in found or (path := _file(name)) is None:
            continue
        found[name] = path
        # A package's modules belong together: its __init__ may import them lazily.
        if path.name == "__init__.py" and name:
            ahead += [f"{name}.{file.stem}" for file in path.parent.glob("*.py") if file.stem != "__init__"]
        ahead += imported(path.read_text(encoding="utf-8"))
    return found


def imported(source):
    """List the modules of `coos_helpers` that Python source imports, by their names inside the package."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            full = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            full = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        names += [name.partition(".")[2] for name in full if name.split(".")[0] == PACKAGE.name]
    return [name for name in dict.fromkeys(names) if name and _file(name)]


def array(kind, key, make, lazy=False):
    """Load a made array, or make and store it.

    Parameters
    ----------
    kind : folder under `root()`, such as `features/texture`.
    key : what made it, from `key`.
    make : function without arguments that gives the array.
    lazy : whether the array stays on disk and is read when it is indexed; it cannot be written to then.
    """
    path = root() / kind / f"{key}.npy"
    if path.exists():
        try:
            return np.load(path, "r" if lazy else None, allow_pickle=False)
        except Exception:  # numpy raises many kinds for damaged files
            print(f"{path} is damaged and will be made again.")
    made = make()
    with atomic(path) as file:
        np.save(file, made)
    return np.load(path, "r", allow_pickle=False) if lazy else made


class atomic:
    """Write a file so that it appears under its name only when it is whole: `with atomic(path) as file`."""

    def __init__(self, path):
        self.path = Path(path)

    def __enter__(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.file = NamedTemporaryFile(dir=self.path.parent, prefix=f".{self.path.name}.", delete=False)
        return self.file

    def __exit__(self, kind, *_):
        self.file.close()
        if kind is None:
            mask = os.umask(0)  # it can only be read by setting it
            os.umask(mask)
            os.chmod(self.file.name, 0o666 & ~mask)  # as any other file, not the temporary one's 0600
            os.replace(self.file.name, self.path)
        else:
            os.unlink(self.file.name)


def _file(name):
    """Find the file of a module named inside the package, or None."""
    base = PACKAGE.joinpath(*name.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def _source(path):
    """Read a module, and the script and style of the same name that belong to it."""
    beside = (path.with_suffix(suffix) for suffix in (".js", ".css"))
    return "".join(file.read_text(encoding="utf-8") for file in (path, *beside) if file.is_file())


@cache
def _file_key(path, size, modified):
    with open(path, "rb") as file:
        return file_digest(file, lambda: blake2b(digest_size=8)).hexdigest()


def _array_digest(value):
    if isinstance(value, np.ndarray):
        return [value.shape, str(value.dtype), blake2b(np.ascontiguousarray(value), digest_size=8).hexdigest()]
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a key cannot hold a {type(value).__name__}")
