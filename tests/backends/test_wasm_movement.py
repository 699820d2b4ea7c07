"""What only moves elements: words and bytes alike, any value as padding, and tensors without elements."""

from __future__ import annotations

import numpy as np
import pytest
from support.wasm import assert_runs, run_nodes

from tfjslab.graph.ir import Node
from tfjslab.ops import registry

_DTYPES = ("float32", "int32", "bool")
_MOVES = [
    ("Transpose", {"perm": (2, 0, 1)}), ("Transpose", {}), ("Reverse", {"axis": [0, -1]}),
    ("Tile", {"reps": [2, 1, 3]}),
    ("Slice", {"begin": [1, 0, 2], "size": [2, -1, 3]}),
    ("StridedSlice", {"begin": [3, 0, -1], "end": [0, 9, 0], "strides": [-2, 2, -1]}),
    ("StridedSlice", {"begin": [1, 0], "end": [2, 9], "strides": [1, 1], "shrink_axis_mask": 1}),
    ("SplitV", {"size_splits": [1, -1, 2], "axis": 1}), ("Unpack", {"axis": 1, "num": 6}),
    ("BroadcastTo", {"shape": [3, 4, 6, 20]}), ("MirrorPad", {"paddings": [[1, 2], [0, 3], [2, 0]], "mode": "REFLECT"}),
    ("MirrorPad", {"paddings": [[1, 2], [0, 3], [2, 0]], "mode": "SYMMETRIC"}),
    ("SpaceToBatchND", {"block_shape": [2, 5], "paddings": [[1, 1], [3, 2]]}),
    ("BatchToSpaceND", {"block_shape": [2], "crops": [[1, 2]]}),
    ("PadV2", {"paddings": [[1, 2], [0, 3], [2, 0]], "constant_value": 1}),
    ("EnsureShape", {"shape": [4, -1, 20]}), ("Reshape", {"shape": [20, -1]}),
]


@pytest.mark.parametrize("dtype", _DTYPES)
@pytest.mark.parametrize(("name", "attrs"), _MOVES, ids=str)
def test_elements_of_every_dtype_are_moved(open_sessions, name, attrs, dtype):
    x = np.random.default_rng(0).integers(0, 2 if dtype == "bool" else 99, (4, 6, 20)).astype(dtype)
    assert_runs(open_sessions, name, attrs, {"x": x})


@pytest.mark.parametrize("dtype", _DTYPES)
def test_elements_of_every_dtype_are_joined(open_sessions, dtype):
    rng = np.random.default_rng(0)
    parts = {k: rng.integers(0, 2, (3, n, 5)).astype(dtype) for k, n in (("a", 2), ("b", 0), ("c", 7))}
    assert_runs(open_sessions, "Concat", {"axis": 1}, parts)
    pair = {"a": parts["a"], "c": rng.integers(0, 2, (3, 2, 5)).astype(dtype)}
    for axis in (0, 1, -1):
        assert_runs(open_sessions, "Pack", {"axis": axis}, pair)


@pytest.mark.parametrize(("dtype", "value"), [
    ("int32", 7), ("int32", 2**31 - 1), ("int32", -(2**31)), ("float32", np.nan), ("float32", -0.0),
    ("float32", -np.inf), ("bool", 1), ("int32", 16777217),
])
def test_any_value_is_padding(open_sessions, dtype, value):
    x = np.zeros((3, 5), dtype)
    assert_runs(open_sessions, "PadV2", {"paddings": [[0, 1], [2, 1]], "constant_value": value}, {"x": x})


def test_what_is_passed_on_stays_channel_planes(open_sessions):
    """Two values, one of them behind a convolution and one an output twice."""
    rng = np.random.default_rng(0)
    x, w = rng.uniform(-1, 1, (1, 5, 6, 3)).astype(np.float32), rng.uniform(-1, 1, (1, 1, 3, 4)).astype(np.float32)
    k = np.array([True, False])
    nodes = [
        Node("c", "Conv2D", ("x", "w"), registry.get("Conv2D").resolve_attrs({"padding": "SAME"}, "test")),
        Node("both", "IdentityN", ("c", "k"), {}, num_outputs=2), Node("shown", "Print", ("both", "k"), {}),
        Node("y", "Relu", ("shown",), {}),
    ]
    for session in open_sessions:
        found, infos = run_nodes(session, nodes, {"x": x, "k": k}, {"w": w}, ["y", "both:1", "both"])
        assert [i.reason for i in infos if i.fallback] == []
        np.testing.assert_allclose(found["both"], x @ w[0, 0], atol=1e-6)
        np.testing.assert_array_equal(found["y"], np.maximum(found["both"], 0))
        assert found["both:1"].tolist() == [True, False]


def test_integers_may_lie_as_channel_planes(open_sessions):
    """A map of labels that grows: padded, joined, mirrored, summed and averaged where it lies."""
    k = np.random.default_rng(0).integers(-(2**31), 2**31, (2, 4, 5, 3)).astype(np.int32)
    nodes = [Node(name, op, inputs, registry.get(op).resolve_attrs(attrs, "test")) for name, op, inputs, attrs in (
        ("r", "ResizeNearestNeighbor", ("k",), {"size": [7, 9]}),
        ("p", "PadV2", ("r",), {"paddings": [[0, 0], [1, 2], [0, 1], [0, 1]], "constant_value": 16777217}),
        ("m", "MirrorPad", ("r",), {"paddings": [[0, 0], [1, 2], [2, 1], [1, 0]], "mode": "REFLECT"}),
        ("j", "Concat", ("r", "r"), {"axis": 3}), ("a", "Add", ("r", "r"), {}),
        ("c", "Cast", ("r",), {"dtype": "float32"}),
        *((f"{op} of r", op, ("r",), {"axis": [1, 2]}) for op in ("Sum", "Max", "Mean")),
    )]
    values, outputs = {"k": k}, [n.name for n in nodes]
    for n in nodes:
        (values[n.name],) = n.definition.run([values[v] for v in n.inputs], n.attrs)
    for session in open_sessions:
        found, infos = run_nodes(session, nodes, {"k": k}, {}, outputs)
        assert [i.reason for i in infos if i.fallback] == []
        for name in outputs:
            np.testing.assert_array_equal(found[name], values[name], name)


@pytest.mark.parametrize(("name", "attrs", "shapes"), [
    ("Conv2D", {"padding": "SAME"}, [(0, 5, 6, 3), (3, 3, 3, 4)]),
    ("Conv2D", {"padding": "SAME", "data_format": "NCHW"}, [(0, 3, 5, 6), (3, 3, 3, 4)]),
    ("DepthwiseConv2dNative", {"padding": "VALID"}, [(0, 5, 6, 3), (3, 3, 3, 2)]),
    ("MaxPool", {"ksize": [2, 2], "strides": [2, 2], "padding": "VALID"}, [(0, 5, 6, 3)]),
    ("BatchMatMul", {}, [(0, 3), (3, 2)]), ("BatchMatMul", {}, [(4, 2, 3), (4, 3, 0)]),
    ("ResizeBilinear", {"size": [3, 4]}, [(0, 5, 6, 3)]), ("Sum", {"axis": [1]}, [(0, 4)]),
    ("Softmax", {}, [(0, 4)]), ("Add", {}, [(0, 4), (4,)]), ("TopK", {"k": 2}, [(0, 4)]), ("TopK", {"k": 0}, [(3, 4)]),
    ("Concat", {"axis": 1}, [(0, 4), (0, 2)]), ("Transpose", {}, [(2, 0, 3)]), ("OneHot", {"depth": 3}, []),
], ids=str)
def test_nothing_is_made_of_no_elements(open_sessions, name, attrs, shapes):
    feeds = {f"x{i}": np.zeros(s, np.float32) for i, s in enumerate(shapes)} or {"i": np.zeros((0, 2), np.int32)}
    assert_runs(open_sessions, name, attrs, feeds)


def test_a_chain_over_no_elements_is_no_step(open_sessions):
    """A convolution, its depthwise successor and what follows, in a batch of none."""
    rng = np.random.default_rng(0)
    weights = {"w": rng.uniform(-1, 1, (1, 1, 3, 8)), "d": rng.uniform(-1, 1, (3, 3, 8, 1)), "b": rng.uniform(-1, 1, 8)}
    weights = {k: v.astype(np.float32) for k, v in weights.items()}
    attrs = {op: registry.get(op).resolve_attrs({"padding": "SAME"}, "test")
             for op in ("Conv2D", "DepthwiseConv2dNative")}
    nodes = [
        Node("c", "Conv2D", ("x", "w"), attrs["Conv2D"]), Node("cb", "Add", ("c", "b"), {}),
        Node("r", "Relu6", ("cb",), {}), Node("y", "DepthwiseConv2dNative", ("r", "d"), attrs["DepthwiseConv2dNative"]),
        Node("z", "Relu", ("y",), {}),
    ]
    for session in open_sessions:
        found, infos = run_nodes(session, nodes, {"x": np.zeros((0, 5, 6, 3), np.float32)}, weights, ["z"])
        assert found["z"].shape == (0, 5, 6, 8)
        assert [i.reason for i in infos if i.fallback] == []
