"""A small classifier of handwritten digits, 8 x 8, whose weights are real: trained here and shipped with the package.

Accuracy is measured on it where there is no network. ``tools/train_digits.py`` trains it on the digits that
scikit-learn carries and, with ``--check``, prints its accuracy.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import as_file, files

from tfjslab.formats.registry import read_model
from tfjslab.graph.ir import Graph
from tfjslab.zoo.entry import ZooEntry

FOLDER = "digits_model"
# Which images are for testing is a rule over their index, so that everybody has the same ones.
TEST_EVERY = 5


def build(_seed: int = 0) -> Graph:
    """The trained graph: [batch, 8, 8, 1] with pixels in 0..1 in, ten probabilities out. The seed changes nothing."""
    with as_file(files(__package__) / FOLDER) as folder:
        graph = read_model(folder)
    facts = graph.metadata.get("userDefinedMetadata") or {}
    accuracy = f"{facts['test_accuracy']:.1%} right on {facts['test_images']} test images"
    description = f"{ENTRY.doc}. The weights are real, trained on {facts['data']}: {accuracy}."
    return graph.with_(metadata={**graph.metadata, "name": "digits", "description": description})


def split(count: int) -> tuple[Sequence[int], Sequence[int]]:
    """Indices of the training images, from which calibration data come too, and of the test images."""
    return [i for i in range(count) if i % TEST_EVERY], range(0, count, TEST_EVERY)


ENTRY = ZooEntry("digits", "Handwritten digits 8 x 8, classification into 10 classes", build)
