"""What the chapters of a run made, by name: its table, its ladders and its points."""

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version

from coos_helpers import classifiers, store
from coos_helpers.results import card
from coos_helpers.results.points import save_points
from coos_helpers.shift.sample import subsample_pca


def enter(run, release, chapter, *, table, ladders=(), features=None, asides=(), seed=0):
    """Enter what a chapter made among the run's results, in place of what it entered before.

    Parameters
    ----------
    run, release : from `runs.start`.
    chapter : its name, such as `02-texture`.
    table : dicts from split name to `Predictions`, best first where a network has many layers, and of a network that
        was trained several times those of every training.
    ladders : what `leakage.ladder` gave, each.
    features : dict from representation to a dict by split of (N, d), of which `shift.subsample_pca` keeps some cells.
    asides : dicts as in `table` that are no rows of Table 3, such as an ablation's, on some of the cells perhaps.
    seed : of the chapter.

    Returns
    -------
    None; `read_results` reads it. The model card of what was fitted lies beside it.
    """
    for name, of in (features or {}).items():
        save_points(run.folder, name, subsample_pca(of, release, seed=seed))
    about = _about(run, release, seed)
    with store.atomic(run.folder / "results" / f"{chapter}.md") as file:
        file.write(card.of_run(about, table, f"what the chapter {chapter} fitted").encode())
    entry = {
        "about": about,
        "table": [_names(row) for row in table],
        "ladders": [[_names(row) for row in ladder] for ladder in ladders if ladder],
        "samples": list(features or {}),
        "asides": [_names(row) for row in asides],
    }
    with store.atomic(run.folder / "results" / f"{chapter}.json") as file:
        file.write(store.seal(json.dumps(entry, indent=1)))


def machine():
    """Describe the machine in a few words: processor type, cores, GPU."""
    import torch  # here, as it loads slowly

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{platform.machine()}, {os.cpu_count()} cores, {gpu}"


def _about(run, release, seed):
    packages = ("numpy", "scikit-learn", "torch", "torchvision", "coos-helpers")
    return {
        "data": "simulated" if run.data == "simulated" else os.path.basename(os.path.normpath(run.data)),
        "source": release["train"].source,
        "profile": run.profile,
        "settings": run.settings,
        "seed": seed,
        "made": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in packages},
        "classifiers": classifiers.ENGINE,
    }


def _names(row):
    p = next(iter(row.values()))
    return {name: getattr(p, name) for name in ("representation", "classifier", "setting", "draw")} | {
        "columns": list(row)
    }
