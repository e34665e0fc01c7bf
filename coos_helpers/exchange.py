"""Exchange whole wells between two sets of cells, within classes: what every permutation test here stands on.

A well of the one set may lie in the other, too, as those of `train` and `test1` do. Its two parts are then exchanged
with each other only.
"""

from dataclasses import dataclass
from math import comb
from typing import NamedTuple

import numpy as np


class Outcome(NamedTuple):
    """Hold a test's effect size, its p-value, and the smallest p-value that so few wells could have given.

    The p-value is NaN where nothing can be exchanged, as with one well a class in both sets that are compared.
    """

    size: float
    p_value: float
    smallest: float


@dataclass(frozen=True)
class Units:
    """What is exchanged: a class's cells in one well of one sample, or single cells where no wells are known.

    Of each unit: `label`; `side`, 0 or 1; `block`, among whose units it may be exchanged; `weight`, so that the sum
    over units of a class is the second sample's mean less the first's. `of_cell` names each cell's unit.
    """

    of_cell: np.ndarray
    label: np.ndarray
    side: np.ndarray
    block: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(cls, labels_a, wells_a, labels_b, wells_b):
        labels = np.concatenate([labels_a, labels_b])
        sides = np.repeat([0, 1], [len(labels_a), len(labels_b)])
        known = wells_a is not None and wells_b is not None
        well = (
            np.unique(np.concatenate([wells_a, wells_b]), return_inverse=True)[1] if known else np.arange(len(labels))
        )
        (label, well, side), of_cell = np.unique([labels, well, sides], axis=1, return_inverse=True)
        place = label * (well.max() + 1) + well
        names, block, times = np.unique(place, return_inverse=True, return_counts=True)
        block = np.where(times[block] > 1, len(label) + block, label)
        return cls(of_cell.ravel(), label, side, block, weights_of(label, side, np.ones(len(label), bool)))

    def restricted(self, chosen):
        """Keep the weights of some units only."""
        return Units(self.of_cell, self.label, self.side, self.block, weights_of(self.label, self.side, chosen))

    def half(self, rng):
        """Choose half of each class's units of each side, both parts of a well that lies in both; (U,) bool."""
        chosen = np.zeros(len(self.label), bool)
        for turn, k in enumerate(np.unique(self.label)):
            mine = self.label == k
            pairs = np.unique(self.block[mine & (self.block >= len(self.label))])
            groups = [[self.block == pair for pair in pairs]]
            for side in (0, 1):
                single = np.flatnonzero(mine & (self.side == side) & (self.block < len(self.label)))
                groups.append([np.arange(len(self.label)) == unit for unit in single])
            for group in groups:
                # Of an odd number, one class teaches with the larger part and the next with the smaller.
                for place in rng.permutation(len(group))[: (len(group) + turn % 2) // 2]:
                    chosen |= group[place]
        return chosen

    def exchanged(self, permutations, rng):
        """Give the weights as they are, and again for each random exchange within blocks: (1 + permutations, U)."""
        weights = np.tile(self.weight, (1 + permutations, 1))
        for columns in self.blocks():
            weights[1:, columns] = rng.permuted(weights[1:, columns], axis=1)
        return weights

    def blocks(self):
        """List the units of each block that may be exchanged for each other: those with a weight."""
        there = self.weight != 0
        found = (np.flatnonzero(there & (self.block == b)) for b in np.unique(self.block[there]))
        return [columns for columns in found if len(columns) > 1]

    def arrangements(self, mirrored=False):
        """Count the different exchanges, as a float: it may be very large.

        `mirrored` counts those once that a statistic cannot tell apart, since it stays the same when the two sides of
        a class change places: a class with as many units on either side has each arrangement twice.
        """
        ways = 1.0
        for columns in self.blocks():
            ways *= float(min(comb(len(columns), int(self.side[columns].sum())), 10**15))
        there = self.weight != 0
        for k in np.unique(self.label[there]) if mirrored else ():
            blocks = [columns for columns in self.blocks() if self.label[columns[0]] == k]
            covered = sum(map(len, blocks)) == np.sum(there & (self.label == k))
            if blocks and covered and all(2 * self.side[columns].sum() == len(columns) for columns in blocks):
                ways /= 2
        return ways

    def outcome(self, statistic, size, mirrored=False):
        """Judge a statistic, (1 + permutations,) with the observed first, by how often an exchange reaches it."""
        ways = self.arrangements(mirrored)
        if ways < 2:
            return Outcome(float(size), np.nan, np.nan)
        p_value = (1 + np.sum(statistic[1:] >= statistic[0] - 1e-12)) / len(statistic)
        return Outcome(float(size), float(p_value), max(1 / ways, 1 / len(statistic)))


def weights_of(label, side, chosen):
    """Weigh units so that each class's sum is the second side's mean less the first's; 0 where a side is missing."""
    weight = np.zeros(len(label))
    for k in np.unique(label):
        sides = [chosen & (label == k) & (side == s) for s in (0, 1)]
        if sides[0].any() and sides[1].any():
            weight[sides[0]], weight[sides[1]] = -1 / sides[0].sum(), 1 / sides[1].sum()
    return weight


def rank_within(groups):
    """Number the members of each group from 0, in the order that they come."""
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    first = np.searchsorted(ordered, ordered)
    rank = np.empty(len(groups), int)
    rank[order] = np.arange(len(groups)) - first
    return rank


def holm(p_values):
    """Correct p-values for their number by Holm's step-down method (Holm 1979): (n,) to (n,), at most 1."""
    p_values = np.asarray(p_values, float)
    order = np.argsort(p_values, kind="stable")
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(order), 0, -1))
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted
