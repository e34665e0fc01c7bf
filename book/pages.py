"""Make what the pages show of the runs and of the paper: tables, the figure of the first page, addresses."""

import io
import json
from pathlib import Path

import board
import matplotlib
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import sentences
import tables
from markup import html, literal, markdown

from coos_helpers import plots, published, store

matplotlib.use("agg")

#: What `make bench` wrote.
MEASURED = Path(__file__).resolve().parent.parent / "benchmarks" / "measured"

#: Text that is stamped with the repository's own address.
TEXTS = (".md", ".ipynb", ".yml")


def made_here(foreign=None):
    """Make the pages' tables and figures: dict from a file's name to its bytes. `foreign` are a pack's results."""
    return {**paper_and_ours(foreign), "run-times.md": run_times(), **speed(), "finding.svg": finding()} | board.made()


def paper_and_ours(foreign=None):
    """Write the tables of the page on the paper and ours, from every run that lies here."""
    runs = tables.runs(foreign)
    titled = [("Balanced error (%) of one row of each representation.", tables.side_by_side(runs))]
    titled.append(("The paper's Table 3: balanced error (%) on COOS-7.", published.table3()))
    titled += [(f"Balanced error (%): {tables.made_by(run)}", tables.errors(run)) for run in runs]
    written = [html(frame, title, f"table{number}") for number, (title, frame) in enumerate(titled)]
    made = {"together.md": written[0].encode(), "each.md": "\n\n".join(written[1:]).encode()}
    return made | {name: text.encode() for name, text in sentences.made(runs).items()}


def run_times():
    """Write the table of what each chapter's last execution took, in every run that lies here."""
    rows = {}
    for path in sorted((store.root() / "runs").glob("*/notebooks/*.ipynb")):
        if path.name.endswith(".part.ipynb"):  # a stopped chapter's, perhaps cut short
            continue
        made = nbformat.read(path, as_version=4)
        if run := made.metadata.get("run"):
            about = f"{run['data']}, {run['profile']}: {run['machine']}, {run['made']}"
            rows.setdefault(path.stem, {})[literal(about)] = f"{run['seconds']:.0f} s"
    columns = list(dict.fromkeys(about for times in rows.values() for about in times))
    rows = [[name, *(times.get(about, "–") for about in columns)] for name, times in sorted(rows.items())]
    return markdown(["chapter", *columns], rows).encode()


def speed(folder=MEASURED):
    """Write the tables of the page on speed, from what `make bench` measured."""
    found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}
    scale = found.pop("scale", None)
    races = [(line, one["about"]) for one in found.values() for line in one["lines"]]
    columns = {"path": "path", "at": "at", "against": "against", "ours (s)": "ours (s)", "ratio": "ratio (range)"}
    columns |= {"bar": "asked for", "reached": "reached", "note": "note"}
    rows = [[line.get(key, "–") for key in columns] for line, _ in races]
    runs = {}
    for line, about in races:
        runs.setdefault(place_and_day(about), {})[line["path"]] = None
    told = [f"{run} ({', '.join(paths)})" if len(runs) > 1 else run for run, paths in sorted(runs.items())]
    made = {"races.md": markdown(list(columns.values()), rows) + "\nMeasured on: " + " / ".join(told) + ".\n"}
    stages = {}
    for line in scale["lines"] if scale else []:
        stages.setdefault(line["stage"], {})[line["cells"]] = line
    sizes = sorted({size for by_size in stages.values() for size in by_size})
    rows = []
    for stage, by_size in stages.items():
        took = [f"{by_size[n]['seconds']:.0f} s, {by_size[n]['GiB']:.1f} GiB" if n in by_size else "–" for n in sizes]
        rows.append([stage, *took, power([(n, line["seconds"]) for n, line in by_size.items()])])
    about = ""
    if scale:
        runs = sorted({place_and_day(line) for line in scale["lines"]})
        largest = max((line["GiB"] for line in scale["lines"]), default=0)
        about = f"\nMeasured on: {' / '.join(runs)}. The largest process took {largest:.1f} GiB.\n"
    columns = ["stage", *(f"{size:,} cells" for size in sizes), "grows as"]
    made["scale.md"] = markdown(columns, rows) + about
    return {name: text.encode() for name, text in made.items()}


def place_and_day(measured):
    return f"{measured['machine']}; {measured['made']}"


def power(points):
    """Say with which power of the number of cells a time grows, from (cells, seconds) at two sizes or more."""
    if len(points) < 2:
        return "–"
    cells, seconds = np.log(np.array(points, np.float64)).T
    return f"cells<sup>{np.polyfit(cells, seconds, 1)[0]:.2f}</sup>"


def finding():
    """Draw the first page's figure, the paper's Table 3: the error of every model on every split; SVG."""
    plots.style()
    figure, ax = plt.subplots(figsize=(5, 3.5))
    table = published.table3()
    families = table["features"].str.split(" ").str[0]
    for number, family in enumerate(("Texture", "VGG16", "PCI", "DeepLoc")):
        look = {"color": plots.COLOURS[number], "marker": plots.MARKERS[number], "ms": 4, "lw": 1.2, "alpha": 0.85}
        rows = table.loc[families == family, published.SPLITS].to_numpy()
        for n, row in enumerate(rows):
            ax.plot(range(5), row, **look, label=None if n else f"{family}: {len(rows)} models")
    ax.axvspan(2.5, 4.25, color="0.94", zorder=0)
    ax.text(2.6, 25.8, "other experiments", va="top")
    ax.set_xticks(
        range(5), ["train", "test1\nsame wells", "test2\nother wells", "test3\nother days", "test4\nother\nmicroscope"]
    )
    ax.set(ylabel="balanced error (%)", ylim=(0, 26.5), xlim=(-0.2, 4.25))
    ax.legend(loc="upper left", fontsize=9)
    plots.sign(figure, "Lu et al. 2019, Table 3, on COOS-7 itself.")
    file = io.BytesIO()
    with plt.rc_context({"svg.hashsalt": "finding"}):
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    return file.getvalue()


def stamp(folder, ours, theirs):
    """Write a repository's own address into the staged pages and notebooks, where the sources name another.

    The page on how to cite keeps the address of what is cited.
    """
    for path in folder.rglob("*"):
        if path.suffix in TEXTS and path.name != "cite.md":
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace(theirs, ours), encoding="utf-8")
