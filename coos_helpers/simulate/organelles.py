"""The seven proteins: how much of each lies where in a cell, in fluorophores per square micrometre.

Each function draws one class into two planes of the scene: 0, the slice in focus, and 1, what lies about 1.5 um above
or below it. Amounts are relative: 1 is the density of a protein that fills the cytoplasm evenly at expression 1.
`world` holds what all classes share: (cells, owner, u, v, cover), from `coos_helpers.simulate.cells`.
Sizes in um are those that textbooks of cell biology give (Alberts et al., Molecular Biology of the Cell).
"""

import math

import numpy as np

from coos_helpers.simulate import cells as column
from coos_helpers.simulate.grid import HALF, SIZE, STEP, blob, blur, compiled, noise, splat


@compiled
def sigmoid(x):
    """Turn log odds into a fraction."""
    return 1.0 / (1.0 + math.exp(-x))


@compiled
def fill(planes, world, rng, share, in_nucleus, unevenness):
    """Spread `share` of the protein through the cytoplasm, and `in_nucleus` times as densely through the nucleus.

    The density follows the thickness of the cell, and is uneven where organelles that one does not see are in the way.
    """
    cells, owner, u, v, cover = world
    coarse, fine = noise(rng, 2.6), noise(rng, 0.8)
    for r in range(SIZE):
        for c in range(SIZE):
            if owner[r, c] < 0:
                continue
            inside = sigmoid((1.0 - v[r, c]) * 22) if v[r, c] < 1.4 else 0.0
            thick = 0.30 + 0.95 * (1.0 - u[r, c] * u[r, c])
            relief = max(1 + unevenness * (0.6 * coarse[r, c] + 0.5 * fine[r, c]) * (1 - 0.6 * inside), 0.1)
            amount = share * cells[owner[r, c], column.EXPRESSION] * cover[r, c] * thick * relief
            amount *= 1 - inside * (1 - in_nucleus)
            planes[0, r, c] += 0.7 * amount
            planes[1, r, c] += 0.6 * amount


@compiled
def tubules(planes, world, rng, share, mesh, width, fade):
    """Draw a network of tubules that meet three by three, denser near the nucleus, with sheets there.

    mesh: mean distance of junctions in um. width: deviation of a tubule's profile in um. fade: how quickly the network
    thins with the distance from the nucleus, per nuclear radius. The network is the borders between the cells of a
    random tessellation (Worley noise), bent by a smooth displacement.
    """
    cells, owner, u, v, cover = world
    bend_x, bend_y, sheet = noise(rng, 1.3), noise(rng, 1.3), noise(rng, 2.2)
    n = int(2 * HALF / mesh) + 5
    seeds = np.empty((n, n, 2), np.float32)
    for i in range(n):
        for j in range(n):
            seeds[i, j, 0] = rng.random()
            seeds[i, j, 1] = rng.random()
    for r in range(SIZE):
        for c in range(SIZE):
            if owner[r, c] < 0:
                continue
            px = np.float32((c * STEP + 0.35 * bend_x[r, c]) / mesh + 2)
            py = np.float32((r * STEP + 0.35 * bend_y[r, c]) / mesh + 2)
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
    """Draw the envelope of the nucleus: a thin ring where the focal plane cuts it, and a veil where it lies flat.

    width: deviation of the ring's profile in um.
    """
    cells, owner, u, v, cover = world
    patchy, fold = noise(rng, 1.4), noise(rng, 2.0)
    for r in range(SIZE):
        for c in range(SIZE):
            k = owner[r, c]
            if k < 0 or v[r, c] > 1.3:
                continue
            far = (v[r, c] - 1.0) * cells[k, column.NUCLEUS_RADIUS]
            ring = math.exp(-0.5 * (far / width) ** 2) * max(1 + 0.30 * patchy[r, c], 0.15)
            veil = sigmoid(-far / 0.15)
            groove = math.exp(-0.5 * ((fold[r, c] - 1.5) / 0.12) ** 2) * veil
            amount = share * cells[k, column.EXPRESSION]
            planes[0, r, c] += amount * (ring + 0.05 * veil + 0.35 * groove)
            planes[1, r, c] += amount * (0.25 * ring + 0.20 * veil * max(1 + 0.25 * patchy[r, c], 0.0))


@compiled
def seat(rng, cell, k, owner, reach, side, turn, closest):
    """Find a place for an organelle of cell k: (x, y) in um, found or not.

    reach: how far from the nucleus, in nuclear radii. side: 0 all around to 1 on the side of angle `turn` only.
    """
    span = 1.15 * cell[column.RADIUS] * math.sqrt(cell[column.STRETCH])
    for _ in range(60):
        x = cell[column.X] + (2 * rng.random() - 1) * span
        y = cell[column.Y] + (2 * rng.random() - 1) * span
        u, v = column.depth(cell, x, y)
        if u > 0.93 or v < closest:
            continue
        angle = math.atan2(y - cell[column.NUCLEUS_Y], x - cell[column.NUCLEUS_X]) - turn
        chance = math.exp(-(v - closest) / reach) * (1 - side + side * math.exp(5 * (math.cos(angle) - 1)))
        if rng.random() > chance:
            continue
        r, c = int((y + HALF) / STEP), int((x + HALF) / STEP)
        if 0 <= r < SIZE and 0 <= c < SIZE and owner[r, c] != k:
            continue
        return x, y, True
    return 0.0, 0.0, False


@compiled
def thread(plane, rng, cell, k, owner, x, y, heading, length, wobble, density):
    """Draw a curved thread as a walk of steps of 0.12 um that keeps to its cell's cytoplasm.

    wobble: deviation of the turn in radians per square root of a um. density: amount per um.
    """
    step = 0.12
    bend = 0.0
    for _ in range(int(length / step)):
        bend = 0.9 * bend + 0.44 * rng.standard_normal()
        heading += wobble * math.sqrt(step) * bend
        next_x, next_y = x + step * math.cos(heading), y + step * math.sin(heading)
        u, v = column.depth(cell, next_x, next_y)
        r, c = int((next_y + HALF) / STEP), int((next_x + HALF) / STEP)
        away = 0 <= r < SIZE and 0 <= c < SIZE and owner[r, c] != k
        if u > 0.95 or v < 1.04 or away:
            heading += 0.6 if rng.random() < 0.5 else -0.6
            continue
        x, y = next_x, next_y
        splat(plane, x, y, density * step)


@compiled
def area(cell):
    """Return a cell's area in square um: an even protein of density 1 amounts to as much."""
    return math.pi * cell[column.RADIUS] ** 2


@compiled
def mitochondria(planes, world, rng, share, number, length, width, reach):
    """Draw curved filaments, some of them out of focus; `width` is the deviation of their profile in um."""
    cells, owner, u, v, cover = world
    thin = np.zeros((2, SIZE, SIZE), np.float32)
    for k in range(len(cells)):
        cell = cells[k]
        n = int(number * (0.8 + 0.4 * cell[column.CYCLE])) + 1
        density = share * cell[column.EXPRESSION] * area(cell) / (n * length)
        for _ in range(n):
            plane = 0 if rng.random() < 0.6 else 1
            x, y, found = seat(rng, cell, k, owner, reach, 0.0, 0.0, 1.08)
            if not found:
                continue
            outward = math.atan2(y - cell[column.NUCLEUS_Y], x - cell[column.NUCLEUS_X])
            long = length * math.exp(0.5 * rng.standard_normal())
            bright = math.exp(0.3 * rng.standard_normal())
            thread(thin[plane], rng, cell, k, owner, x, y, outward + 0.9 * rng.standard_normal(), long, 0.35,
                   density * bright)
    for plane in range(2):
        planes[plane] += blur(thin[plane], width / STEP) / STEP**2


@compiled
def ribbon(planes, world, rng, share, pieces, length, width, spread):
    """Draw a Golgi apparatus: stacks in pieces along one side of the nucleus, with vesicles around them.

    pieces: mean number of stacks. spread: deviation of their angle around the nucleus in radians; it grows before
    division, when the ribbon comes apart.
    """
    cells, owner, u, v, cover = world
    thin = np.zeros((2, SIZE, SIZE), np.float32)
    for k in range(len(cells)):
        cell = cells[k]
        turn = rng.random() * 2 * math.pi
        late = sigmoid((cell[column.CYCLE] - 0.75) * 14)
        wide = spread * (1 + 0.9 * late)
        n = max(int(pieces * (1 + 0.8 * late) * math.exp(0.25 * rng.standard_normal()) + 0.5), 1)
        amount = share * cell[column.EXPRESSION] * area(cell)
        long = length / (1 + 0.6 * late)
        for _ in range(n):
            angle = turn + wide * rng.standard_normal()
            away = cell[column.NUCLEUS_RADIUS] * (1.12 + 0.16 * (1 + late) * (0.6 + spread) * abs(rng.standard_normal()))
            x = cell[column.NUCLEUS_X] + away * math.cos(angle)
            y = cell[column.NUCLEUS_Y] + away * math.sin(angle)
            piece = long * math.exp(0.4 * rng.standard_normal())
            plane = 0 if rng.random() < 0.75 else 1
            heading = angle + 0.5 * math.pi + 0.7 * rng.standard_normal()
            thread(thin[plane], rng, cell, k, owner, x, y, heading, piece, 0.8, 0.75 * amount / (n * long))
        for _ in range(int(22 * (1 + late))):
            angle = turn + 1.6 * wide * rng.standard_normal()
            away = cell[column.NUCLEUS_RADIUS] * (1.15 + 0.45 * abs(rng.standard_normal()))
            x = cell[column.NUCLEUS_X] + away * math.cos(angle)
            y = cell[column.NUCLEUS_Y] + away * math.sin(angle)
            if column.depth(cell, x, y)[0] < 0.9:
                bright = math.exp(0.6 * rng.standard_normal())
                splat(thin[0 if rng.random() < 0.6 else 1], x, y, 0.25 * amount / 26 * bright)
    for plane in range(2):
        planes[plane] += blur(thin[plane], width / STEP) / STEP**2


@compiled
def spots(planes, world, rng, share, number, sigma, size_spread, bright_spread, reach, side):
    """Draw round organelles: their number, deviation in um, and how unlike each other they are (log deviations)."""
    cells, owner, u, v, cover = world
    for k in range(len(cells)):
        cell = cells[k]
        turn = rng.random() * 2 * math.pi
        n = int(number * (0.85 + 0.3 * cell[column.CYCLE]) * math.exp(0.15 * rng.standard_normal())) + 1
        amount = share * cell[column.EXPRESSION] * area(cell) / n / STEP**2
        amount *= math.exp(-0.5 * bright_spread**2)
        for _ in range(n):
            plane = 0 if rng.random() < 0.55 else 1
            closest = 1.06 if plane == 0 else 0.6  # above and below the nucleus there is cytoplasm, too
            x, y, found = seat(rng, cell, k, owner, reach, side, turn, closest)
            if found:
                wide = sigma * math.exp(size_spread * rng.standard_normal())
                bright = amount * math.exp(bright_spread * rng.standard_normal())
                blob(planes[plane], x, y, wide, bright)
