"""What must hold of DeepLoc: the original's network, crops and schedule, and a fifth that is never learned from."""

import numpy as np
import pytest
import torch
from conftest import cells
from representations.tiny_networks import adam, train_deeploc
from torch import nn

from coos_helpers.representations import deeploc, training
from coos_helpers.representations.batch_norm import BatchNorm

LABELS = np.arange(35) % 7  # of `cells(35)`, which `train_deeploc` learns from

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Train once: the network and its history."""
    return train_deeploc(tmp_path_factory.mktemp("whole"))


# The network


def test_layers_and_their_parameters_are_those_of_the_original():
    model, shapes = deeploc.DeepLoc(2, 7).eval(), []
    assert sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad) == 10_985_237
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear | nn.MaxPool2d):
            module.register_forward_hook(lambda module, _, out: shapes.append((type(module).__name__, *out.shape[1:])))
    with torch.inference_mode():
        crops = torch.randn(1, 2, 60, 60)
        model(crops)
    conv, pool = "Conv2d", "MaxPool2d"
    assert shapes == [
        (conv, 64, 60, 60), (conv, 64, 60, 60), (pool, 64, 30, 30),
        (conv, 128, 30, 30), (conv, 128, 30, 30), (pool, 128, 15, 15),
        (conv, 256, 15, 15), (conv, 256, 15, 15), (conv, 256, 15, 15), (conv, 256, 15, 15), (pool, 256, 8, 8),
        ("Linear", 512), ("Linear", 512), ("Linear", 7),
    ]  # fmt: skip


def test_after_each_layer_comes_batch_norm_and_after_all_but_the_last_relu():
    kinds = [type(module) for module in deeploc.DeepLoc(width=0.03).modules() if not list(module.children())]
    kinds = [kind for kind in kinds if kind not in (nn.MaxPool2d, nn.Flatten)]
    hidden = [nn.Conv2d, BatchNorm, nn.ReLU] * 8 + [nn.Linear, BatchNorm, nn.ReLU] * 2
    assert kinds == hidden + [nn.Linear, BatchNorm]


@pytest.mark.parametrize("width, expected", [(0.5, (32, 64, 128, 256)), (0.01, (1, 1, 3, 5))])
def test_width_is_a_factor_of_all_channels_and_classes_are_those_of_the_data(width, expected):
    model = deeploc.DeepLoc(3, 19, width=width).eval()
    convolutions = [module.out_channels for module in model.modules() if isinstance(module, nn.Conv2d)]
    one, two, four, hidden = expected
    assert convolutions == [one] * 2 + [two] * 2 + [four] * 4
    assert [module.out_features for module in model.modules() if isinstance(module, nn.Linear)] == [hidden, hidden, 19]
    assert model.width == width and model(torch.randn(2, 3, 60, 60)).shape == (2, 19)


@pytest.mark.parametrize("coarse, side", [(1, 8), (2, 4), (3, 3)])
def test_a_coarse_network_sees_the_means_of_squares_and_nothing_finer(coarse, side):
    torch.manual_seed(0)
    model, crops = deeploc.DeepLoc(width=0.05, coarse=coarse).eval(), torch.randn(4, 2, 60, 60)
    assert model.convolutions(crops).shape[2:] == (side, side)
    means = crops.unfold(2, coarse, coarse).unfold(3, coarse, coarse).mean((4, 5))
    flat = means.repeat_interleave(coarse, 2).repeat_interleave(coarse, 3)
    torch.testing.assert_close(model(flat), model(crops), rtol=1e-4, atol=1e-4)


def test_weights_begin_as_a_truncated_normal_and_biases_at_a_tenth():
    torch.manual_seed(1)
    drawn, levels = np.random.default_rng(0).normal(0, 0.1, 200_000), np.linspace(1, 99, 25)
    expected = np.percentile(drawn[abs(drawn) < 0.2], levels)
    for module in deeploc.DeepLoc(width=0.25).modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            assert (module.bias == 0.1).all() and abs(module.weight).max() <= 0.2
            if module.weight.numel() > 20_000:
                np.testing.assert_allclose(np.percentile(module.weight.detach(), levels), expected, atol=0.005)


# Batch norm


@pytest.mark.parametrize("shape", [(16, 5), (4, 5, 6, 7), (2, 5), (2, 5, 1, 1)], ids=str)
def test_batch_norm_is_tensorflows(shape):
    rng, norm = np.random.default_rng(0), BatchNorm(5).train()
    axes, mean, variance = (0, *range(2, len(shape))), np.zeros(5), np.ones(5)
    with torch.no_grad():
        norm.weight.copy_(torch.arange(1.0, 6.0))
        norm.bias.copy_(torch.arange(5.0))
    across = (5,) + (1,) * (len(shape) - 2)
    gamma, beta = np.arange(1, 6).reshape(across), np.arange(5).reshape(across)

    def expected(x, mean, variance):
        return (x - mean.reshape(across)) / np.sqrt(variance.reshape(across) + 1e-3) * gamma + beta

    for step in range(4):
        x = rng.normal(step, 1 + step, shape)
        out = norm(torch.tensor(x, dtype=torch.float32)).detach().numpy()
        np.testing.assert_allclose(out, expected(x, x.mean(axes), x.var(axes)), rtol=1e-3, atol=1e-4)
        mean, variance = (0.5 * old + 0.5 * new for old, new in ((mean, x.mean(axes)), (variance, x.var(axes))))
        np.testing.assert_allclose(norm.running_mean.numpy(), mean, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(norm.running_var.numpy(), variance, rtol=1e-4)
    norm.eval()
    x = rng.normal(2, 3, shape)
    out = norm(torch.tensor(x, dtype=torch.float32)).detach().numpy()
    np.testing.assert_allclose(out, expected(x, mean, variance), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(norm.running_var.numpy(), variance, rtol=1e-4)


# Rescaling and augmentation


@pytest.mark.parametrize("length", [2, 5, 999, 1000, 1001, 1002, 3600, 4096])
def test_percentiles_are_numpys(length):
    values = np.random.default_rng(length).integers(0, 65536, (3, 2, 1, length), np.uint16)
    values[1] //= 8192  # many ties
    expected = np.moveaxis(np.percentile(values.astype(float), (0.1, 99.9), axis=(2, 3)), 0, -1)
    found = deeploc.percentiles(training.put(values, "cpu")).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-3)


def stretched(image):
    """Stretch one channel (64, 64) as the original does, in double precision."""
    low, high = np.percentile(image.astype(float), (0.1, 99.9))
    image = np.minimum(image.astype(float), high) - low
    return image / (high - low) if high - low > 1 else image


def hard_images():
    """Draw 40 cells of noise, some of them with hardly any contrast or none."""
    images = cells(40)
    images[0], images[1, 0] = 500, 0
    images[2] = 700 + images[2] % 2  # a range of 1: not divided
    images[3] = 700 + images[3] % 3
    images[4, 0], images[4, 0, 5, 5] = 9, 60_000  # one hot pixel, above the 99.9 percentile
    return images


@pytest.mark.parametrize("seed", range(3))
def test_augmentation_is_a_slow_loops_and_no_offset_is_four_and_no_turn_three_quarters(seed):
    images = hard_images()
    held, rng = training.put(images, "cpu"), np.random.default_rng(seed)
    offsets, flips, turns = (rng.integers(0, end, (40, n)) for end, n in ((4, 2), (2, 2), (3, 1)))
    found = deeploc.augment(held, deeploc.percentiles(held), np.random.default_rng(seed))
    assert found.shape == (40, 2, 60, 60) and found.dtype == torch.float32
    for i, image in enumerate(images):
        top, left = offsets[i]
        for channel in range(2):
            crop = stretched(image[channel])[top : top + 60, left : left + 60]
            crop = np.flipud(crop) if flips[i, 0] else crop
            crop = np.fliplr(crop) if flips[i, 1] else crop
            crop = np.rot90(crop, turns[i, 0])
            np.testing.assert_allclose(found[i, channel].numpy(), crop, rtol=1e-4, atol=1e-5)
    assert found[5:].min() < 0 and found[5:].max() == pytest.approx(1, abs=1e-5)


# Prediction


def test_a_prediction_is_the_mean_over_five_crops_one_by_one(whole):
    model, images = whole[0], hard_images()[:12]
    scores, features = deeploc.predict(model, images)
    assert scores.shape == (12, 7) and features.shape == (12, 15) and scores.dtype == features.dtype == np.float32
    np.testing.assert_allclose(scores.sum(1), 1, rtol=1e-5)
    for i, image in enumerate(images):
        unit = np.stack([stretched(channel) for channel in image])
        probabilities, hidden = [], []
        for top, left in ((0, 0), (0, 4), (2, 2), (4, 0), (4, 4)):
            crop = torch.tensor(unit[None, :, top : top + 60, left : left + 60], dtype=torch.float32)
            with torch.inference_mode():
                probabilities.append(torch.softmax(model(crop), 1)[0].numpy())
                hidden.append(model.features(crop)[0].numpy())
        np.testing.assert_allclose(scores[i], np.mean(probabilities, 0), rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(features[i], np.mean(hidden, 0), rtol=1e-3, atol=1e-3)


def test_a_split_is_described_in_its_own_order_and_no_cell_depends_on_its_neighbours(whole, release, capsys):
    model, split = whole[0], release["test1"]
    found = deeploc.features(split, model.train())
    assert "DeepLoc of test1: 100%" in capsys.readouterr().err
    assert list(found) == ["scores", "fc2"]
    for order, batch in ((1, 256), (1, 1), (-1, 3)):
        for part, values in zip(found, deeploc.predict(model, split.images[:][::order], batch), strict=True):
            np.testing.assert_allclose(found[part], values[::order], rtol=1e-4, atol=1e-5)


# The schedule


def test_the_learning_rate_falls_as_the_originals_in_steps_of_25_and_in_small_in_a_shorter_run():
    for iteration, rate in ((0, 0.1), (500, 0.044), (2500, 1.7e-3), (5000, 2.8e-5)):
        assert float(f"{deeploc.learning_rate(iteration):.1e}") == rate
    rates = [deeploc.learning_rate(iteration) for iteration in range(101)]
    np.testing.assert_allclose(rates, [0.1 * 0.96 ** (iteration // 25) for iteration in range(101)])
    for shorter in (2, 10, 40):
        for iteration in range(0, 10_000, 50 * shorter):
            small = deeploc.learning_rate(iteration // shorter, 25 / shorter)
            assert small == pytest.approx(deeploc.learning_rate(iteration))


def test_each_step_has_its_rate(monkeypatch, tmp_path):
    rates = []
    adam(monkeypatch, lambda group: rates.append(group["lr"]))
    train_deeploc(tmp_path)
    assert rates == pytest.approx([0.1 * 0.96**k for k in (0, 0, 1, 1, 2, 2, 3, 3, 4, 4)])


# The cut, and the choice among checkpoints


def indices_of(some):
    """Find raw cells among those that are learned from by their first pixels."""
    places = {image[:, :4].tobytes(): i for i, image in enumerate(cells(35))}
    return [places[np.ascontiguousarray(image[:, :4]).tobytes()] for image in some]


@pytest.fixture
def watched(monkeypatch):
    """Record which cells a training learns from, with the crops that it makes of them, and which it is judged by."""
    learned, judged = [], []
    augment, predict = deeploc.augment, deeploc.predict

    def watch_augment(held, *args):
        learned.append((indices_of(held.numpy().view(np.uint16)), augment(held, *args)))
        return learned[-1][1]

    def watch_predict(model, some, **options):
        judged.append(indices_of(some))
        return predict(model, some, **options)

    monkeypatch.setattr(deeploc, "augment", watch_augment)
    monkeypatch.setattr(deeploc, "predict", watch_predict)
    return learned, judged


def test_a_fifth_of_each_class_is_held_out_and_never_learned_from(watched, tmp_path):
    train_deeploc(tmp_path, iterations=20)
    learned, judged = watched
    held_out = set(judged[0])
    assert all(set(cells) == held_out for cells in judged)
    assert np.bincount(LABELS[sorted(held_out)]).tolist() == [1] * 7
    assert {cell for chosen, _ in learned for cell in chosen} == set(range(35)) - held_out


def test_the_first_loss_is_the_mean_cross_entropy(watched, tmp_path):
    model, history = train_deeploc(tmp_path, iterations=1, seed=2)
    ((chosen, crops),) = watched[0]
    torch.manual_seed(2)
    with torch.no_grad():
        logits = deeploc.DeepLoc(width=model.width).train()(crops).double().numpy()
    expected = np.mean(np.log(np.exp(logits).sum(1)) - logits[np.arange(8), LABELS[chosen]])
    assert history["loss"] == [pytest.approx(expected, rel=1e-3)]


def test_the_held_out_error_is_balanced_with_five_crops_a_cell(watched, tmp_path):
    labels = np.repeat([0, 1], (25, 10))
    model, history = train_deeploc(tmp_path, labels=labels, n_classes=2, save_every=100)
    held_out = watched[1][0]
    scores, _ = deeploc.predict(model, cells(35)[held_out])  # its weights are those of the only checkpoint, at 0
    sensitivities = [np.mean(scores.argmax(1)[labels[held_out] == k] == k) for k in (0, 1)]
    assert history["checkpoints"] == [0] and len(history["loss"]) == 10
    assert history["held_out"] == [pytest.approx(1 - np.mean(sensitivities))]


def test_a_training_learns_what_can_be_learned(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    images = rng.integers(0, 500, (60, 2, 64, 64), np.uint16)
    images[labels == 0, 0, 24:40, 24:40] += 4000
    images[labels == 1, 0, ::4] += 4000
    times = dict(iterations=40, decay_every=1, save_every=20, batch=16)
    model, history = train_deeploc(tmp_path, images=images, labels=labels, n_classes=2, width=0.0625, **times)
    assert min(history["held_out"]) == 0
    others = images + np.uint16(77)
    assert (deeploc.predict(model, others)[0].argmax(1) == labels).mean() > 0.9


def test_every_class_is_held_out_however_few_its_cells_but_for_a_cell_alone(capsys):
    labels = np.r_[np.arange(14) % 7, 7]
    fit, held_out = deeploc.hold_out(labels)
    assert set(labels[held_out]) == set(range(7))
    assert 14 in fit and np.array_equal(np.sort(np.r_[fit, held_out]), np.arange(15))
    assert "Classes with a single cell (7) cannot be held out." in capsys.readouterr().out
