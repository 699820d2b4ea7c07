"""Recurrent operators by TensorFlow Lite's rules."""

from __future__ import annotations

import numpy as np

from tfjslab.backends.kernels.quantized import not_constant
from tfjslab.backends.kernels.table import Specs, empty
from tfjslab.backends.wasm.builder import WasmBuilder
from tfjslab.backends.wasm.lower.registry import TABLE, lowering
from tfjslab.backends.wasm.text.packing import packer
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.base.dtypes import Array
from tfjslab.graph.ir import Node
from tfjslab.ops.tflite.recurrent import svdf_multipliers
from tfjslab.passes.fusion import Group

_VECTOR = 8  # bytes that are multiplied at once
_DEEPEST = 1 << 16  # bytes whose products always have a sum of 32 bits


@packer
def pack_rows_of_bytes(features: Array, pitch: int) -> Array:
    """Weights [inputs, filters] as a row for each filter, with zeros behind."""
    return np.pad(features.T, ((0, 0), (0, pitch - len(features))))


def _refuses_svdf(node: Node, specs: Specs) -> str:
    deep = specs[node.inputs[1]].known_shape[0] > _DEEPEST
    return (TABLE.only(node, specs, "int8", "int16", "int32") or empty(node, specs)
            or TABLE.none_for(f"more than {_DEEPEST} inputs" if deep else ""))


@lowering("TflSvdf", refuses=_refuses_svdf)
def lower_svdf(b: WasmBuilder, group: Group) -> None:
    """Units one after the other, with what their filters remember."""
    node = group.core_node
    x, features, filters, state, *bias = (v for v in node.inputs if v)
    (depth, count), (_, memory), rank = b.shape(features), b.shape(filters), node.attrs["rank"]
    pitch = -(-depth // _VECTOR) * _VECTOR
    weights = b.packed(features, ("rows of bytes", pitch), pack_rows_of_bytes(pitch))
    if weights is None:
        not_constant(b, node)
        return
    newest, out = svdf_multipliers(node.attrs)
    given = ("x", "w", "filters", "before", *(["bias"] if bias else []))
    made = kernel(
        "tfl_svdf", (*given, "c", "after"), depth=depth, pitch=pitch, memory=memory, rank=rank, units=count // rank,
        zero=node.attrs["x_zero"], newest=newest, out=out, out_zero=node.attrs["out_zero"], biased=bool(bias),
    )
    units = b.spec(node.name).size
    results = (b.new(v) for v in node.outputs)
    b.call(made, (b.rows(x), weights, *map(b.rows, (filters, state, *bias)), *results), units,
           flops=2 * units * rank * (depth + memory))
