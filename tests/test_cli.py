"""What must hold of the command `coos`: one clear line and the right exit status, whatever happens."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
import small_fields
import tifffile
from click.testing import CliRunner
from conftest import FILES, cells, files_up_to, write_release, write_split

from coos_helpers import data, results, runs
from coos_helpers.cli import main
from coos_helpers.data import unpack
from coos_helpers.fetch import zenodo
from coos_helpers.results import pack
from coos_helpers.shift.sample import Sample
from coos_helpers.simulate import describe
from coos_helpers.simulate import release as simulated

COMMAND = Path(sys.executable).with_name("coos")


@pytest.fixture
def folder(tmp_path):
    """Hold a release of two splits; the training set has one constant image."""
    images = cells(14)
    images[3, 0] = 100
    write_split(tmp_path / "release" / FILES["train"], data=images)
    return write_release(tmp_path / "release", ["test1"])


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


def assert_one_error_line(result, *words):
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert result.exit_code == 1 and len(errors) == 1 and result.stderr.rstrip().endswith(errors[0])
    assert "Traceback" not in result.output
    for word in words:
        assert word in errors[0]


def test_check_says_what_is_in_a_release_and_warns_on_the_other_stream(folder, tmp_path):
    result = run("check", folder)
    assert result.exit_code == 0
    assert "train" in result.stdout and "test1" in result.stdout and "Golgi" in result.stdout
    assert "Warning: train: constant protein image at cell 3" in result.stderr
    assert "warning" not in result.stdout.lower()
    (folder / FILES["test1"]).write_bytes(b"no HDF5")
    assert_one_error_line(run("check", folder), "test1.hdf5", "found", "expected")
    assert_one_error_line(run("check", tmp_path / "nowhere"), "nowhere")


def test_check_names_half_a_download_as_not_read_and_that_is_a_warning(folder):
    (folder / "COOS7_v1.1_test2.hdf5.part").write_bytes(b"x")
    result = run("check", folder)
    assert result.exit_code == 0 and "Warning: COOS7_v1.1_test2.hdf5.part: not read" in result.stderr


def named_in_greek(folder, name="α-tubulin"):
    names = [name, *"bcdefg"]
    return write_split(folder / "Ω" / FILES["train"], attrs={"class_names": names, "source": "Łódź"})


@pytest.mark.parametrize("charset", ["cp1252", "ascii", "latin-1", "utf-8"])
def test_a_name_that_the_terminal_has_no_letters_for_loses_no_report(tmp_path, charset):
    path = named_in_greek(tmp_path)

    def said(*arguments):
        arguments = [str(argument) for argument in arguments]
        return CliRunner(charset=charset).invoke(main, arguments, catch_exceptions=False)

    checked, unpacked = said("check", path.parent), said("unpack", path, tmp_path / "Ω" / "out")
    assert (checked.exit_code, unpacked.exit_code) == (0, 0)
    assert "-tubulin" in checked.stdout and f"14 cells  no plates, no wells  {path.name}" in checked.stdout
    assert "out" in unpacked.stdout and len(list(tmp_path.rglob("*.tif"))) == 28
    assert_one_error_line(said("check", named_in_greek(tmp_path, name="b")), "class_names", FILES["train"])
    assert_one_error_line(said("check", tmp_path / "Ψ"), "found nothing there")


def test_an_error_does_nothing_to_a_terminal_whatever_the_file_is_called(tmp_path):
    said = run("check", tmp_path / "a\x1b[2Jb")
    assert_one_error_line(said, r"a\x1b[2Jb: found nothing there")


def test_the_installed_command_prints_what_a_code_page_cannot(tmp_path):
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    command = [COMMAND, "check", named_in_greek(tmp_path).parent]
    done = subprocess.run(command, env=environment, capture_output=True, encoding="cp1252")
    assert done.returncode == 0 and r"\u03b1-tubulin" in done.stdout and "Error" not in done.stderr


def test_unpack_writes_what_can_be_opened_again(folder, tmp_path):
    result = run("unpack", folder, tmp_path / "out")
    assert result.exit_code == 0 and f"test1: {tmp_path / 'out' / 'test1'}" in result.stdout
    assert len(data.open_release(tmp_path / "out")["train"]) == 14
    assert run("unpack", folder / FILES["test1"], tmp_path / "one").exit_code == 0
    assert_one_error_line(run("unpack", folder, folder), "Choose an empty folder")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "train").write_text("a file where a folder should be")
    assert_one_error_line(run("unpack", folder, tmp_path / "taken"), str(tmp_path / "taken" / "train"))


def test_crop_makes_a_release_that_check_reads_and_says_what_is_odd(tmp_path):
    fields = small_fields.write(tmp_path / "fields", f1=small_fields.counts(1, nuclei=()))
    result = run("crop", fields, tmp_path / "out", "--smallest", 4, "--largest", 12, "--pixel-size", 0.5)
    assert result.exit_code == 0 and "4 fields, 9 cells" in result.stdout and "contact-sheet.png" in result.stdout
    assert "f1_nucleus (row 3): no nucleus" in result.stdout
    assert "9 cells" in run("check", tmp_path / "out").stdout
    assert_one_error_line(run("crop", fields, tmp_path / "out"), "found another release", "an empty folder")
    for given, words in ((["--pixel-size", 0.5], "a pixel size without both limits"),
                         (["--labels", "_m.png"], "in row 2"), (["--protein", 2], "no channel '2'")):  # fmt: skip
        assert_one_error_line(run("crop", fields, tmp_path / "other", *given), words)
    (fields / "f2_protein.tif").write_bytes(b"")
    assert_one_error_line(run("crop", fields, tmp_path / "new"), "f2_protein.tif", "an empty file", "in row 4")


def test_download_and_simulate_pass_on_what_they_are_given(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(zenodo, "download", lambda folder: asked.append(folder) or [Path(folder) / "a.hdf5"])
    monkeypatch.setattr(simulated, "simulate", lambda out, **options: asked.append((out, options)))
    monkeypatch.setattr(describe, "describe_release", lambda out: None)
    assert run("download", tmp_path).stdout == f"{tmp_path / 'a.hdf5'}\n"
    assert run("download").stdout == f"{Path('COOS-7') / 'a.hdf5'}\n"
    assert run("simulate", tmp_path, "--scale", "0.01", "--seed", "3").exit_code == 0
    assert run("simulate", tmp_path).exit_code == 0
    defaults = {"scale": 1.0, "seed": 0}
    assert asked == [str(tmp_path), "COOS-7", (str(tmp_path), {"scale": 0.01, "seed": 3}), (str(tmp_path), defaults)]


@pytest.mark.parametrize(
    "option, value, words",
    [("--seed", 99999999999999999999999, f"from 0 to {2**63 - 1}")]
    + [("--seed", seed, f"from 0 to {2**63 - 1}") for seed in (2**63, -1)]
    + [("--scale", scale, "from 0.00406 to 100") for scale in (0.00405, "nan", "inf", 1e9, 0, -1)],
)
def test_simulate_says_which_scale_and_seed_can_be_used_before_it_makes_a_folder(tmp_path, option, value, words):
    assert_one_error_line(run("simulate", tmp_path / "out", option, value), f"{option[2:]}: found ", words)
    assert not (tmp_path / "out").exists()
    told = " ".join(run("simulate", "--help").stdout.split())
    assert "0.00406 to 100" in told and "0 to 2^63 - 1" in told


def test_import_makes_a_release_of_a_table_or_names_the_row(tmp_path):
    rows = ["image;class;plate;well;split"]
    for i, image in enumerate(cells(12)):
        tifffile.imwrite(tmp_path / f"{i}.tif", image[:1], photometric="minisblack")
        rows.append(f"{i}.tif;{'ab'[i % 2]};1;C{i + 1};{'train' if i < 8 else 'test1'}")
    (table := tmp_path / "cells.csv").write_text("\n".join(rows), encoding="utf-8-sig")
    out = tmp_path / "out"
    assert_one_error_line(run("import", table, out, "--nucleus", "2"), "row 2")
    assert_one_error_line(run("import", table, out, "--wells", "100"), "plates of 100 wells; expected 96 or 384")
    assert not out.exists()
    result = run("import", table, out, "--split", "--wells", "96")
    assert result.exit_code == 0 and "12 cells from" in result.stdout and "plates of 96 wells" in result.stdout
    assert "Warning: The images have one channel" in result.stderr and "--split makes none" in result.stderr
    assert [len(split) for split in data.open_release(out).values()] == [8, 4]
    table.write_text("\n".join([*rows, "1.tif;b;1;C9;train"]))
    assert_one_error_line(run("import", table, out), "cells.csv", "again in row 14", "Remove one of the rows.")
    assert_one_error_line(run("import", tmp_path / "nowhere", out), "nothing there")


def test_simulate_describes_what_it_made_for_machines_and_for_people(tmp_path, simulated_folder):
    shutil.copytree(simulated_folder, out := tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    assert run("simulate", out, "--scale", "0.01").exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert {path.name for path in out.iterdir()} - {path.name for path in before} == {"croissant.json", "datasheet.md"}
    assert '"version": "1.0.0"' in (out / "croissant.json").read_text(encoding="utf-8")


def test_pack_writes_what_can_be_read_again_or_says_in_one_line_why_not(tmp_path):
    finished = write_release(tmp_path / "COOS-7", n=42)
    started, splits = runs.start(str(finished), "smoke")
    rng = np.random.default_rng(0)
    scores = {name: rng.dirichlet(np.ones(7), len(split)).astype(np.float32) for name, split in splits.items()}
    table = [results.evaluate_network(started, splits, scores, "deeploc")]
    results.enter(started, splits, "04-deeploc", table=table)

    def packed(out="run.coos", data=finished, profile="smoke"):
        return run("pack", tmp_path / out, "--data", data, "--profile", profile)

    said, out = packed("right.coos").stdout, tmp_path / "right.coos"
    found = pack.read(out)
    caption = found.caption[: found.caption.index(" From a pack")]
    assert said == f"{out}: 1 rows, {out.stat().st_size / 1e6:.1f} MB. {caption}\n"
    assert found.about["data"] == "COOS-7" and list(found.table[0]) == ["train", "test1", "test2", "test3", "test4"]
    assert "| deeploc | end-to-end | 1 |" in (tmp_path / "right.coos.md").read_text()
    assert_one_error_line(packed(profile="quick"), "no results", "'quick'", "02-texture", "expected")
    assert_one_error_line(packed(profile="papper"), "'papper'", "smoke, quick, evening, paper")
    assert_one_error_line(packed(data=tmp_path / "nowhere"), "nowhere")
    (tmp_path / "file").touch()
    assert_one_error_line(packed(out="file/run.coos"), str(tmp_path / "file"))
    next((started.folder / "predictions").glob("*test3.npz")).unlink()
    assert_one_error_line(packed(), "deeploc--end-to-end", "Run it again")
    assert not (tmp_path / "run.coos").exists()


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (data.DataError("cells.hdf5", "a cat", "a cell", "Look again."), "cells.hdf5: found a cat; expected a cell."),
        (zenodo.DownloadError("first line\nsecond line"), "first line second line"),
        (PermissionError(13, "Permission denied", "/there"), "/there: Permission denied."),
    ],
)
def test_what_a_person_can_act_on_is_one_line(tmp_path, monkeypatch, error, line):
    monkeypatch.setattr(unpack, "unpack", Mock(side_effect=error))
    assert_one_error_line(run("unpack", tmp_path, tmp_path), line)
    monkeypatch.setattr(unpack, "unpack", Mock(side_effect=KeyError("our own mistake")))
    with pytest.raises(KeyError, match="our own mistake"):  # is not hidden
        run("unpack", tmp_path, tmp_path)


@pytest.mark.parametrize("command", ["simulate", "unpack", "pack"])
@pytest.mark.parametrize("size", [0, 100])
def test_a_disk_that_takes_no_more_is_one_line_and_nothing_half_is_left(folder, tmp_path, monkeypatch, command, size):
    found = SimpleNamespace(
        about={}, caption="", class_names=(), table=[], draws=[], asides=[], ladders=[], samples={}, images=None
    )
    found.samples = {"texture": {"train": Sample(np.ones((500, 5)), np.zeros(500, int), None, None)}}
    monkeypatch.setattr("coos_helpers.results.read.read_results", lambda *_: found)
    monkeypatch.setattr(pack, "cells_to_picture", lambda _: {})
    out = tmp_path / "made" / "out"
    given = {"simulate": [out, "--scale", "0.01"], "unpack": [folder, out], "pack": [out]}[command]
    for _ in range(2):
        with files_up_to(size):
            result = run(command, *given)
        assert_one_error_line(result, str(out), "File too large. Make room there, raise the limit")
    assert [path for path in (tmp_path / "made").rglob("*") if path.is_file()] == []


def test_the_installed_command_ends_at_a_limit_on_files_with_a_line_and_not_a_crash(tmp_path):
    """The pixels of a split do not fit: HDF5's own way of writing ends in a segmentation fault then."""
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (3_000_000, resource.RLIM_INFINITY))
    command = [COMMAND, "simulate", tmp_path / "q", "--scale", "0.01"]
    done = subprocess.run(command, preexec_fn=limit, capture_output=True, text=True, env=os.environ)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    said = f"Error: {tmp_path / 'q' / 'COOSsim_training.hdf5'}: File too large. Make room there"
    assert done.stderr.splitlines()[-1].startswith(said) and list((tmp_path / "q").iterdir()) == []


def test_the_installed_command_helps_without_loading_the_workers():
    assert run("--version").stdout == f"coos, version {version('coos-helpers')}\n"
    slow = {"numpy", "h5py", "requests", "sklearn", "torch"}
    script = f"import sys, coos_helpers.cli; print({slow} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "set()\n"
    helped = subprocess.run([COMMAND, "--help"], capture_output=True, text=True)
    assert all(
        f"  {command} " in helped.stdout
        for command in ("download", "check", "unpack", "simulate", "crop", "import", "evaluate", "pack")
    )


def test_the_installed_command_stopped_by_ctrl_c_goes_on_when_called_again(tmp_path):
    path, out = write_split(tmp_path / "train.hdf5", 30, labels=np.zeros(30, int)), tmp_path / "out"
    (out / "train" / "0").mkdir(parents=True)
    pipe = out / "train" / "0" / "COOSv1cell_20_protein.tif.part"
    os.mkfifo(pipe)  # who writes here waits until somebody reads
    process = subprocess.Popen([COMMAND, "unpack", path, out], stderr=subprocess.PIPE, text=True, env=os.environ)
    while len(list(out.rglob("*.tif"))) < 40 and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    said = process.communicate()[1]
    pipe.unlink(missing_ok=True)
    assert process.returncode == 130 and len(list(out.rglob("*.tif"))) == 40
    assert said.rstrip().endswith("Stopped. Run the same command again to go on.") and "Traceback" not in said
    assert_one_error_line(run("check", out), str(out / "train"), "Unpack the split again")
    assert run("unpack", path, out).exit_code == 0
    np.testing.assert_array_equal(data.open_split(out / "train").images[:], data.open_split(path).images[:])


def predicted(folder, splits=("train", "test1")):
    """Write a table of predictions of a release, some of them wrong, and give its path."""
    lines = ["split,cell,predicted"]
    for name in splits:
        split = data.open_release(folder)[name]
        called = [split.class_names[k if i % 3 else 0] for i, k in enumerate(split.labels)]
        lines += [f"{name},{cell},{said}" for cell, said in enumerate(called)]
    path = folder.parent / "mine.csv"
    path.write_text("\n".join(lines))
    return path


def test_evaluate_writes_a_report_the_same_numbers_a_card_and_a_pack(tmp_path):
    folder, out = write_release(tmp_path / "release", ["train", "test1", "test3"], n=42), tmp_path / "scored"
    path = predicted(folder, ["test1", "test3"])
    given = [path, "--data", folder, "--sees", "nothing", "--name", "My way"]
    result = run("evaluate", *given, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[-1] == f"The report is {out / 'report.html'}."
    assert sorted(part.name for part in out.iterdir()) == ["card.md", "predictions.pack", "report.html", "score.json"]
    score = json.loads((out / "score.json").read_text())
    value = score["splits"]["test3"]["balanced_error"]["value"]
    found = pack.read(out / "predictions.pack")
    assert value == results.error_table(found.table)["test3"][0]
    assert f"test3: balanced error {value:.1f} %" in result.stdout and score["baseline"]["name"] == "Texture, L1 LR"
    page = (out / "report.html").read_text()
    assert "My way" in page and f"{value:.1f}" in page and f"{value:.1f}" in (out / "card.md").read_text()
    assert_one_error_line(run("evaluate", *given, "--out", out), str(out), "report.html", "another result")
    again = run("evaluate", *given, "--baseline", "none", "--out", tmp_path / "again")
    assert again.exit_code == 0 and json.loads((tmp_path / "again" / "score.json").read_text())["baseline"] is None


def test_evaluate_says_in_one_line_what_is_wrong_and_writes_nothing(tmp_path):
    folder, out = write_release(tmp_path / "release", ["train", "test1"], n=14), tmp_path / "scored"
    path = predicted(folder)

    def scored(*more, file=path, release=folder, sees="nothing"):
        return run("evaluate", file, "--data", release, "--sees", sees, "--out", out, "--baseline", "none", *more)

    assert_one_error_line(scored(sees="all"), "sees: found 'all'", "the unlabelled well")
    assert_one_error_line(scored(file=tmp_path / "nowhere.csv"), "nowhere.csv", "found nothing there")
    assert_one_error_line(scored(release=tmp_path / "nowhere"), "nowhere", "found nothing there")
    assert_one_error_line(scored("--baseline", path), str(path), "a file that `coos pack` wrote")
    path.write_text(path.read_text().replace("train,3,", "train,99,"))
    assert_one_error_line(scored(), str(path), "the cell 99 of train in row 5", "0 to 13")
    assert not out.exists()
