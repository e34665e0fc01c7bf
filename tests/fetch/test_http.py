"""What must hold of one file over a bad line: it goes on where it stopped, gently, and ends in plain words."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import numpy as np
import pytest

from coos_helpers.fetch import http
from coos_helpers.fetch.http import PIECE, RETRY, DownloadError

BACKOFF = [0, 2, 4, 8, 16]  # urllib3's seconds before it asks again
TRIES = RETRY.total + 1
CELLS = np.random.default_rng(0).bytes(12 * PIECE + 100)


@pytest.fixture
def bring(server, tmp_path):
    """Serve one file; a function that brings it and checks it, and one that lists the ranges asked for."""
    server.bodies["cells"] = CELLS
    part = tmp_path / "cells.part"

    def fetch(*plan):
        server.plans["cells"] = list(plan)
        http.fetch_file(f"{server.base}/cells", part, len(CELLS))
        assert part.read_bytes() == CELLS

    fetch.part, fetch.ranges = part, lambda: [headers.get("Range") for headers in server.asked("cells")]
    return fetch


def test_a_cut_connection_is_continued_where_it_ended(server, bring, waits, capsys):
    bring({"cut": 3 * PIECE}, {"cut": 2 * PIECE + 100})
    bring()  # what is complete is not asked for
    assert bring.ranges() == [None, f"bytes={3 * PIECE}-", f"bytes={5 * PIECE}-"]
    assert waits == BACKOFF[:2]
    said = capsys.readouterr()
    assert f"ended after {5 * PIECE:,} of {len(CELLS):,} bytes. Trying again in 2 s (2 of 5)." in said.err
    assert said.out == ""
    for headers in server.asked("cells"):  # a compressed answer would have other positions
        assert headers["User-Agent"].startswith("coos7-book") and headers["Accept-Encoding"] == "identity"


def test_a_server_that_cannot_continue_sends_the_file_anew(bring):
    bring({"cut": PIECE}, {"ignore_range": True})
    assert bring.ranges() == [None, f"bytes={PIECE}-"]


def test_a_line_that_keeps_breaking_ends_in_one_message_and_goes_on_when_asked_again(bring, waits):
    with pytest.raises(DownloadError, match="ended after 98,304 of 196,708 bytes. Given up at try 6."):
        bring(*[{"cut": PIECE}] * TRIES)
    assert waits == BACKOFF
    bring()
    assert bring.ranges()[-1] == f"bytes={6 * PIECE}-"


def test_failures_are_counted_anew_while_the_file_grows(bring, waits, monkeypatch):
    monkeypatch.setattr(http, "PROGRESS", PIECE)
    bring(*[{"cut": PIECE}] * 10)
    assert waits == [0] * 10


def test_a_page_in_place_of_the_file_is_not_written(bring):
    bring.part.write_bytes(CELLS[:PIECE])
    with pytest.raises(DownloadError, match="offers 26 bytes where 196,708 are expected"):
        bring(*[{"body": b"<html>Please log in</html>", "ignore_range": True}] * TRIES)
    assert bring.part.read_bytes() == CELLS[:PIECE]


@pytest.mark.parametrize("lengths", [[len(CELLS)] * 2, [f"{len(CELLS)}, {len(CELLS)}"], []], ids=["2", "joined", "0"])
def test_a_length_that_is_told_twice_or_not_at_all_is_no_obstacle(bring, waits, lengths):
    bring({"lengths": lengths})
    assert waits == []


@pytest.mark.parametrize("lengths", [[len(CELLS), 5], [-5], ["many"], [""], ["9" * 5000], [f"{len(CELLS)}.0"]])
def test_a_length_that_is_none_is_told_and_nothing_is_written(bring, lengths):
    bring.part.write_bytes(CELLS[:PIECE])
    with pytest.raises(
        DownloadError, match="offers .* where 196,708 are expected|Content-Length|digits|connection ended"
    ):
        bring(*[{"lengths": lengths, "ignore_range": True, "body": b"<html>"}] * TRIES)
    assert bring.part.read_bytes() in (CELLS[:PIECE], b"<html>")


def test_an_answer_without_an_end_is_cut_off(server, tmp_path):
    server.bodies["cells"] = CELLS * 40
    server.plans["cells"] = [{"lengths": []}]
    http.fetch_file(f"{server.base}/cells", tmp_path / "part", len(CELLS))
    assert len(CELLS) < http.length(tmp_path / "part") <= len(CELLS) + PIECE


@pytest.mark.parametrize("place", ["bytes 0-9/10", f"bytes {2 * PIECE}-9/10", "pages 1-2", f"bytes {PIECE}9-20/30"])
def test_an_answer_that_begins_elsewhere_is_not_appended_and_the_file_begins_anew(bring, place):
    bring.part.write_bytes(CELLS[:PIECE])
    bring({"headers": {"Content-Range": place}}, {})
    assert bring.ranges() == [f"bytes={PIECE}-", None]


def test_an_answer_that_begins_where_it_was_asked_to_is_appended(bring):
    bring.part.write_bytes(CELLS[:PIECE])
    bring({"headers": {"Content-Range": f"bytes {PIECE}-{len(CELLS) - 1}/{len(CELLS)}"}})
    assert bring.ranges() == [f"bytes={PIECE}-"]


def test_a_circle_of_addresses_is_left_at_once(server, bring, waits):
    with pytest.raises(DownloadError, match="[Rr]edirects. Given up at try 1"):
        bring(*[{"status": 302, "headers": {"Location": "/cells"}}] * 100)
    assert waits == []


BUNDLES = [
    ("REQUESTS_CA_BUNDLE", "/nowhere/bundle.pem"),
    ("CURL_CA_BUNDLE", "/nowhere"),
    ("REQUESTS_CA_BUNDLE", __file__),
]
PROXIES = ["foo://x:1", "http://:3128", "http://proxy:port", "http://[::1", "socks5://127.0.0.1:9", "http://"]


@pytest.mark.parametrize(
    "name, value", BUNDLES + [("HTTPS_PROXY", value) for value in PROXIES] + [("all_proxy", "a:b:c")]
)
def test_a_proxy_or_certificate_that_is_none_is_named_at_once(server, monkeypatch, waits, name, value):
    for other in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, value)
    with pytest.raises(DownloadError) as error:
        http.fetch_bytes(f"{server.base}/cells".replace("http:", "https:"))
    assert f"{name}{' (nothing is there)' * value.startswith('/nowhere')}." in str(error.value) and waits == []
    assert "\n" not in str(error.value) and value not in str(error.value).partition("Check what is set")[2]


@pytest.mark.parametrize("spared", [",", "*.", "[::1]", "127.0.0.1/99", "127.0.0.1/x", "://", " "])
def test_odd_lists_of_hosts_without_a_proxy_are_no_obstacle(server, bring, monkeypatch, spared):
    for name, value in {"NO_PROXY": spared, "no_proxy": spared, "http_proxy": server.base}.items():
        monkeypatch.setenv(name, value)
    bring({})


def retry_after(text):
    """Make the answer of a busy server; a time from now is written as an HTTP date."""
    if isinstance(text, timedelta):
        text = format_datetime(datetime.now(UTC) + text, usegmt=True)
    return {"status": 429, "headers": {"Retry-After": text} if text else {}}


@pytest.mark.parametrize("asks, seconds", [("7", 7), (timedelta(minutes=30), 1800), ("0", 0), (None, 0)])
def test_a_busy_server_is_given_the_time_it_asks_for(bring, waits, capsys, asks, seconds):
    bring(retry_after(asks))
    assert waits == [pytest.approx(seconds, abs=1200 if seconds > 60 else 0)]
    assert "/cells: the server answered 429 Too Many Requests. Trying again in" in capsys.readouterr().err


@pytest.mark.parametrize("asks", ["soon", "9" * 5000, "Fri, 31 Dec 99999 23:59:59 GMT"])
def test_a_time_to_wait_that_is_none_counts_as_none(bring, waits, asks):
    bring(retry_after(asks))
    assert waits == BACKOFF[:1]


@pytest.mark.parametrize("asks, words", [("7200", "2.0 hours"), (timedelta(days=9), "hours"), ("9" * 400, "hours")])
def test_a_server_that_asks_for_hours_is_not_waited_for(server, bring, waits, asks, words):
    with pytest.raises(DownloadError, match=words):
        bring(retry_after(asks))
    assert waits == [] and len(server.log) == 1


@pytest.mark.parametrize("status, waited", [(429, BACKOFF), (500, BACKOFF), (503, BACKOFF), (404, []), (416, [])])
def test_a_failing_server_is_asked_again_and_one_that_refuses_for_good_is_not(server, bring, waits, status, waited):
    server.plans["cells"] = [{"status": status}] * 100
    with pytest.raises(
        DownloadError, match=f"/cells: the server answered {status} .* Given up at try {len(waited) + 1}."
    ):
        http.fetch_bytes(f"{server.base}/cells")
    assert waits == waited and len(server.plans["cells"]) == 100 - len(waited) - 1


def test_without_a_network_each_try_is_said_and_the_end_is_one_message(server, waits, capsys):
    with pytest.raises(DownloadError, match="^http://127.0.0.1:9/cells: .*[Rr]efused.*\\.$") as error:
        http.fetch_bytes("http://127.0.0.1:9/cells")
    assert waits == BACKOFF and capsys.readouterr().err.count("Trying again") == RETRY.total
    assert "object at" not in str(error.value) and "HTTPConnection" not in str(error.value)
