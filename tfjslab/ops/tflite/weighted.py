"""Convolutions and dense layers: sums of products of integers, then a real multiplier for each output channel.

Filters are int8 with a scale for each output channel, or for all, and the zero point 0; those of uint8 models have one
scale and a zero point. The scales are an input; a bias is int32 in the sums' unit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import DTypeError, ShapeError
from tfjslab.base.shapes import broadcast
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.conv import (
    Conv,
    conv_of,
    convolve,
    depthwise_convolve,
    depthwise_of,
    transpose_convolve,
    transposed_of,
)
from tfjslab.ops.registry import Case, Spec, Specs, T, op
from tfjslab.ops.tflite.fixed_point import multiply, multiply_wide, quantize_multiplier, round_away
from tfjslab.ops.tflite.values import BOUNDS, F32, INTEGERS, OUT, X, Y, bounded, check
from tfjslab.ops.window import DILATIONS, EXPLICIT, PADDING, STRIDES

_EXACT_FLOAT32, _EXACT_FLOAT64 = 1 << 24, 1 << 53
_NHWC = {"data_format": "NHWC"}
_WEIGHTED = (*X, Attr("filter_zero", "int", 0), *OUT, *BOUNDS)
# Sums of int16 activations have 64 bits unless the file's bias has 32.
_CONV = (*_WEIGHTED, Attr("wide", "bool", default=False), STRIDES, PADDING, DILATIONS, EXPLICIT)


def _check(name: str, ins: Specs, channels: int) -> None:
    check(name, ins[:1], INTEGERS)
    wanted = "uint8" if ins[0].dtype == "uint8" else "int8"
    if ins[1].dtype != wanted:
        raise DTypeError(f"{name}: filter is {ins[1].dtype}; expected {wanted} where the input is {ins[0].dtype}")
    if ins[2].dtype != "float32" or ins[2].size not in (1, channels):
        raise ShapeError(f"{name}: filter_scale is {ins[2].dtype} {list(ins[2].known_shape)}; "
                         f"expected float32 [{channels}] or [1]")
    if len(ins) > 3 and (ins[3].dtype != "int32" or ins[3].known_shape != (channels,)):  # noqa: PLR2004
        raise ShapeError(f"{name}: bias is {ins[3].dtype} {list(ins[3].known_shape)}; expected int32 [{channels}]")


def exact_sums(
    x: Array, kernel: Array, zeros: tuple[int, int], reduced: tuple[int, ...], product: Callable[[Array, Array], Array],
) -> Array:
    """``product`` of integers without their zero points, as int64.

    It is computed in floats, which BLAS is fast at, of as many bits as hold all partial sums exactly. ``reduced`` are
    the axes of the kernel that are summed.
    """
    weights = kernel.astype(F32) - F32(zeros[1])
    info = np.iinfo(x.dtype)
    farthest = max(int(info.max) - zeros[0], zeros[0] - int(info.min))
    largest = farthest * float(np.abs(weights).sum(axis=reduced, dtype=np.float64).max(initial=0))
    kind: Any = F32 if largest < _EXACT_FLOAT32 else np.float64
    if largest >= _EXACT_FLOAT64:
        raise ShapeError(f"sums up to {largest:.3g} cannot be computed exactly")
    moved = x.astype(kind)
    moved -= zeros[0]
    return product(moved, weights.astype(kind, copy=False)).astype(np.int64)


def real_multipliers(dtype: Any, x_scale: float, filter_scale: Array, out_scale: float) -> Array:
    """What sums are multiplied by; of uint8 the product of the scales is rounded to float32."""
    scales = filter_scale.astype(F32).astype(np.float64)
    if dtype == np.uint8:
        return np.asarray((F32(x_scale) * scales.astype(F32)).astype(np.float64) / np.float64(F32(out_scale)))
    return np.asarray(np.float64(F32(x_scale)) * scales / np.float64(F32(out_scale)))


def _convolved(
    x: Array, kernel: Array, scale: Array, bias: Array | None, c: Conv, attrs: Attrs,
    product: Callable[[Array, Array, Conv], Array], reduced: tuple[int, ...] = (0, 1, 2),
) -> Array:
    zeros = attrs["x_zero"], attrs["filter_zero"]
    sums = exact_sums(x, kernel, zeros, reduced, lambda a, w: product(a, w, c))
    if bias is not None:
        sums += bias
    multiplier, shift = quantize_multiplier(real_multipliers(x.dtype, attrs["x_scale"], scale, attrs["out_scale"]))
    scaled = (multiply_wide if attrs["wide"] else multiply)(sums, multiplier, shift)
    scaled += attrs["out_zero"]
    return bounded(scaled, x.dtype, attrs["lowest"], attrs["highest"])


def _infer_conv(ins: Specs, attrs: Attrs) -> list[Spec]:
    c = conv_of("TflConv2D", ins[0].known_shape, ins[1].known_shape, {**attrs, **_NHWC})
    _check("TflConv2D", ins, c.out_channels)
    return [Spec(c.out_shape, ins[0].dtype)]


def _infer_depthwise(ins: Specs, attrs: Attrs) -> list[Spec]:
    c = depthwise_of("TflDepthwiseConv2D", ins[0].known_shape, ins[1].known_shape, {**attrs, **_NHWC})
    _check("TflDepthwiseConv2D", ins, c.out_channels)
    return [Spec(c.out_shape, ins[0].dtype)]


_SCALES = {"x_scale": 0.02, "x_zero": 3, "out_scale": 0.5, "out_zero": -5}
_UNSIGNED = {"x_scale": 0.02, "x_zero": 120, "filter_zero": 131, "out_scale": 0.5, "out_zero": 7}


def _signed(*shape: int) -> T:
    return T(shape, "int8", lo=-128, hi=127)


def _weights(*shape: int) -> T:
    return T(shape, "int8", lo=-127, hi=127)


def _bytes(*shape: int) -> T:
    return T(shape, "uint8", lo=0, hi=255)


def _bias(n: int) -> T:
    return T((n,), "int32", lo=-3000, hi=3000)


def _channel_scales(n: int) -> T:
    return T((n,), lo=0.001, hi=0.02)


@op("TflConv2D", "x filter filter_scale bias?", infer=_infer_conv, attrs=_CONV,
    flops=lambda ins, _outs, attrs: conv_of("", ins[0].known_shape, ins[1].known_shape, {**attrs, **_NHWC}).flops,
    cases=(
        # (5 - 3) * 2 * 0.25 / 0.5 = 2, and -5.
        Case((T((1, 1, 1, 1), "int8", values=[5]), T((1, 1, 1, 1), "int8", values=[2]), T((1,), values=[0.25])),
             {**_SCALES, "x_scale": 1.0}, expect=[-3]),
        Case((_signed(2, 6, 5, 3), _weights(3, 3, 3, 4), _channel_scales(4), _bias(4)),
             {**_SCALES, "padding": "SAME", "strides": [2]}),
        Case((_signed(1, 6, 6, 4), _weights(2, 2, 2, 6), _channel_scales(6), _bias(6)), {**_SCALES, "lowest": -5}),
        Case((_bytes(1, 6, 6, 3), T((3, 3, 3, 5), "uint8", lo=0, hi=255), T((1,), values=[0.004]), _bias(5)),
             {**_UNSIGNED, "dilations": [2], "highest": 200}),
        Case((T((1, 4, 4, 2), "int16", lo=-32768, hi=32767), _weights(3, 3, 2, 3), _channel_scales(3), _bias(3)),
             {"x_scale": 0.0002, "x_zero": 0, "out_scale": 0.001, "out_zero": 0, "wide": True}),
        Case((_signed(0, 6, 5, 3), _weights(3, 3, 3, 4), _channel_scales(4)), _SCALES),
    ))
def conv2d(x: Array, kernel: Array, scale: Array, bias: Array | None = None, **attrs: Any) -> Array:
    """CONV_2D in integers. The filter is [height, width, in, out]; padding stands for the real number 0."""
    c = conv_of("TflConv2D", x.shape, kernel.shape, {**attrs, **_NHWC})
    return _convolved(x, kernel, scale, bias, c, attrs, convolve)


@op("TflDepthwiseConv2D", "x filter filter_scale bias?", infer=_infer_depthwise, attrs=_CONV,
    flops=lambda ins, _outs, attrs: depthwise_of("", ins[0].known_shape, ins[1].known_shape, {**attrs, **_NHWC}).flops,
    cases=(
        Case((T((1, 1, 1, 1), "int8", values=[5]), T((1, 1, 1, 1), "int8", values=[2]), T((1,), values=[0.25])),
             {**_SCALES, "x_scale": 1.0}, expect=[-3]),
        Case((_signed(2, 6, 5, 3), _weights(3, 3, 3, 1), _channel_scales(3), _bias(3)),
             {**_SCALES, "padding": "SAME", "strides": [2]}),
        Case((_bytes(1, 6, 6, 3), T((3, 3, 3, 2), "uint8", lo=0, hi=255), T((1,), values=[0.004]), _bias(6)),
             {**_UNSIGNED, "highest": 200}),
        Case((_signed(1, 7, 6, 1), _weights(3, 4, 1, 8), _channel_scales(8), _bias(8)),
             {**_SCALES, "padding": "SAME", "strides": [2]}),
    ))
def depthwise(x: Array, kernel: Array, scale: Array, bias: Array | None = None, **attrs: Any) -> Array:
    """DEPTHWISE_CONV_2D in integers. The filter is [height, width, in, multiplier]."""
    c = depthwise_of("TflDepthwiseConv2D", x.shape, kernel.shape, {**attrs, **_NHWC})
    return _convolved(x, kernel, scale, bias, c, attrs, depthwise_convolve, (0, 1))


def _transposed_of(x: tuple[int, ...], kernel: tuple[int, ...], attrs: Attrs) -> Conv:
    return transposed_of(x, kernel, {**attrs, **_NHWC})


def _infer_transposed(ins: Specs, attrs: Attrs) -> list[Spec]:
    c = _transposed_of(ins[0].known_shape, ins[1].known_shape, attrs)
    _check("TflTransposeConv", ins, c.in_channels)
    return [Spec((c.window.batch, *c.window.in_size, c.in_channels), ins[0].dtype)]


@op("TflTransposeConv", "x filter filter_scale bias?", infer=_infer_transposed,
    attrs=(*_WEIGHTED, Attr("wide", "bool", default=False), Attr("output_shape", "dims"), STRIDES, PADDING, EXPLICIT),
    flops=lambda ins, _outs, attrs: _transposed_of(ins[0].known_shape, ins[1].known_shape, attrs).flops,
    cases=(
        Case((_signed(1, 3, 3, 2), _weights(3, 3, 4, 2), _channel_scales(4), _bias(4)),
             {**_SCALES, "output_shape": [1, 6, 6, 4], "padding": "SAME", "strides": [2]}),
        Case((T((1, 1, 1, 1), "int8", values=[5]), T((1, 2, 1, 1), "int8", values=[2, 4]), T((1,), values=[0.25])),
             {**_SCALES, "x_scale": 1.0, "output_shape": [1, 1, 2, 1]}, expect=[-3, -1]),
    ))
def transpose_conv(x: Array, kernel: Array, scale: Array, bias: Array | None = None, **attrs: Any) -> Array:
    """TRANSPOSE_CONV in integers. The filter is [height, width, out, in]."""
    c = _transposed_of(x.shape, kernel.shape, attrs)
    return _convolved(x, kernel, scale, bias, c, attrs, transpose_convolve, (0, 1, 3))


def _infer_dense(ins: Specs, _attrs: Attrs) -> list[Spec]:
    x, w = ins[0].known_shape, ins[1].known_shape
    if len(x) != 2 or len(w) != 2 or x[1] != w[0]:  # noqa: PLR2004 - matrices
        raise ShapeError(f"TflFullyConnected: {list(x)} times {list(w)}; expected [rows, k] times [k, units]")
    _check("TflFullyConnected", ins, w[1])
    return [Spec((x[0], w[1]), ins[0].dtype)]


@op("TflFullyConnected", "x filter filter_scale bias?", infer=_infer_dense, attrs=_WEIGHTED,
    flops=lambda ins, outs, _attrs: 2 * ins[0].known_shape[1] * outs[0].size,
    cases=(
        # (5 - 3) * 2 + (4 - 3) * 1 + 7 = 12, times 0.25 / 0.5 is 6.
        Case((T((1, 2), "int8", values=[5, 4]), T((2, 1), "int8", values=[2, 1]), T((1,), values=[0.25]),
              T((1,), "int32", values=[7])), {**_SCALES, "x_scale": 1.0}, expect=[1]),
        Case((_signed(3, 40), _weights(40, 5), _channel_scales(5), _bias(5)), {**_SCALES, "lowest": -5}),
        Case((_bytes(2, 9), T((9, 4), "uint8", lo=0, hi=255), T((1,), values=[0.004]), _bias(4)), _UNSIGNED),
        Case((_signed(2, 0), _weights(0, 4), T((1,), values=[0.004]), _bias(4)), _SCALES),
    ))
def fully_connected(x: Array, kernel: Array, scale: Array, bias: Array | None = None, **attrs: Any) -> Array:
    """FULLY_CONNECTED in integers as LiteRT since April 2025: one float64 product, rounded half away from zero.

    TensorFlow Lite Micro and older runtimes use the fixed point of convolutions here, which differs in the last bit.
    The filter is [in, units].
    """
    sums = exact_sums(x, kernel, (attrs["x_zero"], attrs["filter_zero"]), (0,), np.matmul)
    if bias is not None:
        sums += bias
    real = real_multipliers(np.int8, attrs["x_scale"], scale, attrs["out_scale"])
    return bounded(round_away(sums * real) + attrs["out_zero"], x.dtype, attrs["lowest"], attrs["highest"])


def _infer_batched(ins: Specs, attrs: Attrs) -> list[Spec]:
    check("TflBatchMatMul", ins, ("int8", "int16"))
    x, y = (s.known_shape for s in ins)
    if len(x) < 2 or len(y) < 2:  # noqa: PLR2004 - matrices
        raise ShapeError(f"TflBatchMatMul: {list(x)} times {list(y)}; expected matrices")
    (rows, depth), (inner, columns) = (s[-2:][:: -1 if attrs[a] else 1] for s, a in ((x, "adj_x"), (y, "adj_y")))
    if depth != inner:
        raise ShapeError(f"TflBatchMatMul: {list(x)} times {list(y)}: lengths {depth} and {inner} differ")
    return [Spec((*broadcast(x[:-2], y[:-2]), rows, columns), ins[0].dtype)]


@op("TflBatchMatMul", "x y", infer=_infer_batched, attrs=(
    *X, *Y, *OUT, Attr("adj_x", "bool", default=False), Attr("adj_y", "bool", default=False),
), flops=lambda ins, outs, attrs: 2 * outs[0].size * ins[0].known_shape[-2 if attrs["adj_x"] else -1], cases=(
    Case((T((1, 2), "int8", values=[5, 4]), T((2, 1), "int8", values=[2, 3])),
         {"x_scale": 0.5, "x_zero": 3, "y_scale": 0.5, "y_zero": 1, "out_scale": 0.5, "out_zero": -1}, expect=[1]),
))
def batch_matmul(x: Array, y: Array, *, adj_x: bool, adj_y: bool, **attrs: Any) -> Array:
    """BATCH_MATMUL in integers; of int16 with sums of 64 bits."""
    a, b = (np.swapaxes(side, -1, -2) if turned else side for side, turned in ((x, adj_x), (y, adj_y)))
    sums = exact_sums(a, b, (attrs["x_zero"], attrs["y_zero"]), (-2,), np.matmul)
    real = np.float64(F32(F32(attrs["x_scale"]) * F32(attrs["y_scale"]))) / np.float64(F32(attrs["out_scale"]))
    scaled = (multiply_wide if x.dtype == np.int16 else multiply)(sums, *quantize_multiplier(real))
    return bounded(scaled + attrs["out_zero"], x.dtype)
