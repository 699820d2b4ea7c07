"""Ops that only move values: they run as they are, on integers, with the encoding of what they move."""

from __future__ import annotations

import numpy as np

from tfjslab.graph.ir import Graph, Node
from tfjslab.quantization.forms.form import Specs, form
from tfjslab.quantization.forms.sums import sum_of
from tfjslab.quantization.pool_padding import is_pool_padding
from tfjslab.quantization.rewriter import Rewriter


def _refuses_move(node: Node, _graph: Graph, specs: Specs) -> str:
    dtype = specs[node.inputs[0]].dtype
    return "" if dtype == "float32" else f"it moves {dtype}"


@form("move", _refuses_move, moves=True)
def move(r: Rewriter, node: Node) -> None:
    """The op itself, on bytes, with the encoding of what it moves."""
    x = r.integer(node.inputs[0])
    r.quantized(node, node.op, (x,), r.encodings[node.inputs[0]], node.attrs)


def _refuses_pad(node: Node, graph: Graph, specs: Specs) -> str:
    dtype, value = specs[node.inputs[0]].dtype, node.attrs["constant_value"]
    if dtype != "float32":
        return f"it pads {dtype}"
    return "" if value == 0 or is_pool_padding(node, graph) else f"it pads with {value:g}"


@form("pad", _refuses_pad, moves=True)
def pad(r: Rewriter, node: Node) -> None:
    """The op itself, padding with what stands for the value: one below all that there are has the smallest."""
    x = r.integer(node.inputs[0])
    scale = r.encodings[node.inputs[0]]
    lowest = float(scale.decode(np.zeros(1, np.int8))[0])
    value = scale.encode(np.asarray([max(node.attrs["constant_value"], lowest)], np.float32))
    r.quantized(node, node.op, (x,), scale, {**node.attrs, "constant_value": float(value[0])})


def _refuses_concat(node: Node, graph: Graph, specs: Specs) -> str:
    others = any(specs[v].dtype != "float32" or v in graph.constants for v in node.inputs)
    return "it joins what is not an activation" if others else ""


@form("concat", _refuses_concat, moves=True)
def concat(r: Rewriter, node: Node) -> None:
    """Inputs take the encoding of the output, those that have another are requantized."""
    target, names = r.scales[node.name], []
    for v in node.inputs:
        name = r.integer(v)
        if r.encodings[v] != target:
            inputs, attrs = sum_of(r, (v,), target)
            name = r.emit(r.name(f"{node.name}/{v}/int8"), "QuantizedAdd", inputs, node.layer, attrs)
        names.append(name)
    r.quantized(node, node.op, names, target, node.attrs)
