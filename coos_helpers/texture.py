"""The Texture representation: 69 numbers a cell, from its protein's grey levels (paper, section 3.1)."""

import numpy as np
from tqdm import tqdm

from coos_helpers import rescale, store
from coos_helpers.haralick import FEATURES, haralick

#: The paper says "5 scales" and not which. Octaves, from neighbouring pixels to a quarter of the crop: each doubles
#: the last, so that no scale says nearly what its neighbour says.
DISTANCES = (1, 2, 4, 8, 16)

#: What each column of `features` is.
NAMES = (
    *(f"{name}, {distance} px" for distance in DISTANCES for name in FEATURES),
    "mean",
    "sum",
    "standard deviation",
    "correlation with the nucleus",
)


def features(split, progress=True, rescaled=rescale.min_max):
    """Describe each cell of a split by its texture.

    Parameters
    ----------
    split : a `Split`; it is read in batches.
    progress : whether a progress bar is drawn on stderr.
    rescaled : the rescaling to [0, 1], from `coos_helpers.rescale`; the paper's is `min_max`.

    Returns
    -------
    (N, 69) float32, columns as in `NAMES`: Haralick's 13 features at 5 distances of channel 0, rescaled and rounded
    to 8 bits; mean, sum and standard deviation of channel 0, rescaled; correlation of the two channels' pixels, 0
    where one of them is constant.

    The paper leaves open whether the three intensities are raw. They are rescaled here as its sentence on
    rescaling comes first: then gain and offset of the camera leave no trace in any feature.
    """
    out = np.empty((len(split), len(NAMES)), np.float32)
    with tqdm(total=len(split), desc=f"texture of {split.name}", unit=" cells", disable=not progress) as bar:
        for indices, images in split.batches():
            unit = rescaled(images[:, 0])
            out[indices, :-4] = haralick(rescale.to_8bit(unit), DISTANCES)
            pixels = unit.reshape(len(unit), -1).astype(np.float64)
            out[indices, -4] = pixels.mean(1)
            out[indices, -3] = pixels.sum(1)
            out[indices, -2] = pixels.std(1)
            out[indices, -1] = correlation(images[:, 0], images[:, 1])
            bar.update(len(indices))
    return out


def stored(split, rescaled=rescale.min_max):
    """Give the `features` of a split, computed once and kept."""
    key = store.key(made_by=[store.split_key(split), rescaled.__name__, store.code_key("texture")])
    return store.array("features/texture", key, lambda: features(split, rescaled=rescaled))


def correlation(a, b):
    """Correlate two stacks of images pixel by pixel, (N, H, W) each, giving (N,); 0 where an image is constant."""
    a, b = (x.reshape(len(x), -1).astype(np.float64) for x in (a, b))
    a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    norm = np.sqrt((a * a).sum(1) * (b * b).sum(1))
    return np.divide((a * b).sum(1), norm, out=np.zeros(len(a)), where=norm > 0)
