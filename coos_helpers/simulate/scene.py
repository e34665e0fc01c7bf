"""A scene: where the protein and the nuclear dye are in a cell and its neighbours, before any light is collected."""

import math
from typing import NamedTuple

import numpy as np

from coos_helpers.simulate.cells import CYCLE, EXPRESSION, NAME, NUCLEUS_RADIUS, NUCLEUS_X, NUCLEUS_Y, claim, draw_cells
from coos_helpers.simulate.compartments import fill, rim, sigmoid, tubules
from coos_helpers.simulate.factors import INDEX
from coos_helpers.simulate.grid import SIZE, blob, noise
from coos_helpers.simulate.kernels import compiled
from coos_helpers.simulate.organelles import mitochondria, ribbon, spots
from coos_helpers.simulate.streams import child, normal, uniform


class Scene(NamedTuple):
    """What lies on the plate, in fluorophores per square um, sampled as in `coos_helpers.simulate.grid`.

    protein: (2, SIZE, SIZE) float32, the slice in focus and the one 1.5 um off. nucleus: the same for the
    nuclear dye. cycle: phase of the middle cell, 0 to 1.
    """

    protein: np.ndarray
    nucleus: np.ndarray
    cycle: float


def draw_scene(label, values, rng):
    """Draw the scene around one cell.

    label: class, 0 to 6 (Table 1). values: (F,) factor values; only the biological ones are read. rng: the
    cell's stream. The cells, the nuclei, the dye and the debris are drawn in the same way for every class.
    """
    factor = {name: values[i] for name, i in INDEX.items()}
    cells = draw_cells(
        child(rng, 0), factor["cell_radius"], factor["elongation"], factor["nucleus_radius"], factor["crowding"]
    )
    bend_x, bend_y = (0.45 * noise(rng, number, 3.5) for number in (1, 2))
    world = (cells, *claim(cells, bend_x, bend_y))
    nucleus = dye(world, child(rng, 3), factor["stain"], factor["chromatin"])
    cells[:, EXPRESSION] *= factor["expression"]
    protein = np.zeros((2, SIZE, SIZE), np.float32)
    PROTEINS[label](protein, world, [child(rng, 10 + part) for part in range(4)], factor)
    debris(protein, nucleus, child(rng, 4))
    return Scene(protein, nucleus, float(cells[0, CYCLE]))


@compiled
def dye(world, rng, stain, contrast):
    """Stain the DNA: mottled chromatin, the bright chromocentres of mouse nuclei, dark nucleoli.

    Returns (2, SIZE, SIZE) float32. The amount grows with the cell cycle as the DNA is doubled.
    """
    cells, owner, u, v, cover = world
    planes = np.zeros((2, SIZE, SIZE), np.float32)
    grain, mottle = noise(rng, 0, 0.9), noise(rng, 1, 2.4)
    relief = np.zeros((SIZE, SIZE), np.float32)
    for k in range(len(cells)):
        radius = cells[k, NUCLEUS_RADIUS]
        mine = child(rng, 10 + int(cells[k, NAME]))
        depth = contrast * (1.7 if cells[k, CYCLE] > 0.94 else 1.0)  # chromosomes condense before division
        for _ in range(int(6 + 12 * uniform(mine))):
            x, y = _inside(cells[k], mine)
            blob(relief, x, y, 0.28 + 0.2 * uniform(mine), depth * (0.2 + 1.2 * uniform(mine)) * 14)
        for _ in range(int(1 + 3 * uniform(mine))):
            x, y = _inside(cells[k], mine)
            blob(relief, x, y, 0.13 * radius * (0.7 + 0.7 * uniform(mine)), -depth * 36)
    for r in range(SIZE):
        for c in range(SIZE):
            k = owner[r, c]
            if k < 0 or v[r, c] > 1.5:
                continue
            far = (v[r, c] - 1.0) * cells[k, NUCLEUS_RADIUS]
            if far > 0.8:
                continue
            inside = sigmoid(-far / 0.08)
            thick = 0.55 + 0.45 * np.sqrt(max(1 - v[r, c] * v[r, c], 0.0))
            texture = 1 + contrast * (0.14 * grain[r, c] + 0.12 * mottle[r, c]) + relief[r, c]
            dose = (1 + cells[k, CYCLE]) / (0.94 + 0.2 * cells[k, CYCLE]) ** 2
            amount = 1.85 * stain * dose * inside * thick * max(texture, 0.15)
            planes[0, r, c] = 0.7 * amount
            planes[1, r, c] = 0.5 * amount
    return planes


@compiled
def _inside(cell, rng):
    """Return a random point (x, y) in um of a cell's nucleus."""
    away = 0.85 * cell[NUCLEUS_RADIUS] * np.sqrt(uniform(rng))
    turn = 2 * np.pi * uniform(rng)
    return cell[NUCLEUS_X] + away * np.cos(turn), cell[NUCLEUS_Y] + away * np.sin(turn)


@compiled
def debris(protein, nucleus, rng):
    """Strew what no cell wanted: bits that shine by themselves, mostly in the protein's colour, and rarely."""
    for i in range(6):
        own = child(rng, i)
        there, x, y = uniform(own) < 0.05, (2 * uniform(own) - 1) * 12, (2 * uniform(own) - 1) * 12
        sigma, amount = 0.15 + 0.35 * uniform(own), 80 * math.exp(0.8 * normal(own))
        plane = 0 if uniform(own) < 0.4 else 1
        if there:
            blob(protein[plane], x, y, sigma, amount)
            blob(nucleus[plane], x, y, sigma, 0.3 * amount)


def _er(planes, world, rng, f):
    loose = sigmoid(-1.8 + f["diffuse"])
    bound = 0.9 * (1 - loose)
    tubules(planes, world, rng[0], bound, f["mesh"], 0.10 * f["organelle_size"], 1.1 / f["reach"])
    rim(planes, world, rng[1], 0.9 * bound, 0.12)
    fill(planes, world, rng[2], 0.9 * loose, 0.7, 0.25)


def _imm(planes, world, rng, f):
    loose = sigmoid(-0.9 + f["diffuse"])
    number, length = 75 * f["organelle_number"], 5.0 * f["length"]
    width, reach = 0.18 * f["organelle_size"], 1.0 * f["reach"]
    mitochondria(planes, world, rng[0], 0.9 * (1 - loose), number, length, width, reach)
    fill(planes, world, rng[1], loose, 0.7, 0.3)


def _golgi(planes, world, rng, f):
    loose = sigmoid(-1.3 + f["diffuse"])
    pieces, length = 8 * f["organelle_number"], 3.0 * f["length"]
    spread = 0.60 * np.exp(-0.7 * f["sidedness"])
    # What loosens the protein's hold and scatters organelles breaks the ribbon, too: it hangs on microtubules.
    broken = -1.4 + f["diffuse"] - 0.5 * f["sidedness"] - 6 * np.log(f["length"])
    ribbon(planes, world, rng[0], 0.26 * (1 - loose), pieces, length, 0.18 * f["organelle_size"], spread, broken)
    # Proteins of the Golgi pass through the ER all the time: that is where the rest is, besides the cytosol.
    tubules(planes, world, rng[1], 0.1 * loose, f["mesh"], 0.13, 1.0 / f["reach"])
    fill(planes, world, rng[2], 1.1 * loose, 0.65, 0.3)


def _peroxisomes(planes, world, rng, f):
    loose = sigmoid(-0.7 + f["diffuse"])
    number, sigma = 110 * f["organelle_number"], 0.13 * f["organelle_size"]
    spots(planes, world, rng[0], 0.38 * (1 - loose), number, sigma, 0.15, 0.4, 1.6 * f["reach"], 0.0)
    fill(planes, world, rng[1], 1.7 * loose, 0.7, 0.3)


def _early_endosome(planes, world, rng, f):
    loose = sigmoid(-0.1 + f["diffuse"])
    number, sigma = 44 * f["organelle_number"], 0.20 * f["organelle_size"]
    # Some gather where the microtubules begin, beside the nucleus and next to the Golgi; there they crowd and merge.
    gathered = sigmoid(-2.1 + 1.6 * f["sidedness"])
    bound = 0.25 * (1 - loose)
    spots(
        planes, world, rng[0], bound * (1 - gathered), number * (1 - gathered), sigma, 0.40, 0.6, 0.9 * f["reach"], 0.0
    )
    ribbon(planes, world, rng[1], 0.8 * bound * gathered, 1 + 9 * gathered, 0.6, 1.2 * sigma, 0.45, -99.0)
    # The haze is partly endosomes too small to be seen one by one, on tubules, gathered around the nucleus.
    tubules(planes, world, rng[2], 0.8 * loose, f["mesh"], 0.14, 1.2 / f["reach"])
    fill(planes, world, rng[3], 0.5 * loose, 0.6, 0.35)


def _cytosol(planes, world, rng, f):
    fill(planes, world, rng[0], 1.55, sigmoid(0.1 + 0.6 * f["diffuse"]), 0.28)


def _nuclear_envelope(planes, world, rng, f):
    loose = sigmoid(-1.9 + f["diffuse"])
    bound = 3.6 * (1 - loose)
    rim(planes, world, rng[0], bound, 0.13 * f["organelle_size"])
    tubules(planes, world, rng[1], 0.10 * bound, f["mesh"], 0.10, 0.8 / f["reach"])
    fill(planes, world, rng[2], loose, 0.8, 0.25)


PROTEINS = (_er, _imm, _golgi, _peroxisomes, _early_endosome, _cytosol, _nuclear_envelope)
