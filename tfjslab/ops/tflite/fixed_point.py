"""Multiplication by a real number in integers, and the roundings of it: the arithmetic of gemmlowp and TensorFlow Lite.

All arrays are int64 that hold int32 numbers, so that products do not overflow.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array

_BITS, _SHORT_BITS = 31, 15
_MOST_INT32, _MOST_INT16 = (1 << 31) - 1, (1 << 15) - 1
_LEAST_SHIFT = -31


def quantize_multiplier(real: Any) -> tuple[Array, Array]:
    """Positive float64 numbers as ``(M, shift)``: ``M / 2**31 * 2**shift`` with M in [2**30, 2**31), or M = 0."""
    fraction, shift = np.frexp(np.asarray(real, np.float64))
    multiplier = np.floor(fraction * (1 << _BITS) + 0.5).astype(np.int64)
    full = multiplier == 1 << _BITS
    multiplier, shift = np.where(full, multiplier >> 1, multiplier), shift.astype(np.int64) + full
    tiny = shift < _LEAST_SHIFT
    return np.where(tiny, 0, multiplier), np.where(tiny, 0, shift)


def multiply(x: Array, multiplier: Any, shift: Any) -> Array:
    """``x * M / 2**31 * 2**shift`` with the two roundings of ``MultiplyByQuantizedMultiplier``."""
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    return rounding_shift(high_multiply(x << left if np.any(left) else x, multiplier), right)


def multiply_wide(x: Array, multiplier: Array, shift: Array) -> Array:
    """The same for sums of 64 bits, of int16 activations: 15 bits of the multiplier and one rounding."""
    short, bits = short_multiplier(multiplier, shift)
    return np.asarray((x * short + (np.int64(1) << (bits - 1))) >> bits)


def short_multiplier(multiplier: Array, shift: Array) -> tuple[Array, Array]:
    """``(m, bits)`` with 15 bits of a multiplier: ``m / 2**bits``."""
    short = np.where(multiplier < 0x7FFF0000, (multiplier + (1 << 15)) >> 16, _MOST_INT16)  # noqa: PLR2004
    return short, _SHORT_BITS - shift


def high_multiply(a: Array, b: Any) -> Array:
    """``SaturatingRoundingDoublingHighMul`` of int32: a * b / 2**31, halves upwards."""
    out = np.asarray(a * b)
    out += 1 << (_BITS - 1)
    out >>= _BITS
    np.minimum(out, _MOST_INT32, out=out)
    return out


def high_multiply_short(a: Array, b: Any) -> Array:
    """The same of int16: a * b / 2**15."""
    return np.asarray(np.minimum((a * b + (1 << (_SHORT_BITS - 1))) >> _SHORT_BITS, _MOST_INT16))


def rounding_shift(x: Array, bits: Any) -> Array:
    """``RoundingDivideByPOT``: x / 2**bits, halves away from zero."""
    if not np.any(bits):
        return x
    half = (np.int64(1) << bits) >> 1
    out = np.asarray(x >> 63)  # -1 where negative
    if not np.all(bits):
        out *= np.asarray(bits) > 0
    out += x
    out += half
    out >>= bits
    return out


def saturating_shift(x: Array, bits: int, most: int = _MOST_INT32) -> Array:
    """``x * 2**bits`` in the range of an integer whose largest number is ``most``."""
    return np.asarray(np.clip(x << bits, -most - 1, most))


def divide(x: Array, by: Any) -> Array:
    """``x / by`` without its fraction, as C divides; ``by`` is positive."""
    return np.asarray(np.sign(x) * (np.abs(x) // by))


def round_away(x: Any) -> Array:
    """Floats to integers, halves away from zero as C's ``round``; NaN is 0, and the infinite are far out."""
    far = float(1 << 40)
    wide = np.clip(np.nan_to_num(np.asarray(x, np.float64), nan=0.0, posinf=far, neginf=-far), -far, far)
    return np.copysign(np.floor(np.abs(wide) + 0.5), wide).astype(np.int64)
