"""Paired cell inpainting, PCI: features learned without labels, by painting one cell's protein from another's.

Shown a source cell's protein and marker and a target cell's marker alone, the network predicts the target's protein.
Both cells come from the same well, so that what they share is where the protein lies (Lu et al. 2019, PLOS
Computational Biology; layers and constants as in github alexxijielu/paired_cell_inpainting, yeast model).
"""

import math

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from coos_helpers.representations import training
from coos_helpers.representations.pairs import augment, groups_of, pairs, partners, view
from coos_helpers.representations.stretch import extremes, stretch
from coos_helpers.store.keys import key

VERSION = 2  # of what `train` makes of the same cells and settings: raise it when weights would come out otherwise
#: The source encoder's convolutions and the length of their features at width 1, in order.
WIDTHS = {"conv1": 96, "conv2": 256, "conv3": 384, "conv4": 384, "conv5": 256}


class PairedCellInpainting(nn.Module):
    """Two encoders and a decoder; 7,320,609 trainable parameters.

    Parameters
    ----------
    width, painter : factors of the number of channels: of the source's encoder, and of the rest, which paints (as wide
        when None). The paper's are 1; less is for machines without a GPU.
    coarse : pixels along a side that are averaged to one before the network sees them; the paper's is 1.
    """

    def __init__(self, width=1.0, painter=None, coarse=1):
        super().__init__()
        self.width, painter = width, painter or width
        self.source = _encoder(2, lengths(width).values(), coarse)
        self.marker = _encoder(1, [max(1, round(painter * channels)) for channels in (16, 32, 32)], coarse)
        layers, before = [], self.source[-1].num_features + self.marker[-1].num_features
        for channels, grow in ((256, False), (384, False), (384, True), (256, True), (96, False)):
            channels = max(1, round(painter * channels))
            layers += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU(inplace=True)]
            layers += [nn.Upsample(scale_factor=2)] * grow
            before = channels
        layers += [nn.Conv2d(before, 1, 1)] + [nn.Upsample(scale_factor=coarse)] * (coarse > 1)
        self.decoder = nn.Sequential(*layers)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def encode(self, cells):
        """Give the maxima over space of the source encoder's five layers, after ReLU and before batch norm: (n, d)."""
        maxima = []
        for layer in self.source:
            cells = layer(cells)
            if isinstance(layer, nn.ReLU):
                maxima.append(cells.amax((2, 3)))
        return maxima

    def forward(self, source, marker):
        """Paint the target's protein (n, 1, 64, 64) from the source (n, 2, 64, 64) and its marker (n, 1, 64, 64)."""
        return self.decoder(torch.cat([self.source(source), self.marker(marker)], 1))


def _encoder(before, widths, coarse):
    """Stack convolutions with ReLU and batch norm with Keras' constants; the first two halve the grid."""
    layers = [nn.AvgPool2d(coarse)] * (coarse > 1)
    for i, width in enumerate(widths):
        layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)]
        layers += [nn.MaxPool2d(2)] * (i < 2)
        before = width
    return nn.Sequential(*layers)


def train(
    images, groups, folder, width=1.0, painter=None, coarse=1, epochs=30, rate=1e-4, falling=False, clip=None,
    batch=64, seed=0, device=None, save_every=200, progress=True,
):  # fmt: skip
    """Train the network to paint cells; it is given no labels.

    Parameters
    ----------
    images, groups : (N, 2, 64, 64) uint16, protein and marker; (N,) names of what a source and its target share.
    folder : of checkpoints. A run that was stopped goes on from its own; one that was finished is read.
    width, painter, coarse : of the network. What is not the paper's is for machines without a GPU, and its results
        carry the numbers.
    epochs, rate, batch : the original's are 30, 1e-4 and 64. Epochs may be a fraction, and 0 gives the untrained
        network; a last incomplete batch of an epoch runs into the next.
    falling : whether the rate rises in the first tenth and then falls as a cosine does; the original's stays.
    clip : as for `training.train`; the original has none. At a high rate one odd batch may end a training without it.
    seed, save_every : of weights, order, pairs and flips; iterations between checkpoints.
    device, progress : torch device, a GPU if there is one when None; whether a progress bar is drawn on stderr.

    Returns
    -------
    The network with its last weights, on `device` (no validation chooses among them), and the history of
    `training.train`; the loss is the mean squared error of the target's protein, min-max rescaled to [0, 1].

    Raises
    ------
    ValueError : no groups, or none with two cells; a damaged checkpoint, which is named and left alone.
    """
    device = training.choose_device(device)
    members, sources = pairs(groups)
    settings = [width, painter, coarse, epochs, rate, falling, clip, batch, seed]
    made_by = key(inpainting=VERSION, data=[np.asarray(images), np.asarray(groups)], settings=settings)
    cells = training.put(images, device)
    bounds = extremes(cells)
    torch.manual_seed(seed)
    model = PairedCellInpainting(width, painter, coarse).to(device, memory_format=torch.channels_last)
    iterations = round(epochs * len(sources) / batch)

    def loss_of(iteration):
        rng = np.random.default_rng([seed, 1, iteration])
        source = sources[training.batch_of(len(sources), batch, iteration, seed)]
        target = partners(source, members, rng)
        shown, goal = (augment(cells, bounds, chosen, rng) for chosen in (source, target))
        return nn.functional.mse_loss(model(shown, goal[:, 1:]).float(), goal[:, :1])

    return model, training.train(
        model, loss_of, iterations, folder, made_by, name="pci", save_every=save_every, betas=(0.5, 0.999), clip=clip,
        rate=lambda iteration: rate * (_rise_and_fall(iteration / iterations) if falling else 1), progress=progress,
    )  # fmt: skip


def _rise_and_fall(done):
    """Give the part of the highest rate when a part of the training is done: a line up, then half a cosine."""
    return (done + 1e-3) / 0.101 if done < 0.1 else 0.5 + 0.5 * math.cos(math.pi * (done - 0.1) / 0.9)


@torch.inference_mode()
def features(split, model, batch=256, progress=True):
    """Describe each cell by the maxima over space of the source encoder's five layers.

    Parameters
    ----------
    split, model, batch, progress : a `Split`; from `train`; cells at once; whether a progress bar is drawn on stderr.

    Returns
    -------
    dict from layer (`conv1` ... `conv5`) to (N, d) float32, d as in `WIDTHS` times the network's width.
    """
    model.eval()
    device, parts = next(model.parameters()).device, []
    for start in tqdm(range(0, len(split), batch), f"PCI of {split.name}", unit=" batches", disable=not progress):
        cells = training.put(split.images[start : start + batch], device)
        parts.append(model.encode(stretch(cells, extremes(cells))))
    return {layer: torch.cat(part).cpu().numpy() for layer, *part in zip(WIDTHS, *parts, strict=True)}


def lengths(width=1.0):
    """Give each layer's number of features at a width of the network: dict from layer to int, in order."""
    return {layer: max(1, round(width * channels)) for layer, channels in WIDTHS.items()}


@torch.inference_mode()
def painting_error(split, model, seed=0, batch=256):
    """Measure how well a network paints a split's cells, each from another cell of its well.

    Parameters
    ----------
    split, model : a `Split`, where a ValueError says if it has no wells of two cells; from `train`.
    seed, batch : of partners and flips; cells at once.

    Returns
    -------
    The mean squared error of the target's protein, min-max rescaled to [0, 1], over all cells that have a partner.
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
