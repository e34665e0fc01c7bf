"""What must hold of a model card: it says of which cells it is, how well, how far, and what it is not for."""

import dataclasses
import re

import pytest
from conftest import memory_split, write_release
from made_results import kept_row

from coos_helpers import results, runs
from coos_helpers.results import card
from coos_helpers.results.predictions import Results
from coos_helpers.runs import Run

SIMULATED = "simulated cells (coos_helpers.simulate, scale=0.1, seed=0); not COOS-7"


def release_of(source):
    made = {name: memory_split(42, seed) for seed, name in enumerate(("train", "test1", "test3"))}
    return {name: dataclasses.replace(split, name=name, source=source) for name, split in made.items()}


def of_run(source, profile="smoke", **places):
    run = Run("made-up", profile, {"scale": 1, "draws": 2, "search": "random"})
    release = {name: dataclasses.replace(s, **places) for name, s in release_of(source).items()}
    row = kept_row(run, release, right=3)
    about = {"data": "simulated", "source": source, "profile": profile, "seed": 4, "made": "2026-01-02"}
    about |= {"machine": "a machine", "versions": {"numpy": "2.0"}}
    return Results(about, "", release["train"].class_names, [row], [[row]], [], {}, None)


def of(found):
    return card.of_run(found.about, found.table, "a run")


def test_the_card_of_a_run_names_data_profile_seed_and_errors():
    found = of_run(SIMULATED)
    text = of(found)
    for words in (SIMULATED, "smoke", "**Seed** | 4", "numpy 2.0", "Golgi", "train 42", "narrower"):
        assert words in text
    table = results.error_table(found.table).iloc[0]
    assert f"| texture | kNN | 1 | {table['train']:.1f} | {table['test1']:.1f} | {table['test3']:.1f} |" in text
    assert "narrower" not in of(of_run(SIMULATED, "paper"))
    assert "No wells are known" in of(of_run(SIMULATED, plate=None, well=None))


@pytest.mark.parametrize(
    "source, said, unsaid",
    [(SIMULATED, card.SIMULATED, card.LICENCE), ("COOS-7 (Lu et al. 2019)", card.LICENCE, card.SIMULATED)],
)
def test_a_card_says_what_it_must_not_be_used_for_by_its_data(source, said, unsaid):
    release = release_of(source)
    given = {name: split.labels for name, split in release.items()}
    score = results.score(given, release, name="mine", sees="labels", baseline=None)
    for text in (of(of_run(source)), card.of_score(score)):
        never = text.partition("## What it must not be used for")[2]
        assert said in never and unsaid not in never and "Diagnosis" in never
    made = card.of_score(score)
    assert "| **What it saw of the test cells** | labels |" in made and "a bound" in made


def test_names_stay_in_their_cells():
    release = release_of("a | b <script>")
    given = {"test1": release["test1"].labels}
    text = card.of_score(results.score(given, release, name="my | way", sees="nothing", baseline=None))
    assert "<script>" not in text and "my \\| way" in text
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("| **")}
    assert widths == {3}


def test_a_chapter_leaves_the_card_of_what_it_fitted_beside_its_results(tmp_path):
    run, release = runs.start(write_release(tmp_path / "release", n=42), "smoke")
    rows = [kept_row(run, release, "deeploc", "end-to-end"), kept_row(run, release, "deeploc-fc2", "l1-lr")]
    results.enter(run, release, "04-deeploc", table=rows, seed=7)
    text = (run.folder / "results" / "04-deeploc.md").read_text()
    assert "04-deeploc" in text and "| deeploc | end-to-end | 1 |" in text and "**Seed** | 7" in text
    assert str(tmp_path) not in text
