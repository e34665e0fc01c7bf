"""What must hold of the release from Zenodo: every file whole and checked, nothing fetched twice, plain words else."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import at_once, files_up_to

from coos_helpers.fetch import http, zenodo
from coos_helpers.fetch.http import PIECE, RETRY, DownloadError

NAMES = FIRST, SECOND = "COOS7_v1.1_training.hdf5", "COOS7_v1.1_test1.hdf5"
KEPT = "zenodo-42.json"


def entry(name, body, base):
    links = {"self": f"{base}/{name}"}
    return {"key": name, "size": len(body), "checksum": f"md5:{hashlib.md5(body).hexdigest()}", "links": links}


@pytest.fixture
def record(server):
    """Serve a record with two files of noise and a read-me; `fetch` brings it."""
    server.bodies |= {name: np.random.default_rng(i).bytes(12 * PIECE + i) for i, name in enumerate(NAMES)}
    server.bodies["README.txt"] = b"not for us"
    files = [entry(name, body, server.base) for name, body in server.bodies.items()]
    server.bodies["42"] = json.dumps({"files": files}).encode()
    server.fetch = lambda folder: zenodo.download(folder, record=42, api=server.base)
    return server


def listing(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".coos.lock")  # who is killed leaves it


def assert_complete(record, folder):
    assert listing(folder) == sorted([*NAMES, KEPT])
    for name in NAMES:
        assert (folder / name).read_bytes() == record.bodies[name]


def test_the_records_hdf5_files_and_its_list_arrive_once_and_nothing_else(record, tmp_path, capsys):
    folder = tmp_path / "new" / "folder"
    assert record.fetch(folder) == [folder / name for name in NAMES]
    assert_complete(record, folder)
    said = capsys.readouterr()
    assert "CC-BY-NC 4.0" in said.err and "NeurIPS 2019" in said.err and FIRST in said.err
    assert said.out == ""
    (folder / f"{FIRST}.part").write_bytes(b"left over")
    record.log.clear()
    record.fetch(folder)  # what is there and right does not come again
    assert [key for _, key, _ in record.log] == ["42"]
    assert_complete(record, folder)


def test_wrong_bytes_are_thrown_away_and_fetched_once_more(record, tmp_path, capsys):
    wrong = {"body": bytes(len(record.bodies[FIRST]))}
    record.plans[FIRST] = [wrong] * 2
    with pytest.raises(DownloadError, match="twice with another checksum than md5:"):
        record.fetch(tmp_path)
    assert listing(tmp_path) == [KEPT]
    record.plans[FIRST] = [wrong]
    record.fetch(tmp_path)
    assert capsys.readouterr().err.count("wrong checksum and was thrown away") == 3
    assert_complete(record, tmp_path)


@pytest.mark.parametrize("size", [400, 1 << 20], ids=["short", "longer than the file"])
def test_a_part_of_something_else_does_not_end_up_in_the_file(record, tmp_path, size):
    (tmp_path / f"{FIRST}.part").write_bytes(bytes(size))
    record.fetch(tmp_path)
    assert_complete(record, tmp_path)


def test_a_record_or_file_that_does_not_exist_is_asked_for_once(record, tmp_path, waits):
    (tmp_path / KEPT).write_bytes(record.bodies["42"])  # of another record
    with pytest.raises(DownloadError, match="answered 404.*https://zenodo.org/record/43 .*" + tmp_path.name):
        zenodo.download(tmp_path, record=43, api=record.base)
    del record.bodies[FIRST]
    with pytest.raises(DownloadError, match="answered 404"):
        record.fetch(tmp_path)
    assert waits == [] and listing(tmp_path) == [KEPT]


BROKEN = ["", "<html>busy</html>", "[]", '{"files": [', '{"files": {"a": 1}}']
ODD = {"key": "a.hdf5", "size": 5, "checksum": f"md5:{'0' * 32}", "links": {"self": "a"}}
BROKEN += ["[" * 100_000, '"a"', "null", '{"files": null}', '{"files": [null]}']
BROKEN += [json.dumps({"files": [ODD | part]}) for part in (
    {"checksum": "sha256:ab"}, {"checksum": None}, {"size": -1}, {"size": "much"}, {"size": 1e999}, {"links": []}
)]  # fmt: skip
EMPTY = [json.dumps({"files": [{"key": key}]}) for key in (None, "a.txt", "no-size.hdf5")]


@pytest.mark.parametrize("answer", BROKEN + EMPTY)
def test_an_answer_that_is_no_record_is_one_clear_message(record, tmp_path, answer):
    record.bodies["42"] = answer.encode()
    with pytest.raises(DownloadError, match="did not answer with a Zenodo record that has HDF5 files"):
        record.fetch(tmp_path)
    assert listing(tmp_path) == []


def test_a_record_does_not_choose_where_outside_the_folder_it_writes(record, tmp_path):
    record.bodies["42"] = record.bodies["42"].replace(b'"key": "COOS7', b'"key": "../COOS7')
    record.fetch(tmp_path / "here")
    assert_complete(record, tmp_path / "here")


@pytest.mark.parametrize("damage", [None, b"damaged on the way"])
def test_files_are_checked_against_the_kept_list_while_the_record_is_out_of_reach(record, tmp_path, capsys, damage):
    record.fetch(tmp_path)
    if damage:
        (tmp_path / FIRST).write_bytes(damage)
    record.plans["42"] = [{"status": 429}] * 100
    capsys.readouterr()
    assert record.fetch(tmp_path) == [tmp_path / name for name in NAMES]
    said = capsys.readouterr().err
    assert said.count("Checking against what was kept of it") == 1
    assert said.count("checksum right") == (1 if damage else 2) and len(record.asked(FIRST)) == (2 if damage else 1)
    assert_complete(record, tmp_path)


def test_a_damaged_list_of_a_record_out_of_reach_is_an_error(record, tmp_path):
    record.plans["42"] = [{"status": 429}] * 100
    (tmp_path / KEPT).write_bytes(b'{"files": [')
    with pytest.raises(DownloadError, match="did not answer with a Zenodo record.*Run the same again later"):
        record.fetch(tmp_path)


def test_a_wrong_file_stays_until_the_right_one_is_complete(record, tmp_path, capsys):
    (tmp_path / FIRST).write_bytes(b"older")
    record.plans[FIRST] = [{"cut": 1000}] * (RETRY.total + 1)
    with pytest.raises(DownloadError):
        record.fetch(tmp_path)
    assert (tmp_path / FIRST).read_bytes() == b"older"
    assert f"{tmp_path / FIRST} has the checksum md5:" in capsys.readouterr().err
    record.fetch(tmp_path)
    assert_complete(record, tmp_path)


def test_too_little_room_is_said_before_anything_is_fetched(record, tmp_path, monkeypatch):
    room = len(record.bodies[SECOND]) + 100
    monkeypatch.setattr(zenodo.shutil, "disk_usage", lambda _: SimpleNamespace(free=room))
    with pytest.raises(DownloadError, match=f"Make room in {tmp_path}: 0.00 GB free, 0.00 GB to come"):
        record.fetch(tmp_path)
    assert record.asked(FIRST) == []
    (tmp_path / f"{FIRST}.part").write_bytes(record.bodies[FIRST][:-100])  # what has arrived needs no more room
    record.fetch(tmp_path)
    assert_complete(record, tmp_path)


def test_of_two_at_once_one_fetches_and_the_other_finds_it_there(record, tmp_path, capsys):
    assert at_once(lambda: record.fetch(tmp_path)) == [[tmp_path / name for name in NAMES]] * 2
    assert_complete(record, tmp_path)
    assert [len(record.asked(name)) for name in NAMES] == [1, 1]
    said = capsys.readouterr().err
    assert f"is at work in {tmp_path}. Waiting" in said and said.count("checksum right") == 2


@pytest.mark.parametrize("size", [2 * PIECE, 5 * PIECE + 7, 12 * PIECE - 1])
def test_a_disk_that_takes_no_more_names_the_part_and_keeps_it(record, tmp_path, size):
    with files_up_to(size), pytest.raises(DownloadError, match=f"File too large: .*{FIRST}.part.*Run the same again"):
        record.fetch(tmp_path)
    part = tmp_path / f"{FIRST}.part"
    assert part.read_bytes() == record.bodies[FIRST][:size] and listing(tmp_path) == [part.name, KEPT]
    record.fetch(tmp_path)
    assert_complete(record, tmp_path)
    assert record.asked(FIRST)[-1]["Range"] == f"bytes={size}-"


def test_the_kept_list_stays_whole_where_the_disk_takes_no_more(record, tmp_path):
    record.bodies["42"] += b" " * 3 * PIECE
    record.fetch(tmp_path)
    with files_up_to(2 * PIECE):
        record.fetch(tmp_path)
    assert_complete(record, tmp_path)
    assert (tmp_path / KEPT).read_bytes() == record.bodies["42"]


def test_a_complete_folder_may_be_read_only(record, tmp_path, monkeypatch):
    record.fetch(tmp_path)

    def refuse(*_, **__):
        raise OSError(30, "Read-only file system")

    for name in ("unlink", "replace", "write_bytes"):
        monkeypatch.setattr(f"pathlib.Path.{name}", refuse)
    monkeypatch.setattr("coos_helpers.store.files.open", refuse, raising=False)
    monkeypatch.setattr("coos_helpers.store.files.NamedTemporaryFile", refuse)
    assert record.fetch(tmp_path) == [tmp_path / name for name in NAMES]


def test_a_folder_that_cannot_be_made_is_one_clear_message(record, tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(DownloadError, match="exists.*taken"):
        record.fetch(tmp_path / "taken")


@pytest.mark.parametrize(("sign", "status"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)])
def test_a_killed_or_stopped_command_is_continued_by_the_next(record, tmp_path, sign, status):
    arrived = 4 * PIECE
    record.plans[FIRST] = [{"cut": arrived, "hold": True}]
    script = (
        "import functools, coos_helpers.fetch.zenodo as z; from coos_helpers.cli import main; "
        f"z.download = functools.partial(z.download, record=42, api={record.base!r}); "
        f"main(['download', {str(tmp_path)!r}])"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True, env=os.environ)
    part = tmp_path / f"{FIRST}.part"
    while http.length(part) < arrived and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(sign)
    said = process.communicate()[1]
    assert process.returncode == status and "Traceback" not in said
    assert listing(tmp_path) == [part.name, KEPT] and http.length(part) == arrived
    record.fetch(tmp_path)
    assert record.asked(FIRST)[-1]["Range"] == f"bytes={arrived}-"
    assert_complete(record, tmp_path)
