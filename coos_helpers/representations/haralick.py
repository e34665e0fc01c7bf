"""Haralick's texture features of many images at once, by a compiled kernel.

mahotas (Coelho 2013) is the reference: same features, same order, equal to 1e-9 relative. It spends most of its time
on 256 x 256 matrices that are nearly empty. Here pairs are counted in small integer tables: a symmetric matrix is fixed
by its unordered pairs and has equal marginals, so HXY1 = HXY2 = 2 HX (the names are Haralick's); sums, contrast and
correlation follow from the histograms of x + y and x - y; entropies are sums of c log2 c over whole-number counts c.
"""

import numpy as np
from joblib import Parallel, delayed
from numba import njit

LEVELS = 256

#: Haralick's names (1973), in mahotas' order.
FEATURES = (
    "angular second moment", "contrast", "correlation", "sum of squares: variance", "inverse difference moment",
    "sum average", "sum variance", "sum entropy", "entropy", "difference variance", "difference entropy",
    "information measure of correlation 1", "information measure of correlation 2",
)  # fmt: skip

CHUNK = 256  # images in one piece of work for a thread


def haralick(images, distances=(1,), n_jobs=None):
    """Measure the texture of grey-level images by Haralick's 13 features at several pixel distances.

    Parameters
    ----------
    images : (N, H, W) uint8, with 256 grey levels.
    distances : pixel offsets, each at least 1 and below min(H, W).
    n_jobs : threads; all cores when None, or all of a cluster's that joblib was given.

    Returns
    -------
    (N, 13 * len(distances)) float64, distance-major: the 13 features of the first distance, then of the next. Each
    is the mean over the four directions 0, 45, 90 and 135 degrees, which no turn by 90 degrees changes.

    Raises
    ------
    ValueError : images of another shape or type, or a distance that leaves no pair of pixels.

    Source: Haralick et al. 1973; definitions as in `mahotas.features.haralick`, with a fixed matrix of 256 levels.
    """
    images = np.asarray(images)
    if images.ndim != 3 or images.dtype != np.uint8:
        raise ValueError(
            f"haralick: found images of shape {images.shape} and type {images.dtype}; expected (N, H, W) uint8. "
            "Rescale them first, for example with rescale.to_8bit(rescale.min_max(images))."
        )
    distances = np.asarray(distances).ravel()
    whole = len(distances) > 0 and distances.dtype.kind in "iu"
    if not whole or distances.min() < 1 or distances.max() >= min(images.shape[1:]):
        raise ValueError(
            f"haralick: found distances {distances.tolist()}; expected at least one, each a whole number from 1 to "
            f"{min(images.shape[1:]) - 1} for images of {images.shape[1]} x {images.shape[2]} pixels."
        )
    # Threads suffice: the kernel holds no lock of the interpreter. A cluster keeps loose arrays on one worker and loses
    # them with it, so they go in a tuple.
    pieces = ((images[start : start + CHUNK], distances) for start in range(0, len(images), CHUNK))
    done = Parallel(n_jobs or -1, prefer="threads")(delayed(_piece)(piece) for piece in pieces)
    return np.concatenate([np.empty((0, 13 * len(distances))), *done])


def _piece(given):
    """Measure a piece of images, given with distances: (n, 13 * D) float64."""
    images, distances = given
    out = np.zeros((len(images), 13 * len(distances)))
    clog = np.arange(2 * images[0].size + 1, dtype=np.float64)  # c log2 c of counts
    clog[1:] *= np.log2(clog[1:])
    closeness = 1.0 / (1.0 + np.arange(LEVELS, dtype=np.float64) ** 2)  # of differences of grey levels
    small = images[0].size < 2**16  # small counts keep the table in the processor's cache
    pairs = np.zeros(LEVELS * LEVELS, np.uint16 if small else np.uint32)
    _kernel(images, distances.astype(np.int64), clog, closeness, pairs, out)
    return out


@njit(cache=True, nogil=True)
def _kernel(images, distances, clog, closeness, pairs, out):
    """Add to `out` (N, 13 * D) for a piece of images; `pairs` (65536,) is scratch for counts, zero before and after.

    A first pass over the pairs of a direction only counts. A second one meets each kind of pair once, takes its count
    into the histograms, and leaves the table of counts empty for the next direction.
    """
    n, height, width = images.shape
    # An unordered pair of levels stands at darker level * 256 + brighter level.
    kind = np.empty(height * width, np.uint16)  # where each pair stands in that table
    for i in range(n):
        image = images[i]
        for d in range(len(distances)):
            sums = out[i, 13 * d : 13 * d + 13]
            for down, right in ((0, 1), (1, 1), (1, 0), (1, -1)):
                dr, dc = down * distances[d], right * distances[d]
                first, last = max(0, -dc), min(width, width - dc)
                met = 0
                for r in range(height - dr):
                    for c in range(first, last):
                        a, b = np.uint16(image[r, c]), np.uint16(image[r + dr, c + dc])
                        at = np.uint16(min(a, b) << 8 | max(a, b))
                        kind[met] = at
                        met += 1
                        pairs[at] += np.uint16(1)
                level, minus = np.zeros(LEVELS, np.int64), np.zeros(LEVELS, np.int64)
                plus = np.zeros(2 * LEVELS, np.int64)
                squares, entropy = np.int64(0), 0.0
                for p in range(met):
                    at = np.int64(kind[p])
                    count = np.int64(pairs[at])
                    if count:
                        pairs[at] = 0
                        low, high = at >> 8, at & 255
                        level[low] += count
                        level[high] += count
                        plus[low + high] += count
                        minus[high - low] += count
                        # In the symmetric matrix a pair of two levels stands twice, one of equal levels once, doubled.
                        if low == high:
                            squares += 4 * count * count
                            entropy += clog[2 * count]
                        else:
                            squares += 2 * count * count
                            entropy += 2.0 * clog[count]
                _add_features(level, plus, minus, squares, entropy, 2 * met, clog, closeness, sums)
            sums /= 4.0


@njit(cache=True, nogil=True)
def _add_features(level, plus, minus, squares, entropy, total, clog, closeness, sums):
    """Add the 13 features of one direction to `sums`, from counts that add up to `total` (plus, minus: to half)."""
    bits = np.log2(total)
    mean, second, marginal = np.int64(0), np.int64(0), 0.0
    for k in range(LEVELS):
        mean += k * level[k]
        second += k * k * level[k]
        marginal += clog[level[k]]
    contrast, inverse, difference, difference_squares = np.int64(0), 0.0, 0.0, 0.0
    for k in range(LEVELS):
        count = 2 * minus[k]
        contrast += k * k * count
        inverse += closeness[k] * count
        difference += clog[count]
        difference_squares += np.float64(count) * np.float64(count)
    added, added_second = 0.0, np.int64(0)
    for k in range(2 * LEVELS):
        count = 2 * plus[k]
        added += clog[count]
        added_second += k * k * count
    h = bits - entropy / total
    hx = bits - marginal / total
    hxy = 2.0 * hx
    mu = mean / total
    # n^2 times the variance, the covariance and the sums' variance, in whole numbers, so that nothing cancels. Those of
    # large images of much contrast do not fit into 64 bits.
    product = (added_second - contrast) // 4
    if np.float64(total) * np.float64(added_second) < 9e18:
        spread = np.float64(total * second - mean * mean)
        covariance = np.float64(total * product - mean * mean)
        spread_of_sums = np.float64(total * added_second - 4 * mean * mean)
    else:
        n, square = np.float64(total), np.float64(mean) ** 2
        spread, covariance, spread_of_sums = n * second - square, n * product - square, n * added_second - 4 * square
    sums[0] += np.float64(squares) / total / total
    sums[1] += contrast / total
    sums[2] += covariance / spread if spread > 0 else 1.0
    sums[3] += spread / total / total
    sums[4] += inverse / total
    sums[5] += 2.0 * mu
    sums[6] += spread_of_sums / total / total
    sums[7] += bits - added / total
    sums[8] += h
    sums[9] += difference_squares / total / total / LEVELS - 1.0 / LEVELS / LEVELS
    sums[10] += bits - difference / total
    sums[11] += (h - hxy) / hx if hx > 0 else h - hxy
    sums[12] += np.sqrt(max(0.0, 1.0 - np.exp(-2.0 * (hxy - h))))
