"""What must hold of odd arguments: a right result, or one message of what was expected; for every measure there is."""

import dataclasses
import importlib
import inspect
import pkgutil
import tracemalloc
import warnings

import numpy as np
import pytest
from conftest import memory_split
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coos_helpers import metrics, shift
from coos_helpers.metrics import arguments
from coos_helpers.representations import rescale
from coos_helpers.results import Predictions

LABELS = np.repeat([0, 1, 2], 12)
SAID = np.where(np.arange(36) % 4, LABELS, 1)
WELLS = np.char.add("p/A", (np.arange(36) // 3).astype(str))
SCORES = np.eye(3)[SAID] * 0.7 + 0.1
POINTS = np.random.default_rng(0).normal(size=(36, 2)).astype("f4")
IMAGES = np.random.default_rng(0).integers(0, 999, (2, 5, 4)).astype("u2")
SPLIT = memory_split(36, labels=LABELS)


def sample(name="p"):
    return shift.Sample(POINTS.copy(), LABELS, np.char.replace(WELLS, "p", name), np.repeat(["p", "q"], 18))


def predictions(name="p"):
    about = (("a", "b", "c"), "made up", "smoke", 0)
    return Predictions("texture", "knn", name, LABELS, SAID, SCORES, None, np.char.replace(WELLS, "p", name), *about)


CELLS = {"labels": LABELS, "predicted": SAID}
DRAWS = {"wells": WELLS, "resamples": 9, "seed": 0}
TWO = {"labels": LABELS, "first": SAID, "second": LABELS, "wells": WELLS}
PLATES = np.char.add("p", (np.arange(36) // 3 % 2).astype(str))
BELIEF = {**CELLS, "scores": SCORES}
TESTED = {"a": sample(), "b": sample("q"), "permutations": 9, "seed": 0}
GAME = {"value": len, "players": ("a", "b")}

#: Of every public function, arguments that are right.
RIGHT = {
    "metrics.bootstrap.bootstrap_interval": {**CELLS, **DRAWS, "level": 0.9},
    "metrics.bootstrap.difference_interval": {"labels": LABELS, "first": SAID, "second": LABELS, **DRAWS, "level": 0.9},
    "metrics.bootstrap.interval": {"values": np.arange(9.0), "level": 0.9},
    "metrics.bootstrap.resampled_errors": {**CELLS, **DRAWS},
    "metrics.bootstrap.resampled_sensitivities": {**CELLS, "n_classes": 3, **DRAWS},
    "metrics.calibration.calibrated_errors": {"predicted": SAID, "scores": SCORES, "bins": 5, "draws": 9, "seed": 0},
    "metrics.calibration.calibration_intervals": {**BELIEF, **DRAWS, "bins": 5, "level": 0.9},
    "metrics.calibration.confidences": {"predicted": SAID, "scores": SCORES},
    "metrics.calibration.confident_errors": {**BELIEF, "true": 0, "called": 1, "n": 3},
    "metrics.calibration.expected_calibration_error": {**BELIEF, "bins": 5},
    "metrics.calibration.reliability_curve": {**BELIEF, "bins": 5},
    "metrics.calibration.selective_accuracy": {**BELIEF, "coverages": np.array([0.5, 1])},
    "metrics.folds.checked_features": {"features": POINTS, "labels": LABELS},
    "metrics.folds.cut_folds": {"labels": LABELS, "wells": WELLS, "seed": 0},
    "metrics.folds.fewest_groups": {"labels": LABELS, "groups": WELLS},
    "metrics.folds.folds": {"labels": LABELS, "groups": WELLS, "n_folds": 2, "seed": 0},
    "metrics.folds.hold_out": {"labels": LABELS, "seed": 0},
    "metrics.intervals.error_intervals": {
        **TWO, "plates": PLATES, "like": [TWO | {"plates": PLATES}], "shared": False, "level": 0.9,
    },
    "metrics.intervals.sensitivity_intervals": {**CELLS, "n_classes": 3, "wells": WELLS, "level": 0.9},
    "metrics.scores.absent_classes": {"labels": LABELS, "class_names": ["a", "b", "c"]},
    "metrics.scores.balanced_error": CELLS,
    "metrics.scores.common_errors": {**CELLS, "n_classes": 3, "n": 2},
    "metrics.scores.confusion_matrix": {**CELLS, "n_classes": 3},
    "metrics.scores.sensitivities": {**CELLS, "n_classes": 3},
    "metrics.wells.spread": {**CELLS, "wells": WELLS},
    "metrics.wells.worst": {**CELLS, "wells": WELLS, "least": 3, "seed": 0},
    "metrics.wells.worst_class_by_chance": {**CELLS, "wells": WELLS, "seed": 0},
    "representations.rescale.min_max": {"images": IMAGES},
    "representations.rescale.percentile": {"images": IMAGES, "low": 1, "high": 99.0},
    "representations.rescale.to_8bit": {"unit": rescale.min_max(IMAGES)},
    "shift.confusion_difference.difference_test": {
        "first": predictions(), "second": predictions("q"), "permutations": 9, "seed": 0,
    },
    "shift.permutation.holm": {"p_values": np.array([0.01, 0.5, 1])},
    "shift.permutation.rank_within": {"groups": LABELS},
    "shift.sample.even_out": {"a": sample(), "b": sample("q")},
    "shift.sample.halves": {"sample": sample(), "seed": 0, "by": "plate"},
    "shift.sample.subsample_pca": {
        "features": {"train": POINTS, "test1": POINTS}, "release": {"train": SPLIT, "test1": SPLIT},
        "per_well": 2, "components": 2, "seed": 0,
    },
    "shift.shapley.coalitions": {"players": GAME["players"]},
    "shift.shapley.one_at_a_time": GAME,
    "shift.shapley.shapley_values": GAME,
    "shift.shapley.shift_of": {"on": ["camera"], "groups": {"camera": ("gain",)}, "sizes": {"gain": 2.0}},
    "shift.two_sample.classifier_test": TESTED,
    "shift.two_sample.mmd_test": TESTED,
}  # fmt: skip

#: What may stand for a number, and for anything.
SCALARS = st.sampled_from(
    [None, True, np.bool_(True), 0, -1, 2, 3.0, 0.5, 1.5, 95, 1_000_003, 2**63, -(2**63), 10**30, np.uint8(200)]
    + [np.nan, np.inf, -np.inf, 1e300, 5e-324, 1j, "a", "", b"a", np.float32(0.25), np.datetime64("NaT"), object()]
)
THINGS = st.sampled_from(
    [[], (), {}, set(), [[1, 2], [3]], [None], ["a", None], ["a", np.nan], [np.zeros(2), np.zeros((2, 2))], len]
)
ARRAYS = st.builds(
    lambda dtype, shape: np.ones(shape).astype(dtype),
    st.sampled_from(["?", "i1", "u8", "f2", "f4", "f8", "c8", "U2", "S2", "O"]),
    st.sampled_from([(), (0,), (1,), (36,), (36, 0), (0, 36), (36, 3), (2, 36), (2, 3, 4), (0, 4, 4)]),
)


def spoiled(draw, good):
    """Make a right argument a little wrong, or another kind of thing."""
    if dataclasses.is_dataclass(good):
        names = [f.name for f in dataclasses.fields(good)] if good is not SPLIT else ["labels"]
        name = draw(st.sampled_from(names))
        return dataclasses.replace(good, **{name: spoiled(draw, getattr(good, name))})
    kind = draw(st.integers(0, 9))
    if isinstance(good, dict) and kind < 7:
        key = draw(st.sampled_from(sorted(good)))
        return good | {key: spoiled(draw, good[key])} if kind else {k: v for k, v in good.items() if k != key}
    if callable(good) and kind < 7:
        odd = draw(st.one_of(SCALARS, THINGS, ARRAYS))
        return lambda some: odd if some else 0
    if isinstance(good, np.ndarray) and kind < 7:
        if kind < 3:  # one of its entries is odd
            entries = good.ravel().tolist()
            entries[draw(st.integers(0, len(entries) - 1))] = draw(SCALARS)
            if good.ndim > 1:
                entries = [entries[i : i + good.shape[-1]] for i in range(0, len(entries), good.shape[-1])]
            return entries if good.dtype.kind == "U" or kind else np.array(entries, object)
        if kind == 3:
            return good[:-1]
        if kind == 4:
            return good[None]
        dtype = draw(st.sampled_from(["f8", "f2", "c16", "O", "U", "u1", "i8", "?"]))
        if good.dtype.kind != "U":
            return good.astype(dtype) * draw(st.sampled_from([1, -1])) if dtype in ("f8", "i8") else good.astype(dtype)
    return draw(st.one_of(SCALARS, THINGS, ARRAYS))


def numbers(result):
    """List the numbers of a result, whatever they are in."""
    if isinstance(result, dict):
        result = list(result.values())
    if dataclasses.is_dataclass(result):
        result = result.points
    if isinstance(result, list | tuple | frozenset):
        return [number for part in result for number in numbers(part)]
    return np.ravel(result).tolist() if isinstance(result, np.ndarray | float | int) else []


def tried(name, given):
    """Call a function with odd arguments: a result without infinities, or a message; no warning, and little memory."""
    module, _, function = name.rpartition(".")
    function = getattr(importlib.import_module(f"coos_helpers.{module}"), function)
    tracemalloc.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = function(**given)
    except (ValueError, TypeError) as error:
        assert str(error).startswith("found") or "expected" in str(error), repr(error)
    else:
        values = [value for value in numbers(found) if not isinstance(value, str)]
        assert not np.isinf(np.array(values, float)).any(), found
        if "rescale" in name:
            assert np.isfinite(values).all() and 0 <= min(values, default=0) <= max(values, default=0) <= 255
        return found
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 50e6


def public():
    """Name every public function of the three packages, but for what checks arguments itself."""
    rooms = [rescale, *(importlib.import_module(m.name) for p in (metrics, shift) for m in
                        pkgutil.iter_modules(p.__path__, f"{p.__name__}."))]  # fmt: skip
    for room in rooms:
        for name, function in inspect.getmembers(room, inspect.isfunction):
            if function.__module__ == room.__name__ != arguments.__name__ and not name.startswith("_"):
                yield f"{room.__name__.removeprefix('coos_helpers.')}.{name}"


def test_no_public_function_is_left_out():
    assert sorted(RIGHT) == sorted(public())


@pytest.mark.parametrize("name", RIGHT)
def test_right_arguments_are_right(name):
    assert tried(name, RIGHT[name]) is not None


@pytest.mark.parametrize("examples", [25, pytest.param(400, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", RIGHT)
def test_odd_arguments_give_a_result_or_say_what_was_expected(name, examples):
    @settings(
        max_examples=examples, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.data())
    def holds(data):
        given = dict(RIGHT[name])
        for odd in data.draw(st.lists(st.sampled_from(sorted(given)), min_size=1, max_size=2, unique=True)):
            given[odd] = spoiled(data.draw, given[odd])
        tried(name, given)

    holds()
