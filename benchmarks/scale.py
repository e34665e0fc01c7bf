"""Run Texture and VGG16 (conv4_1) with all three classifiers on simulated releases of three sizes, end to end.

Each stage runs in a process of its own, so that its peak memory is its own. A stage is not done again while the modules
that do its work stay as they are.

    python benchmarks/scale.py [SHARE ...]
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from time import perf_counter

import common
import numpy as np

from coos_helpers import classifiers, data, metrics, simulate, store
from coos_helpers.fetch import vgg16_weights
from coos_helpers.representations import texture, vgg16
from coos_helpers.simulate.kernels import source_digest

SHARES = (0.1, 0.314, 1.0)  # 13,000, 41,000 and 132,209 cells
DRAWS = 2  # of the forest's random search; the paper's 100 take 50 times as long
FEATURES = {"texture": "Texture", "conv4_1": "VGG16 conv4_1"}
CORES = str(os.cpu_count())
FITS = {"knn": "kNN", "l1-lr": "L1 LR", "rf": f"RF, {DRAWS} draws"}


def main(shares):
    lines = []
    for share in shares:
        for name in ["simulate", *FEATURES, *(f"{f} {c}" for f in FEATURES for c in FITS)]:
            feature, _, classifier = name.partition(" ")
            title = ", ".join(filter(None, (FEATURES.get(feature, feature), FITS.get(classifier))))
            lines.append(measured(share, name) | {"stage": title})
            print(lines[-1], flush=True)
        common.keep("scale", lines)


def place(share):
    """Give the folder of a size."""
    return store.root() / "scale" / f"{share:g}"


def measured(share, name):
    """Give what a stage took, by what is kept or by running it."""
    note, key = place(share) / f"{name.replace(' ', '-')}.json", code(name)
    if not note.exists() or json.loads(note.read_text())["code"] != key:
        note.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, __file__, str(share), name]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=os.environ | {"OMP_NUM_THREADS": CORES})
        found = json.loads(done.stdout.splitlines()[-1]) | {"made": time.strftime("%Y-%m-%d"), "code": key}
        with store.atomic(note) as file:
            file.write(json.dumps(found | {"machine": common.machine()}).encode())
    return json.loads(note.read_text())


def code(name):
    """Condense the source of what a stage does, and of the stages before it, into a key."""
    if name == "simulate":
        return source_digest()
    own = {"texture": "representations.texture", "conv4_1": "representations.vgg16"}
    *before, last = name.split()
    made_by = code(before[0] if before else "simulate")
    return store.key(own=store.code_key(own.get(last, "classifiers")), engine=classifiers.ENGINE, before=made_by)


def full_scale():
    """Give the folder in which the full-scale simulated release lies, made if it was not there."""
    measured(1.0, "simulate")
    return place(1.0)


def stage(share, name):
    """Run one stage and print its seconds and its peak memory."""
    folder = place(share) / "release"
    said, start = {}, perf_counter()
    if name == "simulate":
        simulate.simulate(folder, scale=share, seed=0)
        release = data.open_release(folder)
    elif name in FEATURES:
        release = data.open_release(folder)
        weights = vgg16_weights.load() if name == "conv4_1" else None
        for split in release.values():
            if name == "texture":
                found = texture.features(split)
            else:
                found = vgg16.features(split, weights, layers=("conv4_1",))["conv4_1"]
            np.save(place(share) / f"{name}-{split.name}.npy", found)
    else:
        features, classifier = name.split()
        release = data.open_release(folder)
        found = {split: np.load(place(share) / f"{features}-{split}.npy") for split in release}
        with tempfile.TemporaryDirectory() as os.environ["COOS_BUILD"]:  # no scores of a search that was stopped
            train = release["train"]
            model = classifiers.fit(classifier, found["train"], train.labels, train.well_ids, DRAWS)
        for split in release.values():
            predicted = model.predict(np.asarray(found[split.name], np.float64))
            said[split.name] = round(100 * metrics.balanced_error(split.labels, predicted), 1)
    cells = sum(map(len, release.values()))
    # Kilobytes on Linux; the processes that joblib starts are this one's children.
    peaks = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    seconds = perf_counter() - start
    print(json.dumps({"stage": name, "cells": cells, "seconds": seconds, "GiB": max(peaks) / 2**20, "errors": said}))


if __name__ == "__main__":
    if len(sys.argv) == 3 and not sys.argv[2].replace(".", "").isdigit():
        stage(float(sys.argv[1]), sys.argv[2])
    else:
        main([float(share) for share in sys.argv[1:]] or SHARES)
