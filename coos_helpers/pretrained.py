"""The original weights of Oxford's VGG16 (Simonyan and Zisserman 2014): where they lie, and how they come there."""

import os
from pathlib import Path

import requests

#: The 13 convolution layers as torchvision hands them out (`VGG16_Weights.IMAGENET1K_FEATURES`), 528 MB.
URL = "https://download.pytorch.org/models/vgg16_features-amdegroot-88682ab5.pth"

MISSING = "no weights of VGG16"  # how the message begins where they cannot be had


class WeightsError(RuntimeError):
    """Say why the weights cannot be had and what to do."""


def path():
    """Name the weights' file in torch's cache of models, which `TORCH_HOME` moves."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    home = Path(os.environ.get("TORCH_HOME") or cache / "torch").expanduser()
    return home / "hub" / "checkpoints" / URL.rpartition("/")[2]


def at_hand(timeout=5):
    """Say whether the weights are in the cache, or their server answers within `timeout` seconds."""
    if path().exists():
        return True
    try:
        return requests.head(URL, timeout=timeout, allow_redirects=True).ok
    except requests.RequestException:
        return False


def load(timeout=5):
    """Read the weights, fetching them once if they are not here; a server out of reach is given up after `timeout` s.

    Returns
    -------
    dict from names such as `features.0.weight` to tensors, of the 13 convolution layers.

    Raises
    ------
    WeightsError : no network, or a damaged file; it is named and left alone.
    """
    import torch

    file = path()
    # torch's own download waits for minutes where there is no network.
    if not at_hand(timeout):
        raise WeightsError(
            f"{MISSING}: {URL} is out of reach. Fetch that file elsewhere and put it into {file.parent}, "
            "or set TORCH_HOME to a folder that has it."
        )
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(URL, file, file.stem.rpartition("-")[2])
        state = torch.load(file, map_location="cpu", weights_only=True)
        return {name: values for name, values in state.items() if name.startswith("features.")}
    except Exception as error:  # zip, pickle, torch and the network raise many kinds
        if file.exists():
            raise WeightsError(
                f"{file}: found a damaged file ({type(error).__name__}). Delete it to fetch it again."
            ) from error
        raise WeightsError(f"{MISSING}: the download broke off ({error}). Try again.") from error
