"""What must hold of a datasheet: its five parts are there, and its numbers are those of the files."""

import os

import numpy as np
import pytest
from conftest import cells, write_release

from coos_helpers.bring import write_release as write
from coos_helpers.data.datasheet import write_documents
from coos_helpers.simulate import FACTORS
from coos_helpers.simulate.describe import describe_release

TOLD = {"motivation": "For a test.", "splits": "As given.", "limits": "Too few."}
PARTS = ["Motivation", "Composition", "Collection", "Splits", "Limits"]


def sheet(folder, **options):
    write_documents(folder, TOLD, **options)
    text = (folder / "datasheet.md").read_text(encoding="utf-8")
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == PARTS
    return dict(zip(PARTS, text.split("## ")[1:], strict=True))


def test_five_parts_say_what_is_in_the_files(tmp_path):
    attrs = {"source": "drawn at random", "seed": 7, "class_names": [*"abcdef", "g|h"]}
    found = sheet(write_release(tmp_path / "r", ("train", "test1"), n=14, attrs=attrs))
    assert "For a test." in found["Motivation"]
    assert "| train | a | 2 | 2 | 2 |" in found["Composition"] and "| test1 | g/h |" in found["Composition"]
    assert "Source: drawn at random." in found["Collection"] and "- seed: 7" in found["Collection"]
    assert "As given." in found["Splits"] and "- Too few." in found["Limits"] and "licence" in found["Limits"]


def test_what_is_not_known_is_a_limit(tmp_path):
    found = sheet(write_release(tmp_path / "r", ("train",), with_places=False))
    assert "Plates or wells are not known" in found["Limits"] and "nothing is held out" in found["Limits"]
    assert "| not known | not known |" in found["Composition"]


def test_a_made_split_says_by_which_rules_and_what_was_left_out(tmp_path):
    known = {"class": np.array(["a", "b"] * 10), "well": np.array(["A1", "A1", "P24", "P24", *["D5", "E6"] * 8])}
    write(tmp_path / "r", known, cells(20).__getitem__, ["a", "b"], "made up", split=True, progress=False)
    text = (tmp_path / "r" / "datasheet.md").read_text(encoding="utf-8")
    for words in ("Lu et al. (2019)", "- test2: the wells at the border", "No test3: no dates are known."):
        assert words in text
    assert "- test3:" not in text


def test_the_simulated_release_names_its_factors(simulated_folder, tmp_path):
    for path in simulated_folder.glob("*.hdf5"):
        (tmp_path / path.name).symlink_to(path)
    describe_release(tmp_path)
    text = (tmp_path / "datasheet.md").read_text(encoding="utf-8")
    assert "neither COOS-7's nor of any real cell" in text and "Table 2" in text
    found = sheet(tmp_path)
    assert all(f"- `{factor.name}` ({factor.unit}): {factor.meaning}" in found["Composition"] for factor in FACTORS)
    assert "- seed: 0" in found["Collection"] and "- version: 1" in found["Collection"]


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_documents_that_are_there_need_no_right_to_write(tmp_path):
    folder = write_release(tmp_path / "r", ("train",))
    sheet(folder)
    folder.chmod(0o555)
    sheet(folder)


def test_the_same_release_has_the_same_documents(tmp_path):
    folders = [write_release(tmp_path / part / "r", ("train",)) for part in "ab"]
    for folder in folders:
        sheet(folder)
    for name in ("croissant.json", "datasheet.md"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
    before = (folders[0] / "datasheet.md").stat().st_mtime_ns
    sheet(folders[0])
    assert (folders[0] / "datasheet.md").stat().st_mtime_ns == before
