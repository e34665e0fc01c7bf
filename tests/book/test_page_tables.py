"""Chapters 06 to 08 on data of every kind: their code runs, says what is missing, and shows no NaN."""

import contextlib
import dataclasses
import io
import re
import warnings

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from book_builder import ROOT, build
from conftest import cells

from coos_helpers import data, plots, published, results
from coos_helpers.results import leakage, pack, read
from coos_helpers.runs import Run

CHAPTERS = ("06-table-3", "07-confusion-matrices", "08-between-test-sets")
CLASSES = published.CLASS_NAMES
VGG16, PCI = results.Representation("vgg16", "conv4_2"), results.Representation("pci", "conv4")

#: The chapter that makes each representation.
MAKERS = {"texture": read.CHAPTERS[0], VGG16: read.CHAPTERS[1], "deeploc": read.CHAPTERS[2], PCI: read.CHAPTERS[3]}


def split(name, seed, wells=4, classes=CLASSES, present=None, shared=None, known=True):
    """Make a split of 6 cells a well; `present` are the classes that it has, `shared` names another's wells."""
    present = range(len(classes)) if present is None else present
    labels = np.repeat([k for k in present for _ in range(wells)], 6)
    well = np.repeat([f"{k}{w}" for k in present for w in range(wells)], 6)
    plate = np.repeat([f"{shared or name}-{w % 4}" for _ in present for w in range(wells)], 6)
    known = {"plate": plate, "well": well} if known else {"plate": None, "well": None}
    return data.Split(name, None, cells(len(labels), seed), labels, class_names=classes, source="made up", **known)


def standard(tests=("test1", "test2", "test3", "test4"), **options):
    made = {"train": split("train", 0, **options)}
    shared = {"test1": "train"}
    return made | {name: split(name, i + 1, shared=shared.get(name), **options) for i, name in enumerate(tests)}


KINDS = {
    "as in COOS-7": standard(),
    "without wells": standard(known=False),
    "one well a class": standard(wells=1),
    "two classes": standard(classes=("a", "b")),
    "a class absent": standard() | {"test3": split("test3", 9, present=(0, 1, 2, 5, 6))},
    "one class in a test set": standard() | {"test4": split("test4", 9, present=(4,))},
    "one test set": standard(("test1",)),
    "two test sets": standard(("test1", "test3")),
    "six test sets": standard(tuple(f"test{i}" for i in range(1, 7))),
    "no test set": standard(()),
    "wells in some splits": standard() | {"test4": split("test4", 9, known=False)},
}


def entered(release, names=("texture", VGG16, "deeploc", PCI), folder="made-up", trainings=2):
    """Enter rows of made-up features, some of them useless; PCI as if it had been trained several times."""
    run, rng = Run(folder, "smoke", {"scale": 1, "draws": 2, "search": "random"}), np.random.default_rng(0)
    centres = rng.normal(0, 1.2, (len(CLASSES), 6))
    for name in names:
        noise, rows = 3.0 if name == PCI else 1.0, []
        for of in [dataclasses.replace(PCI, draw=n) for n in range(trainings)] if name == PCI else [name]:
            features = {
                s: (centres[part.labels] + rng.normal(0, noise, (len(part), 6))).astype("f4")
                for s, part in release.items()
            }
            rows += [results.evaluate_classifier(run, release, features, of, c) for c in ("knn", "l1-lr")]
        ladders = [leakage.ladder(run, release, features, name, "knn")] if name == "texture" else []
        called = rows[0]["train"].representation
        results.enter(run, release, MAKERS[name], table=rows, ladders=ladders, features={called: features})
    return run


@pytest.fixture
def shown(monkeypatch):
    """Run a chapter's code on given results; what it prints, and the HTML of its tables."""
    matplotlib.use("agg")
    tables, plain = [], plots.table

    def table(*arguments):
        tables.append(plain(*arguments))
        return tables[-1]

    monkeypatch.setattr(plots, "table", table)
    monkeypatch.setattr(plt, "show", lambda: plt.close("all"))

    def execute(chapter, found):
        monkeypatch.setattr(results, "read_results", lambda *_, **__: found)
        code = build.code_of(build.notebook(ROOT / "notebooks" / f"{chapter}.md"), chapter)
        tables.clear()
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()) as said:
            warnings.simplefilter("error")
            exec(compile(code, chapter, "exec"), {"display": lambda _: None})
        plt.close("all")
        return said.getvalue(), [made.to_html() for made in tables]

    return execute


@pytest.mark.parametrize("chapter", CHAPTERS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_chapter_runs_on_data_of_every_kind_and_shows_no_nan(shown, kind, chapter):
    release = KINDS[kind]
    said, tables = shown(chapter, read.gather(entered(release), release))
    assert tables
    for text in [said, *tables]:
        assert not re.search(r"\b(nan|inf|None)\b", re.sub(r"<style.*?</style>", "", text, flags=re.S)), text


@pytest.mark.parametrize("chapter", CHAPTERS)
@pytest.mark.parametrize("names", [("texture",), (VGG16, "deeploc")])
def test_a_chapter_runs_on_the_results_of_some_chapters(shown, chapter, names):
    release = KINDS["as in COOS-7"]
    said, tables = shown(chapter, read.gather(entered(release, names), release))
    assert tables
    if chapter == "06-table-3":
        assert "No rows of PCI" in said


@pytest.mark.parametrize("chapter", CHAPTERS)
@pytest.mark.parametrize(
    "kind", ["as in COOS-7", *(pytest.param(k, marks=pytest.mark.slow) for k in ("without wells", "a class absent"))]
)
def test_a_chapter_shows_the_same_from_a_pack(shown, tmp_path, kind, chapter):
    release = KINDS[kind]
    found = read.gather(entered(release), release)
    pack.write(found, tmp_path / "results.pack")
    packed = pack.read(tmp_path / "results.pack")
    from_run, from_pack = shown(chapter, found), shown(chapter, packed)
    ending = packed.caption.removeprefix(found.caption)
    assert from_pack[0].replace(ending, "") == from_run[0]
    for one, other in zip(from_run[1], from_pack[1], strict=True):
        if "Calibration" not in one:  # scores are kept in half precision
            strip = lambda html: re.sub(r"T_\w{5}", "", html).replace(ending, "")  # noqa: E731
            assert strip(one) == strip(other)


#: What classifiers say that learn nothing or everything, or all of it wrongly; of a class's number, among k.
SURE = {
    "perfect": lambda labels, k: labels,
    "constant": lambda labels, k: np.zeros_like(labels),
    "always wrong": lambda labels, k: (labels + 1) % k,
}


def surely(found, how):
    """Let every row of some results say the same, with scores of 0 and 1."""

    def row(by_split):
        return {column: said(p) for column, p in by_split.items()}

    def said(p):
        predicted = SURE[how](p.labels, len(p.class_names))
        scores = None if p.scores is None else np.eye(len(p.class_names), dtype="f4")[predicted]
        return dataclasses.replace(p, predicted=predicted, scores=scores)

    ladders = [[row(by_split) for by_split in ladder] for ladder in found.ladders]
    draws = [[row(by_split) for by_split in rows] for rows in found.draws]
    return dataclasses.replace(found, table=[rows[0] for rows in draws], draws=draws, ladders=ladders)


@pytest.mark.parametrize("how", SURE)
@pytest.mark.parametrize(
    "kind",
    ["as in COOS-7", *(pytest.param(k, marks=pytest.mark.slow) for k in KINDS if k != "as in COOS-7")],
)
def test_chapters_run_on_a_pack_of_perfect_constant_and_always_wrong_classifiers(shown, tmp_path, kind, how):
    release = KINDS[kind]
    pack.write(surely(read.gather(entered(release), release), how), tmp_path / "results.pack")
    for chapter in CHAPTERS:
        said, tables = shown(chapter, pack.read(tmp_path / "results.pack"))
        for text in [said, *tables]:
            assert not re.search(r"\b(nan|inf|None)\b", re.sub(r"<style.*?</style>", "", text, flags=re.S)), text
        assert "Not yet" not in said, "a solution is right whatever the classifier"


def test_where_no_draw_differs_the_ratio_of_widths_is_unknown(shown):
    release = KINDS["as in COOS-7"]
    _, tables = shown("06-table-3", surely(read.gather(entered(release), release), "perfect"))
    (widths,) = [table for table in tables if "over cells" in table and "ratio" in table]
    assert re.findall(r">(\S+)</td>", widths)[2:5] == ["0.0", "0.0", "–"]


def test_missing_wells_are_said(shown):
    release = KINDS["without wells"]
    said, tables = shown("06-table-3", read.gather(entered(release), release))
    assert "cells, so they are too narrow" in said and "Rungs are missing" in said
    assert "cells, so they are too narrow" in tables[2]


def test_few_wells_are_said(shown):
    release = KINDS["one well a class"]
    said, tables = shown("06-table-3", read.gather(entered(release), release))
    assert "nothing can be said about other wells" in said and "unknown" in tables[2]


def test_absent_classes_are_said(shown):
    release = KINDS["a class absent"]
    found = read.gather(entered(release), release)
    assert "test3 has no cells of Peroxisomes, Early Endosome" in shown("06-table-3", found)[0]
    assert "test3 has no cells of Peroxisomes, Early Endosome" in shown("07-confusion-matrices", found)[0]


def test_several_trainings_are_named_and_all_of_them_shown(shown):
    found = read.gather(entered(KINDS["as in COOS-7"]), KINDS["as in COOS-7"])
    assert [len(rows) for rows in found.draws if rows[0]["train"].family == "PCI"] == [2, 2]
    tables = shown("07-confusion-matrices", found)[1]
    assert "of 2 trainings" in tables[0] and "the first" in tables[1]
    _, tables = shown("08-between-test-sets", found)
    (signed,) = [table for table in tables if "Calibration with its sign" in table]
    assert re.search(r"pci-conv4, L1 LR.*?>[+-]\d+\.\d</td>\s*</tr>", signed, re.S)


def test_a_model_that_is_as_sure_as_it_is_right_is_not_called_too_sure_and_others_are(shown):
    release = KINDS["as in COOS-7"]
    for how, word in (("perfect", "neither is seen"), ("always wrong", "too sure")):
        _, tables = shown("08-between-test-sets", surely(read.gather(entered(release), release), how))
        (signed,) = [table for table in tables if "Calibration with its sign" in table]
        words = set(re.findall(r">(neither is seen|too sure|not sure enough|unknown)</td>", signed))
        assert words == {word}
