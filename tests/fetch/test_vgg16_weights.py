"""What must hold of VGG16's weights: in torch's own cache, fetched once, and plain words where they cannot be had."""

import hashlib
import io
import os
import re
import socket

import pytest
import torch
from conftest import at_once
from torchvision.models import VGG16_Weights, vgg16

from coos_helpers.fetch import vgg16_weights
from coos_helpers.fetch.vgg16_weights import WeightsError


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    """Give each test a cache of its own, and a network as small as `WEIGHTS`."""
    for name in ("TORCH_HOME", "COOS_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setattr(vgg16_weights, "SHAPES", {"features.0.weight": (6,), "features.0.bias": (2,)})
    return tmp_path / "TORCH_HOME" / "hub" / "checkpoints"


def saved(thing):
    file = io.BytesIO()
    torch.save(thing, file)
    return file.getvalue()


#: A small file of weights.
WEIGHTS = saved(
    {"features.0.weight": torch.arange(6.0), "features.0.bias": torch.ones(2), "classifier": torch.zeros(3)}
)


@pytest.fixture
def serve(server, monkeypatch):
    """Serve a file of weights under a name with its hash; how it is sent may be planned."""

    def start(**how):
        name = f"tiny-{hashlib.sha256(WEIGHTS).hexdigest()[:8]}.pth"
        server.bodies[name], server.plans[name] = WEIGHTS, [how]
        monkeypatch.setattr(vgg16_weights, "URL", f"{server.base}/models/{name}")

    return start


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"TORCH_HOME": "~/models"},
        {"XDG_CACHE_HOME": "~/cache"},
        {"TORCH_HOME": "/here", "XDG_CACHE_HOME": "/there"},
    ],
    ids=str,
)
def test_they_lie_where_torch_looks_for_them(monkeypatch, environment):
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert vgg16_weights.URL == VGG16_Weights.IMAGENET1K_FEATURES.url
    assert str(vgg16_weights.path()) == f"{torch.hub.get_dir()}/checkpoints/{vgg16_weights.URL.rpartition('/')[2]}"


def test_weights_are_fetched_once_and_then_read_without_a_network(serve, server, empty_cache):
    serve()
    assert vgg16_weights.at_hand() and [method for method, *_ in server.log] == ["HEAD"]
    for _ in range(3):
        weights = vgg16_weights.load()
        assert list(weights) == ["features.0.weight", "features.0.bias"]
        assert torch.equal(weights["features.0.weight"], torch.arange(6.0)) and vgg16_weights.at_hand()
    assert [method for method, *_ in server.log] == ["HEAD", "HEAD", "GET"]
    (file,) = empty_cache.iterdir()
    assert file == vgg16_weights.path() and file.read_bytes() == WEIGHTS


def test_two_that_want_them_at_once_fetch_them_once(serve, server, empty_cache):
    serve()
    assert [list(weights) for weights in at_once(vgg16_weights.load)] == [["features.0.weight", "features.0.bias"]] * 2
    assert [method for method, *_ in server.log].count("GET") == 1 and len(list(empty_cache.iterdir())) == 1


def test_weights_that_make_book_fetched_are_found(tmp_path):
    kept = tmp_path / "COOS_CACHE" / "torch" / "hub" / "checkpoints" / vgg16_weights.path().name
    kept.parent.mkdir(parents=True)
    kept.write_bytes(WEIGHTS)
    assert vgg16_weights.path() == kept and len(vgg16_weights.load()) == 2


@pytest.mark.parametrize("how", [{"body": b"another file"}, {"cut": 500}, {"cut": 500, "hold": True}, {"status": 503}])
def test_what_does_not_arrive_whole_is_no_weights_and_not_kept(serve, empty_cache, monkeypatch, how):
    real, before = socket.setdefaulttimeout, socket.getdefaulttimeout()
    monkeypatch.setattr(socket, "setdefaulttimeout", lambda seconds: real(before if seconds == before else 0.2))
    serve(**how)
    words = f"^{vgg16_weights.MISSING}: .* did not come .*{re.escape(str(empty_cache))}"
    with pytest.raises(WeightsError, match=words):
        vgg16_weights.load()
    assert list(empty_cache.iterdir()) == [] and socket.getdefaulttimeout() == before
    assert vgg16_weights.load(), "the next call fetches them"


def test_without_the_file_its_address_and_the_folder_to_put_it_into_are_named(serve, server, empty_cache):
    serve()
    server.bodies.clear()
    assert not vgg16_weights.at_hand()
    with pytest.raises(WeightsError) as error:
        vgg16_weights.load()
    for words in (vgg16_weights.MISSING, str(empty_cache), vgg16_weights.URL, "TORCH_HOME", "out of reach"):
        assert words in str(error.value)
    assert not empty_cache.exists() and "GET" not in {method for method, *_ in server.log}


def test_a_server_that_never_answers_is_given_up(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(vgg16_weights, "URL", f"http://127.0.0.1:{silent.getsockname()[1]}/tiny-01234567.pth")
        assert not vgg16_weights.at_hand(timeout=0.3)


@pytest.mark.parametrize("name, value", [
    ("REQUESTS_CA_BUNDLE", "/nowhere"), ("HTTPS_PROXY", "foo://x"), ("HTTPS_PROXY", "http://:3128"),
    ("ALL_PROXY", "socks5://127.0.0.1:9"),
])  # fmt: skip
def test_a_proxy_or_certificate_that_is_none_is_named_and_no_traceback(monkeypatch, name, value):
    for other in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(vgg16_weights, "URL", "https://127.0.0.1:9/models/tiny-01234567.pth")
    assert not vgg16_weights.at_hand()
    with pytest.raises(WeightsError, match=f"{vgg16_weights.MISSING}: .* out of reach.*{name}"):
        vgg16_weights.load()


def test_a_certificate_that_only_torch_asks_for_is_named(serve, monkeypatch):
    serve(status=503)
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    with pytest.raises(WeightsError, match=r"did not come .*503.*SSL_CERT_FILE \(nothing is there\)"):
        vgg16_weights.load()


GOOD = {"features.0.weight": torch.arange(6.0), "features.0.bias": torch.ones(2)}
OTHERS = {
    "other keys": ({"conv1.weight": torch.ones(6)}, "features.0.weight is NoneType"),
    "no keys": ({}, "features.0.weight is NoneType"),
    "a key less": ({"features.0.weight": torch.ones(6)}, "features.0.bias is NoneType"),
    "another shape": (
        GOOD | {"features.0.bias": torch.ones(3)},
        r"shape \(3,\); expected torch.float32 of shape \(2,\)",
    ),
    "turned": (GOOD | {"features.0.bias": torch.ones(1, 2)}, r"of shape \(1, 2\)"),
    "doubles": (GOOD | {"features.0.bias": torch.ones(2).double()}, "torch.float64"),
    "halves": (GOOD | {"features.0.bias": torch.ones(2).half()}, "torch.float16"),
    "whole numbers": (GOOD | {"features.0.weight": torch.arange(6)}, "torch.int64"),
    "not numbers": (
        GOOD | {"features.0.bias": torch.tensor([1.0, torch.nan])},
        "features.0.bias has values that are not finite",
    ),
    "a list": (GOOD | {"features.0.bias": [1.0, 1.0]}, "features.0.bias is list"),
    "in a checkpoint": ({"state_dict": GOOD, "epoch": 3}, "features.0.weight is NoneType"),
}


@pytest.mark.parametrize("weights, found", OTHERS.values(), ids=OTHERS.keys())
def test_a_file_with_other_weights_says_what_is_in_it(empty_cache, weights, found):
    empty_cache.mkdir(parents=True)
    vgg16_weights.path().write_bytes(saved(weights))
    with pytest.raises(WeightsError, match=f"{vgg16_weights.path().name}: .*{found}.*Delete it"):
        vgg16_weights.load()


def test_a_changed_byte_of_a_weight_and_what_is_no_file_are_noticed(empty_cache):
    empty_cache.mkdir(parents=True)
    whole = saved(GOOD)
    at = whole.index(GOOD["features.0.weight"].numpy().tobytes())
    vgg16_weights.path().write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    with pytest.raises(WeightsError, match="found a damaged file"):
        vgg16_weights.load()
    vgg16_weights.path().unlink()
    os.mkfifo(vgg16_weights.path())
    with pytest.raises(WeightsError, match="found a damaged file"):
        vgg16_weights.load()


def test_what_is_expected_are_the_original_networks_layers(monkeypatch):
    monkeypatch.undo()
    with torch.device("meta"):
        state = vgg16(weights=None).features.state_dict()
    assert {f"features.{name}": tuple(part.shape) for name, part in state.items()} == vgg16_weights.SHAPES


@pytest.mark.parametrize("content", [b"", b"<html>Log in</html>", WEIGHTS[: len(WEIGHTS) // 2], saved([1, 2, 3]),
                                     saved(None), saved(torch.ones(2)), saved({1: 2})])  # fmt: skip
def test_a_damaged_file_is_named_and_left(empty_cache, content):
    empty_cache.mkdir(parents=True)
    vgg16_weights.path().write_bytes(content)
    with pytest.raises(WeightsError, match=f"(?s){re.escape(str(vgg16_weights.path()))}.*damaged.*Delete it"):
        vgg16_weights.load()
    assert vgg16_weights.path().read_bytes() == content
