"""Integers of another width, and magnitudes and roots of stored integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array, numpy_dtype
from tfjslab.base.errors import ShapeError
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.registry import Case, Spec, Specs, T, op
from tfjslab.ops.tflite.fixed_point import multiply, quantize_multiplier
from tfjslab.ops.tflite.values import F32, INTEGERS, OUT, X, bounded, by_table, check, like_first

_SHORT = ("int8", "int16")
_FROM = (*INTEGERS, "int32", "float32", "bool")
_FAR = float(1 << 31)


def _infer_cast(ins: Specs, attrs: Attrs) -> list[Spec]:
    check("TflCast", ins, _FROM)
    return [Spec(ins[0].shape, attrs["dtype"])]


@op("TflCast", "x", infer=_infer_cast, attrs=(Attr("dtype", "str", choices=INTEGERS),), cases=(
    Case((T((4,), "int32", values=[-1, 5, 128, 300]),), {"dtype": "int8"}, expect=[-1, 5, -128, 44]),
    Case((T((4,), values=[-1.9, 0.5, 3.7, 1e6]),), {"dtype": "int16"}, expect=[-1, 0, 3, 32767]),
    Case((T((2,), "bool", values=[1, 0]),), {"dtype": "uint8"}, expect=[1, 0]),
))
def cast(x: Array, dtype: str) -> Array:
    """Plain numbers, without scales, as short integers: of integers the lowest bits, of floats without a fraction."""
    if x.dtype.kind == "f":  # what is out of range ends there
        return bounded(np.nan_to_num(np.trunc(x), nan=0.0, posinf=_FAR, neginf=-_FAR), numpy_dtype(dtype))
    return x.astype(np.int64).astype(numpy_dtype(dtype))


_SCALES = {"x_scale": 0.25, "x_zero": 10, "out_scale": 0.5, "out_zero": -3}


@op("TflAbs", "x", infer=like_first("TflAbs", _SHORT), attrs=(*X, *OUT), cases=(
    Case((T((3,), "int8", values=[10, 4, 16]),), _SCALES, expect=[-3, 0, 0]),
    Case((T((3,), "int8", values=[10, 4, 17]),), {**_SCALES, "out_scale": 0.25}, expect=[-3, 3, 4]),
))
def absolute(x: Array, **attrs: Any) -> Array:
    """ABS in integers."""
    scale, out = F32(attrs["x_scale"]), F32(attrs["out_scale"])

    def rule(q: Array) -> Array:
        size = np.abs(q - attrs["x_zero"])
        scaled = size if scale == out else multiply(size, *quantize_multiplier(np.float64(scale / out)))
        return bounded(scaled + attrs["out_zero"], x.dtype)

    return by_table(x, rule)


@op("TflSqrt", "x", infer=like_first("TflSqrt", _SHORT), attrs=(*X, *OUT), cases=(
    Case((T((3,), "int8", values=[10, 14, 110]),), _SCALES, expect=[-3, -1, 7]),
))
def sqrt(x: Array, **attrs: Any) -> Array:
    """SQRT in integers: a float32 root whose fraction is cut off. What is below 0 has the root 0."""
    def rule(q: Array) -> Array:
        real = F32(attrs["x_scale"]) * np.maximum(q - attrs["x_zero"], 0).astype(F32)
        return bounded((np.sqrt(real) / F32(attrs["out_scale"])).astype(np.int64) + attrs["out_zero"], x.dtype)

    return by_table(x, rule)


_BITS = (*INTEGERS, "int32", "float32")


def _infer_bitcast(ins: Specs, attrs: Attrs) -> list[Spec]:
    check("TflBitcast", ins, _BITS)
    shape = ins[0].known_shape
    own, wanted = (numpy_dtype(d).itemsize for d in (ins[0].dtype, attrs["dtype"]))
    if own > wanted:
        return [Spec((*shape, own // wanted), attrs["dtype"])]
    if own < wanted and (not shape or shape[-1] != wanted // own):
        raise ShapeError(f"TflBitcast: {list(shape)} of {ins[0].dtype} as {attrs['dtype']}; expected a last length of "
                         f"{wanted // own}")
    return [Spec(shape[:-1] if own < wanted else shape, attrs["dtype"])]


@op("TflBitcast", "x", infer=_infer_bitcast, attrs=(Attr("dtype", "str", choices=_BITS),), cases=(
    Case((T((2,), values=[1.0, -2.0]),), {"dtype": "int32"}, expect=[1065353216, -1073741824]),
    Case((T((1, 2), "int16", values=[0, 16256]),), {"dtype": "float32"}, expect=[1.0]),
    Case((T((1,), "int32", values=[-2]),), {"dtype": "uint8"}, expect=[254, 255, 255, 255]),
))
def bitcast(x: Array, dtype: str) -> Array:
    """BITCAST: the same bytes as another dtype; wider elements become a last dimension, or come from one."""
    flat = np.ascontiguousarray(x, F32 if x.dtype.kind == "f" else None).reshape(-1)
    own, wanted = flat.dtype.itemsize, numpy_dtype(dtype).itemsize
    shape = (*x.shape, own // wanted) if own > wanted else x.shape[:-1] if own < wanted else x.shape
    return flat.view(numpy_dtype(dtype)).reshape(shape)
