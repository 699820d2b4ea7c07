"""Convolutions and dense layers by TensorFlow Lite's rules that are no product of vectors: one element at a time.

They are those of ``wasm-plain``, of 16 bits, grouped, transposed, or with multipliers beyond what vectors hold.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tfjslab.backends.kernels.quantized import not_constant
from tfjslab.backends.wasm.builder import WasmBuilder
from tfjslab.backends.wasm.lower.quantized import WindowRows, window_rows
from tfjslab.backends.wasm.text.packing import packer
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.base.dtypes import Array, numpy_dtype
from tfjslab.base.errors import BackendError
from tfjslab.graph.ir import Node
from tfjslab.ops.conv import conv_of, depthwise_of, transposed_of
from tfjslab.ops.tflite.fixed_point import quantize_multiplier, short_multiplier
from tfjslab.ops.tflite.weighted import real_multipliers

# The axes of a filter by op, outputs first and channels of a group last.
_ORDERS = {
    "TflConv2D": (3, 0, 1, 2), "TflDepthwiseConv2D": (2, 3, 0, 1), "TflTransposeConv": (2, 0, 1, 3),
    "TflFullyConnected": (1, 0),
}
_NHWC = {"data_format": "NHWC"}
_LANES, _SHORT, _INT32 = 8, 1 << 15, 1 << 31


@packer
def pack_direct(filters: Array, order: tuple[int, ...], zero: int) -> Array:
    """Filters as 16 bits without their zero point, with their axes in another order."""
    return np.ascontiguousarray(filters.astype(np.int16).transpose(order) - np.int16(zero))


def _constants(b: WasmBuilder, node: Node) -> list[Array] | None:
    """Filter, scales and, where there is one, bias; None, and a step on the host, where they are not constant."""
    given = [b.constant_array(v) for v in node.inputs[1:] if v]
    known = [np.asarray(a) for a in given if a is not None]
    if len(known) == len(given):
        return known
    not_constant(b, node)
    return None


def bounds_of(b: WasmBuilder, node: Node) -> dict[str, Any]:
    """Where a fused activation, or the dtype, ends."""
    info = np.iinfo(numpy_dtype(b.spec(node.name).dtype))
    low, high = node.attrs.get("lowest"), node.attrs.get("highest")
    ends = {"lowest": info.min if low is None else low, "highest": info.max if high is None else high}
    return {name: int(min(max(end, info.min), info.max)) for name, end in ends.items()}


def lower_direct(b: WasmBuilder, node: Node) -> None:
    """One element at a time."""
    if (given := _constants(b, node)) is None:
        return
    filters, scale, *rest = given
    w, per = _geometry(b, node, filters.shape)
    a, channels = node.attrs, b.shape(node.name)[-1]
    info = np.iinfo(numpy_dtype(b.spec(node.name).dtype))
    order, zero = _ORDERS[node.op], a["filter_zero"]
    weights = b.packed(node.inputs[1], ("direct", order, zero), pack_direct(order, zero))
    if weights is None:
        raise BackendError(f"node '{node.name}': its filter is a constant and has no place")
    how, numbers = _numbers(b, node, scale, channels)
    key = (node.name, "direct", tuple(sorted(a.items())))
    bias = rest[0] if rest else np.zeros(channels, np.int32)
    places = b.constant((*key, "bias"), lambda: bias, filters), b.constant((*key, how), lambda: numbers, scale)
    made = kernel(
        "tfl_direct", ("x", "w", "bias", "multiplier", "c"), w=w, per=per, ch=b.shape(node.inputs[0])[-1], n=channels,
        bits=info.bits, sign="s" if info.min else "u", up=node.op == "TflTransposeConv", how=how, zero=a["x_zero"],
        out_zero=a["out_zero"], dots=b.lanes > 1 and _fits_dots(node, filters, per, info), **bounds_of(b, node),
    )
    pixels = b.spec(node.name).size // channels
    b.call(made, (b.rows(node.inputs[0]), weights, *places, b.new(node.name)), pixels // w.out_w,
           flops=2 * pixels * filters.size)


def _fits_dots(node: Node, filters: Array, per: int, info: Any) -> bool:
    """Whether channels are whole vectors, and sums of any of their products have 32 bits."""
    farthest = max(int(info.max) - node.attrs["x_zero"], node.attrs["x_zero"] - int(info.min))
    widths = np.abs(filters.astype(np.int64) - node.attrs["filter_zero"])
    channels = {"TflTransposeConv": (0, 1, 3)}.get(node.op, tuple(range(filters.ndim - 1)))
    largest = farthest * int(widths.sum(axis=channels).max(initial=0))
    return per % _LANES == 0 and farthest <= _SHORT and largest < _INT32


def _geometry(b: WasmBuilder, node: Node, filters: tuple[int, ...]) -> tuple[WindowRows, int]:
    """The window, of a transposed convolution that by which outputs are reached, and channels of a group."""
    x, attrs = b.shape(node.inputs[0]), {**node.attrs, **_NHWC}
    if node.op == "TflFullyConnected":
        return WindowRows(x[0], 1, x[0], 1, 1, 1, 0, 0, 0, (1, 1), (1, 1)), x[1]
    if node.op == "TflDepthwiseConv2D":
        return window_rows(depthwise_of(node.op, x, filters, attrs).window), 1
    if node.op == "TflTransposeConv":
        w = window_rows(transposed_of(x, filters, attrs).window)
        return replace(w, in_h=w.out_h, in_w=w.out_w, out_h=w.in_h, out_w=w.in_w), x[3]
    conv = conv_of(node.op, x, filters, attrs)
    return window_rows(conv.window), x[3] // conv.groups


def _numbers(b: WasmBuilder, node: Node, scale: Array, channels: int) -> tuple[str, Array]:
    """How sums become values, and the numbers for each channel."""
    a, dense = node.attrs, node.op == "TflFullyConnected"
    dtype = np.int8 if dense else numpy_dtype(b.spec(node.name).dtype)
    real = np.broadcast_to(real_multipliers(dtype, a["x_scale"], scale, a["out_scale"]), channels)
    if dense:
        return "factors", np.array(real)
    multiplier, shift = quantize_multiplier(real)
    if a["wide"]:
        return "short", np.stack(short_multiplier(multiplier, shift), axis=1).astype(np.int64)
    right = np.maximum(-shift, 0)
    return "fixed", np.stack([multiplier, np.maximum(shift, 0), right, -(right > 0).astype(np.int64)], axis=1)
