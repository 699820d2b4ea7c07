"""Sums, and activations that are sums of one operand: both change encodings, and an activation cuts as well."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import UsageError
from tfjslab.graph.ir import Graph, Node
from tfjslab.quantization.forms.form import Specs, form
from tfjslab.quantization.rewriter import Rewriter
from tfjslab.quantization.scheme import Scale, add_parameters, prelu_parameters

SUM, CLAMP = "add", "clamp"
_NOTHING = Scale(0.0, 0)  # of a second operand that counts for nothing


def _encoded(r: Rewriter, operands: Sequence[str]) -> tuple[tuple[str, str], tuple[Scale, Scale]]:
    """The integer forms of one or two operands and their encodings; one alone is also the second, for nothing."""
    names = [r.integer(v) for v in operands]
    scales = [*(r.encodings[v] for v in operands), _NOTHING]
    return (names[0], names[-1]), (scales[0], scales[1])


def sum_of(r: Rewriter, operands: Sequence[str], target: Scale) -> tuple[tuple[str, str], dict[str, int]]:
    """The inputs and attributes of a QuantizedAdd of one or two operands."""
    names, scales = _encoded(r, operands)
    return names, add_parameters(*scales, target)


def _refuses_add(node: Node, graph: Graph, specs: Specs) -> str:
    a, b = (specs[v] for v in node.inputs)
    if any(v in graph.constants for v in node.inputs):
        return "it adds a constant"
    if a.dtype != "float32":
        return f"it adds {a.dtype}"
    return "it adds tensors of different shapes" if a.shape != b.shape else ""


@form(SUM, _refuses_add)
def add(r: Rewriter, node: Node) -> None:
    """A sum of two activations."""
    target = r.scales[node.name]
    inputs, attrs = sum_of(r, node.inputs, target)
    r.quantized(node, "QuantizedAdd", inputs, target, attrs)


def _refuses_clamp(node: Node, _graph: Graph, specs: Specs) -> str:
    dtype = specs[node.inputs[0]].dtype
    return "" if dtype == "float32" else f"it clamps {dtype}"


@form(CLAMP, _refuses_clamp, takes_sum=True)
def clamp(r: Rewriter, node: Node) -> None:
    """A ReLU: the output's encoding begins at 0, where integers are cut off."""
    target = r.scales[node.name]
    inputs, attrs = sum_of(r, r.operands(node), target)
    r.quantized(node, "QuantizedAdd", inputs, target, attrs)


def _slopes(node: Node, graph: Graph, channels: int) -> Array | None:
    """The slope of each channel below 0; None when it is not constant or not one for each channel."""
    if node.op == "LeakyRelu":
        return np.full(channels, node.attrs["alpha"], np.float32)
    array = graph.constants.get(node.inputs[1])
    if array is None or array.size not in (1, channels) or (array.shape and array.shape[-1] != array.size):
        return None
    return np.broadcast_to(array.reshape(-1), channels)


def _refuses_prelu(node: Node, graph: Graph, specs: Specs) -> str:
    spec = specs[node.inputs[0]]
    if spec.dtype != "float32" or not spec.known_shape:
        return "it is not an activation of channels"
    slopes = _slopes(node, graph, spec.known_shape[-1])
    constant = slopes is not None and np.isfinite(slopes).all()
    return "" if constant else "its slopes are not constant, one for each channel"


@form("prelu", _refuses_prelu, takes_sum=True)
def prelu(r: Rewriter, node: Node) -> None:
    """A slope for each channel below 0."""
    target = r.scales[node.name]
    inputs, scales = _encoded(r, r.operands(node))
    slopes = _slopes(node, r.graph, r.specs[node.name].known_shape[-1])
    if slopes is None:  # ``_refuses_prelu`` has asked already
        raise UsageError(f"node '{node.name}': no slope for each channel")
    attrs, whole = prelu_parameters(*scales, r.scales[node.inputs[0]].peak, target, slopes)
    r.quantized(node, "QuantizedPrelu", (*inputs, r.constant(f"{node.name}/slope", whole)), target, attrs)
