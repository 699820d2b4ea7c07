"""Special functions that numpy lacks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.polynomial import Chebyshev

# erf(x) / x is smooth in x * x near 0, and log(erfc(x)) nearly a parabola away from it. Both are fitted to the libm's
# functions at Chebyshev points, which leaves an error of 1e-14 or less.
_EDGE, _ONE = 1.0, 6.0
_near = Chebyshev.interpolate(
    lambda z: np.array([math.erf(math.sqrt(v)) / math.sqrt(v) for v in z]), 13, [0.0, _EDGE**2],
)
_far = Chebyshev.interpolate(lambda x: np.array([math.log(math.erfc(v)) for v in x]), 25, [_EDGE, _ONE])


def erf(x: Any) -> Any:
    """The error function, in the precision of ``x`` and exact to 1e-14, so that it can serve as the oracle."""
    a = np.asarray(x)
    v = a.astype(np.float64)
    m = np.minimum(np.abs(v), _ONE)
    inner: Any = v * _near(np.minimum(m, _EDGE) ** 2)
    outer: Any = np.copysign(1 - np.exp(_far(np.maximum(m, _EDGE))), v)
    return np.where(m < _EDGE, inner, outer).astype(a.dtype)
