"""Run `make book` for the tests: in the smoke profile, in a folder of its own, fetching nothing."""

import os
import subprocess
import sys

from book_builder import ROOT
from conftest import shared

COMMAND = [sys.executable, str(ROOT / "book" / "build.py"), "--profile", "smoke"]


def surroundings(folder):
    """Give the environment of a build that fetches nothing: VGG16's weights are those beside the project, or none."""
    weights = shared("torch-home")
    home = weights if weights.is_dir() else folder / "torch"
    nowhere = "http://127.0.0.1:9"
    return {
        **os.environ, "COOS_BUILD": str(folder / "_build"), "TORCH_HOME": str(home),
        "HTTPS_PROXY": nowhere, "https_proxy": nowhere,
    }  # fmt: skip


def run(folder, *arguments):
    environment = surroundings(folder)
    return subprocess.run([*COMMAND, *arguments], env=environment, cwd=ROOT, capture_output=True, text=True)
