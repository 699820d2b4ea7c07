"""Elementwise ops, pools and softmax by TensorFlow Lite's rules: what a byte, or 16 bits, become is looked up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tfjslab.backends.kernels.strides import broadcast_strides, row_strides
from tfjslab.backends.kernels.table import Specs, empty
from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.quantized import window_rows
from tfjslab.backends.wasm.lower.registry import TABLE, lowering
from tfjslab.backends.wasm.lower.tflite_direct import bounds_of
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.base.dtypes import Array, numpy_dtype
from tfjslab.base.shapes import Shape, normalize_axes, normalize_axis, size_of
from tfjslab.graph.ir import Node
from tfjslab.ops.pool import pool_window
from tfjslab.ops.tflite.arithmetic import multiplier_of, room, side_multiplier, terms
from tfjslab.ops.tflite.pooling import mean_multiplier
from tfjslab.ops.tflite.softmax import exponentials
from tfjslab.ops.tflite.values import BYTES, INTEGERS
from tfjslab.passes.fusion import Group

_BLOCK = 1024
_FLOPS_OF_A_LOOK = 4
_TABLES = (
    "TflDequantize", "TflHardSwish", "TflLeakyRelu", "TflLogistic", "TflRequantize", "TflRescale", "TflTanh",
)
_COMBINE = {"TflAdd": "add", "TflSub": "sub", "TflMul": "mul"}


def _refuses(node: Node, specs: Specs) -> str:
    """Kernels take bytes, and make bytes or floats."""
    return TABLE.only(node, specs, *BYTES, "float32") or empty(node, specs)


def _refuses_table(node: Node, specs: Specs) -> str:
    """What has 32 bits has no table, nor floats."""
    return TABLE.only(replace(node, num_outputs=0), specs, *INTEGERS) or empty(node, specs)


def _refuses_quantize(node: Node, specs: Specs) -> str:
    return TABLE.only(node, specs, *INTEGERS, "float32") or empty(node, specs)


def _refuses_pair(node: Node, specs: Specs) -> str:
    return TABLE.only(node, specs, *INTEGERS) or empty(node, specs)


def _repeats(shape: Shape, out: Shape) -> bool:
    """Whether an input fills the output by being repeated as a whole."""
    own = shape[next((i for i, d in enumerate(shape) if d != 1), len(shape)) :]
    return own == out[len(out) - len(own) :]


def _spread(b: WasmBuilder, value: str, out: str) -> WasmPlace:
    """An input as large as the output: where it is not, a copy that is."""
    shape, dims, item = b.shape(value), b.shape(out), numpy_dtype(b.spec(value).dtype).itemsize
    if size_of(shape) == size_of(dims):
        return b.rows(value)
    place, source = b.temporary(item * size_of(dims)), b.rows(value)
    strides = (*(item * s for s in broadcast_strides(shape, dims)), 1)
    b.copy(source, place, (*dims, item), strides, row_strides((*dims, item)), 1)
    return place


def every_value(dtype: str) -> Array:
    """All values of an integer dtype, in the order of their bits."""
    wide = numpy_dtype(dtype)
    return np.arange(1 << 8 * wide.itemsize, dtype=np.dtype(f"u{wide.itemsize}")).view(wide)


def _sign(b: WasmBuilder, node: Node) -> str:
    return "u" if b.spec(node.inputs[0]).dtype == "uint8" else "s"


def _constant(b: WasmBuilder, node: Node, name: str, array: Array) -> WasmPlace:
    """A table of this node's attributes."""
    key = (node.op, name, b.spec(node.inputs[0]).dtype, tuple(sorted(node.attrs.items())))
    return b.constant(key, lambda: array)


@lowering(*_TABLES, refuses=_refuses_table)
def lower_table(b: WasmBuilder, group: Group) -> None:
    """A table of the op's own answers for all that its input can be."""
    node = group.core_node
    every = every_value(b.spec(node.inputs[0]).dtype)
    (answers,) = node.definition.run([every], node.attrs)
    size = b.spec(node.name).size
    made = kernel("tfl_table", ("x", "table", "c"), n=size, block=_BLOCK, item=answers.itemsize,
                  bits=8 * every.itemsize)
    args = b.rows(node.inputs[0]), _constant(b, node, "table", answers), b.new(node.name)
    b.call(made, args, -(-size // _BLOCK), flops=_FLOPS_OF_A_LOOK * size)


@lowering(*_COMBINE, refuses=_refuses_pair)
def lower_pair(b: WasmBuilder, group: Group) -> None:
    """What each byte stands for in the common scale is looked up; one multiplication is left."""
    node = group.core_node
    out, dtype = b.shape(node.name), numpy_dtype(b.spec(node.name).dtype)
    values = [(b.rows(v), b.spec(v).size) if _repeats(b.shape(v), out) else (_spread(b, v, node.name), size_of(out))
              for v in node.inputs]
    places, periods = zip(*values, strict=True)
    tables = [] if dtype.itemsize > 1 else [
        _constant(b, node, side, terms(node.op, every_value(dtype.name), node.attrs, side).astype(np.int32))
        for side in ("x", "y")
    ]
    scales = tuple((node.attrs[f"{side}_zero"], *side_multiplier(node.op, node.attrs, side)) for side in ("x", "y"))
    multiplier, shift = (int(v) for v in multiplier_of(node.op, dtype, node.attrs))
    made = kernel(
        "tfl_binary", ("x", "y", *(("xs", "ys") if tables else ()), "c"), n=size_of(out), block=_BLOCK,
        combine=_COMBINE[node.op], periods=periods, multiplier=multiplier, shift=shift, bits=8 * dtype.itemsize,
        scales=() if tables else scales, room=room(dtype, node.attrs), out_zero=node.attrs["out_zero"],
        **bounds_of(b, node),
    )
    b.call(made, (*places, *tables, b.new(node.name)), -(-size_of(out) // _BLOCK),
           flops=_FLOPS_OF_A_LOOK * size_of(out))


@lowering("TflMaximum", "TflMinimum", refuses=_refuses_pair)
def lower_extreme(b: WasmBuilder, group: Group) -> None:
    """Of stored integers."""
    node = group.core_node
    places, size = [_spread(b, v, node.name) for v in node.inputs], b.spec(node.name).num_bytes
    made = kernel("tfl_extreme", ("x", "y", "c"), n=size, block=_BLOCK, how="max" if node.op == "TflMaximum" else "min",
                  bits=8 * size // b.spec(node.name).size, sign=_sign(b, node))
    b.call(made, (*places, b.new(node.name)), -(-size // _BLOCK), flops=size)


@lowering("TflArgMax", refuses=lambda node, specs: TABLE.only(node, specs, *INTEGERS, "int32"))
def lower_index_of(b: WasmBuilder, group: Group) -> None:
    """[outer][n][inner]."""
    node = group.core_node
    x, units = b.shape(node.inputs[0]), b.spec(node.name).size
    axis = normalize_axis(node.attrs["axis"], len(x))
    made = kernel("tfl_index", ("x", "c"), n=x[axis], inner=size_of(x[axis + 1 :]), sign=_sign(b, node),
                  bits=8 * numpy_dtype(b.spec(node.inputs[0]).dtype).itemsize,
                  better="lt" if node.attrs["smallest"] else "gt")
    b.call(made, (b.rows(node.inputs[0]), b.new(node.name)), units, flops=_FLOPS_OF_A_LOOK * units * x[axis])


@lowering("TflQuantize", refuses=_refuses_quantize)
def lower_quantize(b: WasmBuilder, group: Group) -> None:
    """From floats to integers."""
    node = group.core_node
    size, item = b.spec(node.name).size, numpy_dtype(b.spec(node.name).dtype).itemsize
    made = kernel("tfl_quantize", ("x", "c"), n=size, block=_BLOCK, scale=float(np.float32(node.attrs["out_scale"])),
                  zero=node.attrs["out_zero"], item=item, **bounds_of(b, node))
    b.call(made, (b.rows(node.inputs[0]), b.new(node.name)), -(-size // _BLOCK), flops=_FLOPS_OF_A_LOOK * size)


@lowering("TflAveragePool2D", refuses=_refuses)
@lowering("TflMaxPool2D", refuses=_refuses)
def lower_pool(b: WasmBuilder, group: Group) -> None:
    """The mean or the largest of what a window covers of the image."""
    node = group.core_node
    x = b.shape(node.inputs[0])
    w = pool_window(node.op, x, {**node.attrs, "data_format": "NHWC"})
    numbers = bounds_of(b, node) | {"least": int(np.iinfo(numpy_dtype(b.spec(node.name).dtype)).min)}
    made = kernel("tfl_pool", ("x", "c"), w=window_rows(w), ch=x[3], sign=_sign(b, node),
                  mode="max" if node.op == "TflMaxPool2D" else "mean", **numbers)
    b.call(made, (b.rows(node.inputs[0]), b.new(node.name)), w.batch * w.out_size[0],
           flops=b.spec(node.name).size * w.size[0] * w.size[1])


def _refuses_mean(node: Node, specs: Specs) -> str:
    axes = normalize_axes(node.attrs["axis"], len(specs[node.inputs[0]].known_shape))
    apart = axes != tuple(range(axes[0], axes[-1] + 1)) if axes else True
    return _refuses(node, specs) or TABLE.none_for("axes that are not next to each other" if apart else "")


@lowering("TflMean", refuses=_refuses_mean)
def lower_mean(b: WasmBuilder, group: Group) -> None:
    """The mean over axes that lie together."""
    node = group.core_node
    x, a = b.shape(node.inputs[0]), node.attrs
    axes = normalize_axes(a["axis"], len(x))
    outer, n, inner = (size_of(part) for part in (x[: axes[0]], x[axes[0] : axes[-1] + 1], x[axes[-1] + 1 :]))
    multiplier, shift = mean_multiplier(a, n)
    made = kernel("tfl_mean", ("x", "c"), n=n, inner=inner, offset=a["x_zero"] * n, sign=_sign(b, node),
                  multiplier=multiplier, shift=shift, out_zero=a["out_zero"], **bounds_of(b, node))
    b.call(made, (b.rows(node.inputs[0]), b.new(node.name)), outer, flops=outer * n * inner)


def _refuses_softmax(node: Node, specs: Specs) -> str:
    return TABLE.only(node, specs, *BYTES, "int16") or empty(node, specs)


@lowering("TflSoftmax", refuses=_refuses_softmax)
def lower_softmax(b: WasmBuilder, group: Group) -> None:
    """Rows of bytes, whose exponentials are looked up."""
    node = group.core_node
    x = b.shape(node.inputs[0])
    info = np.iinfo(numpy_dtype(b.spec(node.name).dtype))
    powers, parts = exponentials(node.attrs["x_scale"], node.attrs["beta"])
    made = kernel("tfl_softmax", ("x", "powers", "parts", "c"), n=x[-1], item=info.bits // 8, sign=_sign(b, node),
                  least=int(info.min), most=int(info.max))
    tables = (("powers", powers), ("parts", parts))
    places = [_constant(b, node, name, table.astype(np.int32)) for name, table in tables]
    rows = b.spec(node.inputs[0]).size // x[-1]
    b.call(made, (b.rows(node.inputs[0]), *places, b.new(node.name)), rows, flops=20 * rows * x[-1])
