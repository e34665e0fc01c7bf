"""Paired cell inpainting, PCI: features learned without labels, by painting one cell's protein from another's.

Shown a source cell's protein and marker and a target cell's marker alone, the network predicts the target's protein.
Both cells come from the same well, so that what they share is where the protein lies (Lu et al. 2019, PLOS
Computational Biology; layers and constants as in github alexxijielu/paired_cell_inpainting, yeast model).
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from coos_helpers import checkpoint, devices, resident, store

#: The source encoder's convolutions and the length of their features at width 1, in order.
WIDTHS = {"conv1": 96, "conv2": 256, "conv3": 384, "conv4": 384, "conv5": 256}

BETA1 = 0.5  # of Adam


class PairedCellInpainting(nn.Module):
    """Two encoders and a decoder; 7,320,609 trainable parameters at width 1.

    Parameters
    ----------
    width : factor of the number of channels, for machines without a GPU; results with another width than 1 are not
        the paper's and carry it.
    """

    def __init__(self, width=1.0):
        super().__init__()
        self.width = width
        self.source = nn.ModuleList(_encoder(2, list(lengths(width).values())))
        self.marker = nn.ModuleList(_encoder(1, [max(1, round(width * w)) for w in (16, 32, 32)]))
        layers, before = [], self.source[-1].out_channels + self.marker[-1].out_channels
        for channels, grow in ((256, False), (384, False), (384, True), (256, True), (96, False)):
            channels = max(1, round(width * channels))
            layers += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU(inplace=True)]
            layers += [nn.Upsample(scale_factor=2)] * grow
            before = channels
        self.decoder = nn.Sequential(*layers, nn.Conv2d(before, 1, 1))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def encode(self, cells):
        """Give the source encoder's output and each of its layers' maxima over space, after ReLU and before norm."""
        maxima = []
        for block in self.source:
            cells, activation = block(cells)
            maxima.append(activation.amax((2, 3)))
        return cells, maxima

    def forward(self, source, marker):
        """Paint the target's protein (n, 1, 64, 64) from the source (n, 2, 64, 64) and its marker (n, 1, 64, 64)."""
        for block in self.marker:
            marker, _ = block(marker)
        return self.decoder(torch.cat([self.encode(source)[0], marker], 1))


class _Block(nn.Module):
    """A convolution, ReLU, batch norm with Keras' constants, and a pooling where the network halves its grid."""

    def __init__(self, before, channels, pool):
        super().__init__()
        self.convolution = nn.Conv2d(before, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)
        self.pool = pool
        self.out_channels = channels

    def forward(self, x):
        activation = functional.relu(self.convolution(x))
        x = self.norm(activation)
        return (functional.max_pool2d(x, 2) if self.pool else x), activation


def _encoder(channels, widths):
    """Make an encoder's blocks; the first two halve the grid."""
    return [
        _Block(before, width, i < 2) for i, (before, width) in enumerate(zip([channels, *widths], widths, strict=False))
    ]


def train(
    images,
    groups,
    folder,
    width=1.0,
    epochs=30,
    rate=1e-4,
    batch=64,
    seed=0,
    device=None,
    save_every=200,
    progress=True,
):
    """Train the network to paint cells; it is given no labels.

    Parameters
    ----------
    images : (N, 2, 64, 64) uint16, channel 0 the protein and channel 1 the marker.
    groups : (N,) names of what a source and its target share, from `groups_of`.
    folder : of checkpoints. A run that was stopped goes on from its own; one that was finished is read.
    width : of the network.
    epochs, rate, batch : the original's are 30, 1e-4 and 64. Epochs may be a fraction, and 0 gives the untrained
        network; a last incomplete batch of an epoch runs into the next.
    seed : of weights, order, pairs and flips.
    device : torch device; a GPU if there is one, when None.
    save_every : iterations between checkpoints.
    progress : whether a progress bar is drawn on stderr.

    Returns
    -------
    The network with its last weights, on `device` (no validation chooses among them), and the history: dict with `loss`
    (one an iteration: the mean squared error of the target's protein, min-max rescaled to [0, 1]) and `key` (of all
    that made the network).

    Raises
    ------
    ValueError : no groups, or none with two cells; a damaged checkpoint, which is named and left alone.
    """
    device = devices.choose(device)
    members, sources = pairs(groups)
    made_by = store.key(
        data=[np.asarray(images), np.asarray(groups)],
        settings=[width, epochs, rate, batch, seed],
        code=store.source_key("inpainting", "resident"),
    )
    path = checkpoint.file(folder, "pci", made_by)
    torch.manual_seed(seed)
    model = PairedCellInpainting(width).to(device, memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(model.parameters(), lr=rate, betas=(BETA1, 0.999), eps=1e-8)
    scaler = torch.amp.GradScaler(enabled=device.type == "cuda")
    history, start, iterations = {"loss": [], "key": made_by}, 0, round(epochs * len(sources) / batch)
    if state := checkpoint.load(path, made_by, device):
        history, start = state["history"], state["iteration"]
        checkpoint.restore(state, model=model, optimiser=optimiser, scaler=scaler)
    if start == iterations:
        return model.eval(), history
    cells = resident.put(images, device)
    bounds = extremes(cells)
    trial = look(cells, bounds, sources[:batch], np.random.default_rng(seed))
    devices.announce("PCI", model, (trial, trial[:, 1:]), iterations - start, device)
    with tqdm(total=iterations, initial=start, desc="PCI", unit=" steps", disable=not progress) as bar:
        for iteration in range(start, iterations):
            rng = np.random.default_rng([seed, 1, iteration])
            source = sources[resident.batch(len(sources), batch, iteration, seed)]
            target = partners(source, members, rng)
            x, y = (look(cells, bounds, chosen, rng) for chosen in (source, target))
            model.train()
            with torch.autocast(device.type, enabled=device.type == "cuda"):
                painted = model(x, y[:, 1:])
                loss = functional.mse_loss(painted.float(), y[:, :1])
            devices.step(loss, optimiser, scaler)
            history["loss"].append(loss.item())
            if (iteration + 1) % save_every == 0 or iteration == iterations - 1:
                now = checkpoint.states(model=model, optimiser=optimiser, scaler=scaler)
                checkpoint.save(path, now | {"history": history, "iteration": iteration + 1}, made_by)
            bar.update()
            bar.set_postfix(loss=f"{history['loss'][-1]:.4f}", refresh=False)
    return model.eval(), history


def groups_of(split, pair_by="well"):
    """Name what a source and its target share, (N,) str.

    Parameters
    ----------
    split : a `Split`.
    pair_by : `well`, the nearest thing to the original's images; `class` hands the labels to a method that is meant to
        do without, and what is made so must carry that word.

    Raises
    ------
    ValueError : no wells are known, or another word.
    """
    if pair_by == "class":
        return np.array(split.class_names)[split.labels]
    if pair_by != "well":
        raise ValueError(f"found pair_by = {pair_by!r}; expected 'well' or 'class'.")
    if split.well_ids is None:
        raise ValueError(
            f"{split.path or split.name}: found no plates and wells; paired cell inpainting pairs cells of one well. "
            "Pairing by class would hand the labels to a method that is meant to do without: ask for it by name, "
            "pair_by='class'."
        )
    return split.well_ids


def pairs(groups):
    """Sort cells by group for drawing partners.

    Returns
    -------
    `(order, first, size, place)` for `partners`, and the indices of the cells that have a partner at all.

    Raises
    ------
    ValueError : no group has two cells.
    """
    _, group = np.unique(groups, return_inverse=True)
    order = np.argsort(group, kind="stable")
    size = np.bincount(group)
    first = np.cumsum(size) - size
    place = np.empty(len(group), np.int64)
    place[order] = np.arange(len(group)) - first[group[order]]
    sources = np.flatnonzero(size[group] > 1)
    if not len(sources):
        raise ValueError("found no well with two cells; paired cell inpainting needs pairs from one well.")
    return (order, first[group], size[group], place), sources


def partners(source, members, rng):
    """Draw each source cell's target, uniformly from the other cells of its group: indices (n,)."""
    order, first, size, place = (values if i == 0 else values[source] for i, values in enumerate(members))
    step = rng.integers(1, size)
    return order[first + (place + step) % size]


def features(split, model, batch=256, progress=True):
    """Describe each cell by the maxima over space of the source encoder's five layers.

    Returns
    -------
    dict from layer (`conv1` ... `conv5`) to (N, d) float32, d as in `WIDTHS` times the network's width.
    """
    device = next(model.parameters()).device
    parts = []
    model.eval()
    with tqdm(total=len(split), desc=f"PCI of {split.name}", unit=" cells", disable=not progress) as bar:
        for indices, images in split.batches(batch):
            cells = resident.put(images, device)
            x = _stretch(resident.counts(cells), extremes(cells)).contiguous(memory_format=torch.channels_last)
            with torch.inference_mode():
                parts.append([maxima.cpu().numpy() for maxima in model.encode(x)[1]])
            bar.update(len(indices))
    return {layer: np.concatenate(part) for layer, part in zip(WIDTHS, zip(*parts, strict=True), strict=True)}


def lengths(width=1.0):
    """Give each layer's number of features at a width, in order."""
    return {layer: max(1, round(width * channels)) for layer, channels in WIDTHS.items()}


def view(images, rng):
    """Show images as the training does: each channel from 0 to 1, flipped at random.

    images: (n, 2, 64, 64) uint16. rng: numpy generator. Returns (n, 2, 64, 64) float32, a tensor on the CPU.
    """
    cells = resident.put(images, "cpu")
    return look(cells, extremes(cells), np.arange(len(cells)), rng)


@torch.inference_mode()
def painting_error(split, model, seed=0, batch=256):
    """Measure how well a network paints a split's cells, each from another cell of its well.

    Returns
    -------
    The mean squared error of the target's protein, min-max rescaled to [0, 1], over all cells that have a partner.

    Raises
    ------
    ValueError : no wells are known, or none has two cells.
    """
    members, sources = pairs(groups_of(split))
    rng, device, total = np.random.default_rng(seed), next(model.parameters()).device, 0.0
    model.eval()
    for start in range(0, len(sources), batch):
        chosen = sources[start : start + batch]
        targets = partners(chosen, members, rng)
        source, target = (view(split.images[cells], rng).to(device) for cells in (chosen, targets))
        total += float((model(source, target[:, 1:]) - target[:, :1]).square().mean((1, 2, 3)).sum())
    return total / len(sources)


def extremes(cells):
    """Find each resident image's and channel's minimum and maximum, (n, channels, 2) float32, some cells at a time."""
    parts = (resident.counts(part).flatten(2).aminmax(dim=-1) for part in cells.split(1024))
    return torch.cat([torch.stack(part, -1) for part in parts])


def _stretch(counts, bounds):
    """Rescale each image and channel from its minimum and maximum (n, channels, 2) to [0, 1]; constant ones to 0."""
    low, high = (bounds[..., side, None, None] for side in (0, 1))
    return (counts - low) / torch.where(high > low, high - low, 1)


def look(cells, bounds, chosen, rng):
    """Rescale the chosen cells and flip each left-right and up-down with a chance of one half, (n, 2, 64, 64)."""
    at = torch.from_numpy(chosen).to(cells.device)
    x = _stretch(resident.counts(cells[at]), bounds[at])
    for axis in (2, 3):
        flip = torch.from_numpy(rng.integers(0, 2, len(chosen)).astype(bool)).to(cells.device)
        x = torch.where(flip[:, None, None, None], x.flip(axis), x)
    return x.contiguous(memory_format=torch.channels_last)
