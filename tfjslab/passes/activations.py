"""Writes spelled-out activations as the ops that they are, so that they can be fused: all exact, bit by bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.graph.ir import Node
from tfjslab.ops.registry import get
from tfjslab.passes.base import Pass, Target
from tfjslab.passes.draft import Draft
from tfjslab.passes.facts import rank_of

_SIX = 6.0


def _run(draft: Draft, _target: Target) -> None:
    for name in list(draft.nodes):
        node = draft.nodes.get(name)
        found = None if node is None or node.attr_inputs else _spelled(draft, node)
        if node is None or found is None:
            continue
        draft.put(found)
        for value in node.uses:
            if value not in found.uses:
                draft.remove_unread(value)
        draft.done(f"{name} ({node.op}) is {found.op}")


def _spelled(draft: Draft, node: Node) -> Node | None:
    match node.op:
        case "ClipByValue":
            bounds = node.attrs["clip_value_min"], node.attrs["clip_value_max"]
            return _as(node, "Relu6", node.inputs[0]) if bounds == (0, _SIX) else None
        case "Maximum":
            return _relu6_of_minimum(draft, node) or _relu(draft, node) or _leaky(draft, node)
        case "Minimum":
            return _relu6(draft, node)
        case "Add" | "Sub":
            return _prelu(draft, node)
    return None


def _as(node: Node, op: str, *inputs: str, **attrs: float) -> Node:
    resolved = get(op).resolve_attrs(attrs, f"node '{node.name}'")
    return replace(node, op=op, inputs=inputs, attrs=resolved)


def _scalar(draft: Draft, node: Node, wanted: float | None = None) -> tuple[str, float] | None:
    """The other input of a node that has one constant number, and that number."""
    for i in (0, 1):
        array = draft.floats(node.inputs[i])
        if array is not None and array.ndim == 0 and wanted in (None, array.item()):
            return node.inputs[1 - i], float(array.item())
    return None


def _relu(draft: Draft, node: Node) -> Node | None:
    found = _scalar(draft, node, 0)
    return _as(node, "Relu", found[0]) if found else None


def _relu6(draft: Draft, node: Node) -> Node | None:
    """min(relu(x), 6)."""
    found = _scalar(draft, node, _SIX)
    inner = draft.maker(found[0]) if found else None
    return _as(node, "Relu6", inner.inputs[0]) if inner is not None and inner.op == "Relu" else None


def _relu6_of_minimum(draft: Draft, node: Node) -> Node | None:
    """max(min(x, 6), 0)."""
    found = _scalar(draft, node, 0)
    inner = draft.maker(found[0]) if found else None
    clipped = _scalar(draft, inner, _SIX) if inner is not None and inner.op == "Minimum" else None
    return _as(node, "Relu6", clipped[0]) if clipped else None


def _leaky(draft: Draft, node: Node) -> Node | None:
    """max(x, alpha x) for 0 < alpha < 1."""
    for x, other in (node.inputs, node.inputs[::-1]):
        product = draft.maker(other)
        found = _scalar(draft, product) if product is not None and product.op == "Multiply" else None
        if found and found[0] == x and 0 < found[1] < 1:
            return _as(node, "LeakyRelu", x, alpha=found[1])
    return None


def _prelu(draft: Draft, node: Node) -> Node | None:
    """relu(x) plus or minus a product of constant slopes and what x has below 0."""
    for a, b in (node.inputs, node.inputs[::-1]) if node.op == "Add" else (node.inputs,):
        positive, product = draft.maker(a), draft.maker(b)
        if positive is None or product is None or (positive.op, product.op) != ("Relu", "Multiply"):
            continue
        for slope, rest in (product.inputs, product.inputs[::-1]):
            array, sign = draft.floats(slope), _below_zero(draft, rest, positive.inputs[0])
            if array is None or sign is None:
                continue
            if np.isfinite(array).all() and _fits(draft, array, positive.inputs[0]):
                alpha = array if (sign > 0) == (node.op == "Add") else -array
                return _as(node, "Prelu", positive.inputs[0], draft.constant(f"{node.name}/alpha", alpha, slope))
    return None


def _below_zero(draft: Draft, value: str, x: str) -> int | None:
    """1 if ``value`` is min(x, 0), -1 if it is relu(-x), which is the same with the other sign."""
    node = draft.maker(value)
    if node is not None and node.op == "Minimum" and _scalar(draft, node, 0) == (x, 0):
        return 1
    inner = draft.maker(node.inputs[0]) if node is not None and node.op == "Relu" else None
    return -1 if inner is not None and inner.op == "Neg" and inner.inputs[0] == x else None


def _fits(draft: Draft, array: Array, x: str) -> bool:
    return array.ndim <= 1 or array.ndim <= (rank_of(draft, x) or 0)


PASS = Pass("activations", "writes spelled-out relu6, leaky relu and prelu as the ops that they are", _run)
