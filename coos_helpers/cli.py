"""The command `coos`: fetch, check, unpack and simulate a release, and pack results, from the terminal."""

import functools
import sys

import click

# The modules that do the work are imported inside the commands: `coos --help` answers at once.


def _plainly(command):
    """End a command on what a person can act on: one line and an exit status, no traceback."""

    @functools.wraps(command)
    def plain(*args, **kwargs):
        try:
            return command(*args, **kwargs)
        except KeyboardInterrupt:
            click.echo("\nStopped. Run the same command again to go on.", err=True)
            sys.exit(130)
        except BrokenPipeError:  # the reader of our output has gone; click ends quietly
            raise
        except _expected() as error:
            click.echo(f"Error: {_one_line(error)}", err=True)
            sys.exit(1)

    return plain


def _expected():
    """Name the exceptions that say what is wrong with the input or the machine; others are our own mistakes."""
    from coos_helpers.transfer import DownloadError

    return (ValueError, OSError, DownloadError)  # DataError is a ValueError


def _one_line(error):
    """Word an exception in one line; an operating system's error gets its file's name first."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}."
    return " ".join(str(error).splitlines()) or type(error).__name__


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="coos-helpers", prog_name="coos")
def main():
    """Images of cells from the COOS-7 data set: fetch, check, unpack and simulate them; pack results."""


@main.command()
@click.argument("folder", default="COOS-7", type=click.Path(file_okay=False))
@_plainly
def download(folder):
    """Fetch the release from Zenodo (4.3 GB) into FOLDER, by default COOS-7.

    Every file is checked against its checksum. Run it again to go on with a download that was stopped.
    """
    from coos_helpers.download import download

    for path in download(folder):
        click.echo(path)


@main.command()
@click.argument("folder", type=click.Path())
@_plainly
def check(folder):
    """Say what is in FOLDER, or what is wrong with it (exit status 1)."""
    from coos_helpers.check import check_release

    report = check_release(folder)
    click.echo(report.text())
    for warning in report.warnings:
        click.echo(f"Warning: {warning}", err=True)


@main.command()
@click.argument("folder", type=click.Path())
@click.argument("out", type=click.Path(file_okay=False))
@_plainly
def unpack(folder, out):
    """Write the release in FOLDER (or one file of it) as TIFF images under OUT.

    Layout and names are those of the authors' script. Run it again to go on with what was stopped.
    """
    from coos_helpers.unpack import unpack

    for name, target in unpack(folder, out).items():
        click.echo(f"{name}: {target}")


@main.command()
@click.argument("out", type=click.Path(file_okay=False))
@click.option(
    "--scale",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="Size of the release as a fraction of COOS-7's 132,209 cells.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The same seed gives the same cells."
)
@_plainly
def simulate(out, scale, seed):
    """Write a simulated release to OUT, in the format of the real one."""
    from coos_helpers.simulate import simulate

    simulate(out, scale=scale, seed=seed)
    click.echo(f"Simulated cells are in {out}.")


@main.command()
@click.argument("out", type=click.Path(dir_okay=False))
@click.option("--data", default="simulated", show_default=True, help="The run's data: simulated, or a folder.")
@click.option("--profile", default="quick", show_default=True, help="The run's profile: smoke, quick or paper.")
@_plainly
def pack(out, data, profile):
    """Put the results of a run (`make book DATA=... PROFILE=...`) into one small file OUT.

    Chapters 06 to 08 build from it without the data and without a GPU: `make book PACK=OUT`.
    """
    from coos_helpers import pack, results

    found = results.read(data, profile)
    size = pack.write(found, out)
    click.echo(f"{out}: {len(found.table)} rows, {size / 1e6:.1f} MB. {found.caption}")
