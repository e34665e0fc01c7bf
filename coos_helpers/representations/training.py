"""The one training loop, of DeepLoc and of paired cell inpainting, and what it stands on.

A training that is stopped, however rudely, goes on from its last checkpoint and ends with the same bits: what is drawn
for an iteration depends on the seed and the iteration's number alone, and a checkpoint holds all that a step changes.
"""

import io
import os
import time
from copy import deepcopy
from pathlib import Path
from threading import Thread

import numpy as np
import torch
from joblib import Parallel, cpu_count, delayed, parallel_config
from tqdm import tqdm

from coos_helpers.store.files import atomic, check_zip
from coos_helpers.store.lock import alone

LARGE = 1_000_000  # parameters; more than that is a matter for a GPU

HINT = (
    "{}: there is no GPU here, and a network of {:,} parameters takes long without one. In Colab choose Runtime, "
    "Change runtime type, T4 GPU; elsewhere the profile quick trains a narrower network. You can stop at any time: "
    "training goes on from its last checkpoint."
)


def train(
    network, loss_of, iterations, folder, made_by, *, name, rate, save_every, betas=(0.9, 0.999), clip=None,
    judge=None, progress=True,
):  # fmt: skip
    """Train a network with Adam, from its last checkpoint if it has one.

    Parameters
    ----------
    network : torch module with its first weights, on its device.
    loss_of : function of an iteration's number that gives the loss of its batch, a tensor; it draws from nothing but
        a generator seeded by that number.
    iterations : steps of the whole training.
    folder, name : where the checkpoint lies, and how it and the progress bar are called.
    made_by : key of all that makes the network, from `store.key`; another key has another checkpoint.
    rate : function of an iteration's number that gives Adam's learning rate.
    save_every : iterations between checkpoints; the first is written after iteration 0, the last after the last.
    betas : of Adam.
    clip : the largest norm of a step's gradient; a longer one is shortened to it. None for no limit.
    judge : function of the network that gives its error, which is asked at every multiple of `save_every`, 0 included:
        the weights with the lowest error are kept, of equal ones the later. When None, the last weights are.
    progress : whether a bar with the loss and the time left is drawn on stderr.

    Returns
    -------
    history : dict with `loss`, one an iteration, `checkpoints`, the iterations at which a judge was asked, and
        `held_out`, its errors. The network has its final weights, is switched to evaluation, and carries `made_by`.

    Raises
    ------
    ValueError : the checkpoint is damaged or of another run; it is named and left alone.
    """
    device = next(network.parameters()).device
    on_gpu = device.type == "cuda"
    optimiser = torch.optim.Adam(network.parameters(), betas=betas)
    scaler = torch.amp.GradScaler(enabled=on_gpu)  # keeps small gradients alive where a GPU counts in 16 bits
    parts = {"network": network, "optimiser": optimiser, "scaler": scaler}
    start, best, history = 0, None, {"loss": [], "checkpoints": [], "held_out": []}
    path = Path(folder) / f"{name}-{made_by}.pt"
    with alone(folder, path.stem):  # who trains the same network at the same time waits, and finds it trained
        if path.exists():
            state = _load(path, made_by, device)
            start, best, history = state["iteration"], state["best"], state["history"]
            for part in parts:
                if state[part]:  # the scaler of a CPU has an empty state, at which that of a GPU would choke
                    parts[part].load_state_dict(state[part])
        size = sum(parameter.numel() for parameter in network.parameters())
        if start < iterations and not on_gpu and size > LARGE:
            print(HINT.format(name, size), flush=True)
        silent = not progress or start == iterations
        bar = tqdm(range(start, iterations), name, iterations, initial=start, unit=" steps", disable=silent)
        for iteration in bar:
            network.train()
            optimiser.param_groups[0]["lr"] = rate(iteration)
            with torch.autocast(device.type, enabled=on_gpu):
                loss = loss_of(iteration)
            optimiser.zero_grad()
            scaler.scale(loss).backward()
            if clip:
                scaler.unscale_(optimiser)
                torch.nn.utils.clip_grad_norm_(network.parameters(), clip)
            scaler.step(optimiser)
            scaler.update()
            history["loss"].append(loss.item())
            bar.set_postfix(loss=f"{loss.item():.4f}", refresh=False)
            due = iteration % save_every == 0
            if due and judge:
                history["checkpoints"].append(iteration)
                history["held_out"].append(judge(network))
                if history["held_out"][-1] == min(history["held_out"]):
                    best = deepcopy(network.state_dict())
            if due or iteration == iterations - 1:
                state = {part: parts[part].state_dict() for part in parts}
                _save(path, state | {"iteration": iteration + 1, "best": best, "history": history, "made_by": made_by})
    if best:
        network.load_state_dict(best)
    network.made_by = made_by
    network.eval()
    return history


def side_by_side(train_one, seeds, *args, **settings):
    """Train a network for each seed: several at once without a GPU, each on its part of the cores.

    Parameters
    ----------
    train_one : `deeploc.train` or `inpainting.train`. seeds : a list. args, settings : what it takes besides the seed.

    Returns
    -------
    list of (network, history), one a seed. With a core or less for each, they are the same bits as one after another.
    """
    at_once = 1 if torch.cuda.is_available() else min(len(seeds), cpu_count())
    how = {"threads": cpu_count() // at_once, "parent": os.getpid()}
    with parallel_config("loky", n_jobs=at_once):
        return Parallel()(delayed(_one)(train_one, args, settings | {"seed": seed}, **how) for seed in seeds)


def _one(train_one, args, settings, threads, parent):
    """Train one network on some threads, and end with the parent where this is another process."""

    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    if os.getpid() != parent:
        Thread(target=watch, daemon=True).start()
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return train_one(*args, **settings)
    finally:
        torch.set_num_threads(before)


def _save(path, state):
    """Write a checkpoint whole or not at all, and onto the disk before it gets its name."""
    held = io.BytesIO()  # on a full disk, torch's own way of writing says nothing of the disk
    torch.save(state, held)
    with atomic(path) as handle:
        handle.write(held.getbuffer())
        handle.flush()
        os.fsync(handle.fileno())


def _load(path, made_by, device):
    """Read the checkpoint that the same run left; a ValueError where the file is anything else."""
    try:
        state = torch.load(check_zip(path), map_location=device, weights_only=True)
        if state["made_by"] != made_by:
            raise ValueError(state["made_by"])
        return state
    except Exception as error:  # pickle, zip and torch raise many kinds for damaged files
        raise ValueError(
            f"{path}: found a damaged file or the checkpoint of another run ({error!r}); expected that of {made_by}. "
            "It is left as it is: move it away to train anew."
        ) from error


def choose_device(device=None):
    """Choose where to compute: on the `device` that is named, else on a GPU if there is one, else on the CPU."""
    return torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))


def put(images, device):
    """Put raw images (n, ..., H, W) uint16 on the device, as int16 with the same bits: two bytes a pixel.

    Torch knows few operations on uint16; `counts` gives the numbers back.
    """
    return torch.from_numpy(np.array(images, order="C").view(np.int16)).to(device)


def counts(cells):
    """Turn cells on the device, from `put`, back into counts: float32 of the same shape."""
    return (cells.int() & 0xFFFF).float()


def batch_of(n, size, iteration, seed):
    """Take an iteration's `size` cells of n from an endless sequence of shufflings: (size,) int64, from 0 to n - 1.

    It depends on nothing but the arguments: a run that was stopped needs no state of a generator to go on.
    """
    places = np.arange(iteration * size, (iteration + 1) * size)
    orders = {epoch: np.random.default_rng([seed, 0, epoch]).permutation(n) for epoch in np.unique(places // n)}
    return np.array([orders[place // n][place % n] for place in places])
