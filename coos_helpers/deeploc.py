"""DeepLoc, an 11-layer network trained end to end (Kraus et al. 2017; paper, section 3.1).

Layers, constants and oddities follow github okraus/DeepLoc (DeepLoc_train.py, nn_layers.py, preprocess_images.py):
the learning rate starts at 0.1 and has all but vanished after 5,000 iterations, a crop's offset is never 4 and a turn
never three quarters, and the last 499 iterations are never looked at.
"""

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from coos_helpers import checkpoint, devices, metrics, resident, store

CROP = 60
RATE, DECAY = 0.1, 0.96  # Adam's first learning rate, and what it is multiplied by every so many iterations
CORNERS = ((2, 2), (0, 0), (0, 4), (4, 0), (4, 4))  # where the five crops of a test image begin: centre, corners


class BatchNorm(nn.BatchNorm1d):
    """Normalise by batch as TensorFlow does, with the biased variance in the moving average; any number of axes."""

    def __init__(self, width):
        super().__init__(width, eps=1e-3, momentum=0.5)

    def _check_input_dim(self, x):
        pass

    def forward(self, x):
        if not self.training:
            return super().forward(x)
        n, unbiased = x.numel() / x.shape[1], self.running_var.clone()
        out = functional.batch_norm(
            x, self.running_mean, unbiased, self.weight, self.bias, True, self.momentum, self.eps
        )
        with torch.no_grad():  # torch averages n / (n - 1) times the biased variance: take that back
            kept = self.running_var * ((1 - self.momentum) / n)
            self.running_var.copy_(unbiased * ((n - 1) / n) + kept)
        return out


class DeepLoc(nn.Module):
    """Eight convolutions and three fully connected layers, from crops to a class.

    Parameters
    ----------
    n_channels, n_classes : of the images and the data set; 10,985,237 trainable parameters for 2 and 7.
    width : factor of the number of channels, for machines without a GPU; results with another width than 1 are not
        the paper's and carry it.
    """

    def __init__(self, n_channels=2, n_classes=7, width=1.0):
        super().__init__()
        self.width = width
        layers, before = [], n_channels
        for channels, count in ((64, 2), (128, 2), (256, 4)):
            channels = max(1, round(width * channels))
            for _ in range(count):
                layers += [nn.Conv2d(before, channels, 3, padding=1), BatchNorm(channels), nn.ReLU(inplace=True)]
                before = channels
            layers.append(nn.MaxPool2d(2, ceil_mode=True))  # 60, 30, 15, 8: TensorFlow's SAME
        hidden = max(1, round(width * 512))
        self.convolutions = nn.Sequential(*layers)
        self.fc1 = nn.Sequential(nn.Flatten(), nn.Linear(64 * before, hidden), BatchNorm(hidden), nn.ReLU())
        self.fc2 = nn.Sequential(nn.Linear(hidden, hidden), BatchNorm(hidden), nn.ReLU())
        self.logits = nn.Sequential(nn.Linear(hidden, n_classes), BatchNorm(n_classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.1, a=-0.2, b=0.2)
                nn.init.constant_(module.bias, 0.1)

    def features(self, crops):
        """Give the last hidden layer, FC2: (n, 512 x width) for crops (n, channels, 60, 60)."""
        return self.fc2(self.fc1(self.convolutions(crops)))

    def forward(self, crops):
        """Give the logits, (n, classes)."""
        return self.logits(self.features(crops))


def train(
    images,
    labels,
    folder,
    n_classes=7,
    width=1.0,
    iterations=10_000,
    decay_every=25,
    save_every=500,
    batch=128,
    seed=0,
    device=None,
    progress=True,
):
    """Train DeepLoc on four fifths of a training set and choose among its checkpoints by the last fifth.

    Parameters
    ----------
    images : (N, 2, 64, 64) uint16; labels : (N,) int64.
    folder : of checkpoints. A run that was stopped goes on from its own; one that was finished is read.
    n_classes, width : of the network.
    iterations, decay_every, save_every, batch : the original's are 10,000, 25, 500 and 128. A shorter run keeps its
        schedule's form if the first three shrink in proportion; `decay_every` may be a fraction.
    seed : of weights, the cut into fifths, order and augmentation.
    device : torch device; a GPU if there is one, when None.
    progress : whether a progress bar is drawn on stderr.

    Returns
    -------
    The network with the best checkpoint's weights, on `device`, and the history: dict with `loss` (one an
    iteration), `checkpoints` (their iterations), `held_out` (balanced error of each on the held-out fifth) and `key`
    (of all that made the network).

    The paper leaves the selection's measure open: here it is the balanced error with five crops a cell.

    Raises
    ------
    ValueError : the checkpoint is damaged; it is named and left alone.
    """
    device = devices.choose(device)
    made_by = store.key(
        data=[np.asarray(images), np.asarray(labels)],
        settings=[n_classes, width, iterations, decay_every, save_every, batch, seed],
        code=store.source_key("deeploc", "resident"),
    )
    path = checkpoint.file(folder, "deeploc", made_by)
    fit, held_out = hold_out(labels, seed)
    torch.manual_seed(seed)
    model = DeepLoc(images.shape[1], n_classes, width).to(device, memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE, eps=1e-8)
    state = checkpoint.load(path, made_by, device)
    history, best, start = {"loss": [], "checkpoints": [], "held_out": [], "key": made_by}, None, 0
    scaler = torch.amp.GradScaler(enabled=device.type == "cuda")
    if state:
        history, best, start = state["history"], state["best"], state["iteration"]
        checkpoint.restore(state, model=model, optimiser=optimiser, scaler=scaler)
    if start == iterations:
        model.load_state_dict(best)
        return model.eval(), history
    cells = resident.put(images[fit], device)
    bounds = torch.cat([percentiles(resident.counts(part).flatten(2)) for part in cells.split(1024)])
    targets = torch.from_numpy(labels[fit]).to(device)
    trial = augment(cells[:batch], bounds[:batch], np.random.default_rng(seed))
    devices.announce("DeepLoc", model, (trial,), iterations - start, device)
    with tqdm(total=iterations, initial=start, desc="DeepLoc", unit=" steps", disable=not progress) as bar:
        for iteration in range(start, iterations):
            rng = np.random.default_rng([seed, 1, iteration])
            chosen = torch.from_numpy(resident.batch(len(fit), batch, iteration, seed)).to(device)
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(iteration, decay_every)
            model.train()
            with torch.autocast(device.type, enabled=device.type == "cuda"):
                loss = functional.cross_entropy(model(augment(cells[chosen], bounds[chosen], rng)), targets[chosen])
            devices.step(loss, optimiser, scaler)
            history["loss"].append(loss.item())
            if iteration % save_every == 0:
                scores, _ = predict(model, images[held_out])
                error = metrics.balanced_error(labels[held_out], scores.argmax(1))
                history["checkpoints"].append(iteration)
                history["held_out"].append(error)
                if error <= min(history["held_out"]):
                    best = {name: values.clone() for name, values in model.state_dict().items()}
            if iteration % save_every == 0 or iteration == iterations - 1:
                now = checkpoint.states(model=model, optimiser=optimiser, scaler=scaler)
                now |= {"best": best, "history": history, "iteration": iteration + 1}
                checkpoint.save(path, now, made_by)
            bar.update()
            bar.set_postfix(loss=f"{history['loss'][-1]:.3f}", refresh=False)
    model.load_state_dict(best)
    return model.eval(), history


def hold_out(labels, seed=0):
    """Cut a training set into what is learned from and a held-out fifth, stratified by class.

    Returns
    -------
    Indices of both parts. A class with one cell cannot be in both: that cell is learned from, which is said in print.
    """
    alone = np.bincount(labels)[labels] == 1
    if alone.any():
        print(f"Classes with a single cell ({', '.join(map(str, labels[alone]))}) cannot be held out.")
    rest = np.flatnonzero(~alone)
    size = max(-(-len(rest) // 5), len(np.unique(labels[rest])))
    fit, held_out = train_test_split(rest, test_size=size, random_state=seed, stratify=labels[rest])
    return np.concatenate([fit, np.flatnonzero(alone)]), held_out


def learning_rate(iteration, decay_every=25):
    """Give Adam's learning rate at an iteration; the original's is 0.1 x 0.96 to the power of iteration // 25."""
    return RATE * DECAY ** int(iteration / decay_every)


@torch.inference_mode()
def predict(model, images, batch=256):
    """Classify cells by the mean over five crops, the centre and the corners, of the network's probabilities.

    Parameters
    ----------
    model : from `train`.
    images : (n, 2, 64, 64) uint16.

    Returns
    -------
    scores (n, K) float32, and FC2's features (n, 512 x width) float32: their mean over the same five crops, which the
    paper leaves open.
    """
    model.eval()
    device = next(model.parameters()).device
    scores, features = [], []
    for start in range(0, len(images), batch):
        counts = resident.counts(resident.put(images[start : start + batch], device))
        whole = stretch(counts, percentiles(counts.flatten(2)))
        total = 0
        for top, left in CORNERS:
            crops = whole[:, :, top : top + CROP, left : left + CROP].contiguous(memory_format=torch.channels_last)
            fc2 = model.features(crops)
            probabilities = model.logits(fc2).softmax(1)
            total = total + torch.cat([probabilities, fc2], 1)
        n_classes = probabilities.shape[1]
        scores.append((total[:, :n_classes] / 5).cpu().numpy())
        features.append((total[:, n_classes:] / 5).cpu().numpy())
    return np.concatenate(scores), np.concatenate(features)


def features(split, model, progress=True):
    """Apply a trained DeepLoc to a split in batches: scores (N, K) and FC2's features (N, 512 x width), float32."""
    parts = []
    with tqdm(total=len(split), desc=f"DeepLoc of {split.name}", unit=" cells", disable=not progress) as bar:
        for indices, images in split.batches(1024):
            parts.append(predict(model, images))
            bar.update(len(indices))
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


def percentiles(values):
    """Give the 0.1 and 99.9 percentiles along the last axis, (..., 2), interpolated as numpy does.

    Only the few order statistics that they need are looked for: a full sort would cost more than the network.
    """
    last = values.shape[-1] - 1
    whole, part = divmod(0.001 * last, 1)
    count = int(whole) + 2
    small = values.topk(count, largest=False).values[..., -2:]
    large = values.topk(count).values[..., -2:]
    return torch.stack([x[..., 0] + part * (x[..., 1] - x[..., 0]) for x in (small, large)], -1)


def stretch(counts, bounds):
    """Stretch each image (n, channels, H, W) between its percentiles (n, channels, 2).

    Values above the high one are set to it, the low one is subtracted, and what is left is divided by the range where
    that is above 1: so the darkest pixels become slightly negative, as in the original.
    """
    low, high = (bounds[..., side, None, None] for side in (0, 1))
    span = torch.where(high - low > 1, high - low, 1)
    return (torch.minimum(counts, high) - low) / span


def augment(cells, bounds, rng):
    """Stretch, crop, flip and turn resident images (n, channels, 64, 64) at random, all at once on the device.

    The offset is 0 to 3 on each side; each flip has a chance of one half; the turn is by 0, 90 or 180 degrees.
    """
    n, channels = cells.shape[:2]
    numbers = np.column_stack([rng.integers(0, 4, (n, 2)), rng.integers(0, 2, (n, 2)), rng.integers(0, 3, (n, 1))])
    top, left, ud, lr, turn = torch.from_numpy(numbers).to(cells.device).T[:, :, None, None]
    i, j = torch.meshgrid(*[torch.arange(CROP, device=cells.device)] * 2, indexing="ij")
    row = torch.where(turn == 1, j, torch.where(turn == 2, CROP - 1 - i, i))
    column = torch.where(turn == 1, CROP - 1 - i, torch.where(turn == 2, CROP - 1 - j, j))
    row = torch.where(ud == 1, CROP - 1 - row, row) + top
    column = torch.where(lr == 1, CROP - 1 - column, column) + left
    at = (64 * row + column).reshape(n, 1, -1).expand(-1, channels, -1)
    crops = resident.counts(cells.flatten(2).gather(2, at)).reshape(n, channels, CROP, CROP)
    return stretch(crops, bounds).contiguous(memory_format=torch.channels_last)
