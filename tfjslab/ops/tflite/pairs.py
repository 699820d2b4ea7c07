"""Comparisons, squared differences and slopes: two tensors whose scales differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.shapes import broadcast
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.registry import Case, Spec, Specs, T, op
from tfjslab.ops.tflite.arithmetic import infer_pair, twice
from tfjslab.ops.tflite.fixed_point import multiply, quantize_multiplier
from tfjslab.ops.tflite.values import BYTES, F32, OUT, X, Y, bounded, check

_COMPARE_BITS, _SQUARE_BITS = 8, 7  # of room, which numbers are shifted left by
_COMPARE: dict[str, Callable[[Array, Array], Array]] = {
    "equal": np.equal, "not_equal": np.not_equal, "less": np.less, "less_equal": np.less_equal,
    "greater": np.greater, "greater_equal": np.greater_equal,
}
_SCALES = {"x_scale": 0.5, "x_zero": 10, "y_scale": 0.25, "y_zero": -2}
_OUT = {"out_scale": 1.0, "out_zero": 3}
_TWO = (T((2,), "int8", values=[14, 20]), T((2,), "int8", values=[6, 2]))  # 2, 5 and 2, 1


def _infer_compare(ins: Specs, _attrs: Attrs) -> list[Spec]:
    check("TflCompare", ins, BYTES)
    return [Spec(broadcast(*(s.known_shape for s in ins)), "bool")]


@op("TflCompare", "x y", infer=_infer_compare, attrs=(*X, *Y, Attr("by", "str", choices=tuple(_COMPARE))), cases=(
    *(Case(_TWO, {**_SCALES, "by": by}, expect=expect) for by, expect in (
        ("equal", [1, 0]), ("greater", [0, 1]), ("less_equal", [1, 0]))),
    *(Case((T((2, 3), "uint8", lo=0, hi=255), T((3,), "uint8", lo=0, hi=255)), {**_SCALES, "by": by})
      for by in _COMPARE),
))
def compare(x: Array, y: Array, *, by: str, **attrs: Any) -> Array:
    """EQUAL, LESS and the like of bytes: both times their scales, with eight bits of room."""
    sides = (multiply((side.astype(np.int64) - attrs[f"{name}_zero"]) << _COMPARE_BITS,
                      *quantize_multiplier(np.float64(F32(attrs[f"{name}_scale"]))))
             for side, name in ((x, "x"), (y, "y")))
    return _COMPARE[by](*sides)


@op("TflSquaredDifference", "x y", infer=infer_pair("TflSquaredDifference", ("int8",)), attrs=(*X, *Y, *OUT), cases=(
    Case(_TWO, {**_SCALES, **_OUT}, expect=[3, 19]),
))
def squared_difference(x: Array, y: Array, **attrs: Any) -> Array:
    """SQUARED_DIFFERENCE in integers: both at twice the larger scale, with seven bits of room."""
    both = twice(attrs)
    a, b = (multiply((side.astype(np.int64) - attrs[f"{name}_zero"]) << _SQUARE_BITS,
                     *quantize_multiplier(np.float64(F32(attrs[f"{name}_scale"])) / both))
            for side, name in ((x, "x"), (y, "y")))
    real = both * both / (np.float64(1 << 2 * _SQUARE_BITS) * np.float64(F32(attrs["out_scale"])))
    return bounded(multiply((a - b) ** 2, *quantize_multiplier(real)) + attrs["out_zero"], x.dtype)


@op("TflPrelu", "x y", infer=infer_pair("TflPrelu", BYTES), attrs=(*X, *Y, *OUT), cases=(
    Case((T((2,), "int8", values=[14, 2]), T((2,), "int8", values=[6, 2])), {**_SCALES, **_OUT}, expect=[5, -1]),
))
def prelu(x: Array, y: Array, **attrs: Any) -> Array:
    """PRELU in integers: a multiplier for what is positive, another one for products with the slopes."""
    scale, out = F32(attrs["x_scale"]), F32(attrs["out_scale"])
    moved, slope = x.astype(np.int64) - attrs["x_zero"], y.astype(np.int64) - attrs["y_zero"]
    plain = multiply(moved, *quantize_multiplier(np.float64(scale / out)))
    sloped = multiply(moved * slope, *quantize_multiplier(np.float64(F32(scale * F32(attrs["y_scale"])) / out)))
    return bounded(np.where(moved >= 0, plain, sloped) + attrs["out_zero"], x.dtype)
