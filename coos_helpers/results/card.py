"""A model card: a page on what a result is of, what it saw, how far it can be trusted, and what it is not for."""

from coos_helpers.results.select import by_method
from coos_helpers.results.tables import error_table

NEVER = (
    "Diagnosis, treatment, or any decision about a person, an animal or a drug.",
    "Cells of another kind, dye, microscope or laboratory, without test cells from there: how much is lost was "
    "measured for the test sets above and for nothing else.",
    "A claim about cells whose class nobody has checked: what is predicted is a class and no explanation.",
)
SIMULATED = "Any claim about COOS-7 or about real cells: these cells are simulated."
ALONE = "Errors on one data set cannot be set against errors on another."
ENOUGH = 5  # wells of a class: with fewer, an interval would say little
LICENCE = (
    "Commercial use of COOS-7's images: they are CC BY-NC 4.0, and whoever shows a number cites paper and data set."
)


def of_score(score):
    """Write the card of a classifier that was scored.

    Parameters
    ----------
    score : dict as `results.score` gives it.

    Returns
    -------
    str, Markdown.
    """
    about, rows = score["about"], []
    for name, split in score["splits"].items():
        error = split["balanced_error"]
        ends = [_ends(error[of]) for of in ("other_wells", "another_plate")]
        rows.append([name, split["cells"], f"{error['value']:.1f}", *(ends if name != "train" else ["memory"] * 2)])
    facts = {
        "Data": about["source"],
        "Classes": ", ".join(about["classes"]),
        "Cells": ", ".join(f"{name} {count:,}" for name, count in about["cells"].items()),
        "What it saw of the test cells": about["sees"]["words"],
        "Training, seed": "not known here: whoever made the classifier should add them",
        "Scored": f"{about['date']}, {_versions(about)}",
    }
    columns = ["split", "cells", "balanced error (%)", "other wells of these plates", "another plate"]
    return _page(about["name"], facts, columns, rows, limits(score), about["source"])


def limits(score):
    """List what the numbers of a score, a dict as `results.score` gives it, do not tell: sentences."""
    about, said = score["about"], [*score["about"]["notes"]]
    for name, split in score["splits"].items():
        if split["absent_classes"]:
            said.append(f"{name} has no cells of {', '.join(split['absent_classes'])}: its errors leave them out.")
        if name != "train" and split["fewest_wells"] is not None and split["fewest_wells"] < ENOUGH:
            few = f"In {name} a class has no more wells than {split['fewest_wells']}"
            said.append(f"{few}: too few for an interval that keeps its promise.")
        if name != "train" and split["balanced_error"]["another_plate"] is None:
            said.append(f"Of another plate than those of {name} nothing is known: no class has two plates there.")
    if not about["held_out_plates"]:
        said.append(
            "How plates vary is learned from the test sets alone: rows of the split train-by-plate, of training cells "
            "whose plate was held out, would add to it."
        )
    if about["sees"]["code"] == "labels":
        said.append("It saw labels of test cells, so its errors are a bound and no estimate.")
    return [*said, "One training: another of the same method may err otherwise.", ALONE]


def of_run(about, rows, title):
    """Write the card of the classifiers and networks of a run, such as those of one chapter or of a pack.

    Parameters
    ----------
    about : dict as `Results.about`. rows : dicts from split name to `Predictions`, of all trainings.
    title : what they are.

    Returns
    -------
    str, Markdown.
    """
    draws = by_method(filter(None, rows))
    some = {name: p for row in rows for name, p in row.items()}
    splits = [name for name in some if any(name in trainings[0] for trainings in draws)]
    shown = []
    for trainings in draws:
        errors = error_table(trainings).iloc[0]
        numbers = (f"{errors[name]:.1f}" if name in errors else "–" for name in splits)
        shown.append([errors["features"], errors["model"], len(trainings), *numbers])
    facts = {
        "Data": about["source"],
        "Classes": ", ".join(next(iter(some.values())).class_names) if some else "",
        "Cells": ", ".join(f"{name} {len(p.labels):,}" for name, p in some.items()),
        "Profile": about["profile"],
        "Seed": about["seed"],
        "What they saw of the test cells": "nothing: all was fitted to the training set and chosen by it",
        "Made": f"{about['made']} on {about['machine']}; {_versions(about)}",
    }
    limits = [ALONE, "Where a network was trained several times, its error is the mean."]
    if any(p.well is None for p in some.values()):
        limits.append("No wells are known of some splits: intervals are over cells there, and too narrow.")
    if about["profile"] != "paper":
        limits.append("Networks are narrower, and were trained for a shorter time, than the paper's.")
    return _page(title, facts, ["features", "model", "trainings", *splits], shown, limits, about["source"])


def _page(title, facts, columns, rows, limits, source):
    """Put a card together."""
    never = [*NEVER, *[SIMULATED] * source.startswith("simulated cells"), *[LICENCE] * source.startswith("COOS-7")]
    parts = [f"# Model card: {_cell(title)}", _table(["", ""], [[f"**{name}**", said] for name, said in facts.items()])]
    parts += ["## How well", "Balanced errors in percent, of the data above.", _table(columns, rows)]
    parts += ["## Limits", _list(limits)]
    return "\n\n".join([*parts, "## What it must not be used for", _list(never)]) + "\n"


def _table(columns, rows):
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(value):
    """Write a text so that it stays in its cell, and does nothing else."""
    return str(value).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _list(items):
    return "\n".join(f"- {_cell(item)}" for item in items)


def _ends(ends):
    return "unknown" if ends is None else f"{ends[0]:.1f} to {ends[1]:.1f}"


def _versions(about):
    return ", ".join(f"{name} {number}" for name, number in about.get("versions", {}).items())
