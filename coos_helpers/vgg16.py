"""The VGG16 representation: what a network trained on photographs sees in a cell (paper, section 3.1)."""

import numpy as np
import torch
from torchvision.models import vgg16
from tqdm import tqdm

from coos_helpers import devices, rescale

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
    """Build VGG16's convolutions: the original weights, or random ones from a fixed seed when `weights` is None."""
    if weights is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = vgg16(weights=None).features
    else:
        with torch.device("meta"):  # no numbers are drawn that would be overwritten: that took a second
            model = vgg16(weights=None).features
        model.load_state_dict({name.removeprefix("features."): w for name, w in weights.items()}, assign=True)
    return model.eval().requires_grad_(False)


def features(split, weights, channels=(0,), batch=None, device=None, progress=True, layers=None):
    """Describe each cell by the maxima over space of what VGG16's 13 convolution layers answer, in one pass.

    Parameters
    ----------
    split : a `Split`; it is read in batches.
    weights : from `pretrained.load`; None for an untrained network, whose results must be called so.
    channels : channels of the image, each shown to the network by itself; the paper's final choice is the protein.
    batch : images at once. When None, 64, or 8 on a CPU: larger layers are given back to the system after each batch,
        and asked for anew.
    device : torch device; a GPU if there is one, when None.
    progress : whether a progress bar is drawn on stderr.
    layers : names of those that are wanted, all when None; the pass ends at the deepest.

    Returns
    -------
    dict from layer (`conv1_1` ... `conv5_3`) to (N, d) float32, with d = 64 to 512 for each channel.

    Each channel is min-max rescaled, rounded to 8 bits, repeated as red, green and blue, and lessened by ImageNet's
    means (github alexxijielu/paired_cell_inpainting, human_model/utility/eval_vgg16.py). The maximum is taken after
    the ReLU.

    ValueError : `layers` that are not VGG16's, or none.
    """
    if layers is not None and not set() < set(layers) <= set(LAYERS):
        raise ValueError(f"found the layers {', '.join(layers) or 'none'}; expected some of {', '.join(LAYERS)}.")
    device = devices.choose(device)
    if batch is None:
        batch = 8 if device.type == "cpu" else 64
    model = network(weights).to(device, memory_format=torch.channels_last)
    wanted = [layer for layer in LAYERS if layers is None or layer in layers]
    through = LAYERS[: LAYERS.index(wanted[-1]) + 1]
    out = {layer: np.empty((len(split), WIDTHS[layer] * len(channels)), np.float32) for layer in wanted}
    with tqdm(total=len(split), desc=f"VGG16 of {split.name}", unit=" cells", disable=not progress) as bar:
        for indices, images in split.batches(batch):
            for number, channel in enumerate(channels):
                pixels = rescale.to_8bit(rescale.min_max(images[:, channel]))
                with torch.inference_mode():
                    for layer, maxima in zip(through, _maxima(model, photograph(pixels, device)), strict=False):
                        if layer not in out:
                            continue
                        at = slice(number * WIDTHS[layer], (number + 1) * WIDTHS[layer])
                        out[layer][indices, at] = maxima.cpu().numpy()
            bar.update(len(indices))
    return out


def photograph(pixels, device):
    """Turn grey images (n, 64, 64) uint8 into what the network expects of a photograph, (n, 3, 64, 64) float32."""
    grey = torch.from_numpy(pixels).to(device).float()[:, None]
    means = torch.tensor(MEANS, device=device).view(1, 3, 1, 1)
    return (grey - means).contiguous(memory_format=torch.channels_last)


def _maxima(model, x):
    """Go through the network once and yield each convolution layer's maxima, (n, d), after its ReLU."""
    for module in model:
        x = module(x)
        if isinstance(module, torch.nn.ReLU):
            yield x.amax((2, 3))
