"""The built pages in a browser: wide and narrow, light and dark, by mouse, by keyboard and without scripts.

Needs Chromium, the distribution's or Playwright's own (`.venv/bin/playwright install chromium`); skipped without.
"""

import re
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import axe_playwright_python
import numpy as np
import pytest
from playwright.sync_api import Error, sync_playwright

from coos_helpers.plots import interactive

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
WEIGHT = 5e6  # bytes that a page may load, all in all
#: Boxes that scroll by themselves.
SCROLL = ".figure-box, .output, .wide-table, .highlight, .math, .coos-scroll, .pst-scrollable-table-container"
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
#: What axe-core is asked. Colours take it most of the time, and in the dark nothing but them differs.
ALL, COLOURS = {}, {"runOnly": ["color-contrast"]}
WITHOUT_COLOURS = {"rules": {"color-contrast": {"enabled": False}}}
#: One page of each kind: on a phone axe-core looks at these, as there only the width differs.
KINDS = [
    "search.html", "book/intro.html", "book/glossary.html", "book/paper-and-ours.html",
    "notebooks/00-start-here.html", "notebooks/07-confusion-matrices.html", "notebooks/09-shift-laboratory.html",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    """Start a headless Chromium."""
    with sync_playwright() as playwright:
        known = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
        for path in (None, *filter(None, known)):
            try:
                started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
                break
            except Error:
                continue
        else:
            pytest.skip("no Chromium here: install the distribution's, or run .venv/bin/playwright install chromium")
        yield started
        started.close()


def opened(browser, **options):
    """Open a context that waits for an hour: what it waits for comes late on a busy machine."""
    context = browser.new_context(**options)
    context.set_default_timeout(3_600_000)
    return context


@pytest.fixture(scope="module")
def html(book):
    return book[0] / "_build" / "html"


@pytest.fixture(scope="module")
def server(html):
    """Serve the pages from this machine, at a port that is free."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(html))) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_address[1]}"
        listening.shutdown()


@pytest.fixture(scope="module")
def names(html):
    """List every page of the book."""
    pages = [
        path.relative_to(html).as_posix() for part in ("book", "notebooks") for path in (html / part).rglob("*.html")
    ]
    return ["search.html", "genindex.html", *sorted(pages)]


def goto(page, url):
    """Open an address and wait until it stands, a page that leads on to another included."""
    page.goto(url, wait_until="load")
    page.wait_for_selector("article, #search-results", state="attached")


def watched(context, home):
    """Open a page that notes what goes wrong on it and what it loads: (page, wrong, bytes by address)."""
    page, wrong, loaded = context.new_page(), [], {}
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: wrong.append(f"failed: {request.url[:200]}"))

    def note(response):
        if response.status >= 400 or not response.url.startswith((home, "data:", "blob:")):
            wrong.append(f"{response.status}: {response.url[:200]}")
        elif not response.url.startswith("data:"):
            loaded[response.url] = int(response.headers.get("content-length", 0))

    page.on("response", note)
    return page, wrong, loaded


def serious(page, rules):
    """List what axe-core finds serious or critical on a page, with the place."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("rules => axe.run(document, {resultTypes: ['violations'], ...rules})", rules)["violations"]
    return [
        f"{rule['id']}: {node['html'][:160]} ({node['failureSummary'][:300]})"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize(
    "scheme, colours_of",
    [
        ("light", "kinds"),
        ("dark", "kinds"),
        *(pytest.param(s, "all", marks=pytest.mark.slow) for s in ("light", "dark")),
    ],
)
def test_every_page_is_whole_light_and_accessible(browser, server, names, scheme, colours_of):
    """Colours take axe-core most of the time, and pages of a kind have the same: the long form looks at all of them."""
    context = opened(browser, viewport=WIDE, color_scheme=scheme)
    page, wrong, loaded = watched(context, server)
    found = {}
    for name in names:
        wrong.clear()
        loaded.clear()
        goto(page, f"{server}/{name}")
        coloured = colours_of == "all" or name in KINDS
        rules = [COLOURS] * coloured if scheme == "dark" else [ALL if coloured else WITHOUT_COLOURS]
        said = [*wrong, *(line for asked in rules for line in serious(page, asked))]
        if sum(loaded.values()) > WEIGHT:
            said.append(f"{sum(loaded.values()) / 1e6:.1f} MB")
        if page.evaluate("document.documentElement.dataset.theme") != scheme:
            said.append("the other theme")
        if said:
            found[name] = said
    context.close()
    assert not found, "\n".join(f"{name}: {line}" for name, lines in found.items() for line in lines)


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_every_page_fits_a_phone_and_is_accessible_there(browser, server, names, scheme):
    context = opened(browser, viewport=NARROW, device_scale_factor=2, has_touch=True, color_scheme=scheme)
    page, wrong, _ = watched(context, server)
    found = {}
    for name in names:
        wrong.clear()
        goto(page, f"{server}/{name}")
        width = page.evaluate("document.documentElement.scrollWidth")
        beyond = page.evaluate(
            "boxes => [...document.querySelectorAll('.bd-article *')]"
            ".filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(boxes))"
            ".slice(0, 3).map(e => e.outerHTML.slice(0, 120))",
            SCROLL,
        )
        said = [*wrong, *(f"too wide: {element}" for element in beyond)]
        said += serious(page, ALL) if name in KINDS else []
        if width > NARROW["width"]:
            said.append(f"scrolls sideways: {width} px")
        if page.evaluate("document.documentElement.dataset.theme") != scheme:
            said.append("the other theme")
        if said:
            found[name] = said
    context.close()
    assert set(KINDS) <= set(names)
    assert not found, "\n".join(f"{name}: {line}" for name, lines in found.items() for line in lines)


def test_the_pages_open_from_a_folder_and_the_search_works_there(browser, html, names):
    context = opened(browser, viewport=WIDE)
    page, wrong, _ = watched(context, "file://")
    for name in ("index.html", "notebooks/07-confusion-matrices.html"):
        goto(page, (html / name).as_uri())
    page.goto((html / "search.html").as_uri() + "?q=balanced+error")
    page.wait_for_selector("#search-results li")
    context.close()
    assert wrong == []


def test_the_search_finds_the_balanced_error(browser, server):
    context = opened(browser, viewport=WIDE)
    page, wrong, _ = watched(context, server)
    page.goto(f"{server}/search.html?q=balanced+error")
    page.wait_for_selector("#search-results li")
    found = page.locator("#search-results li a").all_inner_texts()
    context.close()
    assert len(found) >= 5 and any("Texture" in title for title in found) and wrong == []


def test_the_finding_and_the_doors_are_on_the_first_screen(browser, server):
    context = opened(browser, viewport=WIDE)
    page = context.new_page()
    goto(page, server)
    bottom = page.evaluate(
        "Math.max(...[...document.querySelectorAll('.landing img, .doors .sd-card')]"
        ".map(e => e.getBoundingClientRect().bottom))"
    )
    doors = page.locator(".doors .sd-card").all_inner_texts()
    context.close()
    assert len(doors) == 4 and bottom <= WIDE["height"]


def test_the_severity_slider_moves_cells_features_and_error(browser, server):
    context = opened(browser, viewport=WIDE)
    page, wrong, _ = watched(context, server)
    page.goto(f"{server}/notebooks/09-shift-laboratory.html")
    figure = page.locator('.coos-figure[data-kind="severity"]')
    slider = figure.locator("input")
    state = lambda: (  # noqa: E731
        figure.locator(".coos-state").inner_text(),
        figure.locator(".coos-cell").first.get_attribute("style"),
        figure.locator(".coos-number").all_inner_texts(),
        figure.locator(".coos-here").get_attribute("cx"),
    )
    before = state()
    slider.focus()
    page.keyboard.press("Home")
    least = state()
    assert least[0].startswith("Severity 0 ") and set(least[2]) == {"+0.00"}
    page.keyboard.press("ArrowRight")
    assert state()[0].startswith("Severity 0.5 ")
    page.keyboard.press("End")
    assert all(a != b for a, b in zip(state(), before, strict=True)) and wrong == []
    context.close()


def test_a_matrix_opens_the_cells_behind_a_number_by_mouse_and_by_keyboard(browser, server):
    context = opened(browser, viewport=WIDE)
    page, wrong, _ = watched(context, server)
    page.goto(f"{server}/notebooks/07-confusion-matrices.html")
    figure = page.locator('.coos-figure[data-kind="confusion"]')
    sets = figure.locator("select option").all_inner_texts()
    assert len(sets) == 3 and figure.locator("section:visible").count() == 1
    figure.locator("select").select_option(sets[-1])
    shown = figure.locator("section:visible")
    assert shown.get_attribute("data-split") == sets[-1]
    pair = shown.locator('button[aria-pressed="false"]').first.get_attribute("data-pair")
    button = shown.locator(f'button[data-pair="{pair}"]')
    button.click()
    said = shown.locator(".coos-state").inner_text()
    assert button.get_attribute("aria-label") in said
    count = int(re.search(r": (\d+) of", said)[1])
    assert shown.locator("ul li").count() == min(count, 6)
    before = page.evaluate("document.activeElement.dataset.pair")
    for key in ("ArrowDown", "ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.dataset.pair") != before
    page.keyboard.press("Enter")
    assert (
        page.evaluate("document.activeElement.getAttribute('aria-label')") in shown.locator(".coos-state").inner_text()
    )
    assert shown.locator('button[tabindex="0"]').count() == 1 and wrong == []
    context.close()


SPARSE = [(0, 3), (2, 1), (4, 0), (4, 3)]  # a matrix's errors, with nothing beside some of them


@pytest.fixture
def sparse(browser):
    """Open a page with a matrix that has few errors, its one tab stop in focus."""
    true, called = np.array([*SPARSE, *[(k, k) for k in range(5)]]).T
    errors = SimpleNamespace(labels=true, predicted=called, class_names=tuple("ABCDE"))
    context = opened(browser, viewport=WIDE)
    page = context.new_page()
    page.set_content(interactive.confusion("sparse", {"test1": errors}, lambda *_: [], "Caption.").data)
    page.locator('button[tabindex="0"]').focus()
    yield page
    context.close()


def focused(page):
    """Name the error whose button has the focus; no other button may be in the tab order."""
    assert page.locator('button[tabindex="0"]').count() == 1
    assert page.evaluate("document.activeElement.tabIndex") == 0
    return tuple(map(int, page.evaluate("document.activeElement.dataset.pair").split("-")))


def test_every_button_of_a_sparse_matrix_can_be_reached_by_keys(sparse):
    for start in SPARSE:
        sparse.locator(f'button[data-pair="{start[0]}-{start[1]}"]').click()
        reached = {focused(sparse)}
        for key in ("ArrowLeft", "ArrowRight"):
            for _ in SPARSE:
                sparse.keyboard.press(key)
                reached.add(focused(sparse))
        assert reached == set(SPARSE), start


@pytest.mark.parametrize(("start", "key", "end"), [((2, 1), "ArrowUp", (0, 3)), ((2, 1), "ArrowDown", (4, 0))])
def test_an_arrow_without_a_button_on_its_line_goes_on_in_reading_order(sparse, start, key, end):
    sparse.locator(f'button[data-pair="{start[0]}-{start[1]}"]').click()
    sparse.keyboard.press(key)
    assert focused(sparse) == end


def test_an_arrow_keeps_to_its_line_where_there_is_a_button_on_it(sparse):
    sparse.locator('button[data-pair="0-3"]').click()
    sparse.keyboard.press("ArrowDown")
    assert focused(sparse) == (4, 3)
    sparse.keyboard.press("ArrowLeft")
    assert focused(sparse) == (4, 0)


def test_without_scripts_the_interactive_figures_are_still_pictures(browser, server):
    context = opened(browser, viewport=WIDE, java_script_enabled=False)
    page = context.new_page()
    for name in ("07-confusion-matrices", "09-shift-laboratory"):
        page.goto(f"{server}/notebooks/{name}.html")
        figure = page.locator(".coos-figure")
        assert figure.locator(".coos-control").is_hidden() and figure.locator(".coos-still").is_visible()
        assert figure.locator(".coos-cell").first.is_visible() and figure.locator(".coos-state").first.inner_text()
    context.close()


def test_a_solution_is_folded_and_opens(browser, server):
    context = opened(browser, viewport=WIDE)
    page = context.new_page()
    page.goto(f"{server}/notebooks/00-start-here.html")
    folded = page.locator("details", has=page.get_by_text("Show a solution"))
    assert folded.count() == 2 and not folded.first.locator("pre").first.is_visible()
    folded.first.locator("summary").click()
    assert folded.first.locator("pre").first.is_visible()
    context.close()


def test_a_quiz_answers_without_a_kernel_or_a_script(browser, server):
    context = opened(browser, viewport=WIDE, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{server}/notebooks/00-start-here.html")
    answer = page.locator("details", has_text="Right.").first
    assert "Right." not in answer.inner_text()
    answer.locator("summary").click()
    assert "Right." in answer.inner_text()
    context.close()
