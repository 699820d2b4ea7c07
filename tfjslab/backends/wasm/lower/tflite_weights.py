"""Weights of convolutions and dense layers of TensorFlow Lite's bytes, laid out for dot products of 16 bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.quantized import grouped
from tfjslab.backends.wasm.lower.tflite_scaling import Rescaling, by_factors, by_multipliers
from tfjslab.backends.wasm.text.packing import Packing, packer
from tfjslab.base.dtypes import Array, numpy_dtype
from tfjslab.base.errors import BackendError
from tfjslab.graph.ir import Node
from tfjslab.ops.tflite.weighted import real_multipliers

DENSE, TRANSPOSED = "TflFullyConnected", "TflTransposeConv"
LANES = 8  # channels of a group of a depthwise convolution
_MOST = 255  # of a byte


@packer
def pack_pairs(filters: Array, nr: int, zero: int, powers: tuple[int, ...], runs: int, part: tuple[int, int]) -> Array:
    """Filters [..., n] without their zero point, times powers of two, as [groups][k / 2][nr][2].

    k is as many runs, each a whole number of pairs: behind an odd one there is a zero. ``part`` are the first output
    channel and the one behind the last.
    """
    return _pairs(filters[..., slice(*part)], nr, zero, powers, runs)


@packer
def pack_turned(filters: Array, nr: int, zero: int, powers: tuple[int, ...], runs: int) -> Array:
    """The same of filters [h, w, n, channels] of a transposed convolution, which are mirrored."""
    return _pairs(filters[::-1, ::-1].transpose(0, 1, 3, 2), nr, zero, powers, runs)


def _pairs(filters: Array, nr: int, zero: int, powers: tuple[int, ...], runs: int) -> Array:
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
    return np.ascontiguousarray(grouped(pairs, LANES).transpose(0, 1, 3, 2))


def _moved(flat: Array, zero: int, powers: tuple[int, ...]) -> Array:
    moved = flat.astype(np.int16) - np.int16(zero)
    return moved << np.array(powers, np.int16) if powers else moved


def sums_of(b: WasmBuilder, node: Node, part: slice) -> tuple[Rescaling, Array] | None:
    """How the sums of output channels become values, and their biases, for weights without their zero point.

    None where vectors do not hold the multipliers.
    """
    filters, scale, *rest = (np.asarray(b.constant_array(v)) for v in node.inputs[1:] if v)
    a, channels = node.attrs, b.shape(node.name)[-1]
    ordered = filters.transpose(0, 1, 3, 2) if node.op == TRANSPOSED else filters
    flat = (ordered.astype(np.int64) - a["filter_zero"]).reshape(-1, channels)[:, part]
    bias = (rest[0][part].astype(np.int64) if rest else 0) - a["x_zero"] * flat.sum(axis=0)
    found = _rescaling(b, node, np.broadcast_to(scale, channels)[part], flat, bias)
    return None if found is None else (found, bias)


def constants(
    b: WasmBuilder, node: Node, width: int, part: slice, pack: Callable[..., Packing], *shape: Any,
) -> tuple[Rescaling, tuple[WasmPlace, ...]] | None:
    """Places of weights, biases and multipliers; None where vectors do not hold the multipliers."""
    if (sums := sums_of(b, node, part)) is None:
        return None
    found, bias = sums
    key = (node.name, width, (part.start, part.stop), tuple(sorted(node.attrs.items())))
    filters, scale = (b.constant_array(v) for v in node.inputs[1:3])
    weights = b.packed(node.inputs[1], key, pack(width, node.attrs["filter_zero"], found.powers, *shape))
    if weights is None:
        raise BackendError(f"node '{node.name}': its filter is a constant and has no place")
    powers = np.array(found.powers or 0)
    return found, (
        weights, b.constant((*key, "bias"), lambda: grouped(bias << powers, width).astype(np.int32), filters),
        b.constant((*key, "scaling"), lambda: found.block(width), scale),
    )


def _rescaling(b: WasmBuilder, node: Node, scale: Array, weights: Array, bias: Array) -> Rescaling | None:
    """How the sums of a node become values; weights are without their zero point, which biases have in them."""
    a, dtype = node.attrs, np.int8 if node.op == DENSE else numpy_dtype(b.spec(node.name).dtype)
    real = real_multipliers(dtype, a["x_scale"], scale, a["out_scale"])
    if node.op == DENSE:
        return by_factors(real, bias.size)
    info, widths = np.iinfo(dtype), np.abs(weights)
    largest = (_MOST + 1) * widths.sum(axis=0) + np.abs(bias)
    rectified = None
    if a["lowest"] is not None and a["lowest"] >= a["out_zero"]:
        highest = np.maximum(weights * int(info.min), weights * int(info.max)).sum(axis=0) + bias
        rectified = highest, a["out_zero"] - int(info.min)
    return by_multipliers(real, largest, widths.max(axis=0, initial=0), a["out_zero"], rectified)
