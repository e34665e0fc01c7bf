"""Whole simulated fields of view, with the truth of every centre: what `coos crop` is measured on.

A field is composed of the simulator's own cells, each drawn without neighbours: optics is linear, so their light adds
up, and one camera takes the picture. Where cells meet they overlap, in place of the flat contacts of a crowded crop.
"""

import csv
import io
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tifffile
from joblib import cpu_count
from tqdm import tqdm

from coos_helpers.metrics.arguments import number, seed_of
from coos_helpers.simulate.conditions import conditions
from coos_helpers.simulate.factors import INDEX, cell_values, well_effects
from coos_helpers.simulate.layout import CLASS_NAMES, Well
from coos_helpers.simulate.sample import choose_cells, in_order
from coos_helpers.store.files import atomic

_FIELD_KEY = 6  # keeps these generators apart from those of `factors` and `conditions`
TILE = 64  # pixels that the optics exposes at a time
PLACES_PER_UM2 = 22 / 44**2  # where a cell may settle, as many as `cells.draw_cells` tries around the middle cell


class Field(NamedTuple):
    """Hold one field, and the truth about it.

    counts: (2, P, P) uint16, channel 0 the protein, channel 1 the nucleus. centres: (n, 2) float64, x and y of every
    nucleus in pixels, 0 in the middle of the first. radii: (n,) float64, of the nuclei, in pixels. well: `layout.Well`.
    """

    counts: np.ndarray
    centres: np.ndarray
    radii: np.ndarray
    well: Well


def draw_fields(split, fields, seed=0, pixels=2048):
    """Draw fields of a split into memory one after the other, spread over its classes and wells.

    Parameters
    ----------
    split : `train`, `test1` ... `test4`: whose wells, days and microscope.
    fields : how many.
    seed : of the simulation; the same seed gives the same fields.
    pixels : along an edge, 64 to 4096.

    Returns
    -------
    An iterator over `Field`.

    Raises
    ------
    ValueError : an argument that cannot be used.
    """
    seed, pixels = seed_of(seed), number("pixels", pixels, TILE, 4096)
    wells = choose_cells(split, fields, seed)
    tasks = [(seed, well, index, int(pixels)) for well, n in wells for index in range(n)]
    return in_order(draw_field, tasks, cpu_count())


def write_fields(folder, fields, seed=0, pixels=2048, split="train", progress=True):
    """Write simulated fields as a folder that `coos crop` takes: OME-TIFF images, `fields.csv`, and the truth apart.

    Parameters
    ----------
    folder : is made if it was not there.
    fields, seed, pixels, split : as for `draw_fields`.
    progress : whether a progress bar is drawn on stderr.

    Returns
    -------
    The folder as a Path. Its `truth/centres.csv` has a row for each nucleus: field, x, y, radius, in pixels.
    """
    folder, rows, truth = Path(folder), [], []
    drawn = draw_fields(split, fields, seed, pixels)
    for i, field in enumerate(tqdm(drawn, total=fields, desc="simulate", unit=" fields", disable=not progress)):
        name = f"field-{i + 1:03d}"
        content = io.BytesIO()
        axes = {"axes": "CYX", "Channel": {"Name": ["protein", "nucleus"]}, "UUID": f"urn:uuid:{_uuid(seed, i)}"}
        tifffile.imwrite(content, field.counts, ome=True, photometric="minisblack", metadata=axes)
        with atomic(folder / f"{name}.ome.tif") as file:
            file.write(content.getvalue())
        rows.append((f"{name}.ome.tif", name, CLASS_NAMES[field.well.label], field.well.plate_name, field.well.name))
        truth += [(name, *centre, radius) for centre, radius in zip(field.centres.round(3), field.radii, strict=True)]
    _write_table(folder / "truth" / "centres.csv", ("field", "x", "y", "radius"), truth)
    _write_table(folder / "fields.csv", ("image", "field", "class", "plate", "well"), rows)
    return folder


def draw_field(seed, well, index, pixels):
    """Draw field `index` of a well, `pixels` along an edge, as `Field`."""
    # They load the compiler, and arguments are checked without it.
    from coos_helpers.simulate.camera import read_out  # here for that
    from coos_helpers.simulate.streams import child, stream  # here for that

    key = (seed, _FIELD_KEY, well.split, well.plate, well.position, index)
    effects = well_effects(seed, well, conditions().sizes)
    rng = np.random.default_rng(key)
    values = cell_values(effects, rng)  # the field's own, of which the technical ones are used
    f = {name: values[i] for name, i in INDEX.items()}
    light, centres, radii = _light(key, well.label, effects, f, pixels, rng)
    counts = np.empty((2, pixels, pixels), np.uint16)
    edge = np.linspace(-1, 1, pixels)
    shade = (1 / (1 + f["falloff"] * 0.5 * (edge**2 + edge[:, None] ** 2))).astype(np.float32)
    for channel, x, y in ((0, 0.0, 0.0), (1, f["chromatic_x"], f["chromatic_y"])):
        photons = _expose(light[channel], pixels, f, x, y) * shade
        camera = (f[name] for name in ("efficiency", "gain", "offset", "read_noise", "hot"))
        counts[channel] = read_out(photons, child(stream(*key), channel), *camera)
    inside = ((centres > -0.5) & (centres < pixels - 0.5)).all(1)
    return Field(counts, centres[inside], radii[inside], well)


def _light(key, label, effects, f, pixels, rng):
    """Add up the light of all cells, (2, S, S) float32 with a margin for a tile; give their centres and radii, too."""
    from coos_helpers.simulate.cells import NUCLEUS_RADIUS, NUCLEUS_X, NUCLEUS_Y, draw_cells  # here as above
    from coos_helpers.simulate.experiment import DYE_TO_PROTEIN  # here as above
    from coos_helpers.simulate.grid import HALF, SIZE, STEP  # here as above
    from coos_helpers.simulate.optics import collect  # here as above
    from coos_helpers.simulate.scene import draw_scene  # here as above
    from coos_helpers.simulate.streams import child, stream  # here as above

    length = pixels * f["pixel"]  # um; the field's first pixel begins at 0
    light = np.zeros((2, *2 * [math.ceil(length / STEP) + 2 * SIZE]), np.float32)
    centres, radii = [], []
    for cell, (x, y, values) in enumerate(_settle(key, effects, f, length, HALF, rng)):
        own = stream(*key, cell)
        scene = draw_scene(label, values, own)
        shape = (values[INDEX[name]] for name in ("cell_radius", "elongation", "nucleus_radius", "crowding"))
        middle = draw_cells(child(own, 0), *shape)[0]
        column, row = round((x - HALF) / STEP) + SIZE, round((y - HALF) / STEP) + SIZE
        for channel, (planes, psf) in enumerate(((scene.protein, 1.0), (scene.nucleus, DYE_TO_PROTEIN))):
            seen = collect(planes, values[INDEX["focus"]], f["psf"] * psf, f["leak"])
            light[channel, row : row + SIZE, column : column + SIZE] += seen
        origin = np.array([column, row]) * STEP + HALF - SIZE * STEP  # where the scene's middle came to lie, in um
        centres.append((origin + middle[[NUCLEUS_X, NUCLEUS_Y]]) / f["pixel"] - 0.5)
        radii.append(middle[NUCLEUS_RADIUS] / f["pixel"])
    light[0] += f["crosstalk"] * light[1]
    return light, np.array(centres).reshape(-1, 2), np.round(np.array(radii), 3)


def _settle(key, effects, f, length, margin, rng):
    """Let cells settle in and just around a field where there is room: x and y in um, and (F,) values of each."""
    alone = INDEX["crowding"]
    settled = np.empty((0, 4))
    for place in range(int(PLACES_PER_UM2 * f["crowding"] * (length + 2 * margin) ** 2)):
        x, y = rng.uniform(-margin, length + margin, 2)
        values = cell_values(effects, np.random.default_rng((*key, place)))
        values[alone] = 1e-9  # no neighbours in its scene
        radius, nucleus = 1.1 * values[INDEX["cell_radius"]], 1.14 * values[INDEX["nucleus_radius"]]
        apart = np.hypot(settled[:, 0] - x, settled[:, 1] - y)
        if (apart >= np.maximum(0.72 * (settled[:, 2] + radius), 1.15 * (settled[:, 3] + nucleus) + 1)).all():
            settled = np.vstack([settled, (x, y, radius, nucleus)])
            yield x, y, values


def _expose(light, pixels, f, shift_x, shift_y):
    """Gather light in the camera's pixels, tile by tile: (P, P) float32 photons, without the falloff."""
    from coos_helpers.simulate.grid import HALF, SIZE, STEP  # here as above
    from coos_helpers.simulate.optics import expose  # here as above

    out = np.empty((pixels, pixels), np.float32)
    starts = [min(start, pixels - TILE) for start in range(0, pixels, TILE)]
    for top in starts:
        for left in starts:
            # Where a tile's middle lies, in um from the first sample; a window of the scene's size is cut around it.
            y, x = ((start + TILE / 2) * f["pixel"] + SIZE * STEP for start in (top, left))
            row, column = (math.floor((middle - HALF) / STEP) for middle in (y, x))
            window = np.ascontiguousarray(light[row : row + SIZE, column : column + SIZE])
            moved = (HALF + column * STEP - x + shift_x, HALF + row * STEP - y + shift_y)
            photons = expose(window, f["pixel"], *moved, f["exposure"], f["background"], 0.0, 0.0, 0.0)
            out[top : top + TILE, left : left + TILE] = photons
    return out


def _uuid(seed, index):
    """Name a file for OME, which would else be named at random."""
    return f"00000000-0000-4000-{index % 2**16:04x}-{seed % 2**48:012x}"


def _write_table(path, names, rows):
    """Write a table as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([names, *rows])
    with atomic(path) as file:
        file.write(text.getvalue().encode())
