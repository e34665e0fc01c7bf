"""What is told of a simulated release, beside its files."""

from coos_helpers.data.datasheet import write_documents
from coos_helpers.simulate.release import VERSION

TOLD = {
    "motivation": "To learn and test methods on cells whose every cause is known.",
    "splits": "Drawn as Table 2 of Lu et al. (2019) has them: `test1` from the wells of `train`, `test2` from others "
    "of its plates, `test3` from other days, `test4` from another microscope. How unlike `train` each is was chosen.",
    "limits": "The cells are drawn by a model: a number measured on them is neither COOS-7's nor of any real cell.",
}


def describe_release(folder):
    """Write `croissant.json` and `datasheet.md` beside the files of a simulated release."""
    write_documents(folder, TOLD, version=f"{VERSION}.0.0")
