"""Collect the balanced errors of every run that lies here, to be read beside the paper's."""

from pathlib import Path

import pandas as pd

from coos_helpers import published, results, store
from coos_helpers.published import SPLITS
from coos_helpers.results import pack, read

#: The results of the profile `evening`, which the repository brings along.
EVENING = Path(__file__).with_name("evening.pack")

#: One row of each representation in the first table: the paper's, of the layer with the lowest mean error over tests.
CHOSEN = {
    "DeepLoc": ("DeepLoc", "End-to-End"),
    "Texture": ("Texture", "L1 LR"),
    "PCI": ("PCI Conv4", "L1 LR"),
    "VGG16": ("VGG16 Conv4_2", "L1 LR"),
}


def runs(current=None):
    """Read the table of every run that has entered results, and last that of the pack in the repository.

    Parameters
    ----------
    current : `results.Results` that come first, such as those of a pack; None for none.

    Returns
    -------
    list of `results.Results`. Runs of the profile `smoke` show that all works and tell little; they are left out where
    there is another.
    """
    found = [] if current is None else [current]
    for folder in sorted((store.root() / "runs").glob("*/results")):
        try:
            run = read.without_cells(folder.parent)
        except ValueError as error:
            print(f"{folder.parent.name} is left out: {error}")
            continue
        same = (known for known in found if known.about == run.about)
        if run.table and not any(errors(run).equals(errors(known)) for known in same):
            found.append(run)
    found = [run for run in found if run.about["profile"] != "smoke"] or found
    if EVENING.exists():
        longer = pack.read(EVENING)
        found += [longer] * (longer.about not in [known.about for known in found])
    return found


def errors(run):
    """Tabulate balanced errors in percent, those of a network's trainings as their mean."""
    return results.error_table([row for trainings in run.draws for row in trainings])


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
        for run in found:
            classifier = "end-to-end" if name == "DeepLoc" else "l1-lr"
            mine = [trainings for trainings in run.draws if results.family(trainings[0]) == name]
            wanted = [of for of in mine if next(iter(of[0].values())).classifier == classifier]
            for _, row in results.error_table([row for of in wanted[:1] for row in of]).iterrows():
                rows.append({"representation": row["features"], "data": title(run.about), **row[2:]})
    frame = pd.DataFrame(rows)
    return frame[["representation", "data", *SPLITS, *(c for c in frame.columns[2:] if c not in SPLITS)]]


def title(about):
    """Name a run's data and profile in a few words; simulated cells are never called anything else."""
    data = "simulated cells, not COOS-7" if about["data"] == "simulated" else about["source"]
    return f"{data}, profile {about['profile']}"


def made_by(run):
    """Say in a line what a run is of, and with what it was made."""
    about = run.about
    by = f" by {about['classifiers']}" if "classifiers" in about else ""
    return f"{title(about)}. Seed {about['seed']}; made {about['made']} on {about['machine']}{by}."
