"""Make a machine ready for a chapter: say what is missing; on Colab, install it and offer the data."""

import filecmp
import importlib.metadata
import shutil
import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement

MOUNT = "/content/drive"


def report():
    """Say what is missing or too old and how to mend it, and whether the disk has room for `quick`."""
    wrong = "".join(f"{needed}: found {found}.\n" for needed, found in _unmet().items())
    said = f"{wrong}In the project's folder, run: pip install -e ." if wrong else "All packages are here."
    free = shutil.disk_usage(".").free / 1e9
    return said + (f"\nDisk: {free:.1f} GB free; make room, as 3 GB are used." if free < 3 else "")


def start(real_cells=False, drive=False, folder="COOS-7"):
    """Install on Colab what is missing, say whether there is a GPU, and offer the data.

    Parameters
    ----------
    real_cells : whether to fetch COOS-7's images (4.3 GB) to this machine's disk.
    drive : whether to keep a copy of them on Google Drive, only for the next machine: a mounted Drive is slow.
    folder : where the images go.

    Raises
    ------
    RuntimeError, DownloadError : a package cannot be installed beside what Colab brings; the images cannot be fetched.
    """
    if wrong := _unmet():
        _install(wrong)
    import torch  # here, as it loads slowly and may have been installed just now

    if torch.cuda.is_available():
        print(f"GPU: {torch.cuda.get_device_name()}.")
    else:
        print("GPU: none, and none is needed for the profiles smoke and quick. To train networks in the profile paper,")
        print("choose Runtime, Change runtime type, T4 GPU now. That is a new machine, so run this cell again there.")
    if real_cells:
        _fetch(Path(folder), drive)
        print(f'COOS-7 is here. Now set DATA = "{folder}" in the next cell.')
    else:
        print("Data: simulated cells, made below. For COOS-7's own, set REAL_CELLS = True and run this cell again.")


def _unmet():
    """Map each requirement of the package that is not met to the version found, or to `nothing`."""
    wrong = {}
    for needed in map(Requirement, importlib.metadata.requires("coos-helpers")):
        found = next((there.version for there in importlib.metadata.distributions(name=needed.name)), None)
        fits = found and needed.specifier.contains(found, prereleases=True)
        if not fits and (needed.marker is None or needed.marker.evaluate({"extra": ""})):
            wrong[str(needed)] = found or "nothing"
    return wrong


def _install(wrong):
    """Install what is missing, with everything that is there held as it is."""
    pip = [sys.executable, "-m", "pip"]
    held = subprocess.check_output([*pip, "list", "--format=freeze"])
    done = subprocess.run([*pip, "install", "-q", "-c", "/dev/stdin", *wrong], input=held, capture_output=True)
    if done.returncode:
        found = ", ".join(f"{needed} (found {found})" for needed, found in wrong.items())
        advice = "Choose Runtime, Change runtime type, the latest runtime version; then run this cell again."
        raise RuntimeError(
            f"{found} could not be installed beside what Colab brings:\n{done.stderr.decode()}\n{advice}"
        )
    importlib.invalidate_caches()
    print(f"Installed: {', '.join(wrong)}. Everything else is as Colab brings it.")


def _fetch(folder, drive):
    """Bring COOS-7's images to this machine, from a copy on Google Drive where there is one; both end with the same."""
    from coos_helpers.fetch.zenodo import download  # here, as what it stands on may have been installed just now

    kept = Path(MOUNT) / "MyDrive" / "COOS-7"
    if drive:
        try:
            from google.colab import drive as google  # only Colab has it

            google.mount(MOUNT)
            _copy(kept, folder, lambda file, there: True)
        except Exception as error:  # a refused or dropped mount has many kinds, and the images can be had without it
            print(f"Google Drive could not be mounted ({error}); going on without it.")
            drive = False
    before = {file.name: file.stat().st_mtime_ns for file in folder.glob("*")}
    download(folder)

    def same(file, there):  # a Drive is slow to read, so only what had come from it and was found wrong is compared
        sure = before.get(file.name) == file.stat().st_mtime_ns
        return file.stat().st_size == there.stat().st_size and (sure or filecmp.cmp(file, there, shallow=False))

    if drive:
        _copy(folder, kept, same)


def _copy(source, target, same):
    """Copy a release's files that the target has not the same, each whole or not at all; a Drive that drops is said."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        files = {file: target / file.name for file in [*source.glob("*.hdf5"), *source.glob("*.json")]}
        wrong = {file: there for file, there in files.items() if not (there.exists() and same(file, there))}
        for there in wrong.values():
            there.unlink(missing_ok=True)  # it takes the room that the right one needs
        for file, there in files.items():
            part = target / f"{file.name}.copy"
            try:
                if file in wrong:
                    print(f"Copying {file.name} to {target} ...", flush=True)
                    shutil.copyfile(file, part).replace(there)
            finally:
                part.unlink(missing_ok=True)  # of a copy that was stopped, this one or another
    except OSError as error:
        print(f"Copying to {target} stopped ({error}); going on without it.")
