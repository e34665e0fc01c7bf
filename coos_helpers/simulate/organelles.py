"""The proteins of separate bodies: threads, ribbons and spots, each in its place in the cytoplasm.

Planes, amounts and `world` are those of `coos_helpers.simulate.compartments`. Sizes are round values of the kind that
textbooks of cell biology give; none was fitted to an image.
"""

import math

import numpy as np

from coos_helpers.simulate import cells as column
from coos_helpers.simulate.compartments import sigmoid
from coos_helpers.simulate.grid import HALF, SIZE, STEP, blob, blur, splat
from coos_helpers.simulate.kernels import compiled
from coos_helpers.simulate.streams import child, normal, normals, uniform


@compiled
def seat(rng, cell, k, owner, reach, side, turn, closest):
    """Find a place for an organelle of cell k: (x, y) in um, found or not.

    reach: how far from the nucleus, in nuclear radii. side: 0 all around to 1 on the side of angle `turn`
    only.
    """
    span = 1.15 * cell[column.RADIUS] * math.sqrt(cell[column.STRETCH])
    for _ in range(60):
        x = cell[column.X] + (2 * uniform(rng) - 1) * span
        y = cell[column.Y] + (2 * uniform(rng) - 1) * span
        lot = uniform(rng)
        u, v = column.depth(cell, x, y)
        if u > 0.93 or v < closest:
            continue
        angle = math.atan2(y - cell[column.NUCLEUS_Y], x - cell[column.NUCLEUS_X]) - turn
        chance = math.exp(-(v - closest) / reach) * (1 - side + side * math.exp(5 * (math.cos(angle) - 1)))
        if lot > chance:
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
        bend = 0.9 * bend + 0.44 * normal(rng)
        side = 0.6 if uniform(rng) < 0.5 else -0.6
        heading += wobble * math.sqrt(step) * bend
        next_x, next_y = x + step * math.cos(heading), y + step * math.sin(heading)
        u, v = column.depth(cell, next_x, next_y)
        r, c = int((next_y + HALF) / STEP), int((next_x + HALF) / STEP)
        away = 0 <= r < SIZE and 0 <= c < SIZE and owner[r, c] != k
        if u > 0.95 or v < 1.04 or away:
            heading += side
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
        mine = child(rng, int(cell[column.NAME]))
        for i in range(n):
            own = child(mine, i)
            plane = 0 if uniform(own) < 0.6 else 1
            long = length * math.exp(0.5 * normal(own))
            bright = math.exp(0.3 * normal(own))
            aside = 0.9 * normal(own)
            x, y, found = seat(own, cell, k, owner, reach, 0.0, 0.0, 1.08)
            if not found:
                continue
            heading = math.atan2(y - cell[column.NUCLEUS_Y], x - cell[column.NUCLEUS_X]) + aside
            thread(thin[plane], child(own, 0), cell, k, owner, x, y, heading, long, 0.35, density * bright)
    for plane in range(2):
        planes[plane] += blur(thin[plane], width / STEP) / STEP**2


@compiled
def ribbon(planes, world, rng, share, pieces, length, width, spread, broken):
    """Draw a Golgi apparatus: stacks in pieces along one side of the nucleus, with vesicles around them.

    pieces: mean number of stacks. spread: deviation of their angle around the nucleus in radians; it grows
    before division, when the ribbon comes apart. broken: log odds, in a young cell, that a stack has left the ribbon.
    Such ministacks and short threads lie all over the cytoplasm, as in a stressed or a dividing cell; there are more of
    them, and one cell has many where its neighbour has none (Wei and Seemann 2017).
    """
    cells, owner, u, v, cover = world
    thin = np.zeros((2, SIZE, SIZE), np.float32)
    for k in range(len(cells)):
        cell = cells[k]
        mine = child(rng, int(cell[column.NAME]))
        turn = uniform(mine) * 2 * math.pi
        late = sigmoid((cell[column.CYCLE] - 0.75) * 14)
        wide = spread * (1 + 0.9 * late)
        luck, fate = normals(mine)
        apart = sigmoid(broken + 3.0 * late + 1.5 * fate)
        n = max(int(pieces * (1 + 0.8 * late) * (1 + 10.0 * apart) * math.exp(0.25 * luck) + 0.5), 1)
        amount = share * cell[column.EXPRESSION] * area(cell)
        long = length / (1 + 0.6 * late) * math.exp(apart * (1.1 * normal(mine) - 0.9))
        for i in range(n):
            own = child(mine, i)
            plane = 0 if uniform(own) < 0.75 else 1
            angle = turn + wide * normal(own)
            loose = 0.16 * (1 + late) * (0.6 + spread) * abs(normal(own))
            piece = long * math.exp(0.4 * normal(own))
            heading = angle + 0.5 * math.pi + 0.7 * normal(own)
            away = cell[column.NUCLEUS_RADIUS] * (1.12 + loose)
            x = cell[column.NUCLEUS_X] + away * math.cos(angle)
            y = cell[column.NUCLEUS_Y] + away * math.sin(angle)
            lone = child(own, 1)
            if uniform(lone) < apart:
                x, y, found = seat(lone, cell, k, owner, 1.4, 0.0, 0.0, 1.08)
                if not found:
                    continue
            thread(thin[plane], child(own, 0), cell, k, owner, x, y, heading, piece, 0.8, 0.75 * amount / (n * long))
        for i in range(int(22 * (1 + late))):
            own = child(mine, 1000 + i)
            plane = 0 if uniform(own) < 0.6 else 1
            angle = turn + 1.6 * wide * normal(own)
            away = cell[column.NUCLEUS_RADIUS] * (1.15 + 0.45 * abs(normal(own)))
            bright = math.exp(0.6 * normal(own))
            x = cell[column.NUCLEUS_X] + away * math.cos(angle)
            y = cell[column.NUCLEUS_Y] + away * math.sin(angle)
            if column.depth(cell, x, y)[0] < 0.9:
                splat(thin[plane], x, y, 0.25 * amount / 26 * bright)
    for plane in range(2):
        planes[plane] += blur(thin[plane], width / STEP) / STEP**2


@compiled
def spots(planes, world, rng, share, number, sigma, size_spread, bright_spread, reach, side):
    """Draw round organelles.

    number: their mean number in a cell. sigma: deviation of their profile in um. size_spread, bright_spread: how unlike
    each other they are, as deviations of logarithms. reach, side: as in `seat`.
    """
    cells, owner, u, v, cover = world
    for k in range(len(cells)):
        cell = cells[k]
        mine = child(rng, int(cell[column.NAME]))
        turn = uniform(mine) * 2 * math.pi
        n = int(number * (0.85 + 0.3 * cell[column.CYCLE]) * math.exp(0.15 * normal(mine))) + 1
        amount = share * cell[column.EXPRESSION] * area(cell) / n / STEP**2
        amount *= math.exp(-0.5 * bright_spread**2)
        for i in range(n):
            own = child(mine, i)
            plane = 0 if uniform(own) < 0.55 else 1
            wide = sigma * math.exp(size_spread * normal(own))
            bright = amount * math.exp(bright_spread * normal(own))
            closest = 1.06 if plane == 0 else 0.6  # above and below the nucleus there is cytoplasm, too
            x, y, found = seat(own, cell, k, owner, reach, side, turn, closest)
            if found:
                blob(planes[plane], x, y, wide, bright)
