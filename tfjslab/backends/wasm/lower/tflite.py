"""Convolutions and dense layers by TensorFlow Lite's rules on bytes.

They are dot products of 16 bits: those of the relaxed instructions are not exact for eight bits. Every kernel is
bit-equal to the op's definition.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tfjslab.backends.kernels.quantized import depthwise_window
from tfjslab.backends.kernels.table import Specs, empty
from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.quantized import BLOCK_BYTES, WASTE, WindowRows, grouped, pixel_rows, window_rows
from tfjslab.backends.wasm.lower.registry import TABLE, lowering
from tfjslab.backends.wasm.lower.tflite_direct import bounds_of, constants_of, lower_direct
from tfjslab.backends.wasm.lower.tflite_scaling import Rescaling, by_factors, by_multipliers
from tfjslab.backends.wasm.text.packing import Packing, packer
from tfjslab.backends.wasm.text.templates import WasmKernel, kernel
from tfjslab.base.dtypes import Array, numpy_dtype
from tfjslab.base.errors import BackendError
from tfjslab.base.shapes import size_of
from tfjslab.graph.ir import Node
from tfjslab.ops.tflite.values import BYTES, INTEGERS
from tfjslab.ops.tflite.weighted import real_multipliers
from tfjslab.passes.fusion import Group

_TILES = {16: 2, 8: 4}  # rows of a tile by its output channels, widest first
_LANES, _UNROLL = 8, 16
_SIDE_BY_SIDE = 4  # outputs of a depthwise convolution that share their weights
_MOST = 255  # of a byte
_DENSE = "TflFullyConnected"


def _refuses(node: Node, specs: Specs) -> str:
    dtype = specs[node.inputs[0]].dtype
    return TABLE.none_for("" if dtype in INTEGERS else dtype) or empty(node, specs)


@packer
def pack_pairs(filters: Array, nr: int, zero: int, powers: tuple[int, ...], runs: int) -> Array:
    """Filters [..., n] without their zero point, times powers of two, as [groups][k / 2][nr][2].

    k is as many runs, each of which is a whole number of pairs: behind an odd one there is a zero.
    """
    flat = _moved(filters.reshape(-1, filters.shape[-1]), zero, powers)
    each = flat.reshape(runs, -1, flat.shape[1])
    wide = np.pad(each, ((0, 0), (0, each.shape[1] % 2), (0, 0))).reshape(-1, 2, flat.shape[1])
    return np.ascontiguousarray(grouped(wide, nr).transpose(0, 1, 3, 2))


@packer
def pack_taps(filters: Array, _nr: int, zero: int, powers: tuple[int, ...]) -> Array:
    """Depthwise filters [h, w, channels, 1] without their zero point, times powers of two, by pairs of taps.

    They are [groups][h * w / 2][8][2], with zeros where there is no second tap.
    """
    flat = _moved(filters.reshape(-1, filters.shape[2]), zero, powers)
    pairs = np.pad(flat, ((0, len(flat) % 2), (0, 0))).reshape(-1, 2, flat.shape[1])
    return np.ascontiguousarray(grouped(pairs, _LANES).transpose(0, 1, 3, 2))


def _moved(flat: Array, zero: int, powers: tuple[int, ...]) -> Array:
    moved = flat.astype(np.int16) - np.int16(zero)
    return moved << np.array(powers, np.int16) if powers else moved


def _constants(
    b: WasmBuilder, node: Node, width: int, pack: Callable[..., Packing], *shape: int,
) -> tuple[Rescaling, tuple[WasmPlace, ...]] | None:
    """Places of weights, biases and multipliers; None where there can be none, and the node is lowered otherwise."""
    if (given := constants_of(b, node)) is None:
        return None
    filters, scale, *rest = given
    a, channels = node.attrs, b.shape(node.name)[-1]
    flat = (filters.astype(np.int64) - a["filter_zero"]).reshape(-1, channels)
    bias = (rest[0].astype(np.int64) if rest else 0) - a["x_zero"] * flat.sum(axis=0)
    found = _rescaling(b, node, scale, flat, bias)
    if found is None:
        lower_direct(b, node)
        return None
    key = (node.name, width, tuple(sorted(a.items())))
    powers = np.array(found.powers or 0)
    weights = b.packed(node.inputs[1], key, pack(width, a["filter_zero"], found.powers, *shape))
    if weights is None:
        raise BackendError(f"node '{node.name}': its filter is a constant and has no place")
    return found, (
        weights, b.constant((*key, "bias"), lambda: grouped(bias << powers, width).astype(np.int32), filters),
        b.constant((*key, "scaling"), lambda: found.block(width), scale),
    )


def _rescaling(b: WasmBuilder, node: Node, scale: Array, weights: Array, bias: Array) -> Rescaling | None:
    """How the sums of a node become values; weights are without their zero point, which biases have in them."""
    a, dtype = node.attrs, np.int8 if node.op == _DENSE else numpy_dtype(b.spec(node.name).dtype)
    real = real_multipliers(dtype, a["x_scale"], scale, a["out_scale"])
    if node.op == _DENSE:
        return by_factors(real, bias.size)
    info, widths = np.iinfo(dtype), np.abs(weights)
    largest = (_MOST + 1) * widths.sum(axis=0) + np.abs(bias)
    rectified = None
    if a["lowest"] is not None and a["lowest"] >= a["out_zero"]:
        highest = np.maximum(weights * int(info.min), weights * int(info.max)).sum(axis=0) + bias
        rectified = highest, a["out_zero"] - int(info.min)
    return by_multipliers(real, largest, widths.max(axis=0, initial=0), a["out_zero"], rectified)


def _numbers(b: WasmBuilder, node: Node, found: Rescaling) -> dict[str, Any]:
    sign = "u" if b.spec(node.name).dtype == "uint8" else "s"
    return {"sign": sign, "zero": node.attrs["x_zero"], "out_zero": node.attrs["out_zero"], "rescale": found.how,
            "shift": found.shift, **bounds_of(b, node)}


def _by_vectors(b: WasmBuilder, node: Node) -> bool:
    """Whether there are vectors, and bytes for them."""
    return b.lanes > 1 and b.spec(node.inputs[0]).dtype in BYTES


@lowering("TflTransposeConv", refuses=_refuses)
def lower_transposed(b: WasmBuilder, group: Group) -> None:
    """One element at a time."""
    lower_direct(b, group.core_node)


@lowering("TflConv2D", refuses=_refuses)
def lower_conv(b: WasmBuilder, group: Group) -> None:
    """A product over pixels; windows larger than one pixel are read from rows with padding around them."""
    node = group.core_node
    apart = node.op == "TflConv2D" and b.shape(node.inputs[1])[2] < b.shape(node.inputs[0])[3]
    found = None if apart or not _by_vectors(b, node) else pixel_rows(b, node)
    if found is None:
        lower_direct(b, node)
        return
    rows, k, window = found
    if window is None:
        _product(b, node, rows, k)
    else:
        _window(b, node, window, rows)


@lowering(_DENSE, refuses=_refuses)
def lower_dense(b: WasmBuilder, group: Group) -> None:
    """A product over rows."""
    node = group.core_node
    if _by_vectors(b, node):
        _product(b, node, *b.shape(node.inputs[0]))
    else:
        lower_direct(b, node)


def _width(n: int) -> int:
    """Output channels of a tile."""
    return next((r for r in _TILES if -(-n // r) * r <= WASTE * n), min(_TILES))


def _product(b: WasmBuilder, node: Node, rows: int, k: int) -> None:
    n = b.shape(node.name)[-1]
    nr = _width(n)
    mv = min(_TILES[nr], rows)
    tiles, groups = -(-rows // mv), -(-n // nr)
    split = "tiles" if tiles >= groups else "groups"
    made = _made(b, node, nr, 1, k2=-(-k // 2), mv=mv, rows=rows, pitch=k, tiles=tiles, runs=1, w=None, split=split,
                 block=max(1, min(tiles, BLOCK_BYTES // (mv * k))))
    if made is not None:
        b.call(*made, tiles if split == "tiles" else groups, flops=2 * rows * k * n)


def _window(b: WasmBuilder, node: Node, w: WindowRows, pixels: int) -> None:
    """Runs of k are window rows, or their pixels where these lie apart."""
    n, channels = b.shape(node.name)[-1], b.shape(node.inputs[0])[-1]
    nr = _width(n)
    mv, runs = min(_TILES[nr], w.out_w), w.kw if w.dilation[1] > 1 else 1
    made = _made(b, node, nr, w.kh * runs, k2=-(-(w.kw * channels // runs) // 2), mv=mv, rows=w.out_w,
                 pitch=w.stride[1] * channels, tiles=-(-w.out_w // mv), runs=runs, w=w, ch=channels)
    if made is not None:
        b.call(*made, pixels // w.out_w, flops=2 * pixels * w.kh * w.kw * channels * n,
               scratch_bytes=w.scratch_bytes(channels))


def _made(
    b: WasmBuilder, node: Node, nr: int, pieces: int, *, k2: int, **params: Any,
) -> tuple[WasmKernel, tuple[WasmPlace, ...]] | None:
    """The kernel of a product and its places; None where it is lowered otherwise. ``pieces`` are all runs of k."""
    constants = _constants(b, node, nr, pack_pairs, pieces)
    if constants is None:
        return None
    found, places = constants
    n = b.shape(node.name)[-1]
    product = kernel("tfl_product", ("a", "w", "bias", "multiplier", "c"), n=n, nr=nr, k2=k2, groups=-(-n // nr),
                     width=min(n, nr), unroll=min(_UNROLL, k2), **params, **_numbers(b, node, found))
    return product, (b.rows(node.inputs[0]), *places, b.new(node.name))


@lowering("TflDepthwiseConv2D", refuses=_refuses)
def lower_depthwise(b: WasmBuilder, group: Group) -> None:
    """Each channel by itself; with one channel it is a convolution like others."""
    node = group.core_node
    channels, multiplier = b.shape(node.inputs[1])[2:]
    if not _by_vectors(b, node) or multiplier > 1 < channels:
        lower_direct(b, node)
        return
    if multiplier > 1:
        lower_conv(b, group)
        return
    w = depthwise_window(b, node)
    made = _constants(b, node, _LANES, pack_taps)
    if made is None:
        return
    found, places = made
    rows = window_rows(w)
    taps = kernel("tfl_depthwise", ("x", "w", "bias", "multiplier", "c"), w=rows, ch=channels, mo=_SIDE_BY_SIDE,
                  **_numbers(b, node, found))
    b.call(taps, (b.rows(node.inputs[0]), *places, b.new(node.name)), w.batch * w.out_size[0],
           flops=2 * size_of(b.shape(node.name)) * size_of(w.size), scratch_bytes=rows.scratch_bytes(channels))
