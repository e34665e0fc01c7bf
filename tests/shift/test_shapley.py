"""What must hold of a gap divided among causes: Shapley's four axioms, and every factor in one group."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest

from coos_helpers import simulate
from coos_helpers.representations import rescale
from coos_helpers.shift import shapley
from coos_helpers.simulate.factors import NAMES

PLAYERS = ("a", "b", "c", "d")


def random_game(seed, players=PLAYERS, shape=()):
    """Make up a value for every set of players."""
    rng = np.random.default_rng(seed)
    worth = {some: rng.normal(size=shape) for some in shapley.coalitions(players)}
    return worth.__getitem__


def by_orders(value, players):
    """Average what each player adds over all orders: the definition, by brute force."""
    share, orders = dict.fromkeys(players, 0.0), list(permutations(players))
    for order in orders:
        for place, player in enumerate(order):
            before = frozenset(order[:place])
            share[player] = share[player] + (value(before | {player}) - value(before)) / len(orders)
    return share


@pytest.mark.parametrize("n, shape", [(1, ()), (2, (3,)), (3, (2, 4)), (5, ())])
def test_shapley_is_the_average_over_all_orders(n, shape):
    players = tuple("abcde"[:n])
    value = random_game(n, players, shape)
    got, expected = shapley.shapley_values(value, players), by_orders(value, players)
    assert list(got) == list(players)
    for player in players:
        assert got[player].shape == shape
        np.testing.assert_allclose(got[player], expected[player], atol=1e-12)
    np.testing.assert_allclose(sum(got.values()), value(frozenset(players)) - value(frozenset()), atol=1e-12)


def test_players_who_do_the_same_get_the_same_and_who_changes_nothing_gets_nothing():
    share = shapley.shapley_values(lambda some: len(some & {"a", "b"}) ** 2 + 3 * ("c" in some), PLAYERS)
    assert share["a"] == pytest.approx(share["b"])
    value = random_game(2)
    share = shapley.shapley_values(lambda some: value(some - {"d"}), PLAYERS)
    assert share["d"] == pytest.approx(0)
    without = shapley.shapley_values(value, PLAYERS[:3])
    assert all(share[p] == pytest.approx(without[p]) for p in without)


def test_shapley_is_additive_over_games_and_asks_for_each_coalition_once():
    one, two, asked = random_game(3), random_game(4), Counter()
    both = shapley.shapley_values(lambda some: asked.update([some]) or one(some) + 2 * two(some), PLAYERS)
    first, second = (shapley.shapley_values(game, PLAYERS) for game in (one, two))
    assert all(both[p] == pytest.approx(first[p] + 2 * second[p]) for p in PLAYERS)
    assert len(asked) == 16 and set(asked.values()) == {1}


def test_a_player_named_twice_is_refused():
    with pytest.raises(ValueError, match="once"):
        shapley.shapley_values(lambda some: 0.0, ("a", "b", "a"))


def test_one_at_a_time_agrees_with_shapley_where_nothing_interacts():
    effect = dict(zip(PLAYERS, (1.0, -2.0, 0.0, 5.0), strict=True))
    value = lambda some: 7 + sum(effect[p] for p in some)  # noqa: E731
    alone, last = shapley.one_at_a_time(value, PLAYERS)
    assert alone == last == shapley.shapley_values(value, PLAYERS) == effect
    pair = lambda some: float({"a", "b"} <= some)  # noqa: E731
    alone, last = shapley.one_at_a_time(pair, PLAYERS)  # blind to what two do together
    assert (alone["a"], last["a"]) == (0, 1)
    assert shapley.shapley_values(pair, PLAYERS)["a"] == pytest.approx(0.5)


def test_every_factor_is_in_exactly_one_group():
    grouped = Counter(factor for factors in shapley.GROUPS.values() for factor in factors)
    assert set(grouped) == set(NAMES)
    assert set(grouped.values()) == {1}


def test_a_shift_names_every_factor_and_only_the_groups_that_are_on_are_shifted():
    shift = shapley.shift_of({"camera"}, sizes={"gain": 2.0, "focus": 3.0})
    camera = set(shapley.GROUPS["camera"])
    assert set(shift) == set(NAMES)
    assert {factor: size for factor, size in shift.items() if size} == dict.fromkeys(camera, 1.0) | {"gain": 2.0}
    with pytest.raises(ValueError, match="'weather'.*camera"):
        shapley.shift_of({"weather"})


def test_a_planted_world_is_attributed_to_the_group_that_was_planted():
    """Only the optics are shifted, and the whole change of sharpness is theirs."""
    planted = "focus and optics"
    sizes = {factor: 2.0 * (factor in shapley.GROUPS[planted]) for factor in NAMES}

    def sharpness(on):
        shift = shapley.shift_of(on, sizes=sizes)
        images = simulate.draw("test4", 7, shift=shift).images[:, 0].astype(float)
        return np.abs(np.diff(images)).mean((1, 2))

    players = [planted, "shape of cells", "light and background", "camera"]
    share = shapley.shapley_values(sharpness, players)
    assert np.abs(share[planted]).min() > 0
    np.testing.assert_allclose(share[planted], sharpness(players) - sharpness(()), atol=1e-9)
    assert all(np.abs(share[other]).max() < 1e-9 for other in players[1:])


def test_what_a_rescaling_removes_gets_next_to_nothing():
    two = {"gain and offset": ("gain", "offset"), "everything else": sorted({*NAMES} - {"gain", "offset"})}

    def pixels(on):
        return rescale.min_max(simulate.draw("test4", 28, shift=shapley.shift_of(on, two)).images[:, 0])

    share = shapley.shapley_values(pixels, two)
    # Counts are whole numbers, so a gain leaves a trace of rounding, in the dimmest cells a grey level or two of 255.
    assert np.abs(share["gain and offset"]).max() < 3 / 255
    assert np.median(np.abs(share["gain and offset"])) < 0.5 / 255
    assert np.abs(share["everything else"]).max() > 0.1
