"""What must hold of a pack: it gives what the run gave, and a damaged one is refused in one message."""

import dataclasses
import io
import json
import re
import zipfile
from datetime import datetime
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import write_release

from coos_helpers import confidence, metrics, pack, predictions, profiles, results, shift
from coos_helpers.data import CLASS_NAMES
from coos_helpers.errors import DataError

SPLITS = {"train": 120, "test1": 60, "test3": 90, "test4": 75}
ROWS = (("deeploc", "end-to-end"), ("texture", "l1-lr"), ("vgg16-conv4_2", "l1-lr"))
WHOLE = re.compile(r"^(?P<path>.+?): found (?P<found>.+); expected (?P<expected>.+)\. (?P<remedy>[A-Z].+\.)$")
ABOUT = {"data": "simulated", "source": "made up", "profile": "smoke", "seed": 3, "made": "2024-01-01", "machine": "m"}


def cells_of(n, name, kinds=7, known=("plate", "well")):
    """Make up labels, plates and wells of n cells; the names are longer than ASCII needs."""
    labels = np.random.default_rng(n).permutation(np.arange(n) % kinds)
    plate = np.array([f"{name}-Plätte {i % 3}" for i in range(n)])
    well = np.char.add(plate, [f"/{'ABC'[k % 3]}{i % 4 + 1:02}" for i, k in enumerate(labels)])
    return {"labels": labels, "plate": plate if "plate" in known else None, "well": well if "well" in known else None}


def said(cells, seed, sharp=4.0):
    """Make up probabilities, (N, K) float32, most of them very near 0 or 1 where `sharp` is large."""
    odds = sharp * (np.random.default_rng(seed).normal(size=(len(cells), 7)) + 2 * np.eye(7)[cells])
    scores = np.exp(odds - odds.max(1, keepdims=True))
    return (scores / scores.sum(1, keepdims=True)).astype(np.float32)


def row(cells, representation, classifier, seed=0, scored=True, sharp=4.0):
    made = {}
    for name, of in cells.items():
        scores = said(of["labels"], [seed, len(name)], sharp)
        about = CLASS_NAMES, ABOUT["source"], ABOUT["profile"], ABOUT["seed"]
        made[name] = predictions.Predictions(
            representation, classifier, name, of["labels"], scores.argmax(1), scores if scored else None,
            of["plate"], of["well"], *about,
        )  # fmt: skip
    return made


def sketch_of(cells, seed=0, **kind):
    rng = np.random.default_rng(seed)
    return {
        name: shift.Sample(
            rng.normal(size=(len(of["labels"]), 5)).astype(np.float16).astype(np.float32), of["labels"], of["well"]
        )
        for name, of in cells.items()
    }


def image(split, cell):
    return np.random.default_rng([len(split), cell]).random((64, 64), np.float32)


def made_up(rows=ROWS, kinds=7, known=("plate", "well"), sharp=4.0, splits=SPLITS):
    """Make results of some rows, with a ladder and a sketch."""
    cells = {name: cells_of(n, name, kinds if name == "test3" else 7, known) for name, n in splits.items()}
    table = [row(cells, *names, seed, sharp=sharp) for seed, names in enumerate(rows)]
    rungs = {"train-by-cell": cells["train"], "train-by-well": cells["train"], **cells}
    ladder = [row(rungs, "texture", f"knn-{k}", k, scored=False) for k in (1, 3)]

    def images(split, indices):
        return [image(split, cell) for cell in indices]

    sketches = {"texture": sketch_of(cells)}
    return results.Results(ABOUT, "Data: made up.", CLASS_NAMES, table, [ladder], sketches, images)


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
    path = tmp_path / "run.coos"
    path.write_bytes(whole)
    return path


def pairs(one, other):
    """Pair the predictions of two results: rows, then rungs."""
    for a, b in zip([one.table, *one.ladders], [other.table, *other.ladders], strict=True):
        for first, second in zip(a, b, strict=True):
            assert list(first) == list(second)
            yield from ((first[name], second[name]) for name in first)


def assert_same(one, other, atol=0.0):
    """Compare all that results hold; scores to a tolerance."""
    assert (one.about, one.class_names) == (other.about, other.class_names)
    for p, q in pairs(one, other):
        for field in dataclasses.fields(p):
            a, b = getattr(p, field.name), getattr(q, field.name)
            if field.name == "scores" and a is not None:
                np.testing.assert_allclose(b, a, atol=atol, rtol=0)
            else:
                np.testing.assert_array_equal(a, b, err_msg=field.name)
            assert type(a) is type(b), field.name
            assert not isinstance(a, np.ndarray) or a.dtype.kind == "U" or a.dtype == b.dtype, field.name
    assert list(one.sketches) == list(other.sketches)
    for name, samples in one.sketches.items():
        assert list(samples) == list(other.sketches[name])
        for split, sample in samples.items():
            again = other.sketches[name][split]
            for field in ("points", "labels", "wells"):
                np.testing.assert_array_equal(getattr(sample, field), getattr(again, field))
    for split, cells in results.pictured(one).items():
        for a, b in zip(one.images(split, cells), other.images(split, cells), strict=True):
            assert a is b is None or np.abs(a - b).max() < 0.5 / 255 + 1e-6


# What a pack holds


def test_a_pack_gives_what_was_put_into_it(found, path):
    read = pack.read(path)
    assert_same(found, read, atol=0.0032)
    assert read.table[0]["test1"].scores.dtype == np.float32
    assert [p["test1"].scores is None for p in read.ladders[0]] == [True, True]


@pytest.mark.parametrize("known", [(), ("plate",), ("plate", "well")], ids=["nothing", "plates", "plates and wells"])
def test_what_is_known_of_places_is_kept_and_no_more(tmp_path, known):
    found = made_up(known=known)
    pack.write(found, tmp_path / "run.coos")
    read = pack.read(tmp_path / "run.coos")
    assert_same(found, read, atol=0.0032)
    assert (read.table[0]["train"].well is None) == ("well" not in known)
    assert predictions.drawn(read.table) == predictions.drawn(found.table)


def test_a_class_that_a_split_lacks_stays_absent(tmp_path):
    found = made_up(kinds=5)
    pack.write(found, tmp_path / "run.coos")
    read = pack.read(tmp_path / "run.coos")
    assert_same(found, read, atol=0.0032)
    assert metrics.absent_classes(read.table[0]["test3"].labels, CLASS_NAMES) == list(CLASS_NAMES[5:])


@pytest.mark.parametrize(
    "change",
    [
        lambda found: dataclasses.replace(found, ladders=[]),
        lambda found: dataclasses.replace(found, sketches={}),
        lambda found: dataclasses.replace(found, table=found.table[:1]),
        lambda found: made_up(splits={"train": 120}),
        lambda found: dataclasses.replace(found, images=lambda split, cells: [None] * len(cells)),
    ],
    ids=["ladders", "sketches", "all rows but one", "test sets", "pictures"],
)
def test_results_may_lack(tmp_path, found, change):
    less = change(found)
    pack.write(less, tmp_path / "run.coos")
    assert_same(less, pack.read(tmp_path / "run.coos"), atol=0.0032)


def test_a_row_may_lack_scores(tmp_path, found):
    table = [{name: dataclasses.replace(p, scores=None) for name, p in found.table[0].items()}, *found.table[1:]]
    pack.write(dataclasses.replace(found, table=table), tmp_path / "run.coos")
    read = pack.read(tmp_path / "run.coos").table
    assert read[0]["test1"].scores is None and read[1]["test1"].scores is not None
    np.testing.assert_array_equal(read[0]["test1"].predicted, found.table[0]["test1"].predicted)


def test_scores_are_within_a_third_of_a_percent_and_near_0_and_1_far_closer(tmp_path, found):
    near = np.geomspace(1e-12, 2e-4, 500)
    grid = np.concatenate([np.linspace(0, 1, 2002), near, 1 - near]).astype(np.float32).reshape(-1, 1)
    grid = np.tile(grid, (1, 7))
    zeros = np.zeros(len(grid), np.int64)
    p = dataclasses.replace(found.table[0]["train"], labels=zeros, predicted=zeros, scores=grid, plate=None, well=None)
    pack.write(dataclasses.replace(found, table=[{"train": p}], ladders=[], sketches={}), tmp_path / "run.coos")
    read = pack.read(tmp_path / "run.coos").table[0]["train"].scores
    off = np.abs(read.astype(float) - grid)
    assert off.max() < 0.0032 and read.min() >= 0 and read.max() <= 1
    assert off[(grid <= 2e-4) | (grid >= 1 - 2e-4)].max() < 1e-4
    assert (read[grid == 0] == 0).all() and (read[grid == 1] > 1 - 1e-5).all()


def test_the_caption_says_that_it_comes_from_a_pack_and_of_what_day(found, tmp_path, monkeypatch):
    pack_on("2031-05-06", monkeypatch)
    pack.write(found, tmp_path / "run.coos")
    assert pack.read(tmp_path / "run.coos").caption == "Data: made up. From a pack of 2031-05-06."


def test_a_pack_holds_every_picture_that_its_matrices_need(found, path):
    read = pack.read(path)
    wanted = results.pictured(read)
    assert sum(map(len, wanted.values())) > 10
    for split, cells in wanted.items():
        for cell, picture in zip(cells, read.images(split, cells), strict=True):
            np.testing.assert_allclose(picture, image(split, cell), atol=0.5 / 255 + 1e-6)
            assert picture.dtype == np.float32
    other = min(set(range(len(read.table[0]["test1"].labels))) - set(wanted["test1"].tolist()))
    assert read.images("test1", [other, 10**6]) == [None, None] and read.images("train", [0]) == [None]


def test_a_pack_of_a_model_that_is_always_sure_holds_them_too(tmp_path):
    """Where many wrong answers are given with a probability of nearly 1, one byte cannot tell them apart."""
    cells = {"train": cells_of(500, "train"), "test1": cells_of(500, "test1")}
    table = [row(cells, "deeploc", "end-to-end")]
    rng = np.random.default_rng(0)
    for name, p in table[0].items():
        predicted = np.where(rng.random(500) < 0.3, (p.labels + 1) % 7, p.labels)
        scores = np.full((500, 7), 1e-7, np.float32)
        scores[np.arange(500), predicted] = 1 - rng.random(500) * 1e-5
        table[0][name] = dataclasses.replace(p, predicted=predicted, scores=scores)
    pack.write(dataclasses.replace(made_up(), table=table, ladders=[], sketches={}), tmp_path / "run.coos")
    read = pack.read(tmp_path / "run.coos")
    for split, wanted in results.pictured(read).items():
        assert all(picture is not None for picture in read.images(split, wanted))


def test_a_pack_can_be_packed_again(path, tmp_path):
    read = pack.read(path)
    pack.write(read, tmp_path / "again.coos")
    assert_same(read, pack.read(tmp_path / "again.coos"))


def test_a_runs_own_files_give_the_same_as_its_pack(tmp_path):
    folder = write_release(tmp_path / "release", n=42, attrs={"source": "made up"})
    run, release = profiles.start(folder, "smoke")
    rng = np.random.default_rng(0)
    features = {name: rng.normal(size=(len(s), 5)) + 0.5 * s.labels[:, None] for name, s in release.items()}
    table = [predictions.evaluate(run, release, features, "texture", name) for name in ("knn", "l1-lr")]
    results.enter(run, release, "02-texture", table, (), {"texture": features})
    found = results.read(run.data, "smoke")
    size = pack.write(found, tmp_path / "run.coos")
    assert size == (tmp_path / "run.coos").stat().st_size
    assert_same(found, results.read(pack=str(tmp_path / "run.coos")), atol=0.0032)


def test_what_a_pack_gives_needs_no_run(path, monkeypatch):
    monkeypatch.setattr(profiles, "start", lambda *_: pytest.fail("looked at the run"))
    assert len(results.read("simulated", "quick", str(path)).table) == len(ROWS)


# What is computed of it


def test_errors_matrices_and_intervals_are_those_of_the_run_to_the_last_bit(found, path):
    read = pack.read(path)
    for make in (predictions.errors, predictions.intervals):
        assert make(found.table).equals(make(read.table))
        assert make(found.ladders[0]).equals(make(read.ladders[0]))
    for p, q in pairs(found, read):
        counts = [metrics.confusion_matrix(one.labels, one.predicted, 7) for one in (p, q)]
        np.testing.assert_array_equal(*counts)
    for split in SPLITS:
        np.testing.assert_array_equal(*(results.errors_drawn(one.table, split, 200) for one in (found, read)))


def test_p_values_of_differences_are_those_of_the_run_to_the_last_bit(found, path):
    read = pack.read(path)
    for by_split, again in zip(found.table[:2], read.table, strict=False):
        one = shift.difference_test(by_split["test1"], by_split["test3"], 199)
        other = shift.difference_test(again["test1"], again["test3"], 199)
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)
        assert np.nanmin(one.p_value) < 0.2


def test_p_values_of_shifts_are_those_of_the_run_to_the_last_bit(found, path):
    one, other = found.sketches["texture"], pack.read(path).sketches["texture"]
    assert shift.mmd_test(one["test1"], one["test4"], 99) == shift.mmd_test(other["test1"], other["test4"], 99)


def vote(scores, neighbours=11):
    chances = scores.astype(float) / scores.astype(float).sum(1, keepdims=True)
    return (np.random.default_rng(0).multinomial(neighbours, chances) / neighbours).astype(np.float32)


@pytest.mark.parametrize("scores", ["spread", "sure", "neighbours"])
def test_the_calibration_error_is_that_of_the_run_to_half_a_percent(tmp_path, scores):
    """The shares of 11 neighbours are the hardest: few values, many cells at each."""
    cells = {"train": cells_of(2000, "train"), "test1": cells_of(3000, "test1")}
    by_split = row(cells, "texture", "knn", sharp={"spread": 0.7, "sure": 8.0}.get(scores, 1.0))
    if scores == "neighbours":
        votes = {name: vote(p.scores) for name, p in by_split.items()}
        by_split = {
            name: dataclasses.replace(p, predicted=votes[name].argmax(1), scores=votes[name])
            for name, p in by_split.items()
        }
    found = dataclasses.replace(made_up(), table=[by_split], ladders=[], sketches={})
    pack.write(found, tmp_path / "run.coos")
    for p, q in pairs(found, pack.read(tmp_path / "run.coos")):
        one, other = (confidence.expected_calibration_error(o.labels, o.predicted, o.scores) for o in (p, q))
        assert other == pytest.approx(one, abs=0.005)
        levels = [confidence.selective_accuracy(o.labels, o.predicted, o.scores, (0.5, 0.8, 1)) for o in (p, q)]
        np.testing.assert_allclose(*levels, atol=0.01)


# Writing


def pack_on(day, monkeypatch):
    monkeypatch.setattr(pack, "datetime", SimpleNamespace(now=lambda zone: datetime.fromisoformat(day)))


def test_the_same_results_give_the_same_bytes_on_the_same_day(tmp_path, monkeypatch):
    for name, day in (("one", "2031-05-06"), ("two", "2031-05-06T12:34:56"), ("three", "2031-05-07")):
        pack_on(day, monkeypatch)
        pack.write(made_up(), tmp_path / name)
    one, two, three = ((tmp_path / name).read_bytes() for name in ("one", "two", "three"))
    assert one == two != three


@pytest.mark.parametrize("fails_at", [0, 1, 30])
def test_a_write_that_fails_leaves_the_old_pack_whole_and_nothing_else(path, found, monkeypatch, fails_at):
    whole, real, added = path.read_bytes(), pack._add, []

    def fail(*arguments):
        if len(added) == fails_at:
            raise OSError(28, "No space left on device")
        added.append(real(*arguments))

    monkeypatch.setattr(pack, "_add", fail)
    with pytest.raises(OSError, match="No space left"):
        pack.write(found, path)
    assert path.read_bytes() == whole and [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_pack_replaces_an_older_one(path, found):
    pack.write(dataclasses.replace(found, table=found.table[:1]), path)
    assert len(pack.read(path).table) == 1


def test_anyone_who_may_read_files_here_may_read_a_pack(tmp_path, found):
    """It is made to be passed on."""
    pack.write(found, tmp_path / "run.coos")
    (tmp_path / "beside").touch()
    assert (tmp_path / "run.coos").stat().st_mode == (tmp_path / "beside").stat().st_mode


# Damage


def refusal(path, named=None):
    """Give the parts of the message with which a pack is refused."""
    with pytest.raises(DataError) as caught:
        pack.read(path)
    parts = WHOLE.match(str(caught.value))
    assert parts, str(caught.value)
    assert parts["path"] == str(path) and "\n" not in str(caught.value)
    return parts


def test_a_pack_that_was_cut_short_is_refused_wherever_it_was_cut(path):
    whole = path.read_bytes()
    for length in {*range(0, len(whole), len(whole) // 100), *range(40), *range(len(whole) - 40, len(whole))}:
        path.write_bytes(whole[:length])
        refusal(path)


def damaged(whole, rng):
    """Flip some bits, or overwrite a stretch with zeros or noise."""
    content = bytearray(whole)
    kind, at = rng.integers(4), rng.integers(len(content))
    at = at if rng.random() < 0.5 else len(content) - 1 - at // 10  # where the table of contents lies
    stretch = slice(at, at + int(rng.integers(1, 60)))
    if kind == 0:
        content[stretch] = bytes(len(content[stretch]))
    elif kind == 1:
        content[stretch] = rng.bytes(len(content[stretch]))
    elif kind == 2:
        del content[stretch]
    else:
        for place in rng.integers(0, len(content), rng.integers(1, 4)):
            content[place] ^= 1 << rng.integers(8)
    return bytes(content)


def test_random_damage_is_refused_or_harmless(path, found):
    whole, refused, seeds = path.read_bytes(), 0, 150
    sound = pack.read(path)
    for seed in range(seeds):
        path.write_bytes(damaged(whole, np.random.default_rng(seed)))
        try:
            read = pack.read(path)
        except DataError as error:
            refused += 1
            assert WHOLE.match(str(error)), str(error)
        else:
            assert_same(sound, read)
            assert read.caption == sound.caption
    assert refused > seeds / 2


def test_damage_to_what_a_zip_file_says_of_its_members_is_refused_or_harmless(path, whole):
    """It is not under their checksums."""
    sound, start, harmless = pack.read(path), whole.rindex(b"PK\1\2") - 2000, 0
    rng = np.random.default_rng(0)
    for place in [*range(60), *rng.choice(np.arange(start, len(whole)), 60, replace=False)]:
        content = bytearray(whole)
        content[place] ^= 1 << rng.integers(8)
        path.write_bytes(content)
        try:
            read = pack.read(path)
        except DataError as error:
            assert WHOLE.match(str(error)), str(error)
        else:
            harmless += 1
            assert_same(sound, read)
    assert harmless > 10, "such as the hour at which a member was written"


# Files of another kind


def plain_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "nothing")


def other_meta(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("meta.json", '{"format": "other", "version": 1}')


FOREIGN = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("no pack"),
    "a zip": plain_zip,
    "a zip with a meta.json": other_meta,
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
    assert refusal(path)["expected"] == "a file that `coos pack` wrote"


def test_where_nothing_is_the_advice_is_to_check_the_path(tmp_path):
    parts = refusal(tmp_path / "nowhere")
    assert parts["found"] == "nothing there" and "path" in parts["remedy"]


@pytest.mark.parametrize("name", ["x" * 300, "nul\0", "no/where"])
def test_a_path_that_cannot_be_is_refused(tmp_path, name):
    with pytest.raises(DataError, match="found .*; expected "):
        pack.read(tmp_path / name)


def test_predictions_are_no_pack(tmp_path, found):
    predictions.save(found.table[0]["test1"], tmp_path / "p.npz", "key")
    refusal(tmp_path / "p.npz")


def rewritten(path, meta=None, **arrays):
    """Write a pack anew with another `meta.json` and other arrays, their checksums in order."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    content = json.loads(parts["meta.json"])
    if meta:
        meta(content)
    parts["meta.json"] = json.dumps(content).encode()
    for name, change in arrays.items():
        buffer = io.BytesIO()
        np.save(buffer, change(np.load(io.BytesIO(parts[f"{name}.npy"]))))
        parts[f"{name}.npy"] = buffer.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def test_a_pack_that_was_only_zipped_anew_is_read(path):
    sound = pack.read(path)
    rewritten(path)
    assert_same(sound, pack.read(path))


@pytest.mark.parametrize("version", [0, 2, "1", None, 1.5])
def test_another_version_says_so(path, version):
    rewritten(path, lambda meta: meta.update(version=version))
    parts = refusal(path)
    assert parts["found"] == f"version {version} of a pack" and parts["expected"] == f"version {pack.VERSION}"


@pytest.mark.parametrize("form", ["other", None, 1, ["coos7-results"]])
def test_another_format_says_so(path, form):
    rewritten(path, lambda meta: meta.update(format=form))
    assert refusal(path)["found"] == "a zip file of another kind"


KEYS = ("about", "packed", "caption", "class_names", "codes", "table", "ladders", "sketches", "pictures")


@pytest.mark.parametrize("key", KEYS)
def test_a_list_of_contents_that_lacks_a_key_is_refused(path, key):
    rewritten(path, lambda meta: meta.pop(key))
    refusal(path)


@pytest.mark.parametrize("key", [key for key in KEYS if key not in ("packed", "caption")])
@pytest.mark.parametrize("value", [None, 7])
def test_a_list_of_contents_with_something_else_under_a_key_is_refused(path, key, value):
    rewritten(path, lambda meta: meta.update({key: value}))
    refusal(path)


@pytest.mark.parametrize("key", ["data", "source", "profile", "seed", "made", "machine"])
def test_a_pack_that_does_not_say_where_it_comes_from_is_refused(path, key):
    rewritten(path, lambda meta: meta["about"].pop(key))
    refusal(path)


CONTENTS = {
    "no rows": lambda meta: meta.update(table=[]),
    "a row too many": lambda meta: meta["table"].append(meta["table"][0]),
    "a row without splits": lambda meta: meta["table"][0].update(splits=[]),
    "a split too many": lambda meta: meta["table"][0]["splits"].append("test9"),
    "scores that are not there": lambda meta: meta["ladders"][0][0].update(scores=True),
    "a class less": lambda meta: meta["class_names"].pop(),
    "a class more": lambda meta: meta["class_names"].append("Nucleolus"),
    "a well less": lambda meta: meta["codes"]["test1/well"].pop(),
    "wells of a sketch without names": lambda meta: meta["codes"].pop("test1/well"),
    "a split of a sketch too many": lambda meta: meta["sketches"]["texture"].update(test9=True),
    "a picture more": lambda meta: meta["pictures"].update(test1=meta["pictures"]["test1"] + 1),
    "a seed that is no number": lambda meta: meta["about"].update(seed="x"),
}


@pytest.mark.parametrize("change", CONTENTS.values(), ids=CONTENTS.keys())
def test_a_list_of_contents_that_does_not_fit_is_refused(path, change):
    rewritten(path, change)
    refusal(path)


ARRAYS = {
    "labels of two dimensions": ("cells/test1/labels", lambda a: a[:, None]),
    "labels of one cell less": ("cells/test1/labels", lambda a: a[1:]),
    "no labels": ("cells/test1/labels", lambda a: a[:0]),
    "labels outside the classes": ("cells/test1/labels", lambda a: a + 7),
    "labels below 0": ("cells/test1/labels", lambda a: a.astype("i4") - 1),
    "labels that are fractions": ("cells/test1/labels", lambda a: a / 2),
    "labels that are text": ("cells/test1/labels", lambda a: a.astype(str)),
    "plates of one cell less": ("cells/test3/plate", lambda a: a[1:]),
    "plates that have no name": ("cells/test3/plate", lambda a: a + 3),
    "wells below 0": ("cells/test3/well", lambda a: a.astype("i4") - 1),
    "predictions of one cell more": ("table/0/test1/predicted", lambda a: np.append(a, 0)),
    "predictions outside the classes": ("table/0/test1/predicted", lambda a: a + 7),
    "predictions below 0": ("table/0/test1/predicted", lambda a: a.astype("i2") - 1),
    "predictions of a rung below 0": ("ladders/0/1/test1/predicted", lambda a: a.astype("i2") - 1),
    "scores of a class less": ("table/0/test1/scores", lambda a: a[1:]),
    "scores turned": ("table/0/test1/scores", lambda a: a.T),
    "scores that are no bytes": ("table/0/test1/scores", lambda a: a.astype("u2") * 200),
    "scores that are fractions": ("table/0/test1/scores", lambda a: a / 255),
    "points of one cell less": ("sketches/texture/test1/points", lambda a: a[:, 1:]),
    "points that are whole numbers": ("sketches/texture/test1/points", lambda a: a.astype(int)),
    "classes of points outside": ("sketches/texture/test1/labels", lambda a: a + 7),
    "pictures that are fractions": ("pictures/test1/images", lambda a: a / 255),
    "pictures without cells": ("pictures/test1/cells", lambda a: a[1:]),
    "pictures of another size": ("pictures/test1/images", lambda a: a[:, 0]),
}


@pytest.mark.parametrize("name, change", ARRAYS.values(), ids=ARRAYS.keys())
def test_arrays_that_do_not_fit_are_refused(path, name, change):
    rewritten(path, **{name: change})
    refusal(path)


def test_arrays_of_objects_are_never_opened(path, monkeypatch):
    """To read them is to run what they hold."""
    rewritten(path, **{"cells/test1/labels": lambda a: a.astype(object)})
    assert "cells" in refusal(path)["found"] or "allow_pickle" in refusal(path)["found"]


# Size


@pytest.mark.parametrize("sharp, share", [(0.7, 1.0), (8, 0.7)], ids=["noise", "sure"])
def test_a_pack_takes_a_byte_a_score_at_most(tmp_path, sharp, share):
    """25 rows of a twentieth of the release's cells: of all cells it would be 20 times as much."""
    splits = {"train": 2073, "test1": 518, "test2": 851, "test3": 1630, "test4": 1539}
    rows = [("texture", f"c{i}") for i in range(25)]
    found = dataclasses.replace(made_up(rows, splits=splits, sharp=sharp), sketches={})
    found = dataclasses.replace(found, images=lambda split, cells: [None] * len(cells))
    size = pack.write(found, tmp_path / "run.coos")
    assert size == (tmp_path / "run.coos").stat().st_size < share * 25 * sum(splits.values()) * 7
    assert len(pack.read(tmp_path / "run.coos").table) == 25
