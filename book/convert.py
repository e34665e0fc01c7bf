"""Make the notebooks that are committed: a chapter's from its Markdown, and a student's from that.

notebooks/NN.md -> notebooks/NN.ipynb -> notebooks/student/NN.ipynb, which has no solutions
"""

import ast
import shutil
import time
from hashlib import blake2b
from pathlib import Path

import jupytext
import nbformat
import yaml
from IPython.core.inputtransformer2 import TransformerManager

from coos_helpers import store

ROOT = Path(__file__).resolve().parent.parent
KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}

#: The repository that the sources name. `_config.yml` says which one this copy of them lies in.
SOURCES_NAME = "coos7-book/coos7-book"

#: How a page folds a cell, by its tag: the tag that MyST-NB acts on, and what to click. In notebooks, on Colab above
#: all, these are ordinary cells; only a solution is closed there as well.
FOLDED = {
    "colab": ("hide-cell", "Show what prepares a Colab machine", "Hide what prepares a Colab machine"),
    "self-check": ("hide-input", "Show the check", "Hide the check"),
    "solution": ("hide-cell", "Show a solution", "Hide the solution"),
    "hide-input": ("hide-input", "Show the code", "Hide the code"),
}

#: The cell that prepares a Colab machine. Every notebook gets it before its parameters; no Markdown source has it.
COLAB = f"""REAL_CELLS = False  # on Colab, True fetches COOS-7: 4.3 GB
DRIVE = False  # True keeps them on your Google Drive for next time

import sys

if "google.colab" in sys.modules:  # elsewhere this cell does nothing
    repository = "https://github.com/{SOURCES_NAME}"
    get_ipython().run_line_magic("pip", f"install -q --no-deps git+{{repository}}")
    from coos_helpers.notebook import colab

    colab.start(REAL_CELLS, DRIVE)"""

STUDENT = """**Student notebook.** Exercises are at the end, with a cell for your answer and a cell that checks it.
Solutions are in the book, in the chapter of the same name."""


def chapters(root=ROOT):
    """List the notebooks of the table of contents, in order."""
    toc = yaml.safe_load((root / "book" / "_toc.yml").read_text(encoding="utf-8"))
    pages = [page["file"] for part in toc["parts"] for page in part["chapters"]]
    return [page for page in pages if page.startswith("notebooks/")]


def repository(root=ROOT):
    """Name the repository as `owner/name`: the one place is `repository: url` of `_config.yml`.

    Raises
    ------
    ValueError : the address is not one of GitHub, from where Colab opens notebooks.
    """
    url = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]
    return slug(url, "_config.yml, repository: url")


def slug(url, where):
    """Take `owner/name` from a repository's address; ValueError where it is none of GitHub."""
    parts = str(url).removesuffix("/").removesuffix(".git").split("/")
    if parts[:3] != ["https:", "", "github.com"] or len(parts) != 5 or not all(parts[3:]):
        raise ValueError(f"{where}: found {url!r}; expected https://github.com/OWNER/NAME, which Colab can open.")
    return "/".join(parts[3:])


def notebook(source):
    """Make the clean notebook of a chapter's Markdown: no outputs, cell ids that depend on the place alone."""
    made = jupytext.reads(source.read_text(encoding="utf-8"), fmt="md:myst")
    reads = made.metadata.get("reads", [])
    first = next((n for n, cell in enumerate(made.cells) if cell.cell_type == "code"), len(made.cells))
    made.cells.insert(first, nbformat.v4.new_code_cell(COLAB, metadata={"tags": ["colab"]}))
    name = repository()
    for number, cell in enumerate(made.cells):
        cell.id = f"{source.stem}-{number:03d}"
        cell.source = cell.source.replace(SOURCES_NAME, name)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            fold(cell)
    made.metadata = nbformat.from_dict({"kernelspec": KERNELSPEC, "language_info": {"name": "python"}})
    if reads:
        made.metadata["reads"] = reads
    made.metadata["made_from"] = f"{source.name}: edit that, this file is written from it"
    made.metadata["content"] = content(made)
    made.nbformat, made.nbformat_minor = 4, 5
    return made


def fold(cell):
    """Say in a cell's metadata how a page folds it, if one of its tags is in `FOLDED`."""
    tags = cell.metadata.get("tags", [])
    for tag in [tag for tag in FOLDED if tag in tags][:1]:
        folding, show, hide = FOLDED[tag]
        if folding not in tags:
            tags.append(folding)
        prompts = {"code_prompt_show": show, "code_prompt_hide": hide}
        cell.metadata["mystnb"] = prompts | cell.metadata.get("mystnb", {})
    if is_solution(cell):
        cell.metadata["jupyter"] = {"source_hidden": True}  # JupyterLab's own folding


def is_solution(cell):
    """Tell whether a cell is the solution of an exercise."""
    return "solution" in cell.metadata.get("tags", [])


def student(made):
    """Make a chapter's student notebook: everything but the solutions; links go one folder further up."""
    made = nbformat.from_dict(made)
    made.cells = [cell for cell in made.cells if not is_solution(cell)]
    for cell in made.cells:
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace("](../", "](../../")
    made.cells[0].source += f"\n\n{STUDENT}"
    made.metadata["content"] = content(made)
    return made


def content(made):
    """Condense a notebook's cells, without outputs, into a digest."""
    cells = [(cell.cell_type, cell.source) for cell in made.cells]
    return blake2b(repr(cells).encode(), digest_size=8).hexdigest()


def code_of(made, name):
    """Join a notebook's code as plain Python, or say which cell is none."""
    parts = []
    for number, cell in enumerate(c for c in made.cells if c.cell_type == "code"):
        code = TransformerManager().transform_cell(cell.source)  # %magics and !commands become calls
        try:
            ast.parse(code)
        except SyntaxError as error:
            line = cell.source.splitlines()[min(error.lineno, len(cell.source.splitlines())) - 1]
            raise ValueError(f"{name}, code cell {number + 1}, line {error.lineno}: {error.msg}: {line}") from None
        parts.append(code)
    return "\n".join(parts)


def convert(source):
    """Write a chapter's clean `.ipynb` beside its `.md`, and the student's."""
    made = notebook(source)
    write(made, source.with_suffix(".ipynb"))
    write(student(made), source.parent / "student" / f"{source.stem}.ipynb")


def write(made, target):
    """Write a clean notebook; a copy that somebody edited is put aside, not overwritten."""
    text = nbformat.writes(made) + "\n"
    if target.exists():
        if target.read_text(encoding="utf-8") == text:
            return
        old = nbformat.read(target, as_version=4)
        if content(old) not in (old.metadata.get("content"), made.metadata["content"]):
            aside = store.root() / "edited" / f"{target.stem}-{time.strftime('%Y%m%d-%H%M%S')}.ipynb"
            aside.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(target, aside)
            print(f"   {target} had edits of its own, which are kept in {aside}. The source is {target.stem}.md.")
    with store.atomic(target) as file:
        file.write(text.encode())
    print(f"   wrote {target.parent.name}/{target.name}")
