"""What must hold of figures: the numbers in them are those of the predictions."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import memory_split
from sklearn.metrics import recall_score

from coos_helpers import plots, predictions
from coos_helpers.profiles import Run


@pytest.fixture
def made():
    release = {"train": memory_split(70), "test1": memory_split(60, labels=np.arange(60) % 6)}
    rng = np.random.default_rng(0)
    scores = {name: np.eye(7)[split.labels] + rng.random((len(split), 7)) * 2 for name, split in release.items()}
    yield predictions.end_to_end(Run("made-up", "smoke", {}), release, scores, "deeploc")
    plt.close("all")


def test_sensitivities_by_class_are_drawn_in_percent_and_an_absent_class_as_a_dash(made):
    figure = plots.by_class(made, "Made up.")
    (ax,) = figure.axes
    assert [label.get_text() for label in ax.get_yticklabels()] == list(made["train"].class_names)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["train", "test1"]
    written = {text.get_position(): text.get_text() for text in ax.texts}
    assert len(written) == 14
    for column, (name, p) in enumerate(made.items()):
        recall = recall_score(p.labels, p.predicted, labels=range(7), average=None, zero_division=np.nan)
        for row in range(7):
            absent = name == "test1" and row == 6
            assert written[column, row] == ("\N{EN DASH}" if absent else f"{100 * recall[row]:.0f}")
    assert figure.get_supxlabel() == "Made up."
