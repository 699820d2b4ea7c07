"""Division, and what is divided by a root: a reciprocal and a root in gemmlowp's fixed point."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ShapeError
from tfjslab.ops.attrs import Attrs
from tfjslab.ops.registry import Case, Spec, Specs, T, op
from tfjslab.ops.tflite.arithmetic import infer_pair
from tfjslab.ops.tflite.fixed_point import high_multiply, multiply, quantize_multiplier, rounding_shift
from tfjslab.ops.tflite.transcendental import WIDE, reciprocal_of
from tfjslab.ops.tflite.values import BOUNDS, BYTES, F32, OUT, X, Y, bounded, by_table, check, like_first

_WORD = 31  # bits beside the sign
_NEWTON_STEPS, _THREE_HALVES, _HALF_ROOT_2 = 5, (1 << 28) + (1 << 27), 1518500250  # 1.5 in Q3.28, sqrt(2) / 2 in Q0.31
_ROOM = 20  # bits that an inverse root is shifted left by before it has its scale


@op("TflDiv", "x y", infer=infer_pair("TflDiv"), attrs=(*X, *Y, *OUT, *BOUNDS), cases=(
    Case((T((2,), "int8", values=[22, 20]), T((2,), "int8", values=[6, -4])),
         {"x_scale": 0.5, "x_zero": 10, "y_scale": 0.25, "y_zero": -2, "out_scale": 0.5, "out_zero": 3},
         expect=[9, -17]),
))
def div(x: Array, y: Array, **attrs: Any) -> Array:
    """DIV in integers: by the reciprocal of the divisor. What is divided by 0 is not defined."""
    above, below = x.astype(np.int64) - attrs["x_zero"], y.astype(np.int64) - attrs["y_zero"]
    sign = np.where(below < 0, -1, 1)
    above, below = above * sign, below * sign
    inverse, over = reciprocal_of(np.maximum(below, 1), _WORD)
    room = _WORD - _length(np.where(above < 0, ~above, above))
    real = np.float64(F32(attrs["x_scale"]) / (F32(attrs["y_scale"]) * F32(attrs["out_scale"])))
    multiplier, shift = quantize_multiplier(real)
    quotient = high_multiply(high_multiply(above << room, inverse), multiplier)
    out = rounding_shift(quotient, np.clip(room + over - shift, 0, _WORD))
    return bounded(out + attrs["out_zero"], x.dtype, attrs["lowest"], attrs["highest"])


def _length(x: Array) -> Array:
    """How many bits numbers have that are not negative."""
    return np.frexp(x.astype(np.float64))[1].astype(np.int64)


def inverse_root(x: Array) -> tuple[Array, Array]:
    """1 / sqrt(x) as a multiplier and a shift: five of Newton's steps from 1, at numbers between 1/4 and 1."""
    large = np.maximum(x, 1)
    fits = np.maximum((_length(large) - 28) >> 1, 0)  # so that it is below 2**29
    small = large >> (2 * fits)
    pairs = ((_WORD - _length(small)) >> 1) - 1
    shift = 11 + fits - pairs
    number = (small << (2 * pairs)) >> 1
    half = rounding_shift(number, 1)
    root = np.full(x.shape, 1 << 28, np.int64)
    for _ in range(_NEWTON_STEPS):
        cube = WIDE.shifted(high_multiply(high_multiply(root, root), root), 6)
        root = WIDE.shifted(high_multiply(root, _THREE_HALVES) - high_multiply(half, cube), 3)
    multiplier = high_multiply(root, _HALF_ROOT_2) << np.maximum(-shift, 0)
    return np.where(x > 1, multiplier, WIDE.most), np.where(x > 1, -np.maximum(shift, 0), 0)


@op("TflRsqrt", "x", infer=like_first("TflRsqrt", ("int8",)), attrs=(*X, *OUT), cases=(
    Case((T((3,), "int8", values=[10, 14, 110]),), {"x_scale": 0.25, "x_zero": 10, "out_scale": 0.1, "out_zero": -3},
         expect=[127, 7, -1]),
))
def rsqrt(x: Array, **attrs: Any) -> Array:
    """RSQRT of int8; what is 0 or below has the largest value."""
    real = F32(1) / np.float64(np.sqrt(F32(attrs["x_scale"])) * F32(attrs["out_scale"]))
    multiplier, shift = quantize_multiplier(real)

    def rule(q: Array) -> Array:
        moved = q - attrs["x_zero"]
        root, bits = inverse_root(np.maximum(moved, 0))
        scaled = multiply(multiply(np.ones_like(q), root, bits + _ROOM), multiplier, shift - _ROOM)
        return bounded(np.where(moved > 0, scaled + attrs["out_zero"], np.iinfo(x.dtype).max), x.dtype)

    return by_table(x, rule)


def _infer_norm(ins: Specs, _attrs: Attrs) -> list[Spec]:
    check("TflL2Normalization", ins, BYTES)
    if not ins[0].known_shape:
        raise ShapeError("TflL2Normalization: a scalar has no axis")
    return [Spec(ins[0].shape, ins[0].dtype)]


@op("TflL2Normalization", "x", infer=_infer_norm, attrs=(X[1],), cases=(
    Case((T((1, 2), "int8", values=[13, 6]),), {"x_zero": 10}, expect=[77, -102]),
    Case((T((1, 2), "uint8", values=[13, 6]),), {"x_zero": 10}, expect=[205, 26]),
))
def l2_normalization(x: Array, *, x_zero: int) -> Array:
    """L2_NORMALIZATION of bytes along the last axis. The output's scale is 1/128, its zero point 0, of uint8 128."""
    moved = x.astype(np.int64) - x_zero
    root, bits = inverse_root(np.sum(moved * moved, axis=-1, keepdims=True))
    if x.dtype == np.uint8:
        return bounded(rounding_shift(high_multiply(moved << 7, root), -bits) + 128, x.dtype)
    return bounded(multiply(moved, root, bits + 7), x.dtype)
