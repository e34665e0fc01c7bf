"""A page on one classifier, from the numbers of its score alone: it opens anywhere, offline, on a phone as well."""

import re
from html import escape
from pathlib import Path
from string import Template

import pandas as pd

from coos_helpers.plots.report_figures import SURE, figures, numbers, tests
from coos_helpers.plots.static import table
from coos_helpers.results.card import ENOUGH, limits

PAGE = Template(Path(__file__).with_name("report.html").read_text(encoding="utf-8"))
STYLE = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
EMPTY = re.compile(r"<section>(?:(?!</section>|<table|<img).)*</section>\n*", re.DOTALL)  # has nothing to show

CALIBRATION = {
    "calibration error": ("error", "interval"),
    "if calibrated": ("if_calibrated", "if_calibrated_interval"),
    "too sure by": ("too_sure_by", "too_sure_by_interval"),
}

CAPTIONS = {
    "errors": "Balanced error on each test set with 95 % intervals: thick, other wells of these plates; thin, another "
    "plate.",
    "confusion": "Confusion matrices in percent of the true class. The two most common errors of each are framed.",
    "differences": "What changed from the first test set to another, in points of the true class. Framed: p below "
    "0.05 after Holm's correction for one matrix, whole wells exchanged.",
    "reliability": "Right cells against confidence, in 15 bins. Dashed: a calibrated classifier.",
    "selective": "Right cells among those answered, if it may stay silent about the cells of which it is least sure.",
}


def page(score):
    """Write the report of a score.

    Parameters
    ----------
    score : dict as `results.score` gives it, or as `json.load` reads it again.

    Returns
    -------
    str, one HTML page with style and pictures in it; it asks no other file or host for anything.
    """
    about = score["about"]
    caption = f"Data: {about['source']}. Classifier: {about['name']}."
    drawn = figures(score, caption)
    parts = {name: _figure(name, drawn[name], score) if name in drawn else "" for name in CAPTIONS}
    parts |= {name: _table(*made, caption) for name, made in _tables(score).items()}
    missing = "" if drawn.get("reliability") else "<p>No probabilities were given, so nothing is said of them.</p>"
    words = {
        "style": STYLE,
        "title": escape(about["name"]),
        "source": escape(about["source"]),
        "sees": escape(about["sees"]["words"]),
        "memory": ' "Memory" is the training set.' * ("train" in score["splits"]),
        "date": about["date"],
        "versions": escape(", ".join(f"{name} {number}" for name, number in about["versions"].items())),
        "key": about["data_key"],
        "finding": escape(" ".join(_finding(score))),
        "notes": "".join(f"<li>{escape(note)}</li>" for note in limits(score)),
        "missing": missing,
    }
    return EMPTY.sub("", PAGE.substitute(words, **parts))


def interval(ends, digits=1):
    """Write an interval, or that it is unknown."""
    return "unknown" if ends is None else f"{ends[0]:.{digits}f} to {ends[1]:.{digits}f}"


def verdict(against):
    """Say which of two methods a paired interval shows to be better, for other wells of these plates."""
    low, high = against["other_wells"] or (None, None)
    return "unknown" if low is None else "better" if high < 0 else "worse" if low > 0 else "not shown"


def _finding(score):
    """Say the errors in a sentence, and in another how they compare with the baseline's."""
    names, base, said = tests(score), score["baseline"] or {"splits": {}}, []
    for name in names:
        error = score["splits"][name]["balanced_error"]
        said.append(
            f"{name} {error['value']:.1f}" + f" ({interval(error['other_wells'])})" * bool(error["other_wells"])
        )
    if names == ["train"]:
        yield f"Balanced error in percent: {said[0]}. That is memory of cells it has learned from."
    else:
        yield f"Balanced error in percent, with 95 % intervals for other wells of these plates: {', '.join(said)}."
    verdicts = {name: verdict(of) for name, of in base["splits"].items()}
    for found, words in (("better", "less"), ("worse", "more"), ("not shown", "neither surely less nor more")):
        if on := [name for name in verdicts if verdicts[name] == found]:
            yield f"It errs {words} than {base['name']} on {', '.join(on)}."


def _tables(score):
    """Give each table as a frame and its title."""
    names, splits, base = tests(score), score["splits"], score["baseline"]
    errors, worst, calibrated, sensitive = [], [], [], {}
    for name in splits:
        split, error = splits[name], splits[name]["balanced_error"]
        row = {"split": name, "cells": f"{split['cells']:,}", "wells a class": split["fewest_wells"] or "unknown"}
        narrow = " (too narrow)" if split["fewest_wells"] == 1 and error["other_wells"] else ""
        row |= {"error": error["value"], "other wells": interval(error["other_wells"]) + narrow}
        errors.append(row | {"another plate": interval(error["another_plate"])})
        if name == "train":
            errors[-1] |= {"other wells": "memory", "another plate": "memory"}
        if name not in names:
            continue
        well, k = split["worst_well"], split["worst_class"]
        row = {"split": name, "worst class": k["class"], "its error": k["error"], "by luck of wells": k["by_chance"]}
        well = well or {"well": "no well has 10 cells", "error": None, "by_chance": None}
        row |= {"worst well": well["well"], "error there": well["error"], "by chance": well["by_chance"]}
        worst.append(row)
        sensitive[name] = [_sensitivity(one) for one in split["sensitivities"]]
        if c := split["calibration"]:
            calibrated.append({"split": name} | {title: _with_ends(c, *parts) for title, parts in CALIBRATION.items()})
    made = {
        "error_table": (pd.DataFrame(errors), "Balanced error (%), with 95 % intervals."),
        "sensitivity_table": (
            pd.DataFrame({"class": score["about"]["classes"], **sensitive}),
            "Sensitivity (%) of each class, with 95 % intervals over wells of these plates.",
        ),
        "worst_table": (pd.DataFrame(worst), "Errors (%) of the worst class and the worst well, beside luck alone."),
        "calibration_table": (pd.DataFrame(calibrated), "Calibration (percent), with 95 % intervals."),
        "baseline_table": (_paired(base), f"Error less that of {base['name']} ({base['from']})." if base else ""),
    }
    return {name: (frame.astype(object).where(frame.notna(), None), title) for name, (frame, title) in made.items()}


def _with_ends(numbers, value, ends):
    return f"{numbers[value]:.1f} ({interval(numbers[ends])})"


def _sensitivity(one):
    """Write a class's sensitivity with its interval, or with its wells where these are too few for one."""
    if one["value"] is None:
        return "no cells"
    few = one["wells"] is not None and one["wells"] < ENOUGH
    ends = f"wells: {one['wells']}" if few or not one["interval"] else interval(one["interval"], 0)
    return f"{one['value']:.1f} ({ends})"


def _paired(base):
    rows = []
    for name, of in (base or {"splits": {}})["splits"].items():
        row = {"split": name, "its error": of["error"], "difference (points)": f"{of['difference']:+.1f}"}
        row |= {"other wells": interval(of["other_wells"]), "another plate": interval(of["another_plate"])}
        rows.append(row | {"on other wells": verdict(of)})
    return pd.DataFrame(rows)


def _table(frame, title, caption):
    """Write a table that scrolls by itself; nothing for an empty one."""
    if frame.empty:
        return ""
    shown = table(frame, title, caption).to_html()
    return f'<div class="wide" tabindex="0" role="region" aria-label="{escape(title)}">{shown}</div>'


def _figure(name, picture, score):
    """Write a figure with its caption, and in words what it shows; its data are named in the picture."""
    title = CAPTIONS[name] + " Crosses: the baseline." * bool(name == "errors" and score["baseline"])
    said = {"errors": _finding, "confusion": _confusions, "differences": _changes}.get(name, lambda _: ())
    alt = escape(f"{title} {' '.join(said(score))}")
    box = f'<div class="wide" tabindex="0" role="region" aria-label="figure of {name}, may scroll sideways">'
    picture = f'{box}<img src="{picture}" alt="{alt}"></div>'
    return f'<figure class="{name}">{picture}<figcaption>{escape(title)}</figcaption></figure>'


def _confusions(score):
    """Say which errors of each split are framed."""
    for name in tests(score):
        for one in score["splits"][name]["common_errors"]:
            yield f"{name}: {one['share']:.0f} % of {one['true']} called {one['called']}."


def _changes(score):
    """Say which changes are framed."""
    classes = score["about"]["classes"]
    for test in score["differences"]:
        change, p = numbers(test["difference"]), numbers(test["adjusted"])
        for true, called in zip(*(p < SURE).nonzero(), strict=True):
            yield f"{test['second']}: {change[true, called]:+.0f} points of {classes[true]} called {classes[called]}."
