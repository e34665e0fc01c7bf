"""Time L1 logistic regression, one class against the rest: ours against what you would take instead, in one run.

Features are those of VGG16's conv4_1, (N, 512), of simulated training cells. Prints seconds, how far the objective lies
above the lowest that any solver reached, the share of other cells on which predictions agree with ours, and the ratio
of the times. liblinear is far slower than the others, so each other side runs once for its once.

    python benchmarks/l1.py [CELLS]
"""

import sys
import warnings
from time import perf_counter

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from coos_helpers import data, lasso, pretrained, simulate, vgg16


def main(cells=4000):
    warnings.simplefilter("ignore")
    drawn = simulate.draw("train", cells + 2000)
    split = data.Split(
        "train", None, drawn.images, drawn.labels, drawn.plate, drawn.well, data.CLASS_NAMES, "simulated"
    )
    try:
        network, name_of_it = pretrained.load(), "VGG16"
    except pretrained.WeightsError:
        network, name_of_it = None, "VGG16 (untrained)"
    features = vgg16.features(split, network)["conv4_1"]
    order = np.random.default_rng(0).permutation(len(split))
    fit, rest = order[:cells], order[cells:]
    scaler = StandardScaler().fit(features[fit].astype(np.float64))
    X, held, labels = scaler.transform(features[fit]), scaler.transform(features[rest]), drawn.labels[fit]
    lasso.L1LogisticRegression().fit(X[:200], labels[:200])  # compiles
    sides = {"coos_helpers": by_ours, "skglm": by_skglm, "celer": by_celer, "liblinear": by_liblinear}
    found = {}
    for name, side in sides.items():
        try:
            start = perf_counter()
            weights = side(X, labels)
            found[name] = (perf_counter() - start, weights)
        except ImportError:
            print(f"{name}: not installed, left out")
    heights = {name: height(X, labels, *weights) for name, (_, weights) in found.items()}
    said = {name: (held @ weights[0].T + weights[1]).argmax(1) for name, (_, weights) in found.items()}
    print(f"{cells:,} simulated cells, conv4_1 of {name_of_it}, 512 features")
    print(f"{'':14}{'seconds':>10}{'objective above lowest':>25}{'same predictions':>18}{'times ours':>12}")
    for name, (seconds, _) in found.items():
        above = heights[name] / min(heights.values()) - 1
        same = np.mean(said[name] == said["coos_helpers"])
        print(f"{name:14}{seconds:10.1f}{above:25.1e}{same:18.2%}{seconds / found['coos_helpers'][0]:12.1f}")


def height(X, labels, weights, intercepts):
    total = 0.0
    for name, w, b in zip(np.unique(labels), weights, intercepts, strict=True):
        total += lasso.objective(np.append(w, b), X @ w + b, np.where(labels == name, 1.0, -1.0))
    return total


def by_ours(X, labels):
    model = lasso.L1LogisticRegression().fit(X, labels)
    return model.coef_, model.intercept_


def by_skglm(X, labels):
    from skglm import SparseLogisticRegression

    return _one_by_one(X, labels, lambda: SparseLogisticRegression(1 / len(X), fit_intercept=False, tol=1e-5))


def by_celer(X, labels):
    from celer import LogisticRegression as Celer

    return _one_by_one(X, labels, lambda: Celer(C=1.0, tol=1e-4))


def by_liblinear(X, labels):
    rows = []
    for name in np.unique(labels):
        model = LogisticRegression(l1_ratio=1.0, solver="liblinear", max_iter=1000, random_state=0)
        model.fit(X, labels == name)
        rows.append((model.coef_[0], model.intercept_[0]))
    return tuple(np.array(part) for part in zip(*rows, strict=True))


def _one_by_one(X, labels, make):
    """Fit a solver without an intercept of its own to features with a column of ones, which is penalised as ours is."""
    X = np.asfortranarray(np.column_stack([X, np.ones(len(X))]))
    rows = [np.ravel(make().fit(X, np.where(labels == name, 1, -1)).coef_) for name in np.unique(labels)]
    return np.array(rows)[:, :-1], np.array(rows)[:, -1]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
