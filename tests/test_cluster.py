"""Work on a cluster of two processes: the same results as on one machine, and none lost with a worker."""

import contextlib
import os
import re
import signal
import threading
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
from conftest import memory_split
from distributed import Client, LocalCluster

from coos_helpers import classifiers, data, forest, simulate, texture
from coos_helpers.haralick import haralick

PAGE = Path(__file__).parent.parent / "book" / "cluster.md"

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Start two worker processes on this machine, at ports that are free and without a page of their own."""
    folder = str(tmp_path_factory.mktemp("dask"))
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, local_directory=folder
    ) as started, Client(started) as client:  # fmt: skip
        yield client


def on(cluster):
    return joblib.parallel_config("dask", wait_for_workers_timeout=60)


def cells(n=300, d=40, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 4
    return rng.normal(size=(n, d)) + 0.8 * rng.normal(size=(4, d))[labels], labels


def searched(build_folder, **options):
    for file in (build_folder / "search").glob("*"):
        file.unlink()
    return classifiers.search(*cells(), progress=False, **options)


def pids(cluster):
    return set(cluster.run(os.getpid).values())


def test_it_has_two_processes_of_its_own(cluster):
    assert len(pids(cluster)) == 2 and os.getpid() not in pids(cluster)


def test_texture_is_the_same_there(cluster):
    images = np.random.default_rng(0).integers(0, 256, (600, 20, 20)).astype(np.uint8)
    here = haralick(images, (1, 4))
    with on(cluster):
        there = haralick(images, (1, 4))
    np.testing.assert_array_equal(there, here)


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    """Open the test1 of a small release."""
    folder = simulate.simulate(tmp_path_factory.mktemp("cells"), scale=0.01, seed=0, progress=False)
    return data.open_release(folder)["test1"]


def test_the_whole_of_texture_is_the_same_there_by_the_line_of_the_page(cluster, split):
    line = re.search(r"^with (joblib\.parallel_config\(.*\)):$", PAGE.read_text(encoding="utf-8"), re.M)[1]
    here = texture.features(split, progress=False)
    with eval(line):
        there = texture.features(split, progress=False)
    np.testing.assert_array_equal(there, here)


def test_the_search_is_the_same_there(cluster, build_folder):
    best, scores = searched(build_folder, draws=3)
    with on(cluster):
        best_there, scores_there = searched(build_folder, draws=3)
    assert best_there == best and scores_there.tolist() == scores.tolist()


def test_a_forest_is_the_same_there(cluster):
    features, labels = cells()
    here = forest.RandomForest(12, random_state=1).fit(features, labels).predict_proba(features)
    with on(cluster):
        there = forest.RandomForest(12, random_state=1, n_jobs=-1).fit(features, labels).predict_proba(features)
    np.testing.assert_array_equal(there, here)


@pytest.fixture
def killer(cluster):
    """Kill one worker as soon as something is true; give a function that starts this and tells which."""
    threads = []

    def start(when):
        victim = min(pids(cluster))

        def kill():
            give_up = time.monotonic() + 60
            while not when() and time.monotonic() < give_up:
                time.sleep(0.005)
            os.kill(victim, signal.SIGKILL)

        threads.append(threading.Thread(target=kill))
        threads[-1].start()
        return victim

    yield start
    for thread in threads:
        thread.join()


def died(cluster, worker):
    """Wait until a worker is no longer among those of the cluster; whether that came."""
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        with contextlib.suppress(OSError):  # the scheduler has not heard of it yet
            if worker not in pids(cluster):
                return True
        time.sleep(0.05)
    return False


def busy(cluster):
    """Tell whether workers have begun."""
    return any(cluster.processing().values())


def test_a_worker_that_dies_takes_nothing_of_a_search_with_it(cluster, build_folder, killer):
    best, scores = searched(build_folder, draws=6)
    for file in (build_folder / "search").glob("*"):
        file.unlink()
    victim = killer(lambda: list((build_folder / "search").glob("*.json")))
    with on(cluster):
        best_there, scores_there = classifiers.search(*cells(), draws=6, progress=False)
    assert best_there == best and scores_there.tolist() == scores.tolist()
    assert died(cluster, victim)


def test_a_worker_that_dies_takes_nothing_of_an_extraction_with_it(cluster, killer):
    split = memory_split(5_000)
    victim = killer(lambda: busy(cluster))
    with on(cluster):
        there = texture.features(split, progress=False)
    np.testing.assert_array_equal(there, texture.features(split, progress=False))
    assert died(cluster, victim)
