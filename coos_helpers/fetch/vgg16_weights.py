"""The original weights of Oxford's VGG16 (Simonyan and Zisserman 2014): where they lie, and how they come there."""

import os
import socket
import zipfile
from contextlib import nullcontext
from pathlib import Path

import requests

from coos_helpers.fetch.http import settings
from coos_helpers.store.files import check_zip
from coos_helpers.store.lock import alone

#: The 13 convolution layers as torchvision hands them out (`VGG16_Weights.IMAGENET1K_FEATURES`), 528 MB.
URL = "https://download.pytorch.org/models/vgg16_features-amdegroot-88682ab5.pth"

#: The shapes of its parts: of the layer at each place, (filters, maps that they look at, 3, 3) and (filters,).
PLACES, MAPS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28), (3, *[64] * 2, *[128] * 2, *[256] * 3, *[512] * 6)
SHAPES = {
    f"features.{place}.{part}": shape
    for place, maps, filters in zip(PLACES, MAPS[:-1], MAPS[1:], strict=True)
    for part, shape in (("weight", (filters, maps, 3, 3)), ("bias", (filters,)))
}

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
    except (OSError, ValueError):  # a proxy or certificate that is none has many kinds
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
        if file.exists() and (not file.is_file() or zipfile.is_zipfile(file)):
            check_zip(file)  # torch compares no checksum of what is here already
        socket.setdefaulttimeout(60)  # seconds without a byte; torch alone would wait for ever
        with nullcontext() if file.exists() else alone(file.parent, file.stem):
            state = torch.hub.load_state_dict_from_url(URL, str(file.parent), "cpu", check_hash=True, weights_only=True)
        for name, shape in SHAPES.items():
            found = state.get(name)
            kind = f"{found.dtype} of shape {tuple(found.shape)}" if torch.is_tensor(found) else type(found).__name__
            if kind != f"torch.float32 of shape {shape}":
                raise WeightsError(f"{name} is {kind}; expected torch.float32 of shape {shape}")
            if found.device.type != "cpu" or found.layout != torch.strided or not found.isfinite().all():
                raise WeightsError(f"{name} has values that are not finite, or none; expected finite numbers")
        return {name: state[name] for name in SHAPES}
    except Exception as error:  # zip, pickle, torch and the network raise many kinds
        told = error if isinstance(error, WeightsError) else type(error).__name__
        damaged = f"{file}: found a damaged file, or other weights ({told}). Delete it to fetch it again."
        absent = f"{MISSING}: {URL} did not come ({error}).{settings()} Put it into {file.parent}, or set TORCH_HOME."
        raise WeightsError(damaged if file.exists() else absent) from error
    finally:
        socket.setdefaulttimeout(silence)
