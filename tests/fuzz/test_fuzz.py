"""What must hold of files with random damage: what they held before, or one message; no other error, no crash.

A failure names its seed, and `COOS_FUZZ_SEED=17 pytest tests/fuzz` tries that one alone.
"""

import faulthandler
import io
import os
import re
import subprocess
import sys
import tracemalloc
from contextlib import redirect_stdout
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from conftest import PROJECT, cells, memory_split, places, write_release, write_split
from on_disk import WHOLE, read

from coos_helpers import cli, data, runs, store
from coos_helpers.data import DataError, unpack

#: How Python reports that it died or was stopped inside h5py.
LIBRARY = r"\(most recent call first\):\n  File .*[/\\]h5py[/\\]"

MEMORY = 500_000_000  # bytes, of which a sound file of each kind takes a small part


def mutant(content, rng):
    """Damage bytes in one to three places, most of them near an end, where files say what they hold."""
    for _ in range(rng.integers(1, 4)):
        size, long = len(content), int(2 ** rng.uniform(0, 10))
        near = [rng.integers(size + 1), rng.integers(min(size, 2500) + 1), size - rng.integers(min(size, 2500) + 1)]
        at, to = np.sort(rng.choice(near, 2))
        piece, other = content[at : at + long], content[to : to + long]
        content = (
            content[:at] + bytes([piece[0] ^ 1 << rng.integers(8)] if piece else []) + content[at + 1 :],
            content[:at] + rng.bytes(min(long, 8)) + content[at + min(long, 8) :],
            content[:at] + bytes(len(piece)) + content[at + long :],
            content[:at] + content[at + long :],
            content[:at] + piece + content[at:],
            content[:at] + other + content[at + long : to] + piece + content[max(to, at + long) + long :],
            content[:at],
        )[rng.choice(7, p=(0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1))]
    return content


# The kinds of files: each is written to a folder, and gives which are damaged, and a function that reads them.


def split_of(path, damaged):
    """Read a split, by itself and through the command: its pixels have no checksum, but must be such."""

    def judge():
        try:
            read(path)
        except DataError as error:
            assert WHOLE.match(" ".join(str(error).splitlines())), str(error)
        done = CliRunner().invoke(cli.main, ["check", str(path)])
        assert done.exit_code == 0 or type(done.exception) is SystemExit and done.exit_code == 1, repr(done.exception)
        assert done.exit_code == 0 or done.output.splitlines()[-1].startswith("Error: "), done.output

    return damaged, judge


def hdf5(folder, **options):
    path = write_split(folder / "COOS7_v1.1_test1.hdf5", 6, data=None, attrs={"source": "made up"}, **places(6))
    with h5py.File(path, "a") as file:
        file.create_dataset("data", data=cells(6) // 4096 * 100, **options)
        file.attrs["class_names"] = [f"class {i}" for i in range(6)]
    return split_of(path, [path])


def tiff(folder):
    path = unpack.unpack(write_split(folder / "train.h5", 3, **places(3)), folder / "out", progress=False)["train"]
    return split_of(path, [file for file in path.rglob("*.*") if file.is_file()])


def features(folder, layers=False):
    split = data.open_split(write_split(folder / "train.h5"))

    def make(split):
        return {"a": split.labels * 1.5, "b": np.tile(split.labels, (900, 1))} if layers else split.images[:][:, 0, :9]

    make.__module__, make.__qualname__ = "coos_helpers.representations.texture", "features"

    def judge():
        found, expected = store.kept(make, split), make(split)
        for one, other in [(found[name], expected[name]) for name in expected] if layers else [(found, expected)]:
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)

    judge()
    return list((store.root() / "features").rglob("*.npz")), judge


def predictions(folder):
    from made_results import RUN, assert_same, said  # here, as it loads slowly, which data need not wait for

    from coos_helpers.results import stored

    split = memory_split(42)
    scores = said(split.labels)
    made = stored.keep(RUN, split, "texture", "knn", scores.argmax(1), scores, 0, "key")

    def judge():
        with redirect_stdout(io.StringIO()) as out:
            found = stored.load_if_current(RUN, "texture", "knn", ["train"], "key")
        assert out.getvalue().count("\n") == (not found) and ("made again" in out.getvalue()) == (not found)
        if found:
            assert_same(made, found[0]["train"])

    return list(RUN.folder.rglob("*.npz")), judge


def results(folder, packed=False):
    from made_results import features_of, kept_ladder, kept_row  # here, as above

    from coos_helpers.results import enter, pack, read

    run, release = runs.start(write_release(folder / "release", n=42), "smoke")
    parts = {"ladders": [kept_ladder(run, release)], "features": {"texture": features_of(release)}}
    enter(run, release, "02-texture", table=[kept_row(run, release)], **parts)
    expected, path = read.gather(run, release), folder / "results.pack"
    if packed:
        pack.write(expected, path)
        expected = pack.read(path)

    def judge():
        try:
            found = pack.read(path) if packed else read.gather(run, release)
        except ValueError as error:
            assert isinstance(error, DataError) == packed and "\n" not in str(error), str(error)
            return
        assert (found.about, found.class_names) == (expected.about, expected.class_names)
        for (name, one), (other, values) in zip(pack._arrays(found), pack._arrays(expected), strict=True):
            assert name == other
            np.testing.assert_array_equal(one, values)

    made = [file for name in ("predictions", "points", "results") for file in (run.folder / name).iterdir()]
    return [path] if packed else made, judge


def checkpoint(folder):
    import torch  # here, as above

    from coos_helpers.representations import training

    def train():
        torch.manual_seed(0)
        network = torch.nn.Linear(20, 20)
        options = dict(name="line", rate=lambda _: 0.1, save_every=2, judge=lambda _: 0.5, progress=False)
        history = training.train(network, lambda _: network(torch.ones(1, 20)).sum(), 3, folder, "key", **options)
        return history, network.weight.tolist(), network.bias.tolist()

    expected = train()

    def judge():
        try:
            assert train() == expected
        except ValueError as error:
            assert "left as it is" in str(error) and "\n" not in str(error), str(error)

    return list(folder.glob("*.pt")), judge


def text(folder):
    path = folder / "score"
    path.write_bytes(store.seal("0.5833333333333333"))

    def judge():
        try:
            assert store.unseal(path) == "0.5833333333333333"
        except ValueError:
            pass

    return [path], judge


KINDS = {
    "hdf5": hdf5,
    "hdf5 in chunks": lambda folder: hdf5(folder, chunks=(2, 2, 64, 64), compression="gzip", shuffle=True),
    "hdf5 of fractions": lambda folder: hdf5(folder, dtype="f4", chunks=(1, 2, 64, 64), maxshape=(None, 2, 64, 64)),
    "tiff": tiff,
    "features": features,
    "layers": lambda folder: features(folder, layers=True),
    "predictions": predictions,
    "results": results,
    "pack": lambda folder: results(folder, packed=True),
    "checkpoint": checkpoint,
    "text": text,
}


def damage_and_read(kind, folder, seeds):
    """Damage files of a kind again and again, and read them; an AssertionError names the seed."""
    files, judge = KINDS[kind](folder)
    whole = {file: file.read_bytes() for file in files}
    judge()
    for seed in seeds:
        print("seed", seed, flush=True)  # the last one, if the interpreter itself dies
        rng = np.random.default_rng(seed)
        file = files[rng.integers(len(files))]
        file.write_bytes(mutant(whole[file], rng))
        tracemalloc.start()
        tracemalloc.reset_peak()
        faulthandler.dump_traceback_later(120, exit=True)  # thousands of times what it takes
        try:
            judge()
            assert tracemalloc.get_traced_memory()[1] < MEMORY, "gigabytes"
        except Exception as error:
            raise AssertionError(f"{kind}, {file.name}: COOS_FUZZ_SEED={seed} tries it alone: {error!r}") from error
        finally:
            faulthandler.cancel_dump_traceback_later()
            tracemalloc.stop()
        file.write_bytes(whole[file])


def batches(of=20, full=200):
    """Cut the seeds into parts of `of`, the first for every day; or only the one that is asked for."""
    if "COOS_FUZZ_SEED" in os.environ:
        return [pytest.param([int(os.environ["COOS_FUZZ_SEED"])], id="the seed")]
    slow = [pytest.param(range(at, at + of), id=f"{at}-", marks=pytest.mark.slow) for at in range(of, full, of)]
    return [pytest.param(range(of), id="0-"), *slow]


@pytest.mark.parametrize("seeds", batches())
@pytest.mark.parametrize("kind", [kind for kind in KINDS if "hdf5" not in kind])
def test_a_damaged_file_is_read_as_it_was_or_refused(tmp_path, kind, seeds):
    damage_and_read(kind, tmp_path, seeds)


@pytest.mark.parametrize("seeds", batches())
@pytest.mark.parametrize("kind", [kind for kind in KINDS if "hdf5" in kind])
def test_a_damaged_hdf5_file_is_read_or_refused_without_a_crash(tmp_path, kind, seeds):
    """In another process, as HDF5 is written in C. It may end or wait for ever inside of HDF5, but not elsewhere."""
    folders = os.pathsep.join(str(PROJECT / folder) for folder in ("", "tests", "tests/data"))
    left = list(seeds)
    while left:
        command = [sys.executable, "-X", "faulthandler", __file__, kind, str(tmp_path), *map(str, left)]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": folders})
        if done.returncode == 0:
            break
        last = int(done.stdout.split()[-1])
        # HDF5 2.0.0 goes in a circle where the length of a text in a file is 0 by damage.
        assert re.search(LIBRARY, done.stderr), f"{kind}, seed {last}: {done.returncode}, {done.stderr[-3000:]}"
        left = left[left.index(last) + 1 :]


if __name__ == "__main__":
    damage_and_read(sys.argv[1], Path(sys.argv[2]), map(int, sys.argv[3:]))
    if (status := Path("/proc/self/status")).exists():  # what HDF5 itself takes, numpy does not know of
        assert int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) * 1024 < 2 * MEMORY, "gigabytes"
