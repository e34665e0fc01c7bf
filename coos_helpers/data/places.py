"""Where on its plate a well lies, however it is named."""

import re

#: Rows and columns of a plate, by its number of wells.
FORMATS = {96: (8, 12), 384: (16, 24), 1536: (32, 48)}

LETTERS = re.compile(r"(A[A-F]|[A-Z])0?([0-9]{1,2})", re.IGNORECASE)
ROW_COLUMN = re.compile(r"R([0-9]{1,2})C([0-9]{1,2})", re.IGNORECASE)


def plate_format(names, wells=None):
    """Tell from the wells in use how many a plate has.

    Parameters
    ----------
    names : of wells, texts.
    wells : how many there are, if somebody said it: 96, 384 or 1536; ValueError for another number.

    Returns
    -------
    96, 384 or 1536; None where it cannot be told, as wells that do not reach the last row and column of 96 are on
    larger plates, too.
    """
    if wells is not None:
        if wells not in FORMATS:
            raise ValueError(f"found plates of {wells} wells; expected one of {', '.join(map(str, FORMATS))}.")
        return wells
    places = [place for place in map(_lettered, names) if place]
    numbers = [int(name) for name in names if name.isdecimal() and int(name) > 0]
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
    wells : how many the plate has: 96, 384 or 1536; without it, a number says nothing.

    Returns
    -------
    (row, column), each from 0; None where the name tells no place, or one that such a plate has not.
    """
    place = _lettered(name)
    if place is None and wells and name.isdecimal() and 1 <= int(name) <= wells:
        place = divmod(int(name) - 1, FORMATS[wells][1])
    rows, columns = FORMATS[wells or 1536]
    return place if place and place[0] < rows and place[1] < columns else None


def well_name(name, wells=None):
    """Give a well its usual name, such as `A01` for `A1`, `r01c01` and `1`; its own where that tells no place."""
    place = well_place(name, wells)
    return name if place is None else f"{_row(place[0])}{place[1] + 1:02}"


def at_border(name, wells):
    """Tell whether a well lies at the border of a plate of so many wells; False where its name tells no place."""
    place = well_place(name, wells)
    return place is not None and (place[0] in (0, FORMATS[wells][0] - 1) or place[1] in (0, FORMATS[wells][1] - 1))


def _lettered(name):
    """Find row and column in a name that says both."""
    if match := LETTERS.fullmatch(name):
        letters = match[1].upper()
        row = ord(letters[-1]) - ord("A") + 26 * (len(letters) - 1)
        place = (row, int(match[2]) - 1)
    elif match := ROW_COLUMN.fullmatch(name):
        place = (int(match[1]) - 1, int(match[2]) - 1)
    else:
        return None
    return place if min(place) >= 0 and place[0] < 32 and place[1] < 48 else None


def _row(row):
    """Name a row by its letters: A to Z, then AA to AF."""
    return "A" * (row > 25) + chr(ord("A") + row % 26)
