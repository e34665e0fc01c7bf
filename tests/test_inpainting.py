"""What must hold of paired cell inpainting: the original's network, fair pairs, no labels, and runs that can stop."""

import dataclasses
import re

import numpy as np
import pytest
import torch
from conftest import cells, kill_at_first_checkpoint, memory_split
from torch import nn
from torch.nn import functional

from coos_helpers import inpainting, resident

#: A run of a moment: 12 steps (2 epochs of 48 cells in batches of 8) of a network with 1 to 12 channels.
SMALL = dict(width=0.03, epochs=2, batch=8, save_every=4, device="cpu", progress=False)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def split():
    return memory_split(48)


def train(split, folder, **options):
    return inpainting.train(split.images, inpainting.groups_of(split), folder, **{**SMALL, **options})


def features(split, model, **options):
    return inpainting.features(split, model, progress=False, **options)


def same(one, other):
    """Compare two networks' weights to the last bit."""
    one, other = one.state_dict(), other.state_dict()
    return list(one) == list(other) and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def whole(split, tmp_path_factory):
    """Train once without a stop: the network, its history and the folder of its checkpoint."""
    folder = tmp_path_factory.mktemp("whole")
    return *train(split, folder), folder


def unit(images):
    """Rescale images (n, 2, 64, 64) by hand, in double precision; constant ones become 0."""
    images = images.astype(float)
    low, high = images.min((2, 3), keepdims=True), images.max((2, 3), keepdims=True)
    return (images - low) / np.where(high > low, high - low, 1)


# The network


def test_the_network_has_the_originals_number_of_parameters():
    model = inpainting.PairedCellInpainting()
    assert sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad) == 7_320_609


def test_layers_are_those_of_the_original():
    model, shapes = inpainting.PairedCellInpainting().eval(), {"source": [], "marker": [], "decoder": []}
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


def test_batch_norm_has_keras_constants_and_the_decoder_none():
    model = inpainting.PairedCellInpainting(0.03)
    norms = {name: m for name, m in model.named_modules() if isinstance(m, nn.BatchNorm2d)}
    assert len(norms) == 8 and not any(name.startswith("decoder") for name in norms)
    assert {(norm.eps, norm.momentum) for norm in norms.values()} == {(1e-3, 0.01)}


def test_weights_begin_uniform_as_glorot_has_it_and_biases_at_zero():
    torch.manual_seed(1)
    for module in inpainting.PairedCellInpainting(0.25).modules():
        if isinstance(module, nn.Conv2d):
            assert (module.bias == 0).all()
            pixels = module.kernel_size[0] * module.kernel_size[1]
            limit = np.sqrt(6 / (pixels * (module.in_channels + module.out_channels)))
            weights = module.weight.detach().numpy().ravel()
            assert abs(weights).max() <= limit * 1.0001
            if len(weights) > 5000:
                levels = np.linspace(0, 100, 21)
                np.testing.assert_allclose(np.percentile(weights, levels), limit * (levels / 50 - 1), atol=limit / 20)


@pytest.mark.parametrize("width", [1, 0.5, 0.0625, 0.01])
def test_width_is_a_factor_of_all_channels(width):
    model = inpainting.PairedCellInpainting(width)
    expected = [max(1, round(width * channels)) for channels in (96, 256, 384, 384, 256, 16, 32, 32)]
    assert [block.convolution.out_channels for block in (*model.source, *model.marker)] == expected
    decoder = [module.out_channels for module in model.decoder if isinstance(module, nn.Conv2d)]
    assert decoder == [max(1, round(width * channels)) for channels in (256, 384, 384, 256, 96)] + [1]
    assert list(inpainting.lengths(width).values()) == expected[:5] and model.width == width


# Pairs

GROUPS = np.array(["b", "a", "alone", "b", "c", "a", "b", "c", "b", "lonely"])


def test_cells_without_a_partner_are_no_sources():
    _, sources = inpainting.pairs(GROUPS)
    assert sources.tolist() == [0, 1, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("seed", range(5))
def test_a_partner_is_another_cell_of_the_same_group(seed):
    rng = np.random.default_rng(seed)
    groups = rng.choice([f"{a}/{b}" for a in "xyz" for b in range(12)], 150)
    members, sources = inpainting.pairs(groups)
    drawn = rng.choice(sources, 5000)
    targets = inpainting.partners(drawn, members, rng)
    assert (targets != drawn).all()
    np.testing.assert_array_equal(groups[targets], groups[drawn])
    counts = {group: np.sum(groups == group) for group in groups}
    assert set(sources) == {i for i, group in enumerate(groups) if counts[group] > 1}


def test_every_other_cell_of_the_group_is_as_likely():
    groups = np.array([*"aaaaaabbbab"])
    members, sources = inpainting.pairs(groups)
    rng, each = np.random.default_rng(0), 4000
    for source in sources:
        targets = inpainting.partners(np.full(each, source), members, rng)
        others = [i for i in range(len(groups)) if groups[i] == groups[source] and i != source]
        counts = np.bincount(targets, minlength=len(groups))[others]
        assert counts.sum() == each
        # Chi-square with 5 degrees of freedom, exceeded once in 10,000.
        assert ((counts - each / len(others)) ** 2 / (each / len(others))).sum() < 25.7


def test_without_pairs_there_is_nothing_to_learn():
    with pytest.raises(ValueError, match="found no well with two cells"):
        inpainting.pairs(np.array(["a", "b", "c"]))


def test_groups_are_wells_with_their_plates(split):
    groups = inpainting.groups_of(split)
    np.testing.assert_array_equal(groups, split.well_ids)
    assert inpainting.groups_of(dataclasses.replace(split, labels=split.labels[::-1])).tolist() == groups.tolist()


@pytest.mark.parametrize("unknown", [{"plate": None}, {"well": None}, {"plate": None, "well": None}], ids=str)
def test_where_no_wells_are_known_pairing_is_refused_and_by_class_must_be_asked_for(split, unknown):
    blind = dataclasses.replace(split, **unknown)
    with pytest.raises(ValueError, match="found no plates and wells; .* pair_by='class'"):
        inpainting.groups_of(blind)
    expected = [split.class_names[label] for label in split.labels]
    assert inpainting.groups_of(blind, pair_by="class").tolist() == expected
    assert inpainting.groups_of(split, pair_by="class").tolist() == expected


def test_another_way_to_pair_is_refused(split):
    with pytest.raises(ValueError, match="found pair_by = 'plate'; expected 'well' or 'class'"):
        inpainting.groups_of(split, pair_by="plate")


# What the network is shown


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seed", range(3))
def test_a_view_is_each_channel_from_0_to_1_flipped_as_drawn(seed):
    images = cells(30)
    images[0], images[1, 1] = 7, 0
    rng = np.random.default_rng(seed)
    up_down, left_right = rng.integers(0, 2, 30), rng.integers(0, 2, 30)
    found = inpainting.view(images, np.random.default_rng(seed)).numpy()
    for i, image in enumerate(unit(images)):
        image = image[:, ::-1] if up_down[i] else image
        image = image[:, :, ::-1] if left_right[i] else image
        np.testing.assert_allclose(found[i], image, rtol=1e-5, atol=1e-6)
    assert found.min() == 0 and found.max() == 1 and found.dtype == np.float32


@pytest.fixture
def shown(monkeypatch):
    """Record what a training shows to its network: pairs of a source's and a target's indices and pictures."""
    views, real = [], inpainting.look

    def watch(held, bounds, chosen, rng):
        views.append((chosen, real(held, bounds, chosen, rng)))
        return views[-1][1]

    monkeypatch.setattr(inpainting, "look", watch)
    return lambda: list(zip(views[1::2], views[2::2], strict=True))  # the first view is the trial's


def flips_of(pictures, images):
    """Tell how each picture is flipped: 0 to 3, twice the up-down flip and once the left-right one."""
    originals = unit(images)
    forms = np.stack([originals, originals[..., ::-1], originals[:, :, ::-1], originals[:, :, ::-1, ::-1]])
    distances = abs(forms - pictures.numpy()).max((2, 3, 4))
    assert (distances.min(0) < 1e-5).all()
    return distances.argmin(0)


def test_source_and_target_are_other_cells_of_a_well_flipped_independently(shown, tmp_path):
    alone = memory_split(50)
    wells = alone.well.copy()
    wells[[3, 11]] = "C01", "C02"
    split = dataclasses.replace(alone, well=wells)
    train(split, tmp_path, width=0.01, epochs=10, batch=48)
    pairs, flips = shown(), np.zeros((4, 4), int)
    assert len(pairs) == 10
    for (source, x), (target, y) in pairs:
        assert (source != target).all()
        np.testing.assert_array_equal(split.well_ids[source], split.well_ids[target])
        np.add.at(flips, (flips_of(x, split.images[source]), flips_of(y, split.images[target])), 1)
    sources, counts = np.unique(np.concatenate([source for (source, _), _ in pairs]), return_counts=True)
    assert sources.tolist() == [i for i in range(50) if i not in (3, 11)] and set(counts) == {10}
    assert ((flips - 30) ** 2 / 30).sum() < 37.7  # chi-square with 15 degrees of freedom, exceeded once in 1,000


def test_the_loss_is_the_mean_square_between_the_painting_and_the_targets_protein(shown, split, tmp_path):
    _, history = train(split, tmp_path, epochs=1 / 6, seed=3)
    (((source, x), (target, y)),) = shown()
    torch.manual_seed(3)
    with torch.no_grad():
        painted = inpainting.PairedCellInpainting(SMALL["width"]).train()(x, y[:, 1:]).numpy()
    assert history["loss"] == [pytest.approx(np.mean((painted[:, 0] - y[:, 0].numpy()) ** 2), rel=1e-4)]


def test_the_targets_protein_is_never_shown_to_the_network(monkeypatch, shown, split, tmp_path):
    seen, real = [], inpainting.PairedCellInpainting.forward
    monkeypatch.setattr(
        inpainting.PairedCellInpainting, "forward", lambda self, x, m: seen.append((x, m)) or real(self, x, m)
    )
    train(split, tmp_path)
    for (x, marker), ((_, source), (_, target)) in zip(seen[-12:], shown(), strict=True):
        assert torch.equal(x, source) and torch.equal(marker, target[:, 1:])


def test_the_optimiser_is_the_originals_adam(monkeypatch, split, tmp_path):
    seen, real = set(), torch.optim.Adam.step

    def step(self, *args, **options):
        (group,) = self.param_groups
        seen.add((group["lr"], group["betas"], group["eps"], group["weight_decay"]))
        return real(self, *args, **options)

    monkeypatch.setattr(torch.optim.Adam, "step", step)
    train(split, tmp_path)
    assert seen == {(1e-4, (0.5, 0.999), 1e-8, 0)}


@pytest.mark.parametrize("epochs, batch, steps", [(1, 48, 1), (1, 7, 7), (0.5, 8, 3), (2, 64, 2), (0, 8, 0)])
def test_an_epoch_has_as_many_steps_as_its_cells_fill_batches(split, tmp_path, epochs, batch, steps):
    _, history = train(split, tmp_path, epochs=epochs, batch=batch)
    assert len(history["loss"]) == steps


def test_a_training_paints_better_than_none(tmp_path):
    rng = np.random.default_rng(0)
    rows, columns = np.indices((64, 64))
    centres = rng.integers(20, 44, (96, 2, 1, 1))
    distance = np.hypot(rows - centres[:, 0], columns - centres[:, 1])
    images = np.stack([1000 * (distance < 14), 1000 * (distance < 7)], 1) + rng.integers(0, 50, (96, 2, 64, 64))
    split = memory_split(96, images=images.astype(np.uint16))
    model, history = train(split, tmp_path, width=0.0625, epochs=10, batch=16)
    assert np.mean(history["loss"][-5:]) < 0.7 * np.mean(history["loss"][:5])
    untrained, _ = train(split, tmp_path, width=0.0625, epochs=0)
    assert inpainting.painting_error(split, model) < inpainting.painting_error(split, untrained)


# No labels


def test_shuffled_labels_give_the_same_weights_and_features_to_the_last_bit(whole, split, tmp_path):
    shuffled = dataclasses.replace(split, labels=np.random.default_rng(0).permutation(split.labels))
    assert not np.array_equal(shuffled.labels, split.labels)
    model, history = train(shuffled, tmp_path)
    assert same(model, whole[0]) and history == whole[1]
    one, other = features(split, whole[0]), features(shuffled, model)
    for layer in one:
        np.testing.assert_array_equal(one[layer], other[layer])


# Features


def encoded(blocks, x):
    """Go through an encoder by hand: its output, and its layers' maxima after ReLU and before batch norm."""
    maxima = []
    for i, block in enumerate(blocks):
        x = functional.relu(functional.conv2d(x, block.convolution.weight, block.convolution.bias, padding=1))
        maxima.append(x.flatten(2).max(2).values)
        norm = block.norm
        mean, variance, gain, offset = (
            values[:, None, None] for values in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
        )
        x = (x - mean) / torch.sqrt(variance + 1e-3) * gain + offset
        x = functional.max_pool2d(x, 2) if i < 2 else x
    return x, maxima


def test_features_are_maxima_after_relu_and_before_norm(whole, split):
    model, found = whole[0], features(split, whole[0])
    with torch.inference_mode():
        _, maxima = encoded(model.source, torch.tensor(unit(split.images), dtype=torch.float32))
    assert list(found) == list(inpainting.WIDTHS) == ["conv1", "conv2", "conv3", "conv4", "conv5"]
    for (layer, values), expected in zip(found.items(), maxima, strict=True):
        assert values.dtype == np.float32 and values.shape == (48, inpainting.lengths(0.03)[layer])
        np.testing.assert_allclose(values, expected.numpy(), rtol=1e-3, atol=1e-5, err_msg=layer)
        assert (values >= 0).all()


def test_the_size_of_batches_is_irrelevant_to_features(whole, split):
    one, other = features(split, whole[0]), features(split, whole[0].train(), batch=5)
    for layer in one:
        np.testing.assert_allclose(one[layer], other[layer], rtol=1e-4, atol=1e-6)


def test_features_do_not_depend_on_labels_and_places(whole, split):
    blind = dataclasses.replace(split, labels=np.zeros(48, int), plate=None, well=None)
    one, other = features(split, whole[0]), features(blind, whole[0])
    for layer in one:
        np.testing.assert_array_equal(one[layer], other[layer])


@pytest.mark.filterwarnings("error")
def test_constant_images_give_finite_features(whole):
    images = cells(4)
    images[0], images[1, 0], images[2, 1] = 65535, 3, 0
    for values in features(memory_split(4, images=images), whole[0]).values():
        assert np.isfinite(values).all()


def test_an_untrained_network_is_the_same_every_time(split, tmp_path):
    models = []
    for seed, folder in ((0, "a"), (0, "b"), (1, "c")):
        torch.manual_seed(len(models))
        model, history = train(split, tmp_path / folder, epochs=0, seed=seed)
        models.append(model)
        assert history["loss"] == [] and not model.training
    assert same(models[0], models[1]) and not same(models[0], models[2])
    one, other = (features(split, model) for model in models[:2])
    for layer in one:
        np.testing.assert_array_equal(one[layer], other[layer])


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


# The same run again, and runs that are stopped


def test_the_same_seed_gives_the_same_weights_and_features_to_the_last_bit(whole, split, tmp_path):
    np.random.seed(5), torch.manual_seed(99)  # what others draw does not enter
    model, history = train(split, tmp_path)
    assert same(model, whole[0]) and history == whole[1]
    one, other = features(split, model), features(split, whole[0])
    for layer in one:
        np.testing.assert_array_equal(one[layer], other[layer])


def test_another_seed_gives_others(whole, split, tmp_path):
    model, history = train(split, tmp_path, seed=1)
    assert not same(model, whole[0]) and history["loss"] != whole[1]["loss"] and history["key"] != whole[1]["key"]


def stop_at(monkeypatch, step):
    """Interrupt the training in its n-th step from here."""
    real, count = torch.optim.Adam.step, []

    def interrupted(self, *args, **options):
        count.append(1)
        if len(count) == step:
            raise KeyboardInterrupt
        return real(self, *args, **options)

    monkeypatch.setattr(torch.optim.Adam, "step", interrupted)


def test_a_run_that_is_stopped_again_and_again_ends_as_if_it_never_was(monkeypatch, whole, split, tmp_path):
    for step in (2, 4, 5, 1, 6):
        with monkeypatch.context() as patch:
            stop_at(patch, step)
            with pytest.raises(KeyboardInterrupt):
                train(split, tmp_path)
    model, history = train(split, tmp_path)
    assert same(model, whole[0]) and history == whole[1]


def test_how_often_a_run_is_saved_changes_nothing(whole, split, tmp_path):
    model, history = train(split, tmp_path, save_every=1)
    assert same(model, whole[0]) and history == whole[1]


KILLED = """
import time
from conftest import memory_split
from coos_helpers import inpainting, resident

def slow(*args, real=resident.batch):
    time.sleep(0.05 if args[2] < 6 else 10)
    return real(*args)

resident.batch = slow
split = memory_split(48)
options = dict(width=0.03, epochs=2, batch=8, save_every=4, device="cpu", progress=False)
inpainting.train(split.images, inpainting.groups_of(split), {folder!r}, **options)
"""


def test_a_killed_run_goes_on_and_ends_as_if_it_never_stopped(monkeypatch, whole, split, tmp_path):
    kill_at_first_checkpoint(KILLED.format(folder=str(tmp_path)), tmp_path)
    (path,) = tmp_path.glob("*.pt")
    assert whole[1]["key"] in path.name
    steps, real = [], torch.optim.Adam.step
    monkeypatch.setattr(torch.optim.Adam, "step", lambda self, *args: steps.append(1) or real(self, *args))
    model, history = train(split, tmp_path)
    assert 0 < len(steps) < 12
    assert same(model, whole[0]) and history == whole[1]


def test_a_finished_run_is_read_and_not_trained_again(monkeypatch, whole, split, capsys):
    monkeypatch.setattr(torch.optim.Adam, "step", lambda *_, **__: pytest.fail("trained again"))
    model, history = train(split, whole[2])
    assert same(model, whole[0]) and history == whole[1] and not model.training
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("changed", [{"width": 0.04}, {"epochs": 1}, {"batch": 9}, {"seed": 1}], ids=str)
def test_other_settings_are_another_run(whole, split, changed):
    _, history = train(split, whole[2], **changed)
    assert history["key"] != whole[1]["key"]


def test_other_cells_or_groups_are_another_run(split, tmp_path):
    brighter = split.images.copy()
    brighter[3, 1, 60, 60] ^= 1
    others = (
        split,
        dataclasses.replace(split, images=brighter),
        dataclasses.replace(split, well=np.roll(split.well, 1)),
    )
    keys = {train(some, tmp_path, epochs=1 / 6)[1]["key"] for some in others}
    assert len(keys) == 3 == len(list(tmp_path.iterdir()))


def test_a_damaged_checkpoint_is_named_and_left_as_it_is(whole, split, tmp_path):
    source = next(whole[2].glob(f"*{whole[1]['key']}*"))
    path = tmp_path / source.name
    damaged = source.read_bytes()[:-1000]
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match=re.escape(str(path)) + ".*left as it is"):
        train(split, tmp_path)
    assert path.read_bytes() == damaged


def test_another_runs_checkpoint_under_this_runs_name_is_refused(whole, split, tmp_path):
    _, history = train(split, tmp_path, seed=1)
    (other,) = tmp_path.iterdir()
    path = tmp_path / other.name.replace(history["key"], whole[1]["key"])
    other.rename(path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=re.escape(str(path)) + ".*another model, other settings or other data"):
        train(split, tmp_path)
    assert path.read_bytes() == before


def test_images_may_stay_on_disk(release, tmp_path):
    split = release["train"]
    held = dataclasses.replace(split, images=split.images[:])
    assert not isinstance(split.images, np.ndarray)
    one, other = (train(some, tmp_path / str(i), epochs=1) for i, some in enumerate((split, held)))
    assert same(one[0], other[0]) and one[1] == other[1]
    np.testing.assert_array_equal(resident.put(split.images, "cpu"), resident.put(held.images, "cpu"))
