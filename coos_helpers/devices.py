"""The machine that a network is trained on, and what to expect of it."""

import copy
from time import perf_counter

import torch


def choose(device=None):
    """Choose the device: the one that is named, else a GPU if there is one, else the CPU."""
    return torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))


def step(loss, optimiser, scaler):
    """Go one step down the loss; the scaler keeps small gradients alive where a GPU counts in 16 bits."""
    optimiser.zero_grad(set_to_none=True)
    scaler.scale(loss).backward()
    scaler.step(optimiser)
    scaler.update()


def announce(name, model, inputs, iterations, device):
    """Say before a training on a CPU how long it will take, and what to do if that is too long.

    Parameters
    ----------
    name : of the model.
    model : on the device; it is left as it is.
    inputs : tuple of tensors, a batch as the model gets it.
    iterations : steps to go.
    device : torch device; on a GPU nothing is said.
    """
    if device.type != "cpu" or not iterations:
        return
    trial, seconds = copy.deepcopy(model).train(), []
    for _ in range(2):  # the first step is slow: memory is asked for
        start = perf_counter()
        trial(*inputs).square().mean().backward()
        seconds.append(perf_counter() - start)
    minutes = seconds[-1] * iterations / 60
    text = f"{name}: {iterations:,} steps on this CPU take about {_spell(minutes)}."
    if minutes > 30:
        text += (
            " There is no GPU here: in Colab choose Runtime, Change runtime type, T4 GPU; elsewhere the profile quick "
            "trains a narrower network in minutes. You can stop at any time: training goes on from its last checkpoint."
        )
    print(text, flush=True)


def _spell(minutes):
    """Write minutes in words that fit their size."""
    if minutes < 1.5:
        return "a minute"
    return f"{minutes:.0f} minutes" if minutes < 90 else f"{minutes / 60:.0f} hours"
