"""Fetch the COOS-7 release from Zenodo, so that every byte on the disk is known to be right."""

import json
import re
import shutil
from contextlib import suppress
from hashlib import file_digest
from pathlib import Path

from coos_helpers.fetch.http import DownloadError, fetch_bytes, fetch_file, length, say
from coos_helpers.store.files import atomic
from coos_helpers.store.lock import alone

MD5 = re.compile("md5:[0-9a-f]{32}").fullmatch
NOTICE = """\
COOS-7 is under CC-BY-NC 4.0: share and adapt it with credit, not for commercial use. Cite:
  A. X. Lu, A. X. Lu, W. Schormann, M. Ghassemi, D. W. Andrews, A. M. Moses. The Cells Out of Sample (COOS) dataset
  and benchmarks for measuring out-of-sample generalization of image classifiers. NeurIPS 2019.
  Data: doi:10.5281/zenodo.3386336"""


def download(folder, record=3386336, api="https://zenodo.org/api/records"):
    """Bring the HDF5 files of a Zenodo record into a folder and check each against the record's checksum.

    What is right already is not fetched again; what was interrupted stays as `NAME.part`, and the next call goes on
    with it. The record is kept in the folder too, to check against while Zenodo is out of reach.

    Parameters
    ----------
    folder : path, made if missing.
    record, api : `<api>/<record>` answers with the record's JSON.

    Returns
    -------
    list of Path, in the record's order.

    Raises
    ------
    DownloadError : no network, no such record, too little room, a wrong checksum, a folder that cannot be written.
    """
    folder = Path(folder).expanduser()
    say(NOTICE)
    try:
        with alone(folder):
            files = _read_record(f"{api}/{record}", folder / f"zenodo-{record}.json")
            needed = [file for file in files if not _is_right(*file)]
            to_come = sum(size - length(_part(path)) for path, _, size, _ in needed)
            if to_come > (free := shutil.disk_usage(folder).free):
                raise OSError(f"Make room in {folder}: {free / 1e9:.2f} GB free, {to_come / 1e9:.2f} GB to come.")
            for file in needed:
                _fetch(*file)
    except OSError as error:
        raise DownloadError(
            f"{str(error).rstrip('.')}. Run the same again later: it goes on from what has arrived. Or download by "
            f"hand from https://zenodo.org/record/{record} and put the files into {folder}."
        ) from error
    return [path for path, *_ in files]


def _read_record(url, kept):
    """List path, checksum, size (bytes) and address of a record's HDF5 files, as last kept where it is out of reach."""
    try:
        body = fetch_bytes(url)
    except DownloadError as error:
        if not kept.exists():
            raise
        say(f"{error} Checking against what was kept of it, {kept}.")
        body = kept.read_bytes()
    files = []
    with suppress(ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError):
        files = [
            (kept.parent / Path(file["key"]).name, MD5(file["checksum"])[0], int(file["size"]), file["links"]["self"])
            for file in json.loads(body)["files"]
            if file["key"].endswith(".hdf5")
        ]
    if not files or min(size for _, _, size, _ in files) < 1:
        raise DownloadError(f"{url} did not answer with a Zenodo record that has HDF5 files, but with {body[:60]!r}.")
    with suppress(OSError), atomic(kept) as file:  # a folder that is complete may be read-only
        file.write(body)
    return files


def _is_right(path, checksum, *_):
    """Tell whether a file is there with the right checksum; a wrong one is reported and left in its place."""
    found = _checksum(path) if length(path) else None
    if found == checksum:
        say(f"{path} is here already, checksum right.")
        if _part(path).exists():  # of no use any more, where the file came another way
            _part(path).unlink()
    elif found:
        say(f"{path} has the checksum {found}, the record says {checksum}: it stays until the right one has come.")
    return found == checksum


def _fetch(path, checksum, size, url):
    """Bring one file in; what fails the checksum is thrown away and fetched from its start once more."""
    part = _part(path)
    for _ in range(2):
        fetch_file(url, part, size)
        if _checksum(part) == checksum:
            return part.replace(path)
        part.unlink()
        say(f"{path.name} arrived with a wrong checksum and was thrown away.")
    raise DownloadError(f"{url} came twice with another checksum than {checksum}.")


def _checksum(path):
    """Compute a file's checksum as Zenodo writes it."""
    with open(path, "rb") as file:
        return f"md5:{file_digest(file, 'md5').hexdigest()}"


def _part(path):
    """Name the file that holds what has arrived so far."""
    return path.with_name(f"{path.name}.part")
