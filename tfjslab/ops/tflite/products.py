"""The product of all elements along axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.shapes import normalize_axes, size_of
from tfjslab.ops.registry import Case, T, op
from tfjslab.ops.tflite.fixed_point import multiply_wide, quantize_multiplier
from tfjslab.ops.tflite.pooling import AXES, infer_reduced
from tfjslab.ops.tflite.values import F32, OUT, X, bounded

_CASES = (
    Case((T((2,), "int8", values=[3, 5]),),
         {"x_scale": 1.0, "x_zero": 1, "out_scale": 1.0, "out_zero": -2, "keep_dims": True}, expect=[6]),
    *(Case((T((2, 3, 4), dtype, lo=-90, hi=90),),
           {"x_scale": 0.05, "x_zero": zero, "out_scale": 0.06, "out_zero": zero, "axis": [1], "keep_dims": True})
      for dtype, zero in (("int8", 3), ("int16", 0))),
)


@op("TflProd", "x", infer=infer_reduced("TflProd"), attrs=(*X, *OUT, *AXES), cases=_CASES,
    flops=lambda ins, _outs, _attrs: ins[0].size)
def prod(x: Array, *, axis: tuple[int, ...] | None, keep_dims: bool, **attrs: Any) -> Array:
    """REDUCE_PROD in integers: each product is scaled before the next one, by an n-th part of the whole scale."""
    axes = normalize_axes(axis, x.ndim)
    count = size_of([x.shape[a] for a in axes])
    root = np.float64(F32(attrs["out_scale"])) ** (1.0 / count)
    scaling = quantize_multiplier(np.float64(F32(attrs["x_scale"])) / root)
    moved = x.astype(np.int64) - attrs["x_zero"]
    rest = [n for i, n in enumerate(x.shape) if i not in axes]
    factors = np.moveaxis(moved, axes, range(len(axes))).reshape(count, *rest)
    found = factors[0]
    for factor in factors[1:]:
        found = _words(multiply_wide(found * factor, *scaling))
    out = bounded(_words(multiply_wide(found, *scaling)) + attrs["out_zero"], x.dtype)
    return out.reshape([1 if i in axes else n for i, n in enumerate(x.shape)]) if keep_dims else out


def _words(x: Array) -> Array:
    """What 32 bits keep of 64."""
    return x.astype(np.int32).astype(np.int64)
