"""Import the modules of book/, which lie outside the package."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book"))

import build  # noqa: E402
import convert  # noqa: E402
import pages  # noqa: E402
import turns  # noqa: E402

__all__ = ["ROOT", "build", "convert", "pages", "turns"]
