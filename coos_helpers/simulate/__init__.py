"""Simulated cells: a release in COOS-7's format, drawn by a physical model whose every cause is known.

An experiment (`factors`, `layout`) decides what each cell and its picture are like; `cells`, `organelles` and `scene` draw
what is on the plate in micrometres; `optics` and `camera` turn it into photons and counts; `experiment` joins them for
one cell, and `release` writes the files.
"""

from coos_helpers.simulate.release import simulate

__all__ = ["simulate"]
