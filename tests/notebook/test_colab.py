"""What is said of a machine, and what the set-up cell does on Colab, with a stand-in for Colab's module and for pip."""

import hashlib
import json
import subprocess
import sys
import types
from importlib import metadata
from types import SimpleNamespace

import pytest
import torch

from coos_helpers.fetch import http, zenodo
from coos_helpers.notebook import colab

FILES = {"training.hdf5": b"training", "test1.hdf5": b"test1"}


@pytest.fixture
def google(monkeypatch, tmp_path):
    """Put a `google.colab` in place whose Drive is a folder; give that folder."""
    module = types.ModuleType("google.colab")
    module.drive = SimpleNamespace(mount=lambda where: None)
    monkeypatch.setitem(sys.modules, "google", types.ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", module)
    monkeypatch.setattr(colab, "MOUNT", str(tmp_path / "drive"))
    return SimpleNamespace(drive=module.drive, folder=tmp_path / "drive" / "MyDrive" / "COOS-7")


@pytest.fixture
def record(monkeypatch):
    """Let Zenodo's record have two files; `fetched` lists what came, and `busy` puts it out of reach."""
    state = SimpleNamespace(fetched=[], busy=False)

    def entry(name):
        links = {"self": name}
        return {"key": name, "size": 5, "checksum": f"md5:{hashlib.md5(FILES[name]).hexdigest()}", "links": links}

    def fetch_bytes(url):
        if state.busy:
            raise http.DownloadError("Zenodo answered 429.")
        return FILES.get(url) or json.dumps({"files": [entry(name) for name in FILES]}).encode()

    def fetch_file(url, part, size):
        part.write_bytes(fetch_bytes(url))
        state.fetched.append(url)

    monkeypatch.setattr(zenodo, "fetch_bytes", fetch_bytes)
    monkeypatch.setattr(zenodo, "fetch_file", fetch_file)
    return state


@pytest.fixture
def needs(monkeypatch):
    """Let the package need what a test says, nothing at first; record what pip is asked for instead of running it."""
    asked, real = [], subprocess.run

    def run(command, **how):
        if "install" not in command:
            return real(command, **how)
        asked.append((command[command.index("/dev/stdin") + 1 :], how["input"].decode()))
        return SimpleNamespace(returncode=int("fails" in command), stderr=b"ERROR: no network")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(metadata, "requires", lambda _: [])
    return lambda *lines: (monkeypatch.setattr(metadata, "requires", lambda _: list(lines)), asked)[1]


def test_the_projects_own_needs_are_met_here():
    assert colab.report().startswith("All packages are here.")


def test_what_is_missing_or_too_old_is_named_with_the_command_that_mends_it(needs):
    needs("numpy>=999", "no-such-package>=2", "click")
    found = f"numpy>=999: found {metadata.version('numpy')}.\nno-such-package>=2: found nothing.\n"
    assert colab.report().startswith(f"{found}In the project's folder, run: pip install -e .")


def test_a_disk_with_little_room_is_named(monkeypatch):
    monkeypatch.setattr(colab.shutil, "disk_usage", lambda _: SimpleNamespace(free=1.2e9))
    assert colab.report().endswith("Disk: 1.2 GB free; make room, as 3 GB are used.")


@pytest.mark.parametrize("gpu, words", [(True, "GPU: Tesla T4."), (False, "Change runtime type, T4 GPU")])
def test_nothing_is_installed_where_all_is_there_and_a_gpu_is_named(needs, monkeypatch, capsys, gpu, words):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla T4")
    others = 'absent; extra == "fast"', 'winonly; sys_platform == "win32"'
    asked = needs("numpy>=1.0", "Scikit_Learn", *others)  # in another spelling; of extras and other systems
    colab.start()
    said = capsys.readouterr().out
    assert asked == [] and "Installed" not in said and words in said


def test_what_is_missing_is_installed_and_all_the_rest_is_held(needs, record, tmp_path, capsys):
    asked = needs("numpy>=1.0", "no-such-package>=2.1")
    colab.start(folder=tmp_path / "COOS-7")
    ((lines, held),) = asked
    assert lines == ["no-such-package>=2.1"]
    assert all(f"{name}=={metadata.version(name)}\n" in held for name in ("numpy", "torch", "torchvision"))
    said = capsys.readouterr().out
    assert "Installed: no-such-package>=2.1." in said and "simulated cells" in said and "REAL_CELLS = True" in said
    assert record.fetched == [] and not (tmp_path / "COOS-7").exists()


def test_pips_failure_is_passed_on_with_what_was_found_and_what_to_do(needs):
    needs("fails", "numpy>=999")
    words = r"(?s)^fails \(found nothing\), numpy>=999 \(found [\d.]+\) could not be .*no network.*latest runtime"
    with pytest.raises(RuntimeError, match=words):
        colab.start()


def test_drive_is_a_cache_that_is_copied_in_before_use(needs, record, google, tmp_path, capsys):
    google.folder.mkdir(parents=True)
    (google.folder / "training.hdf5.copy").write_bytes(b"trai")  # of a copy that was stopped
    colab.start(True, True, str(tmp_path / "first"))
    assert f'set DATA = "{tmp_path / "first"}"' in capsys.readouterr().out
    record.busy = True  # a copy that can be checked will do
    colab.start(True, True, tmp_path / "second")
    for name, content in FILES.items():
        assert (google.folder / name).read_bytes() == (tmp_path / "second" / name).read_bytes() == content
    assert record.fetched == list(FILES)
    said = capsys.readouterr()
    assert said.err.count("Zenodo answered 429. Checking against what was kept") == 1 and "COOS-7 is here" in said.out


@pytest.mark.parametrize("damaged", ["zenodo-3386336.json", "training.hdf5"])
def test_a_damaged_copy_is_not_taken_while_zenodo_is_out_of_reach(needs, record, google, tmp_path, damaged):
    colab.start(True, True, tmp_path / "first")
    record.busy = True
    (google.folder / damaged).write_bytes(b"draining")
    with pytest.raises(http.DownloadError, match="did not answer with a Zenodo record|429"):
        colab.start(True, True, tmp_path / "second")


def on(drive):
    """Read what a Drive holds of the release."""
    return {path.name: path.read_bytes() for path in drive.glob("*") if path.suffix != ".json"}


@pytest.mark.parametrize("damage", [b"draining", b"train", b"training and more", b""])
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_copy_is_mended_on_the_drive_too(needs, record, google, tmp_path, name, damage):
    colab.start(True, True, tmp_path / "first")
    record.fetched.clear()
    (google.folder / name).write_bytes(damage)
    (google.folder / f"{name}.copy").write_bytes(b"left over")
    colab.start(True, True, tmp_path / "second")
    assert on(tmp_path / "second") == on(google.folder) == FILES and record.fetched == [name]
    colab.start(True, True, tmp_path / "third")
    assert on(tmp_path / "third") == FILES and record.fetched == [name], "the Drive will do from now on"


def test_a_right_file_here_is_not_replaced_by_a_damaged_copy(needs, record, google, tmp_path):
    colab.start(True, True, tmp_path / "here")
    (google.folder / "test1.hdf5").write_bytes(b"te")
    colab.start(True, True, tmp_path / "here")
    assert record.fetched == list(FILES) and on(tmp_path / "here") == on(google.folder) == FILES


def test_a_file_damaged_here_and_on_the_drive_is_mended_in_both_places(needs, record, google, tmp_path):
    for folder in (tmp_path / "here", google.folder):
        colab.start(True, True, tmp_path / "here")
        (folder / "training.hdf5").write_bytes(b"draining")
    (tmp_path / "here" / "training.hdf5").write_bytes(b"draining")
    colab.start(True, True, tmp_path / "here")
    assert on(tmp_path / "here") == on(google.folder) == FILES


def test_what_is_right_on_the_drive_is_neither_read_nor_written_again(needs, record, google, tmp_path, capsys):
    for folder in ("first", "second"):
        colab.start(True, True, tmp_path / folder)
    times = [path.stat().st_mtime_ns for path in sorted(google.folder.glob("*.hdf5"))]
    capsys.readouterr()
    colab.start(True, True, tmp_path / "second")
    assert [path.stat().st_mtime_ns for path in sorted(google.folder.glob("*.hdf5"))] == times
    assert "Copying" not in capsys.readouterr().out


@pytest.mark.parametrize("there", [None, b"draining"])
def test_a_quota_that_is_full_in_the_middle_leaves_no_half_file(needs, record, google, tmp_path, monkeypatch, there):
    google.folder.mkdir(parents=True)
    if there:
        (google.folder / "training.hdf5").write_bytes(there)

    def full(source, target):
        if google.folder in target.parents and source.suffix == ".hdf5":
            target.write_bytes(source.read_bytes()[:3])
            raise OSError(122, "Disk quota exceeded")
        return copy(source, target)

    copy = colab.shutil.copyfile
    monkeypatch.setattr(colab.shutil, "copyfile", full)
    colab.start(True, True, tmp_path / "first")
    assert on(google.folder) == {} and on(tmp_path / "first") == FILES
    monkeypatch.setattr(colab.shutil, "copyfile", copy)
    colab.start(True, True, tmp_path / "first")
    assert on(google.folder) == FILES, "there is room again"


def test_a_drive_that_drops_or_is_full_does_not_stop_the_work(needs, record, google, tmp_path, capsys, monkeypatch):
    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(colab.shutil, "copyfile", full)
    colab.start(True, True, tmp_path / "full")
    assert f"Copying to {google.folder} stopped" in capsys.readouterr().out
    google.drive.mount = lambda where: (_ for _ in ()).throw(ValueError("mount failed"))
    colab.start(True, True, tmp_path / "refused")
    assert "could not be mounted (mount failed); going on without it" in capsys.readouterr().out
    assert record.fetched == list(FILES) * 2
