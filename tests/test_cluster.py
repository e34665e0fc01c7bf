"""Work on a cluster of three processes: the same results as on one machine, and none lost with a worker."""

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

from coos_helpers import classifiers
from coos_helpers.representations import texture

PAGE = Path(__file__).parent.parent / "book" / "cluster.md"
LONG = 3600  # seconds; only what would else hang for ever takes so long

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Start worker processes on this machine, at ports that are free and without a page of their own.

    Three, as two tests kill one each, and Dask does not always start another in its place.
    """
    folder = str(tmp_path_factory.mktemp("dask"))
    with LocalCluster(
        n_workers=3, threads_per_worker=1, processes=True, dashboard_address=None, local_directory=folder
    ) as started, Client(started) as client:  # fmt: skip
        assert len(pids(client)) == 3 and os.getpid() not in pids(client)
        yield client


@pytest.fixture(autouse=True)
def small_forests(monkeypatch):
    """Keep the tests quick: nothing here depends on the number of trees."""
    monkeypatch.setitem(classifiers.GRID, "n_estimators", [10, 15, 20])


def on_cluster():
    """Hand joblib's work to the cluster with the line of the page."""
    line = re.search(r"^with (joblib\.parallel_config\(.*\)):$", PAGE.read_text(encoding="utf-8"), re.M)[1]
    return eval(line, {"joblib": joblib})


def cells(n=300, d=40, seed=0):
    """Draw features that joblib would scatter if they came as loose arrays, and labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 4
    return (rng.normal(size=(n, d)) + 0.8 * rng.normal(size=(4, d))[labels]).astype(np.float32), labels


def searched(build_folder, **options):
    """Search without scores that are stored: the best settings, and all scores."""
    for path in (build_folder / "search").glob("*"):
        path.unlink()
    best, found = classifiers.search_forest(*cells(), progress=False, **options)
    return best, found.cv_results_["mean_test_score"].tolist()


def pids(cluster):
    return set(cluster.run(os.getpid).values())


@pytest.fixture
def killer(cluster):
    """Kill one worker as soon as something is true, and see at the end that the cluster lost it."""
    threads, victim, over = [], min(pids(cluster)), threading.Event()

    def start(when):
        def kill():
            while not when() and not over.wait(0.005):
                pass
            os.kill(victim, signal.SIGKILL)

        threads.append(threading.Thread(target=kill))
        threads[0].start()

    yield start
    over.set()
    threads[0].join()
    give_up = time.monotonic() + LONG
    while time.monotonic() < give_up:
        with contextlib.suppress(OSError):  # the scheduler has not heard of it yet
            if victim not in pids(cluster):
                return
        time.sleep(0.05)
    pytest.fail("the cluster did not notice that a worker died")


@pytest.mark.parametrize("search", ["random", "halving"])
def test_the_search_is_the_same_there(cluster, build_folder, search):
    here = searched(build_folder, draws=4, search=search)
    with on_cluster():
        there = searched(build_folder, draws=4, search=search)
    assert there == here


@pytest.mark.parametrize("classifier", ["knn", "l1-lr", "rf"])
def test_a_model_is_fitted_here_and_is_the_same(cluster, classifier):
    features, labels = cells()
    here = classifiers.fit(classifier, features, labels, draws=1, progress=False).predict_proba(features)
    before = cluster.cluster.scheduler.transition_counter
    with on_cluster():  # the scores of its search are stored
        there = classifiers.fit(classifier, features, labels, draws=1, progress=False).predict_proba(features)
    np.testing.assert_array_equal(there, here)
    assert cluster.cluster.scheduler.transition_counter == before


def test_a_worker_that_dies_takes_nothing_of_a_search_with_it(cluster, build_folder, killer):
    here = searched(build_folder, draws=9, search="halving")
    for path in (build_folder / "search").glob("*"):
        path.unlink()
    killer(lambda: list((build_folder / "search").glob("[!.]*")))
    with on_cluster():
        assert searched(build_folder, draws=9, search="halving") == here


def test_texture_is_the_same_there_though_a_worker_dies(cluster, killer):
    split = memory_split(2_000)
    here = texture.features(split, progress=False)
    killer(lambda: any(cluster.processing().values()))
    with on_cluster():
        there = texture.features(split, progress=False)
    np.testing.assert_array_equal(there, here)
