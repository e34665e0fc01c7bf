"""One field becomes crops of its cells: read, its nuclei found, both channels cut out around each, oddities named."""

import json
from hashlib import file_digest
from pathlib import Path
from typing import NamedTuple

import numpy as np

from coos_helpers.bring import segment
from coos_helpers.bring.crops import read_channels
from coos_helpers.bring.fields import read_labels
from coos_helpers.data.errors import DataError
from coos_helpers.data.split import CELL
from coos_helpers.store.files import atomic
from coos_helpers.store.keys import key

EDGE = CELL[1]
SATURATED = 0.01  # share of a field's pixels at its largest value
BLURRED = 0.7  # see `segment.blur`
NEAR = "no nucleus but too near the edge"
NONE = "no nucleus: empty, blurred to nothing, or nothing of its size; or are the channels exchanged?"


class Cropped(NamedTuple):
    """Say what came of one field.

    path: file with its crops. centres: (n, 2) x and y of the nuclei cropped. left_out: those too near the edge.
    shape: (H, W). bits: of its pixels, 8 or 16. warnings: what is odd about it, in words.
    """

    path: Path
    centres: np.ndarray
    left_out: int
    shape: tuple
    bits: int
    warnings: list


def cut(table, field, asked, code, work):
    """Crop one field, or find that it has been done: `Cropped`. The file is named by all that it is made of."""
    try:
        digests = [_digest(file) for file in (*field.files, field.labels) if file]
        path = work / f"{key(files=digests, centres=field.centres, asked=asked, code=code)}.npz"
        seen = None if path.exists() else see(field, **asked)
    except DataError as error:
        file, found, *rest = error.args
        raise table.error(field.row, f"{found} ({file})", *rest) from error
    if seen:
        counts, found, labels = seen
        _check_centres(field, found, counts.shape[:0:-1])
        crops, kept = take(counts, found)
        told = {"left_out": int((~kept).sum()), "shape": counts.shape[1:], "bits": 8 * counts.itemsize}
        if field.labels or labels is None:  # outlines of others need not lie where the light falls off
            labels = segment.segment(counts[1])
        told["warnings"] = warnings_of(counts, labels, len(found), len(crops))
        with atomic(path) as file:
            np.savez(file, images=crops, centres=found[kept], told=json.dumps(told))
    with np.load(path, allow_pickle=False) as kept:
        told = json.loads(str(kept["told"]))
        return Cropped(path, kept["centres"], told["left_out"], tuple(told["shape"]), told["bits"], told["warnings"])


def take(counts, centres):
    """Crop 64 x 64 pixels around each centre, where they all lie in the field.

    Parameters
    ----------
    counts : (2, H, W). centres : (n, 2) x and y in pixels; a centre comes to lie within half a pixel of the crop's.

    Returns
    -------
    crops (m, 2, 64, 64) uint16, and which of the centres have one, (n,) bool.
    """
    corners = np.floor(centres - (EDGE - 1) / 2 + 0.5).astype(int)
    kept = ((corners >= 0) & (corners + EDGE <= counts.shape[:0:-1])).all(1)
    crops = [counts[:, y : y + EDGE, x : x + EDGE] for x, y in corners[kept]]
    return np.array(crops, np.uint16).reshape(-1, *CELL), kept


def warnings_of(counts, labels, nuclei, crops):
    """Name what is odd about a field, in words: it is empty, saturated or blurred to nothing.

    A histogram that ends by itself thins out towards its largest value; one that was cut piles up there.
    """
    odd = []
    if not crops:
        odd.append(NEAR if nuclei else NONE)
    for channel, pixels in zip(("protein", "nucleus"), counts, strict=True):
        many = np.bincount(pixels.ravel())
        below = many[:-1][many[:-1] > 0]
        if not len(below):
            odd.append(f"constant {channel} image")
        elif many[-1] > SATURATED * pixels.size and many[-1] > below[-1]:
            odd.append(f"saturated {channel} image: {many[-1] / pixels.size:.1%} of pixels at {len(many) - 1}")
    if (blur := segment.blur(counts[1], labels)) > BLURRED:
        odd.append(f"blurred: edges of nuclei {blur:.2f} times as wide as their radius")
    return odd


def see(field, options, protein, nucleus):
    """Read a field and find its nuclei: counts (2, H, W), centres (n, 2), labels (H, W) or None."""
    counts = read_channels(field.files, (protein, nucleus))
    if field.centres is not None:
        return counts, field.centres, None
    mask = read_labels(field, counts.shape[1:]) if field.labels else segment.segment(counts[1], options)
    return counts, segment.centres(mask), mask


def _check_centres(field, centres, size):
    """Refuse a centre of the user's that lies outside the field, by the row of its table."""
    outside = np.flatnonzero(((centres < -0.5) | (centres > size)).any(1))
    if len(outside):  # a centroid never does
        path, lines = field.points
        x, y = centres[outside[0]]
        expected = f"a place in the field {field.name}, which has {size[0]} x {size[1]} pixels"
        remedy = "Give x and y in pixels, from 0, x to the right."
        raise DataError(path, f"a centre at x {x:g}, y {y:g} in row {lines[outside[0]]}", expected, remedy)


def _digest(path):
    with open(path, "rb", buffering=0) as file:
        return file_digest(file, "blake2b").hexdigest()
