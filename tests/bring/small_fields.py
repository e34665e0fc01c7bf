"""Small fields whose every pixel says where it is, and a table of them."""

import numpy as np
import tifffile

H, W = 150, 170
Y, X = np.mgrid[:H, :W]
#: Centres (x, y) of the nuclei in a field: three of which a crop fits in, and two too near the edge.
INSIDE = [(60, 45), (110, 50), (80, 105)]
NEAR = [(10, 120), (150, 130)]


def counts(seed=0, nuclei=(*INSIDE, *NEAR), shape=(H, W)):
    """Draw protein and nucleus, (2, H, W) uint16: the protein's count is a pixel's number, row by row."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    light = sum((400 / (1 + np.exp((np.hypot(x - a, y - b) - 9) / 0.5)) for a, b in nuclei), np.zeros(shape))
    nucleus = np.random.default_rng(seed).poisson(100 + light)
    return np.stack([y * shape[1] + x + seed, nucleus]).astype(np.uint16)


def write(folder, fields=4, table="fields.csv", **images):
    """Write fields as pairs of TIFF files with their table, two classes on a plate, and give the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = ["protein,nucleus,class,plate,well,dose"]
    for i in range(fields):
        for channel, image in zip(("protein", "nucleus"), images.get(f"f{i}", counts(i)), strict=True):
            tifffile.imwrite(folder / f"f{i}_{channel}.tif", image)
        rows.append(f"f{i}_protein.tif,f{i}_nucleus.tif,{'ab'[i % 2]},p1,A{i + 1:02},7")
    (folder / table).write_text("\n".join(rows) + "\n")
    return folder
