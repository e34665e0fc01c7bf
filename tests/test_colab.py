"""What the set-up cell does on Colab, with a stand-in for Colab's module and for pip."""

import hashlib
import json
import subprocess
import sys
import types
from importlib import metadata
from types import SimpleNamespace

import pytest
import torch

from coos_helpers import colab, download, transfer


@pytest.fixture
def google(monkeypatch, tmp_path):
    """Put a `google.colab` in place whose Drive is a folder; give that folder."""
    drive = SimpleNamespace(mount=lambda where: None)
    module = types.ModuleType("google.colab")
    module.drive = drive
    monkeypatch.setitem(sys.modules, "google", types.ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", module)
    monkeypatch.setattr(colab, "MOUNT", str(tmp_path / "drive"))
    return SimpleNamespace(drive=drive, folder=tmp_path / "drive" / "MyDrive" / "COOS-7")


@pytest.fixture
def zenodo(monkeypatch):
    """Replace the download by one that writes two files which are not there, and count them."""
    fetched = []

    def bring(folder, kept=None):
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / f"{name}.hdf5" for name in ("training", "test1")]
        for file in files:
            if not file.exists():
                file.write_bytes(file.stem.encode())
                fetched.append(file.name)
        return files

    monkeypatch.setattr(download, "download", bring)
    return fetched


@pytest.fixture
def needs(monkeypatch):
    """Let the package need what a test says, and record what pip is asked for instead of running it."""
    asked = []

    def pip(command, **_):
        held = open(command[command.index("-c") + 1]).read()
        asked.append((command[command.index("-c") + 2 :], held))
        return SimpleNamespace(returncode=0, stderr="")

    monkeypatch.setattr(subprocess, "run", pip)
    return lambda *lines: (monkeypatch.setattr(metadata, "requires", lambda _: list(lines)), asked)[1]


def test_nothing_is_installed_where_all_is_there(needs):
    asked = needs("numpy>=1.0", "scikit-learn", 'pytest; extra == "test"', 'winonly; sys_platform == "win32"')
    assert colab.install() == [] and asked == []


def test_what_is_missing_is_installed_and_all_the_rest_is_held(needs):
    asked = needs("numpy>=1.0", "no-such-package>=2.1")
    assert colab.install() == ["no-such-package"]
    ((lines, held),) = asked
    assert lines == ["no-such-package>=2.1"]
    for name in ("numpy", "torch", "torchvision", "scikit-learn"):
        assert f"{name}=={metadata.version(name)}\n" in held


def test_a_package_that_is_too_old_is_one_clear_message_and_stays(needs):
    asked = needs("numpy>=999")
    with pytest.raises(RuntimeError, match=r"found numpy [\d.]+; expected numpy>=999\. .*latest runtime version"):
        colab.install()
    assert asked == []


def test_pips_failure_is_passed_on_with_what_to_do(needs, monkeypatch):
    needs("no-such-package")
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: SimpleNamespace(returncode=1, stderr="ERROR: no network"))
    with pytest.raises(
        RuntimeError, match="(?s)no-such-package could not be installed.*no network.*run this cell again"
    ):
        colab.install()


@pytest.mark.parametrize("there, words", [(True, "GPU: Tesla T4."), (False, "Change runtime type, T4 GPU")])
def test_a_gpu_is_named_or_it_is_said_how_to_get_one(there, words, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla T4")
    assert words in colab.accelerator()


def test_simulated_cells_are_the_default_and_nothing_is_fetched(needs, zenodo, tmp_path, capsys):
    needs()
    colab.start(folder=tmp_path / "COOS-7")
    said = capsys.readouterr().out
    assert "simulated cells, made below" in said and "REAL_CELLS = True" in said
    assert zenodo == [] and not (tmp_path / "COOS-7").exists()


def test_real_cells_come_to_the_machines_own_disk(needs, zenodo, tmp_path, capsys):
    needs()
    colab.start(True, folder=tmp_path / "COOS-7")
    assert zenodo == ["training.hdf5", "test1.hdf5"]
    assert f'set DATA = "{tmp_path / "COOS-7"}"' in capsys.readouterr().out


def test_drive_is_a_cache_that_is_copied_in_before_use(needs, zenodo, google, tmp_path):
    needs()
    colab.start(True, True, tmp_path / "first")
    assert sorted(file.name for file in google.folder.iterdir()) == ["test1.hdf5", "training.hdf5"]
    zenodo.clear()
    colab.start(True, True, tmp_path / "second")
    assert zenodo == [] and (tmp_path / "second" / "training.hdf5").read_bytes() == b"training"


def test_a_file_that_was_copied_in_part_is_not_taken_for_a_whole_one(needs, zenodo, google, tmp_path):
    needs()
    google.folder.mkdir(parents=True)
    (google.folder / "training.hdf5.copy").write_bytes(b"trai")
    colab.start(True, True, tmp_path / "here")
    assert zenodo == ["training.hdf5", "test1.hdf5"]
    assert (google.folder / "training.hdf5").read_bytes() == b"training"


def test_a_drive_that_drops_does_not_stop_the_work(needs, zenodo, google, tmp_path, capsys):
    needs()
    google.drive.mount = lambda where: (_ for _ in ()).throw(ValueError("mount failed"))
    colab.start(True, True, tmp_path / "here")
    assert "could not be mounted (mount failed); going on without it" in capsys.readouterr().out
    assert zenodo == ["training.hdf5", "test1.hdf5"]


def test_a_drive_that_is_full_does_not_stop_the_work(needs, zenodo, google, tmp_path, capsys, monkeypatch):
    needs()

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(colab.shutil, "copyfile", full)
    colab.start(True, True, tmp_path / "here")
    assert "Copying to Google Drive stopped" in capsys.readouterr().out


@pytest.fixture
def record(monkeypatch):
    """Let Zenodo's record list one file and bring it; a function that puts the record out of reach."""
    body = b"training"
    md5 = f"md5:{hashlib.md5(body).hexdigest()}"
    one = {"key": "training.hdf5", "size": len(body), "checksum": md5, "links": {"self": "https://zenodo.org/1"}}
    monkeypatch.setattr(transfer, "read", lambda url: json.dumps({"files": [one]}).encode())
    monkeypatch.setattr(transfer, "bring", lambda url, part, size: part.write_bytes(body))

    def refuse(*_):
        raise transfer.DownloadError("Zenodo answered 429.")

    return lambda: [monkeypatch.setattr(transfer, name, refuse) for name in ("read", "bring")]


def test_a_checked_copy_on_drive_will_do_while_zenodo_is_out_of_reach(needs, record, google, tmp_path, capsys):
    needs()
    colab.start(True, True, tmp_path / "first")
    record()
    capsys.readouterr()
    colab.start(True, True, tmp_path / "second")
    assert (tmp_path / "second" / "training.hdf5").read_bytes() == b"training"
    said = capsys.readouterr()
    assert said.err.count("Zenodo answered 429. Checking against what was kept") == 1 and "COOS-7 is here" in said.out


def test_a_copy_without_zenodos_list_cannot_be_checked_while_zenodo_is_out_of_reach(needs, record, google, tmp_path):
    needs()
    colab.start(True, True, tmp_path / "first")
    record()
    (google.folder / "zenodo-3386336.json").unlink()
    with pytest.raises(transfer.DownloadError, match="429"):
        colab.start(True, True, tmp_path / "second")


def test_a_copy_that_was_damaged_is_not_taken_while_zenodo_is_out_of_reach(needs, record, google, tmp_path):
    needs()
    colab.start(True, True, tmp_path / "first")
    record()
    (google.folder / "training.hdf5").write_bytes(b"draining")
    with pytest.raises(transfer.DownloadError, match="429"):
        colab.start(True, True, tmp_path / "second")
