"""The one artefact that every table and figure reads: what a classifier said of each cell of a split."""

from dataclasses import dataclass, field, fields

import numpy as np

#: The paper's representations in the order of its Table 3, by the word that begins the name of each here.
FAMILIES = {"deeploc": "DeepLoc", "texture": "Texture", "pci": "PCI", "vgg16": "VGG16"}


@dataclass(frozen=True)
class Representation:
    """Name a representation by its parts: `Representation("vgg16", "conv4_2")` is called `vgg16-conv4_2`.

    Attributes
    ----------
    word : `texture`, `vgg16`, `deeploc`, `pci`, or the name of another.
    layer : of a network, such as `conv4_2`; "" for none.
    variant : what sets it apart from the paper's, such as `untrained` or `w0.125`; "" for nothing.
    draw : of a network that was trained several times, which training: 0 the first. It is no part of the name.
    name : of all this, in files and tables, such as `pci-w0.125-conv4`.
    family : what the paper calls it, without a layer, such as `PCI`; its own word where the paper has it not.
    """

    word: str
    layer: str = ""
    variant: str = ""
    draw: int = 0

    @property
    def name(self):
        return "-".join(part for part in (self.word, self.variant, self.layer) if part)

    @property
    def family(self):
        return FAMILIES.get(self.word, self.word)


def representation_of(given):
    """Take a `Representation` as it is, and a plain text such as `texture` as the word of one."""
    return given if isinstance(given, Representation) else Representation(given)


@dataclass(frozen=True)
class Predictions:
    """Hold what one classifier on one representation said of one split.

    Attributes
    ----------
    representation, classifier, split : names in files, such as `texture`, `l1-lr`, `test3`.
    labels, predicted : (N,) int64.
    scores : (N, K) float32, a probability for each class; None where only the classes were kept.
    plate, well : (N,) str or None; a well's name includes its plate, `plate/well`.
    class_names : K names.
    source, profile, seed : the data, the profile and the seed that made them.
    family, layer, variant : parts of the representation's name, as in `Representation`.
    setting : the number of neighbours, or the inverse strength of the penalty, where a ladder tried several; or None.
    rung : `cell`, `well` or `plate` where each cell was held out once, in folds that keep these whole; else "".
    draw : which training of the network it comes from, 0 the first.
    """

    representation: str
    classifier: str
    split: str
    labels: np.ndarray = field(repr=False)
    predicted: np.ndarray = field(repr=False)
    scores: np.ndarray | None = field(repr=False)
    plate: np.ndarray | None = field(repr=False)
    well: np.ndarray | None = field(repr=False)
    class_names: tuple
    source: str
    profile: str
    seed: int
    family: str = ""
    layer: str = ""
    variant: str = ""
    setting: float | None = None
    rung: str = ""
    draw: int = 0


ARRAYS = ("labels", "predicted", "scores", "plate", "well")


def facts(predictions):
    """List all that is known of predictions besides their arrays: dict from the field's name."""
    return {f.name: getattr(predictions, f.name) for f in fields(predictions) if f.name not in ARRAYS}


def together(facts, arrays):
    """Put predictions together from their facts and arrays; ValueError where these are of different lengths."""
    if len({len(values) for values in arrays.values()}) > 1:
        raise ValueError(f"{', '.join(arrays)} are of different lengths")
    return Predictions(**{**facts, "class_names": tuple(facts["class_names"])}, **dict.fromkeys(ARRAYS) | arrays)


@dataclass(frozen=True)
class Results:
    """Hold the results of a run.

    Attributes
    ----------
    about : dict of `data`, `source`, `profile`, `seed`, `made` (date), `machine`, `versions`.
    caption : says data and profile in a sentence or two, for figures and tables.
    class_names : K names.
    table : list of dicts from split name to `Predictions`, one a row of Table 3, in the paper's order.
    draws : list of the same length: of each row, the rows of all trainings of its network, its own first.
    ladders : list of ladders, each a list of dicts as `leakage.ladder` gives it.
    samples : dict from representation to a dict from split name to `shift.Sample`.
    images : function from a split name and (n,) indices to n images of the protein, (64, 64) in [0, 1], or None each.
    asides : list of dicts as in `table` that are no rows of Table 3, each perhaps on some of the cells only.
    """

    about: dict
    caption: str
    class_names: tuple
    table: list = field(repr=False)
    draws: list = field(repr=False)
    ladders: list = field(repr=False)
    samples: dict = field(repr=False)
    images: object = field(repr=False)
    asides: list = field(default_factory=list, repr=False)
