"""Run Texture and VGG16 (conv4_1) with all three classifiers on simulated releases of three sizes, end to end.

Each stage runs in a process of its own, so that its peak memory is its own. Stages that were done by the same code are
not done again.

    python benchmarks/scale.py [SHARE ...]
"""

import json
import os
import resource
import subprocess
import sys
import time
from time import perf_counter

import common
import numpy as np

from coos_helpers import classifiers, data, metrics, pretrained, simulate, store, texture, vgg16
from coos_helpers.simulate.kernels import source_digest

SHARES = (0.1, 0.314, 1.0)  # 13,000, 41,000 and 132,209 cells
DRAWS = 2  # of the forest's search; the paper's 100 take 50 times as long
FEATURES = {"texture": "Texture", "conv4_1": "VGG16 conv4_1"}
FITS = {"knn": "kNN", "l1-lr": "L1 LR", "rf": f"RF, {DRAWS} draws"}


def main(shares):
    lines, places = [], store.root() / "scale"
    for share in shares:
        for stage in ["simulate", *FEATURES, *(f"{f} {c}" for f in FEATURES for c in FITS)]:
            note = places / f"{share:g}" / f"{stage.replace(' ', '-')}.json"
            key = code(stage)
            if not note.exists() or json.loads(note.read_text())["code"] != key:
                note.parent.mkdir(parents=True, exist_ok=True)
                done = subprocess.run([sys.executable, __file__, str(share), stage], stdout=subprocess.PIPE, check=True)
                measured = json.loads(done.stdout.splitlines()[-1]) | {"made": time.strftime("%Y-%m-%d"), "code": key}
                with store.atomic(note) as file:
                    file.write(json.dumps(measured).encode())
            lines.append(json.loads(note.read_text()))
            print(lines[-1], flush=True)
        common.keep("scale", lines)


def code(stage):
    """Condense the source of what a stage does into a key."""
    if stage == "simulate":
        return source_digest()
    own = {"texture": ("texture", "haralick"), "conv4_1": ("vgg16",)}
    own |= {"knn": ("neighbours",), "l1-lr": ("lasso",), "rf": ("forest",)}
    return store.source_key(*own[stage.split()[-1]])


def stage(share, name):
    """Run one stage and print its seconds and its peak memory."""
    place = store.root() / "scale" / f"{share:g}"
    folder = place / "release"
    said, start = {}, perf_counter()
    if name == "simulate":
        simulate.simulate(folder, scale=share, seed=0)
        release = data.open_release(folder)
    elif name in FEATURES:
        release = data.open_release(folder)
        weights = pretrained.load() if name == "conv4_1" else None
        for split in release.values():
            if name == "texture":
                found = texture.features(split)
            else:
                found = vgg16.features(split, weights, layers=("conv4_1",))["conv4_1"]
            np.save(place / f"{name}-{split.name}.npy", found)
    else:
        features, classifier = name.split()
        release = data.open_release(folder)
        found = {split: np.load(place / f"{features}-{split}.npy") for split in release}
        model = classifiers.fit(classifier, found["train"], release["train"].labels, DRAWS)
        for split in release.values():
            predicted = model.predict(np.asarray(found[split.name], np.float64))
            said[split.name] = round(100 * metrics.balanced_error(split.labels, predicted), 1)
    cells = sum(map(len, release.values()))
    # Kilobytes on Linux; the processes that joblib starts are this one's children.
    peaks = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    seconds = perf_counter() - start
    print(json.dumps({"stage": name, "cells": cells, "seconds": seconds, "GiB": max(peaks) / 2**20, "errors": said}))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count()))
    if len(sys.argv) == 3 and not sys.argv[2].replace(".", "").isdigit():
        stage(float(sys.argv[1]), sys.argv[2])
    else:
        main([float(share) for share in sys.argv[1:]] or SHARES)
