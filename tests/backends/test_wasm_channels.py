"""Pooling and resizing where an image lies, row-major or as planes, against the float64 reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st
from support.wasm import run_nodes

from tfjslab.base.errors import ShapeError
from tfjslab.graph.ir import Node
from tfjslab.ops import registry
from tfjslab.ops.pool import pool_window

_many = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
_sizes, _channels = st.integers(1, 9), st.sampled_from([1, 2, 3, 4, 5, 8, 19, 32, 37, 71])


def _assert_runs(sessions, name, attrs, x, *, planes=False, extra=(), after=lambda v: v, feeds=None):
    """Without a host step, within the op's tolerance; with ``planes`` behind a convolution that changes nothing."""
    op, convolution = registry.get(name), registry.get("DepthwiseConv2dNative")
    nodes = [Node("o", name, ("p" if planes else "x",), attrs), *extra]
    constants = {}
    if planes:
        nodes.insert(0, Node("p", convolution.name, ("x", "ones"), convolution.resolve_attrs({}, "test")))
        constants["ones"] = np.ones((1, 1, x.shape[3], 1), np.float32)
    want = after(op.run([x.astype(np.float64)], attrs)[0])
    for session in sessions:
        found, infos = run_nodes(session, nodes, {"x": x, **(feeds or {})}, constants, [nodes[-1].name])
        assert [i.reason for i in infos if i.fallback] == []
        got = found[nodes[-1].name]
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, rtol=0, atol=op.tolerance.relative * np.abs(want).max() + 1e-6)


@_many
@given(
    name=st.sampled_from(["MaxPool", "AvgPool"]), batch=st.integers(1, 2), h=_sizes, w=_sizes, c=_channels,
    size=st.tuples(_sizes, _sizes), stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.sampled_from(["SAME", "VALID", "EXPLICIT"]), pads=st.tuples(*[st.integers(0, 2)] * 4),
    planes=st.booleans(), seed=st.integers(0, 9999),
)
def test_a_pool_of_any_window(open_sessions, name, batch, h, w, c, size, stride, padding, pads, planes, seed):
    explicit = (0, 0, *pads, 0, 0) if padding == "EXPLICIT" else ()
    attrs = registry.get(name).resolve_attrs(
        {"ksize": size, "strides": stride, "padding": padding, "explicit_paddings": explicit}, "test")
    try:
        win = pool_window(name, (batch, h, w, c), attrs)
    except ShapeError:
        reject()
    # A window that lies in the padding alone has no average and no largest element.
    assume(min(win.out_size) > 0 and all(p < s for pair, s in zip(win.pad, size, strict=True) for p in pair))
    x = np.random.default_rng(seed).uniform(-1, 1, (batch, h, w, c)).astype(np.float32)
    _assert_runs(open_sessions, name, attrs, x, planes=planes)


@pytest.mark.parametrize("planes", [False, True])
def test_what_follows_a_pool_is_part_of_it(open_sessions, planes):
    rng = np.random.default_rng(0)
    x, bias, residual = (rng.uniform(-1, 1, s).astype(np.float32) for s in ((2, 6, 7, 37), (37,), (2, 3, 3, 37)))
    attrs = registry.get("MaxPool").resolve_attrs({"ksize": (2,), "strides": (2,)}, "test")
    chain = [Node("a", "Add", ("o", "bias")), Node("b", "Multiply", ("residual", "a")), Node("r", "Relu", ("b",))]
    _assert_runs(
        open_sessions, "MaxPool", attrs, x, planes=planes, extra=chain, feeds={"bias": bias, "residual": residual},
        after=lambda v: np.maximum((v + bias) * residual, 0),
    )


@_many
@given(
    name=st.sampled_from(["ResizeBilinear", "ResizeNearestNeighbor"]), batch=st.integers(1, 2), h=_sizes, w=_sizes,
    c=_channels, size=st.tuples(st.integers(1, 17), st.integers(1, 17)), mode=st.sampled_from(["", "align", "half"]),
    planes=st.booleans(), seed=st.integers(0, 9999),
)
def test_a_resize_to_any_size(open_sessions, name, batch, h, w, c, size, mode, planes, seed):
    attrs = {"size": size, "align_corners": mode == "align", "half_pixel_centers": mode == "half"}
    x = np.random.default_rng(seed).uniform(-1, 1, (batch, h, w, c)).astype(np.float32)
    _assert_runs(open_sessions, name, registry.get(name).resolve_attrs(attrs, "test"), x, planes=planes)
