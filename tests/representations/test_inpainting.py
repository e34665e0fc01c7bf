"""What must hold of paired cell inpainting: the original's network and loss, fair pairs, and no labels."""

import dataclasses

import numpy as np
import pytest
import torch
from conftest import cells, memory_split
from representations.tiny_networks import adam, same, train_pci
from torch import nn
from torch.nn import functional

from coos_helpers.representations import inpainting

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def split():
    return memory_split(48)


def features(split, model, **options):
    return inpainting.features(split, model, progress=False, **options)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Train once: the network and its history."""
    return train_pci(tmp_path_factory.mktemp("whole"))


def unit(images):
    """Rescale images (n, 2, 64, 64) by hand, in double precision; constant ones become 0."""
    images = images.astype(float)
    low, high = images.min((2, 3), keepdims=True), images.max((2, 3), keepdims=True)
    return (images - low) / np.where(high > low, high - low, 1)


# The network


def test_layers_and_their_parameters_are_those_of_the_original():
    model, shapes = inpainting.PairedCellInpainting().eval(), {"source": [], "marker": [], "decoder": []}
    assert sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad) == 7_320_609
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d | nn.Upsample):
            part = shapes[name.partition(".")[0]]
            kernel = getattr(module, "kernel_size", None)
            module.register_forward_hook(lambda _, __, out, part=part, k=kernel: part.append((k, *out.shape[1:])))
    with torch.inference_mode():
        assert model(torch.rand(1, 2, 64, 64), torch.rand(1, 1, 64, 64)).shape == (1, 1, 64, 64)
    three, one, other = (3, 3), (1, 1), None
    with_norm = lambda grids: [(k, *grid) for grid in grids for k in (three, other)]  # noqa: E731
    assert shapes["source"] == with_norm([(96, 64, 64), (256, 32, 32), (384, 16, 16), (384, 16, 16), (256, 16, 16)])
    assert shapes["marker"] == with_norm([(16, 64, 64), (32, 32, 32), (32, 16, 16)])
    assert shapes["decoder"] == [
        (three, 256, 16, 16), (three, 384, 16, 16), (three, 384, 16, 16), (other, 384, 32, 32),
        (three, 256, 32, 32), (other, 256, 64, 64), (three, 96, 64, 64), (one, 1, 64, 64),
    ]  # fmt: skip
    assert model.decoder[0].in_channels == 288


def test_the_painting_is_that_of_the_layers_one_by_one(whole):
    model = whole[0]
    rng = np.random.default_rng(0)
    source, marker = (torch.tensor(rng.random((3, n, 64, 64)), dtype=torch.float32) for n in (2, 1))
    weights = [(m.weight, m.bias) for m in model.decoder if isinstance(m, nn.Conv2d)]
    with torch.inference_mode():
        painted = model(source, marker)
        x = torch.cat([encoded(model.source, source)[0], encoded(model.marker, marker)[0]], 1)
        for layer, (weight, bias) in enumerate(weights[:-1]):
            x = functional.relu(functional.conv2d(x, weight, bias, padding=1))
            if layer in (2, 3):
                x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
        x = functional.conv2d(x, *weights[-1])
    torch.testing.assert_close(painted, x, rtol=1e-3, atol=1e-5)


def test_a_coarse_network_sees_means_of_pixels_and_what_paints_may_be_narrower():
    model = inpainting.PairedCellInpainting(0.1, painter=0.05, coarse=2).eval()
    assert [norm.num_features for norm in model.source if isinstance(norm, nn.BatchNorm2d)] == [10, 26, 38, 38, 26]
    assert [layer.out_channels for layer in model.decoder if isinstance(layer, nn.Conv2d)] == [13, 19, 19, 13, 5, 1]
    rng = np.random.default_rng(0)
    blocks = torch.tensor(rng.random((2, 3, 32, 2, 32, 2)), dtype=torch.float32)
    swapped = blocks.flip(3, 5)  # other pixels in each square of four, with the same mean
    one, other = (x.reshape(2, 3, 64, 64) for x in (blocks, swapped))
    with torch.inference_mode():
        painted, again = (model(x[:, :2], x[:, 2:]) for x in (one, other))
        for a, b in zip(model.encode(one[:, :2]), model.encode(other[:, :2]), strict=True):
            torch.testing.assert_close(a, b)
    torch.testing.assert_close(painted, again)
    assert painted.shape == (2, 1, 64, 64) and torch.equal(painted[..., ::2, ::2], painted[..., 1::2, 1::2])


def test_a_falling_rate_rises_in_the_first_tenth_and_ends_near_nothing(monkeypatch, tmp_path):
    rates = []
    adam(monkeypatch, lambda group: rates.append(group["lr"]))
    train_pci(tmp_path, falling=True, rate=0.01, epochs=10)
    assert len(rates) == 60 and np.argmax(rates) in (5, 6)
    assert max(rates) == pytest.approx(0.01, rel=0.05) and 0 < rates[0] < 0.001 and rates[-1] < 0.0001
    assert (np.diff(rates[:6]) > 0).all() and (np.diff(rates[7:]) < 0).all()


def test_weights_begin_uniform_as_glorot_has_it_and_biases_at_zero():
    torch.manual_seed(1)
    for module in inpainting.PairedCellInpainting(0.25).modules():
        if isinstance(module, nn.Conv2d):
            assert (module.bias == 0).all()
            pixels = module.kernel_size[0] * module.kernel_size[1]
            limit = np.sqrt(6 / (pixels * (module.in_channels + module.out_channels)))
            weights = module.weight.detach().numpy()
            assert abs(weights).max() <= limit * 1.0001
            if weights.size > 5000:
                levels = np.linspace(0, 100, 21)
                np.testing.assert_allclose(np.percentile(weights, levels), limit * (levels / 50 - 1), atol=limit / 20)
        assert not isinstance(module, nn.BatchNorm2d) or (module.eps, module.momentum) == (1e-3, 0.01)  # Keras'


@pytest.mark.parametrize("width", [0.5, 0.01])
def test_width_is_a_factor_of_all_channels(width):
    model = inpainting.PairedCellInpainting(width)
    expected = [max(1, round(width * channels)) for channels in (96, 256, 384, 384, 256, 16, 32, 32)]
    expected += [max(1, round(width * channels)) for channels in (256, 384, 384, 256, 96)] + [1]
    assert [module.out_channels for module in model.modules() if isinstance(module, nn.Conv2d)] == expected
    assert list(inpainting.lengths(width).values()) == expected[:5] and model.width == width


# What the network is shown


@pytest.fixture
def shown(monkeypatch):
    """Record what a training shows to its network: pairs of a source's and a target's indices and pictures."""
    views, real = [], inpainting.augment

    def watch(held, bounds, chosen, rng):
        views.append((chosen, real(held, bounds, chosen, rng)))
        return views[-1][1]

    monkeypatch.setattr(inpainting, "augment", watch)
    return lambda: list(zip(views[::2], views[1::2], strict=True))


def test_source_and_target_are_other_cells_of_a_well_flipped_independently(shown, tmp_path):
    alone = memory_split(50)
    wells = alone.well.copy()
    wells[[3, 11]] = "C01", "C02"
    split = dataclasses.replace(alone, well=wells)
    train_pci(tmp_path, split, width=0.01, epochs=10, batch=48)
    pairs, unflipped = shown(), []
    assert len(pairs) == 10
    for (source, x), (target, y) in pairs:
        assert (source != target).all()
        np.testing.assert_array_equal(split.well_ids[source], split.well_ids[target])
        both = (source, x), (target, y)
        unflipped.append([abs(unit(split.images[at]) - z.numpy()).max((1, 2, 3)) < 1e-5 for at, z in both])
    sources, counts = np.unique(np.concatenate([source for (source, _), _ in pairs]), return_counts=True)
    assert sources.tolist() == [i for i in range(50) if i not in (3, 11)] and set(counts) == {10}
    one, other = np.hstack(unflipped)  # each a quarter of the 480, both together a sixteenth
    assert 80 < one.sum() < 160 and 80 < other.sum() < 160 and 10 < (one & other).sum() < 55


def test_the_loss_is_the_mean_square_between_the_painting_and_the_targets_protein_which_is_not_shown(shown, tmp_path):
    model, history = train_pci(tmp_path, epochs=1 / 6, seed=3)
    (((source, x), (target, y)),) = shown()
    torch.manual_seed(3)
    with torch.no_grad():
        painted = inpainting.PairedCellInpainting(model.width).train()(x, y[:, 1:]).numpy()
    assert history["loss"] == [pytest.approx(np.mean((painted[:, 0] - y[:, 0].numpy()) ** 2), rel=1e-4)]


@pytest.mark.parametrize("epochs, batch, steps", [(1, 48, 1), (1, 7, 7), (0.5, 8, 3), (2, 64, 2), (0, 8, 0)])
def test_an_epoch_has_as_many_steps_as_its_cells_fill_batches_by_the_originals_adam(
    monkeypatch, tmp_path, epochs, batch, steps
):
    seen = []
    adam(monkeypatch, lambda group: seen.append((group["lr"], group["betas"])))
    train_pci(tmp_path, epochs=epochs, batch=batch)
    assert seen == [(1e-4, (0.5, 0.999))] * steps


def test_a_training_paints_better_than_none(tmp_path):
    rng = np.random.default_rng(0)
    rows, columns = np.indices((64, 64))
    centres = rng.integers(20, 44, (96, 2, 1, 1))
    distance = np.hypot(rows - centres[:, 0], columns - centres[:, 1])
    images = np.stack([1000 * (distance < 14), 1000 * (distance < 7)], 1) + rng.integers(0, 50, (96, 2, 64, 64))
    split = memory_split(96, images=images.astype(np.uint16))
    model, history = train_pci(tmp_path, split, width=0.0625, epochs=10, batch=16)
    assert np.mean(history["loss"][-5:]) < 0.7 * np.mean(history["loss"][:5])
    untrained, _ = train_pci(tmp_path, split, width=0.0625, epochs=0)
    assert inpainting.painting_error(split, model) < inpainting.painting_error(split, untrained)


# No labels


def test_shuffled_labels_give_the_same_weights_and_features_to_the_last_bit(whole, split, tmp_path):
    shuffled = dataclasses.replace(split, labels=np.random.default_rng(0).permutation(split.labels))
    model, history = train_pci(tmp_path, shuffled)
    assert same(model, whole[0]) and history == whole[1]
    blind, expected = dataclasses.replace(shuffled, plate=None, well=None), features(split, whole[0])
    for layer, values in features(blind, model).items():
        np.testing.assert_array_equal(values, expected[layer])


# Features


def encoded(layers, x):
    """Go through an encoder by hand: its output, and its layers' maxima after ReLU and before batch norm."""
    maxima = []
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            x = functional.relu(functional.conv2d(x, layer.weight, layer.bias, padding=1))
            maxima.append(x.flatten(2).max(2).values)
        elif isinstance(layer, nn.BatchNorm2d):
            known = (layer.running_mean, layer.running_var, layer.weight, layer.bias)
            mean, variance, gain, offset = (values[:, None, None] for values in known)
            x = (x - mean) / torch.sqrt(variance + 1e-3) * gain + offset
            x = functional.max_pool2d(x, 2) if len(maxima) < 3 else x
    return x, maxima


@pytest.mark.filterwarnings("error")
def test_features_are_maxima_after_relu_and_before_norm(whole):
    images = cells(48)
    images[0], images[1, 0], images[2, 1] = 65535, 3, 0
    split, model = memory_split(48, images=images), whole[0]
    found = features(split, model)
    with torch.inference_mode():
        _, maxima = encoded(model.source, torch.tensor(unit(split.images), dtype=torch.float32))
    assert list(found) == list(inpainting.WIDTHS) == ["conv1", "conv2", "conv3", "conv4", "conv5"]
    for (layer, values), expected in zip(found.items(), maxima, strict=True):
        assert values.dtype == np.float32 and values.shape == (48, inpainting.lengths(0.03)[layer])
        np.testing.assert_allclose(values, expected.numpy(), rtol=1e-3, atol=1e-5, err_msg=layer)
    for layer, values in features(split, model.train(), batch=5).items():
        np.testing.assert_allclose(values, found[layer], rtol=1e-4, atol=1e-6)


# How well it paints


class Painter(nn.Module):
    """Paint one grey everywhere."""

    def __init__(self, grey):
        super().__init__()
        self.grey = nn.Parameter(torch.tensor(grey))

    def forward(self, source, marker):
        return self.grey.expand(len(source), 1, 64, 64)


@pytest.mark.parametrize("grey, batch", [(0.0, 256), (0.3, 4), (1.0, 1)])
def test_the_painting_error_is_the_mean_square_over_cells_with_a_partner(grey, batch):
    # In wells of two, each cell is the other's target once.
    wells = np.array(["A01", "A02", "B07", "A01", "A03", "A02", "A03"])
    split = memory_split(7, plate=np.full(7, "p"), well=wells)
    paired = np.delete(split.images, 2, 0)
    expected = np.mean((unit(paired)[:, 0] - grey) ** 2)
    assert inpainting.painting_error(split, Painter(grey), batch=batch) == pytest.approx(expected, rel=1e-5)


def test_the_painting_error_is_the_same_every_time_and_needs_wells(whole, split):
    model = whole[0]
    assert inpainting.painting_error(split, model) == inpainting.painting_error(split, model.train())
    assert inpainting.painting_error(split, model, seed=1) != inpainting.painting_error(split, model)
    with pytest.raises(ValueError, match="found no plates and wells"):
        inpainting.painting_error(dataclasses.replace(split, well=None), model)


def test_images_may_stay_on_disk_and_the_bar_names_the_split(release, tmp_path, capsys):
    split = release["train"]
    held = dataclasses.replace(split, images=split.images[:])
    assert not isinstance(split.images, np.ndarray)
    one, other = (train_pci(tmp_path / str(i), some, epochs=1) for i, some in enumerate((split, held)))
    assert same(one[0], other[0]) and one[1] == other[1]
    assert np.array_equal(inpainting.features(split, one[0])["conv5"], features(held, one[0])["conv5"])
    assert "PCI of train: 100%" in capsys.readouterr().err
