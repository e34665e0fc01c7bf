"""Prepare a Colab machine for a chapter: what is missing is installed, what Colab brings is left as it is."""

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import NamedTemporaryFile

from coos_helpers import installation

MOUNT = "/content/drive"


def start(real_cells=False, drive=False, folder="COOS-7"):
    """Install what is missing, say whether there is a GPU, and offer the data.

    Parameters
    ----------
    real_cells : whether to fetch COOS-7's images (4.3 GB) to this machine's disk.
    drive : whether to keep a copy of them on Google Drive, from where the next machine takes them. Files are read from
        the machine's own disk only: a mounted Drive is slow and may drop.
    folder : where the images go.

    Raises
    ------
    RuntimeError : a package of Colab's is too old, or one cannot be installed.
    DownloadError : the images cannot be fetched.
    """
    if added := install():
        print(f"Installed: {', '.join(added)}. Everything else is as Colab brings it.")
    print(accelerator())
    if not real_cells:
        print("Data: simulated cells, made below in about a minute.")
        print("For COOS-7's own images, set REAL_CELLS = True above and run this cell again.")
        return
    fetch(folder, drive)
    print(f'COOS-7 is here. Now set DATA = "{folder}" in the next cell.')


def install(package="coos-helpers"):
    """Install what a package needs and is not there, and change nothing that is.

    Returns
    -------
    list of the names that were installed.

    Raises
    ------
    RuntimeError : an installed package is too old, which an installation over it would not mend without a restart;
        or pip failed.
    """
    needed = installation.needed(package)
    old = [(r, version) for r, version in needed if version and not installation.suits(r, version)]
    if old:
        found = ", ".join(f"{r.name} {version}" for r, version in old)
        raise RuntimeError(
            f"found {found}; expected {', '.join(str(r) for r, _ in old)}. "
            "In Colab choose Runtime, Change runtime type, and the latest runtime version."
        )
    missing = [r for r, version in needed if version is None]
    if missing:
        _pip([str(r) for r in missing])
        importlib.invalidate_caches()
    return [r.name for r in missing]


def accelerator():
    """Say in a line or two whether networks will train on a GPU, and what to do if there is none."""
    import torch  # here, as it loads slowly and install() may have to come first

    if torch.cuda.is_available():
        return f"GPU: {torch.cuda.get_device_name()}."
    return (
        'GPU: none, and none is needed for the profiles smoke and quick. To train networks with PROFILE = "paper",\n'
        "choose Runtime, Change runtime type, T4 GPU now: it gives you a new machine, so run this cell again there."
    )


def fetch(folder, drive=False):
    """Bring COOS-7's images to this machine: from a copy on Google Drive, the rest from Zenodo, all with checksums.

    Zenodo's list of files stays with the copy, so that a copy can be checked while Zenodo is out of reach.
    """
    from coos_helpers.download import download

    folder, kept = Path(folder), _mounted() if drive else None
    if kept:
        _copy(kept, folder, "from Google Drive")
    files = download(folder, kept=kept)
    if kept:
        _copy(folder, kept, "to Google Drive", [file.name for file in files])


def _pip(lines):
    """Call pip with everything that is installed held as it is."""
    with NamedTemporaryFile("w", suffix=".txt") as held:
        held.write("".join(f"{name}=={version}\n" for name, version in installation.held().items()))
        held.flush()
        command = [sys.executable, "-m", "pip", "install", "-q", "-c", held.name, *lines]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            f"{', '.join(lines)} could not be installed beside what Colab brings:\n{done.stderr.strip()}\n"
            "In Colab choose Runtime, Change runtime type, and the latest runtime version; then run this cell again."
        )


def _mounted():
    """Mount Google Drive and name the folder of the copy, or say why there is none."""
    from google.colab import drive

    try:
        drive.mount(MOUNT)
        kept = Path(MOUNT) / "MyDrive" / "COOS-7"
        kept.mkdir(parents=True, exist_ok=True)
        return kept
    except Exception as error:  # a refused or dropped mount has many kinds, and the images can be had without it
        print(f"Google Drive could not be mounted ({error}); going on without it.")
        return None


def _copy(source, target, words, names=None):
    """Copy HDF5 files that the target lacks, each whole or not at all; a Drive that drops is only said."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        for file in sorted(source.glob("*.hdf5")):
            there = target / file.name
            if (names and file.name not in names) or (there.exists() and there.stat().st_size == file.stat().st_size):
                continue
            print(f"Copying {file.name} {words} ...", flush=True)
            part = target / f"{file.name}.copy"
            shutil.copyfile(file, part)
            os.replace(part, there)
    except OSError as error:
        print(f"Copying {words} stopped ({error}); going on without it.")
