"""Time the three classifiers with and without scikit-learn-intelex, and the forest's halving beside its random search.

Features are those of VGG16's conv4_1, (N, 512), of simulated training cells; made once and kept. Each run is a process
of its own, as an engine is chosen when it starts; sides take turns. The searches run once, with the faster engine,
and go on where they were stopped. Both chosen forests are fitted to the whole training set and judged on test3.

    python benchmarks/classifiers.py [SHARE [DRAWS]]
"""

import json
import os
import subprocess
import sys
from time import perf_counter, process_time

import common
import numpy as np
import scale
from joblib import cpu_count
from sklearn.model_selection import ParameterSampler

from coos_helpers import classifiers, data, metrics, store
from coos_helpers.fetch import vgg16_weights
from coos_helpers.metrics.folds import FOLDS, cut_folds
from coos_helpers.representations import vgg16
from coos_helpers.simulate.conditions import conditions
from coos_helpers.simulate.kernels import source_digest
from coos_helpers.simulate.layout import layout
from coos_helpers.simulate.release import write_split

TEST, REPEATS, PART = "test3", 3, 5  # draws of the random search that both engines score, on one fold
ENGINES = {"with": "", "without": "0"}  # scikit-learn-intelex; what COOS_INTELEX says


def main(share=1.0, draws=100):
    train, labels, _ = cells(share, "training")
    others, truth, wells = cells(share, TEST)
    engines = ENGINES if "intelex" in classifiers.ENGINE else {"without": "0"}
    fast, at = next(iter(engines)), f"{len(train):,} x 512 (VGG16 conv4_1)"

    def sides(stage):
        found = {engine: [] for engine in engines}
        for repeat in range(REPEATS):
            for engine in list(engines)[:: 1 if repeat % 2 else -1]:
                found[engine].append(run(share, stage, engine))
        seconds = {engine: [one["seconds"] for one in told] for engine, told in found.items()}
        ratios = common.ratio(seconds["without"], seconds[fast]) if fast == "with" else None
        return {engine: told[-1] for engine, told in found.items()}, seconds, ratios

    alone, lines = "scikit-learn without intelex", []
    said, seconds, ratios = sides("knn")
    same = np.mean(np.array(said[fast]["predicted"]) == np.array(said["without"]["predicted"]))
    where = f"{at}, {len(others):,} queries"
    lines.append(common.line("kNN, k = 11", where, alone, seconds[fast], ratios, "", True, f"same answers: {same:.2%}"))

    told = [run(share, "l1-lr", fast) for _ in range(REPEATS)]
    steps = f"{told[0]['steps'][0]} to {told[0]['steps'][1]} steps; one core"
    took = [one["seconds"] for one in told]
    lines.append(common.line("L1 logistic regression (liblinear)", at, "", took, None, "", True, steps))

    _, seconds, ratios = sides("part")
    whole = {engine: f"{np.median(took) * draws * FOLDS / PART / 60:,.0f}" for engine, took in seconds.items()}
    note = f"so {draws} draws on {FOLDS} folds take about {whole[fast]} minutes, without intelex {whole['without']}"
    where = f"{PART} draws on one fold of {at}"
    lines.append(common.line("Random forest search, a part", where, alone, seconds[fast], ratios, "", True, note))
    common.keep("classifiers", lines)

    halving, random = (run(share, search, fast, draws) for search in ("halving", "random"))
    ratios = (random["seconds"] / halving["seconds"],) * 3
    first, second = np.array(halving["predicted"]), np.array(random["predicted"])
    errors = [100 * metrics.balanced_error(truth, predicted) for predicted in (first, second)]
    low, high = (100 * end for end in metrics.difference_interval(truth, first, second, wells))
    note = f"ran once, core seconds by cores; error on {TEST} {errors[0]:.2f} %, of the random search's {errors[1]:.2f}"
    note += f" %; difference {low:+.2f} to {high:+.2f} (95 %, paired over wells)"
    where = f"{draws} draws on {FOLDS} folds of {at}"
    bar = "as good", low <= 0, note
    lines.append(common.line("Forest, halving", where, "random search", halving["seconds"], ratios, *bar))
    print("halving chose", halving["best"], "random chose", random["best"])
    common.keep("classifiers", lines)


def cells(share, name):
    """Give conv4_1 of one split of a simulated release, (N, 512) float32, its labels and wells; all kept."""
    key = store.key(simulator=source_digest(), vgg16=store.code_key("representations.vgg16"), share=share)
    path = scale.place(share) / f"conv4_1-alone-{name}-{key}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.with_name(f"COOSsim_{name}.hdf5")
        mark = {"scale": share, "seed": 0, "shift": "{}"}
        write_split(file, layout(share, 0)[name], 0, conditions(), mark)
        split = data.open_split(file)
        found = vgg16.features(split, vgg16_weights.load(), layers=("conv4_1",))["conv4_1"]
        with store.atomic(path) as whole:
            np.savez(whole, features=found, labels=split.labels, wells=split.well_ids)
        file.unlink()
    with np.load(path) as found:
        return found["features"], found["labels"], found["wells"]


def run(share, stage, engine, draws=PART):
    """Run a stage in a process of its own, with an engine: what it printed last."""
    environment = os.environ | {"COOS_INTELEX": ENGINES[engine], "OMP_NUM_THREADS": str(cpu_count())}
    command = [sys.executable, __file__, str(share), str(draws), stage]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment)
    found = json.loads(done.stdout.splitlines()[-1])
    print(f"{stage}, {engine} scikit-learn-intelex: {found['seconds']:.1f} s", flush=True)
    return found


def stage(share, draws, name):
    """Run one stage and print its seconds, and what it found."""
    train, labels, wells = cells(share, "training")
    others, said = np.asarray(cells(share, TEST)[0], np.float64), {}
    start = perf_counter()
    if name in ("random", "halving"):
        note = scale.place(share) / f"{name}-{draws}-{store.key(engine=classifiers.ENGINE)}.txt"
        classifiers.fold_score = noted(classifiers.fold_score, note)
        said["best"], _ = classifiers.search_forest(train, labels, wells, draws, name)
        said["seconds"] = sum(map(float, note.read_text().split()))
        model = classifiers.rf(**said["best"]).fit(np.asarray(train, np.float64), labels)
        said["predicted"] = model.predict(others).tolist()
    elif name == "part":
        kept, cuts = cut_folds(labels, wells)
        fold = [part[kept][rows] for rows in cuts[0] for part in (train, labels)]
        for settings in ParameterSampler(classifiers.GRID, PART, random_state=0):
            classifiers.fold_score(classifiers.rf(**settings), fold)
    else:
        model = classifiers.fit(name, train, labels)
        if name == "knn":
            said["predicted"] = model.predict(others).tolist()
        else:
            steps = [int(one.n_iter_.max()) for one in model[-1].estimators_]
            said["steps"] = min(steps), max(steps)
    print(json.dumps({"seconds": perf_counter() - start} | said))


def noted(score, note):
    """Add the seconds of each score to a file, so that a search that was stopped still knows all it took.

    They are those of all cores, divided by their number: a search of an hour shares its machine with other work.
    """

    def timed(*args):
        start = process_time()
        found = score(*args)
        with note.open("a") as file:
            file.write(f"{(process_time() - start) / cpu_count()}\n")
        return found

    return timed


if __name__ == "__main__":
    if len(sys.argv) == 4:
        stage(float(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
    else:
        main(*(kind(said) for kind, said in zip((float, int), sys.argv[1:], strict=False)))
