"""What must hold of the store: keys that follow the content, files that are whole, nothing made twice."""

import ast
import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import PROJECT, cells, write_split

from coos_helpers import store
from coos_helpers.data import open_split


def in_another_process(code, **environment):
    """Run Python code in a fresh interpreter and give what it prints."""
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(PROJECT), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.strip()


# Where things lie


def test_made_things_lie_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("COOS_BUILD", str(tmp_path / "elsewhere"))
    assert store.root() == tmp_path / "elsewhere"


def test_made_things_lie_in_the_project_otherwise(monkeypatch):
    monkeypatch.delenv("COOS_BUILD")
    assert store.root() == PROJECT / "_build"


def test_without_the_project_made_things_lie_where_you_are(monkeypatch, tmp_path):
    monkeypatch.delenv("COOS_BUILD")
    monkeypatch.setattr(store, "PACKAGE", tmp_path / "site-packages" / "coos_helpers")
    monkeypatch.chdir(tmp_path)
    assert store.root() == tmp_path / "_build"


# Keys

PARTS = dict(
    features={"train": np.arange(6.0).reshape(2, 3), "test1": np.ones((1, 3), np.float32)},
    wells=np.array(["P1/A01", "P2/B02"]),
    settings=["texture", 3, 0.5, None, True],
)


def test_a_key_has_16_hexadecimal_digits():
    assert len(store.key(a=1)) == 16 and int(store.key(a=1), 16) >= 0


def test_equal_parts_have_equal_keys_in_any_order():
    copied = {
        "settings": list(PARTS["settings"]),
        "wells": PARTS["wells"].copy(),
        "features": {name: PARTS["features"][name].copy() for name in ("test1", "train")},
    }
    assert store.key(**copied) == store.key(**PARTS)


def test_the_memory_layout_of_an_array_does_not_enter():
    a = np.arange(60.0).reshape(6, 10)
    assert store.key(a=np.asfortranarray(a)) == store.key(a=a)
    assert store.key(a=np.repeat(a, 2, 0)[::2]) == store.key(a=a)


@pytest.mark.parametrize(
    "one, other",
    [
        (np.arange(6), np.arange(6) + 1),
        (np.arange(6), np.arange(6).reshape(2, 3)),
        (np.arange(6), np.arange(6).astype(np.int32)),
        (np.zeros(2, np.int64), np.zeros(2)),
        (np.zeros(0), None),
        (np.array(["a", "b"]), np.array(["a", "c"])),
        (1, "1"),
        (1, True),
        ([1, 2], [2, 1]),
        ({"a": 1}, {"b": 1}),
    ],
    ids=str,
)
def test_different_parts_have_different_keys(one, other):
    assert store.key(part=one) != store.key(part=other)
    assert store.key(part=one) != store.key(other=one)


def test_numpy_numbers_have_the_key_of_plain_ones():
    assert store.key(a=np.int64(3), b=np.float64(0.5)) == store.key(a=3, b=0.5)


def test_what_has_no_stable_content_is_refused():
    for value in ({1, 2}, object(), Path("x")):
        with pytest.raises(TypeError, match=type(value).__name__):
            store.key(a=value)


def test_keys_are_the_same_in_every_process():
    code = (
        "import numpy as np; from coos_helpers import store;"
        "print(store.key(b={'y': 2, 'x': 1}, a=np.arange(5.0), w=np.array(['P/A01', 'B'])),"
        "store.code_key('predictions', 'texture'))"
    )
    here = store.key(a=np.arange(5.0), b={"x": 1, "y": 2}, w=np.array(["P/A01", "B"]))
    for seed in ("0", "1", "4242"):
        assert in_another_process(code, PYTHONHASHSEED=seed) == f"{here} {store.code_key('texture', 'predictions')}"


def test_a_splits_key_is_its_content(tmp_path):
    one, same = (open_split(write_split(tmp_path / name / "train.h5")) for name in ("a", "b"))
    assert store.split_key(one) == store.split_key(same)
    keys = {store.split_key(one)}
    with h5py.File(one.path, "a") as file:
        file["labels"][3] = 6
    os.utime(one.path, ns=(1, 1))
    keys.add(store.split_key(one))
    write_split(one.path, data=cells(14) // 2)
    keys.add(store.split_key(one))
    assert len(keys) == 3


def test_a_tiff_splits_key_changes_with_its_images(tmp_path):
    from coos_helpers.unpack import unpack

    unpack(write_split(tmp_path / "train.h5"), tmp_path / "out", progress=False)
    split = open_split(tmp_path / "out" / "train")
    before = store.split_key(split)
    assert store.split_key(split) == before
    file = next((split.path / "0").glob("*.tif"))
    os.utime(file, ns=(1, 1))
    assert store.split_key(split) != before


def test_the_key_of_a_split_in_memory_is_its_images(release):
    split = release["train"]
    held = split.take(np.arange(14))
    before = store.split_key(held)
    assert before == store.split_key(split.take(np.arange(14)))
    assert before == store.split_key(dataclasses.replace(held, images=split.images))
    brighter = held.images.copy()
    brighter[13, 1, 63, 63] ^= 1
    others = [held.take(np.arange(14)[::-1]), held.take(np.arange(13)), dataclasses.replace(held, images=brighter)]
    assert len({before, *map(store.split_key, others)}) == 4


# The code behind a thing


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Let the store see a small package: a -> b -> c, a -> inner -> inner.deep, and d beside them."""
    folder = tmp_path / "coos_helpers"
    sources = {
        "__init__.py": '"""A package."""\n',
        "a.py": "import numpy as np\nfrom coos_helpers import b\n\n\ndef late():\n    import coos_helpers.inner\n",
        "b.py": "from coos_helpers.c import thing\n",
        "c.py": "thing = 1\n",
        "d.py": "from coos_helpers import a\n",
        "inner/__init__.py": "",
        "inner/deep.py": "from coos_helpers import c\n",
    }
    for name, source in sources.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(source)
    monkeypatch.setattr(store, "PACKAGE", folder)
    return folder


def test_imports_are_followed_all_the_way(package):
    assert set(store.closure(["a"])) == {"a", "b", "c", "inner", "inner.deep"}
    assert set(store.closure(["c"])) == {"c"}
    assert set(store.closure(["inner.deep"])) >= {"inner.deep", "c"}


@pytest.mark.parametrize("file", ["a.py", "b.py", "c.py", "inner/__init__.py", "inner/deep.py"])
def test_the_code_key_changes_with_every_module_that_had_a_part(package, file):
    before = store.code_key("a")
    with open(package / file, "a") as source:
        source.write("# changed\n")
    assert store.code_key("a") != before


def test_the_code_key_does_not_change_with_another_module(package):
    before = store.code_key("a")
    with open(package / "d.py", "a") as source:
        source.write("# changed\n")
    (package / "new.py").write_text("x = 1\n")
    assert store.code_key("a") == before


def test_the_order_in_which_modules_are_named_does_not_enter(package):
    assert store.code_key("a", "d") == store.code_key("d", "a") != store.code_key("a")


@pytest.mark.parametrize("name", ["predictions", "texture", "profiles"])
def test_the_closure_covers_what_python_really_loads(name):
    code = f"import sys, coos_helpers.{name}; print(*(m for m in sys.modules if m.startswith('coos_helpers.')))"
    loaded = {module.partition(".")[2] for module in in_another_process(code).split()}
    assert name in loaded and loaded <= set(store.closure([name]))


def test_no_module_imports_in_a_way_that_the_closure_overlooks():
    for path in store.PACKAGE.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert "import_module" not in source and "__import__" not in source, path.name
        for node in ast.walk(ast.parse(source)):
            assert not (isinstance(node, ast.ImportFrom) and node.level), f"{path.name} has a relative import"


# Files


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    path = tmp_path / "deep" / "file.bin"
    with store.atomic(path) as file:
        file.write(b"new")
        file.flush()
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert [p.name for p in path.parent.iterdir()] == ["file.bin"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, MemoryError])
def test_what_is_stopped_leaves_nothing_half_and_the_old_file_as_it_was(tmp_path, error):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    with pytest.raises(error), store.atomic(path) as file:
        file.write(b"half of the new")
        raise error
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file.bin"]


def test_an_array_is_made_once(build_folder):
    calls = []

    def make():
        calls.append(1)
        return np.arange(6, dtype=np.float32).reshape(2, 3)

    for _ in range(3):
        array = store.array("features/texture", "abc", make)
        assert array.dtype == np.float32 and array.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert len(calls) == 1
    assert (build_folder / "features" / "texture" / "abc.npy").is_file()
    store.array("features/texture", "another", make)
    store.array("features/other", "abc", make)
    assert len(calls) == 3


def test_an_array_whose_making_is_stopped_is_made_the_next_time():
    def stopped():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.array("features", "k", stopped)
    assert store.array("features", "k", lambda: np.ones(2)).tolist() == [1, 1]


@pytest.mark.parametrize(
    "content",
    [b"", b"no array", b"\x93NUMPY", b"\x93NUMPY\x01\x00\xff\xff", b"PK\x03\x04 a damaged archive", b"\x80\x04."],
    ids=["empty", "text", "signature", "header", "archive", "pickle"],
)
def test_a_damaged_array_is_made_again(build_folder, content):
    store.array("features", "k", lambda: np.arange(3))
    path = build_folder / "features" / "k.npy"
    path.write_bytes(content)
    for _ in range(2):
        assert store.array("features", "k", lambda: np.arange(3)).tolist() == [0, 1, 2]


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_an_array_cut_short_is_made_again(build_folder, part):
    expected = np.arange(1000.0).reshape(10, 100)
    store.array("features", "k", lambda: expected)
    path = build_folder / "features" / "k.npy"
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    np.testing.assert_array_equal(store.array("features", "k", lambda: expected), expected)


def test_a_damaged_header_is_made_again_or_harmless(build_folder):
    expected = np.arange(1000.0).reshape(10, 100)
    store.array("features", "k", lambda: expected)
    path = build_folder / "features" / "k.npy"
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(200):
        content = bytearray(whole)
        content[rng.integers(128)] ^= 1 << rng.integers(8)
        path.write_bytes(content)
        assert isinstance(store.array("features", "k", lambda: expected), np.ndarray)
        path.write_bytes(whole)


# Arrays that stay on disk


def test_a_lazy_array_stays_on_disk_and_cannot_be_written_to():
    for _ in range(2):  # when it is made, and when it is found
        array = store.array("features", "k", lambda: np.arange(6.0).reshape(2, 3), lazy=True)
        assert isinstance(array, np.memmap) and array.dtype == np.float64
        assert array.tolist() == [[0, 1, 2], [3, 4, 5]]
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 7


def test_lazy_or_not_an_array_is_made_once():
    store.array("features", "k", lambda: np.arange(3), lazy=True)
    for lazy in (False, True):
        found = store.array("features", "k", lambda: pytest.fail("made again"), lazy)
        assert found.tolist() == [0, 1, 2]
    plain = store.array("features", "k", lambda: pytest.fail("made again"))
    plain[0] = 9
    assert store.array("features", "k", lambda: pytest.fail("made again"), lazy=True).tolist() == [0, 1, 2]


@pytest.mark.parametrize("part", [0, 0.1, 0.5, 0.9, 0.999])
def test_a_lazy_array_cut_short_is_made_again(build_folder, capsys, part):
    expected = np.arange(1000.0).reshape(10, 100)
    store.array("features", "k", lambda: expected, lazy=True)
    path = build_folder / "features" / "k.npy"
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    np.testing.assert_array_equal(store.array("features", "k", lambda: expected, lazy=True), expected)
    assert f"{path} is damaged and will be made again." in capsys.readouterr().out


def test_a_lazy_array_has_the_key_of_its_content():
    lazy = store.array("features", "k", lambda: np.arange(6.0), lazy=True)
    assert store.key(a=lazy) == store.key(a=np.arange(6.0))
