"""The whole book in the smoke profile: killed, continued, built, and its pages read."""

import os
import re
import shutil
from html.parser import HTMLParser
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from book_builder import ROOT, convert
from conftest import shared
from whole_book import run

from coos_helpers import runs
from coos_helpers.results import pack, read

INTERACTIVE = r'<figure class="coos-figure".*?</figure>'


def run_of(folder):
    """Open the smoke run in a book's folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COOS_BUILD", str(folder / "_build"))
        made, release = runs.start("simulated", "smoke")
    return SimpleNamespace(folder=folder / "_build" / "runs" / made.name, data=made.data, profile="smoke"), release


@pytest.fixture(scope="module")
def pages(book):
    html = book[0] / "_build" / "html"
    return {path: Page(path) for path in sorted(html.rglob("*.html")) if "_static" not in path.parts}


class Page(HTMLParser):
    """Collect a page's links, images and what it loads."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loaded, self.images, self.ids = [], [], [], set()
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if "id" in values:
            self.ids.add(values["id"])
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        if tag in ("script", "img", "iframe", "source") and values.get("src"):
            self.loaded.append(values["src"])
        if tag == "link" and values.get("rel") in ("stylesheet", "preload", "icon", "shortcut icon"):
            self.loaded.append(values["href"])
        if tag == "img":
            self.images.append(values)


def test_a_killed_build_goes_on_where_it_was(book):
    assert "02-texture: nothing changed" in book[1]
    assert "05-paired-cell-inpainting: executing" in book[1]


def test_it_ends_with_the_path_of_the_first_page(book):
    path = book[1].strip().splitlines()[-1]
    assert path == str(book[0] / "_build" / "html" / "index.html")
    assert os.path.exists(path)


def test_a_second_build_does_nothing(book):
    done = run(book[0])
    assert done.returncode == 0
    assert done.stdout.count("nothing changed") == len(convert.chapters()) + 1
    assert "executing" not in done.stdout and "Building" not in done.stdout


def test_no_page_asks_another_host_for_anything(pages):
    assert len(pages) >= 6
    for path, page in pages.items():
        assert [url for url in page.loaded if urlsplit(url).netloc] == [], path


def test_what_a_page_loads_and_links_is_there(pages):
    for path, page in pages.items():
        for url in page.loaded + page.links:
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.exists(), f"{path.name} points at {url}"
            if parts.fragment and target in pages:
                assert unquote(parts.fragment) in pages[target].ids, f"{path.name} points at {url}"


def test_every_figure_of_a_chapter_has_alt_text_and_names_its_data(pages):
    for path, page in pages.items():
        if path.parent.name != "notebooks":
            continue
        figures = [image for image in page.images if "_images/" in image["src"]]
        assert len(figures) >= (2 if path.stem.startswith("00") else 4)
        assert all(len(image["alt"]) > 40 for image in figures)
        captions = re.findall(r'<span class="caption-text">(.*?)</span>', page.text, re.S)
        captions = [caption for caption in captions if "Fig" not in caption and len(caption) > 60]
        assert len(captions) >= len(figures)
        assert all("simulated cells, not COOS-7" in caption for caption in captions)


def test_every_table_of_a_chapter_names_its_data(pages):
    chapters = [page for path, page in pages.items() if path.parent.name == "notebooks"]
    figures = [f for page in chapters for f in re.findall(INTERACTIVE, page.text, re.S)]
    assert len(figures) == 2  # their tables stand above one caption for all
    assert all("simulated cells, not COOS-7" in f.split("<figcaption>")[1] for f in figures)
    texts = [re.sub(INTERACTIVE, "", page.text, flags=re.S) for page in chapters]
    tables = [c for text in texts for c in re.findall(r"<caption>(.*?)</caption>", text, re.S)]
    assert len(tables) >= 6
    ours = [caption for caption in tables if "not computed here" not in caption]  # the paper's say so
    assert len(ours) >= len(tables) - len(convert.chapters())
    assert all("simulated cells, not COOS-7" in caption and "Profile: smoke" in caption for caption in ours)


def test_the_page_on_the_paper_and_ours_says_first_what_cannot_be_compared(pages):
    (text,) = [page.text for path, page in pages.items() if path.stem == "paper-and-ours"]
    first = re.search(r"</h1>\s*<p>(.*?)</p>", text, re.S)[1]
    assert first.startswith("<strong>No number of one data set can be set against a number of another")
    assert "simulated cells, not COOS-7, profile smoke" in text and "COOS-7 (the paper)" in text
    captions = re.findall(r"<caption>(.*?)</caption>", text, re.S)
    assert len(captions) == 7 and "cores" in captions[5] and "sentences hold" in captions[1]
    assert "profile evening" in captions[6] and "made 20" in captions[6], "what the repository brings along comes last"


def test_the_page_on_the_paper_and_ours_says_of_every_sentence_whether_it_holds_on_the_run(pages):
    (text,) = [page.text for path, page in pages.items() if path.stem == "paper-and-ours"]
    quotes = text.count("<blockquote")
    for profile in ("smoke", "evening"):
        run = rf"\(simulated cells, not COOS-7, profile {profile}"
        said = re.findall(rf"<strong>(Holds|Does not hold|Cannot be said)</strong> {run}", text)
        assert quotes == len(said) == 23


def places_of_this_machine(text):
    """List where text names this clone or what lies beside it; a clone at the root has everything beside it."""
    beside = [] if ROOT.parent == ROOT.parent.parent else [f"{ROOT.parent}{os.sep}"]
    return [place for place in (str(ROOT), *beside) if place in text]


def test_no_page_shows_an_error_or_a_path_of_this_machine(pages):
    for path, page in pages.items():
        assert "Traceback" not in page.text, path
        assert not places_of_this_machine(page.text), path


def test_a_notebook_that_can_be_downloaded_names_no_folder_of_this_machine(book):
    sources = list((book[0] / "_build" / "html" / "_sources" / "notebooks").glob("*.ipynb"))
    assert len(sources) == len(convert.chapters())
    for source in sources:
        text = source.read_text(encoding="utf-8")
        assert not places_of_this_machine(text) and str(book[0]) not in text and "injected-parameters" not in text


def test_every_solution_passes_its_own_check(book):
    for source in (book[0] / "_build" / "html" / "_sources" / "notebooks").glob("*.ipynb"):
        cells = nbformat.read(source, as_version=4).cells
        checks = [cell for cell in cells if "self-check" in cell.metadata.get("tags", [])]
        assert len(checks) >= 2
        for cell in checks:
            assert "".join(output.get("text", "") for output in cell.outputs).startswith("Right."), cell.source


def test_the_page_of_run_times_has_every_chapter(pages):
    (text,) = [page.text for path, page in pages.items() if path.stem == "run-times"]
    for chapter in convert.chapters():
        assert re.search(rf"{chapter.split('/')[1]}</p></td>\s*<td[^>]*><p>\d+ s", text), chapter


@pytest.fixture(scope="module")
def copied(book, tmp_path_factory):
    """Build a copy of the book once more, with a pack's results and as another repository: its pages, what was said."""
    place = tmp_path_factory.mktemp("copied")
    shutil.copytree(book[0] / "_build", place / "_build")
    pack.write(read.gather(*run_of(book[0])), place / "results.pack")
    done = run(place, "--pack", str(place / "results.pack"), "--repository", "https://github.com/somebody/cells")
    assert done.returncode == 0, done.stdout + done.stderr
    return place / "_build" / "html", done.stdout


def test_a_copy_of_the_repository_points_at_itself(copied):
    html, _ = copied
    for path in [*html.glob("notebooks/*.html"), *html.glob("book/*.html"), *html.glob("book/*/*.html")]:
        if path.name == "cite.html":
            continue  # what is cited stays what it is
        text = path.read_text(encoding="utf-8")
        assert "coos7-book/coos7-book" not in text and "github.com/somebody/cells" in text, path
    text = (html / "notebooks" / "02-texture.html").read_text(encoding="utf-8")
    assert "colab.research.google.com/github/somebody/cells/blob/main/notebooks/02-texture.ipynb" in text


def test_the_chapters_on_tables_build_from_a_pack(copied):
    html, said = copied
    assert "05-paired-cell-inpainting: nothing changed" in said and "09-shift-laboratory: nothing" in said
    for name in ("06-table-3", "07-confusion-matrices", "08-between-test-sets"):
        assert f"{name}: executing" in said
        text = (html / "notebooks" / f"{name}.html").read_text(encoding="utf-8")
        assert all("From a pack of" in f.split("<figcaption>")[1] for f in re.findall(INTERACTIVE, text, re.S))
        captions = re.findall(r"<caption>(.*?)</caption>", re.sub(INTERACTIVE, "", text, flags=re.S), re.S)
        ours = [caption for caption in captions if "not computed here" not in caption]
        assert ours and all("From a pack of" in caption for caption in ours)
        assert str(html.parents[1]) not in text


@pytest.mark.parametrize("address", ["https://gitlab.com/a/b", "somebody/cells", "https://github.com/somebody"])
def test_an_address_that_colab_cannot_open_is_one_clear_message(address, tmp_path):
    done = run(tmp_path, "--repository", address)
    assert done.returncode == 1 and "expected https://github.com/OWNER/NAME" in done.stderr
    assert "Traceback" not in done.stderr


def test_chapters_open_in_colab_at_the_committed_notebook(pages):
    for path, page in pages.items():
        if path.parent.name == "notebooks":
            links = {url for url in page.links if "colab.research.google.com" in url}
            ends = {url.partition("/blob/main/notebooks/")[2] for url in links}
            assert ends == {f"{path.stem}.ipynb", f"student/{path.stem}.ipynb"}
            assert all((ROOT / "notebooks" / end).exists() for end in ends)


def test_a_folder_without_a_release_is_one_clear_message(tmp_path):
    (tmp_path / "empty").mkdir()
    done = run(tmp_path, "--data", str(tmp_path / "empty"))
    assert done.returncode == 1
    assert "Error:" in done.stderr and "found no split" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_pages_of_networks_name_the_network_in_every_table(book, pages):
    known = shared("torch-home").is_dir()
    names = {
        "03-vgg16": "VGG16." if known else "VGG16 (untrained).",
        "04-deeploc": "DeepLoc (width 0.0625), half the resolution",
    }
    for chapter, name in names.items():
        (text,) = [page.text for path, page in pages.items() if path.stem == chapter]
        captions = re.findall(r"<caption>(.*?)</caption>", text, re.S)
        ours = [caption for caption in captions if "Lu et al. 2019" not in caption]
        assert len(ours) >= 4 and all(f"Network: {name}" in caption for caption in ours)


def test_a_file_that_is_no_pack_is_one_clear_message(tmp_path):
    (tmp_path / "notes.txt").write_text("not a pack")
    done = run(tmp_path, "--pack", str(tmp_path / "notes.txt"))
    assert done.returncode == 1 and "a file that `coos pack` wrote" in done.stderr and "Traceback" not in done.stderr
