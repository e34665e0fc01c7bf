"""Stretch cells on the device, as the two networks' authors did: between percentiles, or from minimum to maximum.

`rescale` does the like for Texture and VGG16 in numpy; here it is part of every training step. Cells are always
(n, channels, H, W) from `training.put`, and bounds (n, channels, 2) float32.
"""

import torch

from coos_helpers.representations.training import counts


def percentiles(cells):
    """Find the bounds of cells at their 0.1 and 99.9 percentiles, interpolated as numpy does.

    Only the few order statistics that they need are looked for: a full sort would cost more than the network.
    """
    whole, part = divmod(0.001 * (cells[0, 0].numel() - 1), 1)
    bounds = []
    for values in _in_parts(cells):
        ends = [values.topk(int(whole) + 2, largest=largest).values[..., -2:] for largest in (False, True)]
        bounds.append(torch.stack([x[..., 0] + part * (x[..., 1] - x[..., 0]) for x in ends], -1))
    return torch.cat(bounds)


def extremes(cells):
    """Find the bounds of cells at their minimum and maximum."""
    return torch.cat([torch.stack(values.aminmax(dim=-1), -1) for values in _in_parts(cells)])


def _in_parts(cells):
    """Spread some cells at a time, as all together may not fit beside the network: (n, channels, pixels) float32."""
    return (counts(part).flatten(2) for part in cells.split(1024))


def stretch(cells, bounds):
    """Stretch each image and channel between its two bounds: (n, channels, H, W) float32, laid out for convolutions.

    The high bound and what is above become 1, what is darker than the low one slightly negative, as in DeepLoc's
    original; where the range is not above 1, the low bound is subtracted and no more.
    """
    low, high = (bounds[..., side, None, None] for side in (0, 1))
    stretched = (torch.minimum(counts(cells), high) - low) / torch.where(high - low > 1, high - low, 1)
    return stretched.contiguous(memory_format=torch.channels_last)
