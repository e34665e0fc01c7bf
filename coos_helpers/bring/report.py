"""What `coos crop` says of its work: cells per field, well, plate and class, and what is odd."""

import csv
import io
from collections import Counter

from coos_helpers.data.places import well_name
from coos_helpers.data.validate import printable
from coos_helpers.store.files import atomic

#: Wells and warnings that the text lists before it only counts; the table has all.
LISTED = 100


def odd_ones(cropped):
    """Add a warning to fields of another size or another number of bits than most fields have."""
    for what, unit in (("shape", "pixels"), ("bits", "bits")):
        values = [getattr(one, what) for one in cropped]
        usual = Counter(values).most_common(1)[0][0]
        for one, value in zip(cropped, values, strict=True):
            if value != usual:
                this, rest = (" x ".join(map(str, v)) if what == "shape" else v for v in (value, usual))
                one.warnings.append(f"{this} {unit}, where other fields have {rest}")


def write(out, table, fields, cropped):
    """Write `crop-report.csv`, a row for each field, and at last `crop-report.txt`, which says that all is done."""
    known = list(fields[0].known)
    rows = [("field", *known, "cells", "left_out", "height", "width", "bits", "warnings")]
    for field, one in zip(fields, cropped, strict=True):
        counts = (len(one.centres), one.left_out, *one.shape, one.bits)
        rows.append((field.name, *field.known.values(), *counts, "; ".join(one.warnings)))
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows(rows)
    for name, content in (("crop-report.csv", lines.getvalue()), ("crop-report.txt", text(table, fields, cropped))):
        with atomic(out / name) as file:
            file.write(content.encode("utf-8", "backslashreplace"))


def text(table, fields, cropped):
    """Say in lines for a terminal what came of all fields."""
    cells, left = sum(len(one.centres) for one in cropped), sum(one.left_out for one in cropped)
    lines = [f"{table.path.name}: {len(fields)} fields, {cells:,} cells of 64 x 64 pixels"]
    lines.append(f"left out: {left:,} nuclei whose crop would leave the field")
    if eight := sum(one.bits == 8 for one in cropped):
        lines.append(f"8-bit images: {eight} fields go in as they are, with counts from 0 to 255")
    odd, lone = [], "it cannot be learned and tested. Bring more fields of it, or leave it out"
    for what, columns in (("class", ["class"]), ("plate", ["plate"]), ("well", ["plate", "well"])):
        counts, of_fields = Counter(), Counter()
        for field, one in zip(fields, cropped, strict=True):
            known = field.known | {"well": well_name(field.known["well"])}
            name = "/".join(known[column] for column in columns)
            counts[name] += len(one.centres)
            of_fields[name] += 1
        if what == "class":
            odd += [f"Warning: the class {name} has {n or 'no'} cell: {lone}" for name, n in counts.items() if n < 2]
        lines += ["", f"{what:24} {'fields':>7} {'cells':>9}"]
        lines += [f"{name:24} {of_fields[name]:7,} {n:9,}" for name, n in sorted(counts.items())[:LISTED]]
        lines += [f"and {len(counts) - LISTED} more: see crop-report.csv"] * (len(counts) > LISTED)
    odd += [
        f"Warning: {field.name} (row {table.lines[field.row]}): {warning}"
        for field, one in zip(fields, cropped, strict=True)
        for warning in one.warnings
    ]
    lines += [""] * bool(odd) + odd[:LISTED]
    lines += [f"and {len(odd) - LISTED} more warnings: see crop-report.csv"] * (len(odd) > LISTED)
    return "\n".join(map(printable, lines)) + "\n"
