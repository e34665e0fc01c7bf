"""Some cells of every well as points: what the tests of a shift need of a split."""

from dataclasses import dataclass, field, replace

import numpy as np
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from coos_helpers.metrics.arguments import CLASSES, NAMES, array, number, seed_of
from coos_helpers.shift.permutation import rank_within


@dataclass(frozen=True)
class Sample:
    """Hold some cells of a split as points; `wells` and `plates` are None where they are unknown."""

    points: np.ndarray = field(repr=False)  # (n, d) float32
    labels: np.ndarray = field(repr=False)  # (n,) int64
    wells: np.ndarray | None = field(repr=False)  # (n,) str, with the names of plates
    plates: np.ndarray | None = field(default=None, repr=False)  # (n,) str

    def part(self, chosen):
        """Give the sample of some cells, chosen by a mask or by their places."""
        parts = (self.points, self.labels, self.wells, self.plates)
        return Sample(*(part if part is None else part[chosen] for part in parts))


def subsample_pca(features, release, per_well=12, components=32, seed=0):
    """Draw some cells of every well, and turn their features into a few components: what the tests need of a split.

    Features are standardised and rotated by the training set alone (principal components), not whitened.

    Parameters
    ----------
    features : dict from split name to (N, d).
    release : dict from split name to `Split`, with `train`.
    per_well : cells to draw of each well; of each class 24 times as many where no wells are known.
    components, seed : how many components there are at most, and the seed of the draw.

    Returns
    -------
    dict from split name to `Sample`, its cells in random order.
    """
    fits = isinstance(features, dict) and isinstance(release, dict) and {"train"} <= {*release} <= {*features}
    if not fits or not all(hasattr(split, "well_ids") for split in release.values()):
        raise ValueError("found features and a release that do not fit; expected dicts of the same splits, with train.")
    per_well, components, seed = number("per_well", per_well), number("components", components), seed_of(seed)
    cells, width = {}, None
    for name, split in release.items():
        labels, wells = array(f"labels of {name}", split.labels, CLASSES, low=0), split.well_ids
        wells = None if wells is None else array(f"wells of {name}", wells, NAMES, labels.shape)
        values = array(f"features of {name}", features[name], shape=(number(f"cells of {name}", len(labels)), width))
        cells[name], width = (labels, wells, values), values.shape[1]
    train = cells["train"][2].astype(np.float64)
    solver = "full" if len(train) < train.shape[1] else "covariance_eigh"
    rotate = make_pipeline(StandardScaler(), PCA(min(components, *train.shape), svd_solver=solver))
    with np.errstate(invalid="ignore"):  # constant features have no variance whose share could be explained
        rotate.fit(train)
    samples = {}
    for name, (labels, wells, values) in cells.items():
        order = np.random.default_rng([seed, len(labels)]).permutation(len(labels))
        groups = labels if wells is None else np.unique(wells, return_inverse=True)[1] + labels * len(labels)
        chosen = order[rank_within(groups[order]) < per_well * (24 if wells is None else 1)]
        points = rotate.transform(values[chosen].astype(np.float64))
        named = (part if part is None else part[chosen] for part in (wells, release[name].plate))
        samples[name] = Sample(points.astype(np.float32), labels[chosen], *named)
    return samples


def halves(sample, seed=0, by="well"):
    """Cut a sample in two at random, by wells within classes (by cells where none are known): no shift between them.

    Parameters
    ----------
    sample, seed : `Sample`, and the seed of the cut.
    by : `well`, or `plate` to keep the wells of a plate together, where plates are known.

    Returns
    -------
    (Sample, Sample). A class with a single well (or plate) is left out.
    """
    if not isinstance(by, str) or by not in ("well", "plate"):
        raise ValueError(f"by: found {by!r}; expected 'well' or 'plate'.")
    sample, rng = _checked("the sample", sample), np.random.default_rng(seed_of(seed))
    names = sample.plates if by == "plate" and sample.plates is not None else sample.wells
    names = np.arange(len(sample.labels)) if names is None else names
    side = np.full(len(names), -1)
    for k in np.unique(sample.labels):
        mine = sample.labels == k
        wells, well = np.unique(names[mine], return_inverse=True)
        if len(wells) > 1:
            side[mine] = (rng.permutation(len(wells)) < len(wells) // 2)[well]
    return tuple(sample.part(side == s) for s in (0, 1))


def even_out(a, b):
    """Take as many cells of one sample as of the other from each well that both have, to make them exchangeable."""
    a = _checked("the first sample", a)
    b = _checked("the second sample", b, a.points.shape[1])
    if a.wells is None or b.wells is None:
        return a, b
    places = [np.char.add(np.char.add(s.labels.astype(str), "/"), s.wells) for s in (a, b)]
    wells, well = np.unique(np.concatenate(places), return_inverse=True)
    parts = np.split(well, [len(places[0])])
    counts = np.array([np.bincount(part, minlength=len(wells)) for part in parts])
    limit = np.where(counts.min(0), counts.min(0), counts.max(0))
    return tuple(s.part(rank_within(part) < limit[part]) for s, part in zip((a, b), parts, strict=True))


def _checked(name, sample, d=None):
    """Give a sample as arrays that fit each other, and (n, d) points."""
    if not isinstance(sample, Sample):
        raise ValueError(f"{name}: found {type(sample).__name__}; expected a `Sample`, as `subsample_pca` gives it.")
    labels = array(f"labels of {name}", sample.labels, CLASSES, low=0)
    parts = {"points": array(f"points of {name}", sample.points, shape=(len(labels), d)), "labels": labels}
    for part in ("wells", "plates"):
        if (names := getattr(sample, part)) is not None:
            parts[part] = array(f"{part} of {name}", names, NAMES, labels.shape).astype(str)
    return replace(sample, **parts)
