"""The paper's own numbers, as data (Lu et al. 2019)."""

import re

import pandas as pd

SPLITS = ["train", "test1", "test2", "test3", "test4"]

#: Table 3, row by row: balanced errors in percent on the training set and the four test sets.
_ERRORS = {
    ("DeepLoc", "End-to-End"): (1.2, 1.2, 1.5, 7.4, 5.4),
    ("DeepLoc (FC2)", "kNN"): (1.1, 1.3, 1.5, 6.9, 4.7),
    ("DeepLoc (FC2)", "L1 LR"): (1.1, 1.1, 1.4, 7.7, 4.1),
    ("DeepLoc (FC2)", "RF"): (0.0, 1.1, 1.4, 6.8, 5.0),
    ("Texture", "kNN"): (10.4, 11.8, 11.2, 17.6, 25.6),
    ("Texture", "L1 LR"): (6.4, 6.8, 6.5, 12.0, 12.1),
    ("Texture", "RF"): (0.0, 7.3, 7.1, 16.4, 17.1),
    ("PCI Conv3", "kNN"): (2.2, 2.4, 2.7, 8.9, 8.0),
    ("PCI Conv3", "L1 LR"): (1.0, 1.4, 1.7, 9.2, 7.4),
    ("PCI Conv3", "RF"): (0.1, 2.1, 2.2, 11.0, 8.6),
    ("PCI Conv4", "kNN"): (2.1, 2.4, 2.5, 10.1, 7.8),
    ("PCI Conv4", "L1 LR"): (1.6, 1.5, 1.9, 8.7, 6.0),
    ("PCI Conv4", "RF"): (0.1, 2.5, 2.7, 10.7, 7.5),
    ("PCI Conv5", "kNN"): (2.6, 2.7, 2.9, 12.1, 8.9),
    ("PCI Conv5", "L1 LR"): (2.5, 2.5, 2.6, 11.4, 5.7),
    ("PCI Conv5", "RF"): (0.0, 2.5, 2.7, 10.8, 7.4),
    ("VGG16 Conv3_3", "kNN"): (6.8, 7.9, 8.2, 12.4, 10.0),
    ("VGG16 Conv3_3", "L1 LR"): (5.7, 6.6, 6.9, 11.3, 9.3),
    ("VGG16 Conv3_3", "RF"): (0.2, 9.5, 9.2, 15.9, 10.9),
    ("VGG16 Conv4_1", "kNN"): (6.5, 7.3, 7.6, 9.3, 8.4),
    ("VGG16 Conv4_1", "L1 LR"): (3.1, 4.2, 4.1, 8.2, 6.7),
    ("VGG16 Conv4_1", "RF"): (0.1, 7.5, 7.3, 11.3, 7.8),
    ("VGG16 Conv4_2", "kNN"): (6.6, 7.8, 7.8, 9.1, 8.4),
    ("VGG16 Conv4_2", "L1 LR"): (2.8, 3.9, 3.9, 8.0, 6.8),
    ("VGG16 Conv4_2", "RF"): (0.2, 7.4, 7.5, 10.2, 8.4),
}


def table2():
    """Give the paper's Table 2: a row a split with `split`, `description` (shortened) and `images`."""
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
    """Give the paper's Table 3: 25 rows with `features`, `model` and the balanced error (%) on each split."""
    rows = [(*names, *errors) for names, errors in _ERRORS.items()]
    return pd.DataFrame(rows, columns=["features", "model", *SPLITS])


def sensitivities():
    """Give the paper's sentences on sensitivities (sections 3.3 and 3.4): a row a number.

    `features` and `model` as in Table 3, but VGG16 and PCI without a layer, as the text names none; `split`; `class` as
    in Table 1, or "every other" for the six that are not the early endosome; `sensitivity`, a fraction; and whether it
    is a lower `bound`.
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


def name(representation):
    """Name a representation as the paper's Table 3 does: `PCI Conv4` for `pci-w0.125-conv4`.

    What is not the paper's (the width, missing weights) is left out; a representation that it does not have keeps its
    name.
    """
    last = representation.split("-")[-1]
    names = {"texture": "Texture", "deeploc": "DeepLoc (FC2)" if last == "fc2" else "DeepLoc"}
    names |= {"pci": f"PCI {last.capitalize()}", "vgg16": f"VGG16 {last.capitalize()}"}
    known = re.fullmatch(r"texture|deeploc(-.*)?|(pci|vgg16)(-.*)?-conv[0-9_]+", representation)
    return names[representation.split("-")[0]] if known else representation
