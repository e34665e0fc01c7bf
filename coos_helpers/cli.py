"""The command `coos`: fetch, check, unpack, simulate, crop and import a release; score predictions; pack results."""

import os
import sys

import click

# The modules that do the work are imported inside the commands: `coos --help` answers at once.


class _Plain(click.Group):
    """End a command on what a person can act on: one line and an exit status, no traceback."""

    def invoke(self, context):
        if sys.stdout:  # a name that the terminal has no letters for must not lose a report; stderr is so by itself
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            click.echo("\nStopped. Run the same command again to go on.", err=True)
            context.exit(130)
        except BrokenPipeError:  # the reader of our output has gone; click ends quietly
            raise
        except (ValueError, OSError) as error:  # what is wrong with the input or the machine; else it is our mistake
            told, file = getattr(error, "strerror", None), getattr(error, "filename", None)
            named = f"{file or 'what is written here'}: {told}." if told else str(error)
            from coos_helpers.data.validate import printable
            from coos_helpers.store.files import FULL, ROOM

            remedy = [ROOM] if any(full in named for full in FULL) else []
            raise click.ClickException(" ".join([*map(printable, named.splitlines()), *remedy])) from error


@click.group(cls=_Plain, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(package_name="coos-helpers", prog_name="coos")
def main():
    """Images of cells from the COOS-7 data set, and of yours: fetch, simulate, crop, import; score a classifier."""


@main.command()
@click.argument("folder", default="COOS-7", type=click.Path(file_okay=False))
def download(folder):
    """Fetch the release from Zenodo (4.3 GB) into FOLDER, by default COOS-7.

    Every file is checked against its checksum. Run it again to go on with a download that was stopped.
    """
    from coos_helpers.fetch.zenodo import download

    for path in download(folder):
        click.echo(path)


@main.command()
@click.argument("folder", type=click.Path())
def check(folder):
    """Say what is in FOLDER, or what is wrong with it (exit status 1)."""
    from coos_helpers.data.check import check_release

    report = check_release(folder)
    click.echo(report.text())
    for warning in report.warnings:
        click.echo(f"Warning: {warning}", err=True)


@main.command()
@click.argument("folder", type=click.Path())
@click.argument("out", type=click.Path(file_okay=False))
def unpack(folder, out):
    """Write the release in FOLDER (or one file of it) as TIFF images under OUT.

    Layout and names are those of the authors' script. Run it again to go on with what was stopped.
    """
    from coos_helpers.data.unpack import unpack

    for name, target in unpack(folder, out).items():
        click.echo(f"{name}: {target}")


@main.command()
@click.argument("out", type=click.Path(file_okay=False))
@click.option("--scale", type=float, default=1.0, help="Fraction of COOS-7's cells, 0.00406 to 100.")
@click.option("--seed", type=int, default=0, help="The same seed, 0 to 2^63 - 1, gives the same cells.")
def simulate(out, scale, seed):
    """Write a simulated release to OUT, in the format of the real one."""
    from coos_helpers.simulate.describe import describe_release
    from coos_helpers.simulate.release import simulate

    simulate(out, scale=scale, seed=seed)
    describe_release(out)
    click.echo(f"Simulated cells are in {out}.")


@main.command()
@click.argument("fields", type=click.Path())
@click.argument("out", type=click.Path(file_okay=False))
@click.option("--protein", help="The protein's channel in images of both: its number, from 1, or its name.")
@click.option("--nucleus", help="The nucleus's channel, likewise.")
@click.option("--smooth", type=float, default=1.0, help="Deviation of the Gaussian that takes noise away, pixels.")
@click.option("--threshold", type=click.Choice(["otsu", "local"]), default="otsu", help="local: uneven background.")
@click.option("--smallest", type=float, help="Diameter of the smallest nucleus, pixels.  [default: 8]")
@click.option("--largest", type=float, help="Diameter of the largest nucleus, pixels.  [default: 60]")
@click.option("--pixel-size", type=float, help="um a pixel: the two diameters are in um, then, and needed.")
@click.option("--labels", help="Masks of nuclei: what follows an image's name, _cp_masks.png, or masks/{}.tif.")
@click.option("--centres", type=click.Path(), help="Table of nuclei: field, x, y (pixels, from 0).")
@click.option("--split", is_flag=True, help="Split out of sample, the paper's way, where the table has no split.")
@click.option("--wells", type=int, help="Wells of a plate: 96 or 384. Without it, their names tell.")
def crop(fields, out, smooth, threshold, smallest, largest, pixel_size, **where):
    """Make a release in OUT of fields of view: a crop of 64 x 64 pixels around each nucleus.

    FIELDS is a table (CSV or TSV), or a folder with just one. Each row is a field: protein and nucleus (two files) or
    image (one), class, plate, well, and where known split, date, microscope, labels (a mask), field (a name).
    Look at contact-sheet.png then. Run it again to go on with what was stopped.
    """
    from coos_helpers.bring.crop import DONE, crop
    from coos_helpers.bring.segment import Options

    out = crop(fields, out, Options(smooth, threshold, smallest, largest, pixel_size), **where)
    click.echo((out / DONE).read_text(encoding="utf-8"), nl=False)
    click.echo(f"\nThe release is in {out}. Look at {out / 'contact-sheet.png'}.")


@main.command("import")
@click.argument("table", type=click.Path())
@click.argument("out", type=click.Path(file_okay=False))
@click.option("--pattern", help="Regular expression of file names; its named groups are the columns of the table.")
@click.option("--protein", help="Channel of the protein, by number from 1 or by name.")
@click.option("--nucleus", help="Channel of the nucleus, by number from 1 or by name.")
@click.option("--split", is_flag=True, help="Split out of sample, the paper's way, where the table has no split.")
@click.option("--wells", type=int, help="How many wells a plate has: 96 or 384. Else their names tell, if they do.")
def import_(table, out, pattern, protein, nucleus, split, wells):
    """Write a release to OUT from crops of single cells, a row of TABLE (CSV, TSV) for each.

    Columns: class, and image, or protein and nucleus (paths, relative to TABLE). Where they are known: plate, well,
    split, date (2024-03-31), microscope. In place of TABLE, a folder: with --pattern, or with a folder for each class.
    Run it again to go on with what was stopped.
    """
    from coos_helpers.bring.importing import import_cells

    def tell(report):
        click.echo(report.text())
        kept = ["The splits of the table stand: --split makes none."] * (split and "split" in report.known)
        for warning in report.warnings() + kept:
            click.echo(f"Warning: {warning}", err=True)

    import_cells(table, out, pattern, protein, nucleus, split, wells, told=tell)
    click.echo(f"The release is in {out}.")


@main.command()
@click.argument("out", type=click.Path(dir_okay=False))
@click.option("--data", default="simulated", help="The run's data: simulated, or a folder.")
@click.option("--profile", default="quick", help="The run's profile: smoke, quick, evening or paper.")
def pack(out, data, profile):
    """Put the results of a run (`make book DATA=... PROFILE=...`) into one small file OUT.

    Chapters 06 to 08 build from it without the data and without a GPU: `make book PACK=OUT`. Its model card, a page
    of Markdown, lies beside it as OUT.md.
    """
    from coos_helpers import store
    from coos_helpers.results import card, pack
    from coos_helpers.results.read import read_results

    found = read_results(data, profile)
    size = pack.write(found, out)
    with store.atomic(f"{out}.md") as file:
        file.write(card.of_run(found.about, sum(found.draws, []), f"the results in {os.path.basename(out)}").encode())
    click.echo(f"{out}: {len(found.table)} rows, {size / 1e6:.1f} MB. {found.caption}")


@main.command()
@click.argument("file", type=click.Path())
@click.option("--data", required=True, type=click.Path(), help="The folder of the release that was predicted.")
@click.option("--out", required=True, type=click.Path(file_okay=False), help="The folder for report.html and the rest.")
@click.option("--name", default="", help="What the classifier is called.  [default: FILE's name]", show_default=False)
@click.option("--sees", required=True, help="What it saw of the test cells: nothing, image, well, plate, set, labels.")
@click.option("--baseline", default="texture", help="Beside what: texture, none, or a file of `coos pack`.")
def evaluate(file, data, out, name, sees, baseline):
    """Score the predictions in FILE, a table as CSV or Parquet with the columns split, cell and predicted.

    cell is a cell's number in its split's file, from 0; predicted is a class. With a column score_<class> for each
    class, what it claims is scored as well. Rows of the split train-by-plate, of training cells whose plate was held
    out, help to say how other plates vary. Writes into the folder of --out, which holds no other result yet:
    report.html (a page for any browser), score.json (the same numbers), card.md (a model card) and predictions.pack (a
    pack, for the board of results).
    """
    from coos_helpers.plots.report_folder import evaluate

    found = evaluate(file, data, out, name, sees, None if baseline == "none" else baseline)
    for split, of in found["splits"].items():
        click.echo(f"{split}: balanced error {of['balanced_error']['value']:.1f} %")
    for note in found["about"]["notes"]:
        click.echo(f"Note: {note}", err=True)
    click.echo(f"The report is {os.path.join(out, 'report.html')}.")
