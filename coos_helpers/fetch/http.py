"""Bring one address to one file over a line that may break.

When to ask again is urllib3's `Retry`. Ours is what pooch and torch lack: gigabytes go on from what has arrived.
"""

import os
import re
from contextlib import suppress
from functools import partial
from time import sleep as wait

import click
import requests
from tqdm import tqdm
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from coos_helpers.store.files import naming

PROGRESS = 1 << 20  # bytes after which tries are counted anew; with less, a dying line would go on for ever
PIECE = 1 << 14  # bytes; what a cut connection leaves of a piece is lost
RETRY = Retry(5, status_forcelist=(429, 500, 502, 503, 504), backoff_factor=1)  # about half a minute of waits
# Zenodo turns nameless clients away sooner. A compressed answer would have other positions than the file.
HEADERS = {"User-Agent": "coos7-book (https://github.com/coos7-book/coos7-book)", "Accept-Encoding": "identity"}

PROXIES = [name for kind in ("HTTPS", "HTTP", "ALL") for name in (f"{kind}_PROXY", f"{kind.lower()}_proxy")]
CERTIFICATES = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"]

say = partial(click.echo, err=True)  # the standard output stays free for results


class DownloadError(OSError):
    """Say in one message what was tried, what came and what to do."""


def fetch_bytes(url):
    """Read a small answer whole; a DownloadError says why it cannot be had."""
    return _ask(url, lambda answer: answer.content)


def fetch_file(url, part, size):
    """Complete a file that may have arrived in part; what it holds is not checked here.

    Parameters
    ----------
    url : where the file lies.
    part : Path; its bytes are taken as the file's first, and the rest is asked for where the server can do so.
    size : bytes of the whole file. An answer of another length is not written.

    Raises
    ------
    DownloadError : the server refuses, or fails for too long; the part is kept.
    """
    if length(part) < size:
        _ask(url, partial(_append, part, size), lambda: length(part))


def length(path):
    """Count the bytes of a file, 0 where there is none; a DownloadError for what is no file."""
    if not path.exists():
        return 0
    if not path.is_file():
        raise DownloadError(f"{path}: found a folder, a named pipe, a socket or a device. Move it away")
    return path.stat().st_size


def settings():
    """Name what the environment sets of proxies and certificates, to be added to a message; "" for nothing."""
    gone = {name for name in CERTIFICATES if not os.path.exists(os.environ.get(name, ""))}
    found = [name + " (nothing is there)" * (name in gone) for name in PROXIES + CERTIFICATES if os.environ.get(name)]
    return f" Check what is set here, or unset it: {', '.join(found)}." if found else ""


def _ask(url, read, arrived=lambda: 0):
    """Read an answer from the bytes on that have arrived, again where the line or the server fails."""
    retry, furthest = RETRY, arrived()
    while True:
        try:
            headers = HEADERS | ({"Range": f"bytes={arrived()}-"} if arrived() else {})
            with requests.get(url, headers=headers, timeout=(10, 60), stream=True) as answer:
                if answer.ok:
                    return read(answer)
                raise requests.HTTPError(f"the server answered {answer.status_code} {answer.reason}", response=answer)
        except (OSError, ValueError) as error:
            answer = getattr(error, "response", None)
            if getattr(error, "errno", None) and not isinstance(error, requests.RequestException):
                raise  # of a file here, such as a full disk
            cause = getattr((error.args or [error])[0], "reason", error)  # plainer than what is wrapped around it
            words = f"{url}: {str(cause).rpartition('): ')[2].rstrip('.')}"
            if arrived() >= furthest + PROGRESS:
                retry, furthest = RETRY, arrived()
            again = _may_pass(error) if answer is None else retry.is_retry("GET", answer.status_code)  # not after a 404
            asked = None
            with suppress(HTTPError, ValueError, OverflowError):  # a time to wait that is none
                asked = None if answer is None else retry.get_retry_after(answer)
            try:
                retry = (retry if again else Retry(0)).increment(error=error)
            except HTTPError:  # no more tries
                hint = settings() if _may_be_set_wrong(error, answer) else ""
                raise DownloadError(f"{words}. Given up at try {len(retry.history) + 1}.{hint}") from error
        seconds = max(asked or 0, 0) or retry.get_backoff_time()
        if seconds > 3600:  # better asked on another day
            hours = min(seconds, 1e9) / 3600  # a number may have hundreds of digits
            raise DownloadError(f"{words} and asks for {hours:.1f} hours of patience or more.")
        say(f"{words}. Trying again in {seconds:.0f} s ({len(retry.history)} of {RETRY.total}).")
        wait(seconds)


def _may_pass(error):
    """Tell a failure of the line from what stays: a wrong address, proxy, certificate or header, a circle."""
    stays = isinstance(error, (ValueError, requests.TooManyRedirects)) or re.search("certificate|X509", str(error))
    return isinstance(error, requests.RequestException) and not stays


def _may_be_set_wrong(error, answer):
    """Tell whether what is set of proxies and certificates may be the cause: not where the server itself has spoken."""
    return not isinstance(error, Refused) if answer is None else answer.status_code in (407, 511)


class Refused(requests.RequestException):
    """An answer that came, and that cannot be used."""


def _append(part, size, answer):
    """Write an answer behind the bytes that have arrived, or in their place where it begins anew."""
    start = length(part) if answer.status_code == 206 else 0
    place, many = (answer.headers.get(f"Content-{key}") for key in ("Range", "Length"))
    if answer.status_code == 206 and place and not re.match(rf"\s*bytes\s+{start}-", place):
        part.unlink(missing_ok=True)  # this server would not go on with it
        raise Refused(f"the server sends {place!r} where the bytes from {start:,} on were asked for")
    if many and {n.strip() for n in many.split(",")} != {str(size - start)}:  # a server may say it twice
        # A page of another kind, perhaps: not one byte of it into the part.
        raise Refused(f"the server offers {many} bytes where {size - start:,} are expected")
    bar = tqdm(desc=part.stem, total=size, initial=start, unit="B", unit_scale=True)
    with naming(part), bar, open(part, "ab" if start else "wb") as sink, suppress(requests.RequestException):
        for piece in answer.iter_content(PIECE):
            bar.update(sink.write(piece))
            if sink.tell() > size:  # an answer that told no length; whoever checks the file finds it wrong
                break
    if length(part) < size:
        raise Refused(f"the connection ended after {length(part):,} of {size:,} bytes")
