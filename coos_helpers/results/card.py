"""A model card: a page on what a result is of, what it saw, how far it can be trusted, and what it is not for."""

from coos_helpers.results.tables import error_table

NEVER = (
    "Diagnosis, treatment, or any decision about a person, an animal or a drug.",
    "Cells of another kind, dye, microscope or laboratory, without test cells from there: how much is lost was "
    "measured for the test sets above and for nothing else.",
    "A claim about cells whose class nobody has checked: what is predicted is a class and no explanation.",
)
SIMULATED = "Any claim about COOS-7 or about real cells: these cells are simulated."
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
        "What it saw of the test cells": f"{about['sees']['words']} (level {about['sees']['level']} of 5)",
        "Training, seed": "not known here: whoever made the classifier should add them",
        "Scored": f"{about['date']}, {_versions(about)}",
    }
    columns = ["split", "cells", "balanced error (%)", "other wells of these plates", "another plate"]
    limits = [*about["notes"], "One training: another of the same method may err otherwise."]
    if about["sees"]["code"] == "labels":
        limits.append("It saw labels of test cells, so its errors are a bound and no estimate.")
    return _page(about["name"], facts, columns, rows, limits, about["source"])


def of_results(found):
    """Write the card of the results of a run, which a pack holds.

    Parameters
    ----------
    found : `Results`.

    Returns
    -------
    str, Markdown.
    """
    about = found.about
    table = error_table([row for trainings in found.draws for row in trainings])
    splits = [name for name in table.columns if name not in ("features", "model")]
    counts = {name: len(p.labels) for row in found.table for name, p in row.items()}
    rows = [
        [
            row["features"],
            row["model"],
            len(trainings),
            *(f"{row[name]:.1f}" if row[name] == row[name] else "–" for name in splits),
        ]
        for (_, row), trainings in zip(table.iterrows(), found.draws, strict=True)
    ]
    facts = {
        "Data": about["source"],
        "Classes": ", ".join(found.class_names),
        "Cells": ", ".join(f"{name} {count:,}" for name, count in counts.items()),
        "Profile": about["profile"],
        "Seed": about["seed"],
        "What they saw of the test cells": "nothing: all was fitted to the training set and chosen by it",
        "Made": f"{about['made']} on {about['machine']}; {_versions(about)}",
    }
    wells = all(p.well is not None for row in found.table for p in row.values())
    limits = ["Where a network was trained several times, its error is the mean."]
    limits += [] if wells else ["No wells are known of some splits: intervals are over cells there, and too narrow."]
    if about["profile"] != "paper":
        limits.append("Networks are narrower, and were trained for a shorter time, than the paper's.")
    columns = ["features", "model", "trainings", *splits]
    return _page("results of a run", facts, columns, rows, limits, about["source"])


def _page(title, facts, columns, rows, limits, source):
    """Put a card together."""
    never = [
        *NEVER,
        *([SIMULATED] if source.startswith("simulated cells") else []),
        *([LICENCE] if source.startswith("COOS-7") else []),
    ]
    parts = [f"# Model card: {_cell(title)}", _table(["", ""], [[f"**{name}**", said] for name, said in facts.items()])]
    parts += ["## How well", "Balanced errors in percent, of the data above.", _table(columns, rows)]
    parts += ["## Limits", _list([*limits, "Errors on one data set cannot be set against errors on another."])]
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
