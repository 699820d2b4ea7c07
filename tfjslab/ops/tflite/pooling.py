"""Pools, means and places of the largest value."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ShapeError
from tfjslab.base.shapes import normalize_axes, normalize_axis, size_of
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.conv import pad_image
from tfjslab.ops.pool import pool_window
from tfjslab.ops.reduction import reduced_shape
from tfjslab.ops.registry import Case, Infer, Spec, Specs, T, op
from tfjslab.ops.tflite.fixed_point import divide, multiply, quantize_multiplier
from tfjslab.ops.tflite.values import BOUNDS, F32, OUT, X, bounded, check
from tfjslab.ops.window import PADDING, STRIDES, Window

_POOL = (Attr("ksize", "ints"), STRIDES, PADDING, *BOUNDS)
_LONG_BITS, _WORD_BITS = 32, 31


def _window(name: str, x: tuple[int, ...], attrs: Attrs) -> Window:
    return pool_window(name, x, {**attrs, "data_format": "NHWC"})


def _infer_pool(name: str) -> Infer:
    def infer(ins: Specs, attrs: Attrs) -> list[Spec]:
        check(name, ins)
        w = _window(name, ins[0].known_shape, attrs)
        return [Spec(w.shape(w.out_size, ins[0].known_shape[3]), ins[0].dtype)]

    return infer


def _flops(ins: Specs, outs: Specs, attrs: Attrs) -> int:
    return outs[0].size * size_of(_window("pooling", ins[0].known_shape, attrs).size)


_SQUARE = T((1, 2, 2, 1), "int8", values=[-1, -2, -3, -4])
_IMAGES = (T((2, 5, 6, 3), "int8", lo=-128, hi=127), T((1, 7, 4, 5), "uint8", lo=0, hi=255))


@op("TflAveragePool2D", "x", infer=_infer_pool("TflAveragePool2D"), attrs=_POOL, flops=_flops, cases=(
    Case((_SQUARE,), {"ksize": [2]}, expect=[-3]),  # -2.5
    *(Case((x,), {"ksize": [3, 2], "strides": [2], "padding": "SAME", "lowest": 5}) for x in _IMAGES),
))
def average_pool(x: Array, *, lowest: int | None, highest: int | None, **attrs: Any) -> Array:
    """AVERAGE_POOL_2D of stored integers: the mean of the valid cells, rounded half away from zero."""
    w = _window("TflAveragePool2D", x.shape, attrs)
    image, inside = pad_image(x.astype(np.int64), w), pad_image(np.ones((1, *w.in_size, 1), np.int64), w)
    sums = np.zeros((w.batch, *w.out_size, x.shape[3]), np.int64)
    count = np.zeros((1, *w.out_size, 1), np.int64)
    for _, _, (rows, cols) in w.taps():
        sums += image[:, rows, cols]
        count += inside[:, rows, cols]
    return bounded(divide(sums + np.sign(sums) * (count // 2), np.maximum(count, 1)), x.dtype, lowest, highest)


@op("TflMaxPool2D", "x", infer=_infer_pool("TflMaxPool2D"), attrs=_POOL, flops=_flops, cases=(
    Case((_SQUARE,), {"ksize": [2]}, expect=[-1]),
    *(Case((x,), {"ksize": [3, 2], "strides": [2], "padding": "SAME", "highest": 100}) for x in _IMAGES),
))
def max_pool(x: Array, *, lowest: int | None, highest: int | None, **attrs: Any) -> Array:
    """MAX_POOL_2D of stored integers; padding never wins."""
    w = _window("TflMaxPool2D", x.shape, attrs)
    least = int(np.iinfo(x.dtype).min)
    image = pad_image(x, w, least)
    out = np.full((w.batch, *w.out_size, x.shape[3]), least, x.dtype)
    for _, _, (rows, cols) in w.taps():
        np.maximum(out, image[:, rows, cols], out=out)
    return bounded(out, x.dtype, lowest, highest)


AXES = (Attr("axis", "ints", None), Attr("keep_dims", "bool", default=False))


def infer_reduced(name: str) -> Infer:
    """Shape rule: there are elements along the axes, which are left out or of length 1."""
    def infer(ins: Specs, attrs: Attrs) -> list[Spec]:
        check(name, ins)
        shape = ins[0].known_shape
        axes = normalize_axes(attrs["axis"], len(shape))
        if 0 in [shape[a] for a in axes]:
            raise ShapeError(f"{name}: {list(shape)} has no elements along axes {list(axes)}")
        return [Spec(reduced_shape(shape, axes, keep=attrs["keep_dims"]), ins[0].dtype)]

    return infer


@op("TflMean", "x", infer=infer_reduced("TflMean"), attrs=(*X, *OUT, *AXES),
    flops=lambda ins, _outs, _attrs: ins[0].size, cases=(
    Case((_SQUARE,), {"x_scale": 0.5, "x_zero": 0, "out_scale": 0.25, "out_zero": 1, "axis": [1, 2]}, expect=[-4]),
    *(Case((x,), {"x_scale": 0.3, "x_zero": 4, "out_scale": 0.2, "out_zero": 9, "axis": [1, 2], "keep_dims": True})
      for x in _IMAGES),
))
def mean(x: Array, *, axis: tuple[int, ...] | None, keep_dims: bool, **attrs: Any) -> Array:
    """MEAN in integers: the number of elements is part of the multiplier."""
    axes = normalize_axes(axis, x.ndim)
    count = size_of([x.shape[a] for a in axes])
    sums = np.asarray(x.sum(axis=axes, keepdims=keep_dims, dtype=np.int64)) - attrs["x_zero"] * count
    scaled = multiply(sums, *(np.int64(v) for v in mean_multiplier(attrs, count)))
    return bounded(scaled + attrs["out_zero"], x.dtype)


def mean_multiplier(attrs: Attrs, count: int) -> tuple[int, int]:
    """What the sum of ``count`` elements is multiplied by, and its shift."""
    real = np.float64(F32(attrs["x_scale"])) / np.float64(F32(attrs["out_scale"]))
    multiplier, shift = (int(v) for v in quantize_multiplier(real))
    bits = min(count.bit_length() - 1, _LONG_BITS, _WORD_BITS + shift)
    return (multiplier << bits) // count, shift - bits


def _infer_place(ins: Specs, attrs: Attrs) -> list[Spec]:
    check("TflArgMax", ins)
    shape = ins[0].known_shape
    axis = normalize_axis(attrs["axis"], len(shape))
    if not shape or not shape[axis]:
        raise ShapeError(f"TflArgMax: {list(shape)} has no elements along axis {axis}")
    return [Spec((*shape[:axis], *shape[axis + 1 :]), "int32")]


@op("TflArgMax", "x", infer=_infer_place, attrs=(Attr("axis", "int", -1), Attr("smallest", "bool", default=False)),
    flops=lambda ins, _outs, _attrs: ins[0].size, cases=(
        Case((T((2, 3), "int8", values=[1, 5, 5, -1, -7, -7]),), expect=[1, 0]),
        Case((T((2, 3), "int8", values=[1, 5, 5, -1, -7, -7]),), {"smallest": True}, expect=[0, 1]),
        *(Case((x,), {"axis": 1}) for x in _IMAGES),
    ))
def arg_max(x: Array, *, axis: int, smallest: bool) -> Array:
    """ARG_MAX, or ARG_MIN, of stored integers: the first place of the largest, or smallest, as int32."""
    return np.asarray((np.argmin if smallest else np.argmax)(x, axis=axis)).astype(np.int32)
