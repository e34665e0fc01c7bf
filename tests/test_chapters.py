"""The chapters as they are committed: clean, complete, and the same in both forms."""

import re

import nbformat
import pytest
from book_builder import ROOT, build

SOURCES = [ROOT / f"{page}.md" for page in build.chapters()]
CELLS = 20  # lines that fit a projector
COLUMNS = 88  # characters that fit the page's column


@pytest.fixture(params=SOURCES, ids=[source.stem for source in SOURCES])
def chapter(request):
    return request.param


def code_cells(chapter):
    return [cell for cell in build.notebook(chapter).cells if cell.cell_type == "code"]


def test_every_chapter_is_in_the_table_of_contents():
    assert sorted(SOURCES) == sorted((ROOT / "notebooks").glob("*.md"))
    assert sorted(s.with_suffix(".ipynb") for s in SOURCES) == sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_the_notebook_is_what_its_markdown_gives(chapter):
    committed = nbformat.read(chapter.with_suffix(".ipynb"), as_version=4)
    assert committed == build.notebook(chapter), "run `make notebooks` and commit the result"
    nbformat.validate(committed)


def test_the_notebook_is_clean_and_its_cell_ids_are_stable(chapter):
    made = nbformat.read(chapter.with_suffix(".ipynb"), as_version=4)
    assert [cell.id for cell in made.cells] == [f"{chapter.stem}-{n:03d}" for n in range(len(made.cells))]
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in made.cells)


def test_parameters_name_data_and_profile_and_explain_themselves(chapter):
    (parameters,) = [c for c in code_cells(chapter) if "parameters" in c.metadata.get("tags", [])]
    lines = [line for line in parameters.source.splitlines() if line.strip()]
    assert {"DATA", "PROFILE"} <= {line.split(" = ")[0] for line in lines}
    assert all("  # " in line for line in lines)


def test_code_fits_a_projector(chapter):
    for cell in code_cells(chapter):
        lines = cell.source.splitlines()
        assert len(lines) <= CELLS + 4, f"{len(lines)} lines:\n{cell.source}"
        assert max(map(len, lines)) <= COLUMNS, max(lines, key=len)


def test_every_figure_has_caption_and_alt_text(chapter):
    for cell in code_cells(chapter):
        if "plt.show()" in cell.source:
            figure = cell.metadata["mystnb"]
            assert figure["figure"]["caption"].endswith(".") and figure["figure"]["name"]
            assert len(figure["image"]["alt"]) > 40


def test_text_is_plain_markdown(chapter):
    """Directives and roles would show as source text in Colab and on GitHub."""
    for cell in build.notebook(chapter).cells:
        if cell.cell_type == "markdown":
            assert not re.search(r"^(```|:::)\{|\{[a-z:]+\}`", cell.source, re.M), cell.source


def test_a_chapter_opens_with_its_reader_and_closes_with_exercises(chapter):
    text = chapter.read_text(encoding="utf-8")
    assert all(f"- **{word}**" in text for word in ("For", "Before", "After", "Time"))
    assert text.index("\n## Summary") < text.index("\n## Exercises")


def test_what_the_readme_points_at_is_there():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert target.startswith("https://") or (ROOT / target).exists(), target
