"""Convolutions large enough for threads and for every kind of tile, against the float64 reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.wasm import run_nodes

from tfjslab.graph.ir import Node
from tfjslab.ops import registry


def assert_close(found, want, tolerance):
    """Within the op's tolerance, relative to the largest value."""
    assert found.shape == want.shape
    allowed = tolerance.relative * np.abs(want).max() + tolerance.absolute
    assert np.abs(found.astype(np.float64) - want).max() <= allowed


_sizes = st.integers(1, 19)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batch=st.integers(1, 2), h=_sizes, w=_sizes, cin=st.sampled_from([1, 2, 3, 8, 17]),
    n=st.sampled_from([1, 2, 3, 5, 8, 16, 33]), window=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    stride=st.integers(1, 3), dilation=st.integers(1, 2), padding=st.sampled_from(["SAME", "VALID"]),
    depthwise=st.booleans(), groups=st.integers(1, 3), seed=st.integers(0, 9999),
)
def test_any_geometry(open_sessions, batch, h, w, cin, n, window, stride, dilation, padding, depthwise, groups, seed):
    """Groups, sizes, strides, dilations, paddings that leave every kind of rest; bias, residual, activation fused."""
    reach = [(k - 1) * dilation + 1 for k in window]
    if padding == "VALID" and (reach[0] > h or reach[1] > w):
        return
    rng = np.random.default_rng(seed)
    attrs = {"strides": (1, stride, stride, 1), "dilations": (1, dilation, dilation, 1), "padding": padding}
    op = registry.get("DepthwiseConv2dNative" if depthwise else "Conv2D")
    attrs = op.resolve_attrs(attrs, "test")
    channels = (cin, 1 + seed % 2) if depthwise else (cin, n * groups)
    x = rng.uniform(-1, 1, (batch, h, w, cin if depthwise else cin * groups)).astype(np.float32)
    kernel = rng.uniform(-1, 1, (*window, *channels)).astype(np.float32)
    with np.errstate(all="ignore"):
        (sums,) = op.run([x.astype(np.float64), kernel.astype(np.float64)], attrs)
    bias = rng.uniform(-1, 1, sums.shape[-1:]).astype(np.float32)
    residual = rng.uniform(-1, 1, sums.shape).astype(np.float32)
    want = np.maximum(sums + bias + residual, 0)
    nodes = [
        Node("conv", op.name, ("x", "w"), attrs), Node("biased", "Add", ("conv", "bias")),
        Node("added", "Add", ("residual", "biased")), Node("out", "Relu", ("added",)),
    ]
    for session in open_sessions:
        found, infos = run_nodes(session, nodes, {"x": x, "residual": residual}, {"w": kernel, "bias": bias}, ["out"])
        assert infos[0].kernel == f"{op.name}+Add+Add+Relu"
        assert_close(found["out"], want, op.tolerance)


@pytest.mark.parametrize(("h", "cin", "n"), [(28, 24, 144), (7, 160, 960), (7, 960, 160), (56, 16, 96), (1, 64, 100)])
def test_pointwise_of_real_sizes(open_sessions, h, cin, n):
    """The shapes of MobileNetV2, shared among threads by pixels and by outputs."""
    rng = np.random.default_rng(h + cin + n)
    x = rng.uniform(-1, 1, (1, h, h, cin)).astype(np.float32)
    w = rng.uniform(-1, 1, (1, 1, cin, n)).astype(np.float32)
    op = registry.get("Conv2D")
    attrs = op.resolve_attrs({"strides": (1, 1, 1, 1), "padding": "SAME"}, "test")
    (want,) = op.run([x.astype(np.float64), w.astype(np.float64)], attrs)
    for session in open_sessions:
        found, _ = run_nodes(session, [Node("out", "Conv2D", ("x", "w"), attrs)], {"x": x}, {"w": w}, ["out"])
        assert_close(found["out"], want, op.tolerance)


@pytest.mark.parametrize("attrs", [
    {"padding": "EXPLICIT", "explicit_paddings": (0, 0, 1, 0, 1, 0, 0, 0), "strides": (1, 2, 2, 1)},
    {"padding": "SAME", "dilations": (1, 2, 2, 1), "strides": (1, 3, 3, 1)},
    {"padding": "VALID", "strides": (1, 1, 1, 1)},
])
def test_a_window_of_the_image_size_is_a_dense_layer_only_without_padding(open_sessions, attrs):
    """Padding moves the window, or dilation spreads it, and the one output sees only part of the image."""
    rng = np.random.default_rng(3)
    x = rng.uniform(-1, 1, (2, 3, 3, 5)).astype(np.float32)
    w = rng.uniform(-1, 1, (3, 3, 5, 7)).astype(np.float32)
    op = registry.get("Conv2D")
    resolved = op.resolve_attrs(attrs, "test")
    (want,) = op.run([x.astype(np.float64), w.astype(np.float64)], resolved)
    assert want.shape == (2, 1, 1, 7)
    for session in open_sessions:
        found, _ = run_nodes(session, [Node("out", "Conv2D", ("x", "w"), resolved)], {"x": x}, {"w": w}, ["out"])
        assert_close(found["out"], want, op.tolerance)
