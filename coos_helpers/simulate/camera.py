"""From photons to the numbers in the file: electrons with their noise, read out with gain and offset in 16 bits."""

import numpy as np

from coos_helpers.simulate.kernels import compiled

FULL_WELL = 18000.0  # electrons that a pixel holds
DARK = 0.5  # electrons that come without light, per exposure


@compiled
def read_out(photons, rng, efficiency, gain, offset, read_noise, hot):
    """Turn light into counts.

    photons: (H, W) float32 expected photons per pixel. efficiency: electrons per photon. gain: counts per
    electron. offset: counts. read_noise: electrons. hot: chance that a pixel is hot. Returns (H, W) uint16; a
    pixel saturates when its well is full or at 65,535 counts. Electrons are Poisson; above 60 a normal law of
    the same mean and variance stands in, which no count of the file can tell from it.
    """
    height, width = photons.shape
    out = np.empty((height, width), np.uint16)
    for r in range(height):
        for c in range(width):
            mean = efficiency * photons[r, c] + DARK
            if mean < 60:
                electrons = float(rng.poisson(mean))
            else:
                electrons = mean + np.sqrt(mean) * rng.standard_normal()
            if rng.random() < hot:
                electrons += 4000 * rng.exponential()
            counts = min(electrons, FULL_WELL) * gain + read_noise * gain * rng.standard_normal() + offset
            out[r, c] = np.uint16(min(max(np.rint(counts), 0.0), 65535.0))
    return out
