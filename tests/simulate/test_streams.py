"""What must hold of random numbers by name: uniform, normal, independent, and the same whatever else was drawn."""

import numpy as np

from coos_helpers.simulate import streams


def test_streams_are_uniform_normal_and_independent():
    rng = streams.stream(1, 2)
    numbers = np.array([streams.uniform(rng) for _ in range(20000)])
    assert 0 <= numbers.min() and numbers.max() < 1
    assert np.abs(np.histogram(numbers, 20, (0, 1))[0] / 1000 - 1).max() < 0.15
    pairs = np.array([streams.normals(streams.child(rng, i)) for i in range(20000)])
    assert np.abs(pairs.mean(0)).max() < 0.03 and np.abs(pairs.std(0) - 1).max() < 0.03
    assert abs(np.corrcoef(pairs.T)[0, 1]) < 0.03
    assert abs(np.corrcoef(pairs[:-1, 0], pairs[1:, 0])[0, 1]) < 0.03


def test_a_child_does_not_depend_on_what_its_parent_drew():
    parent = streams.stream(5)
    first = streams.uniform(streams.child(parent, 3))
    streams.uniform(parent)
    assert streams.uniform(streams.child(parent, 3)) == first
    assert streams.uniform(streams.child(parent, 4)) != first
