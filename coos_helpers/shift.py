"""Did the data shift? Tests of two sets of cells that permute whole wells within classes, and never single cells.

Cells of a well resemble each other whatever the split, so a test that shuffles cells calls any two sets of wells
different. Where no wells are known the tests fall back on cells, and their p-values are too small. Class is held
fixed throughout: a split with more cells of one class has not shifted for that. `exchange` says what is exchanged.
"""

from dataclasses import dataclass, field
from math import comb
from typing import NamedTuple

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from coos_helpers.exchange import Outcome, Units, holm, rank_within

#: What a test gives where there is nothing to compare.
NOTHING = Outcome(np.nan, np.nan, np.nan)


@dataclass(frozen=True)
class Sample:
    """Hold some cells of a split as points: (n, d) float32, with labels (n,) int64 and wells (n,) str or None."""

    points: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)
    wells: np.ndarray | None = field(repr=False)


class Differences(NamedTuple):
    """Hold a difference of two confusion matrices, (K, K) fractions of the true class, with p-values for each cell.

    `p_value` is that of the cell alone, `adjusted` after Holm's correction for all cells, `smallest` (K,) the smallest
    p-value that the wells of a true class could have given. NaN where a class is absent or nothing can be exchanged.
    """

    difference: np.ndarray
    p_value: np.ndarray
    adjusted: np.ndarray
    smallest: np.ndarray


def sketch(features, release, per_well=12, components=32, seed=0):
    """Draw some cells of every well, and turn their features into a few components: what the tests need of a split.

    Features are standardised and rotated by the training set alone (principal components), not whitened.

    Parameters
    ----------
    features : dict from split name to (N, d). release : dict from split name to `Split`, with `train`.
    per_well : cells to draw of each well; of each class 24 times as many where no wells are known.
    components : number of components, at most d.
    seed : of the draw.

    Returns
    -------
    dict from split name to `Sample`, its cells in random order.
    """
    train = np.asarray(features["train"], np.float64)
    scale = StandardScaler().fit(train)
    components = min(components, *train.shape)
    rotate = PCA(components, svd_solver="full" if len(train) < train.shape[1] else "covariance_eigh")
    rotate.fit(scale.transform(train))
    samples = {}
    for name, split in release.items():
        order = np.random.default_rng([seed, len(split)]).permutation(len(split))
        wells = split.well_ids
        groups = split.labels if wells is None else np.unique(wells, return_inverse=True)[1] + split.labels * len(split)
        chosen = order[rank_within(groups[order]) < per_well * (24 if wells is None else 1)]
        points = rotate.transform(scale.transform(np.asarray(features[name][chosen], np.float64)))
        named = None if wells is None else wells[chosen]
        samples[name] = Sample(points.astype(np.float32), split.labels[chosen], named)
    return samples


def mmd_test(a, b, permutations=999, seed=0):
    """Test whether two samples differ in distribution, by the maximum mean discrepancy within classes.

    The kernel is Gaussian, its width the median distance of two cells of a class. Every well counts the same.

    Parameters
    ----------
    a, b : `Sample`.
    permutations : exchanges of wells that are drawn. seed : of the draws.

    Returns
    -------
    Outcome : `size` is the squared discrepancy (mean over classes; Gretton et al. 2012, equation 5, on the wells'
    mean embeddings, each well's own without its diagonal) less its mean over exchanges: about 0 without a shift.
    """
    if not np.intersect1d(a.labels, b.labels).size:
        return NOTHING
    a, b = _evened(a, b)
    points, labels = np.concatenate([a.points, b.points]).astype(float), np.concatenate([a.labels, b.labels])
    units = Units.of(a.labels, a.wells, b.labels, b.wells)
    weights = units.exchanged(permutations, np.random.default_rng(seed))
    classes = [k for k in np.unique(labels) if units.weight[units.label == k].any()]
    squares = {k: _squared_distances(points[labels == k]) for k in classes}
    width = np.median(np.concatenate([d[np.triu_indices(len(d), 1)] for d in squares.values()]))
    statistic = np.zeros(1 + permutations)
    for k in classes:
        kernel = np.exp(-squares[k] / (width or 1.0))
        mine = units.label == k
        member = (units.of_cell[labels == k] == np.flatnonzero(mine)[:, None]).astype(float)
        n = member.sum(1)
        gram = member @ kernel @ member.T
        # A well's own mean without its diagonal, so that wells with few cells do not look far from everything; of a
        # well with a single cell, what such a mean is in the other wells.
        many = n > 1
        own = np.ones(len(n))
        own[many] = (np.diag(gram)[many] - n[many]) / (n[many] * (n[many] - 1))
        own[~many] = own[many].mean() if many.any() else 1.0
        gram = gram / np.outer(n, n)
        np.fill_diagonal(gram, own)
        w = weights[:, mine]
        statistic += np.einsum("pu,pu->p", w @ gram, w) / len(classes)
    return units.outcome(statistic, statistic[0] - statistic[1:].mean(), mirrored=True)


def classifier_test(a, b, permutations=999, seed=0):
    """Test whether a classifier can tell two samples apart, on wells that it has not seen (Lopez-Paz and Oquab 2017).

    Half of each class's wells teach a logistic regression (on the components and their squares, centred within
    classes) from which sample a cell comes; it then names the sample of the cells of the other half. A class takes
    part if it has wells of both samples in both halves.

    Parameters
    ----------
    a, b, permutations, seed : as for `mmd_test`.

    Returns
    -------
    Outcome : `size` is the share of cells that are named rightly, both samples and all classes counting the same: one
    half without a shift, 1 if no cell of the one could be of the other. NaN where no class takes part.
    """
    if not np.intersect1d(a.labels, b.labels).size:
        return NOTHING
    rng = np.random.default_rng(seed)
    a, b = _evened(a, b)
    labels = np.concatenate([a.labels, b.labels])
    units = Units.of(a.labels, a.wells, b.labels, b.wells)
    taught = units.half(rng)
    halved = [np.unique(part.label[part.weight != 0]) for part in (units.restricted(taught), units.restricted(~taught))]
    able = np.isin(units.label, np.intersect1d(*halved))
    teaching, asking = units.restricted(taught & able), units.restricted(~taught & able)
    if not teaching.weight.any():
        return NOTHING
    count = np.bincount(units.of_cell, minlength=len(units.label))
    each = (np.abs(teaching.weight) / count)[units.of_cell]
    seen = each > 0
    # Centred and scaled by the teaching wells alone: each counts the same, and those asked about have no say.
    points = np.concatenate([a.points, b.points]).astype(float)
    for k in np.unique(labels[seen]):
        mine = labels == k
        points[mine] -= np.average(points[mine], axis=0, weights=each[mine])
    points /= np.maximum(np.sqrt(np.average(points**2, axis=0, weights=each)), 1e-12)
    points = np.hstack([points, points**2])
    second = units.side[units.of_cell] == 1
    model = LogisticRegression(max_iter=1000).fit(points[seen], second[seen], each[seen] / each[seen].mean())
    called = np.bincount(units.of_cell, model.predict(points)) / count
    n_classes = len(np.unique(units.label[asking.weight != 0]))
    statistic = (1 + asking.exchanged(permutations, rng) @ called / n_classes) / 2
    return asking.outcome(statistic, statistic[0])


def difference_test(first, second, permutations=9999, seed=0):
    """Test each cell of the difference of two confusion matrices of one model, exchanging wells of a true class.

    Parameters
    ----------
    first, second : `Predictions` of two splits.
    permutations, seed : as for `mmd_test`.

    Returns
    -------
    Differences : the second's matrix less the first's, in fractions of the true class, with two-sided p-values. The
    statistic is the difference of the wells' mean shares in units of its standard error, so that wells of one split may
    have more cells, and vary less, than those of the other (Chung and Romano 2013). Of a rare error that does not
    suffice: small wells mostly have none, large ones some, and they are not alike. So single cells are exchanged as
    well, and the larger of the two p-values counts: a difference must be too large for chance between cells and for
    chance between wells. Holm's correction runs over the cells of the matrix that any cell of either split fell into.
    What is tested is whether these wells differ: two plates of one day are no sample of days.
    """
    n_classes = len(first.class_names)
    rng = np.random.default_rng(seed)
    difference = np.full((n_classes, n_classes), np.nan)
    p_value, smallest, used = difference.copy(), np.full(n_classes, np.nan), np.zeros_like(difference, bool)
    for k in range(n_classes):
        both = [(p, p.labels == k) for p in (first, second)]
        if not all(mine.any() for _, mine in both):
            continue
        predicted = np.concatenate([p.predicted[mine] for p, mine in both])
        used[k] = np.bincount(predicted, minlength=n_classes) > 0
        statistic, least = _cells_exchanged(predicted, both[1][1].sum(), n_classes, permutations, rng)
        statistics = [statistic]
        if first.well is not None and second.well is not None:
            units = Units.of(*(part for p, mine in both for part in (p.labels[mine], p.well[mine])))
            statistic, least = _wells_exchanged(units, predicted, n_classes, permutations, rng)
            statistics.append(statistic)
        before, after = (np.bincount(p.predicted[m], minlength=n_classes) / m.sum() for p, m in both)
        difference[k], smallest[k] = after - before, least
        if np.isfinite(least):
            beyond = [np.abs(one[1:]) >= np.abs(one[0]) - 1e-9 for one in statistics]
            p_value[k] = np.max([(1 + one.sum(0)) / (1 + permutations) for one in beyond], axis=0)
    adjusted = np.full_like(p_value, np.nan)
    tested = used & np.isfinite(p_value)
    adjusted[tested] = holm(p_value[tested])
    adjusted[~used & np.isfinite(p_value)] = 1.0
    return Differences(difference, p_value, adjusted, smallest)


def halves(sample, seed=0, by="well"):
    """Cut a sample in two at random, by wells within classes (by cells where none are known): no shift between them.

    Parameters
    ----------
    sample : `Sample`. seed : of the cut.
    by : `well`, or `plate` to keep the wells of a plate together; a well's name is `plate/well`.

    Returns
    -------
    (Sample, Sample). A class with a single well (or plate) is left out.
    """
    rng = np.random.default_rng(seed)
    names = np.arange(len(sample.labels)) if sample.wells is None else sample.wells
    if by == "plate" and sample.wells is not None:
        names = np.array([name.rpartition("/")[0] for name in sample.wells])
    side = np.full(len(names), -1)
    for k in np.unique(sample.labels):
        mine = sample.labels == k
        wells, well = np.unique(names[mine], return_inverse=True)
        if len(wells) > 1:
            side[mine] = (rng.permutation(len(wells)) < len(wells) // 2)[well]
    return tuple(
        Sample(
            sample.points[side == s],
            sample.labels[side == s],
            sample.wells if sample.wells is None else sample.wells[side == s],
        )
        for s in (0, 1)
    )


def _evened(a, b):
    """Take as many cells of one sample as of the other from each well that both have, to make them exchangeable."""
    if a.wells is None or b.wells is None:
        return a, b
    places = [np.char.add(np.char.add(s.labels.astype(str), "/"), s.wells) for s in (a, b)]
    counts = [dict(zip(*np.unique(place, return_counts=True), strict=True)) for place in places]
    both = {name: min(counts[0][name], counts[1][name]) for name in counts[0].keys() & counts[1].keys()}
    evened = []
    for sample, place in zip((a, b), places, strict=True):
        limit = np.array([both.get(name, len(place)) for name in place])
        kept = rank_within(np.unique(place, return_inverse=True)[1]) < limit
        evened.append(Sample(sample.points[kept], sample.labels[kept], sample.wells[kept]))
    return tuple(evened)


def _squared_distances(points):
    squares = (points**2).sum(1)
    return np.maximum(squares[:, None] + squares - 2 * points @ points.T, 0)


def _cells_exchanged(predicted, n_second, n_classes, permutations, rng):
    """Exchange single cells: only the counts of each predicted class matter, and they follow a hypergeometric law."""
    total = np.bincount(predicted, minlength=n_classes)
    n = len(predicted)
    observed = np.bincount(predicted[n - n_second :], minlength=n_classes)
    second = np.vstack([observed, rng.multivariate_hypergeometric(total, n_second, permutations)])
    a, b = (total - second) / (n - n_second), second / n_second
    least = max(1 / min(comb(n, n_second), 10**15), 1 / (1 + permutations))
    return _studentised(b - a, a * (1 - a) / (n - n_second) + b * (1 - b) / n_second), least


def _wells_exchanged(units, predicted, n_classes, permutations, rng):
    """Exchange wells: the difference of the mean over wells of the shares of each predicted class.

    Every well counts the same however many cells it has: else the test would notice that wells of one split are larger.
    """
    shares = np.zeros((len(units.label), n_classes))
    np.add.at(shares, (units.of_cell, predicted), 1)
    shares /= shares.sum(1, keepdims=True)
    second = units.exchanged(permutations, rng) > 0
    means, variances = [], []
    for mine in (~second, second):
        n = mine.sum(1)[:, None]
        means.append((mine @ shares) / n)
        squares = np.maximum((mine @ shares**2) / n - means[-1] ** 2, 0)
        # Of a single well no variance is known: that of the other side has to do.
        variances.append(np.where(n > 1, squares / np.maximum(n - 1, 1), np.nan))
    variances = [np.where(np.isnan(one), other, one) for one, other in (variances, variances[::-1])]
    ways = units.arrangements(mirrored=True)
    least = max(1 / ways, 1 / (1 + permutations)) if ways > 1 else np.nan
    return _studentised(means[1] - means[0], np.nan_to_num(sum(variances), nan=1.0)), least


def _studentised(difference, variance):
    """Give a difference in units of its standard error; infinite where nothing varies and there is one all the same."""
    certain = np.where(np.abs(difference) > 1e-12, np.copysign(np.inf, difference), 0.0)
    return np.where(variance > 1e-15, difference / np.sqrt(np.maximum(variance, 1e-15)), certain)
