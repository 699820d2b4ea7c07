"""Convolutions and products with constant weights, which become integers once, and the product with dynamic ranges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.graph.ir import Graph, Node
from tfjslab.ops import registry
from tfjslab.ops.activations import BIAS
from tfjslab.ops.decompose import attrs_of
from tfjslab.quantization.forms.form import Specs, form
from tfjslab.quantization.forms.sums import CLAMP
from tfjslab.quantization.rewriter import Rewriter
from tfjslab.quantization.scheme import quantize_symmetric, quantize_weights

_MATRIX_RANK = 2
# Steps of ``fused_ops`` that cost nothing in integers: a bias, and where the output's encoding ends.
CLAMPS = registry.having(lambda facts: facts.quantized == CLAMP)
INSIDE = (BIAS, *CLAMPS)


def _refuses_weights(node: Node, graph: Graph) -> str:
    """Why the node's weights and what is fused to it cannot be integers; "" when they can."""
    steps = node.attrs.get("fused_ops", ())
    fused = [f for f in steps if f != BIAS]
    if len(fused) > 1 or not set(fused) <= set(CLAMPS) or BIAS in steps[1:]:
        return f"no integer form of {' + '.join(fused)} behind {node.op}"
    arrays = [graph.constants.get(v) for v in node.inputs[1:]]
    if any(a is None for a in arrays):
        return "its weights are not constant"
    finite = all(np.isfinite(a).all() for a in arrays if a is not None)
    return "" if finite else "its weights are not all finite"


def _refuses_conv(node: Node, graph: Graph, _specs: Specs) -> str:
    if node.attrs["data_format"] != "NHWC":
        return f"its data_format is {node.attrs['data_format']}; integers run NHWC"
    return _refuses_weights(node, graph)


def _refuses_dense(node: Node, graph: Graph, specs: Specs) -> str:
    ranks = {len(specs[v].known_shape) for v in node.inputs[:2]}
    if ranks != {_MATRIX_RANK} or node.attrs["transpose_a"]:
        return "it is not a matrix product of rank 2"
    return _refuses_weights(node, graph)


@form("conv", _refuses_conv, weighted=True)
def conv(r: Rewriter, node: Node) -> None:
    """A convolution; the mean of an input channel meets its weights on the last axis but one."""
    mean = r.means.get(node.inputs[0])
    _weighted(r, node, "QuantizedConv2D", r.graph.constants[node.inputs[1]], None if mean is None else mean[:, None])


@form("dense", _refuses_dense, weighted=True)
def dense(r: Rewriter, node: Node) -> None:
    """A matrix product."""
    mean = r.means.get(node.inputs[0])
    _weighted(r, node, "QuantizedDense", _matrix(r, node), None if mean is None else mean[:, None])


@form("depthwise", _refuses_conv, weighted=True)
def depthwise(r: Rewriter, node: Node) -> None:
    """A depthwise convolution, where a channel is an input channel and which of its outputs."""
    filters, mean = r.graph.constants[node.inputs[1]], r.means.get(node.inputs[0])
    channels = filters.reshape(*filters.shape[:2], -1)
    each = None if mean is None else np.repeat(mean, channels.shape[-1] // mean.size)
    _weighted(r, node, "QuantizedDepthwiseConv2D", channels, each, filters.shape)


def _matrix(r: Rewriter, node: Node) -> Array:
    """The weights [k, columns] of a product."""
    array = r.graph.constants[node.inputs[1]]
    return array.T if node.attrs["transpose_b"] else array


def _weighted(
    r: Rewriter, node: Node, op: str, filters: Array, mean: Array | None, shape: tuple[int, ...] | None = None,
) -> None:
    """Weights with channels last, what their inputs are on average, and the shape to store depthwise ones in."""
    x = r.integer(node.inputs[0])
    source, target = r.encodings[node.inputs[0]], r.scales[node.name]
    bias = r.graph.constants[node.inputs[2]] if BIAS in node.attrs.get("fused_ops", ()) else None
    # Depthwise kernels have few products for a sum and gain nothing from short ones.
    w = quantize_weights(filters, bias, source, target, short=shape is None, mean=mean)
    weights = [
        r.constant(f"{node.name}/{k}", v)
        for k, v in (("filter", w.filter.reshape(shape or filters.shape)), ("bias", w.bias),
                     ("multiplier", w.multiplier))
    ]
    numbers = {"zero": source.zero, "out_zero": target.zero, "shift": w.shift}
    r.quantized(node, op, (x, *weights), target, {**attrs_of(op, node.attrs), **numbers})


def dynamic(r: Rewriter, node: Node) -> None:
    """Weights become integers here, activations when it runs; what is fused behind the bias follows as float."""
    r.real(node.inputs[0])
    filters, scales = quantize_symmetric(_matrix(r, node))
    inputs = [node.inputs[0], r.constant(f"{node.name}/filter", filters), r.constant(f"{node.name}/scales", scales)]
    steps = list(node.attrs.get("fused_ops", ()))
    names = [node.name if i == len(steps) - 1 else r.name(f"{node.name}/{s}") for i, s in enumerate(steps)]
    first = r.name(f"{node.name}/product") if steps else node.name
    value = r.emit(first, "DynamicQuantizedDense", inputs, node.layer, {})
    for step, name in zip(steps, names, strict=True):
        given = (value, node.inputs[2]) if step == BIAS else (value,)
        op = "Add" if step == BIAS else step
        r.nodes.append(replace(Node(name, op, given), layer=node.layer, attrs=registry.get(op).resolve_attrs({}, name)))
        value = name
    r.floats.add(node.name)
