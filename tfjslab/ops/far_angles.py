"""Sine, cosine and tangent of large angles: what backends need to reduce them (Payne and Hanek, "Radian Reduction").

An angle x = m * 2**e, m of 24 bits, is x * 2/pi quarter turns. Whole turns do not count, so of the bits of 2/pi only
96 from a certain place on matter; the product with m is kept in 64 bits, of which the first 2 are the quarter. So the
rest is good to float32 for every angle that float32 has. Angles up to ``NEAR`` are reduced faster, see
``tfjslab.ops.expr_math``; the primitives here take the result of that, and replace it where the angle is larger.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array

NEAR = 8192.0
FIRST_EXPONENT = 120  # the biased exponent of the float whose 96 bits begin with those of WORDS
REST_UNIT = math.pi / 2 / 2.0**62  # a unit of the 64 bits, in radians
_BITS = 320  # that pi is computed to


def _arctan_of_reciprocal(n: int) -> int:
    """arctan(1 / n) in units of 2**-_BITS."""
    total, power, k = 0, (1 << _BITS) // n, 1
    while power:
        total += power // k if k % 4 == 1 else -(power // k)
        power //= n * n
        k += 2
    return total


def _two_over_pi() -> tuple[int, ...]:
    """2/pi in words of 32 bits: the whole part, which is 0, and the first 224 bits behind the point."""
    pi = 16 * _arctan_of_reciprocal(5) - 4 * _arctan_of_reciprocal(239)  # Machin
    fraction = (2 << (_BITS + 224)) // pi
    return tuple(fraction >> shift & 0xFFFFFFFF for shift in range(224, -1, -32))


WORDS = _two_over_pi()


def replacing(function: Callable[[Array], Any]) -> Callable[[Array, Array], Any]:
    """The primitive of a function in numpy, which has large angles right: ``f(near result, angle)``."""

    def run(near: Array, x: Array) -> Array:
        far = function(np.asarray(x, np.float64)).astype(np.asarray(x).dtype)
        return np.where(np.abs(x) > NEAR, far, near)

    return run
