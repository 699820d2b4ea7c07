"""From frames to inputs: as ``--input picture`` reads a file, by the model's metadata, or as the caller says."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import tfjslab as tf
from tfjslab.base.errors import UsageError
from tfjslab.export.web.picture import picture_of
from tfjslab.formats.tflite.metadata import normalized
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.model import Model
from tfjslab.model.input_files import read_input
from tfjslab.streaming.prepare import Prepared


def model_of(dtype="float32", shape=(None, 4, 6, 3), metadata=None):
    """A model that gives its input back."""
    inputs = normalized((Port("image", "image", shape, dtype),), metadata or {})
    return Model(Graph(inputs, (Port("y", "y", None, ""),), (Node("y", "Identity", ("image",)),), {}), "cpu")


def noise(height, width, channels=3):
    return np.random.default_rng(1).integers(0, 256, (height, width, channels), dtype=np.uint8)


@pytest.mark.parametrize("dtype", ["float32", "int32", "uint8", "int8"])
@pytest.mark.parametrize("size", [(4, 6), (17, 23)])
@pytest.mark.parametrize("mean", [[], [127.5], [100.0, 110.0, 120.0]])
def test_a_frame_becomes_what_the_same_picture_as_a_file_becomes(tmp_path, dtype, size, mean):
    told = {"model_metadata": {"inputs": [{"mean": mean, "std": mean}]}}
    frame = noise(*size)
    Image.fromarray(frame).save(tmp_path / "a.png")
    with model_of(dtype, metadata=told) as model:
        prepare = Prepared(model, None)
        for given in (frame, Image.fromarray(frame)):
            found = prepare(given)
            np.testing.assert_array_equal(found, read_input(tmp_path / "a.png", model.inputs[0]))
            assert found.dtype == np.dtype(dtype)
            model.predict(found)


def test_metadata_normalize_floats_and_leave_integers_as_they_are():
    told = {"model_metadata": {"inputs": [{"mean": [127.5], "std": [127.5]}]}}
    frame = noise(4, 6)
    with model_of(metadata=told) as model, model_of("uint8", metadata=told) as quantized:
        prepare = Prepared(model, None)
        np.testing.assert_allclose(prepare(frame)[0], (frame - 127.5) / 127.5, atol=1e-7)
        assert prepare.text == "frames stretched to 6 x 4, 0 to 255 become -1 to 1, by the model's metadata"
        assert picture_of(model.inputs[0]) == tf.Picture(-1, 1)
        np.testing.assert_array_equal(Prepared(quantized, None)(frame)[0], frame)


def test_metadata_may_normalize_each_channel_by_itself():
    told = {"model_metadata": {"inputs": [{"mean": [100.0, 110.0, 120.0], "std": [50.0, 60.0, 70.0]}]}}
    frame = noise(4, 6)
    with model_of(metadata=told) as model:
        expected = (frame - np.array([100, 110, 120])) / np.array([50, 60, 70])
        np.testing.assert_allclose(Prepared(model, None)(frame)[0], expected, atol=1e-6)
        with pytest.raises(UsageError, match="normalize each channel by itself; expected a range for all"):
            picture_of(model.inputs[0])


def test_a_picture_says_range_order_and_crop():
    frame = np.zeros((4, 12, 3), np.uint8)
    frame[:, 3:9] = (0, 51, 255)
    with model_of() as model:
        prepare = Prepared(model, tf.Picture(-1, 1, fit="crop", order="bgr"))
        np.testing.assert_allclose(prepare(frame)[0], np.broadcast_to(np.float32([1, -0.6, -1]), (4, 6, 3)), atol=1e-6)
        assert prepare.text == "frames the middle cropped to 6 x 4, 0 to 255 become -1 to 1"


def test_grey_frames_and_grey_inputs_meet():
    colour, grey = noise(4, 6), noise(4, 6)[..., 0]
    with model_of() as model, model_of(shape=(None, 4, 6, 1)) as one:
        np.testing.assert_array_equal(Prepared(model, None)(grey)[0, ..., 2], np.float32(grey / 255))
        np.testing.assert_array_equal(Prepared(one, None)(grey)[0, ..., 0], np.float32(grey / 255))
        luminance = np.asarray(Image.fromarray(colour).convert("L"))
        np.testing.assert_array_equal(Prepared(one, None)(colour)[0, ..., 0], np.float32(luminance / 255))


def test_numbers_are_the_input_itself_with_a_batch_where_it_is_missing():
    values = np.random.default_rng(2).normal(size=(4, 6, 3)).astype(np.float32)
    with model_of() as model, model_of(shape=(1, 40)) as sound:
        for given in (values, values[None]):
            np.testing.assert_array_equal(Prepared(model, None)(given), values[None])
        assert Prepared(sound, None)(np.zeros(40, np.float32)).shape == (1, 40)
        with pytest.raises(UsageError, match=r"input 'image' is \[1, 40\] of float32 and takes no picture"):
            Prepared(sound, tf.Picture())


def test_a_model_of_two_inputs_needs_a_function():
    ports = tuple(Port(n, n, (None, 2), "float32") for n in "ab")
    graph = Graph(ports, (Port("y", "y", None, ""),), (Node("y", "Add", ("a", "b")),), {})
    with Model(graph, "cpu", name="two") as model:
        with pytest.raises(UsageError, match="two has 2 inputs, a, b; give preprocess"):
            tf.stream(model, [np.zeros(2, np.float32)], fps=9).run()
        found = tf.stream(model, [np.ones(2, np.float32)], fps=9, preprocess=lambda f: {"a": f[None], "b": f[None]})
        assert [f.output.tolist() for f in found] == [[[2.0, 2.0]]]
        assert found.result.settings.prepared == "preprocess is <lambda>"
