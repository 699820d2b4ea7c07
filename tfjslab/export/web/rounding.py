"""Weights rounded to float16 before anything is made of them: so the module and ``cpu`` can compute with the same."""

from __future__ import annotations

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.graph.ir import Graph

# Fewer values weigh nothing, and numbers such as an epsilon would suffer.
FEWEST = 256
_EXACT = "Tfl"  # ops that compute in integers as TensorFlow Lite does


def rounded(graph: Graph) -> Graph:
    """The graph with each large float32 constant rounded to what float16 can hold, where that is in its range.

    Scales of quantized weights stay: what is computed from them is exact.
    """
    scales = {v for n in graph.nodes if n.op.startswith(_EXACT) for v in n.inputs}
    return graph.with_(constants={
        name: array if name in scales else _rounded(array) for name, array in graph.constants.items()})


def _rounded(array: Array) -> Array:
    if array.dtype != np.float32 or array.size < FEWEST:
        return array
    half = as_float16(array)
    return half.astype(np.float32) if np.array_equal(np.isfinite(half), np.isfinite(array)) else array


def as_float16(array: Array) -> Array:
    """The nearest float16 of each value; infinite where it is out of range."""
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, np.float16)
