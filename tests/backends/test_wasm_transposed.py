"""Transposed convolutions of any geometry, against the float64 reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st
from support.wasm import run_nodes

from tfjslab.base.errors import ShapeError
from tfjslab.graph.ir import Node
from tfjslab.ops import registry
from tfjslab.ops.window import window

_OP = registry.get("Conv2DBackpropInput")


def _run(sessions, nodes, feeds, constants, want):
    """All commands are kernels, and the results are as near to ``want`` as the op allows."""
    for session in sessions:
        found, infos = run_nodes(session, nodes, feeds, constants, ["out"])
        assert [i.reason for i in infos if i.fallback] == []
        assert found["out"].shape == want.shape
        allowed = _OP.tolerance.relative * np.abs(want).max(initial=1) + _OP.tolerance.absolute
        assert np.abs(found["out"].astype(np.float64) - want).max() <= allowed


_sizes, _steps = st.integers(1, 13), st.integers(1, 4)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batch=st.integers(1, 2), h=_sizes, w=_sizes, cin=st.sampled_from([1, 2, 3, 8, 17]),
    n=st.sampled_from([1, 2, 3, 4, 8, 16]), size=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    stride=st.tuples(_steps, _steps), dilation=st.sampled_from([1, 1, 2, 3]),
    padding=st.sampled_from(["SAME", "VALID", "EXPLICIT"]), pads=st.tuples(*[st.integers(0, 3)] * 4),
    constant=st.booleans(), seed=st.integers(0, 9999),
)
def test_any_geometry(open_sessions, batch, h, w, cin, n, size, stride, dilation, padding, pads, constant, seed):
    """Sizes, strides, dilations and paddings that leave every kind of rest; bias, residual, activation fused."""
    attrs = {
        "strides": (1, *stride, 1), "dilations": (1, dilation, dilation, 1), "padding": padding,
        "explicit_paddings": (0, 0, *pads, 0, 0) if padding == "EXPLICIT" else (), "output_shape": (batch, h, w, n),
    }
    attrs = _OP.resolve_attrs(attrs, "test")
    try:
        small = window((batch, h, w, n), size, attrs, "test").out_size
    except ShapeError:
        reject()
    assume(min(small) > 0)
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (batch, *small, cin)).astype(np.float32)
    kernel = rng.uniform(-1, 1, (*size, n, cin)).astype(np.float32)
    (sums,) = _OP.run([x.astype(np.float64), kernel.astype(np.float64)], attrs)
    bias = rng.uniform(-1, 1, n).astype(np.float32)
    residual = rng.uniform(-1, 1, sums.shape).astype(np.float32)
    nodes = [
        Node("sums", _OP.name, ("x", "w"), attrs), Node("biased", "Add", ("sums", "bias")),
        Node("added", "Add", ("residual", "biased")), Node("out", "Relu", ("added",)),
    ]
    feeds, constants = {"x": x, "residual": residual}, {"bias": bias}
    (constants if constant else feeds)["w"] = kernel
    _run(open_sessions, nodes, feeds, constants, np.maximum(sums + bias + residual, 0))


@pytest.mark.parametrize(("h", "cin", "n", "size", "stride"), [
    (12, 256, 32, 2, 2), (24, 64, 16, 3, 2), (7, 300, 64, 4, 2), (16, 32, 21, 16, 8), (65, 16, 1, 2, 2),
])
def test_real_sizes_run_as_one_kernel(open_sessions, h, cin, n, size, stride):
    """The shapes of decoders and detectors, shared among threads."""
    rng = np.random.default_rng(h)
    attrs = _OP.resolve_attrs(
        {"strides": (stride,), "padding": "SAME", "output_shape": (1, h * stride, h * stride, n)}, "test")
    x = rng.uniform(-1, 1, (1, h, h, cin)).astype(np.float32)
    w = rng.uniform(-1, 1, (size, size, n, cin)).astype(np.float32)
    (want,) = _OP.run([x.astype(np.float64), w.astype(np.float64)], attrs)
    _run(open_sessions, [Node("out", _OP.name, ("x", "w"), attrs)], {"x": x}, {"w": w}, want)


def test_what_no_tap_meets_is_the_bias_alone(open_sessions):
    """Pixels between the taps of a stride larger than the window stay exact, also beside an infinite input."""
    attrs = _OP.resolve_attrs({"strides": (3,), "padding": "VALID", "output_shape": (1, 4, 7, 2)}, "test")
    x = np.full((1, 2, 3, 1), np.inf, np.float32)
    w = np.ones((1, 1, 2, 1), np.float32)
    nodes = [Node("sums", _OP.name, ("x", "w"), attrs), Node("out", "Add", ("sums", "bias"))]
    for session in open_sessions:
        found, _ = run_nodes(session, nodes, {"x": x}, {"w": w, "bias": np.array([1, 2], np.float32)}, ["out"])
        met = np.zeros((4, 7), bool)
        met[::3, ::3] = True
        assert np.isposinf(found["out"][0, met]).all()
        np.testing.assert_array_equal(found["out"][0, ~met], [[1, 2]] * (~met).sum())


def test_channels_first_keep_a_chain_behind_apart(open_sessions):
    """The planes are the same; what follows broadcasts along the last axis, which are columns here."""
    attrs = _OP.resolve_attrs(
        {"strides": (2,), "padding": "SAME", "output_shape": (2, 3, 9, 7), "data_format": "NCHW"}, "test")
    rng = np.random.default_rng(5)
    x, w, row = (rng.uniform(-1, 1, s).astype(np.float32) for s in ((2, 6, 5, 4), (3, 3, 3, 6), (7,)))
    (sums,) = _OP.run([x.astype(np.float64), w.astype(np.float64)], attrs)
    nodes = [Node("sums", _OP.name, ("x", "w"), attrs), Node("out", "Add", ("sums", "row"))]
    _run(open_sessions, nodes, {"x": x}, {"w": w, "row": row}, sums + row)
