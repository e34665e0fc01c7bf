"""Nearest neighbours: the paper's first classifier, ranked in single precision and settled in double.

scikit-learn ranks every pair in double precision, which costs twice the arithmetic. Here the products run in single
precision, through torch, on a GPU where there is one; a few candidates more than asked for are measured again in
double. A bound on the rounding says where a cell might have been passed over, and there everything is measured anew.
So the neighbours are scikit-learn's; of cells at the same distance, the first is taken.
"""

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin

from coos_helpers import devices

SPARE = 8  # candidates beyond those asked for
PIECE = 32_000_000  # distances at once


class NearestNeighbours(ClassifierMixin, BaseEstimator):
    """Classify by the votes of the nearest training cells, by Euclidean distance.

    Parameters
    ----------
    k : neighbours that vote.
    """

    def __init__(self, k=11):
        self.k = k

    def fit(self, features, labels):
        """Keep (N, d) features and (N,) labels."""
        self.classes_, self.codes_ = np.unique(labels, return_inverse=True)
        self.features_ = np.asarray(features, np.float64)
        return self

    def predict_proba(self, features):
        """Give each class's share of the votes, (n, K) float64, columns as in `classes_`."""
        voted = self.codes_[nearest(self.features_, features, self.k)]
        return np.stack([(voted == k).mean(1) for k in range(len(self.classes_))], axis=1)

    def predict(self, features):
        """Give the class with most votes, (n,); of equal ones the first."""
        return self.classes_[self.predict_proba(features).argmax(1)]


def nearest(train, queries, k, device=None):
    """Find the nearest training cells of each query.

    Parameters
    ----------
    train : (N, d) real. queries : (n, d) real. k : at most N.
    device : torch device; a GPU if there is one, when None.

    Returns
    -------
    (n, k) int64 indices, nearest first; of cells at the same distance, the one with the lower index.

    Raises
    ------
    ValueError : fewer training cells than neighbours.
    """
    train, queries = np.asarray(train, np.float64), np.asarray(queries, np.float64)
    if not 0 < k <= len(train):
        raise ValueError(f"found {len(train)} training cells; expected at least k = {k}, and k above 0.")
    device = devices.choose(device)
    middle = train.mean(0)  # small numbers round less
    cells = torch.from_numpy((train - middle).astype(np.float32)).to(device)
    lengths = cells.square().sum(1)
    pool, rows = min(k + SPARE, len(train)), max(1, PIECE // len(train))
    found = np.empty((len(queries), k), np.int64)
    for start in range(0, len(queries), rows):
        part = queries[start : start + rows]
        asked = torch.from_numpy((part - middle).astype(np.float32)).to(device)
        ranked = torch.addmm(lengths, asked, cells.T, alpha=-2)
        values, near = (x.cpu().numpy() for x in torch.topk(ranked, pool, largest=False, sorted=False))
        near = np.sort(near, axis=1)
        order, distances = _settled(train, part, near, k)
        found[start : start + rows] = near[np.arange(len(part))[:, None], order]
        if pool == len(train):
            continue
        # A cell that was passed over, and is nearer than the last one found, would be no longer than `reach`.
        own = np.square(part - middle).sum(1)
        reach = np.sqrt(own) + np.sqrt(distances[:, -1])
        rounding = (train.shape[1] + 4) * np.finfo(np.float32).eps * (reach**2 + 2 * np.sqrt(own) * reach)
        unsure = np.flatnonzero(distances[:, -1] + rounding >= values.max(1) + own)
        for row in unsure:
            apart = np.square(train - part[row]).sum(1)
            found[start + row] = np.argsort(apart, kind="stable")[:k]
    return found


def _settled(train, part, near, k):
    """Measure candidates in double precision: the places of the k nearest, and their squared distances."""
    apart = np.empty(near.shape)
    for column, cells in zip(apart.T, near.T, strict=True):
        difference = train[cells] - part
        column[:] = np.einsum("nd,nd->n", difference, difference)
    order = np.argsort(apart, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(apart, order, axis=1)
