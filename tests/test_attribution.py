"""What attribution must do: Shapley's four axioms, every factor in one group, one bootstrap for all coalitions."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest

from coos_helpers import attribution, metrics, rescale, simulate
from coos_helpers.simulate.factors import NAMES

PLAYERS = ("a", "b", "c", "d")


def random_game(seed, players=PLAYERS, shape=()):
    """Make up a value for every set of players."""
    rng = np.random.default_rng(seed)
    worth = {some: rng.normal(size=shape) for some in attribution.coalitions(players)}
    return worth.__getitem__


def by_orders(value, players):
    """Average what each player adds over all orders: the definition, by brute force."""
    share, orders = dict.fromkeys(players, 0.0), list(permutations(players))
    for order in orders:
        for place, player in enumerate(order):
            before = frozenset(order[:place])
            share[player] = share[player] + (value(before | {player}) - value(before)) / len(orders)
    return share


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("shape", [(), (3,), (2, 4)])
def test_shapley_is_the_average_over_all_orders(n, shape):
    players = tuple("abcde"[:n])
    value = random_game(n, players, shape)
    got, expected = attribution.shapley(value, players), by_orders(value, players)
    assert list(got) == list(players)
    for player in players:
        assert got[player].shape == shape
        np.testing.assert_allclose(got[player], expected[player], atol=1e-12)


def test_shapley_values_add_up_to_the_whole():
    value = random_game(1)
    total = sum(attribution.shapley(value, PLAYERS).values())
    assert total == pytest.approx(value(frozenset(PLAYERS)) - value(frozenset()))


def test_players_who_do_the_same_get_the_same():
    share = attribution.shapley(lambda some: len(some & {"a", "b"}) ** 2 + 3 * ("c" in some), PLAYERS)
    assert share["a"] == pytest.approx(share["b"])


def test_a_player_who_changes_nothing_gets_nothing():
    value = random_game(2)
    share = attribution.shapley(lambda some: value(some - {"d"}), PLAYERS)
    assert share["d"] == pytest.approx(0)
    without = attribution.shapley(value, PLAYERS[:3])
    assert all(share[p] == pytest.approx(without[p]) for p in without)


def test_shapley_is_additive_over_games():
    one, two = random_game(3), random_game(4)
    both = attribution.shapley(lambda some: one(some) + 2 * two(some), PLAYERS)
    first, second = attribution.shapley(one, PLAYERS), attribution.shapley(two, PLAYERS)
    assert all(both[p] == pytest.approx(first[p] + 2 * second[p]) for p in PLAYERS)


def test_every_coalition_is_asked_for_once():
    asked = Counter()
    attribution.shapley(lambda some: asked.update([some]) or 0.0, PLAYERS)
    assert len(asked) == 16 and set(asked.values()) == {1}


def test_a_player_named_twice_is_refused():
    with pytest.raises(ValueError, match="once"):
        attribution.shapley(lambda some: 0.0, ("a", "b", "a"))


def test_one_at_a_time_agrees_with_shapley_where_nothing_interacts():
    effect = dict(zip(PLAYERS, (1.0, -2.0, 0.0, 5.0), strict=True))
    value = lambda some: 7 + sum(effect[p] for p in some)  # noqa: E731
    alone, last = attribution.one_at_a_time(value, PLAYERS)
    assert alone == last == attribution.shapley(value, PLAYERS) == effect


def test_one_at_a_time_is_blind_to_what_two_do_together():
    alone, last = attribution.one_at_a_time(lambda some: float({"a", "b"} <= some), PLAYERS)
    assert (alone["a"], last["a"]) == (0, 1)
    assert attribution.shapley(lambda some: float({"a", "b"} <= some), PLAYERS)["a"] == pytest.approx(0.5)


def test_every_factor_is_in_exactly_one_group():
    grouped = Counter(factor for factors in attribution.GROUPS.values() for factor in factors)
    assert set(grouped) == set(NAMES)
    assert set(grouped.values()) == {1}


def test_a_shift_names_every_factor_and_only_the_groups_that_are_on_are_shifted():
    shift = attribution.shift_of({"camera"}, sizes={"gain": 2.0, "focus": 3.0})
    camera = set(attribution.GROUPS["camera"])
    assert set(shift) == set(NAMES)
    assert {factor: size for factor, size in shift.items() if size} == dict.fromkeys(camera, 1.0) | {"gain": 2.0}
    with pytest.raises(ValueError, match="'weather'.*camera"):
        attribution.shift_of({"weather"})


def test_a_planted_world_is_attributed_to_the_group_that_was_planted():
    """Only the optics are shifted, and the whole change of sharpness is theirs."""
    planted = "focus and optics"
    sizes = {factor: 2.0 * (factor in attribution.GROUPS[planted]) for factor in NAMES}

    def sharpness(on):
        shift = attribution.shift_of(on, sizes=sizes)
        images = simulate.draw("test4", 7, shift=shift).images[:, 0].astype(float)
        return np.abs(np.diff(images)).mean((1, 2))

    players = [planted, "shape of cells", "light and background", "camera"]
    share = attribution.shapley(sharpness, players)
    assert np.abs(share[planted]).min() > 0
    np.testing.assert_allclose(share[planted], sharpness(players) - sharpness(()), atol=1e-9)
    assert all(np.abs(share[other]).max() < 1e-9 for other in players[1:])


def test_what_a_rescaling_removes_gets_next_to_nothing():
    rest = [factor for factor in NAMES if factor not in ("gain", "offset")]
    pair = {"gain and offset": ("gain", "offset"), "everything else": rest}

    def pixels(on):
        drawn = simulate.draw("test4", 28, shift=attribution.shift_of(on, pair))
        return rescale.min_max(drawn.images[:, 0])

    share = attribution.shapley(pixels, pair)
    # Counts are whole numbers, so a gain leaves a trace of rounding, in the dimmest cells a grey level or two of 255.
    assert np.abs(share["gain and offset"]).max() < 3 / 255
    assert np.median(np.abs(share["gain and offset"])) < 0.5 / 255
    assert np.abs(share["everything else"]).max() > 0.1


def predicted_cells(seed=0, n=700):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 7
    predicted = np.where(rng.random(n) < 0.7, labels, rng.integers(0, 7, n))
    return labels, predicted, np.array([f"{label}/{well}" for label, well in zip(labels, rng.integers(0, 8, n))])  # noqa: B905


def test_resampled_errors_start_with_the_error_and_give_the_books_interval():
    labels, predicted, wells = predicted_cells()
    errors = metrics.resampled_errors(labels, predicted, wells, 500, seed=3)
    assert errors.shape == (501,)
    assert errors[0] == pytest.approx(metrics.balanced_error(labels, predicted))
    expected = metrics.bootstrap_interval(labels, predicted, wells, 500, seed=3)
    assert attribution.interval(errors) == pytest.approx(expected)


def test_two_predictions_of_the_same_cells_are_resampled_alike():
    """Cells that both get wrong cancel in every draw, so the difference is surer than either error."""
    labels, predicted, wells = predicted_cells()
    better = predicted.copy()
    better[:40] = labels[:40]
    one, two = (metrics.resampled_errors(labels, p, wells) for p in (predicted, better))
    assert (one - two >= 0).all()
    assert (one - two).std() < one.std() / 2


def test_a_single_well_in_each_class_leaves_nothing_to_draw():
    labels, predicted = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    errors = metrics.resampled_errors(labels, predicted, np.array(["a", "a", "b", "b"]))
    assert errors[0] == pytest.approx(0.25) and np.isnan(errors[1:]).all()
    with pytest.raises(ValueError, match="different length"):
        metrics.resampled_errors(labels, predicted[:2], ["a", "a", "b", "b"])
