"""The paper's own numbers, as data (Lu et al. 2019)."""

import pandas as pd


def table2():
    """Give the paper's Table 2: a row a split with `split`, `description` (shortened here) and `images`."""
    return pd.DataFrame(
        [
            ("train", "4 plates a class", 41_456),
            ("test1", "held-out cells of the training wells", 10_364),
            ("test2", "other wells of the same plates", 17_021),
            ("test3", "2 other plates a class, on other days", 32_596),
            ("test4", "1 plate a class, another day and microscope", 30_772),
        ],
        columns=["split", "description", "images"],
    )
