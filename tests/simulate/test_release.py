"""What must hold of the simulated release: COOS-7's format, the same cells however they were made, none half done."""

import ast
import errno
import time
from hashlib import blake2b

import h5py
import numpy as np
import pytest
from conftest import at_once, files_up_to

from coos_helpers import data
from coos_helpers.published import CLASS_NAMES
from coos_helpers.simulate import FACTORS, draw, release, sample, simulate
from coos_helpers.simulate.conditions import conditions
from coos_helpers.simulate.factors import INDEX
from coos_helpers.simulate.layout import COUNTS, SPLITS, layout, minimum_scale
from coos_helpers.store import code

#: The simulator's code, condensed, of each version of its cells.
CODE = {1: "998eab48be4931d1"}

SCALE, SEED = 0.005, 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("simulated"), scale=SCALE, seed=SEED, progress=False)


@pytest.fixture(scope="module")
def splits(folder):
    read = {}
    for split in SPLITS:
        with h5py.File(folder / f"COOSsim_{split}.hdf5") as file:
            read[split] = {key: file[key][:] for key in ("data", "labels", "plate", "well")}
            read[split]["truth"] = {name: file["truth"][name][:] for name in file["truth"]}
            read[split]["attrs"] = dict(file.attrs)
    return read


def test_the_files_have_the_releases_format(splits):
    for split in SPLITS:
        n = round(SCALE * COUNTS[split])
        read = splits[split]
        assert read["data"].shape == (n, 2, 64, 64) and read["data"].dtype == np.uint16
        assert read["labels"].shape == (n,) and read["labels"].dtype == np.int64
        assert set(read["labels"]) == set(range(7))
        assert read["plate"].dtype.kind == read["well"].dtype.kind == "S"
        assert tuple(read["attrs"]["class_names"]) == CLASS_NAMES
        assert read["attrs"]["source"].startswith(
            f"simulated cells (coos_helpers.simulate, version={release.VERSION}, scale={SCALE}, seed={SEED})"
        )
        assert all(len(column) == n and np.isfinite(column).all() for column in read["truth"].values())
        assert set(INDEX) < set(read["truth"])


def test_the_ordinary_loader_opens_it(folder, splits):
    opened = data.open_release(folder)
    assert list(opened) == ["train", "test1", "test2", "test3", "test4"]
    for split, expected in zip(opened.values(), (splits[name] for name in SPLITS), strict=True):
        np.testing.assert_array_equal(split.images[:2], expected["data"][:2])
        np.testing.assert_array_equal(split.labels, expected["labels"])
        assert tuple(split.class_names) == CLASS_NAMES and split.source == expected["attrs"]["source"]


def test_counts_are_those_of_a_camera_and_no_two_cells_are_alike(splits):
    for split in SPLITS:
        images = splits[split]["data"]
        darkest = np.percentile(images, 0.1)
        offset = splits[split]["truth"]["offset"].mean()
        assert 0.5 * offset < darkest < 1.5 * offset
        assert np.mean(images == 65535) < 1e-4
        assert images.std(axis=(2, 3)).min() > 3  # nothing without noise
        assert 150 < images[:, 0].mean() < 2000
    seen = {image.tobytes() for split in SPLITS for image in splits[split]["data"]}
    assert len(seen) == sum(len(splits[split]["data"]) for split in SPLITS)


def test_proteins_lie_where_they_belong(splits):
    """Seen against the nucleus channel: the envelope at its rim, cytosol and ER outside of it."""
    inside = {}
    for label in (0, 5, 6):
        images = splits["training"]["data"][splits["training"]["labels"] == label].astype(float)
        protein, nucleus = images[:, 0], images[:, 1]
        middle = protein[:, 29:35, 29:35].mean((1, 2)) - np.percentile(protein, 2, axis=(1, 2))
        bright = np.percentile(protein, 95, axis=(1, 2)) - np.percentile(protein, 2, axis=(1, 2))
        inside[label] = np.median(middle / bright)
        assert np.median(nucleus[:, 29:35, 29:35].mean((1, 2)) / nucleus[:, :4, :4].mean((1, 2))) > 2
    assert inside[0] < 0.5 and inside[6] < 0.7 and inside[5] < 0.9


def test_drawn_cells_are_those_of_the_files(splits):
    for split, name in (("train", "training"), ("test4", "test4")):
        drawn, file = draw(split, 56, SEED), splits[name]
        assert drawn.images.shape == (56, 2, 64, 64) and drawn.images.dtype == np.uint16
        assert drawn.labels.dtype == np.int64 and drawn.plate.dtype.kind == drawn.well.dtype.kind == "U"
        there = {image.tobytes(): i for i, image in enumerate(file["data"])}
        rows = [there[image.tobytes()] for image in drawn.images]
        assert np.array_equal(drawn.labels, file["labels"][rows])
        assert np.array_equal(drawn.plate.astype("S"), file["plate"][rows])
        assert np.array_equal(drawn.well.astype("S"), file["well"][rows])
        assert set(drawn.truth) == set(file["truth"])
        for key, column in drawn.truth.items():
            assert column.dtype == np.float64 and column.shape == (56,)
            assert np.array_equal(column.astype(np.float32), file["truth"][key][rows])


def test_a_cell_is_the_same_at_any_batch_size_thread_count_and_scale(folder, splits, tmp_path):
    wells = [w._replace(cells=w.cells + 2) for w in layout(SCALE, SEED)["test2"][:6]]
    mark = {"scale": SCALE, "seed": SEED, "shift": "{}"}
    for name, jobs, batch in (("a.hdf5", 1, 2), ("b.hdf5", 2, 64)):
        release.write_split(tmp_path / name, wells, SEED, conditions(), mark, jobs=jobs, batch=batch)
    with h5py.File(tmp_path / "a.hdf5") as a, h5py.File(tmp_path / "b.hdf5") as b:
        assert np.array_equal(a["data"][:], b["data"][:])
        for well in wells:
            there = a["well"][:] == well.name.encode()
            there &= a["plate"][:] == well.plate_name.encode()
            here = splits["test2"]["well"] == well.name.encode()
            here &= splits["test2"]["plate"] == well.plate_name.encode()
            assert np.array_equal(a["data"][:][there][:-2], splits["test2"]["data"][here])


def test_the_largest_seed_can_be_written(tmp_path):
    mark = {"scale": SCALE, "seed": 2**63 - 1, "shift": "{}"}
    wells = layout(SCALE, 2**63 - 1)["test4"][:1]
    release.write_split(tmp_path / "a.hdf5", wells, 2**63 - 1, conditions(), mark, jobs=1)
    assert release._finished(tmp_path / "a.hdf5", mark)


def test_a_finished_release_is_left_alone(folder, monkeypatch):
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    monkeypatch.setattr(release, "write_split", lambda *_, **__: pytest.fail("drawn again"))
    simulate(folder, scale=SCALE, seed=SEED, progress=False)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_a_finished_release_that_cannot_be_written_to_is_used(folder, monkeypatch):
    monkeypatch.setattr(release.os, "access", lambda *_: False)
    monkeypatch.setattr(release, "alone", lambda *_: pytest.fail("writes a lock"))
    assert simulate(folder, scale=SCALE, seed=SEED, progress=False) == folder


def drawn_at_once(seed, under, well, first, cells):
    """Stand in for the simulator: pictures of ones."""
    truth = np.ones((cells, len(FACTORS) + len(sample.PLACE)))
    return np.ones((cells, 2, 64, 64), np.uint16), np.ones(cells, np.int64), truth


@pytest.mark.parametrize("runs", [2, 3])
def test_of_runs_at_once_one_draws_and_the_others_find_it_done(tmp_path, monkeypatch, capsys, runs):
    written, write_split = [], release.write_split

    def slow(path, *args, **kwargs):
        written.append(path.name)
        time.sleep(0.02)
        write_split(path, *args, **kwargs)

    monkeypatch.setattr(release, "draw_batch", drawn_at_once)
    monkeypatch.setattr(release, "write_split", slow)
    assert at_once(lambda: simulate(tmp_path, scale=SCALE, progress=False), runs) == [tmp_path] * runs
    assert sorted(written) == sorted(path.name for path in tmp_path.iterdir()) and len(written) == 5
    assert f"is at work in {tmp_path}. Waiting" in capsys.readouterr().err
    for path in tmp_path.iterdir():
        with h5py.File(path) as file:
            assert file["data"][:].all(), "no cell is blank"


def test_runs_at_once_that_cannot_wait_for_one_another_write_whole_files(tmp_path, monkeypatch):
    monkeypatch.setattr(release, "draw_batch", drawn_at_once)
    monkeypatch.setattr("fcntl.flock", unlocked)
    assert at_once(lambda: simulate(tmp_path, scale=SCALE, progress=False), 3) == [tmp_path] * 3
    assert len(list(tmp_path.iterdir())) == 5
    for path in tmp_path.iterdir():
        with h5py.File(path) as file:
            assert file["data"][:].all() and file.attrs["complete"]


def unlocked(*_):
    raise OSError(errno.ENOLCK, "No locks available")


def blank(file):
    file["data"][3:] = 0
    del file.attrs["complete"]


@pytest.mark.parametrize("damage", [blank, lambda file: file.attrs.modify("complete", False)])
def test_a_file_that_was_not_written_to_its_end_is_not_taken_for_finished(tmp_path, monkeypatch, damage):
    monkeypatch.setattr(release, "draw_batch", drawn_at_once)
    simulate(tmp_path, scale=SCALE, progress=False)
    with h5py.File(tmp_path / "COOSsim_test3.hdf5", "r+") as file:
        damage(file)
    simulate(tmp_path, scale=SCALE, progress=False)
    with h5py.File(tmp_path / "COOSsim_test3.hdf5") as file:
        assert file["data"][:].all() and file.attrs["complete"]


@pytest.mark.parametrize("size", [0, 1000, 30_000, 100_000, 3_000_000])
def test_a_file_that_may_not_grow_is_named_and_none_is_left(tmp_path, monkeypatch, size):
    monkeypatch.setattr(release, "draw_batch", drawn_at_once)
    for _ in range(2):
        with files_up_to(size), pytest.raises(OSError) as error:
            simulate(tmp_path, scale=SCALE, progress=False)
        assert error.value.errno == errno.EFBIG and error.value.filename.endswith("COOSsim_training.hdf5")
    assert not list(tmp_path.iterdir())


def test_a_file_that_may_not_grow_never_ends_in_a_crash(tmp_path, monkeypatch):
    """Wherever in the file HDF5 is stopped: in its header, its pixels, or what it writes when it is closed."""
    monkeypatch.setattr(release, "draw_batch", drawn_at_once)
    path, wells, mark = (
        tmp_path / "COOSsim_test4.hdf5",
        layout(SCALE)["test4"][:2],
        {"scale": 1, "seed": 0, "shift": "{}"},
    )

    def write():
        release.write_split(path, wells, 0, conditions(), mark, jobs=1)

    write()
    size = path.stat().st_size
    path.unlink()
    for limit in [*range(0, size, size // 40), *range(size - 2000, size, 200)]:
        with files_up_to(limit), pytest.raises(OSError, match="File too large"):
            write()
    assert not list(tmp_path.iterdir())


def test_a_stopped_run_goes_on_and_leaves_no_half_file(tmp_path, monkeypatch):
    (tmp_path / ".COOSsim_test2.hdf5.part").write_bytes(b"half")
    (tmp_path / "COOSsim_test3.hdf5").write_bytes(b"cut off")
    drawn, write_split = [], release.write_split

    def note(path, *args, **kwargs):
        drawn.append(path.name)
        write_split(path, *args, **kwargs)

    def nothing(*task):
        return tuple(np.zeros_like(array) for array in drawn_at_once(*task))

    def stop(seed, under, well, first, cells):
        if SPLITS[well.split] == "test2":
            raise KeyboardInterrupt
        return nothing(seed, under, well, first, cells)

    monkeypatch.setattr(release, "write_split", note)
    monkeypatch.setattr(release, "draw_batch", stop)
    with pytest.raises(KeyboardInterrupt):
        simulate(tmp_path, scale=0.005, seed=1, progress=False)
    kept = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert set(kept) == {"COOSsim_training.hdf5", "COOSsim_test1.hdf5", "COOSsim_test3.hdf5"}
    monkeypatch.setattr(release, "draw_batch", nothing)
    drawn.clear()
    simulate(tmp_path, scale=0.005, seed=1, progress=False)
    assert drawn == ["COOSsim_test2.hdf5", "COOSsim_test3.hdf5", "COOSsim_test4.hdf5"]
    now = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert now["COOSsim_training.hdf5"] == kept["COOSsim_training.hdf5"]
    assert set(now) == {f"COOSsim_{split}.hdf5" for split in SPLITS}


def test_another_scale_seed_or_simulator_is_written_anew(tmp_path):
    path = tmp_path / "COOSsim_test4.hdf5"
    mark = {"scale": 0.01, "seed": 0, "simulator": release.source_digest(), **release.USUAL}
    release.write_split(path, layout(0.01)["test4"][:1], 0, conditions(), mark, jobs=1)
    assert release._finished(path, mark)
    others = {"scale": 0.02, "seed": 1, "shift": '{"mesh": 0.0}', "days": 0.0, "label_noise": 0.1, "contamination": 0.1}
    for key, value in (others | {"simulator": "another"}).items():
        assert not release._finished(path, mark | {key: value})


def grammar(node):
    """Write code as what it says, which no version of Python writes in another way."""
    if isinstance(node, list):
        return [grammar(part) for part in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    parts = {name: grammar(value) for name, value in ast.iter_fields(node) if value not in (None, [])}
    return [type(node).__name__, sorted(parts.items())]


def test_other_code_is_another_version():
    """If this fails: do the cells change? Then raise `release.VERSION`. If not, write the new digest beside it."""
    found = {name: text for name, text in code.code_of("simulate.release").items() if name.startswith("simulate.")}
    text = repr([(name, grammar(ast.parse(source))) for name, source in sorted(found.items())])
    assert {release.VERSION: blake2b(text.encode(), digest_size=8).hexdigest()} == {max(CODE): CODE[max(CODE)]}


def test_the_version_is_in_the_file_and_in_what_it_says_of_itself(splits):
    for read in splits.values():
        assert read["attrs"]["version"] == release.VERSION and f"version={release.VERSION}," in read["attrs"]["source"]


@pytest.mark.parametrize(
    "arguments, words",
    [
        *(({"scale": scale}, "scale") for scale in (0, -1, float("nan"), float("inf"), "0.1", None, True)),
        ({"scale": 1e-3}, f"from {minimum_scale()} to 100"),
        *(({"seed": seed}, "seed") for seed in (-1, 1.5, "0", None, True)),
        ({"scale": 0.1, "shift": {"fokus": 1}}, "shift names 'fokus'"),
    ],
)
def test_what_cannot_be_used_is_named_before_a_cell_is_drawn(tmp_path, arguments, words):
    with pytest.raises(ValueError, match=words):
        simulate(tmp_path, **arguments)
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ValueError, match="file is in the way"):
            simulate(out, scale=0.1)


@pytest.mark.parametrize("what", ["made", "written to"])
def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, monkeypatch, what):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    if what == "made":
        monkeypatch.setattr(release.Path, "mkdir", refuse)
    else:
        monkeypatch.setattr(release.os, "access", lambda *_: False)
    with pytest.raises(ValueError, match=f"closed: this folder cannot be {what}"):
        simulate(tmp_path / "closed", scale=0.1)
