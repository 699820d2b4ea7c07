"""Which nodes can run in integers, and why the others stay float32."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

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


_MOVES = ("move", "pad", "concat")
MERGED = "merged"


@dataclass(frozen=True)
class Choice:
    """``form`` is how the node runs in integers, "" when it stays float32 for ``reason``.

    A ``merged`` sum has no tensor of its own: the activation behind it adds as well, as ``reason`` tells.
    """

    node: Node
    form: str
    reason: str = ""


def choose(
    graph: Graph, specs: Mapping[str, Spec], exclude: Mapping[str, str], forms: Collection[str],
) -> tuple[Choice, ...]:
    """One choice for each node, in order; the nodes in ``exclude`` stay float32 for the reason given there."""
    found: list[Choice] = []
    integer: dict[str, bool] = {}
    for node in graph.nodes:
        form, reason = ("", exclude[node.name]) if node.name in exclude else _form(node, graph, specs)
        if form and form not in forms:
            form, reason = "", f"{node.op} is not run in integers by this kind"
        if form in _MOVES and not any(integer.get(v) for v in node.inputs):
            form, reason = "", "what it moves is not in integers"
        integer[node.name] = bool(form)
        found.append(Choice(node, form, reason))
    return _merged(graph, found)


def _merged(graph: Graph, choices: Sequence[Choice]) -> tuple[Choice, ...]:
    """Let an activation that is alone behind a sum take it in: one rounding less, and a range that it cut already."""
    readers: dict[str, list[str]] = {}
    for node in graph.nodes:
        for v in node.uses:
            readers.setdefault(v, []).append(node.name)
    kept = {p.value for p in graph.outputs}
    active = {c.node.name: c for c in choices if c.form in ("clamp", "prelu")}

    def merge(c: Choice) -> Choice:
        behind = readers.get(c.node.name, [])
        if c.form != "add" or len(behind) != 1 or behind[0] not in active or c.node.name in kept:
            return c
        reader = active[behind[0]].node
        if reader.inputs[0] != c.node.name or reader.uses.count(c.node.name) != 1:
            return c
        return replace(c, form=MERGED, reason=f"in one step with '{reader.name}'")

    return tuple(map(merge, choices))


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


def slopes_of(node: Node, graph: Graph, channels: int) -> Array | None:
    """The slope of each channel below 0; None when it is not constant or not one for each channel."""
    if node.op == "LeakyRelu":
        return np.full(channels, node.attrs["alpha"], np.float32)
    array = graph.constants.get(node.inputs[1])
    if array is None or array.size not in (1, channels) or (array.shape and array.shape[-1] != array.size):
        return None
    return np.broadcast_to(array.reshape(-1), channels)


def _prelu(node: Node, graph: Graph, specs: Mapping[str, Spec]) -> tuple[str, str]:
    spec = specs[node.inputs[0]]
    if spec.dtype != "float32" or not spec.known_shape:
        return "", "it is not an activation of channels"
    slopes = slopes_of(node, graph, spec.known_shape[-1])
    if slopes is None or not np.isfinite(slopes).all():
        return "", "its slopes are not constant, one for each channel"
    return "prelu", ""


def _move(node: Node, _graph: Graph, specs: Mapping[str, Spec]) -> tuple[str, str]:
    dtype = specs[node.inputs[0]].dtype
    return ("move", "") if dtype == "float32" else ("", f"it moves {dtype}")


def _pad(node: Node, _graph: Graph, specs: Mapping[str, Spec]) -> tuple[str, str]:
    dtype, value = specs[node.inputs[0]].dtype, node.attrs["constant_value"]
    if dtype != "float32" or value != 0:
        return "", f"it pads with {value:g}" if dtype == "float32" else f"it pads {dtype}"
    return "pad", ""


def _concat(node: Node, graph: Graph, specs: Mapping[str, Spec]) -> tuple[str, str]:
    if any(specs[v].dtype != "float32" or v in graph.constants for v in node.inputs):
        return "", "it joins what is not an activation"
    return "concat", ""


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
    "AvgPool": _pool, "Mean": _pool, "Relu": _clamp, "Relu6": _clamp, "Prelu": _prelu, "LeakyRelu": _prelu,
    "Reshape": _move, "Squeeze": _move, "ExpandDims": _move, "PadV2": _pad, "Concat": _concat,
}
