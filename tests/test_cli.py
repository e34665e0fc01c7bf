"""What must hold of the command `coos`: one clear line and the right exit status, whatever happens."""

import os
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from conftest import write_release

from coos_helpers import check, data, pack, predictions, profiles, results, unpack
from coos_helpers import download as download_module
from coos_helpers import simulate as simulate_module
from coos_helpers.cli import main
from coos_helpers.download import DownloadError

COMMAND = Path(sys.executable).with_name("coos")


@pytest.fixture
def release(tmp_path):
    """Hold a release of two splits; the training set has one constant image."""
    folder = tmp_path / "release"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("training", "test1"):
        with h5py.File(folder / f"COOS7_v1.1_{name}.hdf5", "w") as file:
            images = rng.integers(0, 65536, (14, 2, 64, 64), np.uint16)
            images[3, 0] = 100 if name == "training" else images[3, 0]
            file["data"], file["labels"] = images, np.arange(14) % 7
    return folder


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


def assert_one_error_line(result, *words):
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert result.exit_code == 1 and len(errors) == 1 and result.stderr.rstrip().endswith(errors[0])
    assert "Traceback" not in result.output
    for word in words:
        assert word in errors[0]


def test_check_says_what_is_in_a_release_and_warns_on_the_other_stream(release):
    result = run("check", release)
    assert result.exit_code == 0
    assert "train" in result.stdout and "test1" in result.stdout and "Golgi" in result.stdout
    assert "Warning: train: constant protein image at cell 3" in result.stderr
    assert "warning" not in result.stdout.lower()


def test_check_of_a_broken_release_is_one_line_and_status_1(release, tmp_path):
    (release / "COOS7_v1.1_test1.hdf5").write_bytes(b"no HDF5")
    assert_one_error_line(run("check", release), "test1.hdf5", "found", "expected")
    assert_one_error_line(run("check", tmp_path / "nowhere"), "nowhere")


def test_unpack_writes_what_can_be_opened_again(release, tmp_path):
    result = run("unpack", release, tmp_path / "out")
    assert result.exit_code == 0
    assert f"test1: {tmp_path / 'out' / 'test1'}" in result.stdout
    assert len(data.open_release(tmp_path / "out")["train"]) == 14
    assert run("unpack", release / "COOS7_v1.1_test1.hdf5", tmp_path / "one").exit_code == 0


def test_unpack_that_cannot_go_on_is_one_line(release, tmp_path):
    assert_one_error_line(run("unpack", release, release), "Choose an empty folder")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "train").write_text("a file where a folder should be")
    assert_one_error_line(run("unpack", release, tmp_path / "out"), str(tmp_path / "out" / "train"))


def test_download_passes_its_folder_on_and_prints_what_came(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(download_module, "download", lambda folder: asked.append(folder) or [Path(folder) / "a.hdf5"])
    assert run("download", tmp_path).stdout == f"{tmp_path / 'a.hdf5'}\n"
    assert run("download").stdout == f"{Path('COOS-7') / 'a.hdf5'}\n"
    assert asked == [str(tmp_path), "COOS-7"]


@pytest.fixture
def finished(tmp_path):
    """Name the folder of a release of which one chapter has entered a row."""
    folder = write_release(tmp_path / "COOS-7", n=42)
    started, cells = profiles.start(str(folder), "smoke")
    rng = np.random.default_rng(0)
    scores = {name: rng.dirichlet(np.ones(7), len(split)).astype(np.float32) for name, split in cells.items()}
    table = [predictions.end_to_end(started, cells, scores, "deeploc")]
    results.enter(started, cells, "04-deeploc", table)
    return folder


def test_pack_writes_what_can_be_read_again_and_says_how_much_it_is(finished, tmp_path):
    out = tmp_path / "run.coos"
    result = run("pack", out, "--data", finished, "--profile", "smoke")
    assert result.exit_code == 0
    found = pack.read(out)
    caption = found.caption[: found.caption.index(" From a pack")]
    assert result.stdout == f"{out}: 1 rows, {out.stat().st_size / 1e6:.1f} MB. {caption}\n"
    assert found.about["data"] == "COOS-7" and list(found.table[0]) == ["train", "test1", "test2", "test3", "test4"]


def test_pack_of_a_run_without_results_is_one_line(finished, tmp_path):
    result = run("pack", tmp_path / "run.coos", "--data", finished, "--profile", "quick")
    assert_one_error_line(result, "no results", "'quick'", "02-texture", "expected")
    assert not (tmp_path / "run.coos").exists()


def test_pack_of_lost_predictions_is_one_line(finished, tmp_path):
    started, _ = profiles.start(str(finished), "smoke")
    next((started.folder / "predictions").glob("*test3.npz")).unlink()
    result = run("pack", tmp_path / "run.coos", "--data", finished, "--profile", "smoke")
    assert_one_error_line(result, "deeploc, end-to-end", "Run its chapter again")


def test_pack_with_options_that_make_no_sense_is_one_line(finished, tmp_path):
    result = run("pack", tmp_path / "run.coos", "--data", finished, "--profile", "papper")
    assert_one_error_line(result, "'papper'", "smoke, quick, paper")
    assert_one_error_line(run("pack", tmp_path / "run.coos", "--data", tmp_path / "nowhere"), "nowhere")
    assert run("pack", tmp_path, "--data", finished).exit_code == 2
    (tmp_path / "file").touch()
    result = run("pack", tmp_path / "file" / "run.coos", "--data", finished, "--profile", "smoke")
    assert_one_error_line(result, str(tmp_path / "file"))


def test_simulate_passes_its_options_on(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(simulate_module, "simulate", lambda out, **options: asked.append((out, options)), raising=False)
    assert run("simulate", tmp_path, "--scale", "0.01", "--seed", "3").exit_code == 0
    assert run("simulate", tmp_path).exit_code == 0
    defaults = {"scale": 1.0, "seed": 0}
    assert asked == [(str(tmp_path), {"scale": 0.01, "seed": 3}), (str(tmp_path), defaults)]


@pytest.mark.parametrize("option", [("--scale", "0"), ("--scale", "-1"), ("--seed", "-1"), ("--seed", "x")])
def test_options_that_make_no_sense_are_refused_before_any_work(tmp_path, option):
    result = run("simulate", tmp_path / "out", *option)
    assert result.exit_code == 2 and option[0] in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (data.DataError("cells.hdf5", "a cat", "a cell", "Look again."), "cells.hdf5: found a cat; expected a cell."),
        (DownloadError("first line\nsecond line"), "first line second line"),
        (ValueError("scale must be positive"), "scale must be positive"),
        (PermissionError(13, "Permission denied", "/there"), "/there: Permission denied."),
        (OSError("disk gone"), "disk gone"),
    ],
)
def test_what_a_person_can_act_on_is_one_line(tmp_path, monkeypatch, error, line):
    def fail(*args):
        raise error

    monkeypatch.setattr(unpack, "unpack", fail)
    assert_one_error_line(run("unpack", tmp_path, tmp_path), line)


def test_our_own_mistakes_are_not_hidden(tmp_path, monkeypatch):
    monkeypatch.setattr(check, "check_release", lambda folder: {}["mistake"])
    with pytest.raises(KeyError, match="mistake"):
        run("check", tmp_path)


@pytest.mark.parametrize("command", ["download", "check", "unpack", "simulate", "pack"])
def test_ctrl_c_is_one_line_and_status_130(tmp_path, monkeypatch, command):
    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    workers = (download_module, "download"), (check, "check_release"), (unpack, "unpack"), (results, "read")
    for module, name in workers:
        monkeypatch.setattr(module, name, stop)
    monkeypatch.setattr(simulate_module, "simulate", stop, raising=False)
    result = run(command, tmp_path / "out", *([tmp_path] if command == "unpack" else []))
    assert result.exit_code == 130
    assert result.stderr.strip() == "Stopped. Run the same command again to go on."


def test_the_installed_command_helps_without_loading_the_workers():
    assert run("--version").stdout == f"coos, version {version('coos-helpers')}\n"
    script = "import sys, coos_helpers.cli; print({'numpy', 'h5py', 'pooch', 'requests'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "set()\n"
    helped = subprocess.run([COMMAND, "--help"], capture_output=True, text=True)
    assert helped.returncode == 0
    for command in ("download", "check", "unpack", "simulate", "pack"):
        assert f"  {command} " in helped.stdout


def test_the_installed_command_stopped_by_ctrl_c_goes_on_when_called_again(tmp_path):
    path, out = tmp_path / "train.hdf5", tmp_path / "out"
    with h5py.File(path, "w") as file:
        file.create_dataset("data", (1500, 2, 64, 64), np.uint16, chunks=(64, 2, 64, 64), fillvalue=7)
        file["data"][:100] = np.random.default_rng(0).integers(0, 65536, (100, 2, 64, 64), np.uint16)
        file["labels"] = np.zeros(1500, int)
    process = subprocess.Popen([COMMAND, "unpack", path, out], stderr=subprocess.PIPE, text=True, env=os.environ)
    deadline = time.monotonic() + 30
    while not (out / "train" / "0" / "COOSv1cell_0_protein.tif").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert said.rstrip().endswith("Stopped. Run the same command again to go on.") and "Traceback" not in said
    written = len(list(out.rglob("*.tif")))
    assert 0 < written < 3000
    assert_one_error_line(run("check", out), str(out / "train"), "Unpack the split again")
    assert run("unpack", path, out).exit_code == 0
    np.testing.assert_array_equal(data.open_split(out / "train").images[:], data.open_split(path).images[:])
