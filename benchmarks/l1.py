"""Time L1 logistic regression, one class against the rest: ours against what you would take instead, in one run.

Features are those of VGG16's conv4_1, (N, 512), of simulated training cells. All fit classes side by side on all cores,
and take turns. A solver that is not done within a minute is stopped, its ratio is a lower bound, and it is not tried
again. liblinear runs with its default tolerance, and with the loosest that reaches the same objective. Prints seconds,
how far the objective lies above the lowest that any solver reached, the share of other cells on which predictions agree
with ours, and the ratio of the times.

    python benchmarks/l1.py [SECONDS]
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import warnings
from functools import partial
from time import perf_counter

import common
import numpy as np
from joblib import Parallel, delayed
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler

from coos_helpers import lasso

DEFAULT, EQUAL = 1e-4, 3e-5  # liblinear's tolerances: its own, and one that ends within 1e-4 of the lowest objective


def main(limit=60):
    warnings.simplefilter("ignore")
    (features, labels), (others, _) = common.conv4_1(), common.conv4_1("test1")
    scaler = StandardScaler().fit(features.astype(np.float64))
    X, held = scaler.transform(features.astype(np.float64)), scaler.transform(others.astype(np.float64))
    sides = {"coos_helpers": by_ours, "skglm": by_skglm, "celer": by_celer}
    equal_name, default_name = (f"liblinear, tolerance {tol:.0e}" for tol in (EQUAL, DEFAULT))
    sides |= {equal_name: partial(by_liblinear, tol=EQUAL), default_name: partial(by_liblinear, tol=DEFAULT)}
    times, weights = {name: [] for name in sides}, {}
    for repeat in range(common.REPEATS):
        for name in list(sides)[:: 1 if repeat % 2 else -1]:
            seconds, found = within(limit, sides[name], X, labels)
            if seconds is None:
                print(f"{name}: {found}, left out", flush=True)
                if name == "coos_helpers":
                    sys.exit("Without ours there is nothing to compare.")
            else:
                print(f"{name}: {seconds:.1f} s", flush=True)
                times[name].append(seconds)
            if seconds is None or found is None:
                del sides[name]
            else:
                weights[name] = found
    heights = {name: height(X, labels, *found[:2]) for name, found in weights.items()}
    lowest, lines, ours = min(heights.values()), [], times.pop("coos_helpers")
    said = {name: (held @ w.T + b).argmax(1) for name, (w, b, *_) in weights.items()}
    at = f"{len(X):,} x 512 (VGG16 conv4_1), one class against the rest"
    steps = f"{weights['coos_helpers'][2].min()} to {weights['coos_helpers'][2].max()} Newton steps"
    for name, theirs in times.items():
        if not theirs:
            continue
        note, equal = f"once; not done within {limit:.0f} s, so no objective to compare", False
        if name in heights:
            above, other = (heights[side] / lowest - 1 for side in ("coos_helpers", name))
            same = np.mean(said[name] == said["coos_helpers"])
            equal = above <= 1e-4 and same >= 0.999
            note = f"objective {above:.1g} above the lowest (theirs {other:.1g}), same predictions {same:.2%}; {steps}"
        ratios = common.ratio(theirs, ours[: len(theirs)])
        ratios = ratios if name in heights else (*ratios[:2], np.inf)
        bar = ("10 x, equal", equal and ratios[0] >= 10) if name == equal_name else ("", True)
        lines.append(common.line("L1 logistic regression", at, name, ours, ratios, *bar, note))
    common.keep("l1", lines)


def within(limit, side, X, labels):
    """Run a solver in a process of its own: seconds and weights.

    The limit and None where the weights did not come in time; None and the reason where there will be none.
    """
    ready, given = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=timed, args=(given, side, X, labels))
    process.start()
    given.close()
    try:
        return ready.recv() if ready.poll(limit) else (limit, None)
    except EOFError:
        return None, "died"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its own workers too


def timed(given, side, X, labels):
    os.setsid()
    try:
        side(X[::100], labels[::100])  # compiles what is to be compiled; cells lie in order of their classes
        start = perf_counter()
        weights = side(X, labels)
        given.send((perf_counter() - start, weights))
    except ImportError:
        given.send((None, "not installed"))
    except Exception as error:
        given.send((None, f"failed ({error})"))


def height(X, labels, weights, intercepts):
    total = 0.0
    for name, w, b in zip(np.unique(labels), weights, intercepts, strict=True):
        total += lasso.objective(np.append(w, b), X @ w + b, np.where(labels == name, 1.0, -1.0))
    return total


def by_ours(X, labels):
    model = lasso.L1LogisticRegression().fit(X, labels)
    return model.coef_, model.intercept_, model.n_iter_


def by_skglm(X, labels):
    from skglm import SparseLogisticRegression

    return _one_by_one(X, labels, lambda: SparseLogisticRegression(1 / len(X), fit_intercept=False, tol=1e-5))


def by_celer(X, labels):
    from celer import LogisticRegression as Celer

    return _one_by_one(X, labels, lambda: Celer(C=1.0, tol=1e-4))


def by_liblinear(X, labels, tol):
    one = LogisticRegression(penalty="l1", solver="liblinear", tol=tol, max_iter=1000, random_state=0)
    models = OneVsRestClassifier(one, n_jobs=-1).fit(X, labels).estimators_
    return tuple(np.array(part) for part in zip(*((m.coef_[0], m.intercept_[0]) for m in models), strict=True))


def _one_by_one(X, labels, make):
    """Fit a solver without an intercept of its own to features with a column of ones, which is penalised as ours is."""
    X = np.asfortranarray(np.column_stack([X, np.ones(len(X))]))
    jobs = (delayed(make().fit)(X, np.where(labels == name, 1, -1)) for name in np.unique(labels))
    rows = [np.ravel(model.coef_) for model in Parallel(-1)(jobs)]
    return np.array(rows)[:, :-1], np.array(rows)[:, -1]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
