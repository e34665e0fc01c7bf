"""Bring raw counts to a common range, each image and channel on its own (paper, section 3.1).

Every function takes images (..., H, W) of any real type and rescales over the last two axes. An image without
contrast becomes zero, since there is nothing to stretch. What is no image of finite numbers is a ValueError.
"""

import numpy as np

from coos_helpers.metrics.arguments import REAL, array, number


def min_max(images):
    """Stretch each image so that its darkest pixel is 0 and its brightest 1: (..., H, W) float32.

    One hot pixel sets the scale: compare with `percentile`.
    """
    images = _checked(images)
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
    number("low", low, 0, number("high", high, 0, 100, REAL), REAL)
    if not len(images := _checked(images)):  # of no images numpy has no percentiles
        return images
    return _stretch(images, *np.percentile(images, (low, high), axis=(-2, -1), keepdims=True).astype(np.float32))


def to_8bit(unit):
    """Round images (..., H, W) in [0, 1] to the 256 grey levels that Haralick's features and VGG16 are given: uint8."""
    unit = array("unit", unit, shape=None, low=-0.001, high=1.001)
    return np.rint(unit * np.float32(255)).astype(np.uint8)


def _checked(images):
    """Give images as float32, two dimensions or more."""
    images = array("images", images, shape=None).astype(np.float32, copy=False)
    if images.ndim < 2 or not images.shape[-2]:
        raise ValueError(f"images: found the shape {images.shape}; expected (..., H, W), with pixels.")
    return images


def _stretch(images, low, high):
    span = high - low
    with np.errstate(over="ignore"):  # by a tiny span: it is clipped
        return np.clip((images - low) / np.where(span > 0, span, np.float32(1)), 0, 1)
