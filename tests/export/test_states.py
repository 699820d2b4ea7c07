"""Web modules of models that keep states: call by call, in every variant, beside ``cpu``."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support.flat import operator, subgraph, tensor, tflite
from support.layers import functional, keras_input, keras_layer, weights_of, write
from support.sequence_layers import options, recurrent_shapes
from support.web import exported, node, run_script

import tfjslab as tf
from tfjslab.export.web import proof
from tfjslab.export.web.engines import in_node
from tfjslab.export.web.proof import Effort, prove
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import INITIAL_STATES, STATES, Port
from tfjslab.model import Model

STEPS = np.random.default_rng(0).uniform(-1, 1, (3, 2, 3, 4)).astype(np.float32)


def recurrent(tmp_path):
    """A layer that goes on where the call before ended."""
    layers = [keras_input("x", STEPS.shape[1:]), keras_layer("GRU", "r", "x", stateful=True, **options("GRU"))]
    weights = weights_of(recurrent_shapes("GRU", 4, prefix="r/"))
    return tf.load_model(write(tmp_path / "made", functional(layers, ["x"], ["r"]), weights).parent, backend="cpu")


def counting(_tmp_path):
    """A sum over all calls that begins with other numbers than 0, and how often it was called."""
    b = GraphBuilder()
    x, total, calls = b.input("x", STEPS.shape[1:]), b.input("total", STEPS.shape[1:]), b.input("calls", (), "int32")
    one = b.constant("one", np.array(1, np.int32))
    said = b.value("said", "AddV2", x, total)
    ends = (Port("total/next", said, None, "float32"), Port("calls/next", b.value("more", "AddV2", calls, one), None,
                                                            "int32"))
    begun = np.linspace(1, 2, STEPS[0].size, dtype=np.float32).reshape(STEPS[0].shape)
    y = b.value("y", "Mul", said, b.value("as_float", "Cast", ends[1].value, DstT="float32"))
    return Model(b.build([Port("y", y, None, "float32"), *ends], {
        STATES: {"total": "total/next", "calls": "calls/next"}, INITIAL_STATES: {"total": begun}}), "cpu")


def filtering(tmp_path):
    """Filters over time of bytes, and what they remember, of 16 bits."""
    rng, (batch, *inner) = np.random.default_rng(1), STEPS.shape[1:]
    inputs, filters, memory = int(np.prod(inner)), 6, 3
    tensors = [
        tensor("x", (batch, inputs), "int8", scale=0.02, zero_point=5),
        tensor("f", (filters, inputs), "int8", 1, scale=0.01), tensor("t", (filters, memory), "int16", 2, scale=0.0001),
        {**tensor("s", (batch, filters * memory), "int16", scale=0.002), 5: ("<?", True)},
        tensor("y", (batch, filters // 2), "int8", scale=0.05, zero_point=-9),
    ]
    told = operator(0, [0, 1, 2, -1, 3], [4], {0: ("<i", 2), 1: ("<b", 1)})
    told[3] = ("<B", 6)
    stored = [rng.integers(-127, 127, (filters, inputs), np.int8),
              rng.integers(-32767, 32767, (filters, memory), np.int16)]
    (tmp_path / "svdf.tflite").write_bytes(tflite(["SVDF"], [subgraph(tensors, [told], [0], [4])], stored))
    return tf.load_model(tmp_path / "svdf.tflite", backend="cpu")


@pytest.mark.parametrize(("made", "where"), [
    (recurrent, "page"), (recurrent, "worker"), (counting, "page"), (filtering, "page"),
])
def test_a_module_goes_on_where_the_call_before_ended_and_begins_anew_after_reset(tmp_path, made, where):
    node()
    with made(tmp_path) as model:
        (port,) = model.inputs
        steps = [x.reshape(port.shape) for x in (STEPS if port.dtype == "float32" else (90 * STEPS).astype(np.int8))]
        result = tf.export_web(model, tmp_path / "web")
        wanted = [model.predict(x).ravel() for x in (*steps, steps[-1])]
        model.reset_states()
        wanted.append(model.predict(steps[0]).ravel())
    assert np.any(wanted[2] != wanted[3])
    np.testing.assert_array_equal(wanted[0], wanted[4])
    found = run_script("states.mjs", tmp_path / "web", where, stdin=json.dumps({
        "dtype": port.dtype, "steps": [x.ravel().tolist() for x in steps]}))
    assert set(found) <= set(result.variants)
    for variant, told in found.items():
        assert (told["inputs"], len(told["outputs"])) == (["x"], 1), variant
        assert "reset" in told["keys"]
        assert "resets" not in told["keys"]
        np.testing.assert_allclose(told["calls"], wanted, rtol=1e-5, atol=1e-6, err_msg=variant)


def test_the_proof_compares_call_after_call(tmp_path, monkeypatch):
    node()
    monkeypatch.setattr(proof, "ENGINES", {"node": in_node})
    with counting(tmp_path) as model:
        made = tf.export_web(model, tmp_path / "web", only=["simd"])
        report = prove(model, made, effort=Effort(runs=3, warm_ms=0, budget_ms=50))
    assert report.agrees
    assert "keeps states between calls" in report.absent["TensorFlow.js"]


def test_a_module_without_states_has_nothing_of_it(tmp_path):
    folder, _ = exported(tmp_path / "web", only=["simd"])
    text = (folder / "model.js").read_text()
    assert "reset" not in text
    assert "{{" not in text
