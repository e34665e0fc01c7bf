"""Random numbers by name: every organelle, neighbour and pixel has a stream of its own.

A change in one thing then leaves the random numbers of all others as they were, which makes two pictures of one cell
under two conditions a pair. The generator is SplitMix64 (Steele, Lea and Flood 2014): eight bytes of state and a few
operations a number, so that a stream for each pixel costs nothing.
"""

import math

import numpy as np

from coos_helpers.simulate.kernels import compiled

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def stream(*key):
    """Return the stream that a sequence of integers names: (2,) uint64, its name and where it stands."""
    state = np.random.SeedSequence(key).generate_state(1, np.uint64)[0]
    return np.array([state, state], np.uint64)


@compiled
def _mix(z):
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@compiled
def child(parent, number):
    """Return the stream `number` under another one, the same however much was drawn from its parent."""
    out = np.empty(2, np.uint64)
    out[0] = _mix(parent[0] ^ _mix((np.uint64(number) + np.uint64(1)) * _GOLDEN))
    out[1] = out[0]
    return out


@compiled
def uniform(rng):
    """Draw from 0 up to 1."""
    rng[1] += _GOLDEN
    return (_mix(rng[1]) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@compiled
def normals(rng):
    """Draw two independent standard normal numbers (Box and Muller 1958)."""
    far = math.sqrt(-2.0 * math.log(1.0 - uniform(rng)))
    turn = 2.0 * math.pi * uniform(rng)
    return far * math.cos(turn), far * math.sin(turn)


@compiled
def normal(rng):
    """Draw one standard normal number."""
    return normals(rng)[0]
