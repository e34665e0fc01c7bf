"""The paper's own numbers, as data (Lu et al. 2019)."""

import pandas as pd

#: COOS-7's classes in the order of their labels (paper, Table 1).
CLASS_NAMES = ("ER", "IMM", "Golgi", "Peroxisomes", "Early Endosome", "Cytosol", "Nuclear Envelope")

SPLITS = ["train", "test1", "test2", "test3", "test4"]

#: Features, then each model with its errors on the five splits.
_TABLE_3 = """\
DeepLoc|End-to-End 1.2 1.2 1.5 7.4 5.4
DeepLoc (FC2)|kNN 1.1 1.3 1.5 6.9 4.7|L1 LR 1.1 1.1 1.4 7.7 4.1|RF 0.0 1.1 1.4 6.8 5.0
Texture|kNN 10.4 11.8 11.2 17.6 25.6|L1 LR 6.4 6.8 6.5 12.0 12.1|RF 0.0 7.3 7.1 16.4 17.1
PCI Conv3|kNN 2.2 2.4 2.7 8.9 8.0|L1 LR 1.0 1.4 1.7 9.2 7.4|RF 0.1 2.1 2.2 11.0 8.6
PCI Conv4|kNN 2.1 2.4 2.5 10.1 7.8|L1 LR 1.6 1.5 1.9 8.7 6.0|RF 0.1 2.5 2.7 10.7 7.5
PCI Conv5|kNN 2.6 2.7 2.9 12.1 8.9|L1 LR 2.5 2.5 2.6 11.4 5.7|RF 0.0 2.5 2.7 10.8 7.4
VGG16 Conv3_3|kNN 6.8 7.9 8.2 12.4 10.0|L1 LR 5.7 6.6 6.9 11.3 9.3|RF 0.2 9.5 9.2 15.9 10.9
VGG16 Conv4_1|kNN 6.5 7.3 7.6 9.3 8.4|L1 LR 3.1 4.2 4.1 8.2 6.7|RF 0.1 7.5 7.3 11.3 7.8
VGG16 Conv4_2|kNN 6.6 7.8 7.8 9.1 8.4|L1 LR 2.8 3.9 3.9 8.0 6.8|RF 0.2 7.4 7.5 10.2 8.4
"""


def table2():
    """Give the paper's Table 2.

    Returns
    -------
    DataFrame, a row a split: `split`, `description` (shortened) and `images`, their number.
    """
    return pd.DataFrame(
        [
            ("train", "4 plates for each class", 41_456),
            ("test1", "held out at random, same plates as train", 10_364),
            ("test2", "same plates as train, other wells", 17_021),
            ("test3", "2 other plates for each class, other days", 32_596),
            ("test4", "1 plate for each class, another day and microscope", 30_772),
        ],
        columns=["split", "description", "images"],
    )


def table3():
    """Give the paper's Table 3.

    Returns
    -------
    DataFrame of 25 rows: `features`, `model` and, in a column a split, the balanced error in percent.
    """
    lines = (line.split("|") for line in _TABLE_3.splitlines())
    models = ((features, *model.rsplit(" ", 5)) for features, *models in lines for model in models)
    return pd.DataFrame(models, columns=["features", "model", *SPLITS]).astype(dict.fromkeys(SPLITS, float))


def sensitivities():
    """Give the sensitivities that the paper names in its text (sections 3.3 and 3.4).

    Returns
    -------
    DataFrame, a row a number: `features` and `model` as in Table 3, but VGG16 and PCI without a layer, as the text
    names none; `split`; `class` as in Table 1, or "every other" for the six that are not the early endosome;
    `sensitivity`, a fraction; and whether it is a lower `bound`. The first three are said of "the DeepLoc classifiers":
    that these are end-to-end is our reading. FC2's L1 LR cannot be meant: with an error of 4.1 % on test4, its other
    six sensitivities would add up to 7 x 0.959 - 0.684 = 6.03.
    """
    rows = [
        ("DeepLoc", "End-to-End", "test1", "Early Endosome", 0.989, False),
        ("DeepLoc", "End-to-End", "test4", "Early Endosome", 0.684, False),
        ("DeepLoc", "End-to-End", "test4", "every other", 0.97, True),
        ("VGG16", "L1 LR", "test3", "Golgi", 0.848, False),
        ("VGG16", "L1 LR", "test4", "Golgi", 0.866, False),
        ("PCI", "L1 LR", "test3", "Golgi", 0.749, False),
        ("PCI", "L1 LR", "test4", "Golgi", 0.984, False),
    ]
    return pd.DataFrame(rows, columns=["features", "model", "split", "class", "sensitivity", "bound"])


def name(family, layer=""):
    """Name a family and a layer of `results.Predictions` as Table 3 does: `Texture`, `DeepLoc (FC2)`, `PCI Conv4`."""
    return f"{family} ({layer.upper()})" if layer.startswith("fc") else f"{family} {layer.capitalize()}".strip()
