"""What must hold of the device: the one that is named, and a fair word before a long wait."""

import copy

import pytest
import torch
from torch import nn

from coos_helpers import devices

CPU = torch.device("cpu")


@pytest.fixture
def model():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))


@pytest.fixture
def clock(monkeypatch):
    """Let the first trial step take 100 s and the second as long as the test says."""

    def set_to(seconds):
        times = iter([0, 100, 200, 200 + seconds])
        monkeypatch.setattr(devices, "perf_counter", lambda: next(times))

    return set_to


def test_the_named_device_is_chosen():
    assert devices.choose("cpu") == devices.choose(CPU) == CPU
    assert devices.choose("cuda:1") == torch.device("cuda", 1)


@pytest.mark.parametrize("there, kind", [(True, "cuda"), (False, "cpu")])
def test_without_a_name_it_is_a_gpu_if_there_is_one(monkeypatch, there, kind):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert devices.choose().type == kind
    assert devices.choose("cpu") == CPU


@pytest.mark.parametrize(
    "seconds, iterations, words, long",
    [
        (0.001, 10, "10 steps on this CPU take about a minute.", False),
        (0.6, 1000, "1,000 steps on this CPU take about 10 minutes.", False),
        (0.179, 10_000, "10,000 steps on this CPU take about 30 minutes.", False),
        (0.2, 10_000, "10,000 steps on this CPU take about 33 minutes.", True),
        (0.6, 10_000, "10,000 steps on this CPU take about 2 hours.", True),
        (9, 10_000, "10,000 steps on this CPU take about 25 hours.", True),
    ],
)
def test_the_time_is_that_of_the_second_step_times_the_steps(clock, capsys, model, seconds, iterations, words, long):
    clock(seconds)
    devices.announce("DeepLoc", model, (torch.randn(5, 3),), iterations, CPU)
    out = capsys.readouterr().out
    assert out.startswith(f"DeepLoc: {words}")
    assert ("There is no GPU here" in out) == long
    assert not long or ("Colab" in out and "profile quick" in out and "last checkpoint" in out)


def test_a_trial_leaves_the_model_as_it_is(model):
    model.eval()
    before = copy.deepcopy(model.state_dict())
    devices.announce("a model", model, (torch.randn(5, 3),), 10, CPU)
    assert not model.training
    for name, values in model.state_dict().items():
        assert torch.equal(values, before[name]), name
    assert all(parameter.grad is None for parameter in model.parameters())


def test_nothing_is_said_or_tried_on_a_gpu_or_when_nothing_is_left_to_do(capsys):
    def never(*_):
        pytest.fail("tried")

    devices.announce("a model", never, (), 10, torch.device("cuda"))
    devices.announce("a model", never, (), 0, CPU)
    assert capsys.readouterr().out == ""


def test_a_model_of_several_inputs_is_tried_with_all_of_them(capsys):
    devices.announce("two", nn.Bilinear(2, 3, 4), (torch.ones(5, 2), torch.ones(5, 3)), 1, CPU)
    assert capsys.readouterr().out.startswith("two: 1 steps")
