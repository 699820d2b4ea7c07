"""Operators of each element by itself. Of bytes they are asked for 256 values, and the rest is a look-up."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array, numpy_dtype
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.registry import Case, Spec, Specs, T, op
from tfjslab.ops.tflite.fixed_point import (
    divide,
    high_multiply_short,
    multiply,
    quantize_multiplier,
    round_away,
    rounding_shift,
    saturating_shift,
)
from tfjslab.ops.tflite.tables import looked_up
from tfjslab.ops.tflite.values import BOUNDS, BYTES, F32, INTEGERS, OUT, X, bounded, by_table, check, like_first

_DTYPE = Attr("dtype", "str", choices=(*INTEGERS, "int32"))
_SCALES = {"x_scale": 0.25, "x_zero": 10, "out_scale": 0.5, "out_zero": -3}
_ALL = (T((16, 16), "int8", values=range(-128, 128)), T((256,), "uint8", values=range(256)))
_SHORT = T((50,), "int16", lo=-32768, hi=32767)
_MOST_INT16 = (1 << 15) - 1


def _infer_quantize(ins: Specs, attrs: Attrs) -> list[Spec]:
    check("TflQuantize", ins, ("float32",))
    return [Spec(ins[0].shape, attrs["dtype"])]


@op("TflQuantize", "x", infer=_infer_quantize, attrs=(*OUT, _DTYPE), cases=(
    Case((T((6,), values=[-99.0, -0.25, 0.0, 0.25, 1.2, 99.0]),), {"out_scale": 0.5, "out_zero": 10, "dtype": "int8"},
         expect=[-128, 9, 10, 11, 12, 127]),
    Case((T((2, 3, 5)),), {"out_scale": 0.0078, "out_zero": 128, "dtype": "uint8"}),
    Case((T((3,), values=[np.inf, -np.inf, np.nan]),), {"out_scale": 1.0, "out_zero": 1, "dtype": "int16"},
         expect=[32767, -32768, 1]),
))
def quantize(x: Array, *, out_scale: float, out_zero: int, dtype: str) -> Array:
    """QUANTIZE of floats: x / scale in float32, rounded half away from zero, plus the zero point. NaN is 0."""
    return bounded(round_away(x.astype(F32) / F32(out_scale)) + out_zero, numpy_dtype(dtype))


def _infer_dequantize(ins: Specs, _attrs: Attrs) -> list[Spec]:
    check("TflDequantize", ins, (*INTEGERS, "int32"))
    return [Spec(ins[0].shape, "float32")]


@op("TflDequantize", "x", infer=_infer_dequantize, attrs=X, cases=(
    Case((T((3,), "int8", values=[-128, 10, 127]),), {"x_scale": 0.5, "x_zero": 10}, expect=[-69, 0, 58.5]),
    *(Case((x,), {"x_scale": 0.0157, "x_zero": 3}) for x in (*_ALL, _SHORT)),
))
def dequantize(x: Array, *, x_scale: float, x_zero: int) -> Array:
    """DEQUANTIZE: the float32 numbers that integers stand for."""
    return by_table(x, lambda q: (np.float64(F32(x_scale)) * (q - x_zero)).astype(F32))


def _infer_requantize(ins: Specs, attrs: Attrs) -> list[Spec]:
    check("TflRequantize", ins, (*INTEGERS, "int32"))
    return [Spec(ins[0].shape, attrs["dtype"])]


@op("TflRequantize", "x", infer=_infer_requantize, attrs=(*X, *OUT, _DTYPE, *BOUNDS), cases=(
    Case((T((4,), "int8", values=[10, 12, 13, 127]),), {**_SCALES, "dtype": "int8"}, expect=[-3, -2, -1, 56]),
    Case((_ALL[0],), {"x_scale": 0.25, "x_zero": -1, "out_scale": 0.25, "out_zero": 127, "dtype": "uint8"}),
    Case((_ALL[1],), {**_SCALES, "dtype": "uint8", "lowest": 3, "highest": 90}),
    Case((_SHORT,), {"x_scale": 0.001, "x_zero": 0, "out_scale": 0.0003, "out_zero": 0, "dtype": "int32"}),
))
def requantize(x: Array, *, dtype: str, **attrs: Any) -> Array:
    """QUANTIZE of integers, and RELU, RELU6 and the like: to another scale, zero point, dtype, within bounds."""
    real = np.float64(F32(attrs["x_scale"])) / np.float64(F32(attrs["out_scale"]))

    def rule(q: Array) -> Array:
        scaled = multiply(q - attrs["x_zero"], *quantize_multiplier(real)) + attrs["out_zero"]
        return bounded(scaled, numpy_dtype(dtype), attrs["lowest"], attrs["highest"])

    return by_table(x, rule)


@op("TflRescale", "x", infer=like_first("TflRescale", BYTES), attrs=(*X, *OUT), cases=(
    Case((T((4,), "uint8", values=[10, 12, 13, 255]),), {**_SCALES, "out_zero": 3}, expect=[3, 4, 5, 126]),
    *(Case((x,), {**_SCALES, "x_scale": 0.3}) for x in _ALL),
))
def rescale(x: Array, **attrs: Any) -> Array:
    """What CONCATENATION of uint8 does with an input of another scale: one product and one sum in float32."""
    factor = F32(attrs["x_scale"]) * (F32(1) / F32(attrs["out_scale"]))
    offset = F32(-attrs["x_zero"]) * factor
    return by_table(x, lambda q: bounded(round_away(q.astype(F32) * factor + offset) + attrs["out_zero"], x.dtype))


@op("TflLeakyRelu", "x", infer=like_first("TflLeakyRelu"), attrs=(*X, *OUT, Attr("alpha", "float")), cases=(
    Case((T((4,), "int8", values=[10, 14, 9, 2]),), {**_SCALES, "alpha": 0.5}, expect=[-3, -1, -3, -5]),
    *(Case((x,), {**_SCALES, "alpha": 0.3}) for x in (*_ALL, _SHORT)),
))
def leaky_relu(x: Array, *, alpha: float, **attrs: Any) -> Array:
    """LEAKY_RELU in integers, with a multiplier for each sign."""
    scale, out = F32(attrs["x_scale"]), F32(attrs["out_scale"])
    plain = quantize_multiplier(np.float64(scale / out))
    sloped = quantize_multiplier(np.abs(np.float64(F32(scale * F32(alpha)) / out)))
    sign = -1 if alpha < 0 else 1

    def rule(q: Array) -> Array:
        moved = q - attrs["x_zero"]
        scaled = np.where(moved >= 0, multiply(moved, *plain), sign * multiply(moved, *sloped))
        return bounded(scaled + attrs["out_zero"], x.dtype)

    return by_table(x, rule)


def _sigmoid(v: Array) -> Array:
    return np.asarray(F32(1) / (F32(1) + np.exp(-v.astype(np.float64)).astype(F32)))


_TABLE = {"x_scale": 0.04, "x_zero": 10, "out_scale": 1 / 256, "out_zero": -128}


@op("TflLogistic", "x", infer=like_first("TflLogistic", BYTES), attrs=(*X, *OUT), cases=(
    Case((T((3,), "int8", values=[10, 127, -128]),), _TABLE, expect=[0, 126, -127]),
    *(Case((x,), _TABLE) for x in _ALL),
))
def logistic(x: Array, **attrs: Any) -> Array:
    """LOGISTIC of bytes: a table of 256 float32 sigmoids."""
    return looked_up(x, _sigmoid, attrs)


@op("TflTanh", "x", infer=like_first("TflTanh", BYTES), attrs=(*X, *OUT), cases=(
    Case((T((3,), "int8", values=[10, 127, -128]),), {**_TABLE, "out_scale": 1 / 128, "out_zero": 0},
         expect=[0, 127, -128]),
    *(Case((x,), {**_TABLE, "out_scale": 1 / 128, "out_zero": 0}) for x in _ALL),
))
def tanh(x: Array, **attrs: Any) -> Array:
    """TANH of bytes: a table of 256 float32 values."""
    return looked_up(x, lambda v: np.tanh(v.astype(np.float64)).astype(F32), attrs)


_SWISH = {"x_scale": 0.05, "x_zero": 3, "out_scale": 0.04, "out_zero": -100}


@op("TflHardSwish", "x", infer=like_first("TflHardSwish", BYTES), attrs=(*X, *OUT), cases=(
    Case((T((3,), "int8", values=[3, -128, 103]),), _SWISH, expect=[-100, -100, 25]),
    *(Case((x,), _SWISH) for x in _ALL), Case((_ALL[0],), {**_SWISH, "x_scale": 0.001, "out_scale": 0.001}),
))
def hard_swish(x: Array, **attrs: Any) -> Array:
    """HARD_SWISH of bytes, x * relu6(x + 3) / 6, in 16 bits of fixed point as MobileNetV3 was released with."""
    fine = F32(F32(1 / 128) * F32(attrs["x_scale"]))
    out_short, out_shift = _short_multiplier(fine / F32(attrs["out_scale"]))
    gate_short, gate_shift = _short_multiplier(fine / F32(3 / 32768))

    def rule(q: Array) -> Array:
        value = saturating_shift(q - attrs["x_zero"], 7, _MOST_INT16)
        gate = saturating_shift(value, max(gate_shift - 1, 0), _MOST_INT16)
        gate = high_multiply_short(gate, gate_short)
        gate = saturating_shift(gate, 1, _MOST_INT16) if gate_shift > 0 else gate
        gate = (rounding_shift(gate, max(-gate_shift, 0)) + (1 << 15)) >> 1  # from [-1, 1] to [0, 1]
        product = divide(gate * high_multiply_short(value, out_short), 1 << 15)
        return bounded(rounding_shift(product, max(-out_shift, 0)) + attrs["out_zero"], x.dtype)

    return by_table(x, rule)


def _short_multiplier(real: Any) -> tuple[int, int]:
    """16 bits of the multiplier of a float32 number, and its shift."""
    multiplier, shift = quantize_multiplier(np.float64(F32(real)))
    return min((int(multiplier) + (1 << 15)) >> 16, _MOST_INT16), int(shift)
