"""Exponentials, sigmoids and hyperbolic tangents in gemmlowp's fixed point.

Qm.n is an integer with n bits of fraction, of 32 bits or of 16: m + n is 31 or 15. Constants are written for 31 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.ops.tflite.fixed_point import high_multiply, high_multiply_short, rounding_shift, saturating_shift

_WIDE, _SHORT = 31, 15
# exp(-2**i) in Q0.31 for i from -2 on.
_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
_EXP_EIGHTH, _THIRD = 1895147668, 715827883  # exp(-1/8) and 1/3
_RECIPROCAL_START, _RECIPROCAL_SLOPE = 1515870810, -1010580540  # 48/17 and -32/17 in Q2.29
_LARGEST_EXPONENT = 5  # exp(-32) is nothing


@dataclass(frozen=True)
class FixedPoint:
    """The arithmetic of integers with so many bits beside the sign; arrays are int64 that hold them."""

    bits: int

    @property
    def most(self) -> int:
        """The largest number, which stands for 1 in Q0."""
        return (1 << self.bits) - 1

    @property
    def constants(self) -> dict[str, Any]:
        """What the functions below are made of, for kernels."""
        return {"third": self.constant(_THIRD), "eighth": self.constant(_EXP_EIGHTH),
                "powers": tuple(map(self.constant, _POWERS)), "start": self.constant(_RECIPROCAL_START),
                "slope": self.constant(_RECIPROCAL_SLOPE)}

    def constant(self, wide: int) -> int:
        """A constant of 31 bits."""
        return int(rounding_shift(np.array(wide, np.int64), _WIDE - self.bits))

    def times(self, a: Array, b: Array | int) -> Array:
        """The product; its integer bits are those of both factors together."""
        return (high_multiply if self.bits == _WIDE else high_multiply_short)(a, b)

    def shifted(self, x: Array, bits: int) -> Array:
        """Multiply by a power of two, within the range."""
        return saturating_shift(x, bits, self.most)

    def exp(self, x: Array, integer_bits: int) -> Array:
        """Compute exp of numbers up to 0, as Q0: a series around -1/8, then a factor for each bit above 1/4."""
        fraction = self.bits - integer_bits
        quarter = 1 << (fraction - 2)
        part = (x & (quarter - 1)) - quarter
        rest = part - x
        out = self._exp_of_quarter(self.shifted(part, integer_bits))
        for i, power in zip(range(-2, integer_bits), _POWERS, strict=False):
            out = np.where(rest & (1 << (fraction + i)), self.times(out, self.constant(power)), out)
        if integer_bits > _LARGEST_EXPONENT:
            out = np.where(x < -(1 << (fraction + _LARGEST_EXPONENT)), 0, out)
        return np.where(x == 0, self.most, out)

    def _exp_of_quarter(self, x: Array) -> Array:
        """Compute exp of a Q0 in [-1/4, 0)."""
        y = x + (1 << (self.bits - 3))
        y2 = self.times(y, y)
        y3, y4 = self.times(y2, y), self.times(y2, y2)
        terms = rounding_shift(self.times(rounding_shift(y4, 2) + y3, self.constant(_THIRD)) + y2, 1)
        eighth = self.constant(_EXP_EIGHTH)
        return eighth + self.times(y + terms, eighth)

    def reciprocal(self, half: Array) -> Array:
        """1 / (2 * half) as Q1 for Q0 in [1/2, 1]: three steps of Newton's method."""
        x = self.constant(_RECIPROCAL_START) + self.times(half, self.constant(_RECIPROCAL_SLOPE))
        for _ in range(3):
            x = x + self.shifted(self.times(x, (1 << (self.bits - 2)) - self.times(half, x)), 2)
        return x

    def sigmoid(self, x: Array, integer_bits: int) -> Array:
        """Of any numbers, as Q0."""
        half = (self.exp(-np.abs(x), integer_bits) + self.most + 1) >> 1  # of 1 + exp(-|x|)
        positive = self.shifted(self.reciprocal(half), 1)
        return np.where(x == 0, (self.most + 1) >> 1, np.where(x > 0, positive, self.most - positive))

    def tanh(self, x: Array, integer_bits: int) -> Array:
        """Of any numbers, as Q0: (1 - e) / (1 + e) with e = exp(-2 |x|)."""
        half = (self.exp(-np.abs(x), integer_bits + 1) + self.most + 1) >> 1
        positive = self.shifted(self.reciprocal(half) - (1 << (self.bits - 2)), 2)
        return np.where(x == 0, 0, np.where(x > 0, positive, -positive))


WIDE, SHORT = FixedPoint(_WIDE), FixedPoint(_SHORT)


def reciprocal_of(x: Array, integer_bits: int) -> tuple[Array, Array]:
    """1 / x of positive numbers with so many integer bits as Q0.31, and how many bits it is to be shifted right by."""
    zeros = 32 - np.frexp(x.astype(np.float64))[1].astype(np.int64)
    half = (x << zeros) >> 1  # of the denominator, which is in [1, 2): a Q0.31
    return WIDE.shifted(WIDE.reciprocal(half), 1), integer_bits - zeros
