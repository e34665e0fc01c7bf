"""Bring one address to one file over a line that may break, as often and as gently as is needed."""

import sys
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version

import requests
from tqdm import tqdm

TIMEOUT = (10, 60)  # seconds to connect, and between two pieces of an answer
TRIES = 6  # failures in a row without progress: about half a minute of waits
LONGEST_WAIT = 3600  # seconds; a server that asks for more is better asked on another day
PROGRESS = 1 << 20  # bytes that count as progress; with less, a dying line would go on for ever
PIECE = 1 << 14  # bytes; what a cut connection leaves of a piece is lost

#: What may pass by itself. Other exceptions of requests say that the address is wrong.
TRANSIENT = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.HTTPError,
)


class DownloadError(RuntimeError):
    """Say in one message what was tried, what came and what to do."""


def read(url):
    """Read a small answer whole.

    Returns
    -------
    bytes

    Raises
    ------
    DownloadError : the server refuses, or fails for too long.
    """
    return _persist(lambda: _get(url).content, url)


def bring(url, part, size):
    """Complete a file that may have arrived in part; what it holds is not checked here.

    Parameters
    ----------
    url : where the file lies.
    part : Path; its bytes are taken as the file's first, and the rest is asked for where the server can do so.
    size : bytes of the whole file. An answer of another length is not written.

    Raises
    ------
    DownloadError : the server refuses, or fails for too long; the part is kept.
    OSError : the part cannot be written.
    """
    _persist(lambda: _continue(url, part, size), f"{part.stem} from {url}", lambda: length(part))


def length(path):
    """Count the bytes of a file, 0 where there is none."""
    return path.stat().st_size if path.exists() else 0


def say(text):
    """Tell the person at the terminal; the standard output stays free for results."""
    print(text, file=sys.stderr, flush=True)


def wait(seconds):
    """Wait before asking again."""
    time.sleep(seconds)


def _continue(url, part, size):
    """Append to the part what is missing of it; start it anew where the server cannot continue."""
    start = length(part)
    if start > size:
        part.unlink()
        start = 0
    if start == size and part.exists():
        return
    with _get(url, start) as answer:
        start = start if answer.status_code == 206 else 0
        wrong_place = start and not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        if answer.status_code == 416 or wrong_place:
            part.unlink(missing_ok=True)
            raise requests.ConnectionError("the server cannot continue the file, which is started anew")
        offered = start + int(answer.headers.get("Content-Length", size - start))
        if offered != size:  # a page of another kind, perhaps: not one byte of it into the part
            raise requests.ConnectionError(f"the server offers {offered:,} bytes where {size:,} are expected")
        bar = tqdm(desc=part.stem, total=size, initial=start, unit="B", unit_scale=True, unit_divisor=1000)
        cause = None
        with bar, open(part, "ab" if start else "wb") as sink:
            try:
                for piece in answer.iter_content(PIECE):
                    sink.write(piece)
                    bar.update(len(piece))
            except requests.RequestException as error:
                cause = error
    if length(part) < size:
        raise requests.ConnectionError(f"the connection ended after {length(part):,} of {size:,} bytes") from cause


def _get(url, start=0):
    """Ask once, for the bytes from `start` on."""
    # Without "identity" a server may compress, and a position in the answer would be none in the file.
    headers = {"User-Agent": _user_agent(), "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    answer = requests.get(url, headers=headers, timeout=TIMEOUT, stream=True)
    if answer.status_code in (200, 206, 416):
        return answer
    answer.close()
    raise requests.HTTPError(f"the server answered {answer.status_code} {answer.reason}", response=answer)


def _persist(step, what, progress=lambda: 0):
    """Repeat a step until it succeeds, waiting longer each time, while its failures are of a kind that passes."""
    failures, furthest = 0, progress()
    while True:
        try:
            return step()
        except requests.RequestException as error:
            if progress() >= furthest + PROGRESS:
                failures, furthest = 0, progress()
            failures += 1
            asked = _retry_after(error.response)
            seconds = 2.0 ** (failures - 1) if asked is None else asked
            if not _may_pass(error) or failures == TRIES or seconds > LONGEST_WAIT:
                times = "once" if failures == 1 else f"{failures} times"
                patience = f" The server asks for {seconds / 3600:.1f} hours of patience." if asked else ""
                raise DownloadError(f"Tried {times} to get {what}: {_reason(error)}.{patience}") from error
            say(f"{what}: {_reason(error)}. Trying again in {seconds:.0f} s ({failures} of {TRIES - 1}).")
            wait(seconds)


def _may_pass(error):
    """Tell whether asking again may help: not where the server says that the request itself is wrong."""
    if error.response is None:
        return isinstance(error, TRANSIENT)
    return error.response.status_code == 429 or error.response.status_code >= 500


def _reason(error):
    """Word an exception of requests for a reader; its own words for a missing connection name Python objects."""
    inner = getattr(error.args[0], "reason", None) if error.args else None
    return f"no connection ({str(inner).split(': ', 1)[-1]})" if inner else str(error)


def _retry_after(answer):
    """Read the seconds a server asks to wait, from a number or an HTTP date; None where it asks nothing."""
    text = answer.headers.get("Retry-After", "").strip() if answer is not None else ""
    if text.isdecimal():
        return float(text)
    try:
        then = parsedate_to_datetime(text)
    except ValueError:
        return None
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max(0.0, (then - datetime.now(UTC)).total_seconds())


def _user_agent():
    """Name the project to the server: Zenodo turns nameless clients away sooner."""
    try:
        return f"coos7-book/{version('coos-helpers')}"
    except PackageNotFoundError:  # a checkout that was not installed
        return "coos7-book/unreleased"
