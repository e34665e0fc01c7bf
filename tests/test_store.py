"""What must hold of the store: keys that follow the content, files that are whole, nothing made twice."""

import ast
import dataclasses
import errno
import mmap
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import PROJECT, at_once, cells, files_up_to, places, write_split

from coos_helpers import store
from coos_helpers.data import open_split
from coos_helpers.data.unpack import unpack
from coos_helpers.representations import rescale, texture
from coos_helpers.store import code, files, keys


def in_another_process(source, **environment):
    """Run Python code in a fresh interpreter and give what it prints."""
    result = subprocess.run(
        [sys.executable, "-c", source],
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
    monkeypatch.setattr(files, "PACKAGE", tmp_path / "site-packages" / "coos_helpers")
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
        "store.code_key('results.evaluate', 'representations.texture'))"
    )
    here = store.key(a=np.arange(5.0), b={"x": 1, "y": 2}, w=np.array(["P/A01", "B"]))
    for seed in ("0", "1", "4242"):
        assert (
            in_another_process(code, PYTHONHASHSEED=seed)
            == f"{here} {store.code_key('representations.texture', 'results.evaluate')}"
        )


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


@pytest.fixture
def noted(monkeypatch):
    """Wait until a split's files are old enough for its key to be noted, and note it; gives the key."""
    monkeypatch.setattr(keys, "TICK", 20_000_000)

    def note(path):
        time.sleep(0.05)
        made = store.split_key(open_split(path))
        with monkeypatch.context() as patch:
            patch.setattr(keys, "_digest", lambda path: pytest.fail(f"{path} is read again"))
            assert store.split_key(open_split(path)) == made
        return made

    return note


def elsewhere(at, folder):
    """Write an HDF5 split whose `data`, or another key, lies in another file; gives both files."""
    path = write_split(folder / "train.h5", **places(14) | ({} if at == "inside" else {at.partition(" ")[0]: None}))
    other = path if at == "inside" else write_split(path.parent / "other" / "pixels.h5", **places(14))
    with h5py.File(path, "a") as file:
        if at.endswith("group"):
            file["linked"] = h5py.ExternalLink("other/pixels.h5", "/")
            file["data"] = h5py.SoftLink("/linked/data")
        elif at != "inside":
            file[at] = h5py.ExternalLink("other/pixels.h5", f"/{at}")
    return path, other


def in_place(path):
    with h5py.File(path, "a") as file:
        for key in ("data", "labels", "plate", "well"):
            file[key][:] = file[key][:][::-1]


def through_memory(path):
    at = path.read_bytes().find(cells(14)[3, 0, 5].tobytes())
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[at] ^= 1


def another_name(path, link):
    """Put a link to another file in a file's place."""
    other = path.rename(path.with_name("put away.h5"))
    shutil.copy2(other, path.with_name("another.h5"))
    in_place(path.with_name("another.h5"))
    os.utime(path.with_name("another.h5"), ns=(1, other.stat().st_mtime_ns))
    link(path.with_name("another.h5"), path)


MADE_ANEW = {
    "written in place": in_place,
    "written through memory": through_memory,
    "a hard link to another": lambda path: another_name(path, os.link),
    "a symbolic link to another": lambda path: another_name(path, os.symlink),
}


@pytest.mark.parametrize("at", ["inside", "data", "labels", "plate", "data in a linked group"])
@pytest.mark.parametrize("change", MADE_ANEW.values(), ids=MADE_ANEW.keys())
def test_a_splits_key_covers_the_bytes_that_are_read_whatever_its_files_times(tmp_path, noted, at, change):
    path, other = elsewhere(at, tmp_path)
    before, stat, split = noted(path), other.stat(), open_split(path)
    change(other)
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (other.stat().st_size, other.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    assert store.split_key(split) == store.split_key(open_split(path)) == noted(path) != before


@pytest.fixture
def tiffs(tmp_path):
    return unpack(write_split(tmp_path / "train.h5", **places(14)), tmp_path / "out", progress=False)["train"]


@pytest.mark.parametrize("name", ["0/COOSv1cell_7_nucleus.tif", "6/COOSv1cell_13_protein.tif", "cells.json"])
def test_a_tiff_splits_key_covers_the_bytes_that_are_read_whatever_its_files_times(tiffs, noted, name):
    before, file = noted(tiffs), tiffs / name
    stat, content = file.stat(), file.read_bytes()
    file.write_bytes(content.replace(b"A", b"B") if name == "cells.json" else content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert store.split_key(open_split(tiffs)) == noted(tiffs) != before


def test_images_that_change_places_change_a_tiff_splits_key(tiffs, noted):
    before = noted(tiffs)
    for a, b in (("0", "kept"), ("1", "0"), ("kept", "1")):
        (tiffs / a).rename(tiffs / b)
    assert store.split_key(open_split(tiffs)) == noted(tiffs) != before


BESIDE = [".DS_Store", "0/.DS_Store", "1/Thumbs.db", ".~lock.cells.json#", "0/._COOSv1cell_0_protein.tif", "README.tif"]


def test_what_is_no_image_of_a_cell_does_not_enter_a_tiff_splits_key(tiffs, noted):
    before = noted(tiffs)
    for name in BESIDE:
        (tiffs / name).write_bytes(b"x")
    (tiffs / ".#cells.json").symlink_to("nobody@nowhere.1234")
    (tiffs / "0" / "seen.tif").symlink_to("nowhere.tif")
    assert noted(tiffs) == before
    for file in tiffs.rglob("*.tif"):
        os.utime(file, ns=(1, 1), follow_symlinks=False)
    assert store.split_key(open_split(tiffs)) == before


def test_a_key_is_read_from_the_bytes_where_its_note_cannot_be_trusted(tmp_path, noted, monkeypatch, build_folder):
    split = open_split(write_split(tmp_path / "a" / "train.h5"))
    before = noted(split.path)
    (note,) = (build_folder / "keys").iterdir()
    for content in (b"", b"x", bytes(40), note.read_bytes().replace(before[:4].encode(), b"0000")):
        note.write_bytes(content)
        assert noted(split.path) == before
    (tmp_path / "a").rename(tmp_path / "b")
    assert noted(tmp_path / "b" / "train.h5") == before
    monkeypatch.setenv("COOS_BUILD", str(tmp_path / "b" / "train.h5"))  # where nothing can be noted
    assert store.split_key(open_split(tmp_path / "b" / "train.h5")) == before


def test_a_key_is_not_noted_while_another_change_might_not_show(tmp_path, build_folder, monkeypatch):
    path = write_split(tmp_path / "train.h5")
    stat = os.stat(path)
    monkeypatch.setattr(keys, "_state", lambda files: [(stat.st_ctime_ns, 1, 2, 3, "one tick of the clock")])
    before = store.split_key(open_split(path))
    write_split(path, data=cells(14, seed=1))
    assert store.split_key(open_split(path)) != before and not (build_folder / "keys").exists()


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
    """Let the store see a small package: a -> b -> c; a takes `deep` from a folder that hands on more."""
    folder = tmp_path / "coos_helpers"
    sources = {
        "__init__.py": '"""A package."""\n',
        "a.py": "from coos_helpers import b\n\n\ndef late():\n    from coos_helpers.inner import deep\n",
        "b.py": '"""Words."""\n\nfrom coos_helpers.c import thing\n\n\ndef check():\n    raise ValueError("words")\n',
        "c.py": "thing = 1\n",
        "d.py": "from coos_helpers import inner\n\nx = inner.deep\n",
        "inner/__init__.py": "from coos_helpers.inner.one import deep\nfrom coos_helpers.inner.two import flat\n",
        "inner/one.py": "from coos_helpers import c\n\ndeep = c.thing\n",
        "inner/two.py": "flat = 2\n",
    }
    for name, source in sources.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(source)
    monkeypatch.setattr(code, "PACKAGE", folder)
    return folder


def edit(path, old="", new="\nchanged = 1\n"):
    """Change a file's text; its time is set, since edits may follow one another within a tick of the clock."""
    text = path.read_text()
    path.write_text(text.replace(old, new) if old else text + new)
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1_000_000))


def test_imports_are_followed_to_where_a_name_is_defined_and_no_further(package):
    assert set(store.closure(["a"])) == {"a", "b", "c", "inner.one"}
    assert set(store.closure(["c"])) == {"c"}
    assert set(store.closure(["d"])) == {"d", "inner.one", "c"}
    assert store.imported("import coos_helpers.inner.two") == ["inner.two"]
    assert store.imported("from coos_helpers import inner as i\ni.flat, i.deep") == ["inner.two", "inner.one"]


@pytest.mark.parametrize("file", ["a.py", "b.py", "c.py", "inner/one.py"])
def test_the_code_key_changes_with_every_module_that_had_a_part(package, file):
    before = store.code_key("a")
    edit(package / file)
    assert store.code_key("a") != before


@pytest.mark.parametrize("file", ["d.py", "inner/two.py", "__init__.py"])
def test_the_code_key_does_not_change_with_another_module(package, file):
    before = store.code_key("a")
    edit(package / file)
    (package / "new.py").write_text("x = 1\n")
    assert store.code_key("a") == before


@pytest.mark.parametrize(
    "old, new",
    [
        ("Words.", "Other words."),
        ('ValueError("words")', 'ValueError("found other words")'),
        ("def check():\n", "def check():\n    # why\n    print('said')\n"),
        ("\n\n\ndef", "\n\n\n\ndef"),
    ],
    ids=["docstring", "message", "comment and print", "blank line"],
)
def test_words_do_not_enter_the_code_key(package, old, new):
    before = store.code_key("a")
    edit(package / "b.py", old, new)
    assert store.code_key("a") == before


def test_the_order_in_which_modules_are_named_does_not_enter(package):
    assert store.code_key("a", "d") == store.code_key("d", "a") != store.code_key("a")


@pytest.mark.parametrize("name", ["metrics.bootstrap", "representations.inpainting", "simulate.release"])
def test_the_closure_covers_what_python_really_loads(name):
    loading = (
        f"import sys, coos_helpers.{name}; "
        "print(*(n for n, m in sys.modules.items() if n.startswith('coos_helpers.') and '__init__' not in m.__file__))"
    )
    loaded = {module.partition(".")[2] for module in in_another_process(loading).split()}
    faces = {
        name.partition(".")[0],
        "store",
        "metrics",
    }  # a folder's `__init__` loads all of it, and only hands on names
    handed_on = {module for module in loaded if module.partition(".")[0] in faces}
    assert name in loaded and loaded - handed_on <= set(store.closure([name]))


def test_no_module_imports_in_a_way_that_the_closure_overlooks():
    for path in code.PACKAGE.rglob("*.py"):
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
    (beside := path.with_name("beside")).touch()
    assert path.stat().st_mode == beside.stat().st_mode, "who may read other files here may not read this one"


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, MemoryError])
def test_what_is_stopped_leaves_nothing_half_and_the_old_file_as_it_was(tmp_path, error):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    with pytest.raises(error), store.atomic(path) as file:
        file.write(b"half of the new")
        raise error
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file.bin"]


def write_bytes(file):
    file.write(bytes(200_000))


def write_little(file):
    file.write(bytes(3000))  # which stays in memory until the file is closed


def write_arrays(file):
    np.savez(file, one=np.arange(20_000.0), two=np.ones(3))


def write_packed(file):
    np.savez_compressed(file, **{str(i): np.random.default_rng(i).random(1000) for i in range(20)})


def write_hdf5(file):
    with h5py.File(file, "w") as opened:
        for name in "abcdef":
            opened[name] = np.arange(20_000)


@pytest.mark.parametrize("size", [0, 100, 2999])
@pytest.mark.parametrize("write", [write_bytes, write_little, write_arrays, write_packed, write_hdf5])
def test_a_disk_that_takes_no_more_names_the_file_and_is_left_as_it_was(tmp_path, write, size):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    for _ in range(2):  # a second try leaves no more than the first
        with files_up_to(size), pytest.raises(OSError) as error, store.atomic(path) as file:
            write(file)
        assert (error.value.errno, error.value.filename) == (errno.EFBIG, str(path))
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["file.bin"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO])
def test_only_what_a_full_disk_says_is_given_the_files_name(tmp_path, number):
    with pytest.raises(OSError) as error, store.atomic(tmp_path / "file.bin"):
        raise OSError(number, os.strerror(number))
    assert error.value.filename == (None if number == errno.EIO else str(tmp_path / "file.bin"))


# Two at once

HOLD = "import sys; from coos_helpers import store\nwith store.alone(sys.argv[1]): print('in', flush=True); input()"


@pytest.fixture
def holder(tmp_path):
    """Hold the folder `shared` in another process."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "shared")]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "in\n"
        yield process
        process.kill()


def test_who_comes_second_says_once_that_it_waits_and_waits(holder, tmp_path, capsys):
    gone = []

    def second():
        with store.alone(tmp_path / "shared") as waited:
            return waited, list(gone)

    def leave():
        time.sleep(0.2)
        gone.append(1)
        holder.communicate("go on\n")

    seconds = iter([leave, second, second])
    given = at_once(lambda: next(seconds)(), 3)[1:]
    assert [done for _, done in given] == [[1], [1]] and given[0][0]
    said = capsys.readouterr().err
    assert said.count(f"Another process is at work in {tmp_path / 'shared'}. Waiting") == 1
    assert said.startswith("\r"), "as a progress bar, which pages leave out"
    assert list((tmp_path / "shared").iterdir()) == []


def test_a_killed_process_holds_nobody_up(holder, tmp_path, capsys):
    with store.alone(tmp_path / "shared", "other") as waited:
        assert waited is False  # another thing in the same folder
    holder.kill()
    holder.wait()
    assert [path.name for path in (tmp_path / "shared").iterdir()] == [".coos.lock"]
    with store.alone(tmp_path / "shared") as waited:
        assert waited is False and capsys.readouterr().err == ""
    assert list((tmp_path / "shared").iterdir()) == []


def test_of_many_there_is_never_more_than_one(tmp_path):
    inside = []

    def work():
        for _ in range(20):
            with store.alone(tmp_path):
                inside.append(1)
                time.sleep(0.0005)
                assert len(inside) == 1
                inside.clear()
        return "done"

    assert at_once(work, 6) == ["done"] * 6 and list(tmp_path.iterdir()) == []


def test_what_stops_the_work_ends_the_lock(tmp_path):
    with pytest.raises(KeyboardInterrupt), store.alone(tmp_path):
        raise KeyboardInterrupt
    with store.alone(tmp_path) as waited:
        assert waited is False


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_without_locks_work_goes_on_and_that_is_said_once(tmp_path, monkeypatch, capsys, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)
    for _ in range(3):
        with store.alone(tmp_path) as waited:
            assert waited is None
    assert capsys.readouterr().err.count(f"{tmp_path}: nothing can be locked there.") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_where_no_lock_can_be_written_what_is_there_can_be_used(tmp_path, monkeypatch, capsys, number):
    def refuse(path, *_, **__):
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr(os, "open", refuse)
    with store.alone(tmp_path) as waited:
        assert waited is None and capsys.readouterr().err == ""


# What is kept


@pytest.fixture
def making(monkeypatch, release):
    """Stand in for Texture with something quick; count how often it is made. Gives (make, calls, split)."""
    calls = []

    def features(split, layers=False, scale=1.0):
        calls.append(1)
        values = scale * split.labels[:, None].astype(np.float32)
        return {"conv1": values, "conv2": 2 * values} if layers else values

    features.__module__, features.__qualname__ = "coos_helpers.representations.texture", "features"
    return features, calls, release["train"]


def kept_file(build_folder):
    (path,) = (build_folder / "features" / "texture").glob("*.npz")
    return path


def test_what_is_kept_is_made_once_for_each_split_and_setting(making, release):
    make, calls, split = making
    for _ in range(3):
        found = store.kept(make, split)
        assert found.dtype == np.float32 and found[:, 0].tolist() == split.labels.tolist()
    assert len(calls) == 1
    assert store.kept(make, split, scale=2.0).sum() == 2 * found.sum()
    store.kept(make, release["test1"])
    assert len(calls) == 3


def test_what_two_ask_for_at_once_is_made_once(making, build_folder, monkeypatch):
    make, calls, split = making

    def slow(split):
        time.sleep(0.1)
        return make(split)

    slow.__module__, slow.__qualname__ = make.__module__, make.__qualname__
    for found in at_once(lambda: store.kept(slow, split), 3):
        assert found[:, 0].tolist() == split.labels.tolist()
    assert len(calls) == 1 and list(kept_file(build_folder).parent.iterdir()) == [kept_file(build_folder)]


def test_what_the_disk_cannot_take_is_not_kept(making, build_folder):
    make, calls, split = making
    with files_up_to(100), pytest.raises(OSError, match="File too large: .*npz"):
        store.kept(make, split)
    assert list((build_folder / "features" / "texture").iterdir()) == []
    assert store.kept(make, split).shape == (len(split), 1) and len(calls) == 2


def test_layers_come_back_by_name(making):
    make, calls, split = making
    for _ in range(2):
        found = store.kept(make, split, layers=True)
        assert list(found) == ["conv1", "conv2"]
        np.testing.assert_array_equal(found["conv2"], 2 * found["conv1"])
    assert len(calls) == 1


def test_what_is_kept_follows_networks_weights_and_functions(release):
    torch = pytest.importorskip("torch")

    class Network:
        made_by = "a"

    split, keys = release["train"], set()
    assert store.key(model=Network()) != store.key(model=dataclasses.replace(One(), made_by="b"))
    for value in (Network(), rescale.min_max, rescale.percentile, {"w": torch.ones(2)}, {"w": torch.zeros(2)}, None):
        keys.add(store.key(split=store.split_key(split), value=value))
    assert len(keys) == 6


@dataclasses.dataclass(frozen=True)
class One:
    made_by: str = "a"


def test_a_function_of_your_own_is_refused_as_what_is_made_and_as_a_setting(release):
    with pytest.raises(TypeError, match="expected a function of coos_helpers"):
        store.kept(lambda split: split.labels, release["train"])
    with pytest.raises(TypeError, match="or a function of coos_helpers"):
        store.kept(texture.features, release["train"], rescaled=lambda images: images)


def test_what_is_stopped_while_it_is_made_is_made_the_next_time(making):
    make, _, split = making

    def stopped(split):
        raise KeyboardInterrupt

    stopped.__module__, stopped.__qualname__ = make.__module__, make.__qualname__
    with pytest.raises(KeyboardInterrupt):
        store.kept(stopped, split)
    assert store.kept(make, split).shape == (len(split), 1)


def test_nothing_is_kept_of_files_that_change_while_it_is_made(build_folder, making):
    make, _, split = making

    def slow(split):
        write_split(split.path, data=cells(14, seed=1))
        return make(split)

    slow.__module__, slow.__qualname__ = make.__module__, make.__qualname__
    with pytest.raises(ValueError, match="found other data than before; expected no change. Run this again."):
        store.kept(slow, split)
    assert not list((build_folder / "features").rglob("*.npz"))
    assert store.kept(make, split).shape == (14, 1)


def test_features_of_fewer_cells_do_not_pass_for_those_of_a_file_that_has_grown(making):
    make, _, split = making
    write_split(split.path, 20)
    assert len(store.kept(make, split)) == 14 and len(store.kept(make, open_split(split.path))) == 20


@pytest.mark.parametrize("layers", [False, True], ids=["array", "layers"])
@pytest.mark.parametrize("content", [b"", b"no array", b"PK\x03\x04 a damaged archive", b"\x80\x04.", 0.1, 0.5, 0.999])
def test_what_is_damaged_is_made_again(build_folder, making, capsys, content, layers):
    make, calls, split = making
    expected = store.kept(make, split, layers=layers)
    expected = expected["conv2"] if layers else expected
    path = kept_file(build_folder)
    whole = path.read_bytes()
    path.write_bytes(content if isinstance(content, bytes) else whole[: int(content * len(whole))])
    found = store.kept(make, split, layers=layers)
    np.testing.assert_array_equal(found["conv2"] if layers else found, expected)
    assert f"{path} is damaged and will be made again." in capsys.readouterr().out and len(calls) == 2


def test_an_array_with_a_flipped_bit_is_made_again(build_folder, making):
    make, _, split = making
    expected = store.kept(make, split)
    path = kept_file(build_folder)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(50):
        content = bytearray(whole)
        content[rng.integers(len(content))] ^= 1 << rng.integers(8)
        path.write_bytes(content)
        np.testing.assert_array_equal(store.kept(make, split), expected)
        path.write_bytes(whole)


@pytest.mark.parametrize("old, new", [(b"(9000, 1)", b"(1000, 1)"), (b"'<f4'", b"'<f2'"), (b"'<f4'", b"'<i4'")])
@pytest.mark.parametrize("layers", [False, True], ids=["array", "layers"])
def test_an_array_whose_header_says_less_than_there_is_is_made_again(build_folder, making, capsys, layers, old, new):
    """Numpy reads on no further than the header says, and then compares no checksum."""
    make, _, split = making

    def many(split, layers=False):
        made = make(split, layers)
        return {k: np.tile(v, (9000, 1))[:9000] for k, v in made.items()} if layers else np.tile(made, (9000, 1))[:9000]

    many.__module__, many.__qualname__ = make.__module__, make.__qualname__
    store.kept(many, split, layers=layers)
    path = kept_file(build_folder)
    assert path.read_bytes().count(old) == 1 + layers
    path.write_bytes(path.read_bytes().replace(old, new))
    found = store.kept(many, split, layers=layers)
    found = found["conv1"] if layers else found
    assert found.shape == (9000, 1) and found.dtype == np.float32
    assert capsys.readouterr().out == f"{path} is damaged and will be made again.\n"


def test_what_is_no_file_is_not_taken_for_an_archive(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(ValueError, match="a folder, a named pipe, a socket or a device"):
            store.check_zip(path)


def test_who_may_write_to_a_shared_folder_may_lock_it_and_nobody_else_unlocks_it(tmp_path, monkeypatch):
    with store.alone(tmp_path):
        assert (tmp_path / ".coos.lock").stat().st_mode & 0o666 == 0o666

        def closed(*_, **__):
            raise PermissionError(errno.EACCES, "Permission denied", ".coos.lock")

        monkeypatch.setattr(os, "open", closed)
        with store.alone(tmp_path) as waited:
            assert waited is None
        assert (tmp_path / ".coos.lock").exists()
