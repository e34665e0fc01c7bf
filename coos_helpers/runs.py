"""How much is done (the profile) and to which cells (the data): together they make a run."""

from dataclasses import dataclass
from pathlib import Path

from coos_helpers import simulate, store
from coos_helpers.data.errors import DataError
from coos_helpers.data.release import open_release

#: What each profile means: the share of Table 2's cells that is simulated (of given data, every cell is used), how many
#: settings the random forest's search draws, and how it searches.
PROFILES = {
    "smoke": {"scale": 0.006, "draws": 2, "search": "halving"},
    "quick": {"scale": 0.1, "draws": 9, "search": "halving"},
    "evening": {"scale": 0.1, "draws": 30, "search": "halving"},
    "paper": {"scale": 1.0, "draws": 100, "search": "random"},
}


@dataclass(frozen=True)
class Run:
    """Name a run: `data` (`simulated` or a folder), `profile`, its settings; `name` tells it from others' folders."""

    data: str
    profile: str
    settings: dict

    @property
    def name(self):
        if self.data == "simulated":
            return f"simulated-{self.profile}"
        folder = Path(self.data).expanduser().resolve()
        return f"{folder.name}-{store.key(folder=str(folder))[:6]}-{self.profile}"

    @property
    def folder(self):
        return store.root() / "runs" / self.name


def named(data="simulated", profile="quick", search=""):
    """Name a run without opening its data: `Run`; ValueError for an unknown profile."""
    if profile not in PROFILES:
        raise ValueError(f"found the profile {profile!r}; expected one of {', '.join(PROFILES)}.")
    return Run(str(data), profile, PROFILES[profile] | ({"search": search} if search else {}))


def start(data="simulated", profile="quick", seed=0, search=""):
    """Open the data of a run, simulating them first if need be.

    Parameters
    ----------
    data : `simulated`, or a folder with a release. seed : of the simulation.
    profile : `smoke` (seconds), `quick` (minutes on two cores), `evening` (hours) or `paper` (the paper's protocol).
    search : `random` or `halving`, of the forest's settings; the profile's own where it is empty.

    Returns
    -------
    Run, and the release: dict from split name to `Split`.

    Raises
    ------
    ValueError : an unknown profile. DataError : the folder holds no release that can be used, or no training set.
    """
    run = named(data, profile, search)
    folder = Path(data).expanduser()
    if data == "simulated":
        folder = store.root() / "data" / run.name
        simulate.simulate(folder, scale=run.settings["scale"], seed=seed)
    release = open_release(folder)
    if "train" not in release:
        splits, remedy = ", ".join(release), "Add the training split: every classifier is fitted to it."
        raise DataError(folder, f"only the splits {splits}", "a training set among them", remedy)
    return run, release


def caption(run, release):
    """Say in a few words which data and profile made a figure or table."""
    ours = f"simulated cells, not COOS-7 (version {simulate.VERSION})"
    cells = ours if run.data == "simulated" else release["train"].source
    cells = cells if len(cells) <= 200 else f"{cells[:200]} …"  # more would widen every figure
    return f"Data: {cells}. Profile: {run.profile}."
