"""Say what a package needs, what of it is installed, and what is missing."""

import platform
import re
import shutil
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

#: Bytes that a simulated release and what is computed from it may take in the profile `quick`.
ROOM = 3e9


def needed(package="coos-helpers"):
    """List what a package needs, extras left out: pairs of a `Requirement` and the version found here, or None."""
    lines = [Requirement(line) for line in metadata.requires(package) or []]
    there = held()
    return [(r, there.get(plain(r.name))) for r in lines if r.marker is None or r.marker.evaluate({"extra": ""})]


def held():
    """Give every installed package: dict from its name, written as `plain`, to its version."""
    there = {}
    for found in metadata.distributions():
        if found.metadata["Name"]:  # the first on the path is the one that is imported
            there.setdefault(plain(found.metadata["Name"]), found.version)
    return there


def plain(name):
    """Write a package's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def suits(requirement, version):
    """Tell whether a version is one that a requirement asks for; pre-releases count."""
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def report(package="coos-helpers", folder="."):
    """Describe the installation in a few lines, what is missing first.

    Parameters
    ----------
    package : whose needs are looked at. folder : on the disk that is to be written to.

    Returns
    -------
    str
    """
    found = needed(package)
    wrong = [(r, version) for r, version in found if not suits(r, version)]
    lines = [f"{r.name}: found {version or 'none'}; expected {r}." for r, version in wrong]
    if wrong:
        asked = " ".join(f"'{r}'" for r, _ in wrong)
        lines.append(f"Install what is missing with: pip install {asked}")
    else:
        lines.append(f"All {len(found)} packages are here: Python {platform.python_version()}, " + _main(found) + ".")
    free = shutil.disk_usage(Path(folder).resolve()).free
    lines.append(
        f"Disk: {free / 1e9:.0f} GB free." + ("" if free > ROOM else f" Make room: {ROOM / 1e9:.0f} GB are used.")
    )
    return "\n".join(lines)


def _main(found):
    names = ("numpy", "scikit-learn", "torch")
    return ", ".join(f"{r.name} {version}" for r, version in found if plain(r.name) in names)
