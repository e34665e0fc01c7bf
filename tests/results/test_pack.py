"""What must hold of a pack: it gives what the run gave, and a damaged one is refused in one message."""

import dataclasses
import json
import re
from datetime import datetime
from types import SimpleNamespace

import made_results
import numpy as np
import pytest
from conftest import write_release
from made_results import said

from coos_helpers import metrics, results, runs, shift
from coos_helpers.data import DataError
from coos_helpers.published import CLASS_NAMES
from coos_helpers.results import pack, predictions, stored
from coos_helpers.results.select import cells_to_picture, headline_rows

SPLITS = {"train": 120, "test1": 60, "test3": 90, "test4": 75}
ROWS = (("deeploc", "end-to-end"), ("texture", "l1-lr"), (results.Representation("vgg16", "conv4_2"), "l1-lr"))
WHOLE = re.compile(r"^(?P<path>.+?): found (?P<found>.+); expected (?P<expected>.+)\. (?P<remedy>[A-Z].+\.)$")
ABOUT = {"data": "simulated", "source": "made up", "profile": "smoke", "seed": 3, "made": "2024-01-01", "machine": "m"}
CLOSE = 0.00025  # how near a score comes back


def cells_of(n, name, kinds=7, known=("plate", "well")):
    """Make up labels, plates and wells of n cells; the names are longer than ASCII needs."""
    labels = np.random.default_rng(n).permutation(np.arange(n) % kinds)
    plate = np.array([f"{name}-Plätte {i % 3}" for i in range(n)])
    well = np.char.add(plate, [f"/{'ABC'[k % 3]}{i % 4 + 1:02}" for i, k in enumerate(labels)])
    return {"labels": labels, "plate": plate if "plate" in known else None, "well": well if "well" in known else None}


def row(cells, representation, classifier, seed=0, sharp=1.0, setting=None, rungs=()):
    """Make up what a classifier says of some cells; of a ladder's setting without scores, and of each rung too."""
    of, made = predictions.representation_of(representation), {}
    facts = dict(zip(("source", "profile", "seed"), ("made up", "smoke", 3), strict=True))
    facts |= {"representation": of.name, "family": of.family, "layer": of.layer, "variant": of.variant}
    facts |= {"classifier": classifier, "class_names": CLASS_NAMES, "setting": setting}
    for split, rung in [*(("train", rung) for rung in rungs), *((split, "") for split in cells)]:
        scores = said(cells[split]["labels"], seed + len(made), sharp=sharp)
        arrays = cells[split] | {"predicted": scores.argmax(1), "scores": scores if setting is None else None}
        made[stored.column_of(split, rung)] = results.Predictions(split=split, rung=rung, **facts, **arrays)
    return made


def image(split, cell):
    return np.random.default_rng([len(split), cell]).random((64, 64), np.float32)


def made_up(rows=ROWS, kinds=7, known=("plate", "well"), sharp=1.0, splits=SPLITS):
    """Make results of some rows, with a ladder and points."""
    cells = {name: cells_of(n, name, kinds if name == "test3" else 7, known) for name, n in splits.items()}
    table = [row(cells, *names, seed, sharp) for seed, names in enumerate(rows)]
    ladder = [row(cells, "texture", "knn", k, setting=k, rungs=("cell", "well")) for k in (1, 3)]
    points = {
        name: np.random.default_rng(n).normal(size=(n, 5)).astype("f2").astype("f4") for name, n in splits.items()
    }
    samples = {n: shift.Sample(points[n], of["labels"], of["well"], of["plate"]) for n, of in cells.items()}

    def images(split, indices):
        return [image(split, cell) for cell in indices]

    return results.Results(
        ABOUT, "Data: made up.", CLASS_NAMES, table, results.by_method(table), [ladder], {"texture": samples}, images
    )


def alone(by_split):
    """Make results of one row, without a ladder and points."""
    return with_rows(dataclasses.replace(made_up(), ladders=[], samples={}), [by_split])


def with_rows(found, table):
    return dataclasses.replace(found, table=table, draws=results.by_method(table))


def altered(by_split, **changes):
    """Change fields of each of a row's predictions, by functions of these."""
    changed = ((name, p, {of: change(p) for of, change in changes.items()}) for name, p in by_split.items())
    return {name: dataclasses.replace(p, **parts) for name, p, parts in changed}


def some_of(by_split):
    """Keep the first 30 cells of each split, as an ablation may."""
    return altered(by_split, **{of: lambda p, of=of: getattr(p, of)[:30] for of in predictions.ARRAYS})


def without_pictures(found):
    return dataclasses.replace(found, images=lambda split, cells: [None] * len(cells))


def again(found, tmp_path):
    """Write results to a pack and read it."""
    pack.write(found, tmp_path / "run.coos")
    return pack.read(tmp_path / "run.coos")


@pytest.fixture(scope="module")
def found():
    return made_up()


@pytest.fixture(scope="module")
def whole(tmp_path_factory, found):
    """Hold the bytes of a pack."""
    path = tmp_path_factory.mktemp("whole") / "run.coos"
    pack.write(found, path)
    return path.read_bytes()


@pytest.fixture
def path(tmp_path, whole):
    """Name a pack that a test may damage."""
    (tmp_path / "run.coos").write_bytes(whole)
    return tmp_path / "run.coos"


def pairs(one, other):
    """Pair the predictions of two results: rows, then rungs."""
    rows = ([row for table in (of.table, *of.ladders, of.asides) for row in table] for of in (one, other))
    for first, second in zip(*rows, strict=True):
        assert list(first) == list(second)
        yield from zip(first.values(), second.values(), strict=True)


def assert_same(one, other, atol=0.0):
    """Compare all that results hold; scores to a tolerance."""
    assert (one.about, one.class_names) == (other.about, other.class_names)
    for p, q in pairs(one, other):
        made_results.assert_same(p, q, atol)
    assert {name: list(of) for name, of in one.samples.items()} == {n: list(of) for n, of in other.samples.items()}
    for name, split in ((name, split) for name, samples in one.samples.items() for split in samples):
        for a, b in zip(*(vars(of.samples[name][split]).values() for of in (one, other)), strict=True):
            np.testing.assert_array_equal(a, b)
    for split, cells in cells_to_picture(one).items():
        for a, b in zip(one.images(split, cells), other.images(split, cells), strict=True):
            assert a is b is None or np.abs(a - b).max() < 0.5 / 255 + 1e-6


# What a pack holds


def unscored(row):
    return altered(row, scores=lambda p: None)


GIVEN = {
    "all": lambda found: found,
    "no ladders": lambda found: dataclasses.replace(found, ladders=[]),
    "rows aside": lambda found: dataclasses.replace(found, asides=[unscored(some_of(row)) for row in found.table[:2]]),
    "no points": lambda found: dataclasses.replace(found, samples={}),
    "one row": lambda found: with_rows(found, found.table[:1]),
    "no test sets": lambda found: made_up(splits={"train": 120}),
    "no pictures": without_pictures,
    "a class absent": lambda found: made_up(kinds=5),
    "no places": lambda found: made_up(known=()),
    "plates alone": lambda found: made_up(known=("plate",)),
    "a row without scores": lambda found: alone(unscored(found.table[0])),
}


@pytest.mark.parametrize("content", GIVEN.values(), ids=GIVEN.keys())
def test_a_pack_gives_what_was_put_into_it_and_can_be_packed_again(tmp_path, found, content):
    given = content(found)
    read = again(given, tmp_path)
    assert_same(given, read, atol=CLOSE)
    assert_same(read, again(read, tmp_path))


@pytest.mark.parametrize("place, shown", [(0, True), (3, False)])
def test_of_further_trainings_the_headline_rows_keep_their_scores_and_all_their_classes(tmp_path, place, shown):
    found = made_up(rows=[*ROWS, ("texture", "knn")])
    assert any(row is found.table[place] for row in headline_rows(found)) == shown
    second = {name: dataclasses.replace(p, draw=1) for name, p in found.table[place].items()}
    draws = [[*trainings, second] if n == place else trainings for n, trainings in enumerate(found.draws)]
    read = again(dataclasses.replace(found, draws=draws, asides=found.table[1:2]), tmp_path)
    for p, q in zip(second.values(), read.draws[place][1].values(), strict=True):
        np.testing.assert_array_equal(q.predicted, p.predicted)
        assert (q.scores is not None) == shown and (not shown or np.abs(p.scores - q.scores).max() <= 0.005 + CLOSE)
    assert all(p.scores is None for p in read.asides[0].values())
    assert all(p.scores is not None for row in read.table for p in row.values())


def test_scores_come_back_in_half_precision(tmp_path, found):
    values = np.concatenate([np.linspace(0, 1, 2002), np.geomspace(1e-7, 1e-3, 500)])
    grid = np.tile(values.astype(np.float32)[:, None], (1, 7))
    zeros = np.zeros(len(grid), np.int64)
    p = dataclasses.replace(found.table[0]["train"], labels=zeros, predicted=zeros, scores=grid, plate=None, well=None)
    off = np.abs(again(alone({"train": p}), tmp_path).table[0]["train"].scores.astype(float) - grid)
    assert off.max() < CLOSE and (off <= np.maximum(grid / 2048, 3e-8) * 1.001).all()
    assert (off[(grid == 0) | (grid == 1)] == 0).all()


def test_a_pack_holds_every_picture_that_its_matrices_need_and_no_other(path):
    read = pack.read(path)
    wanted = cells_to_picture(read)
    assert sum(map(len, wanted.values())) > 10
    for split, cells in wanted.items():
        for cell, picture in zip(cells, read.images(split, cells), strict=True):
            np.testing.assert_allclose(picture, image(split, cell), atol=0.5 / 255 + 1e-6)
            assert picture.dtype == np.float32
    other = min(set(range(SPLITS["test1"])) - set(wanted["test1"].tolist()))
    assert read.images("test1", [other, 10**6]) == [None, None] and read.images("train", [0]) == [None]


def test_a_pack_of_a_model_that_is_always_sure_holds_them_too(tmp_path):
    """Where many wrong answers are given with a probability of nearly 1, half precision cannot tell them apart."""
    rng = np.random.default_rng(0)

    def sure(p):
        scores = np.full((500, 7), 1e-7, np.float32)
        scores[np.arange(500), np.where(rng.random(500) < 0.3, (p.labels + 1) % 7, p.labels)] = (
            1 - rng.random(500) * 1e-5
        )
        return scores

    by_split = altered(row({name: cells_of(500, name) for name in ("train", "test1")}, *ROWS[0]), scores=sure)
    given = alone(altered(by_split, predicted=lambda p: p.scores.argmax(1)))
    read = again(given, tmp_path)
    for split, wanted in cells_to_picture(read).items():
        assert wanted.tolist() == cells_to_picture(given)[split].tolist()
        assert all(picture is not None for picture in read.images(split, wanted))


def test_a_runs_own_files_give_the_same_as_its_pack_which_needs_no_run(tmp_path, monkeypatch):
    run, release = runs.start(write_release(tmp_path / "release", n=42, attrs={"source": "made up"}), "smoke")
    features = made_results.features_of(release)
    table = [results.evaluate_classifier(run, release, features, "texture", name) for name in ("knn", "l1-lr")]
    results.enter(run, release, "02-texture", table=table, features={"texture": features})
    found = results.read_results(run.data, "smoke")
    size = pack.write(found, tmp_path / "run.coos")
    assert size == (tmp_path / "run.coos").stat().st_size
    monkeypatch.setattr(runs, "start", lambda *_: pytest.fail("looked at the run"))
    assert_same(found, results.read_results("simulated", "quick", str(tmp_path / "run.coos")), atol=CLOSE)


def vote(p):
    """Turn scores into shares of 11 neighbours: few values, many cells at each, the hardest for a calibration error."""
    chances = p.scores.astype(float) / p.scores.astype(float).sum(1, keepdims=True)
    return (np.random.default_rng(0).multinomial(11, chances) / 11).astype(np.float32)


def test_the_calibration_error_is_that_of_the_run_to_half_a_percent(tmp_path):
    by_split = row({"train": cells_of(2000, "train"), "test1": cells_of(3000, "test1")}, "texture", "knn", sharp=0.3)
    found = alone(altered(altered(by_split, scores=vote), predicted=lambda p: p.scores.argmax(1)))
    for p, q in pairs(found, again(found, tmp_path)):
        one, other = (metrics.expected_calibration_error(o.labels, o.predicted, o.scores) for o in (p, q))
        assert other == pytest.approx(one, abs=0.005)
        levels = [metrics.selective_accuracy(o.labels, o.predicted, o.scores, (0.5, 0.8, 1)) for o in (p, q)]
        np.testing.assert_allclose(*levels, atol=0.01)


# Writing


def test_the_same_results_give_the_same_bytes_on_the_same_day_which_the_caption_names(tmp_path, monkeypatch):
    for name, day in (("one", "2031-05-06"), ("two", "2031-05-06T12:34:56"), ("three", "2031-05-07")):
        clock = SimpleNamespace(now=lambda zone, day=day: datetime.fromisoformat(day))
        monkeypatch.setattr(pack, "datetime", clock)
        pack.write(made_up(), tmp_path / name)
    one, two, three = ((tmp_path / name).read_bytes() for name in ("one", "two", "three"))
    assert one == two != three
    assert pack.read(tmp_path / "one").caption == "Data: made up. From a pack of 2031-05-06."


def test_a_write_that_fails_leaves_the_old_pack_whole_and_nothing_else(path, whole, found, monkeypatch):
    def fail(file, **arrays):
        file.write(b"some of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", fail)
    with pytest.raises(OSError, match="No space left"):
        pack.write(found, path)
    assert path.read_bytes() == whole and [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_pack_of_all_of_coos_7_stays_under_40_mb(tmp_path):
    """25 rows of a twentieth of the release's cells, none of them sure of anything, which is the worst case."""
    splits = {"train": 2073, "test1": 518, "test2": 851, "test3": 1630, "test4": 1539}
    kinds = ["end-to-end"] + ["knn", "l1-lr", "rf"] * 8
    found = made_up([("texture", kind) for kind in kinds], splits=splits, sharp=0.2)
    table = [altered(of, scores=vote) if kind == "knn" else of for of, kind in zip(found.table, kinds, strict=True)]
    found = without_pictures(with_rows(dataclasses.replace(found, samples={}), table))
    assert 20 * pack.write(found, tmp_path / "run.coos") < 36e6, "which leaves 4 MB for pictures and points"


# Damage


def refusal(path):
    """Give the parts of the message with which a pack is refused."""
    with pytest.raises(DataError) as caught:
        pack.read(path)
    parts = WHOLE.match(str(caught.value))
    assert parts, str(caught.value)
    assert parts["path"] == str(path) and "\n" not in str(caught.value)
    return parts


def test_a_pack_that_was_cut_short_is_refused_wherever_it_was_cut(path, whole):
    for length in {*range(0, len(whole), len(whole) // 100), *range(40), *range(len(whole) - 40, len(whole))}:
        path.write_bytes(whole[:length])
        refusal(path)


def damaged(whole, seed):
    """Overwrite a stretch with zeros or noise, or cut one out, or flip a bit, often of what is under no checksum."""
    content, rng = bytearray(whole), np.random.default_rng(seed)
    contents = whole.rindex(b"PK\1\2") - 2000  # where a zip file says what its members are
    at = rng.integers(*[(0, 60), (0, len(whole)), (contents, len(whole))][seed % 3])
    stretch = slice(at, at + int(rng.integers(1, 60)))
    if seed % 2:
        content[at] ^= 1 << rng.integers(8)
    else:
        content[stretch] = [bytes(len(content[stretch])), rng.bytes(len(content[stretch])), b""][rng.integers(3)]
    return bytes(content)


def test_random_damage_is_refused_or_harmless(path, whole):
    sound, refused = pack.read(path), 0
    for seed in range(240):
        path.write_bytes(damaged(whole, seed))
        try:
            read = pack.read(path)
        except DataError as error:
            refused += 1
            assert WHOLE.match(str(error)), str(error)
        else:
            assert_same(sound, read)
            assert read.caption == sound.caption
    assert refused > 60


FOREIGN = {
    "empty": lambda path: path.write_bytes(b""),
    "an npz": lambda path: np.savez(path.open("wb"), meta="{}", x=np.zeros(3)),
    "an npy": lambda path: np.save(path.open("wb"), np.zeros(3)),
    "a folder": lambda path: path.mkdir(),
    "nothing": lambda path: None,
    "a link to nowhere": lambda path: path.symlink_to("nowhere"),
}


@pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN.keys())
def test_what_is_no_pack_is_refused_in_one_message(tmp_path, make):
    path = tmp_path / "run.coos"
    make(path)
    parts = refusal(path)
    assert parts["expected"] == f"a file that `coos pack` wrote ({pack.FORMAT})"
    assert path.exists() or (parts["found"], parts["remedy"]) == ("nothing there", "Check the path.")


def test_a_path_that_cannot_be_is_refused(tmp_path):
    for name in ("x" * 300, "nul\0", "no/where"):
        refusal(tmp_path / name)


# Contents that do not fit


def rewritten(path, meta=None, **changes):
    """Write a pack anew with another `meta` and other arrays, their checksums in order."""
    with np.load(path) as file:
        arrays = {name: changes.get(name, lambda values: values)(values) for name, values in file.items()}
    content = json.loads(str(arrays["meta"]))
    if meta:
        meta(content)
    with path.open("wb") as file:
        np.savez(file, **arrays | {"meta": json.dumps(content)})


@pytest.mark.parametrize("form", ["coos7-results 1", "other", None, 1, ["coos7-results"]])
def test_another_format_or_version_says_so(path, form):
    rewritten(path, lambda meta: meta.update(format=form))
    parts = refusal(path)
    assert parts["found"] == str(form) and pack.FORMAT in parts["expected"]
    assert "the version of this book that wrote it" in parts["remedy"]


def test_what_a_pack_says_becomes_text_of_one_line(path):
    said = "a\n\n# b\x1b[2J\udce9"
    rewritten(path, lambda meta: (meta["about"].update(source=said, machine=said), meta.update(caption=said)))
    read = pack.read(path)
    assert read.caption == read.about["source"] == read.about["machine"] == r"a # b\x1b[2J\udce9"


KEYS = ("about", "class_names", "tables", "asides", "arrays")
CONTENTS = {f"no {key}": lambda meta, key=key: meta.pop(key) for key in (*KEYS, "format", "caption")}
CONTENTS |= {f"no word on the {key}": lambda meta, key=key: meta["about"].pop(key) for key in ABOUT}
CONTENTS |= {
    f"{key} that is {value}": lambda meta, key=key, value=value: meta.update({key: value})
    for key in KEYS
    for value in (None, 7)
}
CONTENTS |= {
    "an empty caption": lambda meta: meta.update(caption=" "),
    "an endless caption": lambda meta: meta.update(caption="c" * 10_000),
    "a name that fills a figure": lambda meta: meta["class_names"].__setitem__(0, "c" * 10_000),
    "two classes of one name": lambda meta: meta["class_names"].__setitem__(0, meta["class_names"][1]),
    "no table": lambda meta: meta["tables"].clear(),
    "no rows": lambda meta: meta["tables"][0].clear(),
    "a row without splits": lambda meta: meta["tables"][0][0].clear(),
    "a row aside without splits": lambda meta: meta["asides"].append({}),
    "a row aside without cells": lambda meta: meta["asides"].append(meta["tables"][0][0]),
    "a split too many": lambda meta: meta["tables"][0][0].update(test9=meta["tables"][0][0]["test1"]),
    "a row of another split": lambda meta: meta["tables"][0][0]["test1"].update(split="test3"),
    "a fact too few": lambda meta: meta["tables"][0][0]["test1"].pop("representation"),
    "a fact too many": lambda meta: meta["tables"][0][0]["test1"].update(colour="red"),
    "a class less": lambda meta: meta["class_names"].pop(),
    "a class more": lambda meta: meta["class_names"].append("Nucleolus"),
    "an array that is not there": lambda meta: meta["arrays"].append("tables/1/0/test1/scores"),
}


@pytest.mark.parametrize("change", CONTENTS.values(), ids=CONTENTS.keys())
def test_a_list_of_contents_that_does_not_fit_is_refused(path, change):
    rewritten(path)
    pack.read(path)
    rewritten(path, change)
    refusal(path)


ARRAYS = {
    "labels of two dimensions": ("cells/test1/labels", lambda a: a[:, None]),
    "labels outside the classes": ("cells/test1/labels", lambda a: a + 7),
    "labels below 0": ("cells/test1/labels", lambda a: a.astype("i4") - 1),
    "labels that are fractions": ("cells/test1/labels", lambda a: a / 2),
    "labels that are text": ("cells/test1/labels", lambda a: a.astype(str)),
    "wells that are numbers": ("cells/test3/well", lambda a: np.arange(len(a))),
    "predictions of one cell more": ("tables/0/0/test1/predicted", lambda a: np.append(a, 0)),
    "predictions of a rung below 0": ("tables/1/1/test1/predicted", lambda a: a.astype("i2") - 1),
    "scores of a class less": ("tables/0/0/test1/scores", lambda a: a[:, 1:]),
    "scores that are whole numbers": ("tables/0/0/test1/scores", lambda a: a.astype(int)),
    "wells of points of one cell less": ("samples/texture/test1/wells", lambda a: a[1:]),
    "pictures that are fractions": ("pictures/test1/images", lambda a: a / 255),
    "pictures without cells": ("pictures/test1/cells", lambda a: a[1:]),
    "pictures of another size": ("pictures/test1/images", lambda a: a[:, 0]),
    "arrays of objects, which would run what they hold": ("cells/test1/labels", lambda a: a.astype(object)),
}


@pytest.mark.parametrize("name, change", ARRAYS.values(), ids=ARRAYS.keys())
def test_arrays_that_do_not_fit_are_refused(path, name, change):
    rewritten(path, **{name: change})
    refusal(path)
