"""Resizing of images of TensorFlow Lite's integers: where each row and column comes from is a table."""

from __future__ import annotations

import numpy as np

from tfjslab.backends.kernels.table import Specs, empty
from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.registry import TABLE, lowering
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.base.dtypes import Array, numpy_dtype
from tfjslab.base.shapes import size_of
from tfjslab.graph.ir import Node
from tfjslab.ops.tflite.images import float_taps, integer_taps, nearest_taps
from tfjslab.ops.tflite.values import BYTES, INTEGERS
from tfjslab.passes.fusion import Group

_FLOPS_OF_A_MIX = 12


def _refuses_nearest(node: Node, specs: Specs) -> str:
    return TABLE.only(node, specs, *INTEGERS) or empty(node, specs)


@lowering("TflResizeNearestNeighbor", refuses=_refuses_nearest)
def lower_nearest(b: WasmBuilder, group: Group) -> None:
    """Pixels that are moved."""
    node = group.core_node
    x, out, item = b.shape(node.inputs[0]), b.shape(node.name), numpy_dtype(b.spec(node.name).dtype).itemsize
    pixel = item * x[3]
    tables = [_table(b, step * nearest_taps(old, new, node.attrs))
              for old, new, step in ((x[1], out[1], pixel * x[2]), (x[2], out[2], pixel))]
    made = kernel("tfl_nearest", ("x", "rows", "columns", "c"), height=out[1], width=out[2], pixel=pixel,
                  image=size_of(x[1:3]) * pixel)
    b.call(made, (b.rows(node.inputs[0]), *tables, b.new(node.name)), out[0] * out[1], flops=size_of(out))


def _refuses_bilinear(node: Node, specs: Specs) -> str:
    return TABLE.only(node, specs, *BYTES) or empty(node, specs)


@lowering("TflResizeBilinear", refuses=_refuses_bilinear)
def lower_bilinear(b: WasmBuilder, group: Group) -> None:
    """Between the four nearest pixels: signed bytes in integers, others in float32."""
    node = group.core_node
    x, out, signed = b.shape(node.inputs[0]), b.shape(node.name), b.spec(node.name).dtype == "int8"
    tables = []
    for old, new, step in ((x[1], out[1], x[2] * x[3]), (x[2], out[2], x[3])):
        low, high, far = (integer_taps if signed else float_taps)(old, new, node.attrs)
        bits = far.astype(np.int32 if signed else np.float32).view(np.int32)
        tables.append(_table(b, np.stack([step * low, step * high, bits], axis=1)))
    made = kernel("tfl_bilinear", ("x", "rows", "columns", "c"), height=out[1], width=out[2], channels=x[3],
                  image=size_of(x[1:]), sign="s" if signed else "u")
    b.call(made, (b.rows(node.inputs[0]), *tables, b.new(node.name)), out[0] * out[1],
           flops=_FLOPS_OF_A_MIX * size_of(out))


def _table(b: WasmBuilder, numbers: Array) -> WasmPlace:
    words = np.ascontiguousarray(numbers, np.int32)
    return b.constant(("tfl_resize", words.tobytes()), lambda: words)
