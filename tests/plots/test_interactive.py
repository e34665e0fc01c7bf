"""What the interactive figures hold before any script runs: all numbers, all pictures, and nothing from elsewhere."""

import base64
import io
import json
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hostile import CLASSES as NAMES
from hostile import SOURCES
from PIL import Image

from coos_helpers.data.validate import as_source
from coos_helpers.plots import interactive

CLASSES = ("ER", "Golgi <b>", "Cytosol")
STEPS = ["0 (1 um)", "1 (2 um)", "2 (4 um)"]


def predictions(labels, predicted):
    return SimpleNamespace(labels=np.array(labels), predicted=np.array(predicted), class_names=CLASSES)


def pictures(split, true, called):
    return [(np.full((64, 64), (3 * true + called) / 9), 0.9 - 0.1 * n) for n in range(2)]


def drawn_confusion(pictures=pictures, **by_split):
    by_split = by_split or {
        "test1": predictions([0, 0, 0, 1, 1, 2], [0, 1, 1, 1, 2, 2]),
        "test3": predictions([0, 1], [2, 1]),
    }
    return interactive.confusion("DeepLoc, end to end", by_split, pictures, "Caption & data.").data


def drawn_severity(**changed):
    given = {
        "images": np.random.default_rng(0).random((3, 2, 64, 64)),
        "classes": CLASSES[:2],
        "moved": np.array([[0.0, 0.0], [0.5, -1.0], [1.0, -2.0]]),
        "features": ["contrast", "entropy"],
        "errors": np.array([[10, 8, 12], [20, 15, 25], [40, 30, 50.0]]),
    } | changed
    return interactive.severity("psf", STEPS, caption="Caption.", at=1, **given).data


def data_of(html):
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', html)[1])


def texts(data):
    """Go through all keys and texts of what JSON held."""
    for part in data.items() if isinstance(data, dict) else data:
        yield from [part] if isinstance(part, str) else texts(part) if isinstance(part, (list, tuple, dict)) else []


def sheet_of(html):
    return Image.open(io.BytesIO(base64.b64decode(re.search(r"base64,([^)]+)\)", html)[1])))


@pytest.mark.parametrize("drawn", [drawn_confusion, drawn_severity])
def test_nothing_is_asked_of_another_place_and_names_are_written_as_text(drawn):
    html = drawn()
    assert not re.search(r"https?://|\bsrc=|\bhref=|@import", html)
    assert [url[:10] for url in re.findall(r"url\(([^)]+)", html)] == ["data:image"]
    assert "Golgi &lt;b&gt;" in html and "<b>" not in html.replace("Golgi <b>", "")


@pytest.mark.parametrize("said", [*SOURCES.values(), *NAMES], ids=lambda said: repr(said)[:40])
def test_what_a_file_says_ends_no_script_and_opens_no_element(monkeypatch, said):
    said = as_source(said)[:300]
    plain = [drawn_confusion(), drawn_severity()]
    monkeypatch.setattr(sys.modules[__name__], "CLASSES", (said, f"{said} 2", "Cytosol"))
    split = {said: predictions([0, 0, 1], [0, 1, 1])}
    hostile = [
        interactive.confusion(said, split, pictures, said).data,
        drawn_severity(classes=CLASSES[:2], features=[said, "b"]),
    ]
    for html, without in zip(hostile, plain, strict=True):
        tags = [re.findall(r"<[/!]?([a-zA-Z-]+)", text) for text in (html, without)]
        assert set(tags[0]) == set(tags[1])
        assert said in [*texts(data_of(html))]


def test_every_kind_of_error_is_a_button_with_its_count_and_no_other_number_is():
    html = drawn_confusion()
    found = re.findall(r'data-pair="(\d-\d)" aria-pressed="(\w+)" aria-label="(.*?)">(\d+)', html)
    assert found == [
        ("0-1", "true", "ER called Golgi &lt;b&gt;: 2 of 3 cells, 66.7 %", "67"),
        ("1-2", "false", "Golgi &lt;b&gt; called Cytosol: 1 of 2 cells, 50.0 %", "50"),
        ("0-2", "true", "ER called Cytosol: 1 of 1 cells, 100.0 %", "100"),
    ]


def test_a_button_opens_pictures_of_its_own_error():
    html = drawn_confusion()
    sheet, entries = np.array(sheet_of(html)), data_of(html)
    for split, pairs in {"test1": ["0-1", "1-2"], "test3": ["0-2"]}.items():
        assert list(entries[split]) == pairs
        for pair in pairs:
            true, called = map(int, pair.split("-"))
            for n, (tile, sure) in enumerate(entries[split][pair]["cells"]):
                row, column = divmod(tile, 12)
                there = sheet[64 * row : 64 * row + 64, 64 * column : 64 * column + 64]
                assert abs(there.mean() - 255 * (3 * true + called) / 9) < 2 and sure == f"{0.9 - 0.1 * n:.2f}"


def test_without_scripts_the_most_common_error_stands_open():
    html = drawn_confusion()
    still = html[html.index('<p class="coos-state"') :]
    assert "ER called Golgi &lt;b&gt;: 2 of 3 cells" in still[:200] and still[: still.index("</ul>")].count("<li>") == 2
    assert html.count('class="coos-control" hidden') == 1


def test_a_factor_that_moves_nothing_can_be_drawn():
    html = drawn_severity(moved=np.zeros((3, 2)), errors=np.zeros((3, 3)))
    assert not re.search(r"[:>,\s\[]nan\b", html, re.I)


def test_pictures_that_a_pack_lacks_are_left_out():
    html = drawn_confusion(lambda *_: [(None, 0.9)])
    assert all(entry["cells"] == [] for entries in data_of(html).values() for entry in entries.values())
    assert sheet_of(html).size == (12 * 64, 64)


def test_a_classifier_without_errors_has_no_button_and_an_absent_class_dashes():
    html = drawn_confusion(test1=predictions([0, 1], [0, 1]))
    assert "<button" not in html and "No errors on this test set." in html
    last = html[html.index('<th scope="row">Cytosol') :]
    assert re.findall(r"<td[^>]*>(.*?)</td>", last[: last.index("</tr>")]) == ["–"] * 3


def test_the_sheet_has_the_cells_of_every_severity():
    images = np.zeros((3, 2, 64, 64))
    images += np.arange(6).reshape(3, 2, 1, 1) / 5
    sheet = np.array(sheet_of(drawn_severity(images=images)))
    assert sheet.shape == (3 * 64, 2 * 64)
    assert sheet.reshape(3, 64, 2, 64).mean((1, 3)).round().tolist() == [[0, 51], [102, 153], [204, 255]]


def test_the_slider_has_a_place_for_each_severity_and_begins_at_the_one_asked_for():
    html = drawn_severity()
    assert 'type="range" min="0" max="2" step="1" value="1"' in html
    assert "Severity 1 (2 um): balanced error 20.0 % (95 % interval 15.0 to 25.0)." in html
    assert "--from:0.000;--to:0.250" in html and "--from:-0.500;--to:0.000" in html
    found = data_of(html)
    assert found["steps"] == STEPS and found["moved"][2] == [1.0, -2.0] and found["errors"][0] == [10.0, 8.0, 12.0]


def test_the_ring_lies_on_the_current_point_of_the_curve():
    html, points = drawn_severity(), data_of(drawn_severity())["points"]
    assert f'class="coos-here" cx="{points[1][0]}" cy="{points[1][1]}"' in html
    assert html.count("<circle") == 4 and f'points="{" ".join(f"{x},{y}" for x, y, *_ in points)}"' in html
    heights = np.array(points)[:, 1:]  # downwards: the higher the error, the smaller
    assert (np.diff(heights[:, 0]) < 0).all() and (heights[:, 2] < heights[:, 0]).all()
    assert (heights[:, 0] < heights[:, 1]).all() and heights.min() > 0 and heights.max() < 122
