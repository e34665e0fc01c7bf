"""Weigh the paper's sentences against stored results: numbers, each with an interval over wells, and verdicts.

A number is an array (1 + R,): the estimate, then what R other draws of wells would have given. All rows meet the same
draws of a split, so that differences of two rows are paired; the draws of two splits are independent. A network that
was trained several times counts with the mean of its trainings. So an interval speaks of other wells of these plates,
for the networks that were trained: not of another plate, nor of another training.
"""

from dataclasses import replace
from functools import cache

import numpy as np
from scipy.stats import norm, t

from coos_helpers import metrics, results, shift
from coos_helpers.metrics.bootstrap import interval

HOLDS, DOES_NOT, UNSAID = "holds", "does not hold", "cannot be said"
RESAMPLES = 2000
ENOUGH = 5  # wells of a class, as in chapters 06 and 07: with fewer, an interval would not keep its promise

#: The chapter that makes each representation's rows.
CHAPTERS = {"Texture": "02", "VGG16": "03 with its weights", "DeepLoc": "04", "PCI": "05"}


class Unsaid(Exception):
    """Say why a sentence cannot be tested on the data at hand."""


def drawn(draws, split, seed):
    """Give every class's sensitivity by each of M methods, a list of its trainings each: (M, 1 + R, K) percent.

    The draws are NaN of a class that has too few wells, or none that are known.
    """
    first, n_classes = draws[0][0][split], len(draws[0][0][split].class_names)
    predicted = np.array([row[split].predicted for trainings in draws for row in trainings])
    made = 100 * metrics.resampled_sensitivities(first.labels, predicted, n_classes, first.well, RESAMPLES, seed)
    made[:, 1:, [n_wells(first, k) < ENOUGH for k in range(n_classes)]] = np.nan
    ends = np.cumsum([len(trainings) for trainings in draws])[:-1]
    return np.array([trainings.mean(0) for trainings in np.split(made, ends)])


def n_wells(p, k):
    """Count the wells of a class; 0 where they are unknown."""
    return 0 if p.well is None else len(np.unique(p.well[p.labels == k]))


def told(values, form="{:.1f}"):
    """Write a number with its interval."""
    ends = np.round([values[0], *interval(values)], 1) + 0.0  # no minus before a zero
    estimate, low, high = (form.format(end) for end in ends)
    return f"{estimate} ({low} to {high})" if "nan" not in low else f"{estimate} (interval unknown)"


def judged(numbers, limit=0.0):
    """Say whether numbers are all above a limit: surely; surely not all; or it cannot be said."""
    low, high = np.round([interval(number) for number in numbers], 9).T
    return HOLDS if (low > limit).all() else DOES_NOT if (high <= limit).any() else UNSAID


class Evidence:
    """Hold what some `Results` say: `classes` are those that every test set has, `examined` the headline rows."""

    def __init__(self, found):
        rows = [row for trainings in found.draws for row in trainings]
        self.found, self.names = found, list(found.class_names)
        self.tests = [name for name in found.table[0] if name != "train" and all(name in row for row in rows)]
        present = [set(np.unique(found.table[0][name].labels).tolist()) for name in self.tests]
        self.classes = sorted(set.intersection(*present)) if present else []
        self.titles = [results.row_title(row) for row in found.table]
        headline = [id(row) for row in results.headline_rows(found)]
        self.examined = [i for i, row in enumerate(found.table) if id(row) in headline]
        self.sensitivities, self.confusion = cache(self._sensitivities), cache(self._confusion)
        self.changed = cache(self._changed)

    def need(self, *splits):
        """Give the test sets that are asked for, or all."""
        if missing := [name for name in splits if name not in self.tests]:
            raise Unsaid(f"These results have no {' and no '.join(missing)}.")
        if not self.tests or len(self.classes) < 2:
            raise Unsaid("These results have no test set, or no two classes that all test sets have.")
        return list(splits or self.tests)

    def rows(self, family, classifier=""):
        """List the rows of a representation, whatever its layer, by one classifier or by all: places in the table."""
        found = []
        for i, row in enumerate(self.found.table):
            p = next(iter(row.values()))
            if results.family(row) == family and classifier in ("", p.classifier) and "untrained" not in p.variant:
                found.append(i)
        if not found:
            words = f"{family}, {classifier}" if classifier else family
            raise Unsaid(f"No row of {words} here: run chapter {CHAPTERS[family]}.")
        return found

    def named(self, *names):
        """Give the numbers of classes of the paper's."""
        if missing := [n for n in names if n not in self.names or self.names.index(n) not in self.classes]:
            raise Unsaid(f"Not every test set here has cells of {' and of '.join(missing)}.")
        return [self.names.index(name) for name in names]

    def _sensitivities(self, split):
        return drawn(self.found.draws, split, self.tests.index(split))

    def errors(self, split):
        """Give the balanced error of every row, over the classes that every test set has: (M, 1 + R) percent."""
        return 100 - self.sensitivities(split)[..., self.classes].mean(-1)

    def mean_error(self, rows, splits):
        """Give the mean error of some rows over some test sets: (1 + R,) percent."""
        return np.mean([self.errors(split)[rows].mean(0) for split in splits], axis=0)

    def asides(self, family, test):
        """List the rows aside of a representation whose predictions pass a test."""
        firsts = [(row, next(iter(row.values()))) for row in self.found.asides]
        found = [row for row, p in firsts if results.family(row) == family and test(p) and set(self.tests) <= set(row)]
        if not found:
            raise Unsaid(f"Not among these results: run chapter {CHAPTERS[family]}.")
        return found

    def aside_errors(self, rows, split):
        """Give the balanced errors of some rows aside, all of the same cells: (m, 1 + R) percent."""
        made = drawn([[row] for row in rows], split, self.tests.index(split))
        return 100 - made[..., np.isfinite(made[0, 0])].mean(-1)

    def of_class(self, row, split, k):
        """Give one class's sensitivity by one row: (1 + R,) percent."""
        return np.clip(self.stretched(self.sensitivities(split)[row, :, k], split, k), 0, 100)

    def stretched(self, values, split, k):
        """Stretch the draws of a single class's number as Student's t asks with as few wells as it has."""
        freedom = max(n_wells(self.found.table[0][split], k) - 1, 1)
        return values[0] + (values - values[0]) * t.ppf(0.975, freedom) / norm.ppf(0.975)

    def _confusion(self, row, split):
        """Give a confusion matrix and its draws, (1 + R, K, K) percent of the true class."""
        n = len(self.names)
        turned = [
            [{split: replace(one[split], predicted=(one[split].predicted - s) % n)} for one in self.found.draws[row]]
            for s in range(n)
        ]  # of these, the sensitivity of class k is the share of its cells that were called k + s
        made, matrix = drawn(turned, split, self.tests.index(split)), np.empty((1 + RESAMPLES, n, n))
        for s in range(n):
            matrix[:, np.arange(n), (np.arange(n) + s) % n] = made[s]
        return matrix

    def _changed(self, row, first, second):
        """Test one row's confusion matrix on a test set against that on another, as chapter 08 does."""
        return shift.difference_test(self.found.table[row][first], self.found.table[row][second])
