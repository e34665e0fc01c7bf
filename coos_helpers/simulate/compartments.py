"""The proteins of continuous compartments: the cytoplasm, the network of the ER, the envelope of the nucleus.

Each function draws into two planes of the scene: 0, the slice in focus, and 1, what lies about 1.5 um above or below
it. Amounts are in fluorophores per square um and relative: 1 is the density of a protein that fills the cytoplasm
evenly at expression 1. `world` holds what all classes share: (cells, owner, u, v, cover), from
`coos_helpers.simulate.cells`.
"""

import math

import numpy as np

from coos_helpers.simulate import cells as column
from coos_helpers.simulate.grid import HALF, SIZE, STEP, noise
from coos_helpers.simulate.kernels import compiled
from coos_helpers.simulate.streams import child, uniform


@compiled
def sigmoid(x):
    """Turn log odds into a fraction."""
    return 1.0 / (1.0 + math.exp(-x))


@compiled
def fill(planes, world, rng, share, in_nucleus, unevenness):
    """Spread a protein through the cytoplasm and, `in_nucleus` times as densely, through the nucleus.

    share: density in the cytoplasm, 1 for the whole protein. It follows the thickness of the cell, and is uneven where
    organelles that one does not see are in the way.
    """
    cells, owner, u, v, cover = world
    coarse, fine = noise(rng, 0, 2.6), noise(rng, 1, 0.8)
    for r in range(SIZE):
        for c in range(SIZE):
            if owner[r, c] < 0:
                continue
            inside = sigmoid((1.0 - v[r, c]) * 22) if v[r, c] < 1.4 else 0.0
            thick = 0.22 + 1.10 * (1.0 - u[r, c] * u[r, c]) ** 1.3
            relief = max(1 + unevenness * (0.6 * coarse[r, c] + 0.5 * fine[r, c]) * (1 - 0.6 * inside), 0.1)
            amount = share * cells[owner[r, c], column.EXPRESSION] * cover[r, c] * thick * relief
            amount *= 1 - inside * (1 - in_nucleus)
            planes[0, r, c] += 0.7 * amount
            planes[1, r, c] += 0.6 * amount


@compiled
def tubules(planes, world, rng, share, mesh, width, fade):
    """Draw a network of tubules that meet three by three, denser near the nucleus, with sheets there.

    mesh: mean distance of junctions in um. width: deviation of a tubule's profile in um. fade: how quickly
    the network thins with the distance from the nucleus, per nuclear radius. The network is the borders
    between the cells of a random tessellation (Worley noise), bent by a smooth displacement.
    """
    cells, owner, u, v, cover = world
    bend_x, bend_y, sheet = noise(rng, 0, 1.3), noise(rng, 1, 1.3), noise(rng, 2, 2.2)
    turn = 2 * math.pi * uniform(rng)  # so that the lattice behind the tessellation lies along nothing
    cos, sin = math.cos(turn) / mesh, math.sin(turn) / mesh
    middle = int(1.4143 * HALF / mesh) + 3
    n = 2 * middle + 1
    seeds = np.empty((n, n, 2), np.float32)
    for i in range(n):
        for j in range(n):
            # Named by their place from the middle: with another mesh the same network is wider or finer.
            seed = child(rng, 10 + (i - middle + 128) * 256 + (j - middle + 128))
            seeds[i, j, 0] = uniform(seed)
            seeds[i, j, 1] = uniform(seed)
    for r in range(SIZE):
        for c in range(SIZE):
            if owner[r, c] < 0:
                continue
            x, y = c * STEP - HALF + 0.35 * bend_x[r, c], r * STEP - HALF + 0.35 * bend_y[r, c]
            px, py = np.float32(cos * x - sin * y + middle), np.float32(sin * x + cos * y + middle)
            column_0, row_0 = min(max(int(px), 1), n - 2), min(max(int(py), 1), n - 2)
            nearest, next_nearest = np.float32(99.0), np.float32(99.0)
            for i in range(row_0 - 1, row_0 + 2):
                for j in range(column_0 - 1, column_0 + 2):
                    dx, dy = px - j - seeds[i, j, 0], py - i - seeds[i, j, 1]
                    d = dx * dx + dy * dy
                    if d < nearest:
                        next_nearest = nearest
                        nearest = d
                    elif d < next_nearest:
                        next_nearest = d
            gap = 0.5 * mesh * (math.sqrt(next_nearest) - math.sqrt(nearest))
            line = math.exp(-0.5 * (gap / width) ** 2) if gap < 3.5 * width else 0.0
            near = math.exp(-fade * max(v[r, c] - 1.0, 0.0))
            lamella = sigmoid(2.5 * (sheet[r, c] - 2.3 + 2.1 * near))
            outside = sigmoid((v[r, c] - 1.0) * 40) if v[r, c] < 1.2 else 1.0
            amount = share * cells[owner[r, c], column.EXPRESSION] * cover[r, c]
            amount *= (0.15 + 1.7 * near) * (2.2 * line * (1 - 0.6 * lamella) + 0.9 * lamella)
            planes[0, r, c] += 0.75 * amount * outside
            planes[1, r, c] += 0.7 * amount * (0.35 + 0.65 * outside)  # some of it lies over the nucleus


@compiled
def rim(planes, world, rng, share, width):
    """Draw the envelope of the nucleus: a ring where the focal plane cuts it, a veil where it lies flat.

    width: deviation in um of the ring's profile where the envelope stands upright. Nuclei are flat: off the equator the
    wall is cut at a slant, which makes the ring smaller, its profile broader, and fills it. The envelope is uneven,
    dented, and folds into the nucleus here and there (Malhas, Goulbourne and Vaux 2011).
    """
    cells, owner, u, v, cover = world
    patchy, fold, dent = noise(rng, 0, 1.5), noise(rng, 1, 2.4), noise(rng, 2, 1.8)
    for r in range(SIZE):
        for c in range(SIZE):
            k = owner[r, c]
            if k < 0 or v[r, c] > 1.35:
                continue
            height = cells[k, column.HEIGHT]
            far = (v[r, c] - 1.0) * cells[k, column.NUCLEUS_RADIUS] + 0.10 * dent[r, c]
            slant = 0.55 * height * height
            wide = math.sqrt(width * width + slant * slant) if far < 0 else width
            ring = math.exp(-0.5 * (far / wide) ** 2) * max(1 + 0.42 * patchy[r, c], 0.08) * (0.6 + 0.4 * width / wide)
            veil = sigmoid(-far / 0.15)
            groove = math.exp(-0.5 * ((fold[r, c] - 1.35) / 0.10) ** 2) * veil
            amount = share * cells[k, column.EXPRESSION]
            flat = (0.05 + 0.22 * height * height) * max(1 + 0.35 * patchy[r, c], 0.0)
            planes[0, r, c] += amount * (ring + flat * veil + 0.4 * groove)
            planes[1, r, c] += amount * (0.25 * ring + 0.20 * veil * max(1 + 0.25 * patchy[r, c], 0.0))
