"""What is said when a release cannot be used, and when something there is not what its name says."""

import re
import stat
from contextlib import suppress

#: How files begin that are met under the names of others: what they are, and what to do.
STRANGERS = {
    rb"\Z": ("an empty file", "Fetch or make it again."),
    rb"version https://git-lfs": ("a pointer of Git LFS", "Fetch what it points to: `git lfs pull`."),
    rb"\s*<(!doctype|html|\?xml)": ("a page of the web", "It may ask you to log in, or say what went wrong: open it."),
    rb"\x1f\x8b|PK\x03\x04|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd|7z\xbc\xaf|Rar!|.{257}ustar": ("an archive", "Unpack it."),
    rb"CDF[\x01\x02\x05]|\x0e\x03\x13\x01|MATLAB 5": ("a netCDF 3, HDF4 or MATLAB 5 file", "Convert it to HDF5."),
}

#: What to do, by words of the system or of a library.
REMEDIES = {
    "unable to lock": "Another program is writing it: wait for that. If none is, set HDF5_USE_FILE_LOCKING=FALSE.",
    "Permission denied": "Check its permissions.",
    "Input/output|Stale|not connected": "A disk or network drive fails: look after it, then again.",
    "Memory|allocate": "Read fewer cells at once; if these are few, it is damaged: fetch or make it again.",
    "begins with|No such file": "It is of another kind than its name says, or was moved: fetch or make it again.",
    "": "It is damaged or cut short: fetch or make it again.",
}


class DataError(ValueError):
    """Say in one message which file is wrong, what was found, what was expected and what to do.

    Parameters
    ----------
    path : the file or folder.
    found, expected : a few words each, without a full stop.
    remedy : a sentence.
    """

    def __init__(self, path, found, expected, remedy):
        super().__init__(path, found, expected, remedy)

    def __str__(self):
        path, found, expected, remedy = self.args
        return f"{path}: found {found}; expected {expected}. {remedy}"


def unreadable(path, found, expected):
    """Make the error for a file that a library could not read, from what it said and how the file begins."""
    with suppress(OSError), open(path, "rb") as file:
        head = file.read(300)
        for begin, (kind, remedy) in STRANGERS.items():
            if re.match(begin, head, re.IGNORECASE | re.DOTALL):
                return DataError(path, kind, expected, remedy)
        if "signature not found" in found or "not a TIFF file" in found:
            found = f"a file that begins with {head[:16]!r}"
    remedy = next(remedy for words, remedy in REMEDIES.items() if re.search(words, found))
    return DataError(path, found, expected, remedy)


def is_folder(path, expected, remedy):
    """Tell a folder from a file, and refuse all else: who opens a named pipe waits for ever."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode) or stat.S_ISREG(mode):
            return stat.S_ISDIR(mode)
        found = "a named pipe, a socket or a device"
    except (FileNotFoundError, ValueError):  # a name with a null character is none
        found = "a link that leads nowhere" if path.is_symlink() else "nothing there"
    except OSError as error:  # a folder on the way may be closed to you, or a name too long
        found = f"no way there ({error.strerror})"
    raise DataError(path, found, expected, remedy)
