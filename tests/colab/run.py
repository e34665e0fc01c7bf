"""Run every chapter as Colab would: from its .ipynb alone, with Colab's packages and a stand-in for `google.colab`.

A fresh environment is made from a list of packages. The committed notebooks are executed in it one by one, each in an
empty folder; so are the students', with nothing answered. The package comes from this clone's last commit, by git, in
place of the public address. Nothing that the environment brought may change. `make colab` runs this with Colab's
versions and with the newest.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import nbformat
import papermill

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book"))

import convert  # noqa: E402

#: What the set-up cell may take, in seconds.
SETUP = 120


@click.command(help=__doc__)
@click.argument("packages", type=click.Path(exists=True, path_type=Path))
@click.option("--python", default=sys.executable, help="the Python of the fresh environment")
@click.option("--only", default="", help="chapters whose names begin so, such as 02")
def main(packages, python, only):
    place = ROOT / "_build" / "colab" / packages.stem
    machine = place / "bin" / "python"
    if not machine.exists():
        print(f"== Making an environment of {packages.name}", flush=True)
        subprocess.run([python, "-m", "venv", place], check=True)
    subprocess.run([machine, "-m", "pip", "install", "-q", "-r", packages], check=True)
    with tempfile.TemporaryDirectory() as folder:
        surroundings(Path(folder), machine)
        chosen = [page for page in convert.chapters() if Path(page).name.startswith(only)]
        students = [str(Path(page).parent / "student" / Path(page).name) for page in chosen]
        failed = [page for page in [*chosen, *students] if not run(page, folder, machine)]
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


def surroundings(folder, machine):
    """Let git take the public address from this clone, and let the kernel find `google.colab`."""
    subprocess.run(["git", "clone", "-q", "--bare", ROOT, folder / "book.git"], check=True)
    (folder / "google" / "colab").mkdir(parents=True)
    (folder / "google" / "colab" / "__init__.py").write_text("")
    (folder / "sitecustomize.py").write_text("import google.colab\n")
    kernel = folder / "kernels" / "colab"
    kernel.mkdir(parents=True)
    argv = [str(machine), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Colab", "language": "python"}))
    os.environ |= {
        "JUPYTER_PATH": str(folder),
        "PYTHONPATH": str(folder),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{folder / 'book.git'}.insteadOf",
        "GIT_CONFIG_VALUE_0": f"https://github.com/{convert.repository()}",
    }
    for name in ("COOS_BUILD", "COOS_CACHE"):
        os.environ.pop(name, None)


def run(page, folder, machine):
    """Execute one notebook on a machine that lacks the package; whether all went well."""
    name = Path(page).relative_to("notebooks")
    subprocess.run([machine, "-m", "pip", "uninstall", "-q", "-y", "coos-helpers", "mahotas"], check=True)
    before = installed(machine)
    content = Path(folder) / "content" / name
    content.mkdir(parents=True)
    started = time.perf_counter()
    try:
        papermill.execute_notebook(
            str(ROOT / f"{page}.ipynb"), str(content / "out.ipynb"), {"PROFILE": "smoke"},
            kernel_name="colab", cwd=str(content), progress_bar=False,
        )  # fmt: skip
    except papermill.PapermillExecutionError as error:
        print(f"{name}: cell {error.exec_count}: {error.ename}: {error.evalue}", flush=True)
        return False
    took = time.perf_counter() - started
    made = nbformat.read(content / "out.ipynb", as_version=4)
    first = next(cell for cell in made.cells if cell.cell_type == "code")
    setup = first.metadata.papermill.duration
    wrong = [f"{n} {before[n]} became {v}" for n, v in installed(machine).items() if before.get(n, v) != v]
    wrong += [f"the set-up cell took {setup:.0f} s"] if setup > SETUP else []
    wrong += [line for line in said(made, "stdout") if line.startswith("Not yet.")]
    wrong += unanswered(made) if name.parent.name == "student" else []
    wrong += [line for line in said(made, "stderr") if "Warning" in line]
    print(f"{name}: {took:.0f} s, set-up {setup:.0f} s", *wrong, sep="\n   ", flush=True)
    return not wrong


def unanswered(made):
    """List the checks that say anything but that there is nothing to check yet."""
    checks = [cell for cell in made.cells if "self-check" in cell.metadata.get("tags", [])]
    texts = ["".join(output.get("text", "") for output in cell.outputs) for cell in checks]
    return [f"a check says {text!r}" for text in texts if not text.startswith("Nothing to check yet")]


def installed(machine):
    """List what is installed: dict from name to version."""
    listed = subprocess.run([machine, "-m", "pip", "list", "--format", "json"], check=True, capture_output=True)
    return {entry["name"]: entry["version"] for entry in json.loads(listed.stdout)}


def said(made, stream):
    """List the lines that the cells wrote to a stream, progress bars left out."""
    outputs = [output for cell in made.cells for output in cell.get("outputs", [])]
    texts = [output.text for output in outputs if output.get("name") == stream]
    return re.sub(r"\r[^\r\n]*", "", "".join(texts)).splitlines()


if __name__ == "__main__":
    main()
