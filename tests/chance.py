"""What tests by simulation share: few repeats in every suite and many in the long one, and standard errors."""

import numpy as np
import pytest


def repeats(short, long):
    """Run a simulation with few repeats in every suite, and with many behind `make test-all`."""
    return pytest.mark.parametrize("repeats", [short, pytest.param(long, marks=pytest.mark.slow)])


def off(share, expected, n):
    """Tell how many standard errors a share of n lies above what is expected."""
    return (share - expected) / np.sqrt(expected * (1 - expected) / n)


def near(share, expected, n):
    """Say whether a share of n is within four standard errors of what is expected."""
    return abs(off(share, expected, n)) <= 4
