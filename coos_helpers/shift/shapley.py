"""Divide a rise in error among its causes: groups of the simulator's factors, as the players of a game."""

from itertools import combinations
from math import comb

import numpy as np

from coos_helpers.metrics.arguments import REAL, array, number
from coos_helpers.metrics.bootstrap import interval as interval

#: The simulator's factors in six groups, by what a microscopist would call them; every factor is in one of them.
GROUPS = {
    "shape of cells": ("cell_radius", "elongation", "nucleus_radius", "crowding"),
    "amount of protein and dye": ("expression", "diffuse", "stain", "chromatin"),
    "arrangement of organelles": (
        "organelle_number", "organelle_size", "mesh", "reach", "sidedness", "length",
    ),
    "focus and optics": ("focus", "psf", "leak", "crosstalk", "chromatic_x", "chromatic_y", "pixel"),
    "light and background": ("exposure", "background", "falloff"),
    "camera": ("efficiency", "gain", "offset", "read_noise", "hot"),
}  # fmt: skip


def shift_of(on, groups=None, sizes=None):
    """Write down, as `simulate` takes it, how far each factor is shifted where some groups are switched on.

    Parameters
    ----------
    on : names of the groups that are switched on; the factors of all others get 0.
    groups : dict from a group's name to its factors; `GROUPS` when None.
    sizes : dict from factor to the size of its shift when it is on; 1, as in the test split, where it names none.

    Returns
    -------
    dict from factor to size.
    """
    groups, sizes = (GROUPS if groups is None else groups), ({} if sizes is None else sizes)
    if not isinstance(groups, dict) or not isinstance(sizes, dict):
        raise ValueError(f"found groups={groups!r} and sizes={sizes!r}; expected a dict each, or None.")
    if unknown := set(_players(on)) - set(groups):
        raise ValueError(f"found the group {unknown.pop()!r}; expected some of {', '.join(map(str, groups))}.")
    full = dict.fromkeys((factor for factors in groups.values() for factor in _players(factors, 99)), 1.0)
    if unknown := set(sizes) - set(full):
        raise ValueError(f"found the factor {unknown.pop()!r}; expected some of {', '.join(map(str, full))}.")
    full |= {factor: number(f"size of {factor}", size, -2, 16, REAL) for factor, size in sizes.items()}
    return {factor: full[factor] * (name in on) for name, factors in groups.items() for factor in factors}


def coalitions(players):
    """List all 2^n sets of n players with different names, from nobody to everybody: frozensets."""
    players = _players(players)
    return [frozenset(some) for size in range(len(players) + 1) for some in combinations(players, size)]


def shapley_values(value, players):
    """Give each player its Shapley value: what it adds when players join in turn, averaged over all orders.

    Parameters
    ----------
    value : function from a frozenset of players to a number or an array, the same shape for every set. It is called
        once for each of the 2^n sets. An array's entries are separate games: all resamples of a bootstrap in one.
    players : n different names.

    Returns
    -------
    dict from player to its value, of the shape of `value`. The values add up to value(all) - value(none).

    Source: Shapley 1953, A value for n-person games. The values are the only ones that add up, treat equal players
    equally, give nothing to a player who changes nothing, and are additive over games.
    """
    players, worth, shares = _players(players), {}, {}
    for some in coalitions(players):
        worth[some] = _worth(value, some, worth)
    for player in players:
        shares[player] = sum(
            # One in n orders has this many before the player, shared among the sets of that size.
            (worth[some | {player}] - without) / (len(players) * comb(len(players) - 1, len(some)))
            for some, without in worth.items()
            if player not in some
        )
    return shares


def one_at_a_time(value, players):
    """Measure each player alone: what it adds to nobody, and what is lost when it leaves everybody.

    Both are dicts as from `shapley_values`: value({player}) - value(none), and value(all) - value(all others). They are
    equal for a player who does not interact with the others; neither has to add up to anything.
    """
    players, worth = _players(players), {}
    nobody, everybody = frozenset(), frozenset(players)
    for some in (nobody, everybody, *(side for p in players for side in (frozenset({p}), everybody - {p}))):
        worth[some] = _worth(value, some, worth)
    alone = {player: worth[frozenset({player})] - worth[nobody] for player in players}
    last = {player: worth[everybody] - worth[everybody - {player}] for player in players}
    return alone, last


def _players(players, most=16):
    """Give players, each of them once and no more than have 2^16 sets, as a tuple."""
    plain = isinstance(players, tuple | list | set | frozenset | dict)
    if not plain or len(players) > most or not all(isinstance(player, str | int) for player in players):
        raise ValueError(f"found the players {players!r}; expected a list of up to {most} names.")
    if len(set(players)) < len(players):
        raise ValueError(f"found the players {players}; expected each of them once.")
    return tuple(players)


def _worth(value, some, others):
    """Give the value of a set of players, a number or an array of the shape of the others' (NaN stays NaN)."""
    if not callable(value):
        raise ValueError(f"found {value!r} as value; expected a function from a set of players to a number.")
    shape = next((other.shape for other in others.values()), None)
    return array(f"value of {set(some)}", value(some), shape=shape, nan=True).astype(np.float64)
