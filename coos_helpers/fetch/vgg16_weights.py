"""The original weights of Oxford's VGG16 (Simonyan and Zisserman 2014): where they lie, and how they come there."""

import os
import socket
from contextlib import nullcontext
from pathlib import Path

import requests

from coos_helpers.store.files import alone

#: The 13 convolution layers as torchvision hands them out (`VGG16_Weights.IMAGENET1K_FEATURES`), 528 MB.
URL = "https://download.pytorch.org/models/vgg16_features-amdegroot-88682ab5.pth"

MISSING = "no weights of VGG16"  # how the message begins where they cannot be had


class WeightsError(RuntimeError):
    """Say why the weights cannot be had and what to do."""


def path():
    """Name the weights' file in torch's cache of models, which `TORCH_HOME` moves; or where `make book` put it."""
    home = Path(os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "torch")
    made = Path(os.environ.get("COOS_CACHE") or "~/.cache/coos7") / "torch"  # as the Makefile moves caches there
    named, other = (h.expanduser() / "hub" / "checkpoints" / URL.rpartition("/")[2] for h in (home, made))
    return other if other.exists() and not named.exists() else named


def at_hand(timeout=5):
    """Say whether the weights are in the cache, or their server answers within `timeout` seconds."""
    try:
        return path().exists() or requests.head(URL, timeout=timeout, allow_redirects=True).ok
    except requests.RequestException:
        return False


def load():
    """Read the weights, fetching them once if they are not here; else a WeightsError. A damaged file is left alone.

    Returns
    -------
    dict from names such as `features.0.weight` to tensors, of the 13 convolution layers.
    """
    import torch  # here, as it loads slowly, and the book's build asks only where the weights are

    file, silence = path(), socket.getdefaulttimeout()
    try:
        if not at_hand():
            raise ConnectionError("it is out of reach")
        socket.setdefaulttimeout(60)  # seconds without a byte; torch alone would wait for ever
        with nullcontext() if file.exists() else alone(file.parent, file.stem):
            state = torch.hub.load_state_dict_from_url(URL, str(file.parent), "cpu", check_hash=True, weights_only=True)
        return {name: values for name, values in state.items() if name.startswith("features.")}
    except Exception as error:  # zip, pickle, torch and the network raise many kinds
        damaged = f"{file}: found a damaged file ({type(error).__name__}). Delete it to fetch it again."
        absent = (
            f"{MISSING}: {URL} did not come ({error}). Put it into {file.parent}, or set TORCH_HOME to where it is."
        )
        raise WeightsError(damaged if file.exists() else absent) from error
    finally:
        socket.setdefaulttimeout(silence)
