"""Check a table of predictions that others bring, a row a cell, against a release: nothing is taken by guess."""

import numpy as np

from coos_helpers.data.errors import DataError
from coos_helpers.results.stored import column_of

NEEDED = ["split", "cell", "predicted"]
SCORE = "score_"
COLUMNS = "the columns split, cell and predicted, and perhaps a score_<class> for each class"

#: Cross-validated predictions of the training set, each plate held out once: what they tell of other plates.
BY_PLATE = column_of("train", "plate")

WRITE = "Write a table with the columns split, cell (its number in the file, from 0) and predicted."

FROM_ONE = "They are counted from 1: subtract 1 from every class, or write names."


def more(rows):
    """Say how many rows are wrong besides the one that is named."""
    return f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""


def check(frame, release, path="the table"):
    """Check a table of predictions against a release, and sort each split's by cell.

    Parameters
    ----------
    frame : pandas.DataFrame with `split`, `cell` and `predicted` (names or numbers of classes), and perhaps a column
        `score_<class>` for each class. Its index numbers the rows in messages.
    release : dict from split name to `Split`.
    path : of the file, for messages.

    Returns
    -------
    A dict from split name to pairs of predicted classes, (N,) int64, and scores, (N, K) float32 or None; and the list
    of the columns that were not read. Besides the release's splits, the dict may have `train-by-plate`.

    Raises
    ------
    DataError : a cell is missing, doubled or unknown; or a class, a split or a score is none.
    """
    classes = next(iter(release.values())).class_names
    columns = [*NEEDED, *(SCORE + name for name in classes)]
    spelt = {name.lower(): name for name in columns}
    frame = frame.rename(columns=lambda name: name if name in columns else spelt.get(str(name).strip().lower(), name))
    if missing := [name for name in NEEDED if name not in frame]:
        raise DataError(path, f"no column {', '.join(missing)}", COLUMNS, WRITE)
    if frame.columns.has_duplicates:
        raise DataError(path, f"two columns {frame.columns[frame.columns.duplicated()][0]}", COLUMNS, WRITE)
    if frame.empty:
        raise DataError(path, "no rows", "a row for each cell of a split", WRITE)
    known = {**release, **({BY_PLATE: release["train"]} if "train" in release else {})}
    splits = _texts(frame["split"])
    if len(wrong := frame.index[~splits.isin(list(known))]):
        found = f"the split {splits[wrong[0]]!r} in row {wrong[0]}{more(wrong)}"
        raise DataError(path, found, f"splits of the release: {', '.join(release)}", "Name them as the release does.")
    cells = _cells(frame["cell"], path)
    predicted, numbered = _classes(frame["predicted"], classes, path)
    scores, unread = _scores(frame, classes, path)
    made = {}
    for name in [name for name in known if (splits == name).any()]:
        mine = np.flatnonzero(splits == name)
        _every_cell_once(cells[mine], frame.index[mine], name, len(known[name]), path)
        mine = mine[np.argsort(cells[mine])]
        made[name] = predicted[mine], None if scores is None else scores[mine]
        refuse_contradiction(*made[name], classes, path, lambda i, m=mine: f"row {frame.index[m[i]]}")
    if numbered:
        labels = np.concatenate([known[name].labels for name in made])
        _refuse_from_one(np.concatenate([said for said, _ in made.values()]), labels, path)
    return made, unread


def refuse_contradiction(predicted, scores, classes, path, where):
    """Refuse scores, (N, K), of which another class than the predicted one, (N,), has the highest."""
    if scores is None:
        return
    highest = scores.max(1)
    wrong = np.flatnonzero(scores[np.arange(len(predicted)), predicted] < highest - 1e-6 * np.abs(highest))
    if len(wrong):
        i = wrong[0]
        found = f"predicted {classes[predicted[i]]} but the highest score for {classes[scores[i].argmax()]} in"
        remedy = "Predict the class with the highest score, or leave the scores out."
        raise DataError(path, f"{found} {where(i)}{more(wrong)}", "scores that agree with what is predicted", remedy)


def _texts(column):
    return column.map(lambda value: str(value).strip())


def _numbers(column, path, expected):
    """Turn a column into float64; DataError with the row of what is no number."""
    values = []
    for row, value in column.items():
        try:
            values.append(float(value))
        except (TypeError, ValueError):
            found = f"{value!r:.40} in column {column.name}, row {row}"
            raise DataError(path, found, expected, "Write numbers with a decimal point, and none empty.") from None
    return np.array(values)


def _cells(column, path):
    expected = "the number of a cell in its file, a whole number from 0"
    values = _numbers(column, path, expected)
    wrong = column.index[~((values >= 0) & (values == np.rint(values)) & (values < 2**53))]
    if len(wrong):
        raise DataError(path, f"the cell {column[wrong[0]]} in row {wrong[0]}{more(wrong)}", expected, WRITE)
    return values.astype(np.int64)


def _classes(column, classes, path):
    """Turn a column of class names, or of their numbers from 0, into (N,) int64, and say whether it has numbers."""
    texts, names = _texts(column), {name.strip(): k for k, name in enumerate(classes)}
    numbers = {text: k for k in range(len(classes)) for text in (f"{k}", f"{k}.0")}
    if names.keys() & numbers.keys():
        numbers = {}  # classes that are called by numbers are known by their names alone
    for known in (names, numbers):
        if texts.isin(list(known)).all():
            return texts.map(known).to_numpy(np.int64), known is numbers
    if numbers and texts.isin([f"{k}{end}" for k in range(1, len(classes) + 1) for end in ("", ".0")]).all():
        raise DataError(path, f"classes from 1 to {len(classes)}", f"0 to {len(classes) - 1}", FROM_ONE)
    wrong = column.index[~texts.isin(list(names))]
    remedy = "Write names as the release does in every row" + (", or numbers in every row." if numbers else ".")
    expected = f"{', '.join(classes)}" + (f", or everywhere numbers from 0 to {len(classes) - 1}" if numbers else "")
    raise DataError(path, f"the class {texts[wrong[0]]!r:.60} in row {wrong[0]}{more(wrong)}", expected, remedy)


def _refuse_from_one(predicted, labels, path):
    """Refuse numbers of classes, (N,), without a 0, most of which are the class before them, (N,)."""
    one_less = np.mean(predicted - 1 == labels)
    if predicted.min() == 1 and len(np.unique(predicted)) > 1 and one_less > max(0.5, 2 * np.mean(predicted == labels)):
        found = f"classes from 1 to {predicted.max()}, of which {100 * one_less:.0f} % are right once 1 is subtracted"
        raise DataError(path, found, "numbers of classes from 0", FROM_ONE)


def _scores(frame, classes, path):
    """Take the scores, (N, K) float32 or None, and name the columns that are not read."""
    given = [name for name in frame if str(name).startswith(SCORE)]
    unread = [str(name) for name in frame if name not in [*NEEDED, *given]]
    if not given:
        return None, unread
    expected = f"a column for each class: {', '.join(SCORE + name for name in classes)}"
    wanted = [SCORE + name for name in classes]
    for found in ([n for n in given if n not in wanted], [n for n in wanted if n not in given]):
        if found:
            what = f"{'the column' if found[0] in given else 'no column'} {', '.join(found)}"
            raise DataError(path, what, expected, "Name the columns as the release does its classes, or leave all out.")
    scores = np.column_stack([_numbers(frame[name], path, "a score") for name in wanted])
    if len(wrong := np.flatnonzero(~np.isfinite(scores).all(1))):
        found = f"a score that is NaN or infinite in row {frame.index[wrong[0]]}{more(wrong)}"
        raise DataError(path, found, "a number for each class", "Leave the scores out where there are none.")
    return scores.astype(np.float32), unread


def _every_cell_once(cells, rows, name, count, path):
    """Refuse cells of a split that are missing, doubled or unknown, and say so if all are numbered from 1."""
    expected, remedy = f"each of the cells 0 to {count - 1} once", "Number the cells as they lie in the file, from 0."
    if len(cells) == count and np.array_equal(np.sort(cells), np.arange(1, count + 1)):
        remedy = "They are numbered from 1: subtract 1 from every cell."
        raise DataError(path, f"the cells 1 to {count} of {name}", expected, remedy)
    if len(beyond := np.flatnonzero(cells >= count)):
        found = f"the cell {cells[beyond[0]]} of {name} in row {rows[beyond[0]]}{more(beyond)}"
        raise DataError(path, found, expected, remedy)
    _, first, of = np.unique(cells, return_index=True, return_inverse=True)
    if len(again := np.flatnonzero(first[of] != np.arange(len(cells)))):
        i = again[0]
        found = f"the cell {cells[i]} of {name} in row {rows[i]} and already in row {rows[first[of[i]]]}{more(again)}"
        raise DataError(path, found, expected, "Keep one row a cell.")
    if len(missing := np.setdiff1d(np.arange(count), cells)):
        found = f"no row for the cell {missing[0]} of {name}{more(missing)}"
        raise DataError(path, found, expected, "Add what is missing, or leave the whole split out.")
