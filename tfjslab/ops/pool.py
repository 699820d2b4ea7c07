"""Pooling."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.shapes import Shape
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.conv import from_nhwc, pad_image, to_nhwc
from tfjslab.ops.elementwise import FLOAT, NUMBER, check_dtypes
from tfjslab.ops.facts import FIRST, IMAGE_RANK, Facts
from tfjslab.ops.promotion import Promotion
from tfjslab.ops.registry import Case, Infer, Spec, Specs, T, Tf, op
from tfjslab.ops.window import DATA_FORMAT, EXPLICIT, PADDING, STRIDES, Window, image_parts, pair, window

_ATTRS = (Attr("ksize", "ints"), STRIDES, PADDING, DATA_FORMAT, EXPLICIT)


def pool_window(name: str, x: Shape, attrs: Attrs) -> Window:
    """The window of a pooling op; ShapeError when it does not fit."""
    return window(x, pair(attrs["ksize"], attrs["data_format"], f"{name}: ksize"), attrs, name)


def _infer(name: str, takes: tuple[str, ...]) -> Infer:
    def infer(ins: Specs, attrs: Attrs) -> list[Spec]:
        check_dtypes(name, ins, takes)
        w = pool_window(name, ins[0].known_shape, attrs)
        channels = image_parts(ins[0].known_shape, attrs["data_format"], name)[2]
        return [Spec(w.shape(w.out_size, channels), ins[0].dtype)]

    return infer


def _flops(ins: Specs, outs: Specs, attrs: Attrs) -> int:
    w = pool_window("pooling", ins[0].known_shape, attrs)
    return outs[0].size * w.size[0] * w.size[1]


_SQUARE = T((1, 4, 4, 1), values=range(16))
_TWO = {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1]}
_CASES = (
    Case((T((2, 7, 5, 3)),), {**_TWO, "padding": "SAME"}),
    Case((T((1, 6, 6, 8)),), {"ksize": [1, 3, 3, 1], "strides": [1, 2, 2, 1], "padding": "SAME"}),
    Case((T((1, 6, 7, 2)),), {"ksize": [1, 3, 2, 1], "strides": [1, 1, 2, 1]}),
    Case((T((1, 5, 6, 3)),), {"ksize": [3], "padding": "EXPLICIT", "explicit_paddings": [0, 0, 1, 0, 0, 2, 0, 0]}),
    Case((T((2, 3, 6, 5)),), {"ksize": [1, 1, 2, 2], "strides": [1, 1, 2, 2], "data_format": "NCHW",
                                 "padding": "SAME"}),
    Case((T((0, 4, 4, 3)),), _TWO), Case((T((1, 1, 1, 5)),), _TWO | {"padding": "SAME"}),
)
_ONE_STEP = {"ksize": [1, 2, 2, 1]}
_NANS = (
    Case((T((1, 3, 3, 1), values=[math.nan, 1, 2, 3, math.inf, 5, 6, 7, -math.inf]),), _ONE_STEP),
    Case((T((1, 2, 3, 1), values=[math.nan, math.nan, 2, math.nan, math.nan, math.nan]),), _ONE_STEP),
    Case((T((1, 2, 3, 4), values=[math.nan, 1, 2, 3, 4, math.nan, 5, 6] * 3),), _ONE_STEP),
)


@op("MaxPool", "x", infer=_infer("MaxPool", NUMBER), attrs=_ATTRS, flops=_flops, api="max_pool",
    tf=[Tf("MaxPool", "x")],
    facts=Facts(dtype=FIRST, rank=IMAGE_RANK, quantized="max", promotes=Promotion(NUMBER, back=True)),
    cases=(*_CASES, *_NANS, Case((_SQUARE,), _TWO, expect=[5, 7, 13, 15]),
           Case((T((1, 4, 4, 2), "int32", -9, -3),), _TWO)))
def max_pool(x: Array, **attrs: Any) -> Array:
    """Largest value in each window; neither padding nor NaN ever wins, as in TF.js."""
    w = pool_window("MaxPool", x.shape, attrs)
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    image = pad_image(to_nhwc(x, attrs["data_format"]), w, lowest)
    out = np.full((w.batch, *w.out_size, image.shape[3]), lowest, x.dtype)
    for _, _, (rows, cols) in w.taps():
        np.fmax(out, image[:, rows, cols], out=out)
    return from_nhwc(out, attrs["data_format"])


@op("AvgPool", "x", infer=_infer("AvgPool", FLOAT), attrs=_ATTRS, flops=_flops, api="avg_pool", tf=[Tf("AvgPool", "x")],
    facts=Facts(dtype="float32", rank=IMAGE_RANK, quantized="mean"),
    cases=(*_CASES, Case((_SQUARE,), _TWO, expect=[2.5, 4.5, 10.5, 12.5]),
           Case((T((1, 1, 3, 1), values=[1, 2, 3]),), {**_TWO, "padding": "SAME"}, expect=[1.5, 3])))
def avg_pool(x: Array, **attrs: Any) -> Array:
    """Mean of each window; padding counts neither in the sum nor in the number."""
    w = pool_window("AvgPool", x.shape, attrs)
    image = pad_image(to_nhwc(x, attrs["data_format"]), w)
    inside = pad_image(np.ones((1, *w.in_size, 1), x.dtype), w)
    out = np.zeros((w.batch, *w.out_size, image.shape[3]), x.dtype)
    count = np.zeros((1, *w.out_size, 1), x.dtype)
    for _, _, (rows, cols) in w.taps():
        out += image[:, rows, cols]
        count += inside[:, rows, cols]
    return from_nhwc(out / count, attrs["data_format"])


def _infer_argmax(ins: Specs, attrs: Attrs) -> list[Spec]:
    values = _infer("MaxPoolWithArgmax", FLOAT)(ins, {**attrs, "data_format": "NHWC"})[0]
    return [values, Spec(values.shape, "int32")]


@op("MaxPoolWithArgmax", "x", infer=_infer_argmax, num_outputs=2, api="max_pool_with_argmax",
    attrs=(*_ATTRS[:3], Attr("include_batch_in_index", "bool", default=False)), tf=[Tf("MaxPoolWithArgmax", "x")],
    flops=lambda ins, outs, attrs: _flops(ins, outs, {**attrs, "data_format": "NHWC"}), cases=(
        Case((T((1, 2, 2, 1), values=[1, 9, 3, 4]),), _TWO, expect=[9]),
        Case((T((2, 5, 4, 3)),), _TWO | {"padding": "SAME"}),
        Case((T((2, 5, 4, 3)),), {**_TWO, "ksize": [3], "include_batch_in_index": True}),
    ))
def max_pool_with_argmax(x: Array, *, include_batch_in_index: bool, **attrs: Any) -> list[Array]:
    """Largest value in each window, and where it stands among the elements of its image, or of the whole batch."""
    w = pool_window("MaxPoolWithArgmax", x.shape, {**attrs, "data_format": "NHWC"})
    within = np.arange(x.size, dtype=np.int32).reshape(x.shape)
    places = pad_image(within if include_batch_in_index else within % max(math.prod(x.shape[1:]), 1), w)
    image = pad_image(x, w, -np.inf)
    windows = [(image[:, rows, cols], places[:, rows, cols]) for _, _, (rows, cols) in w.taps()]
    best = np.argmax([values for values, _ in windows], axis=0)[None]
    return [np.take_along_axis(np.stack(a), best, 0)[0] for a in zip(*windows, strict=True)]
