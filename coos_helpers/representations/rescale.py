"""Bring raw counts to a common range, each image and channel on its own (paper, section 3.1).

Every function takes images (..., H, W) of any real type and rescales over the last two axes. An image without
contrast becomes zero, since there is nothing to stretch.
"""

import numpy as np


def min_max(images):
    """Stretch each image so that its darkest pixel is 0 and its brightest 1: (..., H, W) float32.

    One hot pixel sets the scale: compare with `percentile`.
    """
    images = np.asarray(images, np.float32)
    return _stretch(images, images.min((-2, -1), keepdims=True), images.max((-2, -1), keepdims=True))


def percentile(images, low=0.1, high=99.9):
    """Stretch each image between two of its percentiles and clip what lies outside.

    Parameters
    ----------
    images : (..., H, W).
    low, high : percentiles, in percent; the defaults are DeepLoc's (Kraus et al. 2017).

    Returns
    -------
    (..., H, W) float32 in [0, 1].
    """
    images = np.asarray(images, np.float32)
    return _stretch(images, *np.percentile(images, (low, high), axis=(-2, -1), keepdims=True).astype(np.float32))


def to_8bit(unit):
    """Round images (..., H, W) in [0, 1] to the 256 grey levels that Haralick's features and VGG16 are given: uint8."""
    return np.rint(np.asarray(unit) * np.float32(255)).astype(np.uint8)


def _stretch(images, low, high):
    span = high - low
    return np.clip((images - low) / np.where(span > 0, span, np.float32(1)), 0, 1)
