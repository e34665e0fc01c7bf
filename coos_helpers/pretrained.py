"""The original weights of Oxford's VGG16 (Simonyan and Zisserman 2014): where they lie, and how they come there."""

import os
from hashlib import file_digest
from pathlib import Path

import requests

from coos_helpers import store, transfer

#: The 13 convolution layers as torchvision hands them out (`VGG16_Weights.IMAGENET1K_FEATURES`), 528 MB.
URL = "https://download.pytorch.org/models/vgg16_features-amdegroot-88682ab5.pth"

MISSING = "no weights of VGG16"  # how the message begins where they cannot be had


class WeightsError(RuntimeError):
    """Say why the weights cannot be had and what to do."""


def path():
    """Name the weights' file in torch's cache of models, which `TORCH_HOME` moves; or where `make book` put it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    home = Path(os.environ.get("TORCH_HOME") or cache / "torch")
    made = Path(os.environ.get("COOS_CACHE") or "~/.cache/coos7") / "torch"  # as the Makefile moves caches there
    named, other = (h.expanduser() / "hub" / "checkpoints" / URL.rpartition("/")[2] for h in (home, made))
    return other if other.exists() and not named.exists() else named


def at_hand(timeout=5):
    """Say whether the weights are in the cache, or their server answers within `timeout` seconds."""
    return path().exists() or _size(timeout) is not None


def key(weights):
    """Condense weights into a key for what is made with them; None, for random ones, has a key of its own."""
    if weights is None:
        return "untrained"
    return store.key(weights={name: values.numpy() for name, values in weights.items()})


def load(timeout=5):
    """Read the weights, fetching them once if they are not here; a server out of reach is given up after `timeout` s.

    A download that breaks off goes on where it was when this is called again. A file that is in the cache already is
    taken as it is.

    Returns
    -------
    dict from names such as `features.0.weight` to tensors, of the 13 convolution layers.

    Raises
    ------
    WeightsError : no network, or a damaged file; it is named and left alone.
    """
    import torch

    file = path()
    if not file.exists():
        _fetch(file, timeout)
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
        return {name: values for name, values in state.items() if name.startswith("features.")}
    except Exception as error:  # zip, pickle and torch raise many kinds
        raise WeightsError(
            f"{file}: found a damaged file ({type(error).__name__}). Delete it to fetch it again."
        ) from error


def _fetch(file, timeout):
    size = _size(timeout)
    if size is None:
        raise WeightsError(
            f"{MISSING}: {URL} is out of reach. Fetch that file elsewhere and put it into {file.parent}, "
            "or set TORCH_HOME to a folder that has it."
        )
    part = file.with_name(f"{file.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        transfer.bring(URL, part, size)
    except transfer.DownloadError as error:
        raise WeightsError(f"{MISSING}: {error}") from error
    with open(part, "rb") as handle:
        found = file_digest(handle, "sha256").hexdigest()
    wanted = Path(URL).stem.rpartition("-")[2]  # the name ends with how its SHA-256 begins
    if not found.startswith(wanted):
        part.unlink()
        raise WeightsError(f"{MISSING}: what came from {URL} is not that file (SHA-256 {found[:8]}, not {wanted}).")
    os.replace(part, file)


def _size(timeout):
    """Ask the server for the file's length in bytes; None where it does not answer in time."""
    try:
        answer = requests.head(URL, timeout=timeout, allow_redirects=True)
        return int(answer.headers["Content-Length"]) if answer.ok else None
    except (requests.RequestException, KeyError, ValueError):
        return None
