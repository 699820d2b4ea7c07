"""SOFTMAX of bytes, in gemmlowp's fixed point: Qm.n below is an int32 with n bits of fraction."""

from __future__ import annotations

import numpy as np

from tfjslab.base.dtypes import Array, numpy_dtype
from tfjslab.base.errors import ShapeError
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.registry import Case, Spec, Specs, T, op
from tfjslab.ops.tflite.fixed_point import high_multiply, quantize_multiplier, rounding_shift, saturating_shift
from tfjslab.ops.tflite.values import BYTES, F32, bounded, check, info

_DIFF_BITS, _SUM_BITS = 5, 12  # integer bits of what is exponentiated, and of sums
_ONE = (1 << 31) - 1  # of Q0.31
# exp(-2**i) in Q0.31 for the bits of a Q5.26 from 2**-2 on.
_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
_EXP_EIGHTH, _THIRD = 1895147668, 715827883  # exp(-1/8) and 1/3
_RECIPROCAL_START, _RECIPROCAL_SLOPE = 1515870810, -1010580540  # 48/17 and -32/17 in Q2.29


def _exp(x: Array) -> Array:
    """Compute exp of a negative Q5.26, as Q0.31: a Taylor series around -1/8, then a factor for each bit above 1/4."""
    quarter = 1 << 24
    part = (x & (quarter - 1)) - quarter
    rest = part - x
    out = _exp_of_quarter(saturating_shift(part, _DIFF_BITS))
    for i, factor in enumerate(_POWERS):
        out = np.where(rest & (quarter << i), high_multiply(out, factor), out)
    return np.where(x == 0, _ONE, out)


def _exp_of_quarter(x: Array) -> Array:
    """Compute exp of a Q0.31 in [-1/4, 0)."""
    y = x + (1 << 28)
    y2 = high_multiply(y, y)
    y3, y4 = high_multiply(y2, y), high_multiply(y2, y2)
    terms = rounding_shift(high_multiply(rounding_shift(y4, 2) + y3, _THIRD) + y2, 1)
    return _EXP_EIGHTH + high_multiply(y + terms, _EXP_EIGHTH)


def _reciprocal(sums: Array) -> tuple[Array, Array]:
    """1 / sums of Q12.19 as Q0.31, and how many bits it is to be shifted right by: three steps of Newton's method."""
    zeros = 32 - np.frexp(sums.astype(np.float64))[1].astype(np.int64)
    half = (sums << zeros) >> 1  # of the denominator, which is in [1, 2): a Q0.31
    x = _RECIPROCAL_START + high_multiply(half, _RECIPROCAL_SLOPE)
    for _ in range(3):
        x = x + saturating_shift(high_multiply(x, (1 << 29) - high_multiply(half, x)), 2)
    return saturating_shift(x, 1), _SUM_BITS - zeros


def _infer(ins: Specs, attrs: Attrs) -> list[Spec]:
    check("TflSoftmax", ins, BYTES)
    if not ins[0].known_shape:
        raise ShapeError("TflSoftmax: a scalar has no axis")
    return [Spec(ins[0].shape, attrs["dtype"])]


@op("TflSoftmax", "x", infer=_infer, attrs=(
    Attr("x_scale", "float"), Attr("beta", "float", 1.0), Attr("dtype", "str", choices=(*BYTES, "int16")),
), flops=lambda ins, _outs, _attrs: 40 * ins[0].size, cases=(
    Case((T((1, 2), "int8", values=[5, 5]),), {"x_scale": 0.1, "dtype": "int8"}, expect=[0, 0]),
    Case((T((1, 2), "int8", values=[-128, 127]),), {"x_scale": 0.5, "dtype": "int8"}, expect=[-128, 127]),
    Case((T((3, 10), "int8", lo=-128, hi=127),), {"x_scale": 0.06, "dtype": "int8"}),
    Case((T((2, 2, 7), "uint8", lo=0, hi=255),), {"x_scale": 0.03, "beta": 2.0, "dtype": "uint8"}),
    Case((T((3, 5), "int8", lo=-40, hi=40),), {"x_scale": 0.1, "dtype": "int16"}),
))
def softmax(x: Array, *, x_scale: float, beta: float, dtype: str) -> Array:
    """SOFTMAX along the last axis. The output's scale is 1/256 (of int16: 1/65536), its zero point the lowest value."""
    powers, parts = exponentials(x_scale, beta)
    below = np.max(x, axis=-1, keepdims=True, initial=info(x.dtype.name).min).astype(np.int64) - x
    scale, over = _reciprocal(np.maximum(parts[below].sum(axis=-1, keepdims=True), 1))
    kind = info(dtype)
    out = rounding_shift(high_multiply(powers[below], scale), over + 31 - kind.bits)
    return bounded(out + int(kind.min), numpy_dtype(dtype))


def exponentials(x_scale: float, beta: float) -> tuple[Array, Array]:
    """The exponentials in Q0.31, and in Q12.19 for sums, for how far a byte is below the largest of its row: 0 to 255.

    Both are 0 where nothing is left.
    """
    real = min(np.float64(F32(beta)) * np.float64(F32(x_scale)) * (1 << (31 - _DIFF_BITS)), float(_ONE))
    multiplier, shift = quantize_multiplier(real)
    least = -int(((1 << _DIFF_BITS) - 1) * 2.0 ** (31 - _DIFF_BITS) / 2.0 ** int(shift))
    diff = -np.arange(256, dtype=np.int64)
    matters = diff >= least
    scaled = high_multiply(np.where(matters, diff, 0) << np.maximum(shift, 0), multiplier)
    powers = np.where(matters, _exp(scaled), 0)
    return powers, rounding_shift(powers, _SUM_BITS)
