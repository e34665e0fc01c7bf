"""The chapters as they are committed: clean, complete, and the same in both forms."""

import ast
import builtins
import json
import re
import symtable
import sys

import nbformat
import pytest
from book_builder import ROOT, convert

SOURCES = [ROOT / f"{page}.md" for page in convert.chapters()]
CELLS = 20  # lines that fit a projector
COLUMNS = 88  # characters that fit the page's column


@pytest.fixture(params=SOURCES, ids=[source.stem for source in SOURCES])
def chapter(request):
    return request.param


def code_cells(chapter):
    return [cell for cell in convert.notebook(chapter).cells if cell.cell_type == "code"]


def tags_of(cell):
    return cell.metadata.get("tags", [])


def test_every_chapter_is_in_the_table_of_contents():
    assert sorted(SOURCES) == sorted((ROOT / "notebooks").glob("*.md"))
    assert sorted(s.with_suffix(".ipynb") for s in SOURCES) == sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_the_notebook_is_what_its_markdown_gives(chapter):
    committed = nbformat.read(chapter.with_suffix(".ipynb"), as_version=4)
    assert committed == convert.notebook(chapter), "run `make notebooks` and commit the result"
    nbformat.validate(committed)


def test_the_notebook_is_clean_and_its_cell_ids_are_stable(chapter):
    made = nbformat.read(chapter.with_suffix(".ipynb"), as_version=4)
    assert [cell.id for cell in made.cells] == [f"{chapter.stem}-{n:03d}" for n in range(len(made.cells))]
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in made.cells)


def test_parameters_name_data_and_profile_and_explain_themselves(chapter):
    (parameters,) = [c for c in code_cells(chapter) if "parameters" in tags_of(c)]
    lines = [line for line in parameters.source.splitlines() if line.strip()]
    assert {"DATA", "PROFILE"} <= {line.split(" = ")[0] for line in lines}
    assert all("  # " in line for line in lines)


def test_code_fits_a_projector(chapter):
    for cell in code_cells(chapter):
        lines = cell.source.splitlines()
        assert len(lines) <= CELLS + 4, f"{len(lines)} lines:\n{cell.source}"
        assert max(map(len, lines)) <= COLUMNS, max(lines, key=len)


def test_every_figure_has_caption_and_alt_text_and_folded_code(chapter):
    for cell in code_cells(chapter):
        if "plt.show()" in cell.source or "figure" in cell.metadata.get("mystnb", {}):
            figure = cell.metadata["mystnb"]
            assert figure["figure"]["caption"].endswith(".") and figure["figure"]["name"]
            assert len(figure["image"]["alt"]) > 40
            assert "hide-input" in tags_of(cell), cell.source


def test_a_chapter_writes_no_key_and_enters_results_by_keywords(chapter):
    code = "\n".join(cell.source for cell in code_cells(chapter))
    assert not re.search(r"\bstore\.(?!(kept|root)\b)", code), "`store.kept` is the one way to keep things"
    for call in ast.walk(ast.parse(convert.code_of(convert.notebook(chapter), chapter.name))):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "results.enter":
            assert len(call.args) == 3 and call.keywords, ast.unparse(call)


def test_text_is_plain_markdown(chapter):
    """Directives and roles would show as source text in Colab and on GitHub."""
    for cell in convert.notebook(chapter).cells:
        if cell.cell_type == "markdown":
            assert not re.search(r"^(```|:::)\{|\{[a-z:]+\}`", cell.source, re.M), cell.source


def test_a_chapter_opens_with_its_reader_and_closes_with_what_was_learned(chapter):
    text = chapter.read_text(encoding="utf-8")
    assert all(f"- **{word}**" in text for word in ("For", "Before", "After", "Time"))
    minutes = re.search(r"- \*\*Time\*\*(.*?)\n\n", text, re.S)[1]
    assert "to read" in minutes and "to run" in minutes
    closing = [text.index(f"\n## {title}\n") for title in ("Summary", "Quiz", "Exercises", "Read next")]
    assert closing == sorted(closing)
    assert re.search(r"\]\(\S+\.(ipynb|md)", text[closing[3] :]), "a link to what to read next"


def part(chapter, title):
    """Give the text of one of a chapter's sections."""
    return re.search(rf"\n## {title}\n(.*?)(\n## |\Z)", chapter.read_text(encoding="utf-8"), re.S)[1]


def test_a_summary_has_three_sentences(chapter):
    assert len(re.findall(r"[.?!](?=\s|$)", part(chapter, "Summary").strip())) == 3


def test_a_quiz_explains_every_answer_and_one_is_right(chapter):
    questions = re.split(r"\n\*\*\d+\. ", part(chapter, "Quiz"))[1:]
    assert 3 <= len(questions) <= 4
    places = []
    for text in questions:
        answers = re.findall(r"<details><summary>(.+?)</summary>(.+?)</details>", text)
        assert len(answers) >= 3 and len({said for said, _ in answers}) == len(answers), text
        assert len(answers) == text.count("<details>")
        right = [n for n, (_, why) in enumerate(answers) if why.startswith("Right. ")]
        assert len(right) == 1, text
        assert all(why.startswith(("Right. ", "No. ")) and len(why) > 30 for _, why in answers), text
        places += right
    assert len(set(places)) > 1, "the right answer is not always at the same place"


def test_an_exercise_has_a_starter_a_solution_and_a_check(chapter):
    exercises = re.split(r"\n### \d+\. ", part(chapter, "Exercises"))[1:]
    assert 2 <= len(exercises) <= 4
    for text in exercises:
        starter, solution, check = re.findall(r"```\{code-cell\} ipython3\n(.*?)```", text, re.S)
        (name,) = re.findall(r'selfcheck\.answer\(\s*"(\w+)"', check)
        assert re.search(rf"^{name} = \.\.\.  # \S", starter, re.M) and f"`{name}`" in text
        assert ":tags: [solution]" in solution and re.search(rf"^\s*{name}\b.*=", solution, re.M)
        assert ":tags: [self-check]" in check and check.count("lambda") >= 2


def test_what_prepares_a_colab_machine_stands_before_the_parameters_and_in_no_source(chapter):
    assert not re.search(r"google\.colab|^REAL_CELLS = ", chapter.read_text(encoding="utf-8"), re.M)
    expected = convert.COLAB.replace(convert.SOURCES_NAME, convert.repository())
    for made in (convert.notebook(chapter), convert.student(convert.notebook(chapter))):
        first, second = [cell for cell in made.cells if cell.cell_type == "code"][:2]
        assert (first.source, second.metadata["tags"]) == (expected, ["parameters"])


def test_what_only_colab_needs_is_not_run_elsewhere():
    before = set(sys.modules)
    exec(convert.COLAB, {"get_ipython": None})
    assert "google.colab" not in set(sys.modules) - before


def test_the_student_notebook_is_the_chapter_without_its_solutions(chapter):
    path = chapter.parent / "student" / f"{chapter.stem}.ipynb"
    committed = nbformat.read(path, as_version=4)
    nbformat.validate(committed)
    assert committed == convert.student(convert.notebook(chapter)), "run `make notebooks` and commit the result"
    assert len(committed.cells) == len(convert.notebook(chapter).cells) - len(solutions(chapter))
    for target in re.findall(r"\]\((\.\./[^)#]+)", "\n".join(cell.source for cell in committed.cells)):
        assert (path.parent / target).exists(), target


def solutions(chapter):
    return [cell for cell in code_cells(chapter) if convert.is_solution(cell)]


def test_no_solution_leaks_into_the_student_notebook(chapter):
    path = chapter.parent / "student" / f"{chapter.stem}.ipynb"
    shown = path.read_text(encoding="utf-8")
    taught = {line.strip() for cell in code_cells(chapter) if not convert.is_solution(cell) for line in lines_of(cell)}
    assert '"solution"' not in shown
    for cell in solutions(chapter):
        own = [line.strip() for line in lines_of(cell) if line.strip() not in taught and len(line.strip()) > 12]
        assert own, "a solution has lines of its own"
        assert [line for line in own if json.dumps(line)[1:-1] in shown] == []


def globals_of(code):
    """List the names that code binds for the cells after it, and those that it takes from there."""
    tables = [symtable.symtable(code, "cell", "exec")]
    bound = {s.get_name() for s in tables[0].get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()}
    used = set()
    for table in tables:  # which grows: functions, lambdas and comprehensions have tables of their own
        tables.extend(table.get_children())
        top = table is tables[0]
        used |= {s.get_name() for s in table.get_symbols() if s.is_referenced() and (top or s.is_global())}
    return bound, used


# The chapter is executed with its solutions. These two say that nothing changes for a student's cells without them, and
# that a reader need not open a folded cell.
@pytest.mark.parametrize("tag", ["solution", "hide-input"])
def test_no_cell_needs_a_name_that_only_a_solution_or_a_folded_cell_makes(chapter, tag):
    known = {*dir(builtins), "get_ipython", "display"}
    for cell in code_cells(chapter):
        if tag not in tags_of(cell):
            bound, used = globals_of(cell.source)
            known |= bound
            assert used <= known, f"{used - known} in:\n{cell.source}"


def test_a_student_notebook_looks_at_an_answer_only_to_check_it(chapter):
    """So on an unanswered starter every other line runs as in the chapter, and the check has nothing to check yet."""
    code = "\n".join(cell.source for cell in code_cells(chapter) if not convert.is_solution(cell))
    for name in re.findall(r"^(\w+) = \.\.\.  #", code, re.M):
        after = ast.parse(re.split(rf"^{name} = \.\.\.  #.*\n", code, flags=re.M)[1])
        looked = [node for node in ast.walk(after) if isinstance(node, ast.Name) and node.id == name]
        checks = [node for node in ast.walk(after) if isinstance(node, ast.Call) and is_check(node, name)]
        assert len(checks) == 1 and looked == [checks[0].args[1]], name


def is_check(call, name):
    """Tell whether a call is `selfcheck.answer("name", name, ...)`."""
    return ast.unparse(call).startswith(f"selfcheck.answer('{name}', {name}, ")


def lines_of(cell):
    return cell.source.splitlines()


def test_what_the_readme_points_at_is_there():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert target.startswith("https://") or (ROOT / target).exists(), target
