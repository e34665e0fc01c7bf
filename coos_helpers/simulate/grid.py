"""The plane on which a scene lives: its size and spacing, and the four things one can draw on it.

A scene is sampled every `STEP` micrometres, twice as finely as the camera does, so that another camera with
another pixel can look at the same scene. It reaches about 4 um beyond the crop on every side: a point spread
function (PSF) then never meets the edge of what was drawn.
"""

import math

import numpy as np

from coos_helpers.simulate.kernels import compiled
from coos_helpers.simulate.streams import child, normal, uniform

STEP = 0.16  # um between two samples of a scene
SIZE = 176  # samples along an edge: 28.2 um, the crop being about 20.5 um
HALF = 0.5 * (SIZE - 1) * STEP  # um from the centre to the outermost sample
COARSE = SIZE // 2 + 1  # every second sample, and one beyond: enough for what varies slowly


@compiled
def blur(image, sigma):
    """Blur an image by a Gaussian, as two passes of one dimension.

    image: (H, W) float32. sigma: standard deviation in samples. Returns (H, W) float32. Beyond the edge the
    outermost sample goes on, so that no dark frame appears.
    """
    height, width = image.shape
    radius = int(math.ceil(3.0 * sigma))
    taps = np.empty(2 * radius + 1, np.float32)
    for t in range(2 * radius + 1):
        taps[t] = math.exp(-0.5 * ((t - radius) / sigma) ** 2) if sigma > 0 else 1.0
    taps /= taps.sum()
    rows = np.zeros((height, width), np.float32)
    for y in range(height):
        for t in range(2 * radius + 1):
            source = image[min(max(y + t - radius, 0), height - 1)]
            tap = taps[t]
            target = rows[y]
            for x in range(width):
                target[x] += tap * source[x]
    out = np.zeros((height, width), np.float32)
    padded = np.empty(width + 2 * radius, np.float32)
    for y in range(height):
        padded[radius : radius + width] = rows[y]
        padded[:radius] = rows[y, 0]
        padded[radius + width :] = rows[y, width - 1]
        target = out[y]
        for t in range(2 * radius + 1):
            tap = taps[t]
            for x in range(width):
                target[x] += tap * padded[x + t]
    return out


@compiled
def splat(plane, x, y, amount):
    """Put `amount` of fluorophore at the point (x, y) in um, shared between the four nearest samples."""
    column = (x + HALF) / STEP
    row = (y + HALF) / STEP
    c = int(math.floor(column))
    r = int(math.floor(row))
    if c < 0 or r < 0 or c >= SIZE - 1 or r >= SIZE - 1:
        return
    fc = column - c
    fr = row - r
    plane[r, c] += amount * (1 - fc) * (1 - fr)
    plane[r, c + 1] += amount * fc * (1 - fr)
    plane[r + 1, c] += amount * (1 - fc) * fr
    plane[r + 1, c + 1] += amount * fc * fr


@compiled
def blob(plane, x, y, sigma, amount):
    """Put `amount` of fluorophore in a round Gaussian spot of `sigma` um around (x, y) in um."""
    s = max(sigma / STEP, 0.6)
    column = (x + HALF) / STEP
    row = (y + HALF) / STEP
    reach = int(3 * s) + 1
    peak = amount / (2 * math.pi * s * s)
    for r in range(max(int(row) - reach, 0), min(int(row) + reach + 2, SIZE)):
        wr = peak * math.exp(-0.5 * ((r - row) / s) ** 2)
        for c in range(max(int(column) - reach, 0), min(int(column) + reach + 2, SIZE)):
            plane[r, c] += wr * math.exp(-0.5 * ((c - column) / s) ** 2)


@compiled
def refine(coarse, out):
    """Fill `out` (SIZE, SIZE) from every second sample, `coarse` (COARSE, COARSE), by straight lines."""
    half = np.float32(0.5)
    for i in range(SIZE // 2):
        above, below = coarse[i], coarse[i + 1]
        even, odd = out[2 * i], out[2 * i + 1]
        for j in range(SIZE // 2):
            left, right = above[j], above[j + 1]
            middle = half * (left + below[j])
            even[2 * j] = left
            even[2 * j + 1] = half * (left + right)
            odd[2 * j] = middle
            odd[2 * j + 1] = half * (middle + half * (right + below[j + 1]))


@compiled
def noise(parent, number, length):
    """Draw a smooth random field of mean 0 and standard deviation about 1 on the scene's grid.

    parent, number: the field's stream. length: the distance in um over which it varies. Returns (SIZE, SIZE)
    float32. Normal values on a lattice are joined by quintic curves ("value noise"); the lattice lies at a random angle
    and place, so that nothing lines up with the pixels.
    """
    rng = child(parent, number)
    turn = uniform(rng) * 2 * math.pi
    cos, sin = math.cos(turn) / length, math.sin(turn) / length
    reach = int(math.ceil(HALF * 1.4143 / length)) + 2
    lattice = np.empty((2 * reach + 2, 2 * reach + 2), np.float32)
    shift_x, shift_y = reach + uniform(rng), reach + uniform(rng)
    for i in range(lattice.shape[0]):
        for j in range(lattice.shape[1]):
            lattice[i, j] = normal(rng) * 1.45  # the curves average: 1.45 brings the deviation back to 1
    coarse = np.empty((COARSE, COARSE), np.float32)
    for r in range(COARSE):
        y = 2 * r * STEP - HALF
        for c in range(COARSE):
            x = 2 * c * STEP - HALF
            a = cos * x - sin * y + shift_x
            b = sin * x + cos * y + shift_y
            i, j = int(b), int(a)
            s, t = np.float32(a - j), np.float32(b - i)
            s = s * s * s * (s * (s * 6 - 15) + 10)
            t = t * t * t * (t * (t * 6 - 15) + 10)
            top = lattice[i, j] + s * (lattice[i, j + 1] - lattice[i, j])
            low = lattice[i + 1, j] + s * (lattice[i + 1, j + 1] - lattice[i + 1, j])
            coarse[r, c] = top + t * (low - top)
    out = np.empty((SIZE, SIZE), np.float32)
    refine(coarse, out)
    return out
