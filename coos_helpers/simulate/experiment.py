"""One cell from first to last: its factors, its scene, and the picture that the microscope takes of it."""

import numpy as np

from coos_helpers.simulate.camera import read_out
from coos_helpers.simulate.factors import INDEX, cell_generator, cell_values
from coos_helpers.simulate.optics import collect, expose
from coos_helpers.simulate.scene import draw_scene

# A dye that is seen at longer wavelengths than the protein has a wider PSF: about 680 to 530 nm.
DYE_TO_PROTEIN = 1.28


def take_picture(scene, values, field, rng):
    """Image a scene.

    scene: Scene. values: (F,) factor values, of which only the technical ones are read. field: (x, y), the
    crop's place in the camera's field, each -1 to 1. rng: generator of the noise. Returns (2, 64, 64) uint16,
    channel 0 the protein, channel 1 the nucleus. The same scene with other values is the same cell under
    another microscope.
    """
    f = {name: values[i] for name, i in INDEX.items()}
    protein = collect(scene.protein, f["focus"], f["psf"], f["leak"])
    nucleus = collect(scene.nucleus, f["focus"], f["psf"] * DYE_TO_PROTEIN, f["leak"])
    protein += f["crosstalk"] * nucleus
    counts = np.empty((2, 64, 64), np.uint16)
    for channel, light, x, y in ((0, protein, 0.0, 0.0), (1, nucleus, f["chromatic_x"], f["chromatic_y"])):
        photons = expose(light, f["pixel"], x, y, f["exposure"], f["background"], f["falloff"], field[0], field[1])
        counts[channel] = read_out(photons, rng, f["efficiency"], f["gain"], f["offset"], f["read_noise"], f["hot"])
    return counts


def draw_cell(seed, split, label, plate, position, index, effects):
    """Draw and image one cell.

    seed, split, plate, position, index: integers that name the cell. label: class, 0 to 6. effects: (F,) of
    its well. Returns (counts (2, 64, 64) uint16, values (F,) float64, more (3,): cell cycle and place in the
    field).
    """
    rng = cell_generator(seed, split, plate, position, index)
    values = cell_values(effects, rng)
    field = 2 * rng.random(2) - 1
    scene = draw_scene(label, values, rng)
    return take_picture(scene, values, field, rng), values, (scene.cycle, *field)
