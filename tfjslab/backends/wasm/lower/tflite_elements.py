"""Elementwise ops, pools and softmax by TensorFlow Lite's rules on bytes: what a byte becomes is looked up."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfjslab.backends.kernels.table import Specs, empty
from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.quantized import window_rows
from tfjslab.backends.wasm.lower.registry import TABLE, lowering
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.base.dtypes import Array, numpy_dtype
from tfjslab.base.shapes import Shape, normalize_axes, size_of
from tfjslab.graph.ir import Node
from tfjslab.ops.pool import pool_window
from tfjslab.ops.tflite.arithmetic import multiplier_of, terms
from tfjslab.ops.tflite.pooling import mean_multiplier
from tfjslab.ops.tflite.softmax import exponentials
from tfjslab.ops.tflite.values import BYTES
from tfjslab.passes.fusion import Group

_BLOCK = 1024
_FLOPS_OF_A_LOOK = 4
_TABLES = (
    "TflDequantize", "TflHardSwish", "TflLeakyRelu", "TflLogistic", "TflRequantize", "TflRescale", "TflTanh",
)
_COMBINE = {"TflAdd": "add", "TflSub": "sub", "TflMul": "mul"}


def _refuses(node: Node, specs: Specs) -> str:
    """Kernels take bytes, and make bytes or floats."""
    wrong = [d for d in (*(specs[v].dtype for v in node.inputs), specs[node.name].dtype)
             if d not in (*BYTES, "float32")]
    return TABLE.none_for(", ".join(wrong)) or empty(node, specs)


def _refuses_pair(node: Node, specs: Specs) -> str:
    out = specs[node.name].known_shape
    repeats = all(_repeats(specs[v].known_shape, out) for v in node.inputs)
    return _refuses(node, specs) or TABLE.none_for("" if repeats else "inputs that broadcast in the middle")


def _repeats(shape: Shape, out: Shape) -> bool:
    """Whether an input fills the output by being repeated as a whole."""
    own = shape[next((i for i, d in enumerate(shape) if d != 1), len(shape)) :]
    return own == out[len(out) - len(own) :]


def every_byte(dtype: str) -> Array:
    """All 256 values of a dtype, in the order of their bits."""
    return np.arange(256, dtype=np.uint8).view(numpy_dtype(dtype))


def _range(b: WasmBuilder, node: Node) -> dict[str, Any]:
    info = np.iinfo(numpy_dtype(b.spec(node.name).dtype))
    low, high = node.attrs.get("lowest"), node.attrs.get("highest")
    return {"lowest": int(info.min) if low is None else max(low, int(info.min)),
            "highest": int(info.max) if high is None else min(high, int(info.max))}


def _sign(b: WasmBuilder, node: Node) -> str:
    return "s" if b.spec(node.inputs[0]).dtype == "int8" else "u"


def _constant(b: WasmBuilder, node: Node, name: str, array: Array) -> WasmPlace:
    """A table of this node's attributes."""
    key = (node.op, name, b.spec(node.inputs[0]).dtype, tuple(sorted(node.attrs.items())))
    return b.constant(key, lambda: array)


@lowering(*_TABLES, refuses=_refuses)
def lower_table(b: WasmBuilder, group: Group) -> None:
    """A table of the op's own answers for all 256 bytes."""
    node = group.core_node
    (answers,) = node.definition.run([every_byte(b.spec(node.inputs[0]).dtype)], node.attrs)
    size = b.spec(node.name).size
    made = kernel("tfl_table", ("x", "table", "c"), n=size, block=_BLOCK, item=answers.itemsize)
    args = b.rows(node.inputs[0]), _constant(b, node, "table", answers), b.new(node.name)
    b.call(made, args, -(-size // _BLOCK), flops=_FLOPS_OF_A_LOOK * size)


@lowering(*_COMBINE, refuses=_refuses_pair)
def lower_pair(b: WasmBuilder, group: Group) -> None:
    """What each byte stands for in the common scale is looked up; one multiplication is left."""
    node = group.core_node
    dtype = b.spec(node.name).dtype
    tables = [_constant(b, node, side, terms(node.op, every_byte(dtype), node.attrs, side).astype(np.int32))
              for side in ("x", "y")]
    multiplier, shift = (int(v) for v in multiplier_of(node.op, numpy_dtype(dtype), node.attrs))
    size = b.spec(node.name).size
    made = kernel(
        "tfl_binary", ("x", "y", "xs", "ys", "c"), n=size, block=_BLOCK, combine=_COMBINE[node.op],
        periods=tuple(b.spec(v).size for v in node.inputs), multiplier=multiplier, left=max(shift, 0),
        right=max(-shift, 0), out_zero=node.attrs["out_zero"], **_range(b, node),
    )
    b.call(made, (*(b.rows(v) for v in node.inputs), *tables, b.new(node.name)), -(-size // _BLOCK),
           flops=_FLOPS_OF_A_LOOK * size)


@lowering("TflQuantize", refuses=_refuses)
def lower_quantize(b: WasmBuilder, group: Group) -> None:
    """From floats to bytes."""
    node = group.core_node
    size = b.spec(node.name).size
    made = kernel("tfl_quantize", ("x", "c"), n=size, block=_BLOCK, scale=float(np.float32(node.attrs["out_scale"])),
                  zero=node.attrs["out_zero"], **_range(b, node))
    b.call(made, (b.rows(node.inputs[0]), b.new(node.name)), -(-size // _BLOCK), flops=_FLOPS_OF_A_LOOK * size)


@lowering("TflAveragePool2D", refuses=_refuses)
@lowering("TflMaxPool2D", refuses=_refuses)
def lower_pool(b: WasmBuilder, group: Group) -> None:
    """The mean or the largest of what a window covers of the image."""
    node = group.core_node
    x = b.shape(node.inputs[0])
    w = pool_window(node.op, x, {**node.attrs, "data_format": "NHWC"})
    numbers = _range(b, node) | {"least": int(np.iinfo(numpy_dtype(b.spec(node.name).dtype)).min)}
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
                  multiplier=multiplier, left=max(shift, 0), right=max(-shift, 0), out_zero=a["out_zero"],
                  **_range(b, node))
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
