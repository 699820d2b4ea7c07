"""Factors and offsets in floats that round integer sums exactly as TensorFlow Lite's two roundings of integers do.

Where nothing below the zero point is kept, as behind a ReLU, of a sum S only ``trunc(S * factor + offset)`` is needed:
of one that is not negative, ``floor(floor(S * M / 2**31 + 1/2) / 2**n + 1/2)`` is ``floor(S * M / 2**(31 + n) +
2**-(n + 1) + 1/2)``. In float64 that is nearly always exact; in float32, which is four times as fast, for sums of few
products. Whether it is can be tried for all sums: every step of both sides grows with the sum, so they agree where
they do at the sums where a value begins, and just before. There are 255 at most.

In float64 the offset has 1.5 * 2**n in it, so that the sum has its whole part in its upper word, ``20 - n`` bits from
the right, where kernels find it: a conversion to an integer would take as long as all the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array

_BITS, _INT32, _VALUES = 31, 1 << 31, 256
_BLOCK = 64  # channels that are tried at once: larger tables are memory that the system has to give each time
_WORD_BITS = 20  # of a float64's upper word, without sign and exponent
# By how many units in the last place a float32 factor is moved, in search of a better one. Where more channels than
# this part lack one after the first, it would be in vain.
_STEPS, _MOST_LEFT = (0, 1, -1, 2, -2, 3, -3), 0.1
_PARTS = (0.5, 0.25, 0.75, 0.0, 1.0)  # of the way between the offsets that no value begins too late or too early with


@dataclass(frozen=True, eq=False)
class _Values:
    """The sums at which each byte above ``zero`` begins, [channels, values], and those just before.

    Values that the highest sum does not reach have the highest before them.
    """

    zero: int
    begin: Array
    before: Array
    reached: Array

    @property
    def wanted(self) -> Array:
        """The unsigned bytes."""
        return np.arange(self.zero + 1, _VALUES)

    def of(self, channels: Array, kind: Any) -> tuple[Array, Array, Array]:
        """``begin``, ``before`` in floats and ``reached`` of some channels."""
        return self.begin[channels].astype(kind), self.before[channels].astype(kind), self.reached[channels]


@dataclass(frozen=True, eq=False)
class FloatScaling:
    """Factors and offsets of each channel in ``kind``; upper words are shifted by ``shift`` to the right."""

    kind: str
    factors: Array
    offsets: Array
    shift: int = 0


def in_floats(
    multiplier: Array, bits: Array, highest: Array, largest: Array, zero: int,
) -> FloatScaling | None:
    """The float type that is enough, with a factor and an offset for each channel; None where there is none.

    ``multiplier / 2**31 / 2**bits`` is the real factor, ``highest`` the highest sum of each channel, ``largest`` the
    farthest from 0 on either side, ``zero`` the zero point of unsigned bytes.
    """
    real = np.ldexp(multiplier.astype(np.float64), -bits - _BITS)
    most = float((largest * real).max(initial=0)) + _VALUES
    if np.any(largest >= _INT32) or most >= _INT32:
        return None
    values = _values(multiplier, bits, highest, zero)
    if (found := _found(values, real.astype(np.float32), _STEPS, np.float32(0))) is not None:
        return FloatScaling("float32", *found)
    # A smaller number leaves more digits behind the point, and takes a shift.
    for whole in dict.fromkeys((_WORD_BITS, int(np.log2(most)) + 2)):
        if 2 * most >= 1 << whole or whole > _WORD_BITS:
            return None
        if (found := _found(values, real, (0,), np.float64(1.5 * 2**whole))) is not None:
            return FloatScaling("float64", *found, _WORD_BITS - whole)
    return None


def _values(multiplier: Array, bits: Array, highest: Array, zero: int) -> _Values:
    steps = np.arange(1, _VALUES - zero)
    left, right = np.maximum(-bits, 0)[:, None], np.maximum(bits, 0)[:, None]
    factor, most = multiplier[:, None] << left, highest[:, None]
    # Not more than 1 beyond what is reached is computed: it would not fit 64 bits.
    near = (steps - 1) * 2.0**right <= most * (factor / _INT32)
    shifted = np.where(near & (factor > 0), (2 * steps - 1) << right >> 1, 0)
    shifted = np.where(right > 0, shifted, np.where(near, steps, 0))
    begin = -(((1 << (_BITS - 1)) - (shifted << _BITS)) // np.maximum(factor, 1))
    reached = (shifted > 0) & (factor > 0) & (begin <= most)
    return _Values(zero, begin, np.where(reached, begin - 1, most), reached)


def _found(values: _Values, real: Array, steps: tuple[int, ...], whole: Any) -> tuple[Array, Array] | None:
    """Factors near the real ones, of their type, and offsets with ``whole`` in them."""
    factors, offsets = real.copy(), np.full_like(real, np.nan)
    for step in steps:
        todo = np.flatnonzero(np.isnan(offsets))
        if step and len(todo) > _MOST_LEFT * len(offsets):
            break
        for some in (todo[i : i + _BLOCK] for i in range(0, len(todo), _BLOCK)):
            factor = real[some] + step * np.spacing(real[some])
            good, offset = _offsets(values, some, factor, whole)
            factors[some[good]], offsets[some[good]] = factor[good], offset[good]
    return None if np.isnan(offsets).any() else (factors, offsets)


def _offsets(values: _Values, channels: Array, factor: Array, whole: Any) -> tuple[Array, Array]:
    """For which of the channels an offset makes all values right, and the offsets."""
    wanted, zero = values.wanted.astype(factor.dtype), values.zero
    begin, before, reached = values.of(channels, factor.dtype)
    upper, lower = begin * factor[:, None], before * factor[:, None]
    low = np.where(reached, wanted - upper, zero).max(axis=1, initial=zero)
    high = (wanted - lower).min(axis=1, initial=zero + 1)
    found, left = np.full_like(factor, np.nan), np.arange(len(channels))
    for part in _PARTS:  # the first is right for nearly all
        offset = (low + (high - low) * part).astype(factor.dtype) + whole
        late = (upper + offset[:, None] < wanted + whole) & reached
        wrong = (late | (lower + offset[:, None] >= wanted + whole)).any(axis=1)
        found[left[~wrong]] = offset[~wrong]
        if not wrong.any():
            break
        left, low, high, upper, lower, reached = (a[wrong] for a in (left, low, high, upper, lower, reached))
    return ~np.isnan(found), found
