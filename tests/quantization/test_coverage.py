"""What stands between convolutions runs in integers too: slopes, padding, joining, reshaping, sums with activations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tfjslab as tf
from tfjslab.graph.builder import GraphBuilder
from tfjslab.graph.ir import Port

SHARED = Path(__file__).parents[3] / "shared" / "models"


def net():
    """Prelu and leaky relu inside and outside of convolutions, sums before activations, padding, joining, reshaping."""
    rng = np.random.default_rng(3)

    def weight(*shape):
        return (rng.normal(size=shape) / np.sqrt(np.prod(shape[:-1]))).astype(np.float32)

    b = GraphBuilder()
    x = b.input("x", (None, 10, 9, 3))
    slopes = [b.constant(f"slope{i}", rng.normal(size=(1, 1, 20)).astype(np.float32)) for i in range(2)]
    first = b.value("first", "_FusedConv2D", x, b.constant("w1", weight(3, 3, 3, 20)), b.constant("b1", weight(20)),
                    slopes[0], fused_ops=["BiasAdd", "Prelu"], strides=[1], padding="SAME")
    deep = b.value("deep", "DepthwiseConv2dNative", first, b.constant("w2", weight(3, 3, 20, 1)), strides=[1],
                   padding="SAME")
    x = b.value("slope", "Prelu", b.value("sum", "AddV2", first, deep), slopes[1])
    y = b.value("leaky", "LeakyRelu", b.value("point", "Conv2D", x, b.constant("w3", weight(1, 1, 20, 26)),
                                             strides=[1], padding="SAME"), alpha=0.3)
    x = b.value("wide", "Pad", x, paddings=[[0, 0], [0, 0], [0, 0], [0, 6]])
    x = b.value("relu", "Relu", b.value("residual", "AddV2", x, y))
    x = b.value("joined", "ConcatV2", x, y, axis=3)
    gate = b.value("gate", "_FusedConv2D", x, b.constant("w4", weight(1, 1, 52, 4)), b.constant("b4", weight(4)),
                   fused_ops=["BiasAdd", "Sigmoid"], strides=[1], padding="SAME")
    flat = b.value("flat", "Reshape", x, shape=[-1, 10 * 9 * 52])
    return b.build([Port("flat", flat, None, "float32"), Port("gate", gate, None, "float32")], {"name": "mixed"})


BATCHES = [np.random.default_rng(i).normal(size=(2, 10, 9, 3)).astype(np.float32) for i in range(4)]


@pytest.mark.parametrize("backend", ["cpu", "wasm-plain", "wasm-simd", "wasm-threads"])
def test_whole_chains_stay_in_integers_and_equal_the_oracle(backend):
    """Bytes are quantized once at the start; only the sigmoid is float, behind a convolution that is not."""
    with tf.Model(net(), backend) as model, tf.quantize(model, "int8", BATCHES).model as q, \
            tf.Model(q.graph, "cpu") as oracle:
        ops = [n.op for n in q.graph.nodes]
        assert (ops.count("Quantize"), ops.count("Dequantize")) == (1, 2)
        names = [n.name for n in q.graph.nodes if "/int8" in n.name]
        assert {"PadV2", "Concat", "Reshape", "QuantizedPrelu", "QuantizedAdd"} < {
            n.op for n in q.graph.nodes if n.name in names}
        feeds = {"x": BATCHES[0]}
        for name, a, b in zip(names, q.execute(feeds, names), oracle.execute(feeds, names), strict=True):
            assert a.dtype == np.int8
            np.testing.assert_array_equal(a, b, err_msg=name)
        if backend == "wasm-simd":
            assert [c.reason for p in q.prepare(feeds) for c in p.commands if c.fallback] == []


def test_the_report_tells_of_merged_sums_and_of_activations_that_stay_float():
    with tf.Model(net(), "cpu") as model:
        q, report = tf.quantize(model, "int8", BATCHES)
        q.dispose()
    nodes = {n.name: n for n in report.nodes}
    assert (nodes["sum"].precision, nodes["sum"].reason) == ("int8", "in one step with 'slope'")
    assert (nodes["residual"].precision, nodes["residual"].reason) == ("int8", "in one step with 'relu'")
    assert [(n.name, n.reason) for n in report.refused] == [("gate", "no integer form of Sigmoid")]
    assert nodes["gate/before_Sigmoid"].precision == "int8"
    assert all(n.accumulated_db > 20 for n in report.quantized if n.accumulated_db is not None)
    assert [o.sqnr_db > 25 for o in report.outputs] == [True, True]


def test_a_sum_that_is_an_output_or_has_two_readers_keeps_its_tensor():
    b = GraphBuilder()
    x = b.input("x", (None, 6, 6, 4))
    w = b.constant("w", np.random.default_rng(0).normal(size=(1, 1, 4, 4)).astype(np.float32))
    conv = b.value("conv", "Conv2D", x, w, strides=[1], padding="SAME")
    total = b.value("total", "AddV2", x, conv)
    out = b.value("out", "Relu", total)
    graph = b.build([Port("total", total, None, "float32"), Port("out", out, None, "float32")], {"name": "two"})
    data = np.random.default_rng(1).normal(size=(3, 6, 6, 4)).astype(np.float32)
    with tf.Model(graph, "cpu") as model:
        q, report = tf.quantize(model, "int8", data)
        assert [n.reason for n in report.quantized] == ["", "", ""]
        assert all(o.sqnr_db > 30 for o in report.outputs)
        q.dispose()


def test_what_is_moved_between_floats_stays_float():
    """Integers for a reshape alone would cost two conversions and win nothing; padding with 3 has no encoding."""
    b = GraphBuilder()
    x = b.input("x", (None, 6, 6, 4))
    flat = b.value("flat", "Reshape", b.value("tanh", "Tanh", x), shape=[-1, 36, 4])
    w = b.constant("w", np.random.default_rng(0).normal(size=(1, 1, 4, 4)).astype(np.float32))
    conv = b.value("conv", "Conv2D", x, w, strides=[1], padding="SAME")
    padded = b.value("padded", "PadV2", conv, paddings=[[0, 0], [1, 1], [0, 0], [0, 0]], constant_value=3.0)
    graph = b.build([Port("flat", flat, None, "float32"), Port("padded", padded, None, "float32")], {"name": "moves"})
    with tf.Model(graph, "cpu") as model:
        q, report = tf.quantize(model, "int8", np.random.default_rng(1).normal(size=(1, 6, 6, 4)))
        q.dispose()
    assert {n.name: n.reason for n in report.refused} == {
        "tanh": "no integer form of Tanh", "flat": "what it moves is not in integers", "padded": "it pads with 3"}


def padded_pool(value, paddings=((0, 0), (1, 1), (1, 1), (0, 0)), *, first="conv"):
    """A max pool that pads with a value, as converters of other frameworks write it, behind a convolution or first."""
    b = GraphBuilder()
    x = b.input("x", (None, 6, 6, 4))
    w = b.constant("w", np.random.default_rng(0).normal(size=(3, 3, 4, 4)).astype(np.float32))
    if first == "conv":
        x = b.value("conv", "Conv2D", x, w, strides=[1], padding="SAME")
    x = b.value("padded", "PadV2", x, paddings=paddings, constant_value=value)
    y = b.value("pool", "MaxPool", x, ksize=[3], strides=[2], padding="VALID")
    if first != "conv":
        y = b.value("conv", "Conv2D", y, w, strides=[1], padding="SAME")
    return b.build([Port("y", y, None, "float32")], {"name": "padded"})


@pytest.mark.parametrize("backend", ["cpu", "wasm-simd"])
@pytest.mark.parametrize("value", [-np.inf, float(np.finfo(np.float32).min), -1e9, -0.5, 0.0])
@pytest.mark.parametrize("first", ["conv", "pad"])
def test_padding_in_front_of_a_max_pool_stays_out_of_the_range(value, first, backend):
    data = np.random.default_rng(1).normal(size=(4, 6, 6, 4)).astype(np.float32)
    with tf.Model(padded_pool(value, first=first), backend) as model:
        q, report = tf.quantize(model, "int8", data)
        with q:
            (output,) = report.outputs
            assert output.sqnr_db > 30
            assert [n.name for n in report.refused] == ([] if first == "conv" else ["padded"])
            assert all(n.alone_db is None or n.alone_db > 30 for n in report.quantized)


@pytest.mark.parametrize(("value", "paddings", "reason"), [
    (2.0, ((0, 0), (1, 1), (1, 1), (0, 0)), "it pads with 2"),
    (-1e9, ((0, 0), (3, 0), (1, 1), (0, 0)), "it pads with -1e+09"),
])
def test_padding_that_comes_out_of_a_max_pool_stays_float(value, paddings, reason):
    """A value above 0 may win; a window that lies in the padding as a whole gives the padding."""
    with tf.Model(padded_pool(value, paddings), "cpu") as model:
        q, report = tf.quantize(model, "int8", np.random.default_rng(1).normal(size=(1, 6, 6, 4)))
        q.dispose()
    assert {n.name: n.reason for n in report.refused} == {"padded": reason}


@pytest.mark.parametrize(("name", "floats"), [
    ("blazeface-front", []), ("facemesh", ["Sigmoid", "Reshape"]),
])
def test_real_models_of_faces_run_in_integers_from_end_to_end(name, floats):
    """Bit-equal to the oracle, nothing on the host, one conversion at the start."""
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip("the real models are not beside this repository")
    with tf.load_model(folder, backend="wasm-simd") as model:
        calibration = tf.generated_inputs(model.inputs, 6, 0, -1, 1)
        q, report = tf.quantize(model, "int8", calibration)
        with q, tf.Model(q.graph, "cpu") as oracle:
            assert [n.op for n in report.refused] == floats
            assert [n.op for n in q.graph.nodes].count("Quantize") == 1
            assert [c.node for p in q.prepare(calibration[0]) for c in p.commands if c.fallback] == []
            names = [n.name for n in q.graph.nodes if "/int8" in n.name]
            found = [m.execute(calibration[0], names) for m in (q, oracle)]
            for n, a, b in zip(names, *found, strict=True):
                np.testing.assert_array_equal(a, b, err_msg=n)


def test_nodes_with_more_error_than_asked_for_stay_float_and_say_how_much():
    """One channel a thousand times the others leaves them no steps; float on both sides of it makes all good again."""
    rng = np.random.default_rng(4)
    b = GraphBuilder()
    x = b.input("x", (None, 6, 6, 8))
    first = rng.normal(size=(1, 1, 8, 8)).astype(np.float32)
    first[..., 0] *= 1000
    second = rng.normal(size=(1, 1, 8, 8)).astype(np.float32)
    second[:, :, 0] = 0  # what is large is not used
    x = b.value("uneven", "Conv2D", x, b.constant("w1", first), strides=[1], padding="SAME")
    x = b.value("blind", "Conv2D", x, b.constant("w2", second), strides=[1], padding="SAME")
    x = b.value("last", "Conv2D", x, b.constant("w3", rng.normal(size=(1, 1, 8, 8)).astype(np.float32)), strides=[1],
                padding="SAME")
    data = rng.normal(size=(4, 6, 6, 8)).astype(np.float32)
    with tf.Model(b.build([Port("last", x, None, "float32")], {"name": "uneven"}), "cpu") as model:
        q, without = tf.quantize(model, "int8", data)
        q.dispose()
        q, report = tf.quantize(model, "int8", data, min_db=20)
        q.dispose()
    assert without.refused == ()
    assert without.outputs[0].sqnr_db < 10
    alone = next(n.alone_db for n in without.nodes if n.name == "blind")
    assert {n.name: n.reason for n in report.refused} == {
        "uneven": "it makes what 'blind' reads, whose error is too large",
        "blind": f"alone it has {alone:.1f} dB, less than the 20 dB asked for",
    }
    assert report.outputs[0].sqnr_db > 25


@pytest.mark.parametrize("activation", ["Relu", "Relu6"])
def test_what_a_relu_behind_a_sum_cuts_off_gets_no_steps(activation):
    """A convolution that is mostly far below what it is added to: only what can come out above 0 has steps."""
    rng = np.random.default_rng(5)
    b = GraphBuilder()
    x = b.input("x", (None, 6, 6, 8))
    bias = b.constant("b", np.where(np.arange(8) < 4, -500, 0).astype(np.float32))
    conv = b.value("conv", "_FusedConv2D", x, b.constant("w", rng.normal(size=(1, 1, 8, 8)).astype(np.float32)), bias,
                   fused_ops=["BiasAdd"], strides=[1], padding="SAME")
    out = b.value("out", activation, b.value("sum", "AddV2", conv, x))
    data = rng.normal(size=(4, 6, 6, 8)).astype(np.float32)
    with tf.Model(b.build([Port("out", out, None, "float32")], {"name": "low"}), "cpu") as model:
        q, report = tf.quantize(model, "int8", data)
        scale = next(n.attrs for n in q.graph.nodes if n.op == "QuantizedAdd")
        q.dispose()
    assert report.outputs[0].sqnr_db > 28  # with a range down to -500 it is below 10
    assert scale["a_multiplier"] > 0
