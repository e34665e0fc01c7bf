"""From a scene to the light that falls on the camera: a 40x water objective of NA 0.9 on a spinning disk.

The point spread function (PSF) is a Gaussian in the focal plane, which Zhang, Zerubia and Olivo-Marin (2007)
found close for such microscopes; it widens with the distance from focus as the cone of light does, and the
disk's pinholes hold back what is out of focus, up to a leak that makes a wide haze. Theory gives a deviation of about
0.21 wavelength / NA = 0.12 um for green light; `factors` takes half as much again, for the plate's bottom, the cell
and the size of the pinholes.
"""

import math

import numpy as np

from coos_helpers.simulate.grid import HALF, STEP, blur
from coos_helpers.simulate.kernels import compiled

PIXELS = 64
OFF_FOCUS = 1.5  # um from the slice in focus to the scene's second plane
CONE = 0.45  # um of Gaussian deviation per um of defocus: half the cone's slope at NA 0.9 in water
SECTION = 1.2  # um of defocus at which the pinholes halve the light
HAZE = 2.6  # um, deviation of the light that leaks past the disk
PHOTONS = 190.0  # photons per pixel of 0.323 um at density 1 and exposure 1


@compiled
def collect(planes, focus, psf, leak):
    """Blur a channel's two planes by the microscope's optics.

    planes: (2, S, S) float32 fluorophores per square um. focus: um by which the scene lies off the focal
    plane. psf: um. leak: fraction. Returns (S, S) float32 in the same unit.
    """
    out = np.zeros(planes.shape[1:], np.float32)
    for plane in range(2):
        z = focus + plane * OFF_FOCUS
        sigma = math.sqrt(psf**2 + (CONE * z) ** 2)
        out += blur(planes[plane], sigma / STEP) / (1 + (z / SECTION) ** 2)
    small = np.zeros((planes.shape[1] // 4, planes.shape[2] // 4), np.float32)  # a haze needs no fine samples
    for r in range(small.shape[0]):
        for c in range(small.shape[1]):
            for i in range(4):
                for j in range(4):
                    small[r, c] += (planes[0, 4 * r + i, 4 * c + j] + planes[1, 4 * r + i, 4 * c + j]) / 16
    small = blur(small, HAZE / (4 * STEP))
    for r in range(out.shape[0]):
        y = min(max((r - 1.5) / 4, 0.0), small.shape[0] - 1.001)
        i = int(y)
        for c in range(out.shape[1]):
            x = min(max((c - 1.5) / 4, 0.0), small.shape[1] - 1.001)
            j = int(x)
            top = small[i, j] + (x - j) * (small[i, j + 1] - small[i, j])
            low = small[i + 1, j] + (x - j) * (small[i + 1, j + 1] - small[i + 1, j])
            out[r, c] += leak * (top + (y - i) * (low - top))
    return out


@compiled
def expose(light, pixel, shift_x, shift_y, exposure, background, falloff, field_x, field_y):
    """Gather the light of a channel in the camera's pixels.

    light: (S, S). pixel: um. shift_x, shift_y: um by which the channel is displaced. background: photons per pixel of
    0.323 um at exposure 1; it is collected as the signal is. falloff: by how much the field's middle is brighter than
    its corner. field_x, field_y: the crop's place in the camera's field, -1 to 1. Returns (64, 64) float32 photons per
    pixel. Each pixel is the mean of 3 by 3 points, read between samples.
    """
    out = np.empty((PIXELS, PIXELS), np.float32)
    scale, last = exposure * (pixel / 0.323) ** 2, light.shape[0] - 1.001  # beyond, the scene's edge goes on
    for r in range(PIXELS):
        for c in range(PIXELS):
            total = 0.0
            for i in range(3):
                y = min(max(((r - 31.5 + (i - 1) / 3) * pixel - shift_y + HALF) / STEP, 0.0), last)
                row = int(y)
                for j in range(3):
                    x = min(max(((c - 31.5 + (j - 1) / 3) * pixel - shift_x + HALF) / STEP, 0.0), last)
                    column = int(x)
                    fx = x - column
                    top = light[row, column] * (1 - fx) + light[row, column + 1] * fx
                    low = light[row + 1, column] * (1 - fx) + light[row + 1, column + 1] * fx
                    total += top + (y - row) * (low - top)
            # The crop is about a twelfth of the field's edge: the light falls off within it, too.
            fx, fy = field_x + (c - 31.5) / 600, field_y + (r - 31.5) / 600
            shade = 1 / (1 + falloff * 0.5 * (fx * fx + fy * fy))
            out[r, c] = scale * (PHOTONS * total / 9 + background) * shade
    return out
