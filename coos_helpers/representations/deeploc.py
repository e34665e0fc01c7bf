"""DeepLoc, an 11-layer network trained end to end (Kraus et al. 2017; paper, section 3.1).

Layers, constants and oddities follow github okraus/DeepLoc (DeepLoc_train.py, nn_layers.py, preprocess_images.py):
the learning rate starts at 0.1 and has all but vanished after 5,000 iterations, a crop's offset is never 4 and a turn
never three quarters, and the last 499 iterations are never looked at.
"""

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from coos_helpers.metrics.folds import hold_out
from coos_helpers.metrics.scores import balanced_error
from coos_helpers.representations import training
from coos_helpers.representations.batch_norm import BatchNorm
from coos_helpers.representations.stretch import percentiles, stretch
from coos_helpers.store.keys import key

VERSION = 2  # of what `train` makes of the same cells and settings: raise it when weights would come out otherwise
CROP = 60
CORNERS = ((2, 2), (0, 0), (0, 4), (4, 0), (4, 4))  # where the five crops of a test image begin: centre, corners


class DeepLoc(nn.Module):
    """Eight convolutions and three fully connected layers, from crops to a class; 10,985,237 trainable parameters.

    Parameters
    ----------
    n_channels, n_classes : of the images and the data set.
    width : factor of the number of channels, for machines without a GPU; the paper's is 1, and results carry another.
    coarse : pixels along a side that are averaged to one before the network sees them, a divisor of 60; the paper's is
        1, and more is for machines without a GPU.
    """

    def __init__(self, n_channels=2, n_classes=7, width=1.0, coarse=1):
        super().__init__()
        self.width = width
        layers, before, side = [nn.AvgPool2d(coarse)] * (coarse > 1), n_channels, CROP // coarse
        for channels, count in ((64, 2), (128, 2), (256, 4)):
            channels = max(1, round(width * channels))
            for _ in range(count):
                layers += [nn.Conv2d(before, channels, 3, padding=1), BatchNorm(channels), nn.ReLU(inplace=True)]
                before = channels
            layers.append(nn.MaxPool2d(2, ceil_mode=True))  # 60, 30, 15, 8: TensorFlow's SAME
            side = -(-side // 2)
        hidden = max(1, round(width * 512))
        self.convolutions = nn.Sequential(*layers)
        self.fc1 = nn.Sequential(nn.Flatten(), nn.Linear(side**2 * before, hidden), BatchNorm(hidden), nn.ReLU())
        self.fc2 = nn.Sequential(nn.Linear(hidden, hidden), BatchNorm(hidden), nn.ReLU())
        self.logits = nn.Sequential(nn.Linear(hidden, n_classes), BatchNorm(n_classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.1, a=-0.2, b=0.2)
                nn.init.constant_(module.bias, 0.1)

    def features(self, crops):
        """Give the last hidden layer, FC2, of crops (n, channels, 60, 60): (n, 512 x width)."""
        return self.fc2(self.fc1(self.convolutions(crops)))

    def forward(self, crops):
        """Give the logits of crops (n, channels, 60, 60): (n, classes)."""
        return self.logits(self.features(crops))


def train(
    images, labels, folder, n_classes=7, width=1.0, coarse=1, iterations=10_000, decay_every=25, save_every=500,
    batch=128, seed=0, device=None, progress=True,
):  # fmt: skip
    """Train DeepLoc on four fifths of a training set and choose among its checkpoints by the last fifth.

    Parameters
    ----------
    images, labels : (N, 2, 64, 64) uint16 and (N,) int64.
    folder : of checkpoints. A run that was stopped goes on from its own; one that was finished is read.
    n_classes, width, coarse, seed : as `DeepLoc` has them; of weights, the held-out fifth, order and augmentation.
    iterations, decay_every, save_every, batch : the original's are 10,000, 25, 500 and 128. A shorter run keeps its
        schedule's form if the first three shrink in proportion; `decay_every` may be a fraction.
    device, progress : torch device, a GPU if there is one when None; whether a progress bar is drawn on stderr.

    Returns
    -------
    The network with the best checkpoint's weights, on `device`, and the history of `training.train`; `held_out` is the
    balanced error on the last fifth, by the centre crop, as the paper leaves the selection's measure open.

    Raises
    ------
    ValueError : the checkpoint is damaged; it is named and left alone.
    """
    device = training.choose_device(device)
    settings = [n_classes, width, coarse, iterations, decay_every, save_every, batch, seed]
    made_by = key(deeploc=VERSION, data=[np.asarray(images), np.asarray(labels)], settings=settings)
    fit, held_out = hold_out(labels, seed)
    cells, targets = training.put(images[fit], device), torch.from_numpy(labels[fit]).to(device)
    bounds = percentiles(cells)
    torch.manual_seed(seed)
    model = DeepLoc(images.shape[1], n_classes, width, coarse).to(device, memory_format=torch.channels_last)

    def loss_of(iteration):
        rng = np.random.default_rng([seed, 1, iteration])
        chosen = torch.from_numpy(training.batch_of(len(fit), batch, iteration, seed)).to(device)
        return nn.functional.cross_entropy(model(augment(cells[chosen], bounds[chosen], rng)), targets[chosen])

    return model, training.train(
        model, loss_of, iterations, folder, made_by, name="deeploc", save_every=save_every, progress=progress,
        rate=lambda iteration: learning_rate(iteration, decay_every),
        judge=lambda model: balanced_error(
            labels[held_out], predict(model, images[held_out], corners=CORNERS[:1])[0].argmax(1)
        ),
    )  # fmt: skip


def learning_rate(iteration, decay_every=25):
    """Give Adam's learning rate at an iteration; the original's is 0.1 x 0.96 to the power of iteration // 25."""
    return 0.1 * 0.96 ** int(iteration / decay_every)


@torch.inference_mode()
def predict(model, images, batch=256, title=None, corners=CORNERS):
    """Classify cells by the network's probabilities, as a mean over five crops: the centre and the corners.

    Parameters
    ----------
    model, images, batch : from `train`; (n, 2, 64, 64) uint16, which may stay on disk; cells at once.
    title : of a progress bar on stderr; none is drawn when None.
    corners : where the crops begin, from above and from the left; fewer take less time.

    Returns
    -------
    scores (n, K) and FC2's features (n, 512 x width), float32: the paper leaves open that these are a mean too.
    """
    model.eval()
    device, found = next(model.parameters()).device, []
    for start in tqdm(range(0, len(images), batch), title, unit=" batches", disable=title is None):
        cells = training.put(images[start : start + batch], device)
        whole = stretch(cells, percentiles(cells))
        crops = (whole[:, :, top : top + CROP, left : left + CROP] for top, left in corners)
        fc2 = [model.features(crop.contiguous(memory_format=torch.channels_last)) for crop in crops]
        found.append((sum(model.logits(x).softmax(1) for x in fc2) / len(corners), sum(fc2) / len(corners)))
    return tuple(torch.cat(part).cpu().numpy() for part in zip(*found, strict=True))


def features(split, model, progress=True):
    """Describe each cell of a split by what a trained DeepLoc says of it and by its last hidden layer.

    Parameters
    ----------
    split, model, progress : a `Split`, read in batches; from `train`; whether a progress bar is drawn on stderr.

    Returns
    -------
    dict with `scores` (N, K) and `fc2` (N, 512 x width), float32, as from `predict`.
    """
    scores, fc2 = predict(model, split.images, title=f"DeepLoc of {split.name}" if progress else None)
    return {"scores": scores, "fc2": fc2}


def augment(cells, bounds, rng):
    """Stretch cells, from `training.put`, between their bounds, then crop, flip and turn them at random by a generator.

    All is done at once on the device: (n, channels, 60, 60) float32.
    """
    numbers = np.column_stack([rng.integers(0, end, (len(cells), n)) for end, n in ((4, 2), (2, 2), (3, 1))])
    top, left, ud, lr, turn = torch.from_numpy(numbers).to(cells.device).T[:, :, None, None]
    side = torch.arange(CROP, device=cells.device)
    at = 64 * (top + side[:, None]) + left + side  # which pixel of a cell becomes which of its crop
    for flip, axis in ((ud, 1), (lr, 2)):
        at = torch.where(flip == 1, at.flip(axis), at)
    at = torch.where(turn == 0, at, torch.where(turn == 1, at.rot90(1, (1, 2)), at.rot90(2, (1, 2))))
    crops = cells.flatten(2).take_along_dim(at.flatten(1)[:, None], 2).unflatten(2, (CROP, CROP))
    return stretch(crops, bounds)
