"""What a split says of its cells beside their images, checked: labels, class names, plates and wells."""

import numpy as np

from coos_helpers.errors import DataError


def as_labels(path, labels, class_names):
    """Turn labels into int64, from 0 to the number of classes - 1, or say what is wrong with them."""
    if labels.ndim != 1:
        found = f"labels of shape {labels.shape}"
        raise DataError(path, found, "one label a cell, shape (N,)", "Store class numbers, not one-hot rows.")
    if not len(labels):
        raise DataError(path, "no cells", "at least one cell", "The file is empty: make or fetch it again.")
    if labels.dtype.kind not in "iuf":
        found = f"labels of type {labels.dtype}"
        raise DataError(path, found, "whole numbers", "Store the class numbers from Table 1.")
    if labels.dtype.kind == "f":
        bad = np.flatnonzero(~(np.isfinite(labels) & (labels == np.rint(labels))))
        if len(bad):
            found = f"label {labels[bad[0]]} at cell {bad[0]}"
            raise DataError(path, found, "whole numbers", "Mend or remove that cell.")
    outside = np.flatnonzero((labels < 0) | (labels >= len(class_names)))
    if len(outside):
        raise DataError(
            path,
            f"label {labels[outside[0]]} at cell {outside[0]} ({len(outside)} cells outside the range)",
            f"labels from 0 to {len(class_names) - 1}, one for each of {len(class_names)} classes",
            "Number the classes from 0, or name every class in the file's class_names attribute.",
        )
    return labels.astype(np.int64)


def as_class_names(path, names, default):
    """Take the file's own class names as a tuple, or the default where it has none."""
    if names is None:
        return tuple(default)
    if not names or len(set(names)) < len(names) or not all(name.strip() for name in names):
        raise DataError(
            path,
            f"class_names {list(names)}",
            "a list of different, non-empty names, one for each label",
            "Mend the class_names attribute, or remove it if the classes are COOS-7's seven.",
        )
    return tuple(names)


def as_places(path, key, values, count):
    """Turn plates or wells, texts or whole numbers, into (N,) str; None where the file has none."""
    if values is None:
        return None
    shape = getattr(values, "shape", np.shape(values))  # that of an empty data space is None
    remedy = f"Store a {key} for each cell, or leave the key out."
    if shape != (count,):
        expected = f"one {key} a cell, shape ({count},)"
        raise DataError(path, f"`{key}` of shape {shape} beside {count} cells", expected, remedy)
    values = np.asarray(values)
    odd = values.dtype.kind not in "OSUiu" or (
        values.dtype.kind == "O" and not all(isinstance(value, (bytes, str)) for value in values)
    )
    if odd:
        raise DataError(path, f"`{key}` of type {values.dtype}", "texts or whole numbers, without NaN", remedy)
    # Bytes that are no UTF-8 stay apart from one another.
    names = [v.decode("utf-8", "backslashreplace") if isinstance(v, bytes) else str(v) for v in values]
    for cell, name in enumerate(names):
        if not name.strip() or name.strip().lower() == "nan":
            raise DataError(path, f"the {key} {name!r} at cell {cell}", f"a {key} with a name", remedy)
    return np.asarray(names, str)
