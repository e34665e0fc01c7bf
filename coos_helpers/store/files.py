"""Where made things lie: nothing is made twice, nothing stale is read, and what has its final name is whole."""

import errno
import os
import zipfile
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

from coos_helpers.store.code import PACKAGE

#: What a disk says that takes no more, and what to do.
FULL = tuple(os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
ROOM = "Make room there, raise the limit on files (`ulimit -f unlimited`), or name a folder on another disk."


def root():
    """Folder of everything made: `$COOS_BUILD`, or `_build` in a clone of the project, or `_build` where you are."""
    if named := os.environ.get("COOS_BUILD"):
        return Path(named)
    project = PACKAGE.parent
    return (project if (project / "_config.yml").exists() else Path.cwd()) / "_build"


@contextmanager
def atomic(path):
    """Write a file so that it appears under its name only when it is whole: `with atomic(path) as file`."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False)
    try:
        with naming(path), part:
            yield part
        mask = os.umask(0)  # it can only be read by setting it
        os.umask(mask)
        os.chmod(part.name, 0o666 & ~mask)  # as any other file, not the temporary one's 0600
        os.replace(part.name, path)
    except BaseException:
        os.unlink(part.name)
        raise


@contextmanager
def naming(path):
    """Let a disk that takes no more be reported with the file's name, which Python leaves out of what it writes."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.strerror in FULL:
            error.filename = str(path)
        raise


def check_zip(path):
    """Give the path of an archive, such as an .npz or a checkpoint, if each member has its checksum; else a ValueError.

    Numpy compares the checksums only of what it reads to the end, and torch none.
    """
    if (path := Path(path)).exists() and not path.is_file():
        raise ValueError("a folder, a named pipe, a socket or a device")
    with zipfile.ZipFile(path) as archive:
        sizes = [min(part.file_size, part.compress_size) for part in archive.infolist()]
        if not min(sizes, default=0) or archive.testzip() is not None:  # the name of the part, maybe ""
            raise ValueError("a part is missing, or the checksum of one does not fit")
    return path
