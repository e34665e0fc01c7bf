"""Test the paper's empirical sentences on the data at hand: a function each, from `Evidence` to a verdict and figures.

The page `paper-and-ours` quotes each sentence, says what it is taken to mean, and shows what its function found for
every run. Where the data lack what a sentence is about, `Unsaid` says so.
"""

import numpy as np
from evidence import DOES_NOT, HOLDS, UNSAID, Unsaid, judged, told

from coos_helpers import classifiers, published, results
from coos_helpers.metrics.bootstrap import interval

NEAR, FAR = ("test1", "test2"), ("test3", "test4")
POINTS = "{:+.1f}"
GUESS, ALIKE = 5, 1  # points, as the page says


def nucleus(e):
    """The nucleus alone tells no classes apart"""
    e.need(*FAR)
    rows, guess = e.asides("Texture", lambda p: p.variant == "nucleus"), 100 * (1 - 1 / len(e.classes))
    errors = {split: e.aside_errors(rows, split)[0] for split in e.tests}
    lead = np.array([guess - errors[split] for split in FAR])
    low, high = np.round([interval(one) for one in lead], 9).T
    verdict = DOES_NOT if (low > 0).any() else HOLDS if (high < GUESS).all() else UNSAID
    figures = (f"{told(values)} % on {split}" for split, values in errors.items())
    return verdict, f"kNN on Texture of the nucleus errs in {', '.join(figures)}. Guessing errs in {guess:.1f} %."


def looks(e):
    """Golgi around the nucleus, peroxisomes evenly"""
    raise Unsaid("No stored result says where in a cell its light lies. Look at the cells.")


def both_channels(e):
    """Both channels lower VGG16's performance"""
    numbers, figures, splits = [], [], e.need()
    for name in ("knn", "l1-lr"):
        rows = [
            e.asides("VGG16", lambda p, n=name, c=c: p.classifier == n and p.layer.endswith(c) and p.variant == "")[0]
            for c in ("protein", "both")
        ]
        protein, both = np.mean([e.aside_errors(rows, split) for split in splits], axis=0)
        numbers.append(both - protein)
        figures.append(f"{classifiers.NAMES[name]} {told(both - protein, POINTS)} points")
    cells = f"{sum(len(rows[0][split].labels) for split in splits):,} cells of {len(splits)} test sets"
    return judged(numbers), f"Error with both channels less that with the protein, {cells}: {', '.join(figures)}."


def near_home(e):
    """All methods do well on test1 and test2"""
    limit = published.table3()[[*NEAR]].to_numpy().max()
    errors = np.concatenate([e.errors(split) for split in e.need(*NEAR)])
    worst = int(errors[:, 0].argmax())
    split, row = divmod(worst, len(e.titles))
    figures = f"{told(errors[worst])} %, {e.titles[row]} on {NEAR[split]}"
    return judged(limit - errors), f"The highest error of {len(e.titles)} rows: {figures}."


def as_little_as(e):
    """Networks err least near home; Texture's L1 LR little more"""
    e.need(*NEAR)
    deep, (texture, *_) = [i for name in ("DeepLoc", "PCI", "VGG16") for i in e.rows(name)], e.rows("Texture", "l1-lr")
    numbers, figures = [], []
    for split in NEAR:
        errors = e.errors(split)
        best = deep[int(errors[deep, 0].argmin())]
        numbers.append(errors[texture] - errors[best])
        one, other = (f"{e.titles[i]} {told(errors[i])} %" for i in (best, texture))
        figures.append(f"on {split} {one}, {other}, the second more by {told(numbers[-1], POINTS)} points")
    return judged(numbers), f"The best row of a network and Texture's: {'; '.join(figures)}."


def rises(e):
    """Give every row's rise from test1 to the far test sets: dict from split to (M, 1 + R) points."""
    return {split: e.errors(split) - e.errors("test1") for split in e.need("test1", *FAR)[1:]}


def all_drop(e):
    """All classifiers drop on test3 and test4"""
    numbers, figures = rises(e), []
    for split, made in numbers.items():
        ends, above = np.argsort(made[:, 0])[[0, -1]], sum(judged([one]) == HOLDS for one in made)
        span = " to ".join(f"{told(made[i], POINTS)} of {e.titles[i]}" for i in ends)
        figures.append(f"to {split} from {span}, surely above 0 in {above} of {len(made)} rows")
    return judged(np.concatenate([*numbers.values()])), f"Rise of the error from test1, points: {'; '.join(figures)}."


def supervised_lowest(e):
    """The supervised network errs least on test3 and test4"""
    (network, *_), others = e.rows("DeepLoc", "end-to-end"), set(range(len(e.titles))) - set(e.rows("DeepLoc"))
    if not others:
        raise Unsaid("No other representation here: run chapters 02, 03 and 05.")
    numbers, figures, others = [], [], sorted(others)
    for split in e.need(*FAR):
        errors = e.errors(split)
        ahead = errors[others] - errors[network]
        nearest = int(ahead[:, 0].argmin())
        numbers += list(ahead)
        best = f"{e.titles[others[nearest]]} {told(ahead[nearest], POINTS)} points more"
        figures.append(f"{told(errors[network])} % on {split}, {best}")
    return judged(numbers), f"{e.titles[network]}, and the best row of another representation: {'; '.join(figures)}."


def every_complexity(e):
    """Classifiers of all complexities drop"""
    numbers, figures, made = [], [], rises(e)
    kinds = [next(iter(row.values())).classifier for row in e.found.table]
    for kind in dict.fromkeys(kinds):
        rise = np.mean([one[[k == kind for k in kinds]].mean(0) for one in made.values()], axis=0)
        numbers.append(rise)
        figures.append(f"{classifiers.NAMES.get(kind, kind)} {told(rise, POINTS)}")
    if len(numbers) < 2:
        raise Unsaid("One classifier alone is here.")
    return judged(numbers), f"Mean rise from test1 to test3 and test4, points: {', '.join(figures)}."


def gains(e):
    """Give what L1 LR gains over kNN, mean over layers and test sets: dict from representation to (1 + R,) points."""
    made, splits = {}, e.need()
    for family in ("Texture", "DeepLoc", "PCI", "VGG16"):
        try:
            knn, linear = (e.mean_error(e.rows(family, name), splits) for name in ("knn", "l1-lr"))
            made[family] = knn - linear
        except Unsaid:
            if family != "VGG16":  # of which the sentence does not speak
                raise
    return made


def weighing(e):
    """Texture gains most from models that weigh features"""
    numbers = [(made := gains(e))["Texture"] - made[family] for family in ("DeepLoc", "PCI")]
    figures = ", ".join(f"{family} {told(gain, POINTS)}" for family, gain in made.items())
    more = f"more than DeepLoc by {told(numbers[0], POINTS)}, than PCI by {told(numbers[1], POINTS)}"
    return judged(numbers), f"Error of kNN less that of L1 LR, points: {figures}. Texture gains {more}."


def same_network(e):
    """DeepLoc: kNN on its last layer errs as its own classifier does"""
    (network, *_), (neighbours, *_) = e.rows("DeepLoc", "end-to-end"), e.rows("DeepLoc", "knn")
    apart = {split: e.errors(split)[neighbours] - e.errors(split)[network] for split in e.need()}
    verdict = judged([ALIKE + sign * one for one in apart.values() for sign in (1, -1)])
    figures = ", ".join(f"{told(one, POINTS)} on {split}" for split, one in apart.items())
    return verdict, f"{e.titles[neighbours]} less {e.titles[network]}, points: {figures}."


def representation_rules(e):
    """The representation matters, the classifier little"""
    grid, splits = {}, e.need()
    for i, row in enumerate(e.found.table):
        grid.setdefault(results.family(row), {}).setdefault(next(iter(row.values())).classifier, []).append(i)
    grid = {family: of for family, of in grid.items() if {*classifiers.NAMES} <= set(of)}
    if len(grid) < 2:
        raise Unsaid("Fewer than two representations with all three classifiers: run chapters 02 to 05.")
    errors = np.array([[e.mean_error(of[name], splits) for name in classifiers.NAMES] for of in grid.values()])
    of_features, of_models = errors.mean(1).std(0, ddof=1), errors.mean(0).std(0, ddof=1)
    spread = f"{told(of_features)} points between {len(grid)} representations, {told(of_models)} between 3 classifiers"
    return judged([of_features - of_models]), f"Standard deviation of mean errors: {spread}."


CLAIMS = {
    "2.1": (nucleus, looks),
    "3.1": (both_channels,),
    "3.2": (
        near_home,
        as_little_as,
        all_drop,
        supervised_lowest,
        every_complexity,
        weighing,
        same_network,
        representation_rules,
    ),
}
