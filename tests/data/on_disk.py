"""What the tests of data share: splits written by hand, right and wrong, and how a refusal is read."""

import re
import warnings

import numpy as np
import pytest
import tifffile

from coos_helpers.data import DataError, open_split

#: Cells in a file that is refused.
N = 14

WHOLE = re.compile(r"^(?P<path>.+?): found (?P<found>.+); expected (?P<expected>.+)\. (?P<remedy>[A-Z].+\.)$")


def read(path):
    """Open a split and read all of it, as everything that comes after does."""
    split = open_split(path)
    images = split.images[:]
    assert images.shape == (len(split.labels), 2, 64, 64) and images.dtype == np.uint16
    assert split.labels.dtype == np.int64 and split.labels.min() >= 0
    assert split.labels.max() < len(split.class_names)
    for values in (split.plate, split.well):
        assert values is None or values.shape == split.labels.shape
    return split


def refusal(path, named=None):
    """Give the parts of the message, one line, with which a path is refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a warning from inside numpy is no message
        with pytest.raises(DataError) as caught:
            read(path)
    parts = WHOLE.match(str(caught.value))
    assert parts and (named or path.name) in parts["path"], str(caught.value)
    return parts


def damage_at_random(path, where, seed, split=None, times=100):
    """Damage a file in a few bytes, again and again: the split is refused, or its images can be read."""
    whole, rng, refused = path.read_bytes(), np.random.default_rng(seed), 0
    for _ in range(times):
        content = bytearray(whole)
        for at in rng.choice(where, rng.integers(1, 6)):
            content[at] = rng.integers(256) if rng.random() < 0.5 else content[at] ^ (1 << rng.integers(8))
        path.write_bytes(content[: rng.integers(len(content))] if rng.random() < 0.1 else content)
        try:
            read(split or path)
        except DataError as error:
            refused += 1
            assert re.match(WHOLE.pattern, str(error), re.DOTALL) and path.name in str(error)
    assert refused > 10


def write_tiffs(folder, images, labels, first=0, **options):
    """Write cells in the authors' layout."""
    for i, (image, label) in enumerate(zip(images, labels, strict=True), first):
        for channel, pixels in zip(("protein", "nucleus"), image, strict=True):
            file = folder / str(label) / f"COOSv1cell_{i}_{channel}.tif"
            file.parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(file, pixels, **options)
    return folder
