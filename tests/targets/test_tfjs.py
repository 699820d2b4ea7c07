"""What TensorFlow.js refuses, rule by rule; with Node at hand it is asked itself."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from support import tfjs
from support.layers import functional, keras_input, keras_layer, weights_of, write
from support.nets import nets
from support.sequence_layers import options, recurrent_shapes

import tfjslab as tf
from tfjslab.base.errors import UsageError
from tfjslab.formats.graph_model.writer import save_graph_model
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Graph, Node, Port
from tfjslab.model.model import RefusedByTargetWarning
from tfjslab.ops.registry import get
from tfjslab.passes.registry import run_passes
from tfjslab.targets import TARGETS, refused_everywhere, target_called
from tfjslab.targets.refusal import told
from tfjslab.targets.tfjs import BACKENDS, facts

REPO = Path(__file__).parents[2]
NHWC, NCHW = (1, 8, 8, 4), (1, 4, 8, 8)
EVERYWHERE = BACKENDS
GPUS = ("tfjs-webgl", "tfjs-webgpu")


def graph_of(op, *shapes, dtypes=(), **attrs):
    """One node called ``y`` that reads inputs of these shapes."""
    inputs = [Port(f"x{i}", f"x{i}", s, dtypes[i] if i < len(dtypes) else "float32") for i, s in enumerate(shapes)]
    definition = get(op)
    resolved = definition.resolve_attrs(attrs, "y")
    node = Node("y", op, tuple(p.value for p in inputs), resolved,
                num_outputs=definition.outputs_of(resolved, len(inputs)) or 1)
    return Graph(tuple(inputs), (Port("out", "y", None, ""),), (node,))


def conv(op="Conv2D", image=NHWC, filters=(3, 3, 4, 5), **attrs):
    more = [(filters[-1],)] if attrs.get("fused_ops") else []
    return graph_of(op, image, filters, *more, **{"strides": [1], "padding": "SAME", **attrs})


DEPTHWISE = {"op": "DepthwiseConv2dNative", "filters": (3, 3, 4, 1)}
POOL = {"ksize": [2], "strides": [2]}
BOTH = {"strides": [2], "dilations": [2]}
CASES = {
    "groups": (conv(filters=(3, 3, 2, 8)), EVERYWHERE,
               "convolutions in groups are not known: filters are for 2 of 4 channels"),
    "fused groups": (conv("FusedConv2D", filters=(3, 3, 1, 8), fused_ops=["BiasAdd", "Relu"]), EVERYWHERE,
                     "convolutions in groups are not known: filters are for 1 of 4 channels"),
    "dilated strides": (conv(**BOTH), EVERYWHERE, "strides [2, 2] together with dilations [2, 2]"),
    "dilated depthwise strides": (conv(**DEPTHWISE, **BOTH), ("tfjs-cpu", "tfjs-webgl"),
                                  "strides [2, 2] together with dilations [2, 2]"),
    "channels first": (conv(image=NCHW, data_format="NCHW"), ("tfjs-wasm",), "its data_format is NCHW"),
    "pool of channels first": (
        graph_of("MaxPool", NCHW, ksize=[1, 1, 2, 2], strides=[1, 1, 2, 2], padding="SAME", data_format="NCHW"),
        EVERYWHERE, "its data_format is NCHW, which is read as NHWC: wrong results"),
    "explicit pool": (graph_of("AvgPool", NHWC, **POOL, padding="EXPLICIT",
                               explicit_paddings=[0, 0, 1, 1, 1, 1, 0, 0]), EVERYWHERE, "explicit paddings"),
    "explicit volume": (graph_of("MaxPool3D", (1, 4, 5, 6, 2), **POOL, padding="EXPLICIT",
                                 explicit_paddings=[0, 0, 1, 1, 1, 1, 1, 1, 0, 0]),
                        EVERYWHERE, "explicit paddings"),
    "volume of channels first": (conv("Conv3D", (1, 4, 4, 4, 4), (2, 2, 2, 4, 3), data_format="NCDHW"),
                                 EVERYWHERE, "its data_format is NCDHW"),
    "groups of a line": (graph_of("Conv1D", (1, 9, 4), (3, 2, 4), stride=1, padding="SAME"), EVERYWHERE,
                         "convolutions in groups are not known: filters are for 2 of 4 channels"),
    "running sum of a scalar": (graph_of("Cumsum", (), axis=0), ("tfjs-wasm",),
                                "a scalar, for which it never ends"),
    "fused tanh": (conv("FusedConv2D", fused_ops=["BiasAdd", "Tanh"]), EVERYWHERE, "Tanh cannot be fused"),
    "fused leaky depthwise": (
        conv("FusedDepthwiseConv2D", filters=(3, 3, 4, 1), fused_ops=["BiasAdd", "LeakyRelu"]), EVERYWHERE,
        "LeakyRelu is computed wrongly when it is fused"),
    "pixel rules": (graph_of("ResizeBilinear", NHWC, size=[4, 4], align_corners=True, half_pixel_centers=True),
                    EVERYWHERE, "align_corners together with half_pixel_centers"),
    "int32 product": (graph_of("BatchMatMul", (2, 3), (3, 4), dtypes=("int32", "int32")), ("tfjs-wasm",),
                      "it takes float32 only, not int32"),
    "int32 pool": (graph_of("MaxPool", NHWC, dtypes=("int32",), **POOL), ("tfjs-wasm",),
                   "it takes float32 only, not int32"),
    "no kernel": (graph_of("Einsum", (2, 3), (3, 4), equation="ij,jk->ik"), ("tfjs-wasm",),
                  "tfjs-wasm has no kernel Einsum"),
    "twice": (graph_of("Einsum", (3, 3), equation="ii->i"), EVERYWHERE, "'ii' names a subscript twice"),
    "no op": (graph_of("SpaceToDepth", NHWC, block_size=2), EVERYWHERE, "TensorFlow.js has no op SpaceToDepth"),
    "no op of files": (graph_of("Quantize", NHWC, scale=0.5, zero=0), EVERYWHERE,
                       "TensorFlow has no op for it that a file could hold"),
    "depthwise of channels first": (
        conv("DepthwiseConv2dNative", image=NCHW, filters=(3, 3, 4, 1), data_format="NCHW"),
        ("tfjs-cpu", "tfjs-wasm", "tfjs-webgl"), "its data_format is NCHW, which is read as NHWC: wrong results"),
    "negative axis": (graph_of("Cumsum", (2, 3), axis=-1), EVERYWHERE,
                      "its axis is -1, and only those from 0 are computed rightly"),
    "ragged": (graph_of("RaggedRange", (2,), (2,), (2,)), EVERYWHERE, "the converter knows it, but nothing runs it"),
    "rank 7": (graph_of("Abs", (1,) * 7), GPUS, "tensors of rank 7; it takes up to 6"),
    "reversed rank 5": (graph_of("Reverse", (1,) * 5, axis=[1]), ("tfjs-webgl",),
                        "tensors of rank 5; it takes up to 4"),
    "dilations of all axes": (conv(dilations=[2, 2, 1, 1], strides=[1, 1, 1, 1]), (), ""),
    "fine": (conv("FusedConv2D", fused_ops=["BiasAdd", "Relu6"], padding="SAME"), (), ""),
}


@pytest.mark.parametrize("name", CASES)
def test_a_rule_says_which_backends_refuse_a_node_and_why(name):
    graph, backends, reason = CASES[name]
    found = {b: TARGETS[b].refusals(graph) for b in BACKENDS}
    assert [b for b in BACKENDS if found[b]] == list(backends)
    assert {r.reason for r in (r for refused in found.values() for r in refused)} == ({reason} if reason else set())
    assert bool(refused_everywhere(graph)) == (backends == EVERYWHERE)


# TensorFlow.js gives an answer, which no error would show.
WRONG = ("wrong results", "computed wrongly", "computed rightly")


@pytest.mark.parametrize("backend", ["cpu"])
def test_tensorflow_js_refuses_what_the_rules_say(tmp_path, backend):
    tfjs.peers()
    rng = np.random.default_rng(0)
    models, expected = [], []
    for i, (graph, backends, reason) in enumerate(CASES.values()):
        if "no op for it" in reason or any(w in reason for w in WRONG):
            continue
        folder = save_graph_model(graph, tmp_path / str(i))
        feeds = {p.name: rng.integers(0, 5, p.shape).astype(p.dtype) for p in graph.inputs}
        models.append((folder, feeds))
        expected.append(f"tfjs-{backend}" in backends)
    assert [isinstance(a, str) for a in tfjs.predict(models)] == expected


def test_ops_of_functions_are_named_with_their_function():
    inner = graph_of("SpaceToDepth", NHWC, block_size=2)
    outer = graph_of("Abs", NHWC).with_(functions={"f": inner})
    (found,) = TARGETS["tfjs-cpu"].refusals(outer)
    assert (found.node, found.op) == ("f: y", "SpaceToDepth")


def test_refusals_are_told_together():
    b = GraphBuilder()
    value = b.input("x", (1, 16, 16, 1))
    for i in range(4):
        value = b.value(f"d{i}", "SpaceToDepth", value, block_size=2)
    graph = b.build([Port("y", value, None, "")], {})
    assert told(TARGETS["tfjs-webgl"].refusals(graph)) == [
        "SpaceToDepth: TensorFlow.js has no op SpaceToDepth (4 nodes: d0, d1, d2 and 1 more)"]


def test_recurrent_layers_are_looked_at_in_steps_or_as_they_are(tmp_path):
    layers = [keras_input("x", (None, None, 3)), keras_layer("GRU", "r", "x", **options("GRU"))]
    weights = weights_of(recurrent_shapes("GRU", 3, prefix="r/"))
    folder = write(tmp_path / "made", functional(layers, ["x"], ["r"]), weights).parent
    with tf.load_model(folder, backend="cpu") as m:
        assert tf.refusals(m, "tfjs-cpu") == ()  # open lengths are taken as 1
        unknown = m.graph.with_inputs(replace(p, shape=None) for p in m.graph.inputs)
    assert {(r.op, r.reason) for r in TARGETS["tfjs-cpu"].refusals(unknown)} == {
        ("GRU", "TensorFlow has no op for it that a file could hold")}


def test_saving_and_optimizing_say_what_no_page_would_run(tmp_path):
    weights = np.zeros((3, 3, 2, 4), np.float32)
    b = GraphBuilder()
    y = b.value("y", "Conv2D", b.input("x", NHWC), b.constant("w", weights), strides=[1], padding="SAME")
    with tf.Model(b.build([Port("y", y, None, "")], {}), "cpu", name="grouped") as model:
        made, report = tf.optimize(model, measure=False)
        made.dispose()
        line = "Conv2D: convolutions in groups are not known: filters are for 2 of 4 channels (1 node: y)"
        assert dict(report.told())["TensorFlow.js refuses"] == f"{line}, as in the original"
        assert report.to_json()["refused"] == ({"node": "y", "op": "Conv2D", "reason": line[8:-12]},)
        message = f"model 'grouped' is written, but TensorFlow.js would not run it: {line}"
        with pytest.warns(RefusedByTargetWarning) as caught:
            model.save(tmp_path / "m")
        assert str(caught[0].message) == message
        ours, for_us = tf.optimize(model, measure=False, target="tfjslab")
        ours.dispose()
        assert for_us.refused == ()


def test_python_asks_with_one_call_for_every_target():
    graph, _, reason = CASES["groups"]
    with tf.Model(graph, "cpu") as model:
        (found,) = tf.refusals(model, "tfjs-wasm")
        assert found.reason == reason
        assert tf.refusals(model, "tflite") == ()
        assert tf.refusals(model, "web-module") == ()
        with pytest.raises(UsageError) as e:
            tf.refusals(model, "tfjs-wsm")
        assert str(e.value).startswith("target 'tfjs-wsm' is not one of tfjs-cpu, tfjs-wasm, ")
        assert str(e.value).endswith("; did you mean 'tfjs-wasm'?")


def test_the_data_tell_of_which_packages_they_are():
    assert set(facts().packages) == {"tfjs", "tfjs-converter", *(f"tfjs-backend-{b[5:]}" for b in BACKENDS)}
    assert len(facts().made_on) == 10
    assert {b for names in facts().kernels.values() for b in names} == set(BACKENDS)
    assert set(facts().needs) <= facts().converter_ops


def test_the_data_are_what_the_script_reads(tmp_path):
    """Where a folder with all of the packages is at hand."""
    folder = Path(tfjs.peers())
    if not (folder / "node_modules" / "@tensorflow" / "tfjs-backend-webgpu").is_dir():
        pytest.skip("TFJSLAB_PEERS has no @tensorflow/tfjs-backend-webgpu")
    code = ("import runpy, sys; from pathlib import Path; m = runpy.run_path(sys.argv[1]); f = Path(sys.argv[2]); "
            "import json; print(json.dumps([m['kernels'](f), m['converter_ops'](f), m['float_places'](f)]))")
    command = [sys.executable, "-c", code, str(REPO / "tools" / "tfjs_facts.py"), str(folder)]
    kernels, ops, places = json.loads(subprocess.check_output(command, text=True, cwd=tmp_path))
    assert {k: frozenset(v) for k, v in kernels.items()} == facts().kernels
    assert frozenset(ops) == facts().converter_ops
    assert {k: tuple(v) for k, v in places.items()} == facts().float32_places


def test_unknown_targets_are_told_with_the_nearest():
    with pytest.raises(UsageError, match=r"target 'tflight' is not one of .*; did you mean 'tflite'\?"):
        target_called("tflight")


@settings(max_examples=40, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
          suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(net=nets())
def test_passes_make_nothing_that_tensorflow_js_refuses(net):
    """TensorFlow.js itself runs such networks (``tests/passes``), so that a rule that fits one of them is wrong."""
    graph, _ = net
    made = run_passes(graph)[0]
    assert [TARGETS[b].refusals(g) for b in BACKENDS for g in (graph, made)] == [()] * (2 * len(BACKENDS))
