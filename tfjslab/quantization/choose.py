"""Which nodes can run in integers, and why the others stay float32."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.graph.ir import Graph, Node
from tfjslab.ops.registry import Spec
from tfjslab.ops.window import pair, window

_CLAMPS = ((), ("Relu",), ("Relu6",))
_CONVS = {
    "Conv2D": "conv", "FusedConv2D": "conv", "DepthwiseConv2dNative": "depthwise", "FusedDepthwiseConv2D": "depthwise",
}
_IMAGE_RANK = 4
_MATRIX_RANK = 2
_MAX_WINDOW = 258  # elements whose sum of 0..127 fits 16 bits
_SPATIAL = (1, 2)


@dataclass(frozen=True)
class Choice:
    """``form`` is how the node runs in integers, "" when it stays float32 for ``reason``."""

    node: Node
    form: str
    reason: str = ""


def choose(
    graph: Graph, specs: Mapping[str, Spec], exclude: Collection[str], forms: Collection[str],
) -> tuple[Choice, ...]:
    """One choice for each node, in order; the nodes in ``exclude`` stay float32."""
    found = []
    for node in graph.nodes:
        form, reason = ("", "excluded by the caller") if node.name in exclude else _form(node, graph, specs)
        if form and form not in forms:
            form, reason = "", f"{node.op} is not run in integers by this kind"
        found.append(Choice(node, form, reason))
    return tuple(found)


def _form(node: Node, graph: Graph, specs: Mapping[str, Spec]) -> tuple[str, str]:
    """The node's form, or "" and the reason."""
    known = [specs.get(v) for v in (*node.uses, *node.outputs)]
    if node.attr_inputs or any(s is None or s.shape is None for s in known):
        return "", "its shape depends on data"
    if any(s is not None and s.size == 0 for s in known):
        return "", "it has an empty tensor"
    find = _FINDERS.get(node.op)
    return find(node, graph, specs) if find else ("", f"no integer form of {node.op}")


def _weights(node: Node, graph: Graph) -> str:
    """Why the node's weights and what is fused to it cannot be integers; "" when they can."""
    fused = [f for f in node.attrs.get("fused_ops", ()) if f != "BiasAdd"]
    if tuple(fused) not in _CLAMPS or "BiasAdd" in node.attrs.get("fused_ops", ())[1:]:
        return f"no integer form of {' + '.join(fused)} behind {node.op}"
    arrays = [graph.constants.get(v) for v in node.inputs[1:]]
    if any(a is None for a in arrays):
        return "its weights are not constant"
    if not all(np.isfinite(a).all() for a in arrays if a is not None):
        return "its weights are not all finite"
    return ""


def _conv(node: Node, graph: Graph, _specs: Mapping[str, Spec]) -> tuple[str, str]:
    if node.attrs["data_format"] != "NHWC":
        return "", f"its data_format is {node.attrs['data_format']}; integers run NHWC"
    reason = _weights(node, graph)
    return ("", reason) if reason else (_CONVS[node.op], "")


def _dense(node: Node, graph: Graph, specs: Mapping[str, Spec]) -> tuple[str, str]:
    ranks = {len(specs[v].known_shape) for v in node.inputs[:2]}
    if ranks != {_MATRIX_RANK} or node.attrs["transpose_a"]:
        return "", "it is not a matrix product of rank 2"
    reason = _weights(node, graph)
    return ("", reason) if reason else ("dense", "")


def dense_weights(node: Node, array: Array) -> Array:
    """The matrix [k, columns] of a product."""
    return array.T if node.attrs["transpose_b"] else array


def _add(node: Node, graph: Graph, specs: Mapping[str, Spec]) -> tuple[str, str]:
    a, b = (specs[v] for v in node.inputs)
    if any(v in graph.constants for v in node.inputs):
        return "", "it adds a constant"
    if a.shape != b.shape or a.dtype != "float32":
        return "", "it adds tensors of different shapes" if a.dtype == "float32" else f"it adds {a.dtype}"
    return "add", ""


def _clamp(node: Node, _graph: Graph, specs: Mapping[str, Spec]) -> tuple[str, str]:
    dtype = specs[node.inputs[0]].dtype
    return ("clamp", "") if dtype == "float32" else ("", f"it clamps {dtype}")


def _pool(node: Node, _graph: Graph, specs: Mapping[str, Spec]) -> tuple[str, str]:
    shape = specs[node.inputs[0]].known_shape
    if specs[node.inputs[0]].dtype != "float32" or len(shape) != _IMAGE_RANK:
        return "", "it does not pool images"
    if node.op == "Mean":
        axes = tuple(sorted(a % _IMAGE_RANK for a in np.atleast_1d(node.attrs["axis"]).tolist()))
        if axes != _SPATIAL:
            return "", f"it averages over axes {list(axes)}, not over the image"
        count = shape[1] * shape[2]
    else:
        if node.attrs["data_format"] != "NHWC":
            return "", f"its data_format is {node.attrs['data_format']}; integers run NHWC"
        size = pair(node.attrs["ksize"], "NHWC", node.name)
        if node.op == "MaxPool":
            return "max", ""
        if any(map(sum, window(shape, size, node.attrs, node.name).pad)):
            return "", "it averages beside the image, where windows differ in size"
        count = size[0] * size[1]
    return ("mean", "") if count <= _MAX_WINDOW else ("", f"it averages {count} elements, more than {_MAX_WINDOW}")


_FINDERS: dict[str, Callable[[Node, Graph, Mapping[str, Spec]], tuple[str, str]]] = {
    **dict.fromkeys(_CONVS, _conv), "BatchMatMul": _dense, "_FusedMatMul": _dense, "Add": _add, "MaxPool": _pool,
    "AvgPool": _pool, "Mean": _pool, "Relu": _clamp, "Relu6": _clamp,
}
