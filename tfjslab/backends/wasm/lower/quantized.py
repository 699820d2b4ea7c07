"""Integer ops: NHWC bytes with vectors over channels. Every kernel is bit-equal to the op's definition."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfjslab.backends.kernels.quantized import (
    Packed,
    conv_window,
    depthwise_window,
    is_plain,
    not_constant,
    pack,
    rounded,
    rounding,
)
from tfjslab.backends.kernels.table import Specs, empty
from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.registry import lowering
from tfjslab.backends.wasm.text.packing import Packing, packer
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.base.dtypes import Array
from tfjslab.base.shapes import size_of
from tfjslab.graph.ir import Node
from tfjslab.ops.quantized import SHORT_LIMIT, inverse, quantized_pool_window, short_sums
from tfjslab.ops.window import Pair, Window
from tfjslab.passes.fusion import Group

# Rows of a tile by its output channels, widest first, and steps in one round of its loop. The vector pipes limit: wider
# tiles spread an activation less often. On MobileNetV2 (Zen 5) products take 3.6 ms, against 3.9 with 2 x 16 at most.
_TILES = {32: 1, 24: 1, 16: 1, 8: 2}
_SCALAR_TILES = {16: 2, 8: 4}
_UNROLL = 8
WASTE = 1.2
BLOCK_BYTES = 16 * 1024  # activations of a block of tiles: half of a first-level cache
_CHAIN_BLOCK = 1024
_MAX_POOL = 258
_VECTOR = 16
_MIDDLE = 64  # what stands for 0 in a DynamicQuantizedDense
_DYNAMIC_CHANNELS = 8


def _refuses_depthwise(node: Node, specs: Specs) -> str:
    multiplier = specs[node.inputs[1]].known_shape[3]
    return f"no WebAssembly kernel for a multiplier of {multiplier}" if multiplier > 1 else empty(node, specs)


def _refuses_pool(node: Node, specs: Specs) -> str:
    if reason := empty(node, specs):
        return reason
    w = quantized_pool_window([specs[node.inputs[0]]], node.attrs)
    count = w.size[0] * w.size[1]
    return f"no WebAssembly kernel for sums of {count}" if count > _MAX_POOL and node.attrs["mode"] == "sum" else ""


# ---- weights ---------------------------------------------------------------------------------------------------------


def _starts(n: int, width: int) -> list[int]:
    """First channels of groups of ``width``; the last group overlaps when n is no multiple."""
    return [min(i, max(n - width, 0)) for i in range(0, n, width)]


def grouped(values: Array, width: int) -> Array:
    """The last axis cut into groups: [groups, ..., width], with zeros behind when there are fewer than ``width``."""
    n = values.shape[-1]
    wide = np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, max(width - n, 0))])
    return np.stack([wide[..., s : s + width] for s in _starts(n, width)])


def _pack(b: WasmBuilder, node: Node, how: str, width: int, arrange: Packing) -> Packed[WasmPlace] | None:
    """Pack a node's constants with channels in groups of ``width``."""
    return pack(b, node, (how, width), arrange, lambda values: grouped(values, width), np.uint16)


@packer
def pack_product(filters: Array, nr: int) -> Array:
    """Filters [..., n] as [groups][k / 4][nr][4]."""
    flat = filters.reshape(-1, filters.shape[-1])
    k, n = flat.shape
    wide = np.pad(flat, ((0, -k % 4), (0, 0))).reshape(-1, 4, n)
    return np.ascontiguousarray(grouped(wide, nr).transpose(0, 1, 3, 2))


@packer
def pack_channels(filters: Array) -> Array:
    """Depthwise filters [h, w, channels, 1] as [h * w][channels]."""
    return filters.reshape(-1, filters.shape[2])


@packer
def pack_columns(filters: Array) -> Array:
    """Depthwise filters [h, w, channels, 1] as [groups][w][h / 4][16][4]."""
    h, w, n = filters.shape[:3]
    tall = np.pad(filters[..., 0], ((0, -h % 4), (0, 0), (0, 0))).reshape(-1, 4, w, n)
    return np.ascontiguousarray(grouped(tall.transpose(2, 0, 1, 3), _VECTOR).transpose(0, 1, 2, 4, 3))


# ---- products --------------------------------------------------------------------------------------------------------


@lowering("QuantizedConv2D", refuses=empty)
def lower_conv(b: WasmBuilder, group: Group) -> None:
    """A product over pixels; windows larger than one pixel are collected into rows first."""
    if (found := pixel_rows(b, group.core_node)) is not None:
        _product(b, group.core_node, *found)


@lowering("QuantizedDense", refuses=empty)
def lower_dense(b: WasmBuilder, group: Group) -> None:
    """A product over rows."""
    node = group.core_node
    rows, k = b.shape(node.inputs[0])
    _product(b, node, rows, k, None)


def _sums_are_short(b: WasmBuilder, node: Node) -> bool:
    """Whether sums of four products fit 16 bits."""
    filters = b.constant_array(node.inputs[1])
    return filters is not None and bool(short_sums(filters).max(initial=0) <= SHORT_LIMIT)


def _product(b: WasmBuilder, node: Node, rows: int, k: int, gather: WindowRows | None) -> None:
    n = b.shape(node.name)[-1]
    tile_rows = _TILES if b.lanes > 1 else _SCALAR_TILES
    nr = next((r for r in tile_rows if -(-n // r) * r <= WASTE * n), min(tile_rows))
    packed = _pack(b, node, "product", nr, pack_product(nr))
    if packed is None:
        return
    k4, mv = -(-k // 4), min(tile_rows[nr], rows)
    pitch = 4 * k4 if gather else k
    tiles, groups = -(-rows // mv), -(-n // nr)
    block = max(1, min(tiles, BLOCK_BYTES // (mv * pitch)))
    split = "tiles" if tiles >= groups or gather else "groups"
    made = kernel(
        "product_int8", ("a", "w", "bias", "multiplier", "c"), k4=k4, n=n, nr=nr, mv=mv, rows=rows, pitch=pitch,
        tiles=tiles, groups=groups, block=block, split=split, gather=gather, ch=b.shape(node.inputs[0])[-1],
        width=min(n, nr), unroll=min(_UNROLL, k4), pairs=_sums_are_short(b, node), zero=node.attrs["zero"],
        out_zero=node.attrs["out_zero"], shift=node.attrs["shift"],
    )
    scratch = (block + 1) * mv * pitch + 64 if gather else 0
    args = (b.rows(node.inputs[0]), packed.weights, packed.bias, packed.multiplier, b.new(node.name))
    b.call(made, args, tiles if split == "tiles" else groups, flops=2 * rows * k * n, scratch_bytes=scratch)


@lowering("DynamicQuantizedDense", refuses=empty)
def lower_dynamic(b: WasmBuilder, group: Group) -> None:
    """A product that quantizes its own activations."""
    node = group.core_node
    x, w, s = node.inputs
    filters, scales = b.constant_array(w), b.constant_array(s)
    weights = b.packed(w, "dynamic", pack_product(_DYNAMIC_CHANNELS))
    if filters is None or scales is None or weights is None:
        not_constant(b, node)
        return
    (rows, k), n = b.shape(x), filters.shape[1]
    key = (node.name, "dynamic")

    def bias() -> Array:
        return grouped((filters.astype(np.int64).sum(axis=0) * -_MIDDLE).astype(np.int32), _DYNAMIC_CHANNELS)

    places = (
        weights,
        b.constant((*key, "bias"), bias, filters),
        b.constant((*key, "scales"), lambda: grouped(scales, _DYNAMIC_CHANNELS), scales),
    )
    made = kernel(
        "dynamic_int8", ("x", "w", "bias", "scales", "c"), k=k, k4=-(-k // 4), n=n, groups=-(-n // _DYNAMIC_CHANNELS),
    )
    b.call(made, (b.rows(x), *places, b.new(node.name)), rows, flops=2 * rows * k * n, scratch_bytes=k + _VECTOR)


# ---- windows ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WindowRows:
    """A window that moves over rows of pixels."""

    in_h: int
    in_w: int
    out_h: int
    out_w: int
    kh: int
    kw: int
    top: int
    left: int
    right: int
    stride: Pair
    dilation: Pair

    def scratch_bytes(self, channels: int) -> int:
        """The rows under the window, and room for a vector that reads beyond the last."""
        return self.kh * ((self.in_w + self.left + self.right) * channels + _VECTOR) + 64

    def column_bytes(self, channels: int) -> int:
        """A row of zeros, then sixteen channels of all columns with their rows interleaved by fours, then a vector."""
        columns = (self.in_w + self.left + self.right) * -(-self.kh // 4)
        return self.in_w * channels + 3 * _VECTOR + 64 * columns


def window_rows(w: Window) -> WindowRows:
    """How kernels on rows see a window."""
    (top, _), (left, right) = w.pad
    # What a stride leaves over on the right is read by nothing; what lies beyond the padding is never reached.
    return WindowRows(*w.in_size, *w.out_size, *w.size, top, left, right, w.stride, w.dilation)


def pixel_rows(b: WasmBuilder, node: Node) -> tuple[int, int, WindowRows | None] | None:
    """The product that a convolution is: rows, their length, and how windows larger than one pixel become rows.

    None when the host runs it.
    """
    w = conv_window(b, node)
    if w is None:
        return None
    rows, k = w.batch * size_of(w.out_size), size_of(b.shape(node.inputs[1])[:3])
    return rows, k, None if is_plain(w) else window_rows(w)


@lowering("QuantizedDepthwiseConv2D", refuses=_refuses_depthwise)
def lower_depthwise(b: WasmBuilder, group: Group) -> None:
    """Each channel by itself."""
    node = group.core_node
    x = b.shape(node.inputs[0])
    w = depthwise_window(b, node)
    simd = b.lanes > 1
    packed = _pack(b, node, "window", _VECTOR if simd else 1, pack_columns() if simd else pack_channels())
    if packed is None:
        return
    numbers = {k: node.attrs[k] for k in ("zero", "out_zero", "shift")}
    pointers = ("x", "w", "bias", "multiplier", "c")
    rows = window_rows(w)
    if simd:
        made, scratch = kernel("depthwise_int8", pointers, w=rows, ch=x[3], **numbers), rows.column_bytes(x[3])
    else:
        made = kernel("window_int8", pointers, w=rows, ch=x[3], mode="dot", **numbers)
        scratch = rows.scratch_bytes(x[3])
    args = (b.rows(node.inputs[0]), packed.weights, packed.bias, packed.multiplier, b.new(node.name))
    work = 2 * size_of(b.shape(node.name)) * w.size[0] * w.size[1]
    b.call(made, args, w.batch * w.out_size[0], flops=work, scratch_bytes=scratch)


@lowering("QuantizedPool", refuses=_refuses_pool)
def lower_pool(b: WasmBuilder, group: Group) -> None:
    """Largest or mean of each window."""
    node = group.core_node
    x = b.shape(node.inputs[0])
    w = quantized_pool_window([b.spec(node.inputs[0])], node.attrs)
    numbers = {k: node.attrs[k] for k in ("multiplier", "shift")} | {"offset": rounding(node.attrs)}
    made = kernel("window_int8", ("x", "c"), w=window_rows(w), ch=x[3], mode=node.attrs["mode"], zero=0, **numbers)
    work = size_of(b.shape(node.name)) * w.size[0] * w.size[1]
    args = (b.rows(node.inputs[0]), b.new(node.name))
    b.call(made, args, w.batch * w.out_size[0], flops=work, scratch_bytes=window_rows(w).scratch_bytes(x[3]))


# ---- elementwise -----------------------------------------------------------------------------------------------------


def _chain(b: WasmBuilder, node: Node, mode: str, **params: Any) -> None:
    size = size_of(b.shape(node.name))
    pointers = ("a", "b", "c") if mode == "add" else ("a", "c")
    made = kernel("chain_int8", pointers, mode=mode, n=size, block=_CHAIN_BLOCK, **params)
    args = (*(b.rows(v) for v in node.inputs), b.new(node.name))
    b.call(made, args, -(-size // _CHAIN_BLOCK), flops=size)


@lowering("QuantizedAdd", refuses=empty)
def lower_add(b: WasmBuilder, group: Group) -> None:
    """Sum of tensors with different scales."""
    node = group.core_node
    a = node.attrs
    _chain(b, node, "add", a_multiplier=a["a_multiplier"], b_multiplier=a["b_multiplier"], offset=rounding(a),
           shift=a["shift"])


@lowering("QuantizedPrelu", refuses=empty)
def lower_prelu(b: WasmBuilder, group: Group) -> None:
    """A sum whose negative side has a slope for each channel."""
    node = group.core_node
    x, y, slope = node.inputs
    slopes = b.constant_array(slope)
    if slopes is None:
        not_constant(b, node)
        return
    a, size, channels = node.attrs, size_of(b.shape(node.name)), slopes.size
    period = math.lcm(channels, _VECTOR)

    def pairs() -> Array:
        both = np.stack([np.full(channels, a["positive"]), slopes], axis=1).astype(np.int16)
        return np.tile(both, (period // channels, 1))

    place = b.constant((node.name, "slopes", a["positive"]), pairs, slopes)
    block = period * -(-_CHAIN_BLOCK // period)
    made = kernel(
        "chain_int8", ("a", "b", "slopes", "c"), mode="prelu", n=size, block=block, period=period,
        a_multiplier=a["a_multiplier"], b_multiplier=a["b_multiplier"], shift=a["shift"],
        offset=rounding(a), out_shift=a["out_shift"],
        out_offset=rounded(a["out_zero"] << a["out_shift"], a["out_shift"]),
    )
    b.call(made, (b.rows(x), b.rows(y), place, b.new(node.name)), -(-size // block), flops=4 * size)


@lowering("Quantize", refuses=empty)
def lower_quantize(b: WasmBuilder, group: Group) -> None:
    """From float32 to activations."""
    node = group.core_node
    _chain(b, node, "quantize", factor=float(inverse(node.attrs["scale"])), zero=node.attrs["zero"])


@lowering("Dequantize", refuses=empty)
def lower_dequantize(b: WasmBuilder, group: Group) -> None:
    """From activations to float32."""
    node = group.core_node
    _chain(b, node, "dequantize", factor=node.attrs["scale"], zero=node.attrs["zero"])
