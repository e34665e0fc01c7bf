"""Names of files that hold what is known of their images, read by a pattern as a table is."""

import re
from collections import Counter

from coos_helpers.data.errors import DataError, is_folder
from coos_helpers.data.tiff import entries
from coos_helpers.data.validate import LONGEST


def read_names(folder, pattern):
    """Read the names of files below a folder as a table.

    Parameters
    ----------
    folder : it, and the folders in it, hold the images.
    pattern : regular expression with named groups, as for `table.read_table`.

    Returns
    -------
    columns : dict from a group's name, in small letters, to R texts; and from `image`, or each channel, to R paths.
    lines : 1 to R. passed_over : names of images that do not match.

    Raises
    ------
    DataError : the pattern is no regular expression, matches no name, or does not tell two files apart.
    """
    try:
        form = re.compile(pattern)
    except re.error as error:
        raise DataError(folder, f"the pattern {pattern!r} ({error})", "a regular expression", "Mend it.") from error
    if not is_folder(folder, "a folder of images", "Check the path."):
        raise DataError(folder, "a file", "a folder of images, whose names a pattern reads", "Name the folder.")
    matches = {name: form.fullmatch(name) for name in _names(folder)}
    found = [(name, match) for name, match in matches.items() if match]
    if not found:
        first = next(iter(matches), "no file")
        raise DataError(folder, f"no name like {pattern!r} ({short(first)})", "names that match it", "Mend it.")
    cells, groups = {}, [name for name in form.groupindex if name != "channel"]
    for name, match in found:
        channel = match["channel"].lower() if "channel" in form.groupindex else "image"
        key = tuple((match[group] or "").strip(" ") for group in groups) + (() if channel != "image" else (name,))
        if channel in (cell := cells.setdefault(key, {})):
            both = f"{cell[channel]} and {name} as the {channel} of one cell"
            raise DataError(folder, both, "one file", "Let a group of the pattern tell them apart.")
        cell[channel] = name
    channels = Counter(channel for cell in cells.values() for channel in cell)
    columns = {group.lower(): [key[at] for key in cells] for at, group in enumerate(groups)}
    columns |= {channel: [cell.get(channel, "") for cell in cells.values()] for channel in sorted(channels)}
    images = [name for name, match in matches.items() if not match and name.lower().endswith((".png", ".tif", ".tiff"))]
    return columns, list(range(1, len(cells) + 1)), images


def _names(folder):
    """Walk through the files below a folder, in the same order everywhere: paths with `/`, but no hidden ones."""
    for path in entries(folder):
        if not path.name.startswith("."):
            inside = _names(path) if path.is_dir() else [""]
            yield from (f"{path.name}/{name}".rstrip("/") for name in inside)


def short(text):
    """Show a text from a file in a message: not too long, and with a code for what is not seen."""
    seen = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:LONGEST])
    return f"`{''.join(seen)}`"
