"""What a method was allowed to see of the cells that it is tested on: one short list for scores, board and methods."""

from typing import NamedTuple


class Access(NamedTuple):
    """Hold one level of access: its number, its short code, and what it says of the test cells."""

    level: int
    code: str
    words: str


#: From nothing to everything. The last one gives a bound and no method that could be used on cells without labels.
LEVELS = (
    Access(0, "nothing", "nothing of a test set"),
    Access(1, "image", "one image at a time"),
    Access(2, "well", "the unlabelled well"),
    Access(3, "plate", "the unlabelled plate"),
    Access(4, "set", "the unlabelled test set"),
    Access(5, "labels", "labels"),
)


def access(sees):
    """Find the level that a code such as `well`, its words or its number names.

    Parameters
    ----------
    sees : `nothing` (fitted before any test cell was seen), `image` (may adapt to the cell at hand), `well`, `plate` or
        `set` (looked at that many test cells together, without labels) or `labels` (of test cells).

    Returns
    -------
    Access

    Raises
    ------
    ValueError : it names none of them.
    """
    for one in LEVELS:
        if sees in (one.code, one.words) or (type(sees) is int and sees == one.level):
            return one
    known = "; ".join(f"{one.code} ({one.words})" for one in LEVELS)
    raise ValueError(f"sees: found {sees!r:.80}; expected what the method saw of the test cells, one of {known}.")
