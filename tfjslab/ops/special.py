"""Special functions that numpy lacks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_erf: Any = np.vectorize(math.erf, otypes=[np.float64])


def erf(x: Any) -> Any:
    """The error function, in the precision of ``x``; exact to the libm's, so it can serve as the oracle."""
    a = np.asarray(x)
    return _erf(a).astype(a.dtype) if a.size else a
