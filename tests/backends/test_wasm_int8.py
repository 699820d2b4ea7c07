"""Integer kernels: bit-equal to the definitions, on every variant, and none of them on the host."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.wasm import run_node

from tfjslab.backends.wasm.backend import create
from tfjslab.base.errors import ShapeError
from tfjslab.ops import registry
from tfjslab.ops.conformance import cases
from tfjslab.ops.quantized import SHORT_LIMIT, short_sums

_KERNELS = ("QuantizedConv2D", "QuantizedDepthwiseConv2D", "QuantizedDense", "QuantizedAdd", "QuantizedPool",
            "Quantize", "Dequantize", "DynamicQuantizedDense", "QuantizedPrelu")


@pytest.fixture(name="session", params=["plain", "simd", "threads"])
def _session(request):
    backend = create(request.param, 2)
    yield backend.open_session()
    backend.dispose()


@pytest.mark.parametrize("name", _KERNELS)
def test_kernels_are_bit_equal_to_the_definition(session, name):
    """Weights are constant, as in every model that was quantized."""
    for check in cases({name}):
        constant = bool({"filter", "slope"}.intersection(check.op.inputs))
        ran = run_node(session, registry.get(name), check.inputs, check.attrs, 1, constant=constant)
        assert ran is not None
        wanted = check.op.run(check.inputs, check.attrs)[0]
        found = next(iter(ran[0].values()))
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted, err_msg=check.name)
        left = [c.reason for c in ran[1] if c.fallback]
        several = check.op.name == "QuantizedDepthwiseConv2D" and check.inputs[1].shape[3] > 1
        assert left == (["no WebAssembly kernel for a multiplier of 2"] if several else [])


@pytest.mark.parametrize("name", ["PadV2", "Concat", "Reshape"])
def test_bytes_are_moved_without_the_host(session, name):
    """Padding, joining and reshaping of activations, whatever the length of runs."""
    found = [c for c in cases({name}) if c.inputs[0].dtype == np.int8]
    assert found
    for check in found:
        ran = run_node(session, registry.get(name), check.inputs, check.attrs, 1, constant=False)
        np.testing.assert_array_equal(next(iter(ran[0].values())), check.op.run(check.inputs, check.attrs)[0])
        assert [c.reason for c in ran[1] if c.fallback] == []


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_convolution_is_bit_equal_to_the_definition(data):
    """Sizes around those of tiles and vectors, and every kind of window."""
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
    shape = (kh, kw, channels, 1) if depthwise else (kh, kw, channels, outputs)
    n = channels if depthwise else outputs
    x = rng.integers(0, 128, (draw(st.integers(1, 2)), h, w, channels)).astype(np.int8)
    inputs = [x, rng.integers(-127, 128, shape).astype(np.int8), rng.integers(-999, 999, n).astype(np.int32),
              rng.integers(1, 1 << 15, n).astype(np.int32)]
    op = registry.get("QuantizedDepthwiseConv2D" if depthwise else "QuantizedConv2D")
    resolved = op.resolve_attrs(attrs, "test")
    try:
        wanted = op.run(inputs, resolved)[0]
    except ShapeError:
        return  # the window is larger than the image
    backend = create(draw(st.sampled_from(["plain", "simd"])), 1)
    ran = run_node(backend.open_session(), op, inputs, resolved, 1, constant=True)
    backend.dispose()
    np.testing.assert_array_equal(next(iter(ran[0].values())), wanted)


@pytest.mark.parametrize("k", [3, 8, 13, 16, 33, 61, 100])
@pytest.mark.parametrize("n", [1, 8, 13, 24, 32, 70])
def test_products_at_the_limit_of_sixteen_bit_sums_are_bit_equal(k, n):
    """Weights whose short sums are as large as they may be, of either sign, and one step above; activations of 127."""
    rng = np.random.default_rng(k * 100 + n)
    op = registry.get("QuantizedDense")
    x = rng.choice([0, 126, 127], (5, k)).astype(np.int8)
    x[0] = 127
    for limit in (SHORT_LIMIT, SHORT_LIMIT + 1):
        signs = np.where(np.arange(n) % 2, 1, -1)
        w = np.zeros((-(-k // 8), 2, 2, 2, n), np.int64)  # two steps of four: two lanes of pairs
        w[:] = np.array([limit // 4, limit // 4, limit - 3 * (limit // 4), limit // 4]).reshape(2, 1, 2, 1) * signs
        kernel = np.clip(w.reshape(-1, n)[:k], -127, 127).astype(np.int8)
        if k >= 8:
            assert short_sums(kernel).max() == limit
        inputs = [x, kernel, rng.integers(-999, 999, n).astype(np.int32), rng.integers(1, 1 << 15, n).astype(np.int32)]
        attrs = op.resolve_attrs({"zero": 3, "out_zero": 64, "shift": 6}, "test")
        backend = create("simd", 1)
        ran = run_node(backend.open_session(), op, inputs, attrs, 1, constant=True)
        backend.dispose()
        np.testing.assert_array_equal(next(iter(ran[0].values())), op.run(inputs, attrs)[0])
