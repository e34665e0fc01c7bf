"""Read, check and draw the board of results: an entry a file in book/leaderboard, recomputed where it has a pack.

Run it on your entry before you send it: .venv/bin/python book/board.py book/leaderboard/NAME.json
"""

import json
import re
import sys
from html import escape
from pathlib import Path

import jsonschema

from coos_helpers.data.access import access
from coos_helpers.data.errors import DataError
from coos_helpers.results import method_intervals, pack
from coos_helpers.results.brought import with_training

HERE = Path(__file__).resolve().parent
ENTRIES = HERE / "leaderboard"
SCHEMA = json.loads((HERE / "leaderboard.schema.json").read_text(encoding="utf-8"))
LIKE = "Write it as the others in book/leaderboard are; the page on adding a result says what each field is for."
ROUNDED = 0.0501  # what rounding to one decimal may change


def read(path):
    """Read an entry and check all that can be checked: its fields, and its numbers where a pack lies beside it.

    Returns
    -------
    dict, as in the file.

    Raises
    ------
    DataError : a field is missing, unknown or of another kind, or a number is not what the predictions give.
    """
    path = Path(path)
    try:
        entry = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(path, "nothing there", "an entry of the board", LIKE) from None
    except ValueError as error:
        raise DataError(path, f"no JSON ({error})", "an entry of the board", LIKE) from None
    wrong = sorted(jsonschema.Draft202012Validator(SCHEMA).iter_errors(entry), key=lambda one: list(map(str, one.path)))
    if wrong:
        field = "/".join(map(str, wrong[0].path)) or "the entry"
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise DataError(path, f"{field}: {wrong[0].message[:200]}{more}", "what leaderboard.schema.json says", LIKE)
    if not entry["results"] and "said" not in entry:
        raise DataError(path, "no results, and nothing `said`", "one of them", LIKE)
    for split, one in entry["results"].items():
        for ends in (one[of] for of in ("other_wells", "another_plate") if of in one):
            if not ends[0] <= one["value"] <= ends[1]:
                found = f"{split}: {one['value']} outside its interval, {ends[0]} to {ends[1]}"
                raise DataError(path, found, "a number within its interval", "Look for a slip.")
    if "pack" in entry.get("predictions", {}):
        _recompute(path, entry)
    return entry


def _recompute(path, entry):
    """Compare an entry's numbers with those that its pack gives."""
    of, data = entry["predictions"], entry["data"]
    found = pack.read(path.parent / of["pack"])
    source = found.about["source"]
    wanted = data["name"]
    if wanted == "simulated":
        wanted = f"version={data['version']}, scale={float(data['scale'])}, seed={data['seed']})"
    if wanted not in source or (data["name"] != "simulated" and "not COOS-7" in source):
        raise DataError(
            path, f"predictions of {source}", f"those of {data['name']}, {wanted}", "Name the data rightly."
        )
    named = {(p.representation, p.classifier): rows for rows in found.draws for p in rows[0].values()}
    if (of["features"], of["model"]) not in named:
        there = "; ".join(", ".join(names) for names in named)
        raise DataError(path, f"the row {of['features']}, {of['model']}", f"one of the pack's: {there}", "Mend it.")
    rows = named[of["features"], of["model"]]
    known = [with_training(row, found.asides) for row in rows]
    if entry["protocol"]["metric"] != "balanced error":
        raise DataError(path, f"the metric {entry['protocol']['metric']}", "balanced error, as recomputed", "Mend it.")
    for split, one in entry["results"].items():
        if split not in rows[0]:
            raise DataError(path, f"a number of {split}", f"splits of the pack: {', '.join(rows[0])}", "Mend it.")
        said = [one["value"], *one.get("other_wells", ()), *one.get("another_plate", ())]
        again = _flat(one, method_intervals(known, split, ladders=found.ladders))
        if any(not abs(a - b) <= ROUNDED for a, b in zip(said, again, strict=True)):
            shown = " / ".join(f"{number:.1f}" for number in again)
            raise DataError(path, f"{split}: {said}", f"what its predictions give: {shown}", "Mend the numbers.")


def _flat(one, intervals):
    """List a number and those of its intervals that an entry has."""
    value, *ends = intervals
    parts = zip(("other_wells", "another_plate"), ends, strict=True)
    return [value, *(end for part, interval in parts if part in one for end in interval)]


def entries(folder=ENTRIES):
    """Read all entries, checked: a dict from a file's stem, in the order of the alphabet."""
    return {path.stem: read(path) for path in sorted(folder.glob("*.json"))}


def made(folder=ENTRIES):
    """Write the tables of the board's page: dict from a file's name to its bytes."""
    groups = {}
    for entry in entries(folder).values():
        data, metric = entry["data"], entry["protocol"]["metric"]
        name = data["name"]
        if name == "simulated":
            name = "simulated cells, not COOS-7 (version {version}, scale {scale}, seed {seed})".format(**data)
        elif name != "COOS-7":
            name = f"{name}, version {data['version']}"
        told = metric if entry["results"] else "no numbers of the splits"
        groups.setdefault((name, "other metrics" if told != "balanced error" else told), []).append(entry)
    order = sorted(groups, key=lambda key: (not key[0].startswith("COOS-7"), key[0], key[1] != "balanced error"))
    text = "\n".join(_table(f"{name}: {metric}", groups[name, metric]) for name, metric in order)
    return {"board.md": text.encode()}


def _table(title, rows):
    """Draw the entries of one data set as a table that a script sorts; what is the same in all stands above it."""
    splits = sorted({split for row in rows for split in row["results"]}, key=lambda name: (name != "train", name))
    one = {row["protocol"]["metric"] for row in rows} == {"balanced error"}
    columns = ["method", *(() if one else ("metric",)), *splits, "classifier", "saw of the test cells", "numbers"]
    columns += ["data version", "date", "links"]
    cells = [_row(row, splits, one) for row in rows]
    told = range(columns.index("classifier"), len(columns))  # a column of numbers stays, whatever they are
    alike = [n for n in told if len(rows) > 1 and len({row[n] for row in cells}) == 1]
    heads = "".join(f'<th scope="col">{escape(c)}</th>' for n, c in enumerate(columns) if n not in alike)
    body = "\n".join(f"<tr>{''.join(c for n, c in enumerate(row) if n not in alike)}</tr>" for row in cells)
    caption = f"{escape(title[0].upper() + title[1:])}{' (%)' if splits else ''}, {len(rows)} entries."
    caption += "".join(f" {columns[n].capitalize()}: {re.sub('</?td[^>]*>', '', cells[0][n])}." for n in alike)
    box = f'<div class="wide-table" tabindex="0" role="region" aria-label="{escape(title)}">'
    apart = {}
    for row in rows:
        said = f" Reported is {row['said']}." if "said" in row else ""
        apart.setdefault(f"not comparable in {row['not_comparable_in']}{said}", []).append(row["name"])
    notes = "".join(
        f"<li>{escape('All' if len(names) == len(rows) > 1 else ', '.join(names))}: {escape(text)}</li>"
        for text, names in apart.items()
    )
    table = f'<table class="table sortable"><caption>{caption}</caption>\n<thead><tr>{heads}</tr></thead>'
    return f"{box}\n{table}\n<tbody>\n{body}\n</tbody></table></div>\n<ul>{notes}</ul>\n"


def _row(row, splits, one):
    """Write one entry's cells, a list; numbers sort by themselves, and what is missing comes last."""
    protocol = row["protocol"]
    digits = max((len(str(of["value"]).partition(".")[2]) for of in row["results"].values()), default=0)
    cells = [f'<th scope="row">{escape(row["name"])}</th>']
    cells += [] if one else [f"<td>{escape(protocol['metric'])}</td>"]
    for split in splits:
        of = row["results"].get(split)
        cells.append(f'<td data-sort="{of["value"]}">{_number(of, digits)}</td>' if of else '<td data-sort="">–</td>')
    level = "" if row["sees"] == "not said" else access(row["sees"]).level
    saw = "not said" if row["sees"] == "not said" else access(row["sees"]).words
    links = ", ".join(f'<a href="{escape(url)}">{name}</a>' for name, url in row["links"].items())
    cells += [f"<td>{escape(protocol['classifier'])}</td>", f'<td data-sort="{level}">{escape(saw)}</td>']
    cells += [f"<td>{row['reported_by']}</td>", f"<td>{escape(row['data']['version'])}</td>", f"<td>{row['date']}</td>"]
    return [*cells, f"<td>{links}</td>"]


def _number(of, digits):
    """Write a number with the intervals that it has."""
    ends = [f"{of[part][0]} to {of[part][1]}" for part in ("other_wells", "another_plate") if part in of]
    return "".join([f"{of['value']:.{digits}f}", *(f"<br><small>{one}</small>" for one in ends)])


def main(paths):
    """Check the entries that are named, and say so."""
    try:
        for path in paths or sorted(ENTRIES.glob("*.json")):
            entry = read(path)
            how = "recomputed from its pack" if "pack" in entry.get("predictions", {}) else entry["reported_by"]
            print(f"{path}: {entry['name']} on {entry['data']['name']}, {len(entry['results'])} splits, {how}.")
    except (DataError, OSError) as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
