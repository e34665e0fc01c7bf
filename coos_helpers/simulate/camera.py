"""From photons to the numbers in the file: electrons with their noise, read out with gain and offset in 16 bits."""

import math

import numpy as np

from coos_helpers.simulate.kernels import compiled
from coos_helpers.simulate.streams import child, normals, uniform

FULL_WELL = 18000.0  # electrons that a pixel holds
DARK = 0.5  # electrons that come without light, per exposure


@compiled
def electrons_of(mean, z):
    """Turn a standard normal number into a Poisson number of the same quantile.

    mean: electrons, more than 0. Above 60 a normal law of the same mean and variance stands in, which no count of the
    file can tell from it. More light is then never fewer electrons, whatever the noise.
    """
    if mean > 60.0:
        return np.rint(mean + math.sqrt(mean) * z)
    quantile = 0.5 * math.erfc(-z / math.sqrt(2.0))
    term = math.exp(-mean)
    total, n = term, 0
    while total < quantile and n < 200:
        n += 1
        term *= mean / n
        total += term
    return float(n)


@compiled
def read_out(photons, rng, efficiency, gain, offset, read_noise, hot):
    """Turn light into counts.

    photons: (H, W) float32 expected photons per pixel. rng: the channel's stream; each pixel has its own below it.
    efficiency: electrons per photon. gain: counts per electron. offset: counts. read_noise: electrons. hot: chance that
    a pixel is hot. Returns (H, W) uint16; a pixel saturates when its well is full or at 65,535 counts.
    """
    height, width = photons.shape
    out = np.empty((height, width), np.uint16)
    for r in range(height):
        for c in range(width):
            own = child(rng, r * width + c)
            shot, readout = normals(own)
            electrons = electrons_of(efficiency * photons[r, c] + DARK, shot)
            if uniform(own) < hot:
                electrons -= 4000 * math.log(1.0 - uniform(own))
            counts = min(electrons, FULL_WELL) * gain + read_noise * gain * readout + offset
            out[r, c] = np.uint16(min(max(np.rint(counts), 0.0), 65535.0))
    return out
