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


@pytest.mark.parametrize("asks, words", [("7200", "2.0 hours"), (timedelta(days=9), "hours"), ("soon", "answered 429")])
def test_a_server_that_asks_for_hours_or_for_nonsense_is_not_waited_for(server, bring, waits, asks, words):
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
