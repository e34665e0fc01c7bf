"""Test the paper's sentences on single classes (sections 3.3 and 3.4), as `claims` does those on errors."""

import numpy as np
from claims import FAR, POINTS
from evidence import DOES_NOT, HOLDS, UNSAID, Unsaid, judged, told

from coos_helpers import results

GOLGI, ENDOSOME = "Golgi", "Early Endosome"
TAKEN_FOR = {ENDOSOME: ("ER", GOLGI), GOLGI: ("IMM", "Peroxisomes")}
DISTINCT = ("Cytosol", "Nuclear Envelope")
LITTLE, MUCH = 3, 10  # points, as the page says


def uneven(e):
    """Shifts cost some classes much and most classes little"""
    splits, cases, numbers = e.need("test1", *FAR)[1:], [], []
    for row, split in ((row, split) for row in e.examined for split in splits):
        falls = [e.of_class(row, "test1", k) - e.of_class(row, split, k) for k in e.classes]
        sharp = [k for k, fall in zip(e.classes, falls, strict=True) if judged([fall], MUCH) == HOLDS]
        numbers += falls
        if sharp and sum(fall[0] < LITTLE for fall in falls) > len(falls) / 2:
            cases.append(f"{e.titles[row]} on {split} ({', '.join(e.names[k] for k in sharp)})")
    unknown = np.isnan(np.array(numbers)[:, 1:]).any()
    verdict = HOLDS if cases else UNSAID if unknown else DOES_NOT
    listed = f": {'; '.join(cases)}" if cases else ""
    return verdict, f"{len(cases)} such cases of {len(e.examined) * len(splits)} rows and test sets{listed}."


def two_most_common(e):
    """Most common errors: early endosome as ER or Golgi, Golgi as IMM or peroxisomes"""
    pairs = {(*e.named(true), called) for true, names in TAKEN_FOR.items() for called in e.named(*names)}
    e.need()
    splits, meant, there, others = results.confusion_selection(e.found)[1], 0, 0, {}
    for row, split in ((row, split) for row in e.examined for split in splits):
        shares = e.confusion(row, split).copy()
        unknown = np.isnan(shares[1:]).any()
        shares[:, *np.diag_indices(shares.shape[1])] = 0
        flat = np.nan_to_num(shares.reshape(len(shares), -1))
        top = np.argsort(-flat, axis=1, kind="stable")[:, :2]
        occurs = np.take_along_axis(flat, top, 1) > 0
        named = np.isin(top, [true * shares.shape[1] + called for true, called in pairs]) & occurs
        there = there + occurs.sum(1)
        meant = meant + np.where(np.arange(len(flat)) * unknown > 0, np.nan, named.sum(1))
        for place in top[0][occurs[0] & ~named[0]]:
            others[int(place)] = others.get(int(place), 0) + 1
    if not there[0]:
        raise Unsaid("No classifier made any error here.")
    share = 100 * meant / np.maximum(there, 1)
    figures = f"{meant[0]:.0f} of the {there[0]} most common errors, {told(share)} %, are among the four named"
    if others:
        true, called = divmod(max(others, key=others.get), len(e.names))
        figures += f"; of others most often {e.names[true]} as {e.names[called]}, {max(others.values())} times"
    return judged([share], 50), f"{figures}."


def alike(e):
    """These errors were between classes that look alike"""
    raise Unsaid("Nothing here says how alike two classes look, apart from how often classifiers mistake them.")


def distinct(e):
    """Cytosol and nuclear envelope: well, by all, everywhere"""
    numbers, figures, ours = [], [], e.named(*DISTINCT)
    others, splits = [k for k in e.classes if k not in ours], e.need()
    if not others:
        raise Unsaid("There are no other classes here.")
    for k in ours:
        of_class = np.array([[e.of_class(row, split, k) for row in range(len(e.titles))] for split in splits])
        rest = np.array([e.sensitivities(split)[..., others].mean(-1) for split in splits])
        ahead = (of_class - rest).mean(0)
        numbers += list(ahead)
        split, row = np.unravel_index(of_class[..., 0].argmin(), of_class.shape[:2])
        lowest = f"lowest {told(of_class[split, row])} %, {e.titles[row]} on {splits[split]}"
        least = int(ahead[:, 0].argmin())
        mean = f"{told(of_class.mean((0, 1)))} % on average"
        figures.append(
            f"{e.names[k]}: {mean}; {lowest}; least ahead of the other classes: "
            f"{told(ahead[least], POINTS)} points, {e.titles[least]}"
        )
    return judged(numbers, -1e-6), f"{'. '.join(figures)}."  # where all are alike, none is behind


def one_class_lost(e):
    """DeepLoc on test4: the early endosome is lost, the others are not"""
    (row, *_), (k,), (near, far) = e.rows("DeepLoc", "end-to-end"), e.named(ENDOSOME), e.need("test1", "test4")
    before, after = e.of_class(row, near, k), e.of_class(row, far, k)
    others = {other: e.of_class(row, far, other) for other in e.classes if other != k}
    lowest = min(others, key=lambda other: others[other][0])
    burden = (100 - after) - sum(100 - one for one in others.values())
    figures = (
        f"{ENDOSOME}: {told(before)} % on {near}, {told(after)} % on {far}, a fall of {told(before - after)} points"
    )
    rest = f"lowest other class: {e.names[lowest]}, {told(others[lowest])} %"
    more = f"the early endosome's error less that of all others together: {told(burden, POINTS)} points"
    return judged([before - after, burden]), f"{e.titles[row]}. {figures}; {rest}; {more}."


def changed(e, pick, what):
    """Say how many entries of each examined row's confusion matrix, of those picked, differ on test3 and test4."""
    splits = e.need(*FAR)
    tests = {row: e.changed(row, *FAR) for row in e.examined}
    if any(e.found.table[0][split].well is None for split in splits):
        raise Unsaid("No wells are known that could be exchanged.")
    if all(np.isnan(test.p_value).all() for test in tests.values()):
        raise Unsaid("A class has one well on each side: there is nothing to exchange.")
    level = 0.05 / len(tests)  # one find in any of the rows is a find
    counts = {row: int((pick(test.adjusted) < level).sum()) for row, test in tests.items()}
    listed = ", ".join(f"{counts[row]} in {e.titles[row]}" for row in counts)
    verdict = HOLDS if any(counts.values()) else UNSAID
    between = f"between {splits[0]} and {splits[1]}, p below 0.05 by Holm over entries and rows"
    return verdict, f"{what} that differ {between}: {listed}."


def other_errors(e):
    """Other errors on test3 than on test4"""
    return changed(e, lambda adjusted: adjusted[~np.eye(len(adjusted), dtype=bool)], "Kinds of error")


def robust_once(e):
    """Robust for a class in one test set, not in another"""
    return changed(e, np.diag, "Sensitivities")


def falls(e, row, name, *splits):
    """Give by how much a row's sensitivity on a class falls from test1: dict from split to (1 + R,) points."""
    (k,), (near, *far) = e.named(name), e.need("test1", *splits)
    return {split: e.of_class(row, near, k) - e.of_class(row, split, k) for split in far}


def endosome_falls(e):
    """Early endosome: lower on test3 and test4 for all"""
    made = {row: falls(e, row, ENDOSOME, *FAR) for row in e.examined}
    listed = (
        f"{e.titles[row]} {told(fall[FAR[0]], POINTS)} and {told(fall[FAR[1]], POINTS)}" for row, fall in made.items()
    )
    numbers = [one for fall in made.values() for one in fall.values()]
    return judged(numbers), f"Fall of the sensitivity from test1 to test3 and to test4, points: {'; '.join(listed)}."


def er_then_golgi(e):
    """Early endosome: as ER on test3, as Golgi on test4"""
    (k, er, golgi), numbers, figures = e.named(ENDOSOME, "ER", GOLGI), [], []
    for split, sign in zip(e.need(*FAR), (1, -1), strict=True):
        matrix = np.mean([e.confusion(row, split)[:, k] for row in e.examined], axis=0)
        apart = e.stretched(matrix[:, er] - matrix[:, golgi], split, k)
        numbers.append(sign * apart)
        as_er, as_golgi = (told(np.clip(e.stretched(matrix[:, to], split, k), 0, 100)) for to in (er, golgi))
        figures.append(f"on {split} {as_er} % as ER, {as_golgi} % as Golgi, {told(apart, POINTS)} points apart")
    return judged(numbers), f"Early endosome, mean of {len(e.examined)} rows: {'; '.join(figures)}."


def appearance(e):
    """The early endosome looked different"""
    raise Unsaid("Seen by eye. Chapter 08 tests whether features of all classes moved.")


def golgi(e, family):
    """Say how the Golgi's sensitivity falls for L1 logistic regression on a representation's first layer."""
    row = e.rows(family, "l1-lr")[0]
    made = falls(e, row, GOLGI, *FAR)
    listed = ", ".join(f"{told(fall, POINTS)} to {split}" for split, fall in made.items())
    return made, f"{e.titles[row]}. Fall of the sensitivity on the Golgi from test1, points: {listed}."


def golgi_vgg16(e):
    """VGG16: Golgi lower on test3 and on test4"""
    made, figures = golgi(e, "VGG16")
    return judged([*made.values()]), figures


def golgi_pci(e):
    """PCI: Golgi lower on test3, not on test4"""
    made, figures = golgi(e, "PCI")
    third, fourth = (made[split] for split in FAR)
    first, also = judged([third, third - fourth]), judged([fourth])
    verdict = DOES_NOT if first == DOES_NOT or also == HOLDS else first
    return verdict, figures


CLAIMS = {
    "3.3": (uneven, two_most_common, alike, distinct, one_class_lost),
    "3.4": (other_errors, endosome_falls, er_then_golgi, appearance, robust_once, golgi_vgg16, golgi_pci),
}
