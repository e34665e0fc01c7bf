"""What must hold of the VGG16 representation."""

import dataclasses

import numpy as np
import pytest
import torch
from conftest import cells, memory_split
from torch.nn import functional

from coos_helpers.data import Split, open_split
from coos_helpers.representations import vgg16

#: Channels of the 13 convolutions (Simonyan and Zisserman 2014, configuration D), and what comes before a pooling.
CHANNELS = [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
POOLED = (1, 3, 6, 9, 12)

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def untrained():
    return vgg16.network()


@pytest.fixture
def quick(monkeypatch, untrained):
    """Build the untrained network once, since that takes longer than to ask it about a few cells."""
    monkeypatch.setattr(vgg16, "network", lambda weights=None: untrained)


def features(split, weights=None, **options):
    return vgg16.features(split, weights, device="cpu", progress=False, **options)


def photographs(pixels):
    """Rescale grey images (n, 64, 64) by hand and lay them out for the network, in double precision."""
    pixels = pixels.astype(float)
    low, high = pixels.min((1, 2), keepdims=True), pixels.max((1, 2), keepdims=True)
    grey = np.round(255 * (pixels - low) / (high - low))
    return torch.tensor(np.stack([grey - 123, grey - 116.8, grey - 103.9], 1), dtype=torch.float32)


def pass_of_depth(state, x, depth):
    """Go through the first convolutions alone, from the pixels to the maxima of the last of them."""
    names = [name.removesuffix(".weight") for name in state if name.endswith(".weight")]
    for layer in range(depth):
        x = functional.relu(functional.conv2d(x, state[f"{names[layer]}.weight"], state[f"{names[layer]}.bias"], 1, 1))
        if layer in POOLED and layer + 1 < depth:
            x = functional.max_pool2d(x, 2, 2)
    return x.flatten(2).max(2).values.numpy()


def test_one_pass_gives_what_thirteen_give(quick, untrained):
    split = memory_split(3)
    found, state = features(split), untrained.state_dict()
    assert list(vgg16.WIDTHS.values()) == CHANNELS
    assert list(found) == list(vgg16.LAYERS) == [
        "conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3",
        "conv4_1", "conv4_2", "conv4_3", "conv5_1", "conv5_2", "conv5_3",
    ]  # fmt: skip
    x = photographs(split.images[:, 0])
    for depth, (layer, values) in enumerate(found.items(), 1):
        assert values.shape == (3, CHANNELS[depth - 1]) and values.dtype == np.float32
        np.testing.assert_allclose(values, pass_of_depth(state, x, depth), rtol=1e-3, atol=1e-4, err_msg=layer)


def test_the_network_is_shown_round_255_times_the_min_max_image_less_the_means(quick, monkeypatch):
    shown, real = [], vgg16.photograph
    monkeypatch.setattr(vgg16, "photograph", lambda *args: shown.append(real(*args)) or shown[-1])
    split = memory_split(3)
    features(split)
    assert shown[0].dtype == torch.float32
    np.testing.assert_allclose(shown[0].numpy(), photographs(split.images[:, 0]).numpy(), atol=1e-4)


def test_each_named_channel_is_shown_by_itself_and_only_the_protein_by_default(quick):
    split = memory_split(3)
    other = dataclasses.replace(split, images=split.images[:, ::-1], labels=split.labels * 0, plate=None, well=None)
    both, protein, nucleus = features(split, channels=(0, 1)), features(split), features(other)
    for layer, width in vgg16.WIDTHS.items():
        assert both[layer].shape == (3, 2 * width) and not np.array_equal(protein[layer], nucleus[layer])
        np.testing.assert_array_equal(both[layer], np.hstack([protein[layer], nucleus[layer]]))


def test_the_order_and_the_size_of_batches_are_irrelevant(quick, monkeypatch):
    split, batches = memory_split(5), Split.batches
    expected = features(split)
    monkeypatch.setattr(Split, "batches", lambda self, size: batches(self, size, np.array([3, 0, 4, 2, 1])))
    for layer, values in features(split, batch=2).items():
        np.testing.assert_allclose(values, expected[layer], rtol=1e-3, atol=1e-3)


@pytest.mark.filterwarnings("error")
def test_gain_and_offset_of_the_camera_leave_no_trace_and_constant_images_give_finite_features(quick):
    images = cells(4) // 4
    images[2], images[3] = 0, 16383
    one, two = (features(memory_split(4, images=some)) for some in (images, images * np.uint16(2) + np.uint16(77)))
    for layer in vgg16.LAYERS:
        assert np.isfinite(one[layer]).all()
        np.testing.assert_allclose(one[layer], two[layer], rtol=0.02, atol=0.02)
        np.testing.assert_allclose(one[layer][2], one[layer][3], rtol=1e-5, atol=1e-5)
        assert not np.allclose(one[layer][1], one[layer][2], rtol=1e-3)


def test_the_untrained_network_is_the_same_every_time_and_draws_from_no_ones_numbers(untrained):
    torch.manual_seed(4242)
    before = torch.random.get_rng_state()
    again = vgg16.network()
    assert torch.equal(torch.random.get_rng_state(), before)
    for name, values in again.state_dict().items():
        assert torch.equal(values, untrained.state_dict()[name]), name
    assert not again.training and not any(parameter.requires_grad for parameter in again.parameters())


def test_weights_are_those_that_are_given_and_those_of_another_network_are_refused(untrained):
    weights = {f"features.{name}": values + 1 for name, values in untrained.state_dict().items()}
    for name, values in vgg16.network(weights).state_dict().items():
        assert torch.equal(values, weights[f"features.{name}"])
    del weights["features.28.bias"]
    with pytest.raises(RuntimeError, match="28.bias"):
        vgg16.network(weights)


def test_the_original_weights_see_other_things_than_untrained_ones(untrained, real_weights):
    split = memory_split(3)
    found, x = features(split, real_weights), photographs(split.images[:, 0])
    state = {name.removeprefix("features."): values for name, values in real_weights.items()}
    for depth, layer in ((1, "conv1_1"), (13, "conv5_3")):
        np.testing.assert_allclose(found[layer], pass_of_depth(state, x, depth), rtol=1e-3, atol=1e-3)
        assert not np.allclose(found[layer], pass_of_depth(untrained.state_dict(), x, depth), rtol=0.1)


def test_the_original_weights_tell_real_cells_apart(real_cells, real_weights):
    split = open_split(real_cells / "COOS_yeast5_test1.hdf5")
    found = features(split.take(np.arange(0, len(split), len(split) // 8)[:8]), real_weights)
    for layer, values in found.items():
        assert np.isfinite(values).all() and len(np.unique(values, axis=0)) == len(values), layer


def test_asked_for_some_layers_it_gives_those_alone_and_ends_at_the_deepest(monkeypatch, quick, untrained):
    split, seen = memory_split(5), []
    every, maxima = features(split), vgg16._maxima
    watch = lambda *args: (seen.append(1) or values for values in maxima(*args))  # noqa: E731
    monkeypatch.setattr(vgg16, "_maxima", watch)
    some = features(split, layers=("conv2_2", "conv1_1"))
    assert list(some) == ["conv1_1", "conv2_2"] and len(seen) == 4
    for layer, values in some.items():
        np.testing.assert_array_equal(values, every[layer])


@pytest.mark.parametrize("layers, named", [((), "none"), (("conv1_1", "conv9_9"), "conv1_1, conv9_9")])
def test_layers_that_it_has_not_are_refused(quick, layers, named):
    with pytest.raises(ValueError, match=f"found the layers {named}; expected some of conv1_1, .*conv5_3"):
        features(memory_split(2), layers=layers)
