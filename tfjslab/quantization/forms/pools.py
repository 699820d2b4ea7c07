"""Pooling: the largest of integers is the integer of the largest, and a mean is a sum that is scaled once."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfjslab.graph.ir import Graph, Node
from tfjslab.ops.decompose import attrs_of
from tfjslab.ops.facts import IMAGE_RANK
from tfjslab.ops.window import pair, window
from tfjslab.quantization.forms.form import Specs, form
from tfjslab.quantization.rewriter import Rewriter
from tfjslab.quantization.scheme import mean_parameters

_MAX_WINDOW = 258  # elements whose sum of 0..127 fits 16 bits
_SPATIAL = (1, 2)
_POOL = "QuantizedPool"


def _refuses_images(node: Node, _graph: Graph, specs: Specs) -> str:
    spec = specs[node.inputs[0]]
    if spec.dtype != "float32" or len(spec.known_shape) != IMAGE_RANK:
        return "it does not pool images"
    layout = node.attrs.get("data_format", "NHWC")
    return "" if layout == "NHWC" else f"its data_format is {layout}; integers run NHWC"


@form("max", _refuses_images)
def largest(r: Rewriter, node: Node) -> None:
    """The largest of each window, with the encoding of what is pooled."""
    attrs = attrs_of(_POOL, node.attrs)
    x = r.integer(node.inputs[0])
    r.quantized(node, _POOL, (x,), r.encodings[node.inputs[0]], {"mode": "max", **attrs})


def _refuses_mean(node: Node, graph: Graph, specs: Specs) -> str:
    if reason := _refuses_images(node, graph, specs):
        return reason
    shape = specs[node.inputs[0]].known_shape
    if node.op == "Mean":
        axes = tuple(sorted(a % IMAGE_RANK for a in np.atleast_1d(node.attrs["axis"]).tolist()))
        if axes != _SPATIAL:
            return f"it averages over axes {list(axes)}, not over the image"
        size = shape[1:3]
    else:
        size = pair(node.attrs["ksize"], "NHWC", node.name)
        if any(map(sum, window(shape, size, node.attrs, node.name).pad)):
            return "it averages beside the image, where windows differ in size"
    count = size[0] * size[1]
    return "" if count <= _MAX_WINDOW else f"it averages {count} elements, more than {_MAX_WINDOW}"


@form("mean", _refuses_mean)
def mean(r: Rewriter, node: Node) -> None:
    """The mean of each window, or of a whole image."""
    x, target = r.integer(node.inputs[0]), r.scales[node.name]
    if node.op == "Mean":
        size = r.specs[node.inputs[0]].known_shape[1:3]
        attrs: dict[str, Any] = {"ksize": size, "squeeze": not node.attrs["keep_dims"]}
    else:
        size = pair(node.attrs["ksize"], "NHWC", node.name)
        attrs = attrs_of(_POOL, node.attrs)
    numbers = mean_parameters(r.encodings[node.inputs[0]], target, size[0] * size[1])
    r.quantized(node, _POOL, (x,), target, {"mode": "sum", **attrs, **numbers})
