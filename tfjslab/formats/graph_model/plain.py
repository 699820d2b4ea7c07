"""Nodes that files write in a special way, said with plain ones before they become the IR.

- Vectors along the channels of NCHW images (bias, batch norm): they are given the two axes behind the channels, so that
  they broadcast like any other value. TF.js ignores the attribute; the rule is TensorFlow's.
- Batch norm with ``is_training``: where the file has moments these are used, as in TF.js. Without any, a model cannot
  be run for inference.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tfjslab.base.errors import ModelError
from tfjslab.base.names import reserve
from tfjslab.formats.graph_model import graphdef
from tfjslab.formats.graph_model.graphdef import RawFunction, RawNode
from tfjslab.formats.strict_json import optional, show

_BATCH_NORMS = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
_MEAN = 3  # the input with the first of the moments
_NHWC = {"s": base64.b64encode(b"NHWC").decode()}


def plain_functions(functions: Mapping[str, RawFunction], where: str) -> dict[str, RawFunction]:
    """``plain_nodes`` of each function."""
    return {
        name: replace(f, nodes=plain_nodes(f.nodes, f"{where}: function {show(name)}", {n for n, _ in f.args}))
        for name, f in functions.items()
    }


def plain_nodes(nodes: Mapping[str, RawNode], where: str, arguments: set[str] | None = None) -> dict[str, RawNode]:
    """The nodes, with plain ones for those of the kinds above."""
    made: dict[str, RawNode] = {}
    taken = {*nodes, *(arguments or ())}
    for node in nodes.values():
        found = node
        if node.op in _BATCH_NORMS:
            found = _with_moments(found, nodes, f"{where}: node {show(node.name)}")
        if node.op in ("BiasAdd", *_BATCH_NORMS) and _is_channels_first(node, where):
            found = _broadcast(found, made, taken)
        made[node.name] = found
    return made


def _with_moments(node: RawNode, nodes: Mapping[str, RawNode], where: str) -> RawNode:
    if not optional(optional(dict(node.attrs), "is_training", dict, {}, where), "b", bool, False, where):  # noqa: FBT003
        return node
    moments = nodes.get(node.inputs[_MEAN][0]) if len(node.inputs) > _MEAN else None
    if moments is not None and moments.op == "Const" and _declares_nothing(moments, where):
        fault = f"{node.op} with is_training True and no moments; a model for inference has them"
        raise ModelError(f"{where}: {fault}", code="model.attribute")
    return replace(node, attrs={**node.attrs, "is_training": {"b": False}})


def _declares_nothing(constant: RawNode, where: str) -> bool:
    """Whether a constant has no elements."""
    value: dict[str, Any] = optional(dict(constant.attrs), "value", dict, {}, where)
    proto: dict[str, Any] = optional(value, "tensor", dict, {}, where)
    return 0 in (graphdef.shape(optional(proto, "tensorShape", dict, {}, where), where) or ())


def _is_channels_first(node: RawNode, where: str) -> bool:
    attr = node.attrs.get("data_format")
    return bool(attr) and graphdef.attr_value(attr, f"{where}: node {show(node.name)}") == "NCHW"


def _broadcast(node: RawNode, made: dict[str, RawNode], taken: set[str]) -> RawNode:
    """The node in NHWC, whose vectors have two more axes; the nodes for that go to ``made``."""
    shape = reserve(f"{node.name}/channels", taken)
    made[shape] = RawNode(shape, "Const", attrs={"value": {"tensor": {
        "dtype": "DT_INT32", "tensorShape": {"dim": [{"size": 3}]}, "intVal": [-1, 1, 1],
    }}})
    inputs = [node.inputs[0]]
    for i, ref in enumerate(node.inputs[1:]):
        name = reserve(f"{node.name}/channels_{i}", taken)
        made[name] = RawNode(name, "Reshape", (ref, (shape, 0)))
        inputs.append((name, 0))
    return replace(node, inputs=tuple(inputs), attrs={**node.attrs, "data_format": _NHWC})
