"""The paper's numbers, against the paper where its text is at hand and against known sums everywhere."""

import os
import re
from pathlib import Path

import pytest
from conftest import PROJECT

from coos_helpers import published


@pytest.fixture(scope="module")
def paper():
    path = Path(os.environ.get("COOS_SHARED", PROJECT.parent / "shared")) / "paper.txt"
    if not path.exists():
        pytest.skip("the paper's text is not on this machine")
    return path.read_text(encoding="utf-8")


def test_table_3_has_the_sums_of_the_papers_columns():
    table = published.table3()
    assert table.shape == (25, 7) and not table.duplicated(["features", "model"]).any()
    assert table[published.SPLITS].sum().round(1).tolist() == [64.4, 112.7, 115.0, 263.4, 218.0]


def test_table_3_is_the_papers(paper):
    """The text runs column by column within each block of features: all training errors first, then test1's ..."""
    text = paper[paper.index("Table 3: Class-Balanced Error") :]
    headings = ("3.3", "3.4")  # of sections; no error has these values
    numbers = [float(n) for n in re.findall(r"^\d+\.\d$", text, re.M) if n not in headings]
    table = published.table3()
    written = []
    for start, rows in ((0, 4), *((4 + 3 * i, 3) for i in range(7))):
        block = table.iloc[start : start + rows][published.SPLITS].to_numpy()
        written += block.T.ravel().tolist()
    assert written == numbers


def test_table_2_adds_up_to_the_data_set():
    assert published.table2()["images"].sum() == 132_209


def test_table_2_is_the_papers(paper):
    for images in published.table2()["images"]:
        assert f"{images:,}" in paper


def test_the_sensitivities_are_the_papers(paper):
    """Each number stands in the text in the way that the table has it: as a bound, or as what was found."""
    text = " ".join(paper.split())
    table = published.sensitivities()
    for line in table.itertuples():
        number = f"{line.sensitivity:.{2 if line.bound else 3}f}"
        assert ("> " if line.bound else "") + f"{number} sensitivity" in text or f"({number})" in text, number
    told = text[text.index("the logistic regression classifier built on the VGG16 features") :]
    told = told[: told.index("These results suggest")]
    written = [tuple(found) for found in re.findall(r"(Test\d) \((0\.\d{3})\)", told)]
    golgi = table[table["class"] == "Golgi"]
    assert written == [
        (split.capitalize(), str(s)) for split, s in zip(golgi["split"], golgi["sensitivity"], strict=True)
    ]


def test_the_sensitivities_name_what_the_tables_name():
    table = published.sensitivities()
    assert table.shape == (7, 6) and not table.duplicated(["features", "model", "split", "class"]).any()
    assert set(table["split"]) <= set(published.SPLITS)
    assert set(table["class"]) - {"every other"} <= set(published.CLASS_NAMES)
    assert table["sensitivity"].between(0, 1).all() and table["bound"].tolist() == [
        s == 0.97 for s in table["sensitivity"]
    ]
    rows = published.table3()
    for line in table.itertuples():
        assert (rows["features"].str.startswith(line.features) & (rows["model"] == line.model)).any()


@pytest.mark.parametrize(
    "parts, name",
    [
        (("Texture",), "Texture"),
        (("DeepLoc",), "DeepLoc"),
        (("DeepLoc", "fc2"), "DeepLoc (FC2)"),
        (("PCI", "conv3"), "PCI Conv3"),
        (("VGG16", "conv4_2"), "VGG16 Conv4_2"),
    ],
)
def test_a_representation_of_the_paper_has_its_name_in_table_3(parts, name):
    assert published.name(*parts) == name
    assert name in set(published.table3()["features"])
