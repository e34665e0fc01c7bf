"""What must hold of DeepLoc: the original's network and schedule, and a training that can be stopped at any time."""

import re

import numpy as np
import pytest
import torch
from conftest import cells, kill_at_first_checkpoint, memory_split
from torch import nn

from coos_helpers import deeploc, metrics, resident

#: A run of a moment: 10 steps of a network with 2 to 8 channels.
SMALL = dict(width=0.03, iterations=10, decay_every=2, save_every=3, batch=8, device="cpu", progress=False)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def images():
    return cells(35)


@pytest.fixture(scope="module")
def labels():
    return np.arange(35) % 7


def train(images, labels, folder, **options):
    return deeploc.train(images, labels, folder, **{**SMALL, **options})


def same(one, other):
    """Compare two networks' weights to the last bit."""
    one, other = one.state_dict(), other.state_dict()
    return list(one) == list(other) and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def whole(images, labels, tmp_path_factory):
    """Train once without a stop: the network, its history and the folder of its checkpoint."""
    folder = tmp_path_factory.mktemp("whole")
    return *train(images, labels, folder), folder


# The network


def test_the_network_has_the_originals_number_of_parameters():
    model = deeploc.DeepLoc(2, 7)
    assert sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad) == 10_985_237


def test_layers_are_those_of_the_original():
    model, shapes = deeploc.DeepLoc(2, 7).eval(), []
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear | nn.MaxPool2d):
            module.register_forward_hook(lambda module, _, out: shapes.append((type(module).__name__, *out.shape[1:])))
    with torch.inference_mode():
        crops = torch.randn(1, 2, 60, 60)
        assert model(crops).shape == (1, 7)
    conv, pool = "Conv2d", "MaxPool2d"
    assert shapes == [
        (conv, 64, 60, 60), (conv, 64, 60, 60), (pool, 64, 30, 30),
        (conv, 128, 30, 30), (conv, 128, 30, 30), (pool, 128, 15, 15),
        (conv, 256, 15, 15), (conv, 256, 15, 15), (conv, 256, 15, 15), (conv, 256, 15, 15), (pool, 256, 8, 8),
        ("Linear", 512), ("Linear", 512), ("Linear", 7),
    ]  # fmt: skip
    with torch.inference_mode():
        assert model.features(crops).shape == (1, 512)


def test_after_each_layer_comes_batch_norm_and_after_all_but_the_last_relu():
    kinds = [type(module) for module in deeploc.DeepLoc(width=0.03).modules() if not list(module.children())]
    kinds = [kind for kind in kinds if kind not in (nn.MaxPool2d, nn.Flatten)]
    hidden = [nn.Conv2d, deeploc.BatchNorm, nn.ReLU] * 8 + [nn.Linear, deeploc.BatchNorm, nn.ReLU] * 2
    assert kinds == hidden + [nn.Linear, deeploc.BatchNorm]


def test_the_last_pooling_keeps_the_odd_row_and_column():
    model = deeploc.DeepLoc(width=0.03).eval()
    x = torch.rand(1, 1, 15, 15)
    out = [module for module in model.convolutions if isinstance(module, nn.MaxPool2d)][-1](x)
    assert torch.equal(out[0, 0, -1, -1], x[0, 0, -1, -1])
    assert torch.equal(out[0, 0, -1, 0], x[0, 0, -1, :2].max())


@pytest.mark.parametrize("channels, classes", [(1, 2), (2, 7), (3, 19)])
def test_channels_and_classes_are_those_of_the_data(channels, classes):
    model = deeploc.DeepLoc(channels, classes, 0.03).eval()
    assert model(torch.randn(2, channels, 60, 60)).shape == (2, classes)


@pytest.mark.parametrize("width, expected", [(1, (64, 128, 256, 512)), (0.5, (32, 64, 128, 256)), (0.01, (1, 1, 3, 5))])
def test_width_is_a_factor_of_all_channels(width, expected):
    model = deeploc.DeepLoc(width=width)
    convolutions = [module.out_channels for module in model.modules() if isinstance(module, nn.Conv2d)]
    one, two, four, hidden = expected
    assert convolutions == [one] * 2 + [two] * 2 + [four] * 4
    assert [module.out_features for module in model.modules() if isinstance(module, nn.Linear)] == [hidden, hidden, 7]
    assert model.width == width


def test_weights_begin_as_a_truncated_normal_and_biases_at_a_tenth():
    torch.manual_seed(1)
    for module in deeploc.DeepLoc(width=0.25).modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            assert (module.bias == 0.1).all()
            weights = module.weight.detach().numpy().ravel()
            assert abs(weights).max() <= 0.2
            if len(weights) > 20_000:
                rng = np.random.default_rng(0)
                drawn = rng.normal(0, 0.1, 200_000)
                drawn = drawn[abs(drawn) < 0.2]
                levels = np.linspace(1, 99, 25)
                np.testing.assert_allclose(np.percentile(weights, levels), np.percentile(drawn, levels), atol=0.005)
                assert weights.std() == pytest.approx(drawn.std(), rel=0.02)


# Batch norm


@pytest.mark.parametrize("shape", [(16, 5), (4, 5, 6, 7), (2, 5), (2, 5, 1, 1)], ids=str)
def test_batch_norm_is_tensorflows(shape):
    rng, norm = np.random.default_rng(0), deeploc.BatchNorm(5).train()
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


def test_batch_norm_has_the_gradient_of_torchs():
    x = torch.randn(6, 5, 4, 4)
    gradients = []
    for norm in (deeploc.BatchNorm(5), nn.BatchNorm2d(5, eps=1e-3)):
        x.grad = None
        norm(x.requires_grad_()).pow(3).sum().backward()
        gradients.append([x.grad.clone(), norm.weight.grad, norm.bias.grad])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


# Rescaling and augmentation


@pytest.mark.parametrize("length", [2, 5, 999, 1000, 1001, 1002, 3600, 4096])
def test_percentiles_are_numpys(length):
    values = np.random.default_rng(length).integers(0, 65536, (3, 2, length)).astype(np.float32)
    values[1] //= 8192  # many ties
    expected = np.moveaxis(np.percentile(values.astype(float), (0.1, 99.9), axis=-1), 0, -1)
    np.testing.assert_allclose(deeploc.percentiles(torch.from_numpy(values)).numpy(), expected, rtol=1e-6, atol=1e-3)


def stretched(image):
    """Stretch one channel (64, 64) as the original does, in double precision."""
    low, high = np.percentile(image.astype(float), (0.1, 99.9))
    image = np.minimum(image.astype(float), high) - low
    return image / (high - low) if high - low > 1 else image


def bounds_of(held):
    return deeploc.percentiles(resident.counts(held).flatten(2))


def hard_images():
    """Draw 40 cells of noise, some of them with hardly any contrast or none."""
    images = cells(40)
    images[0], images[1, 0] = 500, 0
    images[2] = 700 + images[2] % 2  # a range of 1: not divided
    images[3] = 700 + images[3] % 3
    images[4, 0], images[4, 0, 5, 5] = 9, 60_000  # one hot pixel, above the 99.9 percentile
    return images


@pytest.mark.parametrize("seed", range(3))
def test_augmentation_is_that_of_a_slow_loop_over_images(seed):
    images = hard_images()
    held, rng = resident.put(images, "cpu"), np.random.default_rng(seed)
    offsets, flips, turns = (rng.integers(0, end, (40, n)) for end, n in ((4, 2), (2, 2), (3, 1)))
    found = deeploc.augment(held, bounds_of(held), np.random.default_rng(seed))
    assert found.shape == (40, 2, 60, 60) and found.dtype == torch.float32
    for i, image in enumerate(images):
        top, left = offsets[i]
        for channel in range(2):
            crop = stretched(image[channel])[top : top + 60, left : left + 60]
            crop = np.flipud(crop) if flips[i, 0] else crop
            crop = np.fliplr(crop) if flips[i, 1] else crop
            crop = np.rot90(crop, turns[i, 0])
            np.testing.assert_allclose(found[i, channel].numpy(), crop, rtol=1e-4, atol=1e-5)
    assert np.isfinite(found.numpy()).all()


def test_what_is_darker_than_the_low_percentile_becomes_negative_and_nothing_exceeds_one():
    held = resident.put(cells(20), "cpu")
    found = deeploc.augment(held, bounds_of(held), np.random.default_rng(0))
    assert (found.amin((1, 2, 3)) < 0).any()
    assert found.max() == pytest.approx(1, abs=1e-5)


def test_the_offset_is_never_four_and_the_turn_never_three_quarters():
    """Read the offset, flips and turns back from crops of an image whose pixels say where they are.

    A turn by three quarters is one by a quarter with both flips: it would show in how often rows become columns.
    """
    n = 4000
    grid = np.broadcast_to(np.arange(4096, dtype=np.uint16).reshape(1, 1, 64, 64), (500, 1, 64, 64))
    rng, bounds, seen = np.random.default_rng(0), torch.tensor([0.0, 65535.0]).expand(500, 1, 2), []
    for _ in range(n // 500):
        crops = deeploc.augment(resident.put(grid, "cpu"), bounds, rng)[:, 0].numpy()
        crops = np.rint(crops * 65535).astype(int)
        corners = crops[:, [0, 0, -1, -1], [0, -1, 0, -1]]
        top, left = np.divmod(corners.min(1), 64)
        assert (corners.max(1) == 64 * (top + 59) + left + 59).all()
        orientation = np.argsort(corners, 1) @ (1, 10, 100, 1000)
        turned = abs(crops[:, 0, 1] - crops[:, 0, 0]) == 64
        seen += list(zip(top, left, turned, orientation, strict=True))
    top, left, turned, orientation = np.array(seen).T
    for offset in (top, left):
        counts = np.bincount(offset)
        assert len(counts) == 4 and ((counts - n / 4) ** 2 / (n / 4)).sum() < 16.3  # chi-square, 1 in 1,000
    counts = np.bincount(4 * top + left)
    assert ((counts - n / 16) ** 2 / (n / 16)).sum() < 37.7
    assert turned.mean() == pytest.approx(1 / 3, abs=0.03)  # 1/2 if a turn could be by three quarters
    for group in (orientation[turned == 1], orientation[turned == 0]):
        _, counts = np.unique(group, return_counts=True)
        expected = len(group) / 4
        assert len(counts) == 4 and ((counts - expected) ** 2 / expected).sum() < 16.3


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


def test_a_cells_prediction_does_not_depend_on_its_neighbours(whole):
    model, images = whole[0], cells(9)
    at_once = deeploc.predict(model.train(), images)
    one_by_one = deeploc.predict(model, images, batch=1)
    turned = deeploc.predict(model, images[::-1], batch=3)
    for together, alone, other in zip(at_once, one_by_one, turned, strict=True):
        np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(together, other[::-1], rtol=1e-4, atol=1e-5)


def test_a_split_is_described_in_its_own_order(whole, release):
    model = whole[0]
    split = release["test1"]
    for one, other in zip(
        deeploc.features(split, model, progress=False), deeploc.predict(model, split.images[:]), strict=True
    ):
        np.testing.assert_array_equal(one, other)


# The schedule


@pytest.mark.parametrize("iteration, rate", [(0, 0.1), (500, 0.044), (2500, 1.7e-3), (5000, 2.8e-5)])
def test_the_learning_rate_falls_as_the_originals(iteration, rate):
    assert float(f"{deeploc.learning_rate(iteration):.1e}") == rate


def test_the_learning_rate_falls_in_steps_of_25():
    rates = [deeploc.learning_rate(iteration) for iteration in range(101)]
    np.testing.assert_allclose(rates, [0.1 * 0.96 ** (iteration // 25) for iteration in range(101)])


@pytest.mark.parametrize("shorter", [2, 10, 40])
def test_a_shorter_run_has_the_same_schedule_in_small(shorter):
    for iteration in range(0, 10_000, 50 * shorter):
        small = deeploc.learning_rate(iteration // shorter, 25 / shorter)
        assert small == pytest.approx(deeploc.learning_rate(iteration))


def test_the_optimiser_is_adam_with_that_rate(monkeypatch, tmp_path, images, labels):
    seen, real = [], torch.optim.Adam.step

    def step(self, *args, **options):
        (group,) = self.param_groups
        seen.append((group["lr"], group["betas"], group["eps"], group["weight_decay"]))
        return real(self, *args, **options)

    monkeypatch.setattr(torch.optim.Adam, "step", step)
    train(images, labels, tmp_path)
    rates = [0.1 * 0.96**k for k in (0, 0, 1, 1, 2, 2, 3, 3, 4, 4)]
    assert [rate for rate, *_ in seen] == pytest.approx(rates)
    assert {tuple(rest) for _, *rest in seen} == {((0.9, 0.999), 1e-8, 0)}


# The cut, and the choice among checkpoints


def indices_of(images, some):
    """Find raw cells among images by their first pixels."""
    places = {image[:, :4].tobytes(): i for i, image in enumerate(images)}
    return [places[np.ascontiguousarray(image[:, :4]).tobytes()] for image in some]


@pytest.fixture
def watched(monkeypatch, images):
    """Record which cells a training learns from, and which it is judged by."""
    learned, judged = [], []
    augment, predict = deeploc.augment, deeploc.predict

    def watch_augment(held, *args):
        learned.append(indices_of(images, held.numpy().view(np.uint16)))
        return augment(held, *args)

    def watch_predict(model, some, *args):
        judged.append(indices_of(images, some))
        return predict(model, some, *args)

    monkeypatch.setattr(deeploc, "augment", watch_augment)
    monkeypatch.setattr(deeploc, "predict", watch_predict)
    return learned, judged


def test_a_fifth_of_each_class_is_held_out_and_never_learned_from(watched, tmp_path, images, labels):
    train(images, labels, tmp_path, iterations=20)
    learned, judged = watched
    held_out = set(judged[0])
    assert all(set(cells) == held_out for cells in judged)
    assert np.bincount(labels[sorted(held_out)]).tolist() == [1] * 7
    assert set().union(*learned) == set(range(35)) - held_out


def test_other_pixels_in_the_held_out_fifth_leave_the_training_as_it_is(monkeypatch, whole, tmp_path, images, labels):
    held_out, real = [], deeploc.predict
    monkeypatch.setattr(
        deeploc, "predict", lambda model, some: held_out.extend(indices_of(images, some)) or real(model, some)
    )
    train(images, labels, tmp_path, iterations=1)
    monkeypatch.undo()
    other = images.copy()
    other[held_out] = cells(len(held_out), seed=9)
    _, history = train(other, labels, tmp_path)
    assert history["loss"] == whole[1]["loss"] and history["key"] != whole[1]["key"]


def test_the_first_loss_is_the_mean_cross_entropy(monkeypatch, tmp_path, images, labels):
    chosen, real = [], deeploc.augment
    monkeypatch.setattr(
        deeploc, "augment", lambda held, *args: chosen.append((held, real(held, *args))) or chosen[-1][1]
    )
    _, history = train(images, labels, tmp_path, iterations=1, seed=2)
    held, crops = chosen[-1]
    torch.manual_seed(2)
    with torch.no_grad():
        logits = deeploc.DeepLoc(width=SMALL["width"]).train()(crops).double().numpy()
    truth = labels[indices_of(images, held.numpy().view(np.uint16))]
    expected = np.mean(np.log(np.exp(logits).sum(1)) - logits[np.arange(len(truth)), truth])
    assert history["loss"] == [pytest.approx(expected, rel=1e-3)]
    assert len(truth) == SMALL["batch"]


@pytest.mark.parametrize(
    "iterations, save_every, expected", [(10, 5, [0, 5]), (11, 5, [0, 5, 10]), (9, 4, [0, 4, 8]), (3, 10, [0])]
)
def test_checkpoints_are_at_every_multiple_from_0_and_not_at_the_end(
    tmp_path, images, labels, iterations, save_every, expected
):
    _, history = train(images, labels, tmp_path, iterations=iterations, save_every=save_every)
    assert history["checkpoints"] == expected
    assert len(history["held_out"]) == len(expected) and len(history["loss"]) == iterations


@pytest.mark.parametrize(
    "errors, best", [([0.9, 0.2, 0.5, 0.4], 1), ([0.1, 0.5, 0.6, 0.7], 0), ([0.4, 0.3, 0.2, 0], 3)]
)
def test_the_checkpoint_with_the_lowest_held_out_error_is_chosen(monkeypatch, tmp_path, images, labels, errors, best):
    states, real, ahead = [], deeploc.predict, iter(errors)

    def predict(model, *args):
        states.append({name: values.clone() for name, values in model.state_dict().items()})
        return real(model, *args)

    monkeypatch.setattr(deeploc, "predict", predict)
    monkeypatch.setattr(metrics, "balanced_error", lambda *_: next(ahead))
    model, history = train(images, labels, tmp_path)
    assert history["held_out"] == errors and not model.training
    for name, values in model.state_dict().items():
        assert torch.equal(values, states[best][name]), name


def test_the_held_out_error_is_balanced_with_five_crops_a_cell(watched, tmp_path, images):
    labels = np.repeat(np.arange(7), (5, 5, 5, 5, 5, 5, 5))
    model, history = train(images, labels, tmp_path, save_every=100)
    held_out = sorted(watched[1][0])
    scores, _ = deeploc.predict(model, images[held_out])
    sensitivities = [np.mean(scores.argmax(1)[labels[held_out] == k] == k) for k in range(7)]
    assert history["held_out"] == [pytest.approx(1 - np.mean(sensitivities))]


def test_a_training_learns_what_can_be_learned(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    images = rng.integers(0, 500, (60, 2, 64, 64), np.uint16)
    images[labels == 0, 0, 24:40, 24:40] += 4000
    images[labels == 1, 0, ::4] += 4000
    model, history = train(
        images, labels, tmp_path, n_classes=2, iterations=40, decay_every=1, save_every=20, batch=16, width=0.0625
    )
    assert min(history["held_out"]) == 0
    others = images + np.uint16(77)
    assert (deeploc.predict(model, others)[0].argmax(1) == labels).mean() > 0.9


# The same run again, and runs that are stopped


def test_the_same_seed_gives_the_same_weights_and_features_to_the_last_bit(whole, tmp_path, images, labels):
    np.random.seed(5), torch.manual_seed(99)  # what others draw does not enter
    model, history = train(images, labels, tmp_path)
    assert same(model, whole[0]) and history == whole[1]
    split = memory_split(9, seed=3)
    for one, other in zip(*(deeploc.features(split, m, progress=False) for m in (model, whole[0])), strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_seed_gives_others(whole, tmp_path, images, labels):
    model, history = train(images, labels, tmp_path, seed=1)
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


def test_a_run_that_is_stopped_again_and_again_ends_as_if_it_never_was(monkeypatch, whole, tmp_path, images, labels):
    for step in (1, 2, 4, 5, 3):
        with monkeypatch.context() as patch:
            stop_at(patch, step)
            with pytest.raises(KeyboardInterrupt):
                train(images, labels, tmp_path)
    model, history = train(images, labels, tmp_path)
    assert same(model, whole[0]) and history == whole[1]


KILLED = """
import time
import numpy as np
from conftest import cells
from coos_helpers import deeploc, resident

def slow(*args, real=resident.batch):
    time.sleep(0.05 if args[2] < 6 else 10)
    return real(*args)

resident.batch = slow
options = dict(width=0.03, iterations=10, decay_every=2, save_every=3, batch=8, device="cpu", progress=False)
deeploc.train(cells(35), np.arange(35) % 7, {folder!r}, **options)
"""


def test_a_killed_run_goes_on_and_ends_as_if_it_never_stopped(monkeypatch, whole, tmp_path, images, labels):
    kill_at_first_checkpoint(KILLED.format(folder=str(tmp_path)), tmp_path)
    (path,) = tmp_path.glob("*.pt")
    assert whole[1]["key"] in path.name
    steps, real = [], torch.optim.Adam.step
    monkeypatch.setattr(torch.optim.Adam, "step", lambda self, *args: steps.append(1) or real(self, *args))
    model, history = train(images, labels, tmp_path)
    assert 0 < len(steps) < 10
    assert same(model, whole[0]) and history == whole[1]


def test_a_finished_run_is_read_and_not_trained_again(monkeypatch, whole, images, labels, capsys):
    monkeypatch.setattr(torch.optim.Adam, "step", lambda *_, **__: pytest.fail("trained again"))
    model, history = train(images, labels, whole[2])
    assert same(model, whole[0]) and history == whole[1] and not model.training
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "changed",
    [{"width": 0.04}, {"iterations": 11}, {"decay_every": 3}, {"save_every": 4}, {"batch": 9}, {"seed": 1}],
    ids=str,
)
def test_other_settings_are_another_run(whole, tmp_path, images, labels, changed):
    _, history = train(images, labels, whole[2], **{"iterations": 10, **changed})
    assert history["key"] != whole[1]["key"]


def test_other_cells_or_labels_are_another_run(tmp_path, images, labels):
    brighter = images.copy()
    brighter[3, 1, 60, 60] ^= 1
    data = (images, labels), (brighter, labels), (images, np.roll(labels, 1))
    keys = {train(*some, tmp_path, iterations=1)[1]["key"] for some in data}
    assert len(keys) == 3 == len(list(tmp_path.iterdir()))


def test_a_damaged_checkpoint_is_named_and_left_as_it_is(whole, tmp_path, images, labels):
    source = next(whole[2].glob(f"*{whole[1]['key']}*"))
    path = tmp_path / source.name
    damaged = source.read_bytes()[:-1000]
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match=re.escape(str(path)) + ".*left as it is"):
        train(images, labels, tmp_path)
    assert path.read_bytes() == damaged


def test_another_runs_checkpoint_under_this_runs_name_is_refused(whole, tmp_path, images, labels):
    _, history = train(images, labels, tmp_path, seed=1)
    (other,) = tmp_path.iterdir()
    path = tmp_path / other.name.replace(history["key"], whole[1]["key"])
    other.rename(path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=re.escape(str(path)) + ".*another model, other settings or other data"):
        train(images, labels, tmp_path)
    assert path.read_bytes() == before


def test_the_user_is_told_how_long_it_takes_before_it_starts(tmp_path, images, labels, capsys):
    train(images, labels, tmp_path, iterations=3)
    assert capsys.readouterr().out.startswith("DeepLoc: 3 steps on this CPU take about")


def test_a_class_with_one_cell_is_learned_from_and_never_held_out(capsys):
    labels = np.r_[np.arange(40) % 4, 4]
    fit, held_out = deeploc.hold_out(labels)
    assert 40 in fit and np.array_equal(np.sort(np.r_[fit, held_out]), np.arange(41))
    assert "Classes with a single cell (4) cannot be held out." in capsys.readouterr().out


def test_every_class_is_held_out_however_few_its_cells():
    labels = np.arange(14) % 7
    _, held_out = deeploc.hold_out(labels)
    assert set(labels[held_out]) == set(range(7))
