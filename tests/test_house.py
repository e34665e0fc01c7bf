"""The house: which rooms there are, how large, and that every import goes the way of the data."""

import ast
import importlib
import inspect
import pkgutil

import pytest
from conftest import PROJECT

import coos_helpers

PACKAGE = PROJECT / "coos_helpers"
ROOMS = sorted(PACKAGE.rglob("*.py"))

#: The steps in the order in which data go through them; a step takes from those before it.
WALK = ["data", "fetch", "simulate", "bring", "representations", "classifiers", "results", "plots", "notebook", "cli"]
#: What stands beside the walk, and what of it may take from what.
BESIDE = {"store": set(), "published": set(), "metrics": {"store"}, "shift": {"metrics", "store"}}
BESIDE["runs"] = {"data", "simulate", "store", "published"}

#: What everybody may build on.
PUBLIC = {
    "data": "open_release open_split Split DataError design",
    "bring": "read_table write_release",
    "bring.crop": "crop",
    "bring.segment": "segment centres Options",
    "bring.images": "read_image read_mask",
    "simulate.fields": "draw_fields write_fields",
    "representations.rescale": "min_max percentile to_8bit",
    "representations.haralick": "haralick",
    "representations.texture": "features",
    "representations.vgg16": "features",
    "representations.deeploc": "DeepLoc train features predict",
    "representations.inpainting": "PairedCellInpainting train features",
    "classifiers": "knn l1_lr rf fit",
    "metrics": "confusion_matrix balanced_error sensitivities bootstrap_interval difference_interval",
    "shift": "mmd_test classifier_test difference_test",
    "simulate": "simulate draw specimens reimage microscope",
    "published": "table2 table3 CLASS_NAMES",
    "results": "evaluate_classifier evaluate_network enter read_results score",
    "store": "kept key atomic",
}


def name_of(path):
    """Name a room inside the package: `metrics.scores`; a folder by its own name."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def imports(path):
    """List a room's imports from the package: (module named, line, whether inside a function)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {
        node
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "coos_helpers":
            base = node.module.partition(".")[2]
            for alias in node.names:
                full = ".".join(filter(None, (base, alias.name)))
                there = PACKAGE.joinpath(*full.split("."))
                module = full if there.is_dir() or there.with_suffix(".py").exists() else base
                found.append((module, node.lineno, node in inside))
    return found


def step(module):
    return module.split(".")[0]


@pytest.mark.parametrize("path", ROOMS, ids=name_of)
def test_a_room_takes_only_from_before_it_and_from_beside_the_walk(path):
    mine = step(name_of(path))
    if not mine:
        return
    allowed = BESIDE.get(mine, {*WALK[: WALK.index(mine)], *BESIDE} if mine in WALK else None)
    wrong = [(module, line) for module, line, _ in imports(path) if step(module) not in {mine, *allowed}]
    assert not wrong, f"{name_of(path)} reaches up"


def test_no_circle_of_rooms():
    below = {name_of(path): {m for m, _, _ in imports(path)} - {name_of(path)} for path in ROOMS}
    while free := [name for name, taken in below.items() if not taken & below.keys()]:
        for name in free:
            del below[name]
    assert not below


def test_rooms_take_from_rooms_and_not_through_a_folders_face():
    """Else a stored thing would depend on all of a folder, and two rooms of it could make a circle."""
    folders = {name_of(path) for path in ROOMS if path.name == "__init__.py"} - {"store", "simulate"}
    for path in ROOMS:
        if path.name != "__init__.py" and name_of(path) != "cli":
            assert not [(m, line) for m, line, _ in imports(path) if m in folders], name_of(path)


def test_an_import_inside_a_function_says_why():
    """The command's are explained once, at the top: it has to answer at once."""
    for path in ROOMS:
        lines = path.read_text(encoding="utf-8").splitlines()
        tree = ast.parse("\n".join(lines))
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef) and path.name != "cli.py":
                for node in ast.walk(function):
                    if isinstance(node, ast.Import | ast.ImportFrom):
                        assert "# here" in lines[node.lineno - 1] or "google.colab" in lines[node.lineno - 1], path


@pytest.mark.parametrize("path", ROOMS, ids=name_of)
def test_a_room_is_small_and_a_folders_face_only_hands_on(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 200
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "the first line says what the room is for"
    if path.name == "__init__.py" and path.parent != PACKAGE:
        assert len(text.splitlines()) < 40
        assert all(isinstance(node, ast.Expr | ast.ImportFrom | ast.Assign) for node in tree.body)


def test_the_house_is_no_larger_than_was_agreed():
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in ROOMS}
    doors = sum(n for path, n in lines.items() if "bring" in path.parts)
    assert doors < 1900
    assert sum(n for path, n in lines.items() if "simulate" not in path.parts) - doors < 8350
    assert len([path for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]) <= 16
    tests = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in (PROJECT / "tests").rglob("*.py"))
    assert tests < 19_000


def test_tests_mirror_the_rooms():
    for path in (PROJECT / "tests").glob("*/test_*.py"):
        folder = PACKAGE / path.parent.name
        if path.parent.name != "book":
            room = path.stem.removeprefix("test_")
            assert (folder / f"{room}.py").exists() or room in ("world", "fuzz"), path


@pytest.mark.parametrize(
    "module, name", [(m, n) for m, names in PUBLIC.items() for n in names.split()], ids=lambda part: part
)
def test_a_public_name_is_there_and_explains_itself(module, name):
    thing = getattr(importlib.import_module(f"coos_helpers.{module}"), name)
    if not callable(thing):
        return
    text = inspect.getdoc(thing)
    first = text.split("\n\n")[0]
    assert first.rstrip().endswith((".", ":")) or "." in first, "a sentence that says what it is for"
    taken = [p for p in inspect.signature(thing).parameters if p not in ("self", "args", "kwargs")]
    if inspect.isfunction(thing) and len(taken) > 1:
        assert "Parameters\n----------" in text and "Returns\n-------" in text
        given = text.partition("Parameters\n----------")[2].partition("\n\nReturns")[0]
        assert not [p for p in taken if p not in given], "every parameter is described"


def test_every_room_can_be_imported_alone():
    assert len(list(pkgutil.walk_packages(coos_helpers.__path__, "coos_helpers."))) == len(ROOMS) - 1
