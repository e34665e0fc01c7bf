"""Where on its plate a well lies, however it is named."""

import re

#: Rows and columns of a plate, by its number of wells.
FORMATS = {96: (8, 12), 384: (16, 24)}

LETTERS = re.compile(r"([A-Z])0?([0-9]{1,2})", re.IGNORECASE)
ROW_COLUMN = re.compile(r"R([0-9]{1,2})C([0-9]{1,2})", re.IGNORECASE)


def plate_format(names, wells=None, plates=()):
    """Tell from the wells in use how many a plate has.

    Parameters
    ----------
    names : of wells, texts; one may come again.
    wells : how many there are, if somebody said it: 96 or 384.
    plates : names of the wells' plates, where they are known.

    Returns
    -------
    96 or 384; None where it cannot be told, as wells that do not reach the last row and column of 96 are on larger
    plates, too.

    Raises
    ------
    ValueError : `wells` is another number, or a well lies off such a plate; or plates are not of one kind.
    """
    if wells is not None:
        if wells not in FORMATS:
            raise ValueError(f"found plates of {wells} wells; expected {' or '.join(map(str, FORMATS))}.")
        on = {name: well_place(name, wells) for name in names if _lettered(name) or name.isdecimal()}
        if off := [name for name, place in on.items() if not place]:
            last = well_name(str(wells), wells)
            raise ValueError(
                f"found the well {off[0]!r}; expected A01 to {last} of {wells} wells. Mend the name, or --wells."
            )
        return wells
    of_plate = {}
    for plate, name in zip(plates, names, strict=False):
        of_plate.setdefault(plate, set()).add(name)
    kinds = {kind: plate for plate, its in of_plate.items() if (kind := plate_format(its))}
    if len(kinds) > 1:
        found = " and ".join(f"of {kind} wells (such as {plate!r})" for kind, plate in sorted(kinds.items()))
        raise ValueError(
            f"found plates {found}; expected one kind. Say which with --wells, or take each kind by itself."
        )
    names = set(names)
    places = [place for place in map(_lettered, names) if place]
    numbers = [int(name) for name in names if name.isdecimal()]
    last = [max((place[axis] for place in places), default=-1) for axis in (0, 1)]
    for wells, (rows, columns) in FORMATS.items():
        if last[0] < rows and last[1] < columns and max(numbers, default=0) <= wells:
            reaches = last == [rows - 1, columns - 1] or wells in numbers
            return wells if wells > 96 or reaches else None
    return None


def well_place(name, wells=None):
    """Find a well's row and column.

    Parameters
    ----------
    name : row and column, as `A1`, `A01` or `r01c01`; or a number from 1, counted along the rows.
    wells : how many the plate has: 96 or 384; without it, a number says nothing.

    Returns
    -------
    (row, column), each from 0; None where the name tells no place, or one that such a plate has not.
    """
    place = _lettered(name)
    if place is None and wells and name.isdecimal() and 1 <= int(name) <= wells:
        place = divmod(int(name) - 1, FORMATS[wells][1])
    rows, columns = FORMATS[wells or 384]
    return place if place and place[0] < rows and place[1] < columns else None


def well_name(name, wells=None):
    """Give a well its usual name, such as `A01` for `A1`, `r01c01` and `1`; its own where that tells no place."""
    place = well_place(name, wells)
    return name if place is None else f"{chr(ord('A') + place[0])}{place[1] + 1:02}"


def at_border(name, wells):
    """Tell whether a well lies at the border of a plate of so many wells; False where its name tells no place."""
    place = well_place(name, wells)
    return place is not None and (place[0] in (0, FORMATS[wells][0] - 1) or place[1] in (0, FORMATS[wells][1] - 1))


def _lettered(name):
    """Find row and column in a name that says both."""
    if match := LETTERS.fullmatch(name):
        place = (ord(match[1].upper()) - ord("A"), int(match[2]) - 1)
    elif match := ROW_COLUMN.fullmatch(name):
        place = (int(match[1]) - 1, int(match[2]) - 1)
    else:
        return None
    return place if min(place) >= 0 else None
