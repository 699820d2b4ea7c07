"""What there is to say about a weight: its range, its zeros, and how its values are spread."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array, of_array
from tfjslab.base.text import shape

BINS = 32
MOST_COUNTED = 65_536  # values of one histogram: of a larger weight every so many, and the picture says so
_LISTED = 8  # values that are shown as they are


def weight_facts(array: Array) -> dict[str, Any]:
    """Shape, dtype and bytes; of numbers also ``min``, ``max``, ``mean`` and the share of ``zeros`` over all values.

    ``histogram`` has the counts of ``BINS`` equal bins from the least to the greatest of the finite values, and in
    ``of`` how many were counted. A few values stand in ``values``.
    """
    facts: dict[str, Any] = {"shape": shape(array.shape), "dtype": of_array(array), "bytes": int(array.nbytes)}
    if array.dtype.kind not in "fiub" or array.size == 0 or _stands_for_another(array):
        return facts
    if array.size <= _LISTED:
        facts["values"] = ", ".join(f"{v:.6g}" for v in array.ravel().tolist())
    finite = array if array.dtype.kind != "f" else array[np.isfinite(array)]
    facts["not_finite"] = int(array.size - finite.size)
    if finite.size:
        low, high = float(finite.min()), float(finite.max())
        facts |= {"min": low, "max": high, "mean": float(finite.mean(dtype=np.float64)),
                  "zeros": float(1 - np.count_nonzero(array) / array.size)}
        if finite.size > 1 and high > low:
            facts["histogram"] = _histogram(finite, low, high)
    return facts


def _stands_for_another(array: Array) -> bool:
    """Whether it is one value repeated without memory of its own, as graphs have that were kept without weights."""
    return array.size > 1 and not any(array.strides)


def _histogram(values: Array, low: float, high: float) -> dict[str, Any]:
    counted = values.ravel()[:: -(-values.size // MOST_COUNTED)].astype(np.float64)
    return {"counts": np.histogram(counted, BINS, (low, high))[0].tolist(), "of": int(counted.size)}
