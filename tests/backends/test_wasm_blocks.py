"""Mirrored edges and blocks that move between space, depth and batch: kernels, equal to the reference."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.wasm import run_nodes

from tfjslab.graph.ir import Node
from tfjslab.ops import registry


def assert_runs(sessions, name, attrs, x, *, planes=False):
    """Without a host step, bit for bit; with ``planes`` the input lies as a convolution leaves it."""
    op, convolution = registry.get(name), registry.get("DepthwiseConv2dNative")
    attrs, conv_attrs = op.resolve_attrs(attrs, "test"), convolution.resolve_attrs({}, "test")
    (want,) = op.run([x], attrs)
    nodes = [Node("out", name, ("p" if planes else "x",), attrs)]
    constants = {}
    if planes:
        nodes.insert(0, Node("p", convolution.name, ("x", "ones"), conv_attrs))
        constants["ones"] = np.ones((1, 1, x.shape[3], 1), np.float32)
    for session in sessions:
        found, infos = run_nodes(session, nodes, {"x": x}, constants, ["out"])
        assert [i.reason for i in infos if i.fallback] == []
        np.testing.assert_array_equal(found["out"], want)


_pads, _blocks = st.tuples(st.integers(0, 3), st.integers(0, 3)), st.integers(1, 3)
_many = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def numbers(shape, dtype="float32"):
    return np.random.default_rng(0).integers(-99, 99, shape).astype(dtype)


@_many
@given(shape=st.lists(st.integers(4, 9), min_size=1, max_size=4).map(tuple),
       mode=st.sampled_from(["REFLECT", "SYMMETRIC"]), dtype=st.sampled_from(["float32", "int32"]), data=st.data())
def test_a_mirror_at_any_edges(open_sessions, shape, mode, dtype, data):
    pads = [data.draw(_pads) for _ in shape]
    planes = len(shape) == 4 and dtype == "float32"
    assert_runs(open_sessions, "MirrorPad", {"paddings": pads, "mode": mode}, numbers(shape, dtype), planes=planes)


@_many
@given(blocks=st.lists(_blocks, min_size=1, max_size=3), sizes=st.tuples(*[_blocks] * 3), batch=_blocks,
       rest=st.lists(_blocks, max_size=2), data=st.data())
def test_blocks_to_batch_and_back(open_sessions, blocks, sizes, batch, rest, data):
    sizes = sizes[: len(blocks)]
    crops = [(c := data.draw(st.integers(0, s * k)), data.draw(st.integers(0, s * k - c)))
             for s, k in zip(sizes, blocks, strict=True)]
    x = numbers((batch * int(np.prod(blocks)), *sizes, *rest))
    assert_runs(open_sessions, "BatchToSpaceND", {"block_shape": blocks, "crops": crops}, x)
    pads = [(c, s * k - c) for (c, _), s, k in zip(crops, sizes, blocks, strict=True)]
    image = numbers((batch, *(s * k for s, k in zip(sizes, blocks, strict=True)), *rest))
    assert_runs(open_sessions, "SpaceToBatchND", {"block_shape": blocks, "paddings": pads}, image)


@_many
@given(batch=_blocks, size=st.tuples(_blocks, _blocks), channels=_blocks, block=_blocks,
       data_format=st.sampled_from(["NHWC", "NCHW"]))
def test_blocks_to_depth_and_back(open_sessions, batch, size, channels, block, data_format):
    def shape(rows, columns, depth):
        return (batch, rows, columns, depth) if data_format == "NHWC" else (batch, depth, rows, columns)

    (h, w), attrs = size, {"block_size": block, "data_format": data_format}
    assert_runs(open_sessions, "DepthToSpace", attrs, numbers(shape(h, w, channels * block**2)))
    assert_runs(open_sessions, "SpaceToDepth", attrs, numbers(shape(h * block, w * block, channels)))
