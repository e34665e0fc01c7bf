"""Find nuclei in a field: smooth, threshold, fill, part those that touch, keep those of a nucleus's size."""

import math
from typing import NamedTuple

import numpy as np
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import threshold_otsu
from skimage.segmentation import watershed

#: By how many deviations of the background's noise a threshold lies above it, at the least. Noise alone, which Otsu's
#: method cuts in halves, gives 1.1, an uneven background 1.4; fields with nuclei give 5 and more.
CONTRAST = 3.0


class Options(NamedTuple):
    """Say what a nucleus is.

    Parameters
    ----------
    smooth : standard deviation of the Gaussian that takes the noise away, in pixels.
    threshold : `otsu`, one for the whole field; or `local`, for an uneven background: the mean around each pixel, in a
        square twice as wide as the largest nucleus, is taken off before.
    smallest, largest : diameters of nuclei, of a circle of the same area; in pixels, or in um where `pixel_size` is
        known, and then both are needed. Else 8 and 60 pixels.
    pixel_size : um a pixel, or None.
    """

    smooth: float = 1.0
    threshold: str = "otsu"
    smallest: float | None = None
    largest: float | None = None
    pixel_size: float | None = None

    def limits(self):
        """Give the smallest and the largest diameter in pixels; ValueError for options that cannot be meant."""
        for name in ("smooth", "smallest", "largest", "pixel_size"):
            value = getattr(self, name)
            if value is not None and not (0 < value < math.inf or (name == "smooth" and value == 0)):
                raise ValueError(f"{name}: found {value}; expected a number above 0.")
        if self.threshold not in ("otsu", "local"):
            raise ValueError(f"threshold: found {self.threshold!r}; expected otsu or local.")
        if self.pixel_size and None in (self.smallest, self.largest):
            raise ValueError("found a pixel size without both limits; expected smallest and largest, in um, beside it.")
        unit = self.pixel_size or 1.0
        small = 8.0 if self.smallest is None else self.smallest / unit
        large = 60.0 if self.largest is None else self.largest / unit
        if not 2 <= small < large:
            raise ValueError(
                f"found nuclei from {small:g} to {large:g} pixels; expected at least 2, and more for the largest."
            )
        return small, large


def segment(image, options=None):
    """Find the nuclei in a field's nucleus channel.

    Parameters
    ----------
    image : (H, W) counts.
    options : `Options`; its defaults where None.

    Returns
    -------
    (H, W) int32: 0 for background, else the number of a nucleus, from 1; all 0 where nothing stands out.

    Raises
    ------
    ValueError : an option that cannot be meant.
    """
    options = options or Options()
    small, large = options.limits()
    # In the root of counts, noise of photons is as wide in the light as in the dark: bright nuclei hide no dim ones.
    smooth = np.sqrt(ndimage.gaussian_filter(np.asarray(image, np.float32), options.smooth))
    if options.threshold == "local":
        smooth -= ndimage.uniform_filter(smooth, 2 * math.ceil(large) + 1)
    if smooth.min() == smooth.max():
        return np.zeros(image.shape, np.int32)
    threshold = threshold_otsu(smooth)
    background, noise = _background(smooth[::2, ::2], threshold)
    if threshold - background < CONTRAST * noise:
        return np.zeros(image.shape, np.int32)
    mask = _filled(smooth > threshold, math.pi / 4 * small**2)
    # A long nucleus has several deepest points, a little apart: smoothing joins those nearer than a nucleus is wide.
    depth = _depth(mask, small / 4)
    peaks = peak_local_max(depth, min_distance=max(round(small / 2), 1), threshold_abs=1.0, exclude_border=False)
    seeds = np.zeros(image.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    labels = watershed(-depth, seeds, mask=mask)
    diameter = np.sqrt(np.bincount(labels[mask], minlength=len(peaks) + 1) * (4 / math.pi))
    good = (diameter >= small) & (diameter <= large)
    good[0] = False
    return np.where(good, np.cumsum(good), 0).astype(np.int32)[labels]


def centres(labels):
    """Give the centroid of each object of a mask (H, W) as x and y in pixels, (n, 2) float64, from top to bottom."""
    rows, columns = np.nonzero(labels)
    numbers, objects, areas = np.unique(labels[rows, columns], return_inverse=True, return_counts=True)
    sums = [np.bincount(objects, at, len(numbers)) / areas for at in (columns, rows)]
    found = np.column_stack(sums).reshape(-1, 2)
    return found[np.lexsort(found.T)]


def blur(image, labels):
    """Say how blurred a field is, by the edges of its nuclei: their width relative to the nuclei's own radius.

    An edge in focus climbs from the background to the nucleus within the optics' resolution, whatever the stain's, the
    lamp's or the camera's strength; out of focus it widens, as the cone of light does. Its width is the height of the
    step divided by its slope. A Gaussian blob, which has no shape left, has an edge about as wide as its radius (1.03
    where that is taken at half its height, 0.8 at a quarter), a nucleus in focus of 0.3 to 0.5 of it. Being a ratio of
    lengths, this needs no size of a pixel.

    Parameters
    ----------
    image : (H, W) counts of the nucleus channel.
    labels : (H, W) its nuclei, 0 for background.

    Returns
    -------
    The median over the nuclei; NaN where there are none.
    """
    image, inside = np.asarray(image, np.float32), labels > 0
    if not inside.any():
        return math.nan
    smooth = ndimage.uniform_filter(image, 3)
    rows, columns = np.nonzero(inside & ~ndimage.binary_erosion(inside, border_value=1))
    above, below = np.maximum(rows - 1, 0), np.minimum(rows + 1, len(image) - 1)
    left, right = np.maximum(columns - 1, 0), np.minimum(columns + 1, image.shape[1] - 1)
    down = (smooth[below, columns] - smooth[above, columns]) / 2
    across = (smooth[rows, right] - smooth[rows, left]) / 2
    slopes, edge = np.hypot(down, across), labels[rows, columns]
    numbers = labels[inside]
    n = int(numbers.max()) + 1
    areas, lengths = np.bincount(numbers), np.bincount(edge, minlength=n)
    seen = (areas > 0) & (lengths > 0)
    height = np.bincount(numbers, image[inside])[seen] / areas[seen] - np.median(image[~inside])
    slope = np.bincount(edge, slopes, n)[seen] / lengths[seen]
    radius = np.sqrt(areas[seen] / math.pi)
    return float(np.median(height / np.maximum(slope, 1e-9) / radius))


def _background(pixels, threshold):
    """Give the median of the pixels up to a threshold, and the deviation of their noise, from the median deviation."""
    pixels = pixels[pixels <= threshold]
    middle = np.median(pixels)
    return middle, 1.4826 * np.median(np.abs(pixels - middle))


def _filled(mask, area):
    """Fill holes of up to an area in a mask; the background around all is none."""
    parts, n = ndimage.label(~mask)
    hole = np.bincount(parts[parts > 1], minlength=n + 1) < area  # the first is nearly all: counting it takes long
    hole[:2] = False
    hole[np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])] = False
    return mask | hole[parts]


def _depth(mask, smooth):
    """Give each pixel's distance to the background, smoothed by a Gaussian within each part of the mask.

    Without smoothing it is `distance_transform_edt`, in a quarter of its time: it looks only at the box around each
    part, and the background next to that.
    """
    depth = np.zeros(mask.shape, np.float32)
    parts, _ = ndimage.label(mask, np.ones((3, 3)))
    for number, box in enumerate(ndimage.find_objects(parts), 1):
        box = tuple(slice(max(side.start - 1, 0), side.stop + 1) for side in box)
        own = parts[box] == number
        far = ndimage.distance_transform_edt(own)
        depth[box][own] = ndimage.gaussian_filter(far, smooth, mode="constant")[own]
    return depth
