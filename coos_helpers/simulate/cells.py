"""Cells without any protein yet: their outlines, nuclei, neighbours, and which sample of the plane is whose.

Outlines are ellipses with a few harmonics, as in SIMCEP (Lehmussola et al. 2007); where two cells meet, each
sample goes to the cell that it lies deeper in, which gives the flat contacts of a crowded layer. All of this
is drawn before the protein and knows nothing of the class.
"""

import math

import numpy as np

from coos_helpers.simulate.grid import COARSE, HALF, SIZE, STEP, refine
from coos_helpers.simulate.kernels import compiled
from coos_helpers.simulate.streams import child, normal, normals, uniform

# Columns of a cell's shape. Lengths in um, angles in radians; "3" and "2" are harmonics of the outline.
X, Y, RADIUS, STRETCH, ANGLE, COS3, SIN3, COS2, SIN2 = range(9)
NUCLEUS_X, NUCLEUS_Y, NUCLEUS_RADIUS, NUCLEUS_STRETCH, NUCLEUS_ANGLE, NUCLEUS_COS3, NUCLEUS_SIN3 = range(9, 16)
CYCLE, EXPRESSION = 16, 17
HEIGHT = 18  # where the focal plane cuts the nucleus: 0 at its equator, 1 at its top
NAME = 19  # number of the cell's stream
COLUMNS = 20


@compiled
def _shape(rng, cell_radius, elongation, nucleus_radius):
    """Draw one cell around the origin; the cell cycle runs from 0 (just divided) to 1 (about to divide)."""
    cell = np.zeros(COLUMNS)
    cycle = -math.log(1.0 - 0.5 * uniform(rng)) / math.log(2.0)  # in a growing culture twice as many are young as old
    cell[CYCLE] = cycle
    cell[RADIUS] = cell_radius * (0.90 + 0.2 * cycle)
    cell[STRETCH] = max(elongation, 1.0)
    if cycle > 0.94:  # a cell about to divide rounds up
        cell[RADIUS] *= 0.86
        cell[STRETCH] = 1.0 + 0.25 * (cell[STRETCH] - 1.0)
    cell[ANGLE] = uniform(rng) * math.pi
    cell[COS3] = 0.05 * normal(rng)
    cell[SIN3] = 0.05 * normal(rng)
    cell[COS2] = 0.04 * normal(rng)
    cell[SIN2] = 0.04 * normal(rng)
    cell[NUCLEUS_RADIUS] = min(nucleus_radius * (0.94 + 0.2 * cycle), 0.7 * cell[RADIUS])
    cell[NUCLEUS_STRETCH] = 1.0 + 0.6 * (cell[STRETCH] - 1.0) * uniform(rng) + 0.12 * uniform(rng)
    cell[NUCLEUS_ANGLE] = cell[ANGLE] + 0.35 * normal(rng)
    cell[NUCLEUS_COS3] = 0.03 * normal(rng)
    cell[NUCLEUS_SIN3] = 0.03 * normal(rng)
    cell[HEIGHT] = min(abs(0.45 * normal(rng)), 0.85)
    away = 0.22 * (cell[RADIUS] - cell[NUCLEUS_RADIUS]) * math.sqrt(uniform(rng)) * 1.4
    turn = uniform(rng) * 2 * math.pi
    cell[NUCLEUS_X] = away * math.cos(turn)
    cell[NUCLEUS_Y] = away * math.sin(turn)
    return cell


@compiled
def draw_cells(rng, cell_radius, elongation, nucleus_radius, crowding):
    """Draw the cell in the middle and its neighbours.

    rng: stream. Lengths in um, crowding relative to a layer that is nearly closed. Returns (n,
    COLUMNS) float64; row 0 is the cell whose nucleus lies at the origin, up to the 0.2 um by which a
    segmentation errs. Neighbours share the middle cell's type, not its size, phase or expression.
    """
    cells = np.zeros((24, COLUMNS))
    mine = child(rng, 0)
    error_x, error_y = normals(mine)
    cells[0] = _shape(mine, cell_radius, elongation, nucleus_radius)
    cells[0, X] = -cells[0, NUCLEUS_X] + 0.2 * error_x
    cells[0, Y] = -cells[0, NUCLEUS_Y] + 0.2 * error_y
    cells[0, NUCLEUS_X] += cells[0, X]
    cells[0, NUCLEUS_Y] += cells[0, Y]
    cells[0, EXPRESSION] = 1.0
    n = 1
    edge = HALF + 8.0
    tries = int(22 * crowding * (0.6 + 0.8 * uniform(rng)))
    pressed = 0.72 * crowding**-0.3  # the more there are, the deeper they push into each other
    for name in range(1, tries + 1):
        own = child(rng, name)
        cell_x, cell_y = (2 * uniform(own) - 1) * edge, (2 * uniform(own) - 1) * edge
        bright, large = normals(own)
        slender, nuclear = normals(own)
        cell = _shape(
            own,
            cell_radius * math.exp(0.11 * large),
            elongation * math.exp(0.15 * slender),
            nucleus_radius * math.exp(0.07 * nuclear),
        )
        cell[NAME] = name
        cell[X] = cell_x
        cell[Y] = cell_y
        cell[NUCLEUS_X] += cell[X]
        cell[NUCLEUS_Y] += cell[Y]
        cell[EXPRESSION] = math.exp(0.75 * bright)
        free = n < len(cells)
        for other in range(n):
            apart = math.hypot(cell[X] - cells[other, X], cell[Y] - cells[other, Y])
            nuclei = math.hypot(cell[NUCLEUS_X] - cells[other, NUCLEUS_X], cell[NUCLEUS_Y] - cells[other, NUCLEUS_Y])
            room = 1.15 * (cell[NUCLEUS_RADIUS] + cells[other, NUCLEUS_RADIUS]) + 1.0
            if apart < pressed * (cell[RADIUS] + cells[other, RADIUS]) or nuclei < room:
                free = False
        if free:
            cells[n] = cell
            n += 1
    return cells[:n].copy()


@compiled
def depth(cell, x, y):
    """Return where the point (x, y) in um lies in a cell: (u, v), 0 in the middle and 1 on the outline.

    u counts to the cell's outline, v to the nucleus's; the outline gives way where the nucleus bulges.
    """
    dx, dy = x - cell[NUCLEUS_X], y - cell[NUCLEUS_Y]
    cos, sin = math.cos(cell[NUCLEUS_ANGLE]), math.sin(cell[NUCLEUS_ANGLE])
    return _depth(cell, x, y, math.cos(cell[ANGLE]), math.sin(cell[ANGLE]), cos, sin, dx, dy)


@compiled
def _depth(cell, x, y, cos, sin, nucleus_cos, nucleus_sin, dx, dy):
    root = math.sqrt(cell[NUCLEUS_STRETCH])
    p = (nucleus_cos * dx + nucleus_sin * dy) / root
    q = (nucleus_cos * dy - nucleus_sin * dx) * root
    r = math.sqrt(p * p + q * q) + 1e-9
    c, s = p / r, q / r
    wave = cell[NUCLEUS_COS3] * c * (4 * c * c - 3) + cell[NUCLEUS_SIN3] * s * (3 - 4 * s * s)
    v = r / (cell[NUCLEUS_RADIUS] * (1 + wave))
    dx, dy = x - cell[X], y - cell[Y]
    root = math.sqrt(cell[STRETCH])
    p = (cos * dx + sin * dy) / root
    q = (cos * dy - sin * dx) * root
    r = math.sqrt(p * p + q * q) + 1e-9
    c, s = p / r, q / r
    wave = cell[COS3] * c * (4 * c * c - 3) + cell[SIN3] * s * (3 - 4 * s * s)
    wave += cell[COS2] * (c * c - s * s) + cell[SIN2] * 2 * c * s
    return min(r / (cell[RADIUS] * (1 + wave)), 0.6 * v), v


@compiled
def claim(cells, bend_x, bend_y):
    """Say for every sample of the plane which cell it belongs to, and where in that cell it lies.

    cells: (n, COLUMNS). bend_x, bend_y: (SIZE, SIZE) displacement in um that makes the outlines uneven.
    Returns (owner (SIZE, SIZE) int16, -1 outside every cell; u, v as in `depth`, v being 1 where the focal plane
    cuts the nucleus, which is smaller off its equator; cover, 0 outside to 1
    inside, which falls off over the last half micrometre and along contacts).
    """
    owner = np.full((SIZE, SIZE), -1, np.int16)
    u = np.full((SIZE, SIZE), 9.0, np.float32)
    v = np.full((SIZE, SIZE), 9.0, np.float32)
    second = np.full((SIZE, SIZE), 9.0, np.float32)
    coarse_u, coarse_v = np.empty((COARSE, COARSE), np.float32), np.empty((COARSE, COARSE), np.float32)
    here, nucleus = np.empty((SIZE, SIZE), np.float32), np.empty((SIZE, SIZE), np.float32)
    for k in range(len(cells)):
        cell = cells[k]
        cos, sin = math.cos(cell[ANGLE]), math.sin(cell[ANGLE])
        nucleus_cos, nucleus_sin = math.cos(cell[NUCLEUS_ANGLE]), math.sin(cell[NUCLEUS_ANGLE])
        far = (1.3 * cell[RADIUS]) ** 2 * cell[STRETCH]
        for r in range(COARSE):
            for c in range(COARSE):
                x, y = 2 * c * STEP - HALF, 2 * r * STEP - HALF
                if (x - cell[X]) ** 2 + (y - cell[Y]) ** 2 > far:
                    coarse_u[r, c] = 9.0
                    coarse_v[r, c] = 9.0
                    continue
                i, j = min(2 * r, SIZE - 1), min(2 * c, SIZE - 1)
                bx, by = bend_x[i, j], bend_y[i, j]
                # The nucleus is stiffer than the outline: it takes a third of the bend.
                dx = x + 0.3 * bx - cell[NUCLEUS_X]
                dy = y + 0.3 * by - cell[NUCLEUS_Y]
                coarse_u[r, c], coarse_v[r, c] = _depth(
                    cell, x + bx, y + by, cos, sin, nucleus_cos, nucleus_sin, dx, dy
                )
        refine(coarse_u, here)
        refine(coarse_v, nucleus)
        for r in range(SIZE):
            for c in range(SIZE):
                if here[r, c] < u[r, c]:
                    second[r, c] = u[r, c]
                    u[r, c] = here[r, c]
                    v[r, c] = nucleus[r, c]
                    owner[r, c] = k
                elif here[r, c] < second[r, c]:
                    second[r, c] = here[r, c]
    cover = np.zeros((SIZE, SIZE), np.float32)
    for r in range(SIZE):
        for c in range(SIZE):
            if u[r, c] >= 1.0:
                owner[r, c] = -1
                continue
            v[r, c] /= (1 - cells[owner[r, c], HEIGHT] ** 4) ** 0.25
            rim = min((1.0 - u[r, c]) / 0.07, 1.0)
            contact = min((second[r, c] - u[r, c]) / 0.06, 1.0)
            cover[r, c] = rim * rim * (3 - 2 * rim) * (0.25 + 0.75 * contact * contact * (3 - 2 * contact))
    return owner, u, v, cover
