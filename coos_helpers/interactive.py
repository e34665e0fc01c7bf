"""Figures that answer to a click or a key without a kernel: a page holds all that they show.

Each is HTML with everything inside: pictures as one sheet in a data address, numbers as text, and the script of
`interactive.js`. Where scripts are off, what is drawn here stands as a still picture. Style: `interactive.css`.
"""

import base64
import io
import json
from html import escape
from pathlib import Path

import numpy as np
from IPython.display import HTML
from PIL import Image

from coos_helpers import metrics, plots

_FILES = Path(__file__)
SIDE = 64  # pixels of a cell
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # of linear red, green and blue
STILL = "Without scripts this is a still picture."


def severity(name, steps, images, classes, moved, features, errors, caption, at=0):
    """Let a reader turn up a shift: the same cells, what moved in their features, and the error; HTML.

    Parameters
    ----------
    name : of the shift; also makes the figure's id.
    steps : S words for the severities, such as "1 (2.3 um)".
    images : (S, C, 64, 64) in [0, 1]: the same C cells at each severity.
    classes : C names, one a cell.
    moved : (S, F) how far each feature moved, in training standard deviations.
    features : F names.
    errors : (S, 3) balanced error in percent and the ends of its interval.
    caption : of the figure, with data and profile.
    at : which severity is shown first, and in the still picture.
    """
    ident = f"severity-{_slug(name)}"
    sheet = _sheet(np.concatenate([np.concatenate(list(row), 1) for row in images], 0))
    moved, errors = np.asarray(moved, float), np.asarray(errors, float)
    data = {"steps": list(steps), "classes": list(classes), "moved": moved.round(3).tolist()}
    data |= {"errors": errors.round(1).tolist(), "points": _curve(errors), "name": name}
    cells = "".join(
        f'<li><span class="coos-cell" role="img" aria-label="{escape(c)} cell, severity {escape(steps[at])}"'
        f' style="--column:{n};--row:{at}"></span>{escape(c)}</li>'
        for n, c in enumerate(classes)
    )
    most = np.abs(moved).max() or 1
    bars = "".join(
        f'<tr><th scope="row">{escape(f)}</th><td><span class="coos-bar" style="--from:{min(v, 0) / most:.3f};'
        f'--to:{max(v, 0) / most:.3f}"></span></td><td class="coos-number">{v:+.2f}</td></tr>'
        for f, v in zip(features, moved[at], strict=True)
    )
    body = f"""
<p class="coos-control" hidden><label for="{ident}-slider">Severity of the shift in {escape(name)}</label>
<input id="{ident}-slider" type="range" min="0" max="{len(steps) - 1}" step="1" value="{at}"></p>
<p class="coos-state" aria-live="polite">{_said(steps[at], errors[at])}</p>
<ul class="coos-cells">{cells}</ul>
<div class="coos-panels"><table><caption>Mean movement of features (training sd)</caption>{bars}</table>
{_plot(errors, at, steps)}</div>"""
    return _figure(ident, "severity", body, data, sheet, (len(images[0]), len(steps)), caption)


def confusion(name, by_split, pictures, caption):
    """Draw confusion matrices whose cells open pictures of the errors; HTML.

    Parameters
    ----------
    name : of the model; also makes the figure's id.
    by_split : dict from split name to `Predictions`, one a matrix.
    pictures : function from a split name, a true and a called class to a list of (image, confidence), surest first;
        images (64, 64) in [0, 1], or None where there is none.
    caption : of the figure, with data and profile.
    """
    ident, tiles, data = f"confusion-{_slug(name)}", [], {}
    classes = next(iter(by_split.values())).class_names
    tables = []
    for split, p in by_split.items():
        counts = metrics.confusion_matrix(p.labels, p.predicted, len(classes))
        entries = {}
        for true, called in zip(*np.nonzero(counts * (1 - np.eye(len(classes), dtype=int))), strict=True):
            shown = [(i, s) for i, s in pictures(split, true, called) if i is not None]
            share = 100 * counts[true, called] / counts[true].sum()
            entries[f"{true}-{called}"] = {
                "said": f"{classes[true]} called {classes[called]}: {counts[true, called]} of {counts[true].sum()} "
                f"cells, {share:.1f} %",
                "cells": [[len(tiles) + n, f"{sure:.2f}"] for n, (_, sure) in enumerate(shown)],
            }
            tiles += [image for image, _ in shown]
        data[split] = entries
        common = metrics.common_errors(p.labels, p.predicted, len(classes), 1)
        still = entries[f"{common[0][0]}-{common[0][1]}"] if len(common) else None
        tables.append(_matrix(split, counts, classes, entries, still))
    across = 12
    empty = np.ones((SIDE, SIDE))
    tiles += [empty] * (-len(tiles) % across or (0 if tiles else across))
    rows = [np.concatenate(tiles[n : n + across], 1) for n in range(0, len(tiles), across)]
    options = "".join(f"<option>{escape(split)}</option>" for split in by_split)
    body = f"""
<p class="coos-control" hidden><label for="{ident}-split">Test set</label>
<select id="{ident}-split">{options}</select> Choose a number off the diagonal: arrow keys move, Enter opens.</p>
{"".join(tables)}"""
    return _figure(ident, "confusion", body, data, _sheet(np.concatenate(rows), "JPEG"), (across, len(rows)), caption)


def _matrix(split, counts, classes, entries, still):
    """Write one matrix as a table of buttons, with the pictures of its most common error under it."""
    heads = "".join(f'<th scope="col"><span>{escape(c)}</span></th>' for c in classes)
    rows = []
    for true, name in enumerate(classes):
        total, cells = counts[true].sum(), []
        for called in range(len(classes)):
            share = 100 * counts[true, called] / total if total else np.nan
            text = f"{share:.0f}" if total else "–"
            colour, ink = _shade(share / 100 if total else 0)
            entry = entries.get(f"{true}-{called}")
            if entry:
                text = (
                    f'<button type="button" data-pair="{true}-{called}" aria-pressed="{str(entry is still).lower()}" '
                    f'aria-label="{escape(entry["said"])}">{text}</button>'
                )
            cells.append(f'<td style="background:{colour};color:{ink}">{text}</td>')
        rows.append(f'<tr><th scope="row">{escape(name)}</th>{"".join(cells)}</tr>')
    shown, said = "", "No errors on this test set."
    if still:
        there = "The cells of which the model was surest:" if still["cells"] else "There are no pictures of them here."
        said = f"{still['said']}. {there}"
        shown = "".join(_tile(tile, sure) for tile, sure in still["cells"])
    return f"""<section data-split="{escape(split)}" aria-label="{escape(split)}">
<div class="coos-scroll" tabindex="0" role="region" aria-label="confusion matrix of {escape(split)}">
<table class="coos-matrix">
<caption>{escape(split)}: rows are true classes, columns what cells were called, in percent of the row</caption>
<thead><tr><td></td>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>
<p class="coos-state" aria-live="polite">{escape(said)}</p><ul class="coos-cells">{shown}</ul></section>"""


def _tile(tile, sure):
    column, row = tile % 12, tile // 12
    return (
        f'<li><span class="coos-cell" role="img" aria-label="cell, probability of the wrong answer {sure}" '
        f'style="--column:{column};--row:{row}"></span>{sure}</li>'
    )


def _figure(ident, kind, body, data, sheet, shape, caption):
    """Put a figure together: style, pictures, body, numbers and script."""
    style, script = (_FILES.with_suffix(suffix).read_text(encoding="utf-8") for suffix in (".css", ".js"))
    numbers = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
    return HTML(f"""<style>{style}
#{ident} .coos-cell {{ background-image: url({sheet}); --columns: {shape[0]}; --rows: {shape[1]}; }}</style>
<figure class="coos-figure" id="{ident}" data-kind="{kind}">{body}
<figcaption>{escape(caption)} <span class="coos-still">{STILL}</span></figcaption>
<script type="application/json">{numbers}</script></figure>
<script>{script}</script>""")


def _sheet(picture, form="PNG"):
    """Write a picture in [0, 1] as a data address."""
    file = io.BytesIO()
    pixels = np.rint(255 * np.clip(np.nan_to_num(picture), 0, 1)).astype(np.uint8)
    Image.fromarray(pixels).save(file, form, **({"quality": 85} if form == "JPEG" else {"optimize": True}))
    return f"data:image/{form.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"


def _shade(share):
    """Give ground and ink of a matrix's cell: blue for much, and the letters that stand off more (WCAG's contrast)."""
    colour = np.array(plots.plt.get_cmap("Blues")(share)[:3])
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    white, black = 1.05 / (0.05 + linear @ LUMINANCE), (0.05 + linear @ LUMINANCE) / 0.05
    return "#" + "".join(f"{round(255 * c):02x}" for c in colour), "#fff" if white >= black else "#000"


def _said(step, error):
    value, low, high = error
    return f"Severity {escape(str(step))}: balanced error {value:.1f} % (95 % interval {low:.1f} to {high:.1f})."


def _ticks(errors):
    """Choose round percentages from 0 to above the highest error."""
    top = max(np.nanmax(errors), 1)
    step = next(step for step in (1, 2, 5, 10, 20, 25) if 4 * step >= top or step == 25)
    return np.arange(0, top + step, step)


def _curve(errors):
    """Place the error curve's points in its drawing of 300 x 150: a list of (x, y, y of low, y of high)."""
    top = _ticks(errors)[-1]
    x = np.linspace(46, 290, len(errors))
    heights = 122 - 112 * errors / top
    return np.column_stack([x, heights]).round(1).tolist()


def _plot(errors, at, steps):
    """Draw the error against the severity, the current one ringed; SVG."""
    points = _curve(errors)
    line = " ".join(f"{x},{y}" for x, y, _, _ in points)
    bars = "".join(f'<path d="M{x} {low}V{high}" stroke="#D55E00"/>' for x, _, low, high in points)
    dots = "".join(f'<circle cx="{x}" cy="{y}" r="3" fill="#D55E00"/>' for x, y, _, _ in points)
    scale = _ticks(errors)
    ticks = "".join(
        f'<text x="40" y="{122 - 112 * v / scale[-1] + 4:.0f}" text-anchor="end">{v:g}</text>' for v in scale
    )
    names = "".join(
        f'<text x="{p[0]}" y="136" text-anchor="middle">{escape(s.split()[0])}</text>'
        for p, s in zip(points, map(str, steps), strict=True)
    )
    return f"""<svg viewBox="0 0 300 150" role="img" aria-label="balanced error against severity">
<path d="M42 6V122H296" fill="none" stroke="#555"/>{ticks}{names}
<text x="168" y="148" text-anchor="middle">severity</text>
<text x="10" y="64" text-anchor="middle" transform="rotate(-90 10 64)">balanced error (%)</text>
<polyline points="{line}" fill="none" stroke="#D55E00" stroke-width="1.5"/>{bars}{dots}
<circle class="coos-here" cx="{points[at][0]}" cy="{points[at][1]}" r="7" fill="none" stroke="#14181e"/></svg>"""


def _slug(name):
    return "".join(c if c.isalnum() else "-" for c in name.lower()).strip("-")
