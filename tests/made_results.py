"""Made-up predictions, and ways to change what they are made of, which the tests of results share."""

import dataclasses

import numpy as np

from coos_helpers import results
from coos_helpers.results import stored
from coos_helpers.runs import Run

RUN = Run("made-up", "smoke", {"scale": 1, "draws": 2, "search": "random"})


def said(labels, seed=0, right=8.0, sharp=1.0):
    """Make up what a model says of some cells: (N, 7) probabilities, the truth's the highest as a rule."""
    rng = np.random.default_rng([seed, len(labels)])
    odds = sharp * (4 * rng.normal(size=(len(labels), 7)) + right * np.eye(7)[labels])
    scores = np.exp(odds - odds.max(1, keepdims=True))
    return (scores / scores.sum(1, keepdims=True)).astype(np.float32)


def kept_row(run, release, representation="texture", classifier="knn", **options):
    """Store predictions of every split, as a chapter does, and give them."""
    made = {}
    for name, split in release.items():
        scores = said(split.labels, **options)
        made[name] = stored.keep(run, split, representation, classifier, scores.argmax(1), scores, 0, "key")
    return made


def kept_ladder(run, release, classifier="knn", settings=(1, 3)):
    """Store a ladder: predictions without scores, of the training set once a rung, and of the first test set."""
    made = []
    for seed, setting in enumerate(settings):
        made.append({})
        for split, rung in (("train", "cell"), ("train", "well"), ("test1", "")):
            predicted, about = said(release[split].labels, seed).argmax(1), (None, 0, "key", setting, rung)
            p = stored.keep(run, release[split], "texture", classifier, predicted, *about)
            made[-1][stored.column_of(split, rung)] = p
    return made


def features_of(release, d=5, seed=0):
    """Make up features of 7 overlapping classes: dict from split name to (N, d) float32."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 1.5, (7, d))
    return {name: (centres[s.labels] + rng.normal(size=(len(s), d))).astype("f4") for name, s in release.items()}


def assert_same(one, other, atol=0.0):
    """Compare predictions, or dicts of them, field by field; scores to a tolerance."""
    if isinstance(one, dict):
        assert list(one) == list(other)
        for name in one:
            assert_same(one[name], other[name], atol)
        return
    for field in dataclasses.fields(results.Predictions):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if field.name == "scores" and a is not None:
            np.testing.assert_allclose(b, a, atol=atol, rtol=0)
        else:
            np.testing.assert_array_equal(a, b, err_msg=field.name)
        assert type(a) is type(b) and getattr(a, "dtype", None) == getattr(b, "dtype", None), field.name


def named(table):
    """List the names of rows."""
    return [(p.representation, p.classifier) for p in (next(iter(by_split.values())) for by_split in table)]


def change(release, name="train", **parts):
    release[name] = dataclasses.replace(release[name], **parts)


#: What may change of the data, so that predictions have to be made again.
CHANGES = {
    "features": lambda release, features: features.update(train=features["train"] + np.arange(5, dtype="f4") / 100),
    "test features": lambda release, features: features.update(test1=features["test1"][::-1].copy()),
    "labels": lambda release, _: change(release, labels=np.roll(release["train"].labels, 1)),
    "test labels": lambda release, _: change(release, "test1", labels=np.roll(release["test1"].labels, 1)),
    "wells": lambda release, _: change(release, well=release["train"].well[::-1].copy()),
    "plates": lambda release, _: change(release, "test1", plate=release["test1"].plate[::-1].copy(), well=None),
    "no places": lambda release, _: change(release, plate=None, well=None),
    "a class more": lambda release, _: change(release, class_names=(*release["train"].class_names, "Nucleolus")),
    "another source": lambda release, _: change(release, source="another"),
}


def with_content(change):
    return lambda path: path.write_bytes(change(path.read_bytes(), path.stat().st_size // 2))


#: What may happen to a file.
DAMAGES = {
    "lost": lambda path: path.unlink(),
    "empty": with_content(lambda content, middle: b""),
    "text": with_content(lambda content, middle: b"no archive"),
    "header only": with_content(lambda content, middle: content[:40]),
    "half": with_content(lambda content, middle: content[:middle]),
    "cut at the end": with_content(lambda content, middle: content[:-20]),
    "zeros": with_content(lambda content, middle: content[:middle] + bytes(40) + content[middle + 40 :]),
    "a part missing": with_content(lambda content, middle: content.replace(b"labels", b"labelt")),
}
