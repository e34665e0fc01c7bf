"""From fields of view to a release: a crop of 64 x 64 pixels around each nucleus, as the paper made its cells."""

import shutil
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed, parallel_config
from tqdm import tqdm

from coos_helpers.bring import report, segment, sheet
from coos_helpers.bring.crops import CHOOSE
from coos_helpers.bring.cut import cut, see
from coos_helpers.bring.fields import read_fields
from coos_helpers.bring.table import refuse_inside
from coos_helpers.bring.write import plan, write_release
from coos_helpers.data.errors import DataError
from coos_helpers.data.split_names import find_splits
from coos_helpers.store.files import atomic
from coos_helpers.store.keys import code_key, key, seal, unseal
from coos_helpers.store.lock import alone

WORK, RUN, DONE = ".crop", ".crop-run", "crop-report.txt"


def crop(fields, out, options=None, protein=None, nucleus=None, labels=None, centres=None, split=False, wells=None,
         jobs=-1, progress=True):  # fmt: skip
    """Make a release of fields of view: find the nuclei, crop both channels around each, write what was found.

    The release has the data sets `field`, `x` and `y` beside those of every release. `crop-report.txt` counts the cells
    and names what is odd, `crop-report.csv` has a row for each field, `contact-sheet.png` shows the segmentation.
    Counts stay as they are. Each field's crops are kept in a hidden folder until the release is written, so that a run
    that was stopped goes on. The design counts cells: it is printed when all are cut, before the release is written.

    Parameters
    ----------
    fields, labels, centres : as `fields.read_fields` takes them.
    out : the folder to write to, made if missing.
    options : `segment.Options`, where neither labels nor centres are given.
    protein, nucleus : which channel is which, as for `crops.read_channels`; one image of both needs both told.
    split, wells : as for `write_release`.
    jobs : processes; -1 for all cores. They change no byte.
    progress : whether a progress bar is drawn on stderr.

    Returns
    -------
    The folder as a Path.

    Raises
    ------
    DataError : a table or an image that cannot be used, by the table's row; or another release is in `out`.
    ValueError : an option that cannot be meant.
    """
    out, options = Path(out), options or segment.Options()
    options.limits()
    table, found = read_fields(fields, labels, centres)
    if options != segment.Options() and (labels or centres or found[0].labels):
        raise ValueError("found options of segmentation beside labels or centres; expected one of them. Leave one out.")
    if len(found[0].files) == 1 and not (protein and nucleus):  # of two, neither is the first by custom
        raise DataError(table.path, "one file of both channels", "to know protein and nucleus", CHOOSE)
    class_names = tuple(sorted({field.known["class"] for field in found}))
    refuse_inside(table, out)
    ten = {name: values.repeat(10) for name, values in _columns(found).items()}
    plan(ten, class_names, split, wells)  # as if each field had ten cells: what is refused is so before any work
    asked = {"options": options, "protein": protein, "nucleus": nucleus}
    files = [file for field in found for file in (*field.files, field.labels) if file]
    state = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    known = [(field.name, field.known, None if field.centres is None else field.centres.tolist()) for field in found]
    run = key(asked=asked, code=code_key("bring.crop"), split=[split, wells], state=state, known=known)
    with alone(out, "crop"):
        if _begun(out, run) and (out / DONE).exists() and find_splits(out)[0]:
            return out
        work = out / WORK
        work.mkdir(exist_ok=True)
        code = code_key("bring.cut")
        tasks = (delayed(_tried)(table, field, asked, code, work) for field in found)
        with parallel_config("loky", n_jobs=jobs), tqdm(total=len(found), unit=" fields", disable=not progress) as bar:
            bar.set_description("crop")
            cropped = []
            for one in Parallel(return_as="generator")(tasks):
                if isinstance(one, DataError):  # of several, the first in the table, whichever process is faster
                    raise one
                cropped.append(one)
                bar.update()
        report.odd_ones(cropped)
        cells, read = _cells(table, found, cropped)
        source = f"cells cropped from {len(found)} fields of view, {table.path.resolve().name}"
        about = {"crops": key(files=[one.path.name for one in cropped])}
        write_release(out, cells, read, class_names, source, split, about, progress, wells)
        sheet.write(out / "contact-sheet.png", found, cropped, partial(see, **asked))
        report.write(out, table, found, cropped)
        shutil.rmtree(work)
    return out


def _tried(*field):
    """Cut a field, or give what is wrong with it."""
    try:
        return cut(*field)
    except DataError as error:
        return error


def _columns(fields):
    """Gather what is known of fields: dict from column to (F,) str."""
    return {name: np.array([field.known[name] for field in fields]) for name in fields[0].known}


def _cells(table, found, cropped):
    """Gather what is known of the fields' cells, dict of (N,) arrays, and how their images are read."""
    counts = [len(one.centres) for one in cropped]
    if not sum(counts):
        expected = "some nuclei, and 32 pixels around them"
        raise DataError(table.path, f"no cell in {len(found)} fields", expected, "Look at the options: `coos crop -h`.")
    columns = _columns(found) | {"field": np.array([field.name for field in found])}
    cells = {name: np.repeat(values, counts) for name, values in columns.items()}
    cells["x"], cells["y"] = np.concatenate([one.centres for one in cropped]).T
    ends = np.cumsum(counts)
    opened = lru_cache(2)(lambda at: np.load(cropped[at].path)["images"])

    def read(indices):
        at = np.searchsorted(ends, indices, "right")
        return np.stack([opened(f)[i - ends[f] + counts[f]] for f, i in zip(at, indices, strict=True)])

    return cells, read


def _begun(out, run):
    """Say whether this very run has begun in a folder; begin it where nothing is; refuse a folder with another's."""
    try:
        if unseal(out / RUN) == run:
            return True
    except (OSError, ValueError):  # none there, or damaged
        pass
    if find_splits(out)[0] or (out / DONE).exists():
        found = "another release, or one made with other options"
        raise DataError(out, found, "an empty folder", "Choose one, or remove what is there.")
    with atomic(out / RUN) as file:
        file.write(seal(run))
    return False
