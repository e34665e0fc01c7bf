"""The Texture representation: 69 numbers a cell, from its protein's grey levels (paper, section 3.1)."""

import numpy as np
from joblib import Parallel, delayed
from tqdm import tqdm

from coos_helpers.representations import rescale
from coos_helpers.representations.haralick import FEATURES, haralick

#: The paper says "5 scales" and not which. Octaves, from neighbouring pixels to a quarter of the crop: each doubles
#: the last, so that no scale says nearly what its neighbour says.
DISTANCES = (1, 2, 4, 8, 16)

BATCH = 256  # cells in one piece of work

#: What each column of `features` is.
NAMES = tuple(f"{name}, {distance} px" for distance in DISTANCES for name in FEATURES)
NAMES += ("mean", "sum", "standard deviation", "correlation with the nucleus")


def features(split, progress=True, rescaled=rescale.min_max, channel=0):
    """Describe each cell of a split by its texture.

    Parameters
    ----------
    split : a `Split`; it is read in batches.
    progress : whether a progress bar is drawn on stderr.
    rescaled : the rescaling to [0, 1], from `representations.rescale`; the paper's is `min_max`.
    channel : what is described: 0, the protein, as in the paper; or 1, the nucleus.

    Returns
    -------
    (N, 69) float32, columns as in `NAMES`: Haralick's 13 features at 5 distances of the channel, rescaled and rounded
    to 8 bits; mean, sum and standard deviation of the channel, rescaled; correlation of the two channels' pixels, 0
    where one of them is constant.

    The paper leaves open whether the three intensities are raw. They are rescaled here as its sentence on
    rescaling comes first: then gain and offset of the camera leave no trace in any feature.
    """
    out = np.empty((len(split), len(NAMES)), np.float32)
    # In a tuple, as a cluster keeps loose arrays on one worker and loses them with it.
    jobs = (delayed(_described)(batch, rescaled, channel) for batch in split.batches(BATCH))
    done = Parallel(-1, prefer="threads", return_as="generator")(jobs)
    with tqdm(total=len(split), desc=f"texture of {split.name}", unit=" cells", disable=not progress) as bar:
        for indices, described in done:
            out[indices] = described
            bar.update(len(indices))
    return out


def _described(batch, rescaled, channel):
    """Describe a batch of cells: its indices, and (n, 69) float32."""
    indices, images = batch
    unit = rescaled(images[:, channel])
    texture = haralick(rescale.to_8bit(unit), DISTANCES, n_jobs=1)
    pixels = unit.reshape(len(unit), -1).astype(np.float64)
    moments = pixels.mean(1), pixels.sum(1), pixels.std(1), correlation(images[:, 0], images[:, 1])
    return indices, np.column_stack([texture, *moments]).astype(np.float32)


def correlation(a, b):
    """Correlate two stacks of images (N, H, W) pixel by pixel: Pearson's r, (N,) float64, 0 where one is constant."""
    a, b = (x.reshape(len(x), -1).astype(np.float64) for x in (a, b))
    a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    norm = np.sqrt((a * a).sum(1) * (b * b).sum(1))
    return np.divide((a * b).sum(1), norm, out=np.zeros(len(a)), where=norm > 0)
