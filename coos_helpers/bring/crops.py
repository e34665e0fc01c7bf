"""Images of single cells, of whatever size and channels, become images as a release has them."""

from functools import partial
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from coos_helpers.bring.images import channel_index, read_image
from coos_helpers.data.errors import DataError
from coos_helpers.data.split import CELL

SIDE = CELL[-1]

CHOOSE = "Say which are which with --protein and --nucleus, by number from 1 or by name."


class Look(NamedTuple):
    """Hold what a look at every image found: counts of cells, and a `digest` of all their pixels.

    `channels` is 1 or 2; `cut` and `padded` count cells larger and smaller than 64 x 64 pixels (a cell may be both),
    `eight_bit` those of 8 bits a pixel; `smallest` and `largest` are (rows, columns).
    """

    channels: int
    cut: int
    padded: int
    eight_bit: int
    smallest: tuple
    largest: tuple
    digest: str


def look(table, files, wanted, progress=True):
    """Read every image once, so that nothing is written before all can be.

    Parameters
    ----------
    table : `Table` of R rows. files : R tuples of one path, or of two: protein and nucleus.
    wanted : the channels of protein and nucleus, texts or None, as for `read_channels`.
    progress : whether a progress bar is drawn on stderr.

    Returns
    -------
    Look

    Raises
    ------
    DataError : an image cannot be read, or has other channels than the first, with the row's number.
    """
    shapes, bits, digest = np.empty((len(table), 3), int), np.empty(len(table), int), blake2b(digest_size=16)
    for row, paths in enumerate(tqdm(files, "look at images", unit=" cells", disable=not progress, leave=False)):
        try:
            channels = read_channels(paths, wanted)
        except DataError as error:
            path, found, expected, remedy = error.args
            raise table.error(row, f"{found}, as {path.name},", expected, remedy) from error
        shapes[row], bits[row] = channels.shape, 8 * channels.itemsize
        if shapes[row, 0] != shapes[0, 0]:
            found = f"{shapes[row, 0]} channel(s), as {paths[0].name},"
            remedy = "Import images of one channel by themselves."
            raise table.error(row, found, f"{shapes[0, 0]} as in row {table.lines[0]}", remedy)
        digest.update(repr(channels.shape).encode() + channels.astype("<u2").tobytes())
    sizes = shapes[:, 1:]
    cut, padded = (int(other.any(1).sum()) for other in (sizes > SIDE, sizes < SIDE))
    extremes = (tuple(map(int, end(sizes, axis=0))) for end in (np.min, np.max))
    return Look(int(shapes[0, 0]), cut, padded, int((bits == 8).sum()), *extremes, digest.hexdigest())


def reader(files, wanted):
    """Give what `write_release` asks for: a function from indices (n,) to images (n, 2, 64, 64) uint16."""
    return partial(_read_cells, files, wanted)


def _read_cells(files, wanted, indices):
    """Read cells; where there is one channel, the second is zero."""
    images = np.zeros((len(indices), *CELL), np.uint16)
    for image, index in zip(images, indices.tolist(), strict=True):
        channels = fit(read_channels(files[index], wanted))
        image[: len(channels)] = channels
    return images


def read_channels(paths, wanted):
    """Read one cell's channels as they are.

    Parameters
    ----------
    paths : one file with all channels, or two: protein and nucleus.
    wanted : (protein, nucleus): which channel is which, by number from 1 or name, as texts. Where both are None, a file
        for each has one channel, and one file for both has one or two, the protein first.

    Returns
    -------
    (1, H, W) or (2, H, W) uint8 or uint16.

    Raises
    ------
    DataError : an image cannot be read, or does not say which of its channels is meant.
    """
    if len(paths) == 1:
        counts, names = read_image(paths[0])
        if (len(counts) > 2 and None in wanted) or (any(wanted) and None in wanted[: len(counts)]):
            have = ", ".join(f"{number} {name}".rstrip() for number, name in enumerate(names, 1))
            raise DataError(paths[0], f"{len(counts)} channels ({have})", "to know protein and nucleus", CHOOSE)
        indices = [channel_index(paths[0], names, text) for text in wanted if text is not None] or range(len(counts))
        picked = [(paths[0], index, counts[index]) for index in indices]
    else:
        picked = []
        for path, text in zip(paths, wanted, strict=True):
            counts, names = read_image(path)
            if text is None and len(counts) > 1:
                raise DataError(path, f"{len(counts)} channels", "one, or to know which", CHOOSE)
            index = 0 if text is None else channel_index(path, names, text)
            picked.append((path.resolve(), index, counts[index]))
    if len({one[:2] for one in picked}) < len(picked):
        raise DataError(paths[0], f"channel {picked[0][1] + 1} as protein and as nucleus", "two channels", CHOOSE)
    channels = [one[2] for one in picked]
    if len({(channel.shape, channel.dtype) for channel in channels}) > 1:
        found = " and ".join(f"{c.shape[0]} x {c.shape[1]} pixels of {8 * c.itemsize} bits" for c in channels)
        raise DataError(paths[0], f"{found} as protein and nucleus", "both alike", "Export them in the same way.")
    return np.stack(channels)


def fit(channels):
    """Cut or pad channels (C, H, W) around their centre to (C, 64, 64).

    What is padded gets the median of the channel's outermost pixels. That is the ground beside the cell, or the zero
    of a mask; it lies between the darkest and the brightest pixel, so that rescaling between them stays the same. A
    mirrored edge would show a second cell, zero would be darker than any camera's dark frame.
    """
    for axis in (1, 2):
        start = max(0, channels.shape[axis] - SIDE) // 2
        channels = channels.take(range(start, start + min(SIDE, channels.shape[axis])), axis)
    (top, left) = ((SIDE - size) // 2 for size in channels.shape[1:])
    fitted = np.empty((len(channels), SIDE, SIDE), channels.dtype)
    for place, channel in zip(fitted, channels, strict=True):
        ring = np.ones(channel.shape, bool)
        ring[1:-1, 1:-1] = False
        place[:] = np.median(channel[ring])
        place[top : top + channel.shape[0], left : left + channel.shape[1]] = channel
    return fitted
