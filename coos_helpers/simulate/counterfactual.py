"""The same simulated cell under another microscope: pairs of pictures that differ in one cause."""

from coos_helpers.metrics.arguments import REAL, number
from coos_helpers.simulate.conditions import conditions
from coos_helpers.simulate.factors import FACTORS, INDEX, centre_values, shift_sizes, well_effects
from coos_helpers.simulate.layout import SPLITS
from coos_helpers.simulate.sample import choose_cells, split_number

TECHNICAL = tuple(factor.name for factor in FACTORS if factor.kind == "technical")
#: What a technical factor may be. The scene ends 14 um from its middle, and a picture must not reach beyond.
LIMITS = {factor.name: (0.0, 1e5 * factor.centre) for factor in FACTORS if factor.kind == "technical"}
LIMITS |= {"pixel": (0.01, 0.375), "chromatic_x": (-2.0, 2.0), "chromatic_y": (-2.0, 2.0), "focus": (-20.0, 20.0)}
LIMITS |= {"psf": (0.0, 180.0)}  # wider ones take minutes to draw


def specimens(split, cells, seed=0, shift=None, days=1.0):
    """Draw the same cells as `draw`, as scenes that any microscope can still look at.

    Parameters
    ----------
    split, cells, seed, shift, days : as for `draw`.

    Returns
    -------
    list of `experiment.Specimen`, 0.5 MiB each, in the order of `draw`.

    Raises
    ------
    ValueError : an argument that cannot be used.
    """
    from coos_helpers.simulate.experiment import draw_specimen  # here, as it loads the compiler

    under, found = conditions(shift, days), []
    for well, n in choose_cells(split, cells, seed):
        effects = well_effects(seed, well, under.sizes, under.days)
        found += [draw_specimen(seed, well, index, effects, under) for index in range(n)]
    return found


def reimage(specimen, microscope=None):
    """Take a picture of the same scene under other technical conditions: a counterfactual pair.

    The cell, its neighbours, its place in the field and the random numbers of the camera stay the same.

    Parameters
    ----------
    specimen : one of `specimens`.
    microscope : {technical factor: value} in the units of `FACTORS`; what it does not name stays as it was. None takes
        the picture that the file holds. `microscope("test4")` gives a whole one.

    Returns
    -------
    (2, 64, 64) uint16, channel 0 protein, channel 1 nucleus.

    Raises
    ------
    ValueError : a name that is no technical factor, or a value that it cannot have.
    """
    from coos_helpers.simulate.experiment import picture  # here, as it loads the compiler

    if not hasattr(specimen, "scene") or not isinstance(microscope, dict | None):
        given = f"{type(specimen).__name__} and {type(microscope).__name__}"
        raise ValueError(f"found {given}; expected one of `specimens`, and a dict of technical factors or None.")
    for name, value in (microscope or {}).items():
        if name not in TECHNICAL:
            raise ValueError(
                f"found {name!r} in microscope; expected technical factors ({', '.join(TECHNICAL)}). "
                "What is biological is drawn with the scene: use `draw` or `specimens` with a shift."
            )
        number(name, value, *LIMITS[name], REAL)
    return picture(specimen._replace(values={**specimen.values, **(microscope or {})}))


def microscope(split, shift=None):
    """Describe the typical microscope of a split, without effects of days, wells or cells.

    Parameters
    ----------
    split, shift : as for `draw`.

    Returns
    -------
    dict from technical factor to float, in the units of `FACTORS`.

    Raises
    ------
    ValueError : an argument that cannot be used.
    """
    values = centre_values(SPLITS[split_number(split)], shift_sizes(shift))
    return {name: float(values[INDEX[name]]) for name in TECHNICAL}
