"""What must hold of predictions: what they are of are fields, and no name has to be taken apart."""

import numpy as np
import pytest

from coos_helpers import results
from coos_helpers.results import predictions


@pytest.mark.parametrize(
    "parts, name, family",
    [
        (("texture",), "texture", "Texture"),
        (("texture", "", "percentile"), "texture-percentile", "Texture"),
        (("deeploc", "fc2", "w0.125"), "deeploc-w0.125-fc2", "DeepLoc"),
        (("pci", "conv5", "paired-by-class"), "pci-paired-by-class-conv5", "PCI"),
        (("vgg16", "conv4_2"), "vgg16-conv4_2", "VGG16"),
        (("vgg19-conv4_2",), "vgg19-conv4_2", "vgg19-conv4_2"),
    ],
)
def test_the_name_of_a_representation_is_put_together_from_its_parts(parts, name, family):
    made = results.Representation(*parts)
    assert (made.name, made.family) == (name, family)
    assert predictions.representation_of(made) is made and predictions.representation_of(name).name == name


def test_predictions_come_apart_into_facts_and_arrays_and_together_again():
    labels = np.zeros(3, int)
    p = results.Predictions("pci", "knn", "test1", labels, labels, None, None, None, ("a",), "made up", "smoke", 3)
    found = predictions.facts(p)
    assert found["representation"] == "pci" and not set(found) & set(predictions.ARRAYS)
    assert predictions.together(found, {"labels": labels, "predicted": labels}) == p
    with pytest.raises(ValueError, match="labels, predicted are of different lengths"):
        predictions.together(found, {"labels": labels, "predicted": labels[1:]})
