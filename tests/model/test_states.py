"""A model that keeps states between calls: what tools show of it, and which ones refuse it by name."""

import json

import numpy as np
import pytest
from support.layers import functional, keras_input, keras_layer, weights_of, write
from support.sequence_layers import options, recurrent_shapes

import tfjslab as tf
from tfjslab.base.errors import ModelError
from tfjslab.cli.app import main
from tfjslab.export.targets import NAMES

BATCH, STEPS, FEATURES = 2, 3, 4
X = np.random.default_rng(0).uniform(-1, 1, (BATCH, STEPS, FEATURES)).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    layers = [
        keras_input("x", (BATCH, STEPS, FEATURES)),
        keras_layer("GRU", "r", "x", stateful=True, **options("GRU")),
    ]
    weights = weights_of(recurrent_shapes("GRU", FEATURES, prefix="r/"))
    return write(tmp_path / "made", functional(layers, ["x"], ["r"]), weights).parent


def test_an_optimized_model_keeps_its_states_too(folder):
    with tf.load_model(folder, backend="cpu") as model:
        made = tf.optimize(model)
        assert made.report.largest_difference < 1e-5, "both were compared from the same states"
        optimized, first = made.model, made.model.predict(X)
        np.testing.assert_allclose(first, model.predict(X), atol=1e-6)
        np.testing.assert_allclose(optimized.predict(X), model.predict(X), atol=1e-6)
        assert np.abs(optimized.predict(X) - first).max() > 1e-3
        optimized.dispose()


def test_states_can_be_fed_by_name(folder):
    with tf.load_model(folder, backend="cpu") as model:
        zeros = model.predict(X)
        np.testing.assert_array_equal(model.predict({"x": X, "r/state_0": np.zeros((BATCH, 4), np.float32)}), zeros)


def test_inspect_counts_it_with_its_states(folder, capsys):
    assert main(["inspect", str(folder), "--backend", "cpu"]) == 0
    assert "GRU" in capsys.readouterr().out


@pytest.mark.parametrize("target", NAMES)
def test_targets_are_told_of_it_with_its_states(folder, target):
    with tf.load_model(folder, backend="cpu") as model:
        assert tf.refusals(model, target) == tf.refusals(model, target, {"x": (BATCH, STEPS, FEATURES)}) == ()


def test_a_shape_for_its_input_leaves_its_states(folder, tmp_path, capsys):
    given, told = tmp_path / "x.npy", []
    np.save(given, X)
    for shape in ((), ("--shape", f"{BATCH},{STEPS},{FEATURES}")):
        assert main(["run", str(folder), "--input", str(given), "--backend", "cpu", "--json", "-", *shape]) == 0
        told.append(json.loads(capsys.readouterr().out)["outputs"])
    assert told[0] == told[1]


def test_what_cannot_keep_states_says_so(folder):
    with tf.load_model(folder, backend="cpu") as model, pytest.raises(ModelError) as caught:
        tf.quantize(model, "int8", {"x": X})
    assert str(caught.value) == (
        "the model keeps states between calls (r/state_0), which a model in integers does not; save it and load that: "
        "states are inputs and outputs then"
    )
    assert caught.value.code == "model.stateful"
