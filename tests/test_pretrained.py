"""What must hold of VGG16's weights: in torch's own cache, fetched once, and plain words where they cannot be had."""

import hashlib
import http.server
import io
import re
import socket
import threading
import time

import pytest
import requests
import torch
from torchvision.models import VGG16_Weights

from coos_helpers import pretrained, transfer
from coos_helpers.pretrained import WeightsError


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    """Give each test a cache of its own, and no proxy between it and this machine."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    return tmp_path / "torch" / "hub" / "checkpoints"


def weights_file(**more):
    """Give the bytes of a small file of weights."""
    file = io.BytesIO()
    torch.save({"features.0.weight": torch.arange(6.0), "features.0.bias": torch.ones(2), **more}, file)
    return file.getvalue()


def url_of(content, port, name="tiny"):
    return f"http://127.0.0.1:{port}/models/{name}-{hashlib.sha256(content).hexdigest()[:8]}.pth"


@pytest.fixture
def serve(monkeypatch):
    """Serve one file on this machine under a name with its hash; a list of the requests comes back."""
    servers = []

    def start(content, sent=None, status=200, hash_of=None):
        asked, sent = [], content if sent is None else sent

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_HEAD(self):
                asked.append((self.command, self.path))
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()

            def do_GET(self):
                self.do_HEAD()
                self.wfile.write(sent)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setattr(pretrained, "URL", url_of(hash_of or content, server.server_port))
        return asked

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def put(content):
    pretrained.path().parent.mkdir(parents=True)
    pretrained.path().write_bytes(content)


# Where they lie


def test_the_weights_are_torchvisions_original_ones():
    assert pretrained.URL == VGG16_Weights.IMAGENET1K_FEATURES.url


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"TORCH_HOME": "/somewhere/torch"},
        {"TORCH_HOME": "~/models"},
        {"XDG_CACHE_HOME": "/somewhere/cache"},
        {"XDG_CACHE_HOME": "~/cache"},
        {"TORCH_HOME": "/somewhere/torch", "XDG_CACHE_HOME": "/elsewhere"},
    ],
    ids=str,
)
def test_they_lie_where_torch_looks_for_them(monkeypatch, environment):
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    expected = f"{torch.hub.get_dir()}/checkpoints/{VGG16_Weights.IMAGENET1K_FEATURES.url.rpartition('/')[2]}"
    assert str(pretrained.path()) == expected


def test_weights_that_are_here_are_read_without_a_network(monkeypatch):
    put(weights_file(**{"classifier.0.weight": torch.zeros(3)}))
    monkeypatch.setattr(requests, "head", lambda *_, **__: pytest.fail("asked the network"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *_, **__: pytest.fail("fetched"))
    assert pretrained.at_hand()
    weights = pretrained.load()
    assert list(weights) == ["features.0.weight", "features.0.bias"]
    assert torch.equal(weights["features.0.weight"], torch.arange(6.0))


# How they come


def test_weights_are_fetched_once(serve, empty_cache):
    content = weights_file()
    asked = serve(content)
    assert pretrained.at_hand() and [method for method, _ in asked] == ["HEAD"]
    for _ in range(3):
        assert torch.equal(pretrained.load()["features.0.weight"], torch.arange(6.0))
    assert [method for method, _ in asked].count("GET") == 1
    (file,) = empty_cache.iterdir()
    assert file == pretrained.path() and file.read_bytes() == content


def test_another_file_under_its_name_is_not_kept(serve, empty_cache):
    serve(weights_file(), hash_of=b"another file")
    with pytest.raises(WeightsError, match="is not that file"):
        pretrained.load()
    assert list(empty_cache.iterdir()) == []


def test_a_download_that_is_cut_short_is_no_weights(serve, empty_cache, monkeypatch):
    monkeypatch.setattr(transfer, "TRIES", 1)
    serve(weights_file(), sent=weights_file()[:500])
    with pytest.raises(WeightsError, match=f"^{pretrained.MISSING}"):
        pretrained.load()
    assert not pretrained.path().exists()


def test_a_server_without_the_file_is_as_good_as_none(serve, empty_cache):
    asked = serve(b"not found", status=404)
    assert not pretrained.at_hand()
    with pytest.raises(WeightsError, match=re.escape(str(empty_cache))):
        pretrained.load()
    assert {method for method, _ in asked} == {"HEAD"}


# Where they cannot be had


def quickly(seconds):
    """Check that the weights are given up within some seconds, and give what is said."""
    start = time.perf_counter()
    with pytest.raises(WeightsError) as error:
        pretrained.load(timeout=0.3)
    assert time.perf_counter() - start < seconds
    return str(error.value)


def test_no_server_is_said_at_once_with_the_folder_to_put_the_file_into(monkeypatch, empty_cache):
    monkeypatch.setattr(pretrained, "URL", "http://127.0.0.1:9/models/tiny-01234567.pth")
    assert not pretrained.at_hand(timeout=0.3)
    said = quickly(30)
    assert str(empty_cache) in said and pretrained.URL in said and "TORCH_HOME" in said
    assert not empty_cache.exists()


def test_a_server_that_never_answers_is_given_up(monkeypatch, empty_cache):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(pretrained, "URL", url_of(b"", silent.getsockname()[1]))
        assert str(empty_cache) in quickly(30)


DAMAGES = {
    "empty": lambda content: b"",
    "text": lambda content: b"<html>Please log in</html>",
    "half": lambda content: content[: len(content) // 2],
    "cut at the end": lambda content: content[:-10],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_file_is_named_and_left(empty_cache, damage):
    content = weights_file()
    put(damage(content))
    with pytest.raises(WeightsError, match=f"(?s){re.escape(str(pretrained.path()))}.*damaged.*Delete it"):
        pretrained.load()
    assert pretrained.path().read_bytes() == damage(content)
    assert list(empty_cache.iterdir()) == [pretrained.path()]


def test_a_file_that_holds_something_else_is_damaged():
    file = io.BytesIO()
    torch.save([1, 2, 3], file)
    put(file.getvalue())
    with pytest.raises(WeightsError, match=re.escape(str(pretrained.path()))):
        pretrained.load()
