"""What code a made thing depends on: the modules that are really imported, without docstrings, comments, messages."""

import ast
from functools import cache
from pathlib import Path
from threading import Lock

PACKAGE = Path(__file__).resolve().parents[1]

ONE_AT_A_TIME = Lock()


def code_of(*modules):
    """Give the code of modules of `coos_helpers`, and of those that they import: dict from name to text.

    The store's own is left out: where a thing lies, and under which key, does not change what it is.
    """
    found = sorted((name, path) for name, path in closure(modules).items() if not name.startswith("store."))
    return {name: _code(path, path.stat().st_mtime_ns) for name, path in found}


def closure(modules):
    """Follow imports inside `coos_helpers` from some modules; a dict from each module's name to its file.

    A folder's `__init__` only hands on names, so what is followed is the module that a name comes from.
    """
    found, ahead = {}, list(modules)
    while ahead:
        name = ahead.pop()
        if name not in found:
            found[name] = _file(name)
            ahead += imported(found[name].read_text(encoding="utf-8"))
    return found


def imported(source):
    """List the modules of `coos_helpers` that Python source takes something from, by their names inside the package."""
    tree = _parsed(source)
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [module for alias in node.names for module in _modules(alias.name, None, tree)]
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                names += _modules(f"{node.module}.{alias.name}", alias.asname or alias.name, tree)
    return list(dict.fromkeys(names))


def _modules(full, called, tree):
    """Find the modules behind an imported name: itself, where it is defined, or where its used attributes are."""
    top, _, name = full.partition(".")
    if top != PACKAGE.name or not name:
        return []
    if (file := _file(name)) is None:  # no module but something in one
        package, _, attribute = name.rpartition(".")
        file = _file(package)
        if file is None or file.name != "__init__.py":
            return [package] * (file is not None)
        for node in _parsed(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom) and attribute in [alias.asname or alias.name for alias in node.names]:
                return _modules(f"{node.module}.{attribute}", None, tree)
        return []
    if file.name != "__init__.py":
        return [name]
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name))
    used = dict.fromkeys(node.attr for node in nodes if node.value.id == called)
    return [module for attribute in used for module in _modules(f"{full}.{attribute}", None, tree)]


def _file(name):
    """Find the file of a module named inside the package, or None."""
    base = PACKAGE.joinpath(*name.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


@cache
def _code(path, modified):
    """Read a module without docstrings, comments and messages, and the files of the same name beside it."""
    tree = _parsed(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [line for line in body if not _says(line)] or [ast.Pass()]
        if isinstance(node, ast.Raise):
            node.exc = node.cause = None
    beside = [file for file in sorted(path.parent.glob(f"{path.stem}.*")) if file.suffix != ".py"]
    return ast.unparse(tree) + "".join(file.read_text(encoding="utf-8") for file in beside)


def _parsed(source):
    """Parse Python source, a thread at a time: of two, Python 3.11 may take the depth for its own (gh-106905)."""
    with ONE_AT_A_TIME:
        return ast.parse(source)


def _says(line):
    """Tell whether a line of code is a docstring or prints a message."""
    if not isinstance(line, ast.Expr):
        return False
    call = line.value.func if isinstance(line.value, ast.Call) else None
    return isinstance(line.value, ast.Constant) or (isinstance(call, ast.Name) and call.id == "print")
