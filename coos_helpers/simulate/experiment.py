"""One cell from first to last: its factors, its scene, and the picture that the microscope takes of it."""

from typing import NamedTuple

import numpy as np

from coos_helpers.simulate.camera import read_out
from coos_helpers.simulate.conditions import classes_of
from coos_helpers.simulate.factors import INDEX, cell_generator, cell_values
from coos_helpers.simulate.optics import collect, expose
from coos_helpers.simulate.scene import Scene, draw_scene
from coos_helpers.simulate.streams import child, stream

# A dye that is seen at longer wavelengths than the protein has a wider PSF: about 680 to 530 nm.
DYE_TO_PROTEIN = 1.28
SCENE_KEY, NOISE_KEY = 1, 2  # the two streams of a cell


def take_picture(scene, values, field, rng):
    """Image a scene.

    scene: Scene. values: (F,) factor values, of which only the technical ones are read. field: (x, y), the
    crop's place in the camera's field, each -1 to 1. rng: stream of the noise. Returns (2, 64, 64) uint16,
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
        counts[channel] = read_out(
            photons, child(rng, channel), f["efficiency"], f["gain"], f["offset"], f["read_noise"], f["hot"]
        )
    return counts


class Specimen(NamedTuple):
    """One cell on the plate, and how its picture was taken: all that a picture needs.

    label, plate, well: as in the files. true_class: the class of the cell, whatever its label says. values: {factor:
    value} in the units of `FACTORS`. field: (x, y), the crop's place in the camera's field, each -1 to 1. scene: Scene.
    key: the integers that name the cell.
    """

    label: int
    true_class: int
    plate: str
    well: str
    values: dict
    field: tuple
    scene: Scene
    key: tuple


def draw_specimen(seed, well, index, effects, under):
    """Draw one cell of a well, before any picture of it is taken.

    seed: the run's. well: `layout.Well`. index: of the cell in its well and split. effects: (F,) of its well, from
    `factors.well_effects`. under: Conditions, of which only those about classes are read. Returns a Specimen.
    """
    key = (seed, well.split, well.plate, well.position, index)
    rng = cell_generator(*key)
    values = cell_values(effects, rng)
    field = tuple(float(x) for x in 2 * rng.random(2) - 1)
    true_class, label = classes_of(seed, well, index, under)
    scene = draw_scene(true_class, values, stream(*key, SCENE_KEY))
    named = {name: float(values[i]) for name, i in INDEX.items()}
    return Specimen(label, true_class, well.plate_name, well.name, named, field, scene, key)


def picture(specimen):
    """Take a specimen's picture as it was taken for the files, (2, 64, 64) uint16."""
    values = np.array(list(specimen.values.values()))
    return take_picture(specimen.scene, values, specimen.field, stream(*specimen.key, NOISE_KEY))
