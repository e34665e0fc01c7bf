"""Releases that the tests share: tiny made-up ones, the simulated smoke release, and real cells where they are."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from coos_helpers import data, simulate

PROJECT = Path(__file__).resolve().parents[1]

#: File names of a release, in the release's order.
FILES = {"train": "COOS7_v1.1_training.hdf5"} | {f"test{i}": f"COOS7_v1.1_test{i}.hdf5" for i in (1, 2, 3, 4)}


def cells(n, seed=0):
    """Draw n cells of noise, (n, 2, 64, 64) uint16, no two alike."""
    return np.random.default_rng([seed, n]).integers(0, 65536, (n, 2, 64, 64), np.uint16)


def places(n):
    """Name plates and wells for n cells as a file stores them: byte strings."""
    plate = np.array([f"plate-{i % 2}" for i in range(n)], "S")
    well = np.array([f"{'AB'[i % 2]}{i % 3 + 1:02}" for i in range(n)], "S")
    return {"plate": plate, "well": well}


def write_split(path, n=14, seed=0, attrs=None, **keys):
    """Write one split of n cells as HDF5; `keys` add data sets or replace them, and None leaves one out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for key, values in {"data": cells(n, seed), "labels": np.arange(n) % 7, **keys}.items():
            if values is not None:
                file[key] = values
        for key, value in (attrs or {}).items():
            file.attrs[key] = value
    return path


def write_release(folder, splits=tuple(FILES), n=14, attrs=None, with_places=True):
    """Write a release of small splits with plates and wells, and give its folder."""
    for seed, name in enumerate(splits):
        write_split(folder / FILES[name], n + seed, seed, attrs, **(places(n + seed) if with_places else {}))
    return folder


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
    return simulate.simulate(tmp_path_factory.mktemp("simulated"), scale=0.02, seed=0, progress=False)


@pytest.fixture(scope="session")
def simulated(simulated_folder):
    """Open the simulated smoke release."""
    return data.open_release(simulated_folder)


@pytest.fixture(scope="session")
def real_cells():
    """Find the folder with real cells, which no clone of the project contains."""
    shared = os.environ.get("COOS_SHARED")
    folder = (Path(shared) if shared else PROJECT.parent / "shared") / "real-cells"
    if not folder.is_dir():
        pytest.skip("no real cells here: they are not part of the project (COOS_SHARED can name their folder's parent)")
    return folder
