"""Keep a training run's state so that a run killed at any moment goes on, and ends as if it never stopped."""

import os
import zipfile
from pathlib import Path

import torch

from coos_helpers import store


def file(folder, name, made_by):
    """Name the file of a run: other settings, data or code have another, and nothing is overwritten."""
    return Path(folder) / f"{name}-{made_by}.pt"


def save(path, state, made_by):
    """Write a state whole or not at all.

    Parameters
    ----------
    path : file, from `file`.
    state : dict of tensors, numbers, strings and lists and dicts of them.
    made_by : key of the model, its settings and its data, from `store.key`.
    """
    with store.atomic(path) as handle:
        torch.save({**state, "made_by": made_by}, handle)
        handle.flush()
        os.fsync(handle.fileno())


def states(**parts):
    """Collect the states of a model, an optimiser and whatever else has one, by name."""
    return {name: part.state_dict() for name, part in parts.items()}


def restore(state, **parts):
    """Give parts back the states that `states` collected; an empty one, as of a scaler without a GPU, says nothing."""
    for name, part in parts.items():
        if state[name]:
            part.load_state_dict(state[name])


def load(path, made_by, device="cpu"):
    """Read a state that the same model, settings and data left, or None where there is none.

    Raises
    ------
    ValueError : the file is damaged or of another run; it is named and left alone.
    """
    path = Path(path)
    if not path.exists():
        return None
    try:
        with zipfile.ZipFile(path) as archive:  # torch does not look at its checksums
            if damaged := archive.testzip():
                raise ValueError(f"{damaged} is damaged")
        state = torch.load(path, map_location=device, weights_only=True)
        found = state.pop("made_by")
    except Exception as error:  # pickle, zip and torch raise many kinds for damaged files
        raise ValueError(
            f"{path}: found a file that cannot be read ({type(error).__name__}); expected a checkpoint. "
            "It is left as it is: move it away to train anew."
        ) from error
    if found != made_by:
        raise ValueError(
            f"{path}: found a checkpoint of another model, other settings or other data ({found}); expected {made_by}. "
            "It is left as it is: move it away to train anew."
        )
    return state
