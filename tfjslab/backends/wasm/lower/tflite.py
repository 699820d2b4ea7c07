"""Convolutions and dense layers by TensorFlow Lite's rules on bytes.

They are dot products of 16 bits: those of the relaxed instructions are not exact for eight bits. Every kernel is
bit-equal to the op's definition.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tfjslab.backends.kernels.quantized import depthwise_window, is_plain
from tfjslab.backends.kernels.strides import row_strides
from tfjslab.backends.kernels.table import Specs, empty
from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.quantized import BLOCK_BYTES, WASTE, WindowRows, window_rows
from tfjslab.backends.wasm.lower.registry import TABLE, lowering
from tfjslab.backends.wasm.lower.tflite_direct import bounds_of, lower_direct
from tfjslab.backends.wasm.lower.tflite_rows import rows_under
from tfjslab.backends.wasm.lower.tflite_scaling import Rescaling
from tfjslab.backends.wasm.lower.tflite_weights import (
    DENSE,
    LANES,
    TRANSPOSED,
    constants,
    pack_pairs,
    pack_taps,
    pack_turned,
    sums_of,
)
from tfjslab.backends.wasm.text.packing import Packing
from tfjslab.backends.wasm.text.templates import WasmKernel, kernel
from tfjslab.base.shapes import size_of
from tfjslab.graph.ir import Node
from tfjslab.ops.conv import conv_of, depthwise_of, transposed_of
from tfjslab.ops.tflite.values import BYTES, INTEGERS
from tfjslab.ops.window import Window
from tfjslab.passes.fusion import Group

_TILES = {16: 2, 8: 4}  # rows of a tile by its output channels, widest first
_UNROLL = 16
_SIDE_BY_SIDE = 4  # outputs of a depthwise convolution that share their weights


def _refuses(node: Node, specs: Specs) -> str:
    dtype = specs[node.inputs[0]].dtype
    return TABLE.none_for("" if dtype in INTEGERS else dtype) or empty(node, specs)


@dataclass(frozen=True)
class _Part:
    """What a product reads, with its channels, what it writes, and which output channels of the filter that are."""

    x: WasmPlace
    channels: int
    out: WasmPlace
    first: int
    behind: int

    @property
    def n(self) -> int:
        """Output channels."""
        return self.behind - self.first


def _whole(b: WasmBuilder, node: Node) -> _Part:
    n = b.shape(node.name)[-1]
    return _Part(b.rows(node.inputs[0]), b.shape(node.inputs[0])[-1], b.new(node.name), 0, n)


def _numbers(b: WasmBuilder, node: Node, found: Rescaling) -> dict[str, Any]:
    sign = "u" if b.spec(node.name).dtype == "uint8" else "s"
    return {"sign": sign, "zero": node.attrs["x_zero"], "out_zero": node.attrs["out_zero"], "rescale": found.how,
            "shift": found.shift, **bounds_of(b, node)}


def _by_vectors(b: WasmBuilder, node: Node) -> bool:
    """Whether there are vectors, bytes for them and constant weights."""
    known = all(b.constant_array(v) is not None for v in node.inputs[1:] if v)
    return b.lanes > 1 and b.spec(node.inputs[0]).dtype in BYTES and known


@lowering("TflConv2D", refuses=_refuses)
def lower_conv(b: WasmBuilder, group: Group) -> None:
    """A product over pixels; windows larger than one pixel are read from rows with padding around them."""
    node = group.core_node
    if not (_by_vectors(b, node) and _convolved(b, node)):
        lower_direct(b, node)


def _convolved(b: WasmBuilder, node: Node) -> bool:
    """One product, or one for each group, whose channels are brought together before and parted behind."""
    of = conv_of if node.op == "TflConv2D" else depthwise_of
    conv = of(node.op, b.shape(node.inputs[0]), b.shape(node.inputs[1]), {**node.attrs, "data_format": "NHWC"})
    if conv.groups == 1:
        return _product_of(b, node, conv.window, _whole(b, node))
    if sums_of(b, node, slice(0, conv.out_channels)) is None:  # what holds for all holds for each group
        return False
    w, per, n = conv.window, conv.in_channels // conv.groups, conv.out_channels // conv.groups
    pixels, made = w.batch * size_of(w.in_size), w.batch * size_of(w.out_size)
    whole = _whole(b, node)
    for g in range(conv.groups):
        x, out = b.temporary(pixels * per), b.temporary(made * n)
        b.copy(whole.x + g * per, x, (pixels, per), (conv.in_channels, 1), (per, 1), 1)
        _product_of(b, node, w, _Part(x, per, out, g * n, g * n + n))
        b.copy(out, whole.out + g * n, (made, n), (n, 1), (conv.out_channels, 1), 1)
    return True


def _product_of(b: WasmBuilder, node: Node, w: Window, part: _Part) -> bool:
    pixels = w.batch * size_of(w.out_size)
    if is_plain(w):
        return _product(b, node, part, pixels, part.channels)
    return _window(b, node, part, window_rows(w), pixels, pack_pairs, (part.first, part.behind))


@lowering(TRANSPOSED, refuses=_refuses)
def lower_transposed(b: WasmBuilder, group: Group) -> None:
    """A convolution over the image with its pixels drawn apart, the zero point between them."""
    node = group.core_node
    if not (_by_vectors(b, node) and _drawn_apart(b, node)):
        lower_direct(b, node)


def _drawn_apart(b: WasmBuilder, node: Node) -> bool:
    x = b.shape(node.inputs[0])
    w = window_rows(transposed_of(x, b.shape(node.inputs[1]), {**node.attrs, "data_format": "NHWC"}).window)
    (down, across), channels = w.stride, x[3]
    high, wide, top, left = (x[1] - 1) * down + 1, (x[2] - 1) * across + 1, w.kh - 1 - w.top, w.kw - 1 - w.left
    if min(top, left) < 0:
        return False
    right = max(w.in_w - 1 + w.kw - left - wide, 0)
    rows = WindowRows(high, wide, w.in_h, w.in_w, w.kh, w.kw, top, left, right, (1, 1), (1, 1))
    size = x[0] * high * wide * channels
    apart, whole = b.temporary(size), _whole(b, node)
    b.fill(apart, size, node.attrs["x_zero"], b.spec(node.inputs[0]).dtype)
    steps = (high * wide * channels, down * wide * channels, across * channels, 1)
    b.copy(whole.x, apart, x, row_strides(x), steps, 1)
    return _window(b, node, replace(whole, x=apart), rows, x[0] * w.in_h * w.in_w, pack_turned)


@lowering(DENSE, refuses=_refuses)
def lower_dense(b: WasmBuilder, group: Group) -> None:
    """A product over rows."""
    node = group.core_node
    if not (_by_vectors(b, node) and _product(b, node, _whole(b, node), *b.shape(node.inputs[0]))):
        lower_direct(b, node)


def _width(n: int) -> int:
    """Output channels of a tile."""
    return next((r for r in _TILES if -(-n // r) * r <= WASTE * n), min(_TILES))


def _product(b: WasmBuilder, node: Node, part: _Part, rows: int, k: int) -> bool:
    nr = _width(part.n)
    mv = min(_TILES[nr], rows)
    tiles, groups = -(-rows // mv), -(-part.n // nr)
    split = "tiles" if tiles >= groups else "groups"
    found = constants(b, node, nr, slice(part.first, part.behind), pack_pairs, 1, (part.first, part.behind))
    if found is None:
        return False
    made = _kernel(b, node, part, nr, found, k2=-(-k // 2), mv=mv, rows=rows, pitch=k, tiles=tiles, runs=1, w=None,
                   split=split, block=max(1, min(tiles, BLOCK_BYTES // (mv * k))))
    b.call(*made, tiles if split == "tiles" else groups, flops=2 * rows * k * part.n)
    return True


def _window(
    b: WasmBuilder, node: Node, part: _Part, w: WindowRows, pixels: int, pack: Callable[..., Packing], *shape: Any,
) -> bool:
    """Runs of k are window rows, or their pixels where these lie apart."""
    nr, channels, under = _width(part.n), part.channels, rows_under(w, part.channels)
    mv, runs = min(_TILES[nr], w.out_w), w.kw if w.dilation[1] > 1 else 1
    found = constants(b, node, nr, slice(part.first, part.behind), pack, w.kh * runs, *shape)
    if found is None:
        return False
    made = _kernel(b, node, part, nr, found, k2=-(-(w.kw * channels // runs) // 2), mv=mv, rows=w.out_w,
                   pitch=w.stride[1] * channels, tiles=-(-w.out_w // mv), runs=runs, w=w, ch=channels, under=under)
    b.call(*made, pixels // w.out_w, flops=2 * pixels * w.kh * w.kw * channels * part.n,
           scratch_bytes=under.scratch_bytes)
    return True


def _kernel(
    b: WasmBuilder, node: Node, part: _Part, nr: int, found: tuple[Rescaling, tuple[WasmPlace, ...]], **params: Any,
) -> tuple[WasmKernel, tuple[WasmPlace, ...]]:
    """The kernel of a product and its places."""
    rescaling, places = found
    n, k2 = part.n, params["k2"]
    made = kernel("tfl_product", ("a", "w", "bias", "multiplier", "c"), n=n, nr=nr, groups=-(-n // nr),
                  width=min(n, nr), unroll=min(_UNROLL, k2), **params, **_numbers(b, node, rescaling))
    return made, (part.x, *places, part.out)


@lowering("TflDepthwiseConv2D", refuses=_refuses)
def lower_depthwise(b: WasmBuilder, group: Group) -> None:
    """Each channel by itself; with one channel it is a convolution like others."""
    node = group.core_node
    channels, multiplier = b.shape(node.inputs[1])[2:]
    if channels == 1 < multiplier:
        lower_conv(b, group)
        return
    found = None
    if _by_vectors(b, node) and multiplier == 1:
        found = constants(b, node, LANES, slice(0, channels), pack_taps)
    if found is None:
        lower_direct(b, node)
        return
    rescaling, places = found
    w = depthwise_window(b, node)
    rows = window_rows(w)
    under = rows_under(rows, channels)
    taps = kernel("tfl_depthwise", ("x", "w", "bias", "multiplier", "c"), w=rows, under=under, ch=channels,
                  mo=_SIDE_BY_SIDE, **_numbers(b, node, rescaling))
    b.call(taps, (b.rows(node.inputs[0]), *places, b.new(node.name)), w.batch * w.out_size[0],
           flops=2 * size_of(b.shape(node.name)) * size_of(w.size), scratch_bytes=under.scratch_bytes)
