"""Figures that answer to a click or a key without a kernel: a page holds all that they show.

Each is HTML with everything inside: pictures as one sheet in a data address, numbers as text, and the script of
`interactive.js`. Where scripts are off, what is drawn here stands as a still picture. Its parts are templates in
`interactive.html`, its style is `interactive.css`.
"""

import base64
import io
import json
import re
from html import escape
from pathlib import Path

import numpy as np
from IPython.display import HTML
from matplotlib import colormaps, colors
from PIL import Image

from coos_helpers.metrics.scores import common_errors, confusion_matrix
from coos_helpers.plots.axes import ink
from coos_helpers.plots.error_curve import curve

STYLE, SCRIPT, PARTS = (Path(__file__).with_suffix(s).read_text(encoding="utf-8") for s in (".css", ".js", ".html"))
PARTS = dict(re.findall(r"<!-- (\w+) -->\n(.*?)\n(?=<!--|\Z)", PARTS, re.S))
SIDE = 64  # pixels of a cell
ACROSS = 12  # cells in a row of the sheet of errors; `interactive.js` counts on it


def severity(name, steps, images, classes, moved, features, errors, caption, at=0):
    """Let a reader turn up a shift: the same cells, what moved in their features, and the error.

    Parameters
    ----------
    name : of the shift; also makes the figure's id.
    steps : S words for the severities, such as "1 (2.3 um)".
    images, classes : (S, C, 64, 64) in [0, 1], the same C cells at each severity, and C names, one a cell.
    moved, features : (S, F) how far each feature moved, in training standard deviations, and F names.
    errors : (S, 3) balanced error in percent and the ends of its interval.
    caption : of the figure, with data and profile.
    at : which severity is shown first, and in the still picture.

    Returns
    -------
    IPython HTML, whole in itself.
    """
    sheet = _sheet(np.concatenate([np.concatenate(list(row), 1) for row in images], 0))
    moved, errors = np.asarray(moved, float), np.asarray(errors, float)
    points, drawing = curve(errors, at, steps)
    data = {"steps": list(steps), "classes": list(classes), "moved": moved.round(3).tolist()}
    data |= {"errors": errors.round(1).tolist(), "points": points, "name": name}
    most = np.abs(moved).max() or 1
    body = {
        "name": escape(name),
        "last": len(steps) - 1,
        "at": at,
        "step": escape(steps[at]),
        "error": errors[at],
        "cells": "".join(_cell(f"{c} cell, severity {steps[at]}", n, at, c) for n, c in enumerate(classes)),
        "bars": "".join(
            _part("bar", name=escape(f), start=min(v, 0) / most, end=max(v, 0) / most, value=v)
            for f, v in zip(features, moved[at], strict=True)
        ),
        "curve": _part("curve", **drawing),
    }
    return _figure("severity", name, body, data, sheet, (len(images[0]), len(steps)), caption)


def confusion(name, by_split, pictures, caption):
    """Draw confusion matrices whose cells open pictures of the errors.

    Parameters
    ----------
    name : of the model; also makes the figure's id.
    by_split : dict from split name to `Predictions`, one a matrix.
    pictures : function from a split name, a true and a called class to a list of (image, confidence), surest first;
        images (64, 64) in [0, 1], or None where there is none.
    caption : of the figure, with data and profile.

    Returns
    -------
    IPython HTML, whole in itself.
    """
    tiles, data, tables = [], {}, []
    for split, p in by_split.items():
        counts = confusion_matrix(p.labels, p.predicted, len(p.class_names))
        data[split] = {}
        for true, called in zip(*np.nonzero(counts - np.diag(np.diag(counts))), strict=True):
            shown = [(image, sure) for image, sure in pictures(split, true, called) if image is not None]
            wrong, total = counts[true, called], counts[true].sum()
            data[split][f"{true}-{called}"] = {
                "said": f"{p.class_names[true]} called {p.class_names[called]}: {wrong} of {total} cells, "
                f"{100 * wrong / total:.1f} %",
                "cells": [[len(tiles) + n, f"{sure:.2f}"] for n, (_, sure) in enumerate(shown)],
            }
            tiles += [image for image, _ in shown]
        common = common_errors(p.labels, p.predicted, len(p.class_names), 1)
        still = data[split]["{}-{}".format(*common[0])] if common else None
        tables.append(_matrix(escape(split), counts, p.class_names, data[split], still))
    tiles += [np.ones((SIDE, SIDE))] * (-len(tiles) % ACROSS or (0 if tiles else ACROSS))
    rows = [np.concatenate(tiles[n : n + ACROSS], 1) for n in range(0, len(tiles), ACROSS)]
    body = {"options": "".join(f"<option>{escape(split)}</option>" for split in by_split), "tables": "".join(tables)}
    return _figure("confusion", name, body, data, _sheet(np.concatenate(rows), "JPEG"), (ACROSS, len(rows)), caption)


def _matrix(split, counts, classes, entries, still):
    """Write one matrix as a table of buttons, with the pictures of its most common error under it."""
    rows = ""
    for true, name in enumerate(classes):
        rows += f'<tr><th scope="row">{escape(name)}</th>'
        for called, share in enumerate(counts[true] / max(counts[true].sum(), 1)):
            text = f"{100 * share:.0f}" if counts[true].any() else "–"
            if entry := entries.get(pair := f"{true}-{called}"):
                pressed, said = str(entry is still).lower(), escape(entry["said"])
                text = _part("button", pair=pair, pressed=pressed, said=said, text=text)
            ground = colormaps["Blues"](share)
            rows += f'<td style="background:{colors.to_hex(ground)};color:{ink(ground)}">{text}</td>'
        rows += "</tr>"
    shown, said = "", "No errors on this test set."
    if still:
        there = "The cells of which the model was surest:" if still["cells"] else "There are no pictures of them here."
        said = f"{still['said']}. {there}"
        label = "cell, probability of the wrong answer "
        shown = "".join(_cell(label + sure, tile % ACROSS, tile // ACROSS, sure) for tile, sure in still["cells"])
    heads = "".join(f'<th scope="col"><span>{escape(c)}</span></th>' for c in classes)
    return _part("matrix", split=split, heads=heads, rows=rows, said=escape(said), shown=shown)


def _cell(label, column, row, text):
    """Show a cell from its place in the sheet, with words under it."""
    return _part("cell", label=escape(label), column=column, row=row, text=escape(text))


def _part(part, /, **filled):
    return PARTS[part].format(**filled)


def _figure(kind, name, body, data, sheet, shape, caption):
    """Put a figure together: style, pictures, body, numbers and script."""
    ident = f"{kind}-" + "".join(c if c.isalnum() else "-" for c in name.lower()).strip("-")
    numbers = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    words = {"ident": ident, "kind": kind, "body": _part(kind, ident=ident, **body), "caption": escape(caption)}
    looks = {"style": STYLE, "sheet": sheet, "columns": shape[0], "rows": shape[1]}
    return HTML(_part("figure", **words, **looks, numbers=numbers, script=SCRIPT))


def _sheet(picture, form="PNG"):
    """Write a picture in [0, 1] as a data address."""
    file = io.BytesIO()
    pixels = np.rint(255 * np.clip(np.nan_to_num(picture), 0, 1)).astype(np.uint8)
    Image.fromarray(pixels).save(file, form, **({"quality": 85} if form == "JPEG" else {"optimize": True}))
    return f"data:image/{form.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"
