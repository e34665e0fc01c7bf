"""Collect the balanced errors of every run that lies here, to be read beside the paper's."""

import pandas as pd

from coos_helpers import predictions, published, results, store
from coos_helpers.published import SPLITS

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
    list of (about, pandas.DataFrame), the frame as `predictions.errors` gives it. Runs of the profile `smoke` show that
    all works and tell little; they are left out where there is another.
    """
    found = [] if current is None else [(current.about, predictions.errors(current.table))]
    for folder in sorted((store.root() / "runs").glob("*/results")):
        try:
            about, table = results.table_of(folder.parent)
        except ValueError as error:
            print(f"{folder.parent.name} is left out: {error}")
            continue
        frame = predictions.errors(table)
        if table and not any(about == known and frame.equals(shown) for known, shown in found):
            found.append((about, frame))
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
            mine = table[[results.family_of(f) == name for f in table["features"]]]
            wanted = mine[mine["model"] == ("end-to-end" if name == "DeepLoc" else "L1 LR")]
            for _, row in wanted[:1].iterrows():
                rows.append({"representation": row["features"], "data": title(about), **row[2:]})
    frame = pd.DataFrame(rows)
    return frame[["representation", "data", *SPLITS, *(c for c in frame.columns[2:] if c not in SPLITS)]]


def title(about):
    """Name a run's data and profile in a few words; simulated cells are never called anything else."""
    data = "simulated cells, not COOS-7" if about["data"] == "simulated" else about["source"]
    return f"{data}, profile {about['profile']}"
