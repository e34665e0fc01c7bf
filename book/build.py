"""Convert, execute and build the book: what `make book` runs.

notebooks/NN.md -> NN.ipynb (clean, committed; convert.py) -> _build/runs/RUN/notebooks/NN.ipynb -> _build/html

Chapters with a parameter PACK read stored results, of the run or of the file that --pack names.

A chapter is executed again only when something changed that it depends on: its text, the data, the profile, the
pinned packages, what fits classifiers, the modules of `coos_helpers` that it imports, or a chapter whose results it
reads (named in its front matter as `reads`). The site is built again only when a page changed.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from hashlib import blake2b
from pathlib import Path

import click
import nbformat
import pages
import papermill
from convert import KERNELSPEC, ROOT, SOURCES_NAME, chapters, code_of, convert, notebook, repository, slug
from turns import LINE, in_turn, say, share

from coos_helpers import classifiers, runs, store
from coos_helpers.fetch import vgg16_weights
from coos_helpers.results import pack, register


@click.command(help=__doc__)
@click.option("--data", default="simulated", help="simulated, or a folder with a release")
@click.option("--profile", default="quick", type=click.Choice(list(runs.PROFILES)))
@click.option("--search", default="", type=click.Choice(["", "random", "halving"]), help="of the forest's settings")
@click.option("--pack", "packed", default="", help="a file of `coos pack`, whose results chapters 06 to 08 show")
@click.option("--repository", "address", default="", help="of this copy of the book, if not what _config.yml says")
@click.option("--only-convert", is_flag=True, help="write notebooks/*.ipynb and stop")
def main(data, profile, search, packed, address, only_convert):
    signal.signal(signal.SIGINT, stop)
    try:
        name = slug(address, "--repository") if address else repository()
        sources = [ROOT / f"{page}.md" for page in chapters()]
        say("Converting the chapters")
        for source in sources:
            code_of(notebook(source), source.name)
            convert(source)
        if only_convert:
            return
        say(f"Opening the data: {data}, profile {profile}")
        foreign = pack.read(packed) if packed else None
        with store.alone(store.root()):
            run, release = runs.start(data, profile, search=search)
            packed, paths = os.path.abspath(packed) if packed else "", {source.stem: source for source in sources}
            reads = {stem: notebook(source).metadata.get("reads", []) for stem, source in paths.items()}
            in_turn(reads, lambda stem, keys: execute(paths[stem], run, release, keys, packed), share())
            executed = [run.folder / "notebooks" / f"{source.stem}.ipynb" for source in sources]
            index = build(executed, pages.made_here(foreign), name)
        say("The book is ready:")
        print(index)
    except (ValueError, OSError, RuntimeError) as error:
        LINE.clear()
        print(f"\nError: {full(str(error)) or error}", file=sys.stderr, flush=True)
        os._exit(1)  # and with it the kernels of the chapters that still run


def full(said):
    """Say that the disk takes no more and what to do, if that is what an error or a log says; else nothing."""
    if not (found := [words for words in store.FULL if words in said]):
        return ""
    free = shutil.disk_usage(store.root()).free / 1e9
    return f"{found[0]}: {free:.1f} GB free in {store.root()}. {store.ROOM} COOS_BUILD names it."


def stop(*_):
    """End at Ctrl-C in one line: whatever is written is written whole, so there is nothing to tidy up."""
    print("\nStopped. What is finished is kept: the same command goes on from here.", file=sys.stderr, flush=True)
    os._exit(130)


def execute(source, run, release, keys, packed=""):
    """Execute a chapter unless it is there already, made by the same things; return the key of those things."""
    clean = notebook(source)
    known = papermill.inspect_notebook(str(source.with_suffix(".ipynb")))
    packed = packed if "PACK" in known else ""
    key = store.key(
        chapter=nbformat.writes(clean),
        run=[run.data, run.profile, run.settings],
        data={name: store.split_key(split) for name, split in release.items()},
        code=store.code_key(*store.imported(code_of(clean, source.name))),
        builder=Path(__file__).read_text(encoding="utf-8"),
        packages=(ROOT / "constraints.txt").read_text(encoding="utf-8"),
        python=sys.version,
        engine=classifiers.ENGINE,
        reads=[keys[stem] for stem in clean.metadata.get("reads", [])],
        pack=blake2b(Path(packed).read_bytes()).hexdigest() if packed else "",
    )
    output = run.folder / "notebooks" / f"{source.stem}.ipynb"
    if output.exists() and up_to_date(nbformat.read(output, as_version=4), key):
        say(f"{source.stem}: nothing changed")
        return key
    say(f"{source.stem}: executing")
    LINE.update(source.stem, "")
    parameters = {"DATA": run.data, "PROFILE": run.profile} | ({"PACK": packed} if packed else {})
    parameters |= {"SEARCH": run.settings["search"]} if "SEARCH" in known else {}
    if missing := set(parameters) - set(known):
        raise ValueError(f"{source.name}: its parameters cell lacks {', '.join(sorted(missing))}.")
    partial = output.with_suffix(".part.ipynb")
    partial.parent.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    try:
        papermill.execute_notebook(
            str(source.with_suffix(".ipynb")),
            str(partial),
            parameters,
            kernel_name="python3",
            progress_bar=False,
            cwd=str(ROOT),
            stderr_file=LINE.of(source.stem),  # the progress bars of long cells
            extra_arguments=["--log-level=40"],  # no word of the kernel's on how it is reached
        )
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    except papermill.PapermillExecutionError as error:
        if said := full(f"{error.evalue}"):
            partial.unlink(missing_ok=True)
            raise RuntimeError(said) from error
        raise RuntimeError(
            f"{source.stem} stopped at its code cell {error.exec_count}: {error.ename}: {error.evalue}\n"
            f"The notebook up to there: {partial}"
        ) from error
    made = nbformat.read(partial, as_version=4)
    seconds = time.perf_counter() - started
    if said := finish(made, key, pack.read(packed).caption if packed else runs.caption(run, release)):
        raise RuntimeError(
            f"{source.stem} wrote to stderr, which no page should show:\n{said}\nThe notebook: {partial}"
        )
    data = "simulated cells" if run.data == "simulated" else release["train"].source
    made.metadata["run"] = {"data": data, "profile": run.profile, "seconds": round(seconds, 1)}
    made.metadata["run"] |= {"made": time.strftime("%Y-%m-%d"), "machine": register.machine()}
    with store.atomic(output) as file:
        file.write(nbformat.writes(made).encode())
    partial.unlink()
    LINE.update(source.stem, None)
    say(f"{source.stem}: done in {seconds:.0f} s")
    return key


def up_to_date(made, key):
    """Say whether an executed chapter needs no other run: one that went without the network's weights tries again."""
    if made.metadata.get("key") != key:
        return False
    said = "".join(o.get("text", "") for cell in made.cells for o in cell.get("outputs", []))
    return f"untrained: {vgg16_weights.MISSING}" not in said or not vgg16_weights.at_hand()


def finish(made, key, caption):
    """Make an executed notebook fit to be read: captions name the data, and what was only for this machine goes.

    Progress bars are taken out of stderr. What else stands there, such as a warning, is returned with its cell.
    """
    said = []
    made.metadata = nbformat.from_dict({"kernelspec": KERNELSPEC, "language_info": {"name": "python"}, "key": key})
    # The injected cell names folders of this machine, and whoever downloads the notebook has others.
    made.cells = [c for c in made.cells if "injected-parameters" not in c.metadata.get("tags", [])]
    for cell in made.cells:
        cell.metadata.pop("papermill", None)
        for output in cell.get("outputs", []):
            if output.get("name") == "stdout":  # what is said where the network's weights cannot be had
                output.text = output.text.replace(str(vgg16_weights.path().parent), "torch's folder of models")
            if output.get("name") == "stderr":
                output.text = re.sub(r"\r[^\r\n]*\n?", "", output.text)
            if "text/plain" in output.get("data", {}):  # where an object lay in memory is another place each time
                output.data["text/plain"] = re.sub(" at 0x[0-9a-f]+", "", output.data["text/plain"])
        if "outputs" in cell:
            cell.outputs = joined(o for o in cell.outputs if o.get("name") != "stderr" or o.text.strip())
            said += [f"in {cell.id}: {o.text.strip()}" for o in cell.outputs if o.get("name") == "stderr"]
        figure = cell.metadata.get("mystnb", {}).get("figure")
        if figure:
            figure["caption"] = f"{figure['caption'].strip()} {pages.literal(caption)}"
    return "\n".join(said)


def joined(outputs):
    """Join what a stream said in several messages: how it was cut into them is chance."""
    found = []
    for output in outputs:
        if found and "stream" == output.output_type == found[-1].output_type and output.name == found[-1].name:
            found[-1].text += output.text
        else:
            found.append(output)
    return found


def build(executed, extra, name):
    """Stage the pages and the executed chapters, build them as HTML, and return the first page's path.

    Parameters
    ----------
    executed : paths of the executed chapters.
    extra : what else the pages show: from a file's name to its bytes.
    name : of the repository, as `owner/name`.
    """
    stage, site = store.root() / "src", store.root() / "html"
    index = site / "index.html"
    stamp = store.root() / "html.key"
    book = [path for path in sorted((ROOT / "book").rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
    inputs = [*book, *executed, ROOT / "_config.yml", ROOT / "constraints.txt"]
    digests = [(path.name, blake2b(path.read_bytes()).hexdigest()) for path in inputs]
    key = store.key(pages=digests, extra={file: blake2b(b).hexdigest() for file, b in extra.items()}, name=name)
    if index.exists() and stamp.exists() and stamp.read_text() == key:
        say("Pages: nothing changed")
        return index
    say("Building the pages (about 20 s)")
    stamp.unlink(missing_ok=True)
    made = store.root() / "jupyter-book"
    for folder in (stage, made):
        shutil.rmtree(folder, ignore_errors=True)
    for path in [*book, ROOT / "_config.yml"]:
        if path.suffix != ".py" or "_ext" in path.parts:
            target = stage / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)  # without its mode: the project may be read-only
    (stage / "book" / "_made").mkdir()
    for file, content in extra.items():
        (stage / "book" / "_made" / file).write_bytes(content)
    (stage / "notebooks").mkdir()
    for path in executed:
        shutil.copyfile(path, stage / "notebooks" / path.name)
    for theirs in {SOURCES_NAME, repository()} - {name}:
        pages.stamp(stage, name, theirs)
    log = store.root() / "html.log"
    command = [Path(sys.executable).parent / "jupyter-book", "build", stage, "--config", stage / "_config.yml"]
    command += ["--toc", ROOT / "book" / "_toc.yml", "--path-output", made, "--all", "-W", "-n", "--keep-going"]
    with open(log, "w") as file:
        done = subprocess.run(command, stdout=file, stderr=file, cwd=ROOT)
    # One wrong way of calling jupyter-book does nothing and exits 0: the page itself is the proof.
    fresh = made / "_build" / "html"
    if done.returncode or not (fresh / "index.html").exists():
        if said := full(log.read_text(errors="replace")):
            shutil.rmtree(made, ignore_errors=True)
            raise RuntimeError(said)
        lines = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(errors="replace")).splitlines()
        telling = [line for line in lines if "WARNING" in line or "ERROR" in line] or lines[-20:]
        raise RuntimeError("the pages could not be built:\n" + "\n".join(telling) + f"\nAll of it: {log}")
    shutil.rmtree(site, ignore_errors=True)
    os.replace(fresh, site)
    shutil.rmtree(made)
    stamp.write_text(key)
    return index


if __name__ == "__main__":
    main()
