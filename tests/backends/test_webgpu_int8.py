"""Integer kernels on the GPU backends: bit-equal to the definitions, and a quantized model to the integer reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.available import need
from support.sessions import adapter_session
from support.wasm import run_node

import tfjslab as tf
from tfjslab import zoo
from tfjslab.base.errors import ShapeError
from tfjslab.model.coverage import coverage
from tfjslab.ops import registry
from tfjslab.ops.conformance import cases

_KERNELS = ("QuantizedConv2D", "QuantizedDepthwiseConv2D", "QuantizedDense", "QuantizedAdd", "QuantizedPool",
            "QuantizedPrelu", "Quantize", "Dequantize")
# Its step is a quotient, which WGSL lets be off by some units of the last place: a sum could round the other way.
_ON_HOST = ("DynamicQuantizedDense",)


@pytest.fixture(name="session", scope="module", params=["webgpu", "webgl"])
def _session(request):
    with adapter_session(request.param) as session:
        yield session


@pytest.mark.parametrize("name", _KERNELS)
def test_kernels_are_bit_equal_to_the_definition(session, name):
    """Weights are constant, as in every model that was quantized."""
    for check in cases({name}):
        ran = run_node(session, registry.get(name), check.inputs, check.attrs, 1, constant="filter" in check.op.inputs)
        assert ran is not None
        wanted = check.op.run(check.inputs, check.attrs)[0]
        found = next(iter(ran[0].values()))
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted, err_msg=check.name)
        assert [c.reason for c in ran[1] if c.fallback] == []


_ROWS = "moving rows of int8 that are no whole words"


@pytest.mark.parametrize(("op", "shapes", "attrs", "reason"), [
    ("PadV2", [(1, 3, 5, 24)], {"paddings": [[0, 0], [1, 0], [2, 1], [0, 8]], "constant_value": 9}, ""),
    ("PadV2", [(3, 8)], {"paddings": [[1, 1], [4, 0]], "constant_value": 127}, ""),
    ("PadV2", [(3, 8)], {"paddings": [[1, 1], [2, 2]], "constant_value": 127}, _ROWS),
    ("PadV2", [(2, 7)], {"paddings": [[1, 0], [0, 0]], "constant_value": 5}, _ROWS),
    ("Concat", [(2, 3, 8), (2, 3, 12)], {"axis": -1}, ""),
    ("Concat", [(2, 3, 8), (2, 1, 8)], {"axis": 1}, ""),
    ("Concat", [(2, 3, 5), (2, 1, 5)], {"axis": 1}, _ROWS),
    ("Reshape", [(3, 7)], {"shape": [21, 1]}, ""),
])
def test_bytes_move_as_words_or_on_the_host(session, op, shapes, attrs, reason):
    rng = np.random.default_rng(3)
    definition = registry.get(op)
    inputs = [rng.integers(0, 128, s).astype(np.int8) for s in shapes]
    resolved = definition.resolve_attrs(attrs, "test")
    found, infos = run_node(session, definition, inputs, resolved, 1, constant=False)
    np.testing.assert_array_equal(next(iter(found.values())), definition.run(inputs, resolved)[0])
    assert [c.reason.removeprefix("no GPU kernel for ") for c in infos] == [reason]


@pytest.mark.parametrize("name", _ON_HOST)
def test_what_cannot_be_bit_equal_runs_on_the_host_and_says_so(session, name):
    for check in cases({name}):
        ran = run_node(session, registry.get(name), check.inputs, check.attrs, 1, constant=True)
        assert [c.reason for c in ran[1]] == [f"no GPU kernel for {name}"]


@pytest.mark.parametrize("name", ["QuantizedConv2D", "QuantizedDense", "QuantizedDepthwiseConv2D"])
def test_weights_that_are_not_constant_run_on_the_host(session, name):
    check = next(iter(cases({name})))
    found, infos = run_node(session, registry.get(name), check.inputs, check.attrs, 1, constant=False)
    np.testing.assert_array_equal(next(iter(found.values())), check.op.run(check.inputs, check.attrs)[0])
    assert [c.reason for c in infos] == ["no GPU kernel for weights that are not constant"]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_convolution_is_bit_equal_to_the_definition(session, data):
    """Sizes around those of words, vectors and workgroups, and every kind of window."""
    draw = data.draw
    channels, outputs = draw(st.integers(1, 37)), draw(st.integers(1, 37))
    h, w, kh, kw = (draw(st.integers(1, 9)), draw(st.integers(1, 9)), draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    attrs = {
        "strides": [draw(st.integers(1, 3)), draw(st.integers(1, 3))], "zero": draw(st.integers(0, 127)),
        "out_zero": draw(st.integers(0, 127)), "shift": draw(st.integers(0, 8)), "padding": "EXPLICIT",
        "explicit_paddings": [0, 0, kh, draw(st.integers(0, 2)), kw, draw(st.integers(0, 2)), 0, 0],
        "dilations": [draw(st.integers(1, 2)), 1],
    }
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    depthwise = draw(st.booleans())
    shape = (kh, kw, channels, draw(st.integers(1, 2))) if depthwise else (kh, kw, channels, outputs)
    n = channels * shape[3] if depthwise else outputs
    x = rng.integers(0, 128, (draw(st.integers(1, 2)), h, w, channels)).astype(np.int8)
    inputs = [x, rng.integers(-127, 128, shape).astype(np.int8), rng.integers(-999, 999, n).astype(np.int32),
              rng.integers(1, 1 << 15, n).astype(np.int32)]
    op = registry.get("QuantizedDepthwiseConv2D" if depthwise else "QuantizedConv2D")
    resolved = op.resolve_attrs(attrs, "test")
    try:
        wanted = op.run(inputs, resolved)[0]
    except ShapeError:
        return  # the window is larger than the image
    found, infos = run_node(session, op, inputs, resolved, 1, constant=True)
    np.testing.assert_array_equal(next(iter(found.values())), wanted)
    assert not any(c.fallback for c in infos)


@pytest.mark.parametrize("name", ["webgpu", "webgl"])
def test_a_quantized_model_gives_the_same_bits_as_the_reference(name):
    """A model of the zoo, quantized as users do, on the reference and on the GPU backend, up to the softmax."""
    need(name)
    with zoo.load("digits", backend="cpu") as model:
        samples = [model.sample(seed=i) for i in range(4)]
        quantized = tf.quantize(model, "int8", calibration=samples)
    with quantized.model as small:
        (last,) = [n.name for n in small.graph.nodes if n.op == "Dequantize"]
        wanted = [small.execute(x, last) for x in samples]
        with type(small)(small.graph, name) as there:
            for x, y in zip(samples, wanted, strict=True):
                np.testing.assert_array_equal(there.execute(x, last), y)
            left = coverage(there, samples[0]).fallback
    assert dict(left) == {}
