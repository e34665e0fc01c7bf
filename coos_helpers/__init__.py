"""What the chapters of the COOS-7 book share."""

import os
from pathlib import Path

# Numba keeps what it compiles beside the source, else in the home. Where it may write to neither, it would give up.
if not any(os.access(folder, os.W_OK) for folder in (Path(__file__).parent, os.path.expanduser("~"))):
    os.environ.setdefault("NUMBA_CACHE_DIR", os.path.join(os.environ.get("COOS_BUILD") or "_build", "numba"))
