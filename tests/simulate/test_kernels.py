"""What must hold of compiled code: words change no key, and code that another module calls is never an old one."""

import os
import shutil
import subprocess
import sys

import pytest
from conftest import PROJECT

from coos_helpers.simulate import kernels
from coos_helpers.store import code


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """Copy the package without what was compiled, and look there for the simulator's code."""
    package = tmp_path / "coos_helpers"
    shutil.copytree(PROJECT / "coos_helpers", package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code, "PACKAGE", package)
    return package


def change(file, old, new):
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


UNIFORM = '"""Draw from 0 up to 1."""'


def test_only_the_simulators_own_code_enters_its_digest(copied):
    digest = kernels.source_digest.__wrapped__
    before = digest()
    assert before == kernels.source_digest() and len(before) == 16
    change(copied / "simulate" / "streams.py", UNIFORM, '"""Draw."""  # from 0 up to 1')
    for elsewhere in ("metrics/scores.py", "representations/texture.py", "store/files.py", "simulate/__init__.py"):
        (copied / elsewhere).write_text("changed = 1\n", encoding="utf-8")
    assert digest() == before
    seen = {before}
    for file, old, new in (
        ("streams.py", "1.0 / 9007199254740992.0", "2.0 / 9007199254740992.0"),
        ("optics.py", "HAZE = 2.6", "HAZE = 2.7"),
        ("layout.py", "1.05, 0.94", "1.06, 0.94"),
        ("camera.py", "DARK = 0.5", "DARK = 0.6"),
    ):
        change(copied / "simulate" / file, old, new)
        seen.add(digest())
    assert len(seen) == 5


def test_a_kernel_follows_the_code_of_another_module_and_its_words_do_it_no_harm(copied):
    look = "from coos_helpers.simulate import camera, streams; import numpy as np; rng = streams.stream(1); "
    look += "print(camera.read_out(np.full((2, 2), 99, 'f4'), rng, 0.6, 2.0, 100.0, 6.0, 0.0).tolist())"

    def counts():
        environment = os.environ | {"PYTHONPATH": str(copied.parent), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, "-c", look], env=environment, cwd=copied.parent, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    kept = copied / "simulate" / "__pycache__"
    before = counts()
    assert len(list(kept.iterdir())) == 1
    change(copied / "simulate" / "streams.py", UNIFORM, '"""Draw."""\n    # from 0 up to 1')
    assert counts() == before and len(list(kept.iterdir())) == 1
    change(copied / "simulate" / "streams.py", "far * math.cos(turn), far * math.sin(turn)", "9.0, 9.0")
    assert counts() != before and len(list(kept.iterdir())) == 2
