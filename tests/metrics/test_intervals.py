"""What must hold of t intervals: that over wells speaks of these plates, that over plates of others of their kind."""

import numpy as np
import pytest
from chance import off, repeats
from conftest import memory_split
from scipy.special import ndtr
from scipy.stats import beta
from scipy.stats import t as student
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

from coos_helpers import classifiers, metrics, simulate
from coos_helpers.representations import texture
from coos_helpers.simulate.layout import layout

#: What is wrong of each class in the long run.
ERRORS = np.array([0.05, 0.1, 0.15, 0.2, 0.1, 0.3, 0.1])

PLAN = {split: np.array([(w.label, w.plate) for w in of]).T for split, of in layout().items()}


def world(rng, split, day, each, spread=0.2, cells=30, models=1):
    """Draw cells of a split whose wells differ by a spread, a share of it by their day, and by class and plate."""
    label, plate = PLAN[split]
    parts = rng.normal(size=14)[plate], rng.normal(size=(7, 14))[label, plate], rng.normal(size=len(label))
    luck = ndtr(np.sqrt([day, each, 1 - day - each]) @ parts)
    well = np.arange(len(label)).repeat(rng.poisson(cells, len(label)) + 1)
    said = []
    for mean in 1 - ERRORS * np.arange(1, models + 1)[:, None]:
        a, b = (part[label] * (1 / spread**2 - 1) for part in (mean, 1 - mean))
        right = rng.random(len(well)) < beta.ppf(luck, a, b)[well]
        said.append(np.where(right, label[well], (label[well] + 1) % 7))
    places = {"wells": well, "plates": plate[well]}
    return {"labels": label[well], "first": said[-1], "second": said[0] if models > 1 else None, **places}


def balanced(y, n=1000):
    """Make cells of which each class (rows) has a share y wrong on each plate (columns), in two wells just alike."""
    shape = (*y.shape, 2, n)
    label, plate, well, cell = (part.ravel() for part in np.indices(shape))
    wrong = (cell < np.broadcast_to(np.round(y * n)[..., None, None], shape).ravel()).astype(int)
    places = {"wells": np.char.mod("%d/", plate) + np.char.mod("%d", 2 * label + well), "plates": plate}
    return {"labels": label, "first": (label + wrong) % len(y), **places}


def test_of_a_balanced_plan_it_is_the_analysis_of_variance():
    y = 0.3 + np.array([[0.02, 0.08, -0.1], [0.04, 0.06, -0.1], [0.01, 0.1, -0.11], [0.03, 0.1, -0.13]])
    error, over_wells, over_plates = metrics.error_intervals(**balanced(y))
    days = y.mean(0)
    half = student.ppf(0.975, 2) * np.sqrt(days.var(ddof=1) / 3)
    assert error == pytest.approx(y.mean()) and np.ptp(over_wells) < np.ptp(over_plates)
    assert over_plates == pytest.approx((error - half, error + half), abs=2e-3)


def test_plates_that_are_alike_leave_the_luck_of_wells():
    rng = np.random.default_rng(0)
    draws = [metrics.error_intervals(**world(rng, "training", 0, 0, 0.05)) for _ in range(20)]
    widths = np.array([(np.ptp(over_wells), np.ptp(over_plates)) for _, over_wells, over_plates in draws])
    assert (widths[:, 1] >= widths[:, 0]).all() and np.median(widths[:, 1] / widths[:, 0]) < 1.6


@repeats(60, 1000)
@pytest.mark.parametrize("day, each", [(0.5, 0), (0.5, 0.3), (0.25, 0.25)])
def test_the_interval_over_plates_covers_the_truth_and_that_over_wells_does_not(day, each, repeats):
    held = []
    for i in range(repeats):
        rng = np.random.default_rng([3, i])
        third, fourth, home = (world(rng, split, day, each) for split in ("test3", "test4", "training"))
        for own, like in ((third, [home]), (fourth, [third]), (fourth, [third, home]), (home, [])):
            _, *ends = metrics.error_intervals(**own, like=like)
            held.append([low <= ERRORS.mean() <= high for low, high in ends])
    held = np.reshape(held, (repeats, 4, 2)).mean(0)
    assert (off(held[:3, 0], 0.95, repeats) < -3).all()
    assert (held[:, 1] > 0.9 - 0.1 * (repeats < 100)).all() and (held[:, 1] < 0.99 + 0.01 * (repeats < 100)).all()


@repeats(60, 1000)
def test_so_does_that_of_a_paired_difference(repeats):
    held = []
    for i in range(repeats):
        rng = np.random.default_rng([4, i])
        third, fourth = (world(rng, split, 0.5, 0.2, models=2) for split in ("test3", "test4"))
        _, *ends = metrics.error_intervals(**fourth, like=[third])
        held.append([low <= ERRORS.mean() <= high for low, high in ends])
    held = np.mean(held, axis=0)
    assert held[1] > held[0] and 0.9 - 0.1 * (repeats < 100) < held[1]


def test_the_trainings_of_a_network_are_draws():
    y = np.full((3, 2), 0.2)
    cells, more = balanced(y), balanced(y + 0.1)["first"]
    cells["first"] = np.array([cells["first"], more, cells["first"]])
    error, over_wells, over_plates = metrics.error_intervals(**cells)
    half = student.ppf(0.975, 2) * np.std([0.2, 0.3, 0.2], ddof=1) / np.sqrt(3)
    assert over_wells == over_plates == pytest.approx((error - half, error + half))
    both = cells | {"second": cells["first"]}
    assert metrics.error_intervals(**both, shared=True)[1] == (0, 0)
    wide = student.ppf(0.975, 4) / student.ppf(0.975, 2) * np.sqrt(2) * half
    assert metrics.error_intervals(**both)[1] == pytest.approx((-wide, wide))


def test_a_difference_changes_its_sign_with_the_order():
    rng = np.random.default_rng(0)
    third, fourth = (world(rng, split, 0.3, 0.3, models=2) for split in ("test3", "test4"))
    turned = [cells | {"first": cells["second"], "second": cells["first"]} for cells in (third, fourth)]
    one = metrics.error_intervals(**fourth, like=[third])
    other = metrics.error_intervals(**turned[1], like=turned[:1])
    assert one[0] == pytest.approx(-other[0])
    for (low, high), (least, most) in zip(one[1:], other[1:], strict=True):
        assert (low, high) == pytest.approx((-most, -least))


@pytest.mark.filterwarnings("error")
def test_what_cannot_be_known_is_not_said():
    rng = np.random.default_rng(0)
    third, fourth = (world(rng, split, 0.3, 0.3) for split in ("test3", "test4"))
    _, over_wells, over_plates = metrics.error_intervals(**fourth)  # one plate a class, and no others to learn from
    assert np.isfinite(over_wells).all() and np.isnan(over_plates).all()
    _, _, over_plates = metrics.error_intervals(**fourth | {"plates": None}, like=[third])
    assert np.isnan(over_plates).all()
    _, over_wells, over_plates = metrics.error_intervals(**fourth | {"wells": fourth["labels"]}, like=[third])
    assert np.isnan(over_wells).all() and np.isfinite(over_plates).all()
    one = np.array([0, 0, 0, 0, 1, 1, 1, 1]), np.array([0, 1, 0, 1, 0, 1, 0, 0])
    assert metrics.error_intervals(one[0], one[0])[1] == (0, 0)
    assert np.isfinite(metrics.error_intervals(*one, wells=np.arange(8) // 2, plates=np.arange(8) // 2)[2]).all()


@repeats(60, 1000)
@pytest.mark.parametrize("n_wells", [5, 8])
@pytest.mark.parametrize("cells", [55, 550])
@pytest.mark.parametrize("spread", [0.0, 0.05, 0.1])
def test_the_interval_of_one_class_covers_the_truth_with_few_wells(n_wells, cells, spread, repeats):
    held = 0
    for i in range(repeats):
        rng = np.random.default_rng([6, i])
        label = np.arange(7).repeat(n_wells)
        a = 0.9 * (0.09 / spread**2 - 1) if spread else None
        rate = rng.beta(a, a / 9, len(label)) if spread else np.full(len(label), 0.9)
        well = np.arange(len(label)).repeat(cells)
        said = np.where(rng.random(len(well)) < rate[well], label[well], (label[well] + 1) % 7)
        low, high = metrics.sensitivity_intervals(label[well], said, 7, well).T
        held += np.sum((low <= 0.9) & (0.9 <= high))
    assert 0.92 - 0.03 * (repeats < 100) < held / repeats / 7 < 0.985 + 0.01 * (repeats < 100)


@pytest.mark.slow
def test_days_that_the_simulator_redraws_are_covered():
    def seen(split, seed, n):
        cells = simulate.draw(split, n, seed)
        places = {"wells": cells.well_ids, "plates": cells.plate}
        described = texture.features(
            memory_split(**{k: v for k, v in cells._asdict().items() if k != "truth"}), progress=False
        )
        return described, {"labels": cells.labels, "second": None, **places}

    described, home = seen("train", 0, 896)
    fixed = classifiers.fit("l1-lr", described, home["labels"])
    by_plate = {"groups": home["plates"], "cv": LeaveOneGroupOut()}
    home["first"] = cross_val_predict(classifiers.l1_lr(), described, home["labels"], **by_plate)
    found = []
    for seed in range(1, 201):
        (there, third), (away, fourth) = seen("test3", seed, 224), seen("test4", seed, 448)
        third["first"], fourth["first"] = fixed.predict(there), fixed.predict(away)
        found.append(metrics.error_intervals(**fourth, like=[third, home]))
    truth = np.mean([error for error, *_ in found])
    over_wells, over_plates = (np.mean([e[n][0] <= truth <= e[n][1] for e in found]) for n in (1, 2))
    assert over_wells < 0.93 and 0.9 < over_plates < 0.99
