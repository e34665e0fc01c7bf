"""Choose what the tables and figures of a run show, without a look at any test set's errors where a model is chosen."""

import numpy as np

from coos_helpers import classifiers
from coos_helpers.metrics.calibration import confident_errors
from coos_helpers.metrics.folds import checked_features, cut_folds
from coos_helpers.metrics.scores import balanced_error, common_errors

PICTURES = 8  # of each error


def family(by_split):
    """Name the representation that a row of the table belongs to, as the paper does and without its layer: `PCI`."""
    p = next(iter(by_split.values()))
    return p.family or p.representation


def names_of(by_split):
    """Name a row's `features` and `model` as the tables do."""
    p = next(iter(by_split.values()))
    return {"features": p.representation, "model": classifiers.NAMES.get(p.classifier, p.classifier)}


def row_title(by_split):
    """Name a row in one: `texture, L1 LR`."""
    return ", ".join(names_of(by_split).values())


def by_method(rows):
    """Gather the rows of the same representation and classifier: lists of the trainings of one network, in order."""
    methods = {}
    for row in rows:
        p = next(iter(row.values()))
        methods.setdefault((p.representation, p.classifier), []).append(row)
    return list(methods.values())


def headline_rows(found):
    """Choose one row of each representation, without a look at any test set: networks, then Texture, then others.

    DeepLoc end to end; of the others L1 logistic regression, on the layer that ranked first on the training set, or
    else the representation's first row.
    """
    linear, rows = ("end-to-end", "l1-lr"), {}
    for row in sorted(found.table, key=lambda row: next(iter(row.values())).classifier not in linear):
        rows.setdefault(family(row), row)
    papers = {name: rows[name] for name in ("DeepLoc", "VGG16", "PCI", "Texture") if name in rows}
    return list((papers | rows).values())


def confusion_selection(found):
    """Choose what the confusion matrices are drawn of: (up to three of the `headline_rows`, names of test sets).

    The paper's supplement has nine matrices and does not say of what. Taken here: DeepLoc end to end, VGG16 and PCI
    with L1 logistic regression; and `test1`, `test3`, `test4`, or the first three test sets that there are.
    """
    splits = test_splits(found)
    wanted = [name for name in ("test1", "test3", "test4") if name in splits]
    return headline_rows(found)[:3], wanted if len(wanted) == 3 else splits[:3]


def test_splits(found):
    """List the test sets of some results, in order; the training set stands in where there is none."""
    return [name for name in found.table[0] if name != "train"] or ["train"]


def most_confident_cells(found, split, true, called):
    """List the cells that the first model's matrix opens for one kind of error, the surest first: (<= 6,) indices."""
    p = confusion_selection(found)[0][0][split]
    if p.scores is None:
        return np.flatnonzero((p.labels == true) & (p.predicted == called))[:6]
    return confident_errors(p.labels, p.predicted, p.scores, true, called, 6)


def cells_to_picture(found):
    """List the cells whose pictures the confusion matrices need: dict from split name to (n,) sorted indices."""
    rows, splits = confusion_selection(found)
    kinds = range(len(found.class_names))
    pairs = [(true, called) for true in kinds for called in kinds if true != called]
    wanted = {name: {int(i) for pair in pairs for i in most_confident_cells(found, name, *pair)} for name in splits}
    for p in (row[name] for row in rows for name in splits if row[name].scores is not None):
        for true, called, _ in common_errors(p.labels, p.predicted, len(p.class_names)):
            some = confident_errors(p.labels, p.predicted, p.scores, true, called, PICTURES)
            wanted[p.split] |= set(some.tolist())
    return {name: np.array(sorted(cells), np.int64) for name, cells in wanted.items()}


def rank_layers(features, labels, wells=None, seed=0):
    """Sort the layers of a network by what they are worth, without a look at any test set.

    Parameters
    ----------
    features : dict from layer to (N, d), of the training set.
    labels, wells, seed : as for `classifiers.fit`.

    Returns
    -------
    dict from layer to the balanced error of kNN in 5-fold cross-validation, best first. The paper's "top 3 overall
    performing layers" leaves open on which cells.
    """
    kept, cuts = cut_folds(np.asarray(labels), wells, seed, who="the ranking of layers")
    model, errors = classifiers.knn(min(11, *(len(learned) for learned, _ in cuts))), {}
    for layer, values in features.items():
        values, codes = (part[kept] for part in checked_features(values, labels))
        fitted = ((model.fit(values[learned], codes[learned]), held_out) for learned, held_out in cuts)
        errors[layer] = float(np.mean([balanced_error(codes[h], m.predict(values[h])) for m, h in fitted]))
    return dict(sorted(errors.items(), key=lambda item: item[1]))
