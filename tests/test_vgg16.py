"""What must hold of the VGG16 representation."""

import dataclasses

import numpy as np
import pytest
import torch
from conftest import cells, memory_split
from torch.nn import functional

from coos_helpers import vgg16
from coos_helpers.data import Split, open_split

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


def test_there_are_13_layers_as_wide_as_the_papers():
    assert list(vgg16.WIDTHS.values()) == CHANNELS
    assert vgg16.LAYERS == tuple(vgg16.WIDTHS) == (
        "conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3",
        "conv4_1", "conv4_2", "conv4_3", "conv5_1", "conv5_2", "conv5_3",
    )  # fmt: skip


def test_one_pass_gives_what_thirteen_give(quick, untrained):
    split = memory_split(3)
    found, state = features(split), untrained.state_dict()
    assert list(found) == list(vgg16.LAYERS)
    x = photographs(split.images[:, 0])
    for depth, (layer, values) in enumerate(found.items(), 1):
        assert values.shape == (3, CHANNELS[depth - 1]) and values.dtype == np.float32
        np.testing.assert_allclose(values, pass_of_depth(state, x, depth), rtol=1e-3, atol=1e-4, err_msg=layer)


def test_an_image_becomes_a_photograph_less_its_means_and_no_more():
    pixels = np.arange(2 * 64 * 64).reshape(2, 64, 64).astype(np.uint8)
    shown = vgg16.photograph(pixels, "cpu")
    assert shown.shape == (2, 3, 64, 64) and shown.dtype == torch.float32
    for channel, mean in enumerate((123, 116.8, 103.9)):
        np.testing.assert_allclose(shown[:, channel].numpy(), pixels.astype(float) - mean, rtol=1e-6, atol=1e-5)


def test_the_network_is_shown_round_255_times_the_min_max_image(quick, monkeypatch):
    shown, real = [], vgg16.photograph
    monkeypatch.setattr(vgg16, "photograph", lambda pixels, device: shown.append(pixels) or real(pixels, device))
    split = memory_split(3)
    features(split)
    (pixels,) = shown
    assert pixels.dtype == np.uint8
    np.testing.assert_allclose(real(pixels, "cpu").numpy(), photographs(split.images[:, 0]).numpy(), atol=1e-4)


def test_only_the_protein_matters_by_default(quick):
    images = cells(3)
    other = images.copy()
    other[:, 1] = cells(3, seed=1)[:, 1]
    one, two = (features(memory_split(3, images=some)) for some in (images, other))
    third = features(memory_split(3, images=images[:, ::-1]))
    for layer in vgg16.LAYERS:
        np.testing.assert_array_equal(one[layer], two[layer])
        assert not np.array_equal(one[layer], third[layer])


def test_each_named_channel_is_shown_by_itself_and_stands_beside_the_others(quick):
    split = memory_split(3)
    both, protein, nucleus = (features(split, channels=channels) for channels in ((0, 1), (0,), (1,)))
    for layer, width in vgg16.WIDTHS.items():
        assert both[layer].shape == (3, 2 * width)
        np.testing.assert_array_equal(both[layer], np.hstack([protein[layer], nucleus[layer]]))


def test_the_order_and_the_size_of_batches_are_irrelevant(quick, monkeypatch):
    split, batches = memory_split(5), Split.batches
    expected = features(split)
    monkeypatch.setattr(Split, "batches", lambda self, size: batches(self, size, np.array([3, 0, 4, 2, 1])))
    for layer, values in features(split, batch=2).items():
        np.testing.assert_allclose(values, expected[layer], rtol=1e-3, atol=1e-3)


def test_labels_and_places_do_not_enter(quick):
    split = memory_split(2)
    blind = dataclasses.replace(split, labels=np.zeros(2, int), plate=None, well=None, name="test1")
    one, two = features(split), features(blind)
    for layer in vgg16.LAYERS:
        np.testing.assert_array_equal(one[layer], two[layer])


def test_gain_and_offset_of_the_camera_leave_no_trace(quick):
    images = cells(2) // 4
    one, two = (features(memory_split(2, images=some)) for some in (images, images * np.uint16(2) + np.uint16(77)))
    for layer in vgg16.LAYERS:
        np.testing.assert_allclose(one[layer], two[layer], rtol=0.02, atol=0.02)


@pytest.mark.filterwarnings("error")
def test_constant_images_give_finite_features(quick):
    images = cells(3)
    images[0], images[1] = 0, 65535
    for values in features(memory_split(3, images=images)).values():
        assert np.isfinite(values).all()
        np.testing.assert_array_equal(values[0], values[1])
        assert not np.array_equal(values[0], values[2])


def test_the_untrained_network_is_the_same_every_time_and_draws_from_no_ones_numbers(untrained):
    torch.manual_seed(4242)
    before = torch.random.get_rng_state()
    again = vgg16.network()
    assert torch.equal(torch.random.get_rng_state(), before)
    for name, values in again.state_dict().items():
        assert torch.equal(values, untrained.state_dict()[name]), name
    assert not again.training and not any(parameter.requires_grad for parameter in again.parameters())


def test_weights_are_those_that_are_given(untrained):
    weights = {f"features.{name}": values + 1 for name, values in untrained.state_dict().items()}
    for name, values in vgg16.network(weights).state_dict().items():
        assert torch.equal(values, weights[f"features.{name}"])


def test_weights_of_another_network_are_refused(untrained):
    weights = {f"features.{name}": values for name, values in untrained.state_dict().items()}
    del weights["features.28.bias"]
    with pytest.raises(RuntimeError, match="28.bias"):
        vgg16.network(weights)


def test_the_original_weights_see_other_things_than_untrained_ones(untrained, real_weights):
    split = memory_split(3)
    found = features(split, real_weights)
    x = photographs(split.images[:, 0])
    by_hand = functional.conv2d(x, real_weights["features.0.weight"], real_weights["features.0.bias"], padding=1)
    np.testing.assert_allclose(found["conv1_1"], by_hand.clamp(min=0).amax((2, 3)).numpy(), rtol=1e-4, atol=1e-3)
    state = {name.removeprefix("features."): values for name, values in real_weights.items()}
    np.testing.assert_allclose(found["conv5_3"], pass_of_depth(state, x, 13), rtol=1e-3, atol=1e-3)
    for depth, layer in enumerate(vgg16.LAYERS, 1):
        assert np.isfinite(found[layer]).all() and found[layer].shape == (3, CHANNELS[depth - 1])
        assert not np.allclose(found[layer], pass_of_depth(untrained.state_dict(), x, depth), rtol=0.1)


def test_the_original_weights_tell_real_cells_apart(real_cells, real_weights):
    split = open_split(real_cells / "COOS_yeast5_test1.hdf5")
    found = features(split.take(np.arange(0, len(split), len(split) // 8)[:8]), real_weights)
    for layer, values in found.items():
        assert np.isfinite(values).all() and len(np.unique(values, axis=0)) == len(values), layer


def test_asked_for_some_layers_it_gives_those_alone_and_the_same(quick):
    split = memory_split(5)
    every, some = features(split), features(split, layers=("conv3_2", "conv1_1"))
    assert list(some) == ["conv1_1", "conv3_2"]
    for layer, values in some.items():
        np.testing.assert_array_equal(values, every[layer])


def test_the_pass_ends_at_the_deepest_layer_that_is_wanted(quick, untrained):
    seen = []
    hooks = [
        module.register_forward_hook(lambda *_: seen.append(1)) for module in untrained if hasattr(module, "weight")
    ]
    features(memory_split(2), layers=("conv2_1",))
    for hook in hooks:
        hook.remove()
    assert len(seen) == 3


@pytest.mark.parametrize("layers, named", [((), "none"), (("conv1_1", "conv9_9"), "conv1_1, conv9_9")])
def test_layers_that_it_has_not_are_refused(quick, layers, named):
    with pytest.raises(ValueError, match=f"found the layers {named}; expected some of conv1_1, .*conv5_3"):
        features(memory_split(2), layers=layers)
