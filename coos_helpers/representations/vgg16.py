"""The VGG16 representation: what a network trained on photographs sees in a cell (paper, section 3.1)."""

import numpy as np
import torch
from torchvision.models import vgg16
from tqdm import tqdm

from coos_helpers.representations import rescale
from coos_helpers.representations.training import choose_device

#: The 13 convolution layers and the length of their features, in order.
WIDTHS = {
    f"conv{block}_{layer}": width
    for block, (layers, width) in enumerate(((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), 1)
    for layer in range(1, layers + 1)
}
LAYERS = tuple(WIDTHS)

#: Means of ImageNet's red, green and blue on a scale of 255: what those weights expect to be subtracted.
MEANS = (123.0, 116.8, 103.9)


def network(weights=None):
    """Build VGG16's layers, not to be trained, with weights of `fetch.vgg16_weights.load`, or random ones when None."""
    if weights is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = vgg16(weights=None).features
    else:
        with torch.device("meta"):  # no numbers are drawn that would be overwritten: that took a second
            model = vgg16(weights=None).features
        model.load_state_dict({name.removeprefix("features."): w for name, w in weights.items()}, assign=True)
    return model.eval().requires_grad_(False)


@torch.inference_mode()
def features(split, weights, channels=(0,), batch=None, device=None, progress=True, layers=None):
    """Describe each cell by the maxima over space of what VGG16's 13 convolution layers answer, in one pass.

    Parameters
    ----------
    split : a `Split`; it is read in batches.
    weights : from `fetch.vgg16_weights.load`; None for an untrained network, whose results must be called so.
    channels : channels of the image, each shown to the network by itself; the paper's final choice is the protein.
    batch : cells at once; when None, 64, or 8 on a CPU, which gives memory back and asks for it anew if it is more.
    device, progress : torch device, a GPU if there is one when None; whether a progress bar is drawn on stderr.
    layers : names of those that are wanted, all when None; the pass ends at the deepest.

    Returns
    -------
    dict from layer (`conv1_1` ... `conv5_3`) to (N, d) float32, with d = 64 to 512 for each channel.

    Each channel is min-max rescaled to 8 bits, repeated as red, green and blue, and lessened by ImageNet's means, as
    in github alexxijielu/paired_cell_inpainting (eval_vgg16.py). Maxima are taken after the ReLU.

    Raises
    ------
    ValueError : `layers` that are not VGG16's, or none.
    """
    if layers is not None and not set() < set(layers) <= set(LAYERS):
        raise ValueError(f"found the layers {', '.join(layers) or 'none'}; expected some of {', '.join(LAYERS)}.")
    device = choose_device(device)
    batch = batch or (8 if device.type == "cpu" else 64)
    model = network(weights).to(device, memory_format=torch.channels_last)
    wanted = [layer for layer in LAYERS if layers is None or layer in layers]
    through = LAYERS[: LAYERS.index(wanted[-1]) + 1]
    out = {layer: np.empty((len(split), len(channels), WIDTHS[layer]), np.float32) for layer in wanted}
    with tqdm(total=len(split), desc=f"VGG16 of {split.name}", unit=" cells", disable=not progress) as bar:
        for indices, images in split.batches(batch):
            for number, channel in enumerate(channels):
                shown = photograph(rescale.to_8bit(rescale.min_max(images[:, channel])), device)
                for layer, maxima in zip(through, _maxima(model, shown), strict=False):
                    if layer in out:
                        out[layer][indices, number] = maxima.cpu().numpy()
            bar.update(len(indices))
    return {layer: values.reshape(len(split), len(channels) * WIDTHS[layer]) for layer, values in out.items()}


def photograph(pixels, device):
    """Turn grey images (n, H, W) uint8 into photographs on the device: (n, 3, H, W) float32, less ImageNet's means."""
    grey = torch.from_numpy(pixels).to(device).float()[:, None]
    means = torch.tensor(MEANS, device=device).view(1, 3, 1, 1)
    return (grey - means).contiguous(memory_format=torch.channels_last)


def _maxima(model, x):
    """Go through the network once and yield each convolution layer's maxima, (n, d), after its ReLU."""
    for module in model:
        x = module(x)
        if isinstance(module, torch.nn.ReLU):
            yield x.amax((2, 3))
