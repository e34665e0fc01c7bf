"""Fetch the COOS-7 release from Zenodo, so that every byte on the disk is known to be right."""

import json
import os
import re
import shutil
from pathlib import Path

import pooch

from coos_helpers import transfer
from coos_helpers.hdf5 import SUFFIXES
from coos_helpers.transfer import DownloadError, say

__all__ = ["NOTICE", "DownloadError", "download"]

NOTICE = """\
COOS-7 is under CC-BY-NC 4.0: share and adapt it with credit, not for commercial use. Cite:
  A. X. Lu, A. X. Lu, W. Schormann, M. Ghassemi, D. W. Andrews, A. M. Moses. The Cells Out of Sample (COOS) dataset
  and benchmarks for measuring out-of-sample generalization of image classifiers. NeurIPS 2019.
  Data: doi:10.5281/zenodo.3386336"""


def download(folder, record=3386336, api="https://zenodo.org/api/records", kept=None):
    """Bring the HDF5 files of a Zenodo record into a folder and check each against the record's checksum.

    What is there already and right is not fetched again. A file that was interrupted stays as `NAME.part` and the
    next call continues it; the final name only ever holds a complete, checked file. Notices go to the standard error.

    Parameters
    ----------
    folder : path, made if missing.
    record : number of the Zenodo record.
    api : `<api>/<record>` answers with the record's JSON.
    kept : folder that keeps this JSON once all files were found right. The files are checked against it where the
        record is out of reach.

    Returns
    -------
    list of Path, in the record's order.

    Raises
    ------
    DownloadError : no network, no such record, too little room, a wrong checksum, a folder that cannot be written.
    """
    folder = Path(folder).expanduser()
    listing = Path(kept).expanduser() / f"zenodo-{record}.json" if kept else None
    say(NOTICE)
    try:
        body, files = _record(f"{api}/{record}", listing)
        folder.mkdir(parents=True, exist_ok=True)
        needed = [file for file in files if not _is_right(folder / file["name"], file["checksum"])]
        _check_room(folder, needed)
        for file in needed:
            _fetch(folder, file)
    except OSError as error:
        raise DownloadError(
            f"Cannot write to {folder} ({error}). Make room or choose another folder, then run the same again."
        ) from error
    except DownloadError as error:
        raise DownloadError(
            f"{error} Run the same again later: it goes on from what has arrived. Or download by hand from "
            f"https://zenodo.org/record/{record} and put the files into {folder}."
        ) from error
    if listing:
        _keep(body, listing)
    return [folder / file["name"] for file in files]


def _record(url, listing):
    """Read a record, or what was kept of it where it is out of reach: its JSON, and its files."""
    try:
        body = transfer.read(url)
        return body, _list_files(body, url)
    except DownloadError as error:
        if listing is None:
            raise
        try:
            body = listing.read_bytes()
            files = _list_files(body, listing)
        except (OSError, DownloadError):  # nothing was kept, or it cannot be read
            raise error from None
        say(f"{error} Checking against what was kept of it, {listing}.")
        return body, files


def _keep(body, listing):
    """Keep a record's JSON, whole or not at all; a folder that cannot be written is only said."""
    part = listing.with_suffix(".part")
    try:
        if not listing.exists() or listing.read_bytes() != body:
            part.write_bytes(body)
            os.replace(part, listing)
    except OSError as error:
        say(f"The list of files could not be kept ({error}); going on without it.")


def _list_files(body, url):
    """Read name, size (bytes), checksum and address of each HDF5 file from a record's JSON."""
    try:
        found = [_file_entry(entry) for entry in json.loads(body)["files"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DownloadError(
            f"{url} did not answer with a Zenodo record and its list of files, but with {body[:60]!r} "
            f"({type(error).__name__}: {error})."
        ) from error
    files = [file for file in found if file["name"].lower().endswith(SUFFIXES)]
    if not files:
        names = ", ".join(file["name"] for file in found) or "none"
        raise DownloadError(f"{url} lists no HDF5 file, only: {names}. Is the record's number right?")
    return files


def _file_entry(entry):
    """Read one file of a record, in today's shape (`key`, `size`) or the older one (`filename`, `filesize`)."""
    if "key" in entry:
        name, size, url = entry["key"], entry["size"], entry["links"]["self"]
    else:
        name, size, url = entry["filename"], entry["filesize"], entry["links"]["download"]
    checksum = entry["checksum"].lower()
    checksum = checksum if ":" in checksum else f"md5:{checksum}"
    if not re.fullmatch(r"(md5|sha1|sha256|sha512):[0-9a-f]{32,128}", checksum):
        raise ValueError(f"the checksum {checksum!r} of {name}")
    if Path(name).name != name:  # a record must not choose where outside the folder it writes
        raise ValueError(f"the file name {name!r}")
    return {"name": name, "size": int(size), "checksum": checksum, "url": url}


def _is_right(path, checksum):
    """Tell whether a file is there with the right checksum; a wrong one is reported and left in its place."""
    if not path.exists():
        return False
    algorithm, expected = checksum.split(":")
    found = pooch.file_hash(str(path), alg=algorithm)
    if found != expected:
        say(f"{path} has the {algorithm} checksum {found}, the record says {expected}.")
        say("It is fetched anew; the one you have stays until the new one is complete.")
        return False
    _part(path).unlink(missing_ok=True)  # left by a call that was killed just before its last step
    say(f"{path} is here already, checksum right.")
    return True


def _check_room(folder, files):
    """Refuse to begin what the disk cannot hold."""
    missing = sum(file["size"] - transfer.length(_part(folder / file["name"])) for file in files)
    free = shutil.disk_usage(folder).free
    if missing > free:
        raise OSError(f"{free / 1e9:.2f} GB free, {missing / 1e9:.2f} GB to come")


def _fetch(folder, file):
    """Bring one file in; what fails the checksum is thrown away and fetched from its start once more."""
    name, part = file["name"], _part(folder / file["name"])
    keeper = pooch.Pooch(folder, base_url="", registry={name: file["checksum"]}, urls={name: file["url"]})
    pooch.get_logger().setLevel("WARNING")  # it would announce a download that is over by then
    for last in (False, True):
        transfer.bring(file["url"], part, file["size"])
        try:
            keeper.fetch(name, downloader=_hand_over(part))
        except ValueError as error:  # pooch's word for a wrong checksum
            part.unlink(missing_ok=True)
            if last:
                raise DownloadError(
                    f"{file['url']} came twice with another checksum than {file['checksum']} and was thrown away."
                ) from error
            say(f"{name} arrived with a wrong checksum and is fetched once more from its start.")
        else:
            part.unlink(missing_ok=True)
            return


def _hand_over(part):
    """Make the pooch downloader that passes on a complete part, for pooch to check and to move into place.

    The part keeps its own name meanwhile, by a second link: stopped while it computes the checksum, pooch deletes
    what it was given, and gigabytes would have to come again. On a disk without links the part is moved.
    """

    def downloader(url, output_file, pooch):
        os.unlink(output_file)
        try:
            os.link(part, output_file)
        except OSError:
            os.replace(part, output_file)

    return downloader


def _part(path):
    """Name the file that holds what has arrived so far."""
    return path.with_name(f"{path.name}.part")
