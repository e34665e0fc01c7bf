"""`coos_helpers.download` and `transfer` against a local server that misbehaves in every way a real one does."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import h5py
import numpy as np
import pooch
import pytest

from coos_helpers import download as module
from coos_helpers import transfer
from coos_helpers.download import DownloadError, download
from coos_helpers.transfer import PIECE

NAMES = ("COOS7_v1.1_training.hdf5", "COOS7_v1.1_test1.hdf5")
FIRST, SECOND = NAMES
WHOLE = {"status": 200}


class Handler(BaseHTTPRequestHandler):
    """Answer as the first entry of the plan for this path says; as a good server when the plan is empty."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        state = self.server.state
        key = self.path.strip("/").split("/")[-1]
        state.log.append((key, dict(self.headers)))
        plan = state.plans.get(key, [])
        how = plan.pop(0) if plan else WHOLE
        body = how.get("body", state.bodies.get(key, b""))
        status = how.get("status", 200) if key in state.bodies else 404
        start, wanted = 0, self.headers.get("Range")
        if wanted and status == 200 and not how.get("ignore_range"):
            start, status = int(wanted.removeprefix("bytes=").rstrip("-")), 206
        self.send_response(status)
        for name, value in how.get("headers", {}).items():
            self.send_header(name, value)
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        body = body[start:] if status < 300 else b"no"
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        body, cut = (body[: how["cut"]], True) if "cut" in how else (body, False)
        try:
            for at in range(0, len(body), 1 << 14):
                self.wfile.write(body[at : at + (1 << 14)])
                self.wfile.flush()
                time.sleep(how.get("slow", 0))
        except OSError:  # the client was killed
            cut = True
        self.close_connection = self.close_connection or cut

    def log_message(self, *args):
        pass


def write_hdf5(path, cells):
    rng = np.random.default_rng(cells)
    with h5py.File(path, "w") as file:
        file["data"] = rng.integers(0, 65536, (cells, 2, 64, 64), np.uint16)
        file["labels"] = np.arange(cells) % 7
    return path.read_bytes()


def entry(name, body, base, old=False):
    md5 = hashlib.md5(body).hexdigest()
    if old:
        return {"filename": name, "filesize": len(body), "checksum": md5, "links": {"download": f"{base}/{name}"}}
    return {"key": name, "size": len(body), "checksum": f"md5:{md5}", "links": {"self": f"{base}/{name}"}}


@pytest.fixture
def zenodo(tmp_path_factory, monkeypatch):
    """Serve a record with two small HDF5 files and a read-me."""
    monkeypatch.setenv("NO_PROXY", "*")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *args: None  # a killed client resets its connection
    base = f"http://127.0.0.1:{server.server_port}"
    made = tmp_path_factory.mktemp("served")
    bodies = {name: write_hdf5(made / name, 12 + i) for i, name in enumerate(NAMES)}
    bodies["README.txt"] = b"not for us"
    listing = [entry(name, body, base) for name, body in bodies.items()]
    bodies["42"] = json.dumps({"files": listing}).encode()
    state = server.state = SimpleNamespace(base=base, bodies=bodies, plans={}, log=[])
    state.fetch = lambda folder, **how: download(folder, record=42, api=base, **how)
    state.asked = lambda key: [headers for name, headers in state.log if name == key]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """Record the seconds that would have been waited."""
    seconds = []
    monkeypatch.setattr(transfer, "wait", seconds.append)
    return seconds


def listing(folder):
    return sorted(path.name for path in folder.iterdir())


def assert_complete(zenodo, folder):
    assert listing(folder) == sorted(NAMES)
    for name in NAMES:
        assert (folder / name).read_bytes() == zenodo.bodies[name]


def test_the_records_hdf5_files_arrive_and_nothing_else(zenodo, tmp_path, capsys):
    paths = zenodo.fetch(tmp_path / "new" / "folder")
    assert paths == [tmp_path / "new" / "folder" / name for name in NAMES]
    assert_complete(zenodo, tmp_path / "new" / "folder")
    said = capsys.readouterr()
    assert "CC-BY-NC 4.0" in said.err and "NeurIPS 2019" in said.err and FIRST in said.err
    assert said.out == ""


def test_the_older_form_of_a_record_is_understood(zenodo, tmp_path):
    files = [entry(name, zenodo.bodies[name], zenodo.base, old=True) for name in NAMES]
    zenodo.bodies["42"] = json.dumps({"files": files}).encode()
    zenodo.fetch(tmp_path)
    assert_complete(zenodo, tmp_path)


def test_every_request_names_the_project_and_refuses_compression(zenodo, tmp_path):
    zenodo.fetch(tmp_path)
    assert len(zenodo.log) == 3
    for _, headers in zenodo.log:
        assert headers["User-Agent"].startswith("coos7-book/")
        assert headers["Accept-Encoding"] == "identity"


def test_what_is_there_and_right_is_not_fetched_again(zenodo, tmp_path):
    zenodo.fetch(tmp_path)
    (tmp_path / f"{FIRST}.part").write_bytes(b"left by a killed call")
    zenodo.log.clear()
    zenodo.fetch(tmp_path)
    assert [key for key, _ in zenodo.log] == ["42"]
    assert_complete(zenodo, tmp_path)


def test_a_cut_connection_is_continued_where_it_ended(zenodo, tmp_path, waits):
    zenodo.plans[FIRST] = [{"cut": 3 * PIECE}, {"cut": 2 * PIECE + 100}]
    zenodo.fetch(tmp_path)
    assert [h.get("Range") for h in zenodo.asked(FIRST)] == [None, f"bytes={3 * PIECE}-", f"bytes={5 * PIECE}-"]
    assert waits == [1, 2]
    assert_complete(zenodo, tmp_path)


def test_a_server_that_cannot_continue_sends_the_file_anew(zenodo, tmp_path):
    zenodo.plans[FIRST] = [{"cut": 50_000}, {"ignore_range": True}]
    zenodo.fetch(tmp_path)
    assert len(zenodo.asked(FIRST)) == 2
    assert_complete(zenodo, tmp_path)


def test_a_server_that_refuses_or_misplaces_the_rest_is_asked_for_the_whole(zenodo, tmp_path):
    misplaced = {"status": 206, "ignore_range": True}
    zenodo.plans[FIRST] = [{"cut": PIECE}, {"status": 416, "ignore_range": True}, {"cut": PIECE}, misplaced]
    zenodo.fetch(tmp_path)
    assert [h.get("Range") for h in zenodo.asked(FIRST)] == [None, f"bytes={PIECE}-"] * 2 + [None]
    assert_complete(zenodo, tmp_path)


def test_a_line_that_keeps_breaking_ends_in_one_message_and_no_file(zenodo, tmp_path, waits):
    zenodo.plans[FIRST] = [{"cut": PIECE}] * transfer.TRIES
    with pytest.raises(DownloadError, match="ended after 98,304 of 198,.*goes on from what has arrived"):
        zenodo.fetch(tmp_path)
    assert waits == [1, 2, 4, 8, 16]
    assert listing(tmp_path) == [f"{FIRST}.part"]
    zenodo.fetch(tmp_path)
    assert zenodo.asked(FIRST)[-1]["Range"] == f"bytes={transfer.TRIES * PIECE}-"
    assert_complete(zenodo, tmp_path)


def test_failures_are_counted_anew_while_the_file_grows(zenodo, tmp_path, waits, monkeypatch):
    monkeypatch.setattr(transfer, "PROGRESS", PIECE)
    zenodo.plans[FIRST] = [{"cut": PIECE}] * 10
    zenodo.fetch(tmp_path)
    assert waits == [1] * 10
    assert_complete(zenodo, tmp_path)


def test_wrong_bytes_are_thrown_away_and_fetched_once_more(zenodo, tmp_path, capsys):
    zenodo.plans[FIRST] = [{"body": bytes(len(zenodo.bodies[FIRST]))}]
    zenodo.fetch(tmp_path)
    assert "wrong checksum" in capsys.readouterr().err
    assert_complete(zenodo, tmp_path)


def test_bytes_that_stay_wrong_end_in_one_message_and_no_file(zenodo, tmp_path):
    zenodo.plans[FIRST] = [{"body": bytes(len(zenodo.bodies[FIRST]))}] * 2
    with pytest.raises(DownloadError, match="another checksum than md5:"):
        zenodo.fetch(tmp_path)
    assert listing(tmp_path) == []


@pytest.mark.parametrize("junk", [b"junk" * 100, b"junk" * 10**6], ids=["short", "longer than the file"])
def test_a_part_of_something_else_does_not_end_up_in_the_file(zenodo, tmp_path, junk):
    (tmp_path / f"{FIRST}.part").write_bytes(junk)
    zenodo.fetch(tmp_path)
    assert_complete(zenodo, tmp_path)


def test_a_page_in_place_of_the_file_is_not_written(zenodo, tmp_path):
    zenodo.plans[FIRST] = [{"body": b"<html>Please log in</html>"}] * transfer.TRIES
    with pytest.raises(DownloadError, match="offers 26 bytes where"):
        zenodo.fetch(tmp_path)
    assert listing(tmp_path) == []


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": timedelta(minutes=9)}, 540),
        ({"Retry-After": timedelta(minutes=-9)}, 0),
        ({"Retry-After": "soon"}, 1),
        ({}, 1),
    ],
)
@pytest.mark.parametrize("key", ["42", FIRST])
def test_a_busy_server_is_given_the_time_it_asks_for(zenodo, tmp_path, waits, capsys, key, header, seconds):
    now = datetime.now(UTC)
    dated = {k: format_datetime(now + v, usegmt=True) if isinstance(v, timedelta) else v for k, v in header.items()}
    zenodo.plans[key] = [{"status": 429, "headers": dated}]
    zenodo.fetch(tmp_path)
    assert waits == [pytest.approx(seconds, abs=60 if seconds > 60 else 0)]
    assert "429" in capsys.readouterr().err
    assert_complete(zenodo, tmp_path)


def test_a_server_that_asks_for_hours_is_not_waited_for(zenodo, tmp_path, waits):
    zenodo.plans["42"] = [{"status": 429, "headers": {"Retry-After": "7200"}}]
    with pytest.raises(DownloadError, match="2.0 hours"):
        zenodo.fetch(tmp_path)
    assert waits == []


def test_server_errors_are_retried_a_bounded_number_of_times(zenodo, tmp_path, waits):
    zenodo.plans[SECOND] = [{"status": 500}, {"status": 503}]
    zenodo.fetch(tmp_path)
    assert waits == [1, 2]
    zenodo.plans["42"] = [{"status": 500}] * 100
    with pytest.raises(DownloadError, match=f"{transfer.TRIES} times .* answered 500"):
        zenodo.fetch(tmp_path)
    assert len(zenodo.plans["42"]) == 100 - transfer.TRIES


def test_a_record_or_file_that_does_not_exist_is_asked_for_once(zenodo, tmp_path, waits):
    with pytest.raises(DownloadError, match="answered 404.*https://zenodo.org/record/43 .*" + tmp_path.name):
        download(tmp_path, record=43, api=zenodo.base)
    del zenodo.bodies[FIRST]
    with pytest.raises(DownloadError, match="answered 404"):
        zenodo.fetch(tmp_path)
    assert waits == [] and listing(tmp_path) == []


GOOD = entry("a.hdf5", b"", "http://127.0.0.1:1")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>busy</html>",
        b'{"files": [',
        b"\xff\xfe",
        b"[]",
        b'{"message": "gone"}',
        b'{"files": {"a": 1}}',
        b'{"files": []}',
        json.dumps({"files": [GOOD | {"key": "notes.txt"}]}).encode(),
        json.dumps({"files": [GOOD | {"key": "../a.hdf5"}]}).encode(),
        json.dumps({"files": [GOOD | {"key": "/tmp/a.hdf5"}]}).encode(),
        json.dumps({"files": [GOOD | {"key": None}]}).encode(),
        json.dumps({"files": [GOOD | {"checksum": "md5:nonsense"}]}).encode(),
        json.dumps({"files": [GOOD | {"checksum": None}]}).encode(),
        json.dumps({"files": [GOOD | {"size": "big"}]}).encode(),
        json.dumps({"files": [GOOD | {"links": {}}]}).encode(),
    ],
)
def test_an_answer_that_is_no_record_is_one_clear_message(zenodo, tmp_path, answer):
    zenodo.bodies["42"] = answer
    with pytest.raises(DownloadError, match="did not answer with a Zenodo record|lists no HDF5 file"):
        zenodo.fetch(tmp_path)
    assert listing(tmp_path) == []


@pytest.fixture
def kept(zenodo, tmp_path):
    """Fetch the record once; give the folder where its list was kept, after which the record is out of reach."""
    folder = tmp_path / "kept"
    folder.mkdir()
    zenodo.fetch(tmp_path / "here", kept=folder)
    zenodo.plans["42"] = [{"status": 429}] * 100
    zenodo.log.clear()
    return folder


def test_the_records_list_is_kept_where_all_files_are_right(zenodo, tmp_path):
    zenodo.plans[FIRST] = [{"status": 404}]
    with pytest.raises(DownloadError):
        zenodo.fetch(tmp_path / "here", kept=tmp_path)
    assert listing(tmp_path) == ["here"]
    zenodo.fetch(tmp_path / "here", kept=tmp_path)
    assert (tmp_path / "zenodo-42.json").read_bytes() == zenodo.bodies["42"]
    assert_complete(zenodo, tmp_path / "here")


@pytest.mark.parametrize("plan", [{"status": 429}, {"status": 503}, {"body": b"<html>Down for maintenance</html>"}])
def test_files_are_checked_against_the_kept_list_while_the_record_is_out_of_reach(zenodo, kept, tmp_path, capsys, plan):
    zenodo.plans["42"] = [plan] * 100
    capsys.readouterr()
    paths = zenodo.fetch(tmp_path / "here", kept=kept)
    said = capsys.readouterr().err
    assert paths == [tmp_path / "here" / name for name in NAMES] and {name for name, _ in zenodo.log} == {"42"}
    assert said.count("Checking against what was kept of it") == 1 and said.count("checksum right") == 2
    assert listing(kept) == ["zenodo-42.json"]


def test_a_wrong_file_is_found_by_the_kept_list_as_well(zenodo, kept, tmp_path, capsys):
    (tmp_path / "here" / FIRST).write_bytes(b"damaged on the way")
    zenodo.fetch(tmp_path / "here", kept=kept)
    assert "the record says" in capsys.readouterr().err and len(zenodo.asked(FIRST)) == 1
    assert_complete(zenodo, tmp_path / "here")


@pytest.mark.parametrize("damage", [None, b"", b'{"files": [', b'{"files": []}'])
def test_without_a_kept_list_a_record_out_of_reach_is_still_an_error(zenodo, kept, tmp_path, damage):
    (kept / "zenodo-42.json").unlink()
    if damage is not None:
        (kept / "zenodo-42.json").write_bytes(damage)
    with pytest.raises(DownloadError, match="answered 429.*Run the same again later"):
        zenodo.fetch(tmp_path / "here", kept=kept)


def test_the_list_of_another_record_is_not_taken(zenodo, kept, tmp_path):
    with pytest.raises(DownloadError, match="answered 404"):
        download(tmp_path / "here", record=43, api=zenodo.base, kept=kept)


def test_a_list_that_cannot_be_kept_does_not_stop_the_work(zenodo, tmp_path, capsys):
    zenodo.fetch(tmp_path / "here", kept=tmp_path / "nowhere")
    assert "could not be kept" in capsys.readouterr().err
    assert_complete(zenodo, tmp_path / "here")


def test_a_wrong_file_stays_until_the_right_one_is_complete(zenodo, tmp_path, capsys):
    (tmp_path / FIRST).write_bytes(b"older")
    zenodo.plans[FIRST] = [{"cut": 1000}] * transfer.TRIES
    with pytest.raises(DownloadError):
        zenodo.fetch(tmp_path)
    assert (tmp_path / FIRST).read_bytes() == b"older"
    assert f"{tmp_path / FIRST} has the md5 checksum" in capsys.readouterr().err
    zenodo.fetch(tmp_path)
    assert_complete(zenodo, tmp_path)


def test_too_little_room_is_said_before_anything_is_fetched(zenodo, tmp_path, monkeypatch):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(DownloadError, match="0.00 GB free, 0.00 GB to come.*Make room"):
        zenodo.fetch(tmp_path)
    assert zenodo.asked(FIRST) == []


def test_room_is_counted_without_what_has_arrived(zenodo, tmp_path, monkeypatch):
    (tmp_path / f"{FIRST}.part").write_bytes(zenodo.bodies[FIRST][:-100])
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: SimpleNamespace(free=len(zenodo.bodies[SECOND]) + 100))
    zenodo.fetch(tmp_path)
    assert_complete(zenodo, tmp_path)


def test_a_folder_that_cannot_be_made_is_one_clear_message(zenodo, tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(DownloadError, match="Cannot write to .*taken"):
        zenodo.fetch(tmp_path / "taken")


def test_without_a_network_the_message_says_how_to_go_on_by_hand(tmp_path, waits, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    with pytest.raises(DownloadError, match="no connection .*refused.*org/record/3386336 and put the files into"):
        download(tmp_path, api="http://127.0.0.1:9")
    assert len(waits) == transfer.TRIES - 1


def test_stopped_while_the_checksum_is_computed_no_byte_is_lost(zenodo, tmp_path, monkeypatch):
    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pooch.core, "hash_matches", stop)
        with pytest.raises(KeyboardInterrupt):
            zenodo.fetch(tmp_path)
    assert listing(tmp_path) == [f"{FIRST}.part"]
    zenodo.fetch(tmp_path)
    assert len(zenodo.asked(FIRST)) == 1
    assert_complete(zenodo, tmp_path)


def test_a_disk_without_links_will_do(zenodo, tmp_path, monkeypatch):
    def refuse(*args):
        raise PermissionError("no links here")

    monkeypatch.setattr(module.os, "link", refuse)
    zenodo.fetch(tmp_path)
    assert_complete(zenodo, tmp_path)


@pytest.mark.parametrize(("sign", "status"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)])
def test_a_killed_or_stopped_command_is_continued_by_the_next(zenodo, tmp_path, sign, status):
    zenodo.plans[FIRST] = [{"slow": 0.1}]
    script = (
        "import functools, coos_helpers.download as d; from coos_helpers.cli import main; "
        f"d.download = functools.partial(d.download, record=42, api={zenodo.base!r}); "
        f"main(['download', {str(tmp_path)!r}])"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True, env=os.environ)
    part, deadline = tmp_path / f"{FIRST}.part", time.monotonic() + 30
    while transfer.length(part) < 1 << 16 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(sign)
    said = process.communicate(timeout=30)[1]
    assert process.returncode == status and "Traceback" not in said
    assert listing(tmp_path) == [part.name]
    arrived = transfer.length(part)
    assert 1 << 16 <= arrived < len(zenodo.bodies[FIRST])
    zenodo.fetch(tmp_path)
    assert zenodo.asked(FIRST)[-1]["Range"] == f"bytes={arrived}-"
    assert_complete(zenodo, tmp_path)
