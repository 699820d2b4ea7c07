"""The small model that ships with real weights: what it promises on digits it has never seen."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from tfjslab import zoo
from tfjslab.zoo import digits

REPO = Path(__file__).parents[2]


def test_every_fifth_image_is_for_testing_and_none_is_in_both():
    learn, test = digits.split(1797)
    assert (len(learn), len(test)) == (1437, 360)
    assert set(learn).isdisjoint(test)
    assert list(test[:3]) == [0, 5, 10]


def test_it_is_as_accurate_on_the_test_split_as_it_says():
    found = load_digits()
    _, test = digits.split(len(found.images))
    images = (found.images[list(test)] / 16).astype(np.float32)[..., None]
    with zoo.load("digits", backend="cpu") as model:
        facts = model.graph.metadata["userDefinedMetadata"]
        right = float((model.predict(images).argmax(1) == found.target[list(test)]).mean())
    assert round(right, 4) == facts["test_accuracy"]
    assert right > 0.98
    assert f"The weights are real, trained on {facts['data']}: 98.6% right" in model_description()


def model_description():
    return zoo.build("digits").metadata["description"]


def test_asking_for_real_weights_downloads_nothing():
    assert zoo.build("digits", real=True).weight_bytes == zoo.build("digits").weight_bytes


def test_the_tool_prints_the_accuracy():
    tool = REPO / "tools" / "train_digits.py"
    shown = subprocess.run([sys.executable, tool, "--check"], capture_output=True, text=True, check=True, cwd=REPO)
    assert "test 0.9861 (360 images)" in shown.stdout
