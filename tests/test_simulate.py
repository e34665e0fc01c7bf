"""What must hold of the simulated release: its layout, its cells' independence of how they were made, its
silence."""

import h5py
import numpy as np
import pytest

from coos_helpers import data
from coos_helpers.simulate import camera, draw, microscope, reimage, release, sample, simulate, specimens, streams
from coos_helpers.simulate.factors import FACTORS, INDEX, NAMES, shift_sizes, well_effects
from coos_helpers.simulate.layout import CLASS_NAMES, COUNTS, SPLITS, layout, minimum_scale

SCALE, SEED = 0.01, 3


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


# --- layout: nothing is drawn
# ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 7])
def test_full_scale_has_table_2s_counts(seed):
    wells = layout(1.0, seed)
    assert {split: sum(well.cells for well in wells[split]) for split in SPLITS} == COUNTS
    assert sum(COUNTS.values()) == 132209


def test_every_class_has_7_plates_and_56_wells_and_8_wells_a_plate():
    wells = layout()
    for label in range(7):
        seats = {(w.plate, w.position) for split in SPLITS for w in wells[split] if w.label == label}
        plates = [plate for plate, _ in seats]
        assert len(seats) == 56
        assert len(set(plates)) == 7
        assert all(plates.count(plate) == 8 for plate in set(plates))
        home = {w.plate for w in wells["training"] if w.label == label}
        assert len(home) == 4
        assert home == {w.plate for w in wells["test2"] if w.label == label}
        assert len({w.plate for w in wells["test3"] if w.label == label} - home) == 2
        assert len({w.plate for w in wells["test4"] if w.label == label} - home) == 1


def test_no_well_is_in_two_groups_and_none_holds_two_classes():
    wells = layout()
    groups = [wells["training"] + wells["test1"], wells["test2"], wells["test3"], wells["test4"]]
    seats = [{(w.plate, w.position) for w in group} for group in groups]
    assert sum(map(len, seats)) == len(set.union(*seats)) == 7 * 56
    assert len({(w.plate, w.position, w.label) for group in groups for w in group}) == 7 * 56
    assert {(w.plate, w.position) for w in wells["training"]} == {(w.plate, w.position) for w in wells["test1"]}


def test_test2_stands_at_the_border_and_the_rest_inside():
    for split, group in layout().items():
        for well in group:
            row, column = well.name[0], int(well.name[1:])
            border = row in "AP" or column in (1, 24)
            assert border == well.border == (split == "test2")
            assert "A" <= row <= "P" and 1 <= column <= 24


def test_classes_differ_in_number_but_little():
    cells = np.zeros(7)
    for well in layout()["training"]:
        cells[well.label] += well.cells
    assert len(set(cells)) > 1
    assert cells.max() < 1.4 * cells.min()


def test_a_smaller_scale_keeps_wells_and_rounds_counts():
    small, full = layout(0.1), layout()
    for split in SPLITS:
        assert [w[:5] for w in small[split]] == [w[:5] for w in full[split]]
        assert sum(w.cells for w in small[split]) == round(0.1 * COUNTS[split])


def test_the_smallest_scale_leaves_no_class_without_cells():
    wells = layout(minimum_scale())
    assert min(w.cells for w in wells["training"]) >= 1
    for split in SPLITS:
        assert {w.label for w in wells[split] if w.cells} == set(range(7))


def test_displacements_act_only_where_they_are_meant_to():
    well = layout()["training"][0]
    home = well_effects(0, well, shift_sizes(None))
    for kind, changed in (
        ("border", well._replace(border=True)),
        ("later", well._replace(split=SPLITS.index("test3"))),
        ("abroad", well._replace(split=SPLITS.index("test4"))),
    ):
        moved = well_effects(0, changed, shift_sizes(None)) - home
        assert moved == pytest.approx([getattr(factor, kind) for factor in FACTORS])


def test_a_shift_of_0_leaves_nothing_but_a_training_day_and_moves_no_training_well():
    nothing, usual, twice = (shift_sizes(dict.fromkeys(NAMES, size)) for size in (0, 1, 2))
    wells = layout()
    for split in ("test2", "test3", "test4"):
        for well in wells[split][:40:5]:
            assert (well.home, well.label) in {(w.plate, w.label) for w in wells["training"]}
            at_home = well._replace(split=SPLITS.index("training"), border=False)
            assert well_effects(0, well, nothing) == pytest.approx(well_effects(0, at_home, nothing))
            steps = [well_effects(0, well, sizes) for sizes in (nothing, usual, twice)]
            assert steps[2] - steps[1] == pytest.approx(steps[1] - steps[0])
    well = wells["training"][3]
    assert well_effects(0, well, nothing) == pytest.approx(well_effects(0, well, twice))


def test_a_shift_in_one_factor_leaves_the_others():
    well = layout()["test4"][0]
    moved = well_effects(0, well, shift_sizes({"focus": 3})) - well_effects(0, well, shift_sizes(None))
    assert [name for name in NAMES if moved[INDEX[name]] != 0] == ["focus"]


# --- the files
# ---------------------------------------------------------------------------------------------------


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
            f"simulated cells (coos_helpers.simulate, scale={SCALE}, seed={SEED})"
        )
        assert all(len(column) == n and np.isfinite(column).all() for column in read["truth"].values())
        assert set(INDEX) < set(read["truth"])


def test_the_ordinary_loader_opens_it(folder):
    opened = data.open_release(folder)
    assert set(opened) == {"train", "test1", "test2", "test3", "test4"}
    assert tuple(opened["train"].class_names) == CLASS_NAMES


def test_counts_are_those_of_a_camera(splits):
    for split in SPLITS:
        images = splits[split]["data"]
        darkest = np.percentile(images, 0.1)
        offset = splits[split]["truth"]["offset"].mean()
        assert 0.5 * offset < darkest < 1.5 * offset
        assert np.mean(images == 65535) < 1e-4
        assert images.std(axis=(2, 3)).min() > 3  # nothing without noise
        assert 150 < images[:, 0].mean() < 2000


def test_no_two_cells_are_alike(splits):
    seen = set()
    for split in SPLITS:
        seen |= {image.tobytes() for image in splits[split]["data"]}
    assert len(seen) == sum(len(splits[split]["data"]) for split in SPLITS)


def test_expression_spans_a_decade_within_a_class(splits):
    for label in range(7):
        values = splits["training"]["truth"]["expression"][splits["training"]["labels"] == label]
        low, high = np.percentile(values, [2.5, 97.5])
        assert high > 7 * low


# --- the same cells, however they are made
# -----------------------------------------------------------------------


def test_a_cell_is_the_same_at_any_batch_size_thread_count_and_scale(folder, splits, tmp_path):
    wells = [w._replace(cells=w.cells + 2) for w in layout(SCALE, SEED)["test2"][:6]]
    mark = {"scale": SCALE, "seed": SEED, "shift": "{}"}
    for name, jobs, batch in (("a.hdf5", 1, 2), ("b.hdf5", 2, 64)):
        release.write_split(tmp_path / name, wells, SEED, shift_sizes(None), mark, jobs=jobs, batch=batch)
    with h5py.File(tmp_path / "a.hdf5") as a, h5py.File(tmp_path / "b.hdf5") as b:
        assert np.array_equal(a["data"][:], b["data"][:])
        for well in wells:
            there = a["well"][:] == well.name.encode()
            there &= a["plate"][:] == well.plate_name.encode()
            here = splits["test2"]["well"] == well.name.encode()
            here &= splits["test2"]["plate"] == well.plate_name.encode()
            assert np.array_equal(a["data"][:][there][:-2], splits["test2"]["data"][here])


def test_another_seed_gives_other_cells_and_the_same_seed_the_same():
    well = layout(SCALE, 0)["test4"][0]
    first, again, other = (release.draw_batch(seed, shift_sizes(None), well, 0, 2)[0] for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_finished_release_is_left_alone(folder, monkeypatch):
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    monkeypatch.setattr(release, "write_split", lambda *_, **__: pytest.fail("drawn again"))
    simulate(folder, scale=SCALE, seed=SEED, progress=False)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_a_stopped_run_goes_on_and_leaves_no_half_file(tmp_path, monkeypatch):
    (tmp_path / ".COOSsim_test2.hdf5.part").write_bytes(b"half")
    (tmp_path / "COOSsim_test3.hdf5").write_bytes(b"cut off")
    drawn, write_split, draw_batch = [], release.write_split, release.draw_batch

    def note(path, *args, **kwargs):
        drawn.append(path.name)
        write_split(path, *args, **kwargs)

    def stop(seed, sizes, well, first, cells):
        if SPLITS[well.split] == "test2":
            raise KeyboardInterrupt
        return draw_batch(seed, sizes, well, first, cells)

    monkeypatch.setattr(release, "write_split", note)
    monkeypatch.setattr(release, "draw_batch", stop)
    with pytest.raises(KeyboardInterrupt):
        simulate(tmp_path, scale=0.005, seed=1, progress=False)
    kept = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert set(kept) == {"COOSsim_training.hdf5", "COOSsim_test1.hdf5", "COOSsim_test3.hdf5"}
    monkeypatch.setattr(release, "draw_batch", draw_batch)
    drawn.clear()
    simulate(tmp_path, scale=0.005, seed=1, progress=False)
    assert drawn == ["COOSsim_test2.hdf5", "COOSsim_test3.hdf5", "COOSsim_test4.hdf5"]
    now = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert now["COOSsim_training.hdf5"] == kept["COOSsim_training.hdf5"]
    assert set(now) == {f"COOSsim_{split}.hdf5" for split in SPLITS}


def test_another_scale_seed_or_simulator_is_written_anew(tmp_path):
    path = tmp_path / "COOSsim_test4.hdf5"
    mark = {"scale": 0.01, "seed": 0, "shift": "{}", "simulator": release.source_digest()}
    release.write_split(path, layout(0.01)["test4"][:1], 0, shift_sizes(None), mark, jobs=1)
    assert release._finished(path, mark)
    for key, value in (("scale", 0.02), ("seed", 1), ("shift", '{"mesh": 0.0}'), ("simulator", "another")):
        assert not release._finished(path, mark | {key: value})


# --- what a scene is made of
# ---------------------------------------------------------------------------------------------------


def test_cells_and_nuclei_are_drawn_without_knowing_the_class():
    well = layout(SCALE, 0)["training"][0]
    truths = [release.draw_batch(0, shift_sizes(None), well._replace(label=label), 0, 1)[1] for label in range(7)]
    assert all(np.array_equal(truths[0], truth) for truth in truths[1:])
    pictures = [release.draw_batch(0, shift_sizes(None), well._replace(label=k), 0, 1)[0][0, 1] for k in range(7)]
    assert all(np.array_equal(pictures[0], nucleus) for nucleus in pictures[1:])


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


# --- a few cells in memory
# ---------------------------------------------------------------------------------------------------


def test_drawn_cells_are_those_of_the_files(splits):
    for split, name in (("train", "training"), ("test4", "test4")):
        drawn, file = draw(split, 120, SEED), splits[name]
        assert drawn.images.shape == (120, 2, 64, 64) and drawn.images.dtype == np.uint16
        assert drawn.labels.dtype == np.int64 and drawn.plate.dtype.kind == drawn.well.dtype.kind == "U"
        there = {image.tobytes(): i for i, image in enumerate(file["data"])}
        rows = [there[image.tobytes()] for image in drawn.images]
        assert np.array_equal(drawn.labels, file["labels"][rows])
        assert np.array_equal(drawn.plate.astype("S"), file["plate"][rows])
        assert np.array_equal(drawn.well.astype("S"), file["well"][rows])
        assert set(drawn.truth) == set(file["truth"])
        for key, column in drawn.truth.items():
            assert column.dtype == np.float64 and column.shape == (120,)
            assert np.array_equal(column.astype(np.float32), file["truth"][key][rows])


@pytest.mark.parametrize("cells", [1, 7, 60, 112, 250])
def test_drawn_cells_are_spread_evenly(cells, monkeypatch):
    nothing = np.empty((cells, 2, 64, 64), np.uint16), np.empty((cells, 32))
    monkeypatch.setattr(sample, "draw_batch", lambda *task: tuple(array[: task[-1]] for array in nothing))
    drawn = draw("test3", cells)
    per_class = np.bincount(drawn.labels, minlength=7)
    assert per_class.sum() == cells and np.ptp(per_class) <= 1
    for label in range(7):
        mine = drawn.well_ids[drawn.labels == label]
        assert len(set(mine)) == min(len(mine), 16)
        assert len(mine) < 2 or np.ptp(np.unique([w.split("/")[0] for w in mine], return_counts=True)[1]) <= 1
        assert len(mine) < 2 or len({w.split("/")[0] for w in mine}) == 2


def test_a_number_for_shift_means_every_factor():
    assert np.array_equal(shift_sizes(0), shift_sizes(dict.fromkeys(NAMES, 0)))
    assert np.array_equal(shift_sizes(1.0), shift_sizes(None))


def test_a_shift_of_one_factor_moves_that_factor_and_no_random_number():
    usual, moved = draw("test4", 14), draw("test4", 14, shift={"psf": 3})
    assert [k for k in usual.truth if not np.array_equal(usual.truth[k], moved.truth[k])] == ["psf"]
    assert not np.array_equal(usual.images, moved.images)
    # The same cells in the same noise: pixel by pixel the pairs agree far better than strangers do.
    a, b = (d.images[:, 1].reshape(14, -1).astype(float) for d in (usual, moved))
    assert np.median([np.corrcoef(x, y)[0, 1] for x, y in zip(a, b, strict=True)]) > 0.95


@pytest.mark.parametrize("factor", ["organelle_number", "diffuse", "crowding", "mesh", "chromatin", "expression"])
def test_a_biological_shift_redraws_only_what_it_is_about(factor):
    """Nuclei and neighbours stay; what is added, as further organelles or neighbours, scrambles nothing else."""
    usual, moved = draw("test3", 14), draw("test3", 14, shift={factor: 0.5})
    a, b = (d.images[:, 0].reshape(14, -1).astype(float) for d in (usual, moved))
    assert np.median([np.corrcoef(x, y)[0, 1] for x, y in zip(a, b, strict=True)]) > 0.7
    if factor not in ("crowding", "chromatin"):
        assert np.abs(usual.images[:, 1] - moved.images[:, 1].astype(float)).max() < 60  # cross-talk goes one way


def test_a_reimaged_specimen_is_the_cell_in_the_file():
    cells, drawn = specimens("test2", 7, SEED), draw("test2", 7, SEED)
    assert all(np.array_equal(reimage(cell), image) for cell, image in zip(cells, drawn.images, strict=True))
    assert [cell.label for cell in cells] == drawn.labels.tolist()
    assert [cell.values["focus"] for cell in cells] == drawn.truth["focus"].tolist()


def test_reimaging_changes_the_picture_and_not_the_scene():
    cell = specimens("train", 1)[0]
    before = cell.scene.protein.copy()
    near, far = reimage(cell), reimage(cell, {"focus": 2.0, "exposure": 0.5})
    assert np.array_equal(cell.scene.protein, before)
    assert far.std() < near.std()
    assert np.array_equal(reimage(cell), near)


def test_gain_and_offset_of_a_camera_change_counts_and_no_electron():
    cell = specimens("train", 1)[0]
    one = {"gain": 1.0, "offset": 0.0, "read_noise": 0.0}
    electrons, brighter = reimage(cell, one), reimage(cell, one | {"gain": 3.0, "offset": 100.0})
    assert np.array_equal(brighter, 3 * electrons + 100)


def test_more_light_is_never_fewer_electrons():
    cell = specimens("train", 1)[0]
    quiet = {"read_noise": 0.0}
    assert (reimage(cell, quiet | {"exposure": 2.0}) >= reimage(cell, quiet | {"exposure": 1.0})).all()


def test_a_microscope_has_the_technical_factors_and_its_splits_displacement():
    home, abroad = microscope("train"), microscope("test4")
    assert set(home) == {f.name for f in FACTORS if f.kind == "technical"}
    for factor in FACTORS:
        if factor.kind == "technical":
            centre = factor.centre
            moved = centre * np.exp(factor.abroad) if factor.scale == "log" else centre + factor.abroad
            assert home[factor.name] == centre and abroad[factor.name] == pytest.approx(moved)
    assert microscope("test4", shift=0) == home


@pytest.mark.parametrize(
    "call, found",
    [
        (lambda: draw("test9", 7), "split 'test9'"),
        (lambda: draw("train", 0), "0 cells"),
        (lambda: draw("train", 7.5), "7.5 cells"),
        (lambda: draw("test1", 20000), "20000 cells"),
        (lambda: draw("train", 7, seed=-1), "seed is -1"),
        (lambda: reimage(None, {"mesh": 2.0}), "'mesh' in microscope"),
    ],
)
def test_what_cannot_be_drawn_is_named(call, found):
    with pytest.raises(ValueError, match=found):
        call()


# --- the streams of random numbers
# ---------------------------------------------------------------------------------------------------


def test_streams_are_uniform_normal_and_independent():
    rng = streams.stream(1, 2)
    numbers = np.array([streams.uniform(rng) for _ in range(20000)])
    assert 0 <= numbers.min() and numbers.max() < 1
    assert np.abs(np.histogram(numbers, 20, (0, 1))[0] / 1000 - 1).max() < 0.15
    pairs = np.array([streams.normals(streams.child(rng, i)) for i in range(20000)])
    assert np.abs(pairs.mean(0)).max() < 0.03 and np.abs(pairs.std(0) - 1).max() < 0.03
    assert abs(np.corrcoef(pairs.T)[0, 1]) < 0.03
    assert abs(np.corrcoef(pairs[:-1, 0], pairs[1:, 0])[0, 1]) < 0.03


def test_a_child_does_not_depend_on_what_its_parent_drew():
    parent = streams.stream(5)
    first = streams.uniform(streams.child(parent, 3))
    streams.uniform(parent)
    assert streams.uniform(streams.child(parent, 3)) == first
    assert streams.uniform(streams.child(parent, 4)) != first


@pytest.mark.parametrize("mean", [0.5, 4.0, 30.0, 59.0, 300.0])
def test_electrons_have_the_poisson_laws_mean_and_variance(mean):
    z = np.random.default_rng(0).standard_normal(20000)
    electrons = np.array([camera.electrons_of(mean, x) for x in z])
    assert electrons.mean() == pytest.approx(mean, rel=0.03)
    assert electrons.var() == pytest.approx(mean, rel=0.06)


# --- arguments
# ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [0, -1, 0.001, float("nan"), float("inf"), "0.1", None, True])
def test_a_scale_that_cannot_be_used_is_named(tmp_path, scale):
    with pytest.raises(ValueError, match="scale"):
        simulate(tmp_path, scale=scale)
    assert not list(tmp_path.iterdir())


def test_the_smallest_scale_is_stated(tmp_path):
    with pytest.raises(ValueError, match=f"at least {minimum_scale():.5f}"):
        simulate(tmp_path, scale=1e-3)


@pytest.mark.parametrize("seed", [-1, 1.5, "0", None, True])
def test_a_seed_that_cannot_be_used_is_named(tmp_path, seed):
    with pytest.raises(ValueError, match="seed"):
        simulate(tmp_path, seed=seed)


@pytest.mark.parametrize("shift", [{"fokus": 1}, {"focus": "2"}, {"focus": float("nan")}, {"focus": None}, "focus"])
def test_a_shift_that_cannot_be_used_is_named(tmp_path, shift):
    with pytest.raises(ValueError, match=r"shift (names|of) "):
        simulate(tmp_path, scale=0.1, shift=shift)
    assert not list(tmp_path.iterdir())


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ValueError, match="file is in the way"):
            simulate(out, scale=0.1)


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(release.os, "access", lambda *_: False)
    with pytest.raises(ValueError, match="cannot be written to"):
        simulate(tmp_path / "closed", scale=0.1)
