"""Releases that the tests share: tiny made-up ones, the simulated smoke release, and real cells where they are."""

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest

from coos_helpers import data, published, simulate
from coos_helpers.fetch import vgg16_weights

PROJECT = Path(__file__).resolve().parents[1]

#: File names of a release, in the release's order.
FILES = {"train": "COOS7_v1.1_training.hdf5"} | {f"test{i}": f"COOS7_v1.1_test{i}.hdf5" for i in (1, 2, 3, 4)}

#: What takes minutes, the longest first: two workers that begin with it end at about the same time.
LONG = ["test_book", "test_browser", "test_real_cells", "test_robust"]

# A shell's background job ignores Ctrl-C, and hands that on to the commands that tests start and stop.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Begin with what takes longest."""
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give a worker of `make test` a file at a time, and the two that need the whole book to the same one."""
    from xdist.scheduler import LoadFileScheduling  # here, as one file alone is run without workers

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid):
            return super()._split_scope(nodeid).replace("test_browser", "test_book")

    return ByFile(config, log)


def cells(n, seed=0):
    """Draw n cells of noise, (n, 2, 64, 64) uint16, no two alike."""
    return np.random.default_rng([seed, n]).integers(0, 65536, (n, 2, 64, 64), np.uint16)


def places(n):
    """Name plates and wells for n cells as a file stores them: byte strings."""
    plate = np.array([f"plate-{i % 2}" for i in range(n)], "S")
    well = np.array([f"{'AB'[i % 2]}{i % 3 + 1:02}" for i in range(n)], "S")
    return {"plate": plate, "well": well}


def write_split(path, n=14, seed=0, attrs=None, **keys):
    """Write one split of n cells as HDF5; `keys` add or replace data sets: None leaves one out, a function makes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for key, values in {"data": cells(n, seed), "labels": np.arange(n) % 7, **keys}.items():
            if callable(values):
                values(file, key)
            elif values is not None:
                file[key] = values
        for key, value in (attrs or {}).items():
            file.attrs[key] = value
    return path


def write_release(folder, splits=tuple(FILES), n=14, attrs=None, with_places=True):
    """Write a release of small splits with plates and wells, and give its folder."""
    for seed, name in enumerate(splits):
        write_split(folder / FILES[name], n + seed, seed, attrs, **(places(n + seed) if with_places else {}))
    return folder


def memory_split(n=14, seed=0, **parts):
    """Make a split of n cells of noise in memory, with plates and wells; `parts` replace what it holds."""
    known = {key: values.astype(str) for key, values in places(n).items()}
    held = {"images": cells(n, seed), "labels": np.arange(n) % 7, **known, **parts}
    return data.Split(name="train", path=None, class_names=published.CLASS_NAMES, source="made up", **held)


@contextmanager
def files_up_to(size):
    """Let no file grow beyond some bytes, as `ulimit -f` does: it ends a write as a full disk does, in other words."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def at_once(work, times=2):
    """Do the same in some threads at once, for which a lock is as between processes; give what each gave or raised."""
    given = [None] * times

    def one(number):
        try:
            given[number] = work()
        except BaseException as error:
            given[number] = error

    threads = [threading.Thread(target=one, args=[number]) for number in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return given


def kill_at_first_checkpoint(code, folder):
    """Run Python code that trains slowly, and kill it, with no chance to tidy up, once a checkpoint is in the folder.

    The code may import from here, and runs in one thread. The hour is there so that nothing hangs for ever.
    """
    folders = os.pathsep.join([str(PROJECT), str(PROJECT / "tests")])
    environment = {**os.environ, "PYTHONPATH": folders, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE, text=True) as process:
        give_up = time.monotonic() + 3600
        while not list(folder.glob("*.pt")):
            assert process.poll() is None, process.stderr.read()
            if time.monotonic() > give_up:
                process.kill()
                pytest.fail("no checkpoint within an hour")
            time.sleep(0.005)
        time.sleep(0.12)  # so that some steps are lost
        process.kill()
        process.wait()
    assert process.returncode == -signal.SIGKILL


@pytest.fixture(autouse=True)
def build_folder(tmp_path_factory, monkeypatch):
    """Keep what a test makes out of the project's own `_build`."""
    folder = tmp_path_factory.mktemp("build")
    monkeypatch.setenv("COOS_BUILD", str(folder))
    return folder


@pytest.fixture
def release(tmp_path):
    """Write a tiny release of all five splits, opened."""
    return data.open_release(write_release(tmp_path / "release"))


@pytest.fixture(scope="session")
def simulated_folder(tmp_path_factory):
    """Simulate the smoke release once for all tests."""
    return simulate.simulate(tmp_path_factory.mktemp("simulated"), scale=0.01, seed=0, progress=False)


@pytest.fixture(scope="session")
def simulated(simulated_folder):
    """Open the simulated smoke release."""
    return data.open_release(simulated_folder)


def shared(name):
    """Name a folder that may lie beside the project, or where COOS_SHARED says."""
    folder = os.environ.get("COOS_SHARED")
    return (Path(folder) if folder else PROJECT.parent / "shared") / name


@pytest.fixture(scope="session")
def real_cells():
    """Find the folder with real cells, which no clone of the project contains."""
    folder = shared("real-cells")
    if not folder.is_dir():
        pytest.skip("no real cells here: they are not part of the project (COOS_SHARED can name their folder's parent)")
    return folder


@pytest.fixture
def real_weights(monkeypatch):
    """Read VGG16's original weights where they are: in torch's own cache, or beside the project; none are fetched."""
    if not vgg16_weights.path().exists():
        monkeypatch.setenv("TORCH_HOME", str(shared("torch-home")))
    if not vgg16_weights.path().exists():
        pytest.skip("VGG16's weights are not here, and tests fetch nothing (TORCH_HOME can name a folder with them)")
    return vgg16_weights.load()


@pytest.fixture(scope="module")
def one_thread():
    """Spare tiny networks the wait for a second thread, which on a busy machine is far longer than the work."""
    import torch  # here, as most tests need none of it and it loads slowly

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def book(tmp_path_factory):
    """Start the build, kill it in the first chapter that reads another, and start it again."""
    from whole_book import COMMAND, run, surroundings  # here, as it needs this file

    folder = tmp_path_factory.mktemp("book")
    environment = surroundings(folder)
    with subprocess.Popen(
        COMMAND, env=environment, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        for line in process.stdout:
            if "05-paired-cell-inpainting: executing" in line:
                os.killpg(process.pid, signal.SIGKILL)
    done = run(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout
