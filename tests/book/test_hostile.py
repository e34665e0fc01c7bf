"""Text from a file is text on the pages: whatever a source or a class's name says, the pages are built and show it."""

import base64
import dataclasses
import html
import io
import re
import shutil

import matplotlib.pyplot as plt
import nbformat
import pandas as pd
import pytest
from book_builder import ROOT, build, convert, pages
from conftest import write_release
from hostile import CLASSES, SOURCES
from made_results import kept_row
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from coos_helpers import data, plots, results, runs, store
from coos_helpers.plots import interactive
from coos_helpers.runs import Run

TOC = "format: jb-book\nroot: book/intro\nchapters:\n- file: notebooks/01-a\n"
SHOWN = ("each.md", "sentences-runs.md", "sentence-all_drop.md", "sentences.md")
INTRO = "# A page\n" + "".join(f"\n```{{include}} _made/{name}\n```\n" for name in (*SHOWN, "run-times.md"))


def chapter(caption, names, by_split):
    """Make the cells of a chapter as executed: a figure, a table, an interactive figure and a printed line."""
    figure, ax = plt.subplots()
    ax.plot([1, 1000], [1, 1000], label=names[0])
    ax.set(xscale="log", title=names[1])
    ax.legend()
    plots.sign(figure, caption)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", bbox_inches="tight")
    plt.close(figure)
    png = base64.b64encode(picture.getvalue()).decode()
    table = plots.table(pd.DataFrame([names], columns=names[::-1]), "Names.", caption).to_html()
    drawn = interactive.confusion("knn", by_split, lambda *_: [], caption).data
    shown = [{"image/png": png}, {"text/html": table}, {"text/html": drawn}]
    cells = [new_code_cell("1", outputs=[new_output("display_data", found)]) for found in shown]
    cells[0].metadata["mystnb"] = {"figure": {"caption": "A figure."}, "image": {"alt": "A line."}}
    cells.append(new_code_cell("1", outputs=[new_output("stream", text=f"{caption}\n")]))
    return cells


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build a book of one page and one chapter in which every source and name stands wherever one can; their HTML."""
    plots.style()
    folder = tmp_path_factory.mktemp("hostile")
    release = data.open_release(write_release(folder / "cells", ("train", "test1"), attrs={"class_names": CLASSES}))
    run, made, abouts = Run(str(folder / "cells"), "smoke", {}), new_notebook(), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COOS_BUILD", str(folder / "_build"))
        row = kept_row(run, release)
        for number, source in enumerate(SOURCES.values()):
            split = dataclasses.replace(release["train"], source=data.validate.as_source(source))
            caption = runs.caption(run, {"train": split})
            part = new_notebook(cells=chapter(caption, split.class_names, {"test1": row["test1"]}))
            build.finish(part, "k", caption)
            made.cells += part.cells
            made.metadata = part.metadata
            said = dict.fromkeys(("source", "machine", "profile", "made"), split.source)
            abouts.append({"data": "x", "seed": 0, **said})
            timed = new_notebook(metadata={"run": abouts[-1] | {"data": split.source, "seconds": number}})
            path = store.root() / "runs" / f"{number}" / "notebooks" / "01-a.ipynb"
            path.parent.mkdir(parents=True)
            nbformat.write(timed, path)
        made.cells = [new_markdown_cell("# A chapter"), *made.cells]
        found = [results.Results(about, "", CLASSES, [row], [[row]], [], {}, None) for about in abouts]
        patch.setattr(pages.tables, "runs", lambda _: found)
        made_here = pages.paper_and_ours()
        extra = {name: made_here[name] for name in SHOWN} | {"run-times.md": pages.run_times()}
        for name, text in {"_toc.yml": TOC, "intro.md": INTRO}.items():
            (folder / "book").mkdir(exist_ok=True)
            (folder / "book" / name).write_text(text)
        for name in ("_ext", "_static"):
            shutil.copytree(
                ROOT / "book" / name, folder / "book" / name, ignore=shutil.ignore_patterns("mathjax", "__*")
            )
        for name in ("book/references.bib", "_config.yml", "constraints.txt"):
            shutil.copyfile(ROOT / name, folder / name)
        nbformat.write(made, folder / "01-a.ipynb")
        patch.setattr(build, "ROOT", folder)
        index = build.build([folder / "01-a.ipynb"], extra, convert.repository())
    return index.parent


@pytest.fixture(scope="module")
def chapter_page(site):
    return (site / "notebooks" / "01-a.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(site):
    return (site / "book" / "intro.html").read_text(encoding="utf-8")


def plain(text):
    """Take what a reader sees of HTML: without tags, blanks and the dashes that Sphinx joins."""
    return re.sub(r"[\s–—-]", "", html.unescape(re.sub(r"<[^>]*>", "", text)))


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())
def test_a_source_stands_on_the_pages_as_it_is(chapter_page, page, source):
    shown = plain(html.escape(data.validate.as_source(source)))
    captions = [plain(c) for c in re.findall(r'<span class="caption-text">(.*?)</span>', chapter_page, re.S)]
    assert f"Afigure.Data:{shown[:150]}" in "\n".join(captions)
    assert plain(chapter_page).count(shown[:150]) >= 4 and shown in plain(page)


def test_no_source_or_name_makes_a_script_a_link_or_a_formula(chapter_page, page):
    for text in (chapter_page, page):
        assert "<script>alert" not in text and "javascript:x" not in re.sub(r">[^<]*<", "><", text)
        assert "<b>ER" not in text and not re.search(r'href="[^"]*(x\.y|x\.org|a@b|nobody)', text)
    assert 'class="math ' not in chapter_page + page and "\x1b" not in chapter_page + page
    captions = re.findall(r'<span class="caption-text">(.*?)</span>', chapter_page, re.S)
    assert not [caption for caption in captions if "<" in caption]


def test_an_interactive_figure_reads_its_numbers_whole(chapter_page):
    found = re.findall(r'<script type="application/json">(.*?)</script>', chapter_page, re.S)
    assert len(found) == len(SOURCES) and all("<" not in numbers for numbers in found)


def test_tables_have_as_many_rows_and_columns_as_without_markup(page):
    header = next(h for h in re.findall(r"<thead>(.*?)</thead>", page, re.S) if "chapter" in h)
    assert header.count("<th") == 1 + len(SOURCES)
