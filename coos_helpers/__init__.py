"""What the chapters of the COOS-7 book share: a walk from images of cells to how surely their classes are known.

The steps, in the order in which data go through them:

- `data`: a release on disk becomes a dict of `Split`. `fetch` brings it there, `simulate` makes one, and `bring`
  makes one of fields of view or crops that somebody brings.
- `representations`: a split becomes features, (N, d).
- `classifiers`: features become classes.
- `results`: what a classifier said of each cell is kept, entered into the run's table, packed and read.
- `plots`: numbers become figures. `notebook`: what only chapters need.

Beside the walk stand the measures, `metrics` (of predictions) and `shift` (of two sets of cells), which know arrays
only; `published`, the paper's own numbers; `runs`, a profile and its data; and `store`, where made things lie. `cli` is
the command `coos`. A step imports what comes before it, and from beside the walk; nothing imports what comes after it.
"""

import os
from pathlib import Path

# Numba keeps what it compiles beside the source, else in the home. Where it may write to neither, it would give up.
if not any(os.access(folder, os.W_OK) for folder in (Path(__file__).parent, os.path.expanduser("~"))):
    os.environ.setdefault("NUMBA_CACHE_DIR", os.path.join(os.environ.get("COOS_BUILD") or "_build", "numba"))
