"""What a .tflite file says of its pictures and its classes is the default of all that read pictures or name answers."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from support.flat import operator, subgraph, tensor, tflite

import tfjslab as tf
from tfjslab.cli.app import main
from tfjslab.cli.samples import folder_samples
from tfjslab.export.web.picture import picture_of
from tfjslab.formats.tflite.metadata_writer import described_as, with_files
from tfjslab.lab.inputs import InputChoice, feeds_for
from tfjslab.streaming.prepare import Prepared

NORMALIZED = np.float32([0, 2, 1])  # of the levels 51, 255 and 153 by (x - 51) / 102
LABELS = ["cat", "dog", "ox\x1b[2J"]


def animals(path, dtype="float32", **more):
    """A file whose three answers are the channels of its one pixel."""
    tensors = [tensor("pixel", (1, 1, 1, 3), dtype, **more), tensor("shape", (2,), "int32", 1),
               tensor("animal", (1, 3), dtype, **more)]
    made = subgraph(tensors, [operator(0, [0, 1], [2])], [0], [2])
    told, attached = described_as({"model_metadata": {"inputs": [{"name": "pixel", "mean": [51.0], "std": [102.0]}]},
                                   "labels": LABELS})
    path.write_bytes(with_files(tflite(["RESHAPE"], [made], [np.array([1, 3], np.int32)], metadata=told), attached))
    return path


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "pictures" / "a.png"
    path.parent.mkdir()
    Image.new("RGB", (5, 4), (51, 255, 153)).save(path)
    return path


def test_every_reader_of_pictures_normalizes_as_the_file_says(tmp_path, picture):
    with tf.load_model(animals(tmp_path / "m.tflite"), backend="cpu") as model:
        (port,) = model.inputs
        (sample,) = folder_samples(picture.parent, model.inputs, None)
        (wider,) = folder_samples(picture.parent, model.inputs, (0, 255))
        found = (feeds_for(model, 1, [InputChoice("pixel", file=str(picture))]), sample,
                 {"pixel": Prepared(model, None)(Image.open(picture))})
    for feeds in found:
        np.testing.assert_allclose(feeds["pixel"], NORMALIZED.reshape(1, 1, 1, 3), atol=1e-6)
    np.testing.assert_allclose(wider["pixel"].ravel(), [51, 255, 153], atol=1e-4)
    assert picture_of(port) == tf.Picture(-0.5, 2)


def test_run_tells_what_a_picture_became_and_the_best_classes_by_name(tmp_path, picture, capsys):
    path = str(animals(tmp_path / "m.tflite"))
    assert main(["run", path, "--backend", "cpu", "--input", str(picture), "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["pictures"] == {"pixel": "0 to 255 became -0.5 to 2, by the metadata of the file"}
    top = found["outputs"][0]["top"]
    assert [(c["number"], c["label"]) for c in top] == [(1, "dog"), (2, "ox\\x1b[2J"), (0, "cat")]
    assert [c["score"] for c in top] == pytest.approx([2, 1, 0], abs=1e-6)
    assert main(["run", path, "--backend", "cpu", "--input", str(picture)]) == 0
    text = capsys.readouterr().out
    assert "pixel: 0 to 255 became -0.5 to 2, by the metadata of the file" in text
    assert "Best classes of animal" in text
    assert "\x1b" not in text


def test_integers_take_levels_as_they_are_and_scores_are_what_they_stand_for(tmp_path, picture, capsys):
    path = str(animals(tmp_path / "m.tflite", "uint8", scale=0.5, zero_point=51))
    assert main(["run", path, "--backend", "cpu", "--input", str(picture), "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["pictures"] == {"pixel": "0 to 255 became 0 to 255"}
    assert [(c["number"], c["score"]) for c in found["outputs"][0]["top"]] == [(1, 102.0), (2, 51.0), (0, 0.0)]


def test_without_a_label_for_each_value_nothing_is_named(capsys):
    assert main(["run", "digits", "--backend", "cpu", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["pictures"] == {}
    assert all(o["top"] == [] for o in found["outputs"])
