"""Simulated cells: a release in COOS-7's format, drawn by a physical model whose every cause is known.

An experiment (`layout`, `factors`) decides what each cell and its picture are like; `cells`, `compartments`,
`organelles` and `scene` draw what is on the plate in micrometres; `optics` and `camera` turn it into photons and
counts; `experiment` joins them for one cell, `sample` draws some cells into memory, `counterfactual` takes a cell's
picture again, `release` writes the files, `fields` draws whole fields of view. `grid`, `streams` and `kernels` hold
what the drawing stands on.
"""

from coos_helpers.simulate.counterfactual import microscope, reimage, specimens
from coos_helpers.simulate.factors import FACTORS
from coos_helpers.simulate.release import VERSION, simulate
from coos_helpers.simulate.sample import Drawn, draw
