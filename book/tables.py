"""Collect the balanced errors of every run that lies here, to be read beside the paper's."""

import pandas as pd

from coos_helpers import published, results, store
from coos_helpers.published import SPLITS
from coos_helpers.results import read

#: One row of each representation in the first table: the paper's, of the layer with the lowest mean error over tests.
CHOSEN = {
    "DeepLoc": ("DeepLoc", "End-to-End"),
    "Texture": ("Texture", "L1 LR"),
    "PCI": ("PCI Conv4", "L1 LR"),
    "VGG16": ("VGG16 Conv4_2", "L1 LR"),
}


def runs(current=None):
    """Read the table of every run that has entered results.

    Parameters
    ----------
    current : `results.Results` that come first, such as those of a pack; None for none.

    Returns
    -------
    list of (about, table), both as in `results.Results`. Runs of the profile `smoke` show that all works and tell
    little; they are left out where there is another.
    """
    found = [] if current is None else [(current.about, current.table)]
    for folder in sorted((store.root() / "runs").glob("*/results")):
        try:
            about, table = read.table_of(folder.parent)
        except ValueError as error:
            print(f"{folder.parent.name} is left out: {error}")
            continue
        same = (rows for known, rows in found if known == about)
        if table and not any(results.error_table(table).equals(results.error_table(rows)) for rows in same):
            found.append((about, table))
    telling = [(about, table) for about, table in found if about["profile"] != "smoke"]
    return telling or found


def side_by_side(found):
    """Set one row of each representation beside the paper's: pandas.DataFrame with `representation` and `data` first.

    Parameters
    ----------
    found : what `runs` gives. Taken of each run: DeepLoc end to end, and L1 logistic regression on Texture and on the
    layer of PCI and of VGG16 that ranked first on that run's training set.
    """
    paper = published.table3().set_index(["features", "model"])
    rows = []
    for name, (features, model) in CHOSEN.items():
        rows.append({"representation": features, "data": "COOS-7 (the paper)", **paper.loc[(features, model)]})
        for about, table in found:
            classifier = "end-to-end" if name == "DeepLoc" else "l1-lr"
            mine = [row for row in table if results.family(row) == name]
            wanted = [row for row in mine if next(iter(row.values())).classifier == classifier]
            for _, row in results.error_table(wanted[:1]).iterrows():
                rows.append({"representation": row["features"], "data": title(about), **row[2:]})
    frame = pd.DataFrame(rows)
    return frame[["representation", "data", *SPLITS, *(c for c in frame.columns[2:] if c not in SPLITS)]]


def title(about):
    """Name a run's data and profile in a few words; simulated cells are never called anything else."""
    data = "simulated cells, not COOS-7" if about["data"] == "simulated" else about["source"]
    return f"{data}, profile {about['profile']}"
