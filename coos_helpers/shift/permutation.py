"""Exchange whole wells between two sets of cells, within classes: what every permutation test here stands on.

A well of the one set may lie in the other, too, as those of `train` and `test1` do. Its two parts are then exchanged
with each other only.
"""

from dataclasses import dataclass, replace
from math import comb, prod
from typing import NamedTuple

import numpy as np

from coos_helpers.metrics.arguments import CLASSES, NAMES, array, together


class Outcome(NamedTuple):
    """Hold what a test of two samples found: its effect size, the p-value, and the smallest there could have been.

    P-values are NaN where nothing can be exchanged, as with one well a class in both sets.
    """

    size: float
    p_value: float
    smallest: float


@dataclass(frozen=True)
class Units:
    """Hold what is exchanged: a class's cells in one well of one sample, or single cells where no wells are known.

    Parameters
    ----------
    of_cell : (N,) the unit of each cell, the first sample's cells before the second's.
    label : (U,) class of each unit.
    side : (U,) 0 in the first sample, 1 in the second.
    block : (U,) among whose units a unit may be exchanged.
    weight : (U,) such that the sum over units of a class is the second sample's mean less the first's.
    """

    of_cell: np.ndarray
    label: np.ndarray
    side: np.ndarray
    block: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(cls, labels_a, wells_a, labels_b, wells_b):
        """Find the units of two samples; where the wells of either are unknown, every cell is one."""
        for labels, wells in ((labels_a, wells_a), (labels_b, wells_b)):
            shape = array("labels", labels, CLASSES).shape
            wells is None or array("wells", wells, NAMES, shape)
        labels = np.concatenate([labels_a, labels_b])
        sides = np.repeat([0, 1], [len(labels_a), len(labels_b)])
        wells = np.arange(len(labels)) if wells_a is None or wells_b is None else np.concatenate([wells_a, wells_b])
        well = np.unique(wells, return_inverse=True)[1]
        (label, well, side), of_cell = np.unique([labels, well, sides], axis=1, return_inverse=True)
        _, block, times = np.unique([label, well], axis=1, return_inverse=True, return_counts=True)
        block = np.where(times[block] > 1, len(label) + block, label)
        return cls(of_cell.ravel(), label, side, block, _weights_of(label, side, np.ones(len(label), bool)))

    def restricted(self, chosen):
        """Keep the weights of some units only."""
        return replace(self, weight=_weights_of(self.label, self.side, chosen))

    def half(self, rng):
        """Choose half of each class's units of each side, both parts of a well that lies in both; (U,) bool."""
        both = self.block >= len(self.label)
        well = np.where(both, self.block, np.arange(len(self.label)))
        chosen = []
        for turn, k in enumerate(np.unique(self.label)):
            for kind in (both, ~both & (self.side == 0), ~both & (self.side == 1)):
                wells = rng.permutation(np.unique(well[kind & (self.label == k)]))
                # Of an odd number, one class teaches with the larger part and the next with the smaller.
                chosen.extend(wells[: (len(wells) + turn % 2) // 2])
        return np.isin(well, chosen)

    def exchanged(self, permutations, rng):
        """Give the weights as they are, and again for each random exchange within blocks: (1 + permutations, U)."""
        together(permutations=permutations, wells=len(self.weight))
        weights = np.tile(self.weight, (1 + permutations, 1))
        for units in self.blocks():
            weights[1:, units] = rng.permuted(weights[1:, units], axis=1)
        return weights

    def blocks(self):
        """List the units of each block that may be exchanged for each other: those with a weight."""
        there = self.weight != 0
        found = (np.flatnonzero(there & (self.block == b)) for b in np.unique(self.block[there]))
        return [units for units in found if len(units) > 1]

    def weighed(self):
        """List the classes that have units with a weight: those that both samples have."""
        return np.unique(self.label[self.weight != 0])

    def arrangements(self, mirrored=False):
        """Count the different exchanges, as a float: it may be very large.

        `mirrored` takes two for one that differ in that a class's sides, with as many units, have changed places.
        """
        ways = prod(float(min(comb(len(units), int(self.side[units].sum())), 10**15)) for units in self.blocks())
        for k in self.weighed() if mirrored else ():
            mine = (self.weight != 0) & (self.label == k)
            if not np.bincount(self.block[mine], 2 * self.side[mine] - 1).any():
                ways /= 2
        return ways

    def outcome(self, statistic, size, mirrored=False):
        """Judge a statistic, (1 + permutations,) with the observed first, by how often an exchange reaches it."""
        ways = self.arrangements(mirrored)
        if ways < 2:
            return Outcome(float(size), np.nan, np.nan)
        p_value = (1 + np.sum(statistic[1:] >= statistic[0] - 1e-12)) / len(statistic)
        return Outcome(float(size), float(p_value), max(1 / ways, 1 / len(statistic)))


def _weights_of(label, side, chosen):
    """Weigh the units that are `chosen`, (U,) bool, as in `Units`; the others, and classes that a side lacks, get 0."""
    weight = np.zeros(len(label))
    for k in np.unique(label):
        sides = [chosen & (label == k) & (side == s) for s in (0, 1)]
        if sides[0].any() and sides[1].any():
            weight[sides[0]], weight[sides[1]] = -1 / sides[0].sum(), 1 / sides[1].sum()
    return weight


def rank_within(groups):
    """Number the members of each group, of (n,) that are named by whole numbers, from 0 in the order that they come."""
    groups = array("groups", groups, CLASSES)
    order = np.argsort(groups, kind="stable")
    rank = np.empty(len(groups), int)
    rank[order] = np.arange(len(groups)) - np.searchsorted(groups[order], groups[order])
    return rank


def holm(p_values):
    """Correct p-values, (n,), for their number by Holm's step-down method (Holm 1979)."""
    p_values = array("p_values", p_values, low=0, high=1).astype(float)
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(order), 0, -1))
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted
