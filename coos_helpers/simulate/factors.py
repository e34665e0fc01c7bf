"""The named causes by which cells and pictures differ, and the experiment that draws their values.

Every factor has a centre and random effects at three levels: day (one plate is one day), well and cell. What
makes one part of the release unlike another are three fixed displacements: `border` (a well at the plate's
edge dries and warms, Caicedo et al. 2017), `later` (months of drift between the training plates and those of
test3) and `abroad` (test4: another laboratory with another microscope). Nothing else tells a split from
another, and no effect knows the class. The sizes are plausible choices, not measurements; they
were adjusted until the paper's qualitative findings (section 3.3) arose from them, and never towards its numbers.

The story behind them. Later: the cell line has aged in culture. It is larger and flatter, keeps less of the protein
where it belongs (`diffuse`), has fewer and scattered organelles; the autofocus has drifted and the lamp has dimmed.
Abroad: another serum and another density gather what hangs on microtubules beside the nucleus (`sidedness`, `reach`);
the microscope has a slightly wider PSF, a shorter exposure and a camera with other noise, gain and offset.
"""

from typing import NamedTuple

import numpy as np

from coos_helpers.metrics.arguments import REAL, number
from coos_helpers.simulate.layout import SPLITS


class Factor(NamedTuple):
    """Describe one named cause of variation.

    Parameters
    ----------
    name, unit : such as `focus` and `um`.
    scale : "log" (effects multiply by exp(effect)) or "add" (effects are added, in the unit).
    centre : the value where all effects are 0.
    day, well, cell : standard deviations of the random effects.
    border, later, abroad : fixed displacements.
    meaning : what the factor does, for the file and the book.
    kind : "biological" (what the cell is) or "technical" (how its picture was taken).
    """

    name: str
    unit: str
    scale: str
    centre: float
    day: float
    well: float
    cell: float
    border: float
    later: float
    abroad: float
    meaning: str
    kind: str


_BIOLOGICAL = (
    ("cell_radius", "um", "log", 10.0, 0.02, 0.02, 0.11, 0.01, 0.04, -0.05, "radius of the cell's outline"),
    ("elongation", "1", "log", 1.25, 0.02, 0.02, 0.15, 0.01, 0.04, -0.02, "long by short axis of the cell"),
    ("nucleus_radius", "um", "log", 4.8, 0.01, 0.01, 0.07, 0.0, 0.01, -0.01, "nuclear radius after division"),
    ("crowding", "1", "log", 1.0, 0.10, 0.10, 0.30, -0.10, 0.15, -0.10, "relative number of neighbours"),
    ("expression", "1", "log", 1.0, 0.12, 0.20, 0.70, -0.05, -0.15, 0.15, "relative amount of the protein"),
    ("diffuse", "logit", "add", 0.0, 0.15, 0.07, 0.70, 0.05, 0.50, -0.30, "log odds of protein off its place"),
    ("organelle_number", "1", "log", 1.0, 0.08, 0.06, 0.30, -0.03, -0.20, -0.05, "relative organelle number"),
    ("organelle_size", "1", "log", 1.0, 0.04, 0.03, 0.15, 0.0, 0.06, 0.06, "relative organelle width"),
    ("mesh", "um", "log", 1.15, 0.05, 0.03, 0.12, 0.0, 0.08, -0.06, "spacing of the ER's tubules"),
    ("reach", "1", "log", 1.0, 0.06, 0.05, 0.22, -0.02, -0.04, -0.15, "how far from the nucleus organelles lie"),
    ("sidedness", "logit", "add", 0.0, 0.12, 0.07, 0.80, 0.03, -0.40, 1.00, "gathering on one nuclear side"),
    ("length", "1", "log", 1.0, 0.06, 0.05, 0.25, -0.04, -0.12, -0.08, "relative length of threads, ribbons"),
    ("stain", "1", "log", 1.0, 0.04, 0.05, 0.20, 0.0, 0.08, -0.10, "relative nuclear dye"),
    ("chromatin", "1", "log", 1.0, 0.03, 0.03, 0.20, 0.0, 0.10, 0.05, "relative contrast of the chromatin"),
)
_TECHNICAL = (
    ("focus", "um", "add", 0.0, 0.10, 0.07, 0.30, 0.05, 0.35, 0.05, "distance of the cell from the focal plane"),
    ("psf", "um", "log", 0.18, 0.02, 0.01, 0.01, 0.0, 0.04, 0.15, "deviation of the PSF in focus"),
    ("leak", "1", "log", 0.10, 0.06, 0.05, 0.15, 0.03, 0.25, 0.25, "light from above and below past the disk"),
    ("exposure", "1", "log", 1.0, 0.05, 0.03, 0.0, 0.0, -0.12, -0.20, "relative light times exposure time"),
    ("background", "photon", "log", 14.0, 0.07, 0.06, 0.12, 0.03, 0.20, 0.30, "medium and plastic, at exposure 1"),
    ("falloff", "1", "log", 0.18, 0.08, 0.0, 0.0, 0.0, 0.10, 0.40, "light in the field's middle over corner, less 1"),
    ("crosstalk", "1", "log", 0.02, 0.10, 0.0, 0.0, 0.0, 0.15, 0.60, "nuclear dye seen in the protein channel"),
    ("chromatic_x", "um", "add", 0.06, 0.03, 0.0, 0.0, 0.0, 0.0, -0.10, "shift of channel 1 to the right"),
    ("chromatic_y", "um", "add", -0.04, 0.03, 0.0, 0.0, 0.0, 0.0, 0.12, "shift of channel 1 downwards"),
    ("pixel", "um", "log", 0.323, 0.0, 0.0, 0.0, 0.0, 0.0, -0.06, "edge of a camera pixel in the cell"),
    ("efficiency", "electron/photon", "log", 0.65, 0.0, 0.0, 0.0, 0.0, 0.0, -0.10, "quantum efficiency"),
    ("gain", "count/electron", "log", 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.35, "counts per electron"),
    ("offset", "count", "add", 100.0, 1.5, 0.0, 0.0, 0.0, 2.0, 40.0, "counts without light"),
    ("read_noise", "electron", "log", 6.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.35, "deviation of the read-out"),
    ("hot", "1", "log", 6e-6, 0.0, 0.0, 0.0, 0.0, 0.3, 0.5, "chance that a pixel is hot"),
)
#: Every cause by which simulated cells and their pictures differ, a `Factor` each.
FACTORS = tuple(
    Factor(*row, kind) for kind, rows in (("biological", _BIOLOGICAL), ("technical", _TECHNICAL)) for row in rows
)
NAMES = tuple(factor.name for factor in FACTORS)
INDEX = {name: i for i, name in enumerate(NAMES)}
_CENTRE, _DAY, _WELL, _CELL, _BORDER, _LATER, _ABROAD = (
    np.array([getattr(factor, level) for factor in FACTORS])
    for level in ("centre", "day", "well", "cell", "border", "later", "abroad")
)
_LOG = np.array([factor.scale == "log" for factor in FACTORS])
_DAY_KEY, _WELL_KEY, _CELL_KEY = 1, 2, 3  # keep the generators of the three levels apart


def shift_sizes(shift):
    """Give the size of each factor's shift: what `shift` names, 1 for every other factor.

    Parameters
    ----------
    shift : {factor name: size of its displacement}, one number for all, or None for 1 everywhere. A size is from -2
        to 16: beyond, a picture would reach out of what is drawn.

    Returns
    -------
    (F,) float64, in the order of `FACTORS`.

    Raises
    ------
    ValueError : an unknown factor, or no such size.
    """
    sizes = np.ones(len(FACTORS))
    if shift is not None and not isinstance(shift, dict):
        shift = dict.fromkeys(NAMES, shift)
    for name, size in (shift or {}).items():
        if name not in INDEX:
            raise ValueError(f"shift names {name!r}, which is no factor; the factors are {', '.join(NAMES)}")
        sizes[INDEX[name]] = number(f"shift of {name}", size, -2, 16, REAL)
    return sizes


def well_effects(seed, well, sizes, days=1.0):
    """Draw what all cells of one well share: its day's effects, its own, and the displacements it is under.

    seed: the run's. well: `layout.Well`. sizes: (F,) from `shift_sizes`: at 0 a factor's displacements are gone, at 1
    they are as in `FACTORS`, beyond 1 they go on in that direction. days: 0 puts the well on its home plate's day, one
    of training's, 1 on its own. Returns (F,) float64 in the factors' own scales (logarithms where `scale` is "log").
    """
    split = SPLITS[well.split]
    home, day, own = (
        np.random.default_rng([seed, *key]).standard_normal(len(FACTORS))
        for key in ((_DAY_KEY, well.home), (_DAY_KEY, well.plate), (_WELL_KEY, well.plate, well.position))
    )
    displaced = _displacement(split, well.border)
    return _DAY * (home + days * (day - home)) + sizes * displaced + _WELL * own


def centre_values(split, sizes):
    """Return each factor's value where every random effect is 0, (F,) float64 in the units of `FACTORS`.

    split: name in SPLITS. sizes: from `shift_sizes`.
    """
    return _values(sizes * _displacement(split, split == "test2"))


def _displacement(split, border):
    return border * _BORDER + (split == "test3") * _LATER + (split == "test4") * _ABROAD


def _values(effects):
    return np.where(_LOG, _CENTRE * np.exp(np.where(_LOG, effects, 0.0)), _CENTRE + effects)


def cell_values(effects, rng):
    """Draw one cell's factor values.

    effects: (F,) from `well_effects`. rng: the cell's own generator. Returns (F,) float64 in the units of
    `FACTORS`.
    """
    return _values(effects + _CELL * rng.standard_normal(len(FACTORS)))


def cell_generator(seed, split, plate, position, index):
    """Return the generator of one cell, the same whatever is drawn before, beside or after it."""
    return np.random.default_rng([seed, _CELL_KEY, split, plate, position, index])
