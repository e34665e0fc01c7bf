"""Time `coos crop` on simulated fields of 2,048 x 2,048 pixels, and count the nuclei that it finds and makes up.

A run of few fields and one of more part what is done once (the start, the contact sheet) from what each field takes;
1,000 fields are the one and 1,000 of the other, the writing of the release included. A nucleus is found where a crop's
centre lies within its radius, each centre and each nucleus counted once.
"""

import os
import shutil
import tempfile
from functools import partial
from pathlib import Path
from time import process_time

import common
import h5py
import numpy as np
from scipy.spatial import KDTree

from coos_helpers import data, store
from coos_helpers.bring.crop import crop
from coos_helpers.bring.cut import EDGE
from coos_helpers.bring.table import read_table
from coos_helpers.simulate.fields import write_fields

PIXELS, FEW, MORE, MANY = 2048, 4, 8, 1000
REPEATS = 3
BAR = 15 * 60  # seconds


def main():
    drawn = store.root() / "crop" / store.code_key("simulate.fields")  # once: that takes longer than to crop them
    if not (drawn / "fields.csv").exists():
        write_fields(drawn, MORE, pixels=PIXELS)
    rows = (drawn / "fields.csv").read_text().splitlines()
    (drawn / "few.csv").write_text("\n".join(rows[: FEW + 1]))
    tables = {"few": drawn / "few.csv", "more": drawn / "fields.csv"}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        spent = {(name, jobs): [] for name in tables for jobs in (1, 2)}
        sides = {side: partial(run, tables[side[0]], out, side[1], spent[side]) for side in spent}
        run(tables["more"], out, 2, [])  # which starts the processes, too
        found, false, nuclei, cells = score(drawn, out)
        times = common.race(sides, REPEATS)
    each = {jobs: per_field(times["few", jobs], times["more", jobs]) for jobs in (1, 2)}
    once = np.median(times["few", 2]) - FEW * np.median(each[2])
    whole = [max(once, 0) + MANY * seconds for seconds in each[2]]
    seen = f"{found / nuclei:.2%} of {nuclei:,} nuclei found, {false / cells:.2%} of {cells:,} cells false"
    each_at, at = f"a field of {PIXELS:,} x {PIXELS:,}", f"{MANY:,} fields of {PIXELS:,} x {PIXELS:,}"
    alone = np.median(per_field(spent["few", 1], spent["more", 1]))
    told = f"extrapolated from {FEW} and {MORE} fields, {cells / MORE:,.0f} cells each; {seen}"
    told += f"; {alone:.2f} s of one processor a field"
    faster = common.ratio(each[1], each[2])
    ours = np.median(whole)
    good = ours < BAR and found >= 0.99 * nuclei
    lines = [
        ("coos crop, 2 processes", each_at, "ours, one process", each[2], faster, "", None, f"{os.cpu_count()} cores"),
        ("coos crop, 2 processes", at, "–", ours, None, "15 minutes, 99 % found", good, told),
    ]
    common.keep("crop", [common.line(*line) for line in lines])


def run(fields, out, jobs, spent):
    """Crop fields from nothing; add the seconds of the processor that this process spent, whatever else it does."""
    shutil.rmtree(out, ignore_errors=True)
    start = process_time()
    crop(fields, out, protein="protein", nucleus="nucleus", jobs=jobs, progress=False)
    spent.append(process_time() - start)


def per_field(few, more):
    """Give the seconds that each further field takes, one a repeat."""
    return [(b - a) / (MORE - FEW) for a, b in zip(few, more, strict=True)]


def score(fields, out):
    """Match the centres of crops to the truth: nuclei found, crops of none, nuclei that a crop could hold, crops."""
    truth = read_table(fields / "truth" / "centres.csv", ("field", "x", "y", "radius")).columns
    with h5py.File(data.open_release(out)["train"].path) as file:
        names, centres = file["field"].asstr()[:], np.column_stack([file["x"], file["y"]])
    found = false = nuclei = 0
    for name in np.unique(truth["field"]):
        mine = np.array(truth["field"]) == name
        x, y, radius = (np.array(truth[column], float)[mine] for column in ("x", "y", "radius"))
        inside = np.all([(axis >= EDGE / 2 - 1) & (axis < PIXELS - EDGE / 2) for axis in (x, y)], axis=0)
        apart, which = KDTree(np.column_stack([x, y])).query(centres[names == name])
        hit = np.unique(which[apart < radius[which]])
        found, false, nuclei = found + inside[hit].sum(), false + len(which) - len(hit), nuclei + inside.sum()
    return found, false, nuclei, len(centres)


if __name__ == "__main__":
    main()
