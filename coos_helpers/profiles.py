"""How much is done (the profile) and to which cells (the data): together they make a run."""

from dataclasses import dataclass
from pathlib import Path

from coos_helpers import simulate, store
from coos_helpers.data import DataError, open_release

#: What each profile means. `scale` is the share of Table 2's cells that is simulated (of given data, every cell is
#: used), `draws` the settings that the random forest's search tries; the paper's are 1 and 100.
PROFILES = {
    "smoke": {"scale": 0.01, "draws": 2},
    "quick": {"scale": 0.1, "draws": 2},
    "paper": {"scale": 1.0, "draws": 100},
}


@dataclass(frozen=True)
class Run:
    """Name a run: `data` (`simulated` or a folder), `profile`, and the profile's settings."""

    data: str
    profile: str
    settings: dict

    @property
    def name(self):
        """A folder name that tells runs apart, folders of the same name included."""
        if self.data == "simulated":
            return f"simulated-{self.profile}"
        folder = Path(self.data).expanduser().resolve()
        return f"{folder.name}-{store.key(folder=str(folder))[:6]}-{self.profile}"

    @property
    def folder(self):
        """Where the run's predictions lie."""
        return store.root() / "runs" / self.name


def named(data="simulated", profile="quick"):
    """Name a run without opening its data: `Run`; ValueError for an unknown profile."""
    if profile not in PROFILES:
        raise ValueError(f"found the profile {profile!r}; expected one of {', '.join(PROFILES)}.")
    return Run(str(data), profile, PROFILES[profile])


def start(data="simulated", profile="quick", seed=0):
    """Open the data of a run, simulating them first if need be.

    Parameters
    ----------
    data : `simulated`, or a folder with a release.
    profile : `smoke` (seconds), `quick` (two cores, no GPU) or `paper` (the paper's protocol).
    seed : of the simulation.

    Returns
    -------
    Run, and the release: dict from split name to `Split`.

    Raises
    ------
    ValueError : an unknown profile.
    DataError : the folder holds no release that can be used, or no training set.
    """
    run = named(data, profile)
    if data == "simulated":
        folder = store.root() / "data" / run.name
        simulate.simulate(folder, scale=run.settings["scale"], seed=seed)
    else:
        folder = Path(data).expanduser()
    release = open_release(folder)
    if "train" not in release:
        raise DataError(
            folder,
            f"only the splits {', '.join(release)}",
            "a training set among them",
            "Add the training split: every classifier is fitted to it.",
        )
    return run, release


def caption(run, release):
    """Say in a few words which data and profile made a figure or table."""
    cells = "simulated cells, not COOS-7" if run.data == "simulated" else release["train"].source
    return f"Data: {cells}. Profile: {run.profile}."
