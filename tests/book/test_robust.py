"""A book of three chapters, made by `make book` where little is given and much goes wrong."""

import contextlib
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import venv
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path

import pytest
from conftest import PROJECT

pytestmark = pytest.mark.skipif(not (shutil.which("make") and Path("/proc").is_dir()), reason="needs make and Linux")

TOC = """format: jb-book
root: book/intro
parts:
  - caption: Chapters
    chapters:
      - file: notebooks/00-start-here
      - file: notebooks/02-texture
      - file: notebooks/07-confusion-matrices
  - caption: Reference
    chapters:
      - file: book/glossary
      - file: book/bibliography
"""

#: Stands for chapter 02, whose page shows how long some of its lines took.
TEXTURE = """---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {name: python3, language: python, display_name: Python 3}
---

# Texture

```{code-cell} ipython3
:tags: [parameters]

DATA = "simulated"  # data
PROFILE = "smoke"  # profile
```

```{code-cell} ipython3
from contextlib import redirect_stdout
from io import StringIO

from coos_helpers import results

with redirect_stdout(StringIO()):  # it says which results it found, which is another word after a stop
    results.read_results(DATA, PROFILE, make_texture=True)
```
"""

#: Lets no Python program reach another host.
OFFLINE = """import errno
import sys


def refuse(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if host not in (None, "", "localhost", "127.0.0.1", "::1"):
        raise OSError(errno.ENETUNREACH, "Network is unreachable")


sys.addaudithook(refuse)
"""

#: What may differ between two sites: the times in the notebooks that can be downloaded.
TIMES = re.compile(rb'"(iopub\.[\w.]+|shell\.execute_reply|made)": "[-\d:.TZ]+"|"seconds": [\d.]+')

#: Seconds after which a command counts as hanging; no test hangs on how fast the machine is.
SAFETY = 3600

COMPILER = re.compile(r"^(cc|c\+\+|c[89]9|cpp)$|gcc|g\+\+|clang")

#: `folder` is the copy of the project, `made` what its first build left, `home` empty before that build.
Book = namedtuple("Book", "folder made home done")


def copy_project(target):
    """Copy what belongs to the project: what git knows or would add, or all but made things where there is no git."""
    command = ["git", "ls-files", "-coz", "--exclude-standard"]
    with contextlib.suppress(OSError):
        listed = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True).stdout.split("\0")
        if "Makefile" in listed:
            for name in filter(None, listed):
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                with contextlib.suppress(FileNotFoundError):
                    shutil.copy2(PROJECT / name, target / name)
            return
    made = shutil.ignore_patterns("_build", ".venv", ".git", "__pycache__", "*.egg-info")
    shutil.copytree(PROJECT, target, ignore=made)


def cut(folder):
    """Leave three chapters of a copy of the project, and no link to another page that is gone."""
    (folder / "book" / "_toc.yml").write_text(TOC)
    (folder / "book" / "intro.md").write_text("# A small book\n\nIt has three chapters.\n")
    (folder / "notebooks" / "02-texture.md").write_text(TEXTURE)
    for name in ("00-start-here", "07-confusion-matrices"):
        path = folder / "notebooks" / f"{name}.md"
        text = path.read_text(encoding="utf-8")
        text = re.sub(r"^reads: .*$", "reads: [02-texture]", text, flags=re.M)
        path.write_text(re.sub(r"\[([^\]]*)\]\(([^)#]+)(#[^)]*)?\)", without_page, text), encoding="utf-8")


def without_page(link):
    """Replace a link to a page that is gone by its text."""
    stem = Path(link[2]).stem
    there = stem in TOC or link[2].startswith("http") or not link[2].endswith((".md", ".ipynb"))
    return link[0] if there else link[1]


def set_up(folder):
    """Give a copy a `.venv` that is installed: its own package, all others from this Python, and no network."""
    venv.EnvBuilder(symlinks=True).create(folder / ".venv")
    own = Path(sysconfig.get_path("purelib", vars={"base": str(folder / ".venv")}))
    paths = [str(folder), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    own.joinpath("offline.py").write_text(OFFLINE)
    own.joinpath("own.pth").write_text(f"import sys; sys.path += {ascii(paths)}; import offline\n")
    program = folder / ".venv" / "bin" / "jupyter-book"
    start = "import sys; from jupyter_book.cli.main import main; sys.exit(main())"
    program.write_text(f"""#!/bin/sh\nexec "$(dirname "$0")/python" -c '{start}' "$@"\n""")
    program.chmod(0o755)
    (folder / ".venv" / "share").symlink_to(Path(sys.prefix) / "share")
    (folder / ".venv" / "installed").touch()


def surroundings(folder, home, **more):
    """Give what a program is told of its surroundings: little, and where no network is."""
    nowhere = "http://127.0.0.1:9"
    told = {"PATH": "/usr/bin:/bin", "HOME": str(home), "LC_ALL": "C", "TMPDIR": str(folder.parent / "tmp")}
    return {
        **told,
        "HTTPS_PROXY": nowhere,
        "https_proxy": nowhere,
        "HTTP_PROXY": nowhere,
        "http_proxy": nowhere,
        **more,
    }


def run(command, folder, environment, before=None, limit=SAFETY):
    """Run a command in a folder to its end; what it started ends with it where it takes too long."""
    with subprocess.Popen(
        command, cwd=folder, env=environment, preexec_fn=before, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            out, err = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    without_bars = re.sub(r"[^\n]*\r", "", err.decode(errors="replace"))
    return subprocess.CompletedProcess(command, process.returncode, out.decode(errors="replace"), without_bars)


def make(book, before=None, **more):
    """Run `make book` in a book's folder."""
    environment = surroundings(book.folder, more.pop("HOME", book.home), **more)
    return run(["make", "book", "PROFILE=smoke"], book.folder, environment, before)


def begin(book, *without):
    """Put back what the first build left, without some of it; without all where nothing is named."""
    shutil.rmtree(book.folder / "_build", ignore_errors=True)
    if without:
        shutil.copytree(book.made, book.folder / "_build")
        remove(book.folder / "_build", *without)


def remove(build, *names):
    for name in names:
        path = build / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def site(folder):
    """Read a site: dict from each file's path to its content, the times of its notebooks left out."""
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: TIMES.sub(b"", text) if name.endswith(".ipynb") else text for name, text in files.items()}


def assert_same_site(one, other):
    """Compare two sites byte by byte; what differs is named, each file with the first line that does."""
    one, other = site(one), site(other)
    names = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
    lines = (zip_longest(one.get(name, b"").splitlines(), other.get(name, b"").splitlines()) for name in names)
    told = [f"{name}: {next((a, b) for a, b in pairs if a != b)}" for name, pairs in zip(names, lines, strict=True)]
    assert not told, "\n".join(told)


def message(done):
    """Take the one message of a build that stopped: its lines, without make's own."""
    assert done.returncode == 2, f"{done.returncode}\n{done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr, done.stderr
    assert len(re.findall("^Error: ", done.stderr, re.M)) == 1, done.stderr
    lines = done.stderr[re.search("^Error: ", done.stderr, re.M).start() :].strip().splitlines()
    return "\n".join(line for line in lines if not line.startswith("make: "))


@contextlib.contextmanager
def usual_ports_taken():
    """Listen on the ports that servers of notebooks and pages like to have, where they are free."""
    with contextlib.ExitStack() as stack:
        for port in (8000, 8080, 8888, 8889):
            server = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                server.bind(("127.0.0.1", port))
                server.listen()
        yield


@contextlib.contextmanager
def read_only(*folders):
    """Let nobody write into some folders and what is in them."""
    paths = [path for folder in folders for path in [folder, *folder.rglob("*")] if not path.is_symlink()]
    modes = {path: path.stat().st_mode for path in paths}
    try:
        for path, mode in modes.items():
            path.chmod(mode & ~0o222)
        yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


def obey():
    """Give up root's right to read and write what the modes of files forbid."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for right in (1, 2):  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
            if libc.prctl(24, right, 0, 0, 0):  # PR_CAPBSET_DROP
                raise OSError(ctypes.get_errno(), "prctl")


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """Build the small book once: a clean home, no compiler, no network, the usual ports taken."""
    place = tmp_path_factory.mktemp("robust") / "Zelle ä"
    folder, home, tools = place / "books é", place / "home", place / "tools"
    for new in (home, tools, place / "tmp"):
        new.mkdir(parents=True)
    copy_project(folder)
    cut(folder)
    set_up(folder)
    for tool in [*Path("/bin").iterdir(), *Path("/usr/bin").iterdir()]:
        if not COMPILER.search(tool.name) and not (tools / tool.name).is_symlink():
            (tools / tool.name).symlink_to(tool)
    with usual_ports_taken():
        done = make(Book(folder, None, home, None), PATH=str(tools))
    assert done.returncode == 0, done.stdout + done.stderr
    return Book(folder, shutil.copytree(folder / "_build", place / "made"), home, done)


@pytest.fixture
def obedient(tmp_path):
    """Give what makes a program obey the modes of files, root's too."""
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o555)
    try:
        done = run(["sh", "-c", "! touch shut/file"], tmp_path, surroundings(tmp_path, tmp_path), obey)
    except (OSError, AttributeError, subprocess.SubprocessError):
        done = None
    if done is None or done.returncode:
        pytest.skip("this user may write into every folder, and cannot give that up")
    return obey


@pytest.fixture
def python(book):
    """Run a line of code with the small book's Python."""

    def line(code):
        environment = surroundings(book.folder, book.home, PYTHONUTF8="1")
        return run([".venv/bin/python", "-c", code], book.folder, environment)

    return line


def test_the_small_book_runs_its_own_copy_of_the_package(book, python):
    done = python("import coos_helpers; print(coos_helpers.__file__)")
    assert done.stdout.strip() == str(book.folder / "coos_helpers" / "__init__.py"), done.stderr


def test_no_other_host_is_within_reach_of_it(python):
    done = python("import socket; socket.create_connection(('192.0.2.1', 80), 5)")
    assert done.stderr.strip().endswith("Network is unreachable")


def test_it_builds_without_compiler_network_locale_or_free_ports_in_a_path_with_spaces_and_accents(book):
    index = book.folder / "_build" / "html" / "index.html"
    assert book.done.stdout.splitlines()[-1] == str(index)
    assert (book.made / "html" / "index.html").exists()
    assert "Traceback" not in book.done.stderr, book.done.stderr
    text = (book.made / "html" / "notebooks" / "07-confusion-matrices.html").read_text(encoding="utf-8")
    assert "texture, L1 LR" in text


def test_it_leaves_nothing_in_the_home_but_one_cache(book):
    assert [path.name for path in book.home.iterdir()] == [".cache"]
    assert [path.name for path in (book.home / ".cache").iterdir()] == ["coos7"]


def running(mark):
    """Find the processes that were started with a mark in their environment: dict from number to command line."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark.encode() in path.read_bytes().split(b"\0"):
                found[int(path.parent.name)] = path.with_name("cmdline").read_text(errors="replace")
    return found


def kill_when(seen, book, environment, log, limit=SAFETY):
    """Start `make book` and kill all of its process group once something is seen."""
    with (
        open(log, "w") as file,
        subprocess.Popen(
            ["make", "book", "PROFILE=smoke"], cwd=book.folder, env=environment, stdout=file, stderr=file,
            start_new_session=True,
        ) as process,
    ):  # fmt: skip
        try:
            there, give_up = False, time.monotonic() + limit
            while process.poll() is None and not (there := seen()) and time.monotonic() < give_up:
                time.sleep(0.001)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL and there, log.read_text(errors="replace")


@pytest.fixture(scope="module")
def continued(book, tmp_path_factory):
    """Kill `make book` at six moments, each time going on from the last, and let it end."""
    begin(book)
    place = tmp_path_factory.mktemp("killed")
    home, mark = place / "home", f"COOS_TEST={place}"
    home.mkdir()
    environment = surroundings(book.folder, home, LC_ALL="tr_TR.UTF-8", COOS_TEST=str(place))
    build = book.folder / "_build"
    run_of, pages, html = build / "runs" / "simulated-smoke", build / "jupyter-book" / "_build", build / "html"
    half = run_of / "notebooks" / "07-confusion-matrices.part.ipynb"
    moments = {
        "simulating": lambda: any((build / "data" / "simulated-smoke").glob(".COOSsim_test2.hdf5.*")),
        "chapter-00": lambda: any((build / "features" / "texture").glob("*.npz")),
        "chapter-02": lambda: (run_of / "results" / "02-texture.json").exists(),
        "chapter-07": lambda: half.exists() and half.stat().st_size > 100_000,
        "pages": lambda: (pages / ".doctrees").exists(),
        "moving": lambda: not (html / "of-an-old-site.html").exists(),
    }
    for name, seen in moments.items():
        if name == "moving":
            shutil.copytree(book.made / "html", html)
            (html / "of-an-old-site.html").touch()
        kill_when(seen, book, environment, place / f"{name}.log")
    done = make(book, **environment)
    give_up = time.monotonic() + SAFETY
    while (left := running(mark)) and "ipykernel" in str(left) and time.monotonic() < give_up:
        time.sleep(0.1)
    for process in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.stem: path.read_text(errors="replace") for path in place.glob("*.log")}, list(left.values())


def test_killed_at_six_moments_and_started_again_it_ends_with_the_same_site(book, continued):
    assert_same_site(book.made / "html", book.folder / "_build" / "html")


def test_what_was_finished_before_it_was_killed_is_kept(continued):
    logs, _ = continued
    assert "simulate" in logs["simulating"] and "simulate training" not in logs["chapter-00"]
    assert "02-texture: executing" in logs["chapter-02"] and "02-texture: executing" in logs["chapter-07"]
    assert "02-texture: nothing changed" in logs["pages"] and "07-confusion-matrices: executing" in logs["pages"]
    for name in ("00-start-here", "02-texture", "07-confusion-matrices"):
        assert f"{name}: nothing changed" in logs["moving"]


def test_no_kernel_of_a_killed_build_runs_on(continued):
    assert not [line for line in continued[1] if "ipykernel" in line]


#: Runs `make book` on small disks, each larger than the one before: $1 is its size in KiB; $2 is copied onto it first.
SMALL_DISKS = """mkdir -p _build && mount -t tmpfs -o size=1m small _build || exit 99
site=$1; shift
while [ $# -gt 0 ]; do
    mount -o remount,size=$1k small _build || exit 99
    for name in $2; do cp -a "$made/$name" _build/; done
    make book PROFILE=smoke
    echo "@ $? $(cd _build; find . -name '*.part' -o -name '.COOSsim*' | tr '\n' ' ')"; echo @ >&2
    shift 2
done
cp -a _build/html "$site"
"""


@pytest.fixture(scope="module")
def small_disks(book, tmp_path_factory):
    """Fill a disk while the cells are simulated, in a chapter and while the pages are built; then make room."""
    size = {path.name: kilobytes(path) for path in book.made.iterdir()}
    made = size["data"] + size["features"] + size["runs"] + size["search"]
    html = tmp_path_factory.mktemp("disk") / "html"
    moments = [
        ("simulating", size["data"] // 3, ""),
        ("chapter", size["data"] + 200, "data"),
        ("pages", made + size["html"] // 3, "features runs"),
        ("roomy", 4 * sum(size.values()), ""),
    ]
    steps = [str(part) for _, kib, names in moments for part in (kib, names)]
    begin(book)
    rights = [] if os.geteuid() == 0 else ["--map-root-user"]
    environment = surroundings(book.folder, book.home, made=str(book.made))
    try:
        command = ["unshare", "--mount", *rights, "sh", "-c", SMALL_DISKS, "sh", str(html), *steps]
        done = run(command, book.folder, environment)
    except FileNotFoundError:
        done = None
    if done is None or "@" not in done.stdout:
        pytest.skip(f"no small disk can be made here: {done.stderr.strip() if done else 'unshare is missing'}")
    outs, errs = re.split(r"@ (\d+) (.*)\n", done.stdout), done.stderr.split("@\n")
    told = {}
    for number, (name, _, _) in enumerate(moments):
        out, code, parts = outs[3 * number : 3 * number + 3]
        told[name] = subprocess.CompletedProcess(parts, int(code), out, errs[number])
    return told, html


def kilobytes(path):
    """Say how many KiB a file or folder takes on a disk that gives out 4 KiB at a time."""
    return sum(4 * -(-file.stat().st_size // 4096) for file in [path, *path.rglob("*")])


@pytest.mark.parametrize("moment, sign", [("simulating", "Opening the data"), ("chapter", r"\d\d-[\w-]+: executing"),
                                          ("pages", "Building the pages")])  # fmt: skip
def test_a_full_disk_is_one_clear_message(small_disks, moment, sign):
    done = small_disks[0][moment]
    assert re.match(f"== {sign}", done.stdout.strip().splitlines()[-1]), done.stdout
    text = message(done)
    assert re.search("No space left on device", text), text
    assert len(text.splitlines()) <= 4 and len(text) < 600, text


def test_a_full_disk_leaves_no_half_of_a_split(small_disks):
    assert small_disks[0]["simulating"].args == ""


def test_it_goes_on_when_there_is_room_again_and_ends_with_the_same_site(book, small_disks):
    told, html = small_disks
    assert told["roomy"].returncode == 0, told["roomy"].stderr
    assert "07-confusion-matrices: nothing changed" in told["roomy"].stdout
    assert_same_site(book.made / "html", html)


@pytest.mark.parametrize(
    "named",
    ["HOME", "NUMBA_CACHE_DIR", *(pytest.param(n, marks=pytest.mark.slow) for n in ("COOS_CACHE", "XDG_CACHE_HOME"))],
)
def test_a_cache_that_cannot_be_written_to_is_no_obstacle(book, tmp_path, obedient, named):
    begin(book, "html.key", *(["runs/simulated-smoke/notebooks/00-start-here.ipynb"] if named == "HOME" else []))
    with read_only(tmp_path):
        done = make(book, obedient, **{named: str(tmp_path)})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_two_builds_at_once_make_one_site(book):
    begin(book, "html.key", "html")
    with ThreadPoolExecutor() as pool:
        one, other = pool.map(lambda _: make(book), range(2))
    assert (one.returncode, other.returncode) == (0, 0), one.stderr + other.stderr
    built = ["Building the pages" in done.stdout for done in (one, other)]
    assert sorted(built) == [False, True] and "Pages: nothing changed" in (one, other)[built.index(False)].stdout
    assert_same_site(book.made / "html", book.folder / "_build" / "html")


def test_a_project_folder_that_cannot_be_written_to_is_one_clear_message(book, obedient):
    begin(book)
    with read_only(book.folder):
        text = message(make(book, obedient))
    assert str(book.folder / "_build") in text and len(text.splitlines()) == 1, text


@pytest.mark.parametrize("without", [["html.key"], ["html.key", "runs"], ["html.key", "runs", "data"]])
def test_made_things_that_cannot_be_written_to_are_one_clear_message(book, obedient, without):
    begin(book, *without)
    with read_only(book.folder / "_build"):
        text = message(make(book, obedient))
    assert str(book.folder / "_build") in text and len(text.splitlines()) == 1, text


def test_a_read_only_project_builds_into_another_folder(book, obedient, tmp_path):
    begin(book)
    elsewhere = shutil.copytree(book.made, tmp_path / "made")
    remove(elsewhere, "html", "html.key", "src")
    with read_only(book.folder):
        done = make(book, obedient, COOS_BUILD=str(elsewhere))
    assert done.returncode == 0, done.stdout + done.stderr
    assert_same_site(book.made / "html", elsewhere / "html")


def test_a_read_only_project_and_a_read_only_home_are_no_traceback(book, obedient, tmp_path):
    begin(book)
    elsewhere, home = shutil.copytree(book.made, tmp_path / "made"), tmp_path / "home"
    home.mkdir()
    with read_only(book.folder, home):
        done = make(book, obedient, COOS_BUILD=str(elsewhere), HOME=str(home))
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == 0 or message(done)


def make_with(python, folder):
    """Run the Makefile's set-up with a Python, in a folder that has none yet."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy2(PROJECT / name, folder)
    (folder / "home").mkdir()
    environment = surroundings(folder, folder / "home")
    return run(["make", ".venv/installed", f"PYTHON={python}"], folder, environment)


@pytest.mark.parametrize("version", ["3.10", "3.14"])
def test_a_python_of_another_version_is_one_clear_message(tmp_path, version):
    stub = tmp_path / "python"
    pretend = f"import sys; sys.version_info = ({version.replace('.', ', ')}, 0, 'final', 0)"
    stub.write_text(f"""#!/bin/sh\n[ "$1" = -c ] || exit 9\nexec '{sys.executable}' -c "{pretend}\n$2"\n""")
    stub.chmod(0o755)
    done = make_with("./python", tmp_path)
    told, made_by_make = done.stderr.strip().splitlines()
    assert told.startswith(f"Found Python {version}; expected 3.11, 3.12 or 3.13. Name another with: make PYTHON=")
    assert done.returncode == 2 and made_by_make.startswith("make: ")
    assert done.stdout == "" and not (tmp_path / ".venv").exists()


def test_a_python_that_is_not_there_is_one_clear_message(tmp_path):
    done = make_with("python3.99", tmp_path)
    told, made_by_make = done.stderr.strip().splitlines()
    assert told.startswith("No python3.99 here: install Python 3.11, 3.12 or 3.13, or name one with make PYTHON=")
    assert done.returncode == 2 and made_by_make.startswith("make: ")
    assert done.stdout == "" and not (tmp_path / ".venv").exists()
