"""Integer ops: what int8 execution means, bit for bit.

Activations are int8 with values 0..127 and stand for ``scale * (q - zero)``; one operand of WebAssembly's relaxed dot
product must stay in seven bits, and then its result is the same on every machine. Weights are int8, -127..127,
symmetric, with a scale for each output channel. Sums are int32, and a bias is an integer in their unit.

A sum becomes an output in integers only (``requantize``): shift it right by ``shift``, the same for the whole tensor,
into 16 bits, then multiply by the channel's ``multiplier`` / 2**15. Both steps round half up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import DTypeError, ShapeError
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.conv import conv_of, convolve, depthwise_convolve, depthwise_of, pad_image
from tfjslab.ops.pool import pool_window
from tfjslab.ops.registry import Case, Spec, Specs, T, no_flops, op
from tfjslab.ops.window import DILATIONS, EXPLICIT, PADDING, STRIDES, Window

HIGHEST = 127  # of an activation; the lowest is 0
MULTIPLIER_BITS = 15
_HALF = 1 << (MULTIPLIER_BITS - 1)
_NHWC = {"data_format": "NHWC"}

_ZERO, _OUT_ZERO = Attr("zero", "int"), Attr("out_zero", "int")
_SHIFT = Attr("shift", "int")
_WINDOW = (STRIDES, PADDING, DILATIONS, EXPLICIT)
_SCALE = Attr("scale", "float")


def shift_right(sums: Array, bits: int) -> Array:
    """Divide integers by 2**bits, rounding half up."""
    return np.asarray((sums + (1 << bits >> 1)) >> bits)


def requantize(sums: Array, multiplier: Array, shift: int, zero: int) -> Array:
    """From sums, whose last axis are channels, to activations; see the module's docstring."""
    short = np.clip(shift_right(sums.astype(np.int64), shift), -(1 << 15), (1 << 15) - 1)
    scaled = (short * multiplier.astype(np.int64) + _HALF) >> MULTIPLIER_BITS
    return np.asarray(np.clip(scaled + zero, 0, HIGHEST), np.int8)


SHORT_LIMIT = ((1 << 15) - 1) // HIGHEST  # of weights of one sign whose products are summed in 16 bits
_SHORT_STEPS, _LANES, _PAIR = 2, 2, 2


def short_sums(kernel: Array) -> Array:
    """For each output channel the largest sum of weights of one sign that meet in one 16-bit sum.

    A kernel may sum the products of k and k + 1 with those of k + 4 and k + 5 in 16 bits (k a multiple of 8, or of 8
    and 2 more) when this is ``SHORT_LIMIT`` at most for every channel. ``kernel`` is [..., channels].
    """
    flat = kernel.reshape(-1, kernel.shape[-1]).astype(np.int32)
    whole = np.pad(flat, ((0, -flat.shape[0] % (_SHORT_STEPS * _LANES * _PAIR)), (0, 0)))
    met = whole.reshape(-1, _SHORT_STEPS, _LANES, _PAIR, flat.shape[1])
    signs = [np.maximum(s * met, 0).sum(axis=(1, 3)).max(axis=(0, 1), initial=0) for s in (1, -1)]
    return np.asarray(np.maximum(*signs))


def _check(name: str, ins: Specs, wanted: Sequence[str]) -> None:
    """Dtypes as wanted; where 32 bits are, 16 do as well: a multiplier and many a bias need no more."""
    found = [s.dtype for s in ins]
    if len(found) != len(wanted) or any(f != w and (f, w) != ("int16", "int32") for f, w in zip(
            found, wanted, strict=True)):
        raise DTypeError(f"{name} takes {', '.join(wanted)}; found {', '.join(found)}")


_WEIGHTED = ("int8", "int8", "int32", "int32")


def _check_channels(name: str, ins: Specs, channels: int) -> None:
    for s, what in zip(ins[2:], ("bias", "multiplier"), strict=True):
        if s.known_shape != (channels,):
            raise ShapeError(f"{name}: {what} has shape {list(s.known_shape)}; expected [{channels}]")


def _infer_conv(ins: Specs, attrs: Attrs) -> list[Spec]:
    _check("QuantizedConv2D", ins, _WEIGHTED)
    c = conv_of("QuantizedConv2D", ins[0].known_shape, ins[1].known_shape, {**attrs, **_NHWC})
    _check_channels("QuantizedConv2D", ins, c.out_channels)
    return [Spec(c.out_shape, "int8")]


def _infer_depthwise(ins: Specs, attrs: Attrs) -> list[Spec]:
    name = "QuantizedDepthwiseConv2D"
    _check(name, ins, _WEIGHTED)
    c = depthwise_of(name, ins[0].known_shape, ins[1].known_shape, {**attrs, **_NHWC})
    _check_channels(name, ins, c.out_channels)
    return [Spec(c.out_shape, "int8")]


def _infer_dense(ins: Specs, _attrs: Attrs) -> list[Spec]:
    _check("QuantizedDense", ins, _WEIGHTED)
    x, w = ins[0].known_shape, ins[1].known_shape
    if len(x) != 2 or len(w) != 2 or x[1] != w[0]:  # noqa: PLR2004 - matrices
        raise ShapeError(f"QuantizedDense: {list(x)} times {list(w)}; expected [rows, k] times [k, columns]")
    _check_channels("QuantizedDense", ins, w[1])
    return [Spec((x[0], w[1]), "int8")]


def _conv_flops(ins: Specs, _outs: Specs, attrs: Attrs) -> int:
    return conv_of("QuantizedConv2D", ins[0].known_shape, ins[1].known_shape, {**attrs, **_NHWC}).flops


def _depthwise_flops(ins: Specs, _outs: Specs, attrs: Attrs) -> int:
    name = "QuantizedDepthwiseConv2D"
    return depthwise_of(name, ins[0].known_shape, ins[1].known_shape, {**attrs, **_NHWC}).flops


def _bias(n: int) -> T:
    return T((n,), "int32", -900, 900)


def _multiplier(n: int) -> T:
    return T((n,), "int32", 200, 32767)


def _x(*shape: int) -> T:
    return T(shape, "int8", 0, HIGHEST)


def _w(*shape: int) -> T:
    return T(shape, "int8", -127, 127)


_REQUANT = {"zero": 5, "out_zero": 60, "shift": 3}
_TINY = T((1, 1, 1, 2), "int8", values=[[10, 20]]), T((1, 1, 2, 1), "int8", values=[[3, -1]])


@op("QuantizedConv2D", "x filter bias multiplier", infer=_infer_conv, flops=_conv_flops,
    attrs=(*_WINDOW, _ZERO, _OUT_ZERO, _SHIFT), cases=(
        # (10 - 4) * 3 - (20 - 4) + 9 = 11; 11 / 2 rounds to 6; half of it is 3; 3 + 7.
        Case((*_TINY, T((1,), "int32", values=[9]), T((1,), "int32", values=[1 << 14])),
             {"zero": 4, "out_zero": 7, "shift": 1}, expect=[10]),
        Case((_x(2, 7, 5, 3), _w(3, 3, 3, 4), _bias(4), _multiplier(4)), {**_REQUANT, "padding": "SAME"}),
        Case((_x(1, 9, 7, 16), _w(1, 1, 16, 24), _bias(24), _multiplier(24)), _REQUANT),
        Case((_x(2, 4, 3, 19), _w(1, 1, 19, 13), _bias(13), _multiplier(13)), _REQUANT),
        Case((_x(1, 9, 8, 3), _w(3, 3, 3, 9), _bias(9), _multiplier(9)),
             {**_REQUANT, "strides": [1, 2, 2, 1], "padding": "SAME"}),
        Case((_x(1, 10, 9, 2), _w(3, 2, 2, 8), _bias(8), _multiplier(8)),
             {**_REQUANT, "dilations": [1, 2, 3, 1], "shift": 0}),
        Case((_x(1, 6, 7, 20), _w(5, 5, 20, 3), _bias(3), _multiplier(3)),
             {**_REQUANT, "padding": "EXPLICIT", "explicit_paddings": [0, 0, 2, 1, 0, 3, 0, 0]}),
        Case((_x(1, 5, 5, 8), _w(1, 1, 8, 8), _bias(8), _multiplier(8)), {**_REQUANT, "strides": [2], "zero": 0}),
        Case((_x(0, 5, 5, 3), _w(3, 3, 3, 4), _bias(4), _multiplier(4)), _REQUANT),
    ))
def quantized_conv2d(
    x: Array, kernel: Array, bias: Array, multiplier: Array, *, zero: int, out_zero: int, shift: int, **attrs: Any,
) -> Array:
    """Convolution of int8 activations with int8 filters; the padding stands for 0. NHWC."""
    c = conv_of("QuantizedConv2D", x.shape, kernel.shape, {**attrs, **_NHWC})
    # float64 holds these integers exactly, and BLAS sums them.
    sums = convolve(x.astype(np.float64) - zero, kernel.astype(np.float64), c)
    return requantize(sums.astype(np.int64) + bias, multiplier, shift, out_zero)


@op("QuantizedDepthwiseConv2D", "x filter bias multiplier", infer=_infer_depthwise, flops=_depthwise_flops,
    attrs=(*_WINDOW, _ZERO, _OUT_ZERO, _SHIFT), cases=(
        Case((_x(2, 7, 5, 3), _w(3, 3, 3, 1), _bias(3), _multiplier(3)), {**_REQUANT, "padding": "SAME"}),
        Case((_x(1, 9, 8, 16), _w(3, 3, 16, 1), _bias(16), _multiplier(16)), {**_REQUANT, "padding": "SAME"}),
        Case((_x(1, 8, 9, 24), _w(3, 3, 24, 1), _bias(24), _multiplier(24)),
             {**_REQUANT, "strides": [2], "padding": "EXPLICIT", "explicit_paddings": [0, 0, 0, 1, 0, 1, 0, 0]}),
        Case((_x(2, 9, 11, 33), _w(5, 5, 33, 1), _bias(33), _multiplier(33)), {**_REQUANT, "padding": "SAME"}),
        Case((_x(1, 9, 11, 17), _w(2, 3, 17, 1), _bias(17), _multiplier(17)), {**_REQUANT, "dilations": [3, 2]}),
        Case((_x(1, 5, 4, 3), _w(3, 3, 3, 2), _bias(6), _multiplier(6)), _REQUANT),
    ))
def quantized_depthwise(
    x: Array, kernel: Array, bias: Array, multiplier: Array, *, zero: int, out_zero: int, shift: int, **attrs: Any,
) -> Array:
    """Depthwise convolution of int8 activations with int8 filters; the padding stands for 0. NHWC."""
    c = depthwise_of("QuantizedDepthwiseConv2D", x.shape, kernel.shape, {**attrs, **_NHWC})
    sums = depthwise_convolve(x.astype(np.float64) - zero, kernel.astype(np.float64), c)
    return requantize(sums.astype(np.int64) + bias, multiplier, shift, out_zero)


@op("QuantizedDense", "x filter bias multiplier", infer=_infer_dense, attrs=(_ZERO, _OUT_ZERO, _SHIFT),
    flops=lambda ins, outs, _attrs: 2 * ins[0].known_shape[1] * outs[0].size, cases=(
        Case((_x(1, 40), _w(40, 24), _bias(24), _multiplier(24)), _REQUANT),
        Case((_x(5, 13), _w(13, 3), _bias(3), _multiplier(3)), _REQUANT),
        Case((_x(5, 13), _w(13, 3), T((3,), "int16", -900, 900), T((3,), "int16", 200, 32767)), _REQUANT),
        Case((_x(9, 64), _w(64, 17), _bias(17), _multiplier(17)), {**_REQUANT, "shift": 0}),
    ))
def quantized_dense(
    x: Array, kernel: Array, bias: Array, multiplier: Array, *, zero: int, out_zero: int, shift: int,
) -> Array:
    """Product of int8 activations with an int8 matrix."""
    sums = (x.astype(np.float64) - zero) @ kernel.astype(np.float64)
    return requantize(sums.astype(np.int64) + bias, multiplier, shift, out_zero)


def _infer_add(ins: Specs, _attrs: Attrs) -> list[Spec]:
    _check("QuantizedAdd", ins, ("int8", "int8"))
    if ins[0].shape != ins[1].shape:
        raise ShapeError(f"QuantizedAdd: shapes {ins[0].shape} and {ins[1].shape}; expected equal ones")
    return [Spec(ins[0].shape, "int8")]


_ADD = {"a_multiplier": 11000, "b_multiplier": 7400, "offset": -400000, "shift": 14}


@op("QuantizedAdd", "a b", infer=_infer_add,
    attrs=(Attr("a_multiplier", "int"), Attr("b_multiplier", "int"), Attr("offset", "int"), _SHIFT), cases=(
        # 3 * 4 + 5 * 2 - 1 = 21; 21 / 2 rounds to 11.
        Case((T((1,), "int8", values=[4]), T((1,), "int8", values=[2])),
             {"a_multiplier": 3, "b_multiplier": 5, "offset": -1, "shift": 1}, expect=[11]),
        Case((_x(2, 5, 3, 7), _x(2, 5, 3, 7)), _ADD), Case((_x(1, 8, 8, 16), _x(1, 8, 8, 16)), _ADD),
        Case((_x(0, 8), _x(0, 8)), _ADD),
    ))
def quantized_add(a: Array, b: Array, *, a_multiplier: int, b_multiplier: int, offset: int, shift: int) -> Array:
    """Sum of activations with different scales: (a * a_multiplier + b * b_multiplier + offset) / 2**shift.

    The zeros of inputs and output are in ``offset``. Multipliers have 15 bits.
    """
    sums = a.astype(np.int64) * a_multiplier + b.astype(np.int64) * b_multiplier + offset
    return np.asarray(np.clip(shift_right(sums, shift), 0, HIGHEST), np.int8)


def _infer_prelu(ins: Specs, _attrs: Attrs) -> list[Spec]:
    _check("QuantizedPrelu", ins, ("int8", "int8", "int32"))
    shape = ins[0].known_shape
    if ins[0].shape != ins[1].shape or not shape or ins[2].known_shape != shape[-1:]:
        shapes = ", ".join(str(list(s.known_shape)) for s in ins)
        raise ShapeError(f"QuantizedPrelu: shapes {shapes}; expected two equal ones [.., channels] and [channels]")
    return [Spec(ins[0].shape, "int8")]


_PRELU = {"a_multiplier": 15000, "b_multiplier": 9000, "offset": -1500000, "shift": 7, "positive": 16000,
          "out_zero": 40, "out_shift": 22}
_SLOPES = T((16,), "int32", -9000, 9000)


@op("QuantizedPrelu", "a b slope", infer=_infer_prelu,
    attrs=(Attr("a_multiplier", "int"), Attr("b_multiplier", "int"), Attr("offset", "int"), _SHIFT,
           Attr("positive", "int"), _OUT_ZERO, Attr("out_shift", "int")), cases=(
        # 3 * 4 + 5 * 2 - 32 = -10; -10 * 6 / 4 = -15; 20 - 15. Then 3 * 8 + 5 * 2 - 32 = 2; 2 * 10 / 4; 20 + 5.
        Case((T((2, 1), "int8", values=[4, 8]), T((2, 1), "int8", values=[2, 2]), T((1,), "int32", values=[6])),
             {"a_multiplier": 3, "b_multiplier": 5, "offset": -32, "shift": 0, "positive": 10, "out_zero": 20,
              "out_shift": 2}, expect=[5, 25]),
        Case((_x(2, 5, 3, 16), _x(2, 5, 3, 16), _SLOPES), _PRELU),
        Case((_x(1, 33, 31, 7), _x(1, 33, 31, 7), T((7,), "int32", -9000, 9000)), _PRELU),
        Case((_x(3, 24), _x(3, 24), T((24,), "int32", -9000, 9000)), {**_PRELU, "b_multiplier": 0}),
        Case((_x(1, 64, 40, 48), _x(1, 64, 40, 48), T((48,), "int32", -9000, 9000)), _PRELU),
        Case((_x(3, 24), _x(3, 24), T((24,), "int16", -9000, 9000)), _PRELU),
        Case((_x(0, 16), _x(0, 16), _SLOPES), _PRELU),
    ))
def quantized_prelu(
    a: Array, b: Array, slope: Array, *, a_multiplier: int, b_multiplier: int, offset: int, shift: int, positive: int,
    out_zero: int, out_shift: int,
) -> Array:
    """A sum as of QuantizedAdd, but in 16 bits, where 0 stands for 0; then each side of 0 has a slope of its own.

    The output is (sum * positive, or sum * slope of the channel where it is negative) / 2**out_shift + out_zero.
    Multipliers and slopes have 15 bits and a sign.
    """
    wide = a.astype(np.int64) * a_multiplier + b.astype(np.int64) * b_multiplier + offset
    short = np.clip(shift_right(wide, shift), -(1 << 15), (1 << 15) - 1)
    sloped = np.where(short < 0, short * slope.astype(np.int64), short * positive)
    return np.asarray(np.clip(shift_right(sloped + (out_zero << out_shift), out_shift), 0, HIGHEST), np.int8)


def quantized_pool_window(x: Specs, attrs: Attrs) -> Window:
    """The window of a QuantizedPool."""
    return pool_window("QuantizedPool", x[0].known_shape, {**attrs, **_NHWC})


def _infer_pool(ins: Specs, attrs: Attrs) -> list[Spec]:
    _check("QuantizedPool", ins, ("int8",))
    w = quantized_pool_window(ins, attrs)
    channels = ins[0].known_shape[3]
    if attrs["squeeze"]:
        if w.out_size != (1, 1):
            raise ShapeError(f"QuantizedPool: squeeze needs an output of 1 x 1, found {w.out_size}")
        return [Spec((w.batch, channels), "int8")]
    return [Spec(w.shape(w.out_size, channels), "int8")]


@op("QuantizedPool", "x", infer=_infer_pool,
    attrs=(Attr("mode", "str", choices=("max", "sum")), Attr("ksize", "ints"), STRIDES, PADDING, EXPLICIT,
           Attr("multiplier", "int", 1), Attr("offset", "int", 0), Attr("shift", "int", 0),
           Attr("squeeze", "bool", default=False)), cases=(
        Case((_x(2, 7, 5, 3),), {"mode": "max", "ksize": [2], "strides": [2], "padding": "SAME"}),
        Case((_x(1, 8, 9, 20),), {"mode": "max", "ksize": [3], "strides": [2], "padding": "SAME"}),
        Case((T((1, 2, 2, 1), "int8", values=[1, 2, 3, 4]),),
             {"mode": "sum", "ksize": [2], "multiplier": 1, "shift": 2}, expect=[3]),
        Case((_x(1, 7, 7, 24),), {"mode": "sum", "ksize": [7], "multiplier": 10700, "offset": 9999, "shift": 19,
                                "squeeze": True}),
        Case((_x(2, 6, 7, 5),), {"mode": "sum", "ksize": [3, 2], "strides": [3, 2], "multiplier": 5461, "shift": 15}),
    ))
def quantized_pool(
    x: Array, *, mode: str, multiplier: int, offset: int, shift: int, squeeze: bool, **attrs: Any,
) -> Array:
    """Largest value of each window, or (its sum * multiplier + offset) / 2**shift: a mean.

    The padding counts for nothing. Multipliers have 15 bits and windows 258 elements at most, so that sums are int32.
    """
    w = pool_window("QuantizedPool", x.shape, {**attrs, **_NHWC})
    image = pad_image(x.astype(np.int64), w)
    parts = [image[:, rows, cols] for _, _, (rows, cols) in w.taps()]
    if mode == "max":
        out = np.max(parts, axis=0)
    else:
        out = np.clip(shift_right(np.sum(parts, axis=0) * multiplier + offset, shift), 0, HIGHEST)
    return np.asarray(out[:, 0, 0] if squeeze else out).astype(np.int8)


def _infer_quantize(ins: Specs, _attrs: Attrs) -> list[Spec]:
    _check("Quantize", ins, ("float32",))
    return [Spec(ins[0].shape, "int8")]


def _infer_dequantize(ins: Specs, _attrs: Attrs) -> list[Spec]:
    _check("Dequantize", ins, ("int8",))
    return [Spec(ins[0].shape, "float32")]


@op("Quantize", "x", infer=_infer_quantize, attrs=(_SCALE, _ZERO), cases=(
    Case((T((5,), values=[-9.0, 0.0, 0.25, 1.25, 99.0]),), {"scale": 0.5, "zero": 10}, expect=[0, 10, 10, 12, 127]),
    Case((T((2, 3, 5, 3)),), {"scale": 0.0157, "zero": 64}),
))
def quantize(x: Array, *, scale: float, zero: int) -> Array:
    """round(x / scale) + zero in 0..127, half to even; NaN becomes ``zero``. The division is by multiplication."""
    scaled = np.rint(x.astype(np.float32) * inverse(scale))
    with np.errstate(invalid="ignore"):
        steps = np.clip(scaled, -HIGHEST, HIGHEST)
    return np.asarray(np.clip(np.nan_to_num(steps, nan=0).astype(np.int32) + zero, 0, HIGHEST), np.int8)


def inverse(scale: float) -> np.float32:
    """What ``Quantize`` multiplies by."""
    return np.float32(1 / scale)


@op("Dequantize", "x", infer=_infer_dequantize, attrs=(_SCALE, _ZERO), flops=no_flops, cases=(
    Case((T((3,), "int8", values=[0, 10, 127]),), {"scale": 0.5, "zero": 10}, expect=[-5, 0, 58.5]),
    Case((_x(2, 3, 5, 3),), {"scale": 0.0157, "zero": 64}),
))
def dequantize(x: Array, *, scale: float, zero: int) -> Array:
    """The float32 values that activations stand for."""
    return np.asarray((x.astype(np.int32) - zero).astype(np.float32) * np.float32(scale))


_DYNAMIC_HIGHEST = 63  # activations are 64 + (-63..63): seven bits, and 0 is exact


def _infer_dynamic(ins: Specs, _attrs: Attrs) -> list[Spec]:
    _check("DynamicQuantizedDense", ins, ("float32", "int8", "float32"))
    x, w = ins[0].known_shape, ins[1].known_shape
    if len(x) != 2 or len(w) != 2 or x[1] != w[0] or ins[2].known_shape != w[1:]:  # noqa: PLR2004 - matrices
        raise ShapeError(f"DynamicQuantizedDense: {list(x)} times {list(w)} with scales {list(ins[2].known_shape)}; "
                         "expected [rows, k] times [k, columns] with [columns]")
    return [Spec((x[0], w[1]), "float32")]


@op("DynamicQuantizedDense", "x filter scales", infer=_infer_dynamic,
    flops=lambda ins, outs, _attrs: 2 * ins[0].known_shape[1] * outs[0].size, cases=(
        # The largest of each row is 63 steps: 63 * 2 + 16 (from 15.75) * 1, times 1 / 63 and the scale.
        Case((T((1, 2), values=[1.0, 0.25]), T((2, 1), "int8", values=[2, 1]), T((1,), values=[0.5])),
             expect=[142 * 0.5 / 63]),
        Case((T((3, 40), lo=0.1), _w(40, 9), T((9,), lo=0.1))),
        Case((T((2, 3), values=[0] * 6), _w(3, 4), T((4,)))),
    ))
def dynamic_dense(x: Array, kernel: Array, scales: Array) -> Array:
    """Product whose activations are quantized when it runs, each row by its own largest value; float32 out."""
    peak = np.abs(x).max(axis=1, keepdims=True, initial=0).astype(np.float32)
    step = np.where(peak > 0, peak / np.float32(_DYNAMIC_HIGHEST), np.float32(1))
    sums = np.rint(x.astype(np.float32) / step).astype(np.float64) @ kernel.astype(np.float64)
    return np.asarray(sums.astype(np.float32) * (step * scales.astype(np.float32)), np.float32)
