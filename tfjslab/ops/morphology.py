"""Grayscale dilation of images. numpy computes it on every backend."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ShapeError
from tfjslab.base.shapes import Shape
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.conv import pad_image
from tfjslab.ops.elementwise import NUMBER, check_dtypes
from tfjslab.ops.facts import FIRST, Facts
from tfjslab.ops.registry import Case, Spec, Specs, T, Tf, op
from tfjslab.ops.window import DILATIONS, EXPLICIT, PADDING, STRIDES, Window, image_parts, window

_FORMAT = Attr("data_format", "word", "NHWC", ("NHWC",))
_FILTER_RANK = 3
_LOWEST = -(2**53 - 1)  # of a window without a number above it: where TensorFlow.js begins to compare


def _window(x: Shape, filter_shape: Shape, attrs: Attrs) -> Window:
    """The window; an image without a batch axis is a batch of one, as in TensorFlow.js."""
    channels = image_parts(_batch(x), "NHWC", "Dilation2D: input")[2]
    if len(filter_shape) != _FILTER_RANK or 0 in filter_shape[:2] or filter_shape[2] != channels:
        raise ShapeError(
            f"Dilation2D: filter {list(filter_shape)} for an input of {list(x)}; "
            f"expected [height, width, {channels}] with a window of 1 or more",
        )
    return window(_batch(x), (filter_shape[0], filter_shape[1]), attrs, "Dilation2D")


def _batch(x: Shape) -> Shape:
    return (1, *x) if len(x) == _FILTER_RANK else x


def _infer(ins: Specs, attrs: Attrs) -> list[Spec]:
    check_dtypes("Dilation2D", ins, NUMBER)
    x, kernel = ins[0].known_shape, ins[1].known_shape
    w = _window(x, kernel, attrs)
    shape = w.shape(w.out_size, kernel[2])
    return [Spec(shape if len(x) > _FILTER_RANK else shape[1:], ins[0].dtype)]


def _flops(ins: Specs, outs: Specs, _attrs: Attrs) -> int:
    height, width, _ = ins[1].known_shape
    return 2 * outs[0].size * height * width


@op("Dilation2D", "x filter", infer=_infer, attrs=(STRIDES, PADDING, DILATIONS, _FORMAT, EXPLICIT), flops=_flops,
    api="dilation2d", facts=Facts(dtype=FIRST, rank=FIRST), tf=[Tf("Dilation2D", "x filter", {"dilations": "rates"})],
    cases=(
        Case((T((1, 2, 2, 1), values=[1, 2, 3, 4]), T((2, 2, 1), values=[0, 5, 0, 0])), expect=[7]),
        Case((T((2, 5, 4, 3)), T((3, 2, 3))), {"padding": "SAME"}),
        Case((T((1, 7, 8, 2)), T((2, 3, 2))), {"strides": [1, 2, 3, 1]}),
        Case((T((1, 7, 8, 2)), T((2, 2, 2))), {"dilations": [1, 2, 3, 1], "padding": "SAME"}),
        Case((T((1, 3, 4, 2)), T((3, 2, 2))), {"padding": "EXPLICIT", "explicit_paddings": [0, 0, 1, 0, 0, 2, 0, 0]}),
        Case((T((4, 4, 2)), T((2, 2, 2)))), Case((T((0, 4, 4, 2)), T((2, 2, 2)))),
        Case((T((1, 4, 4, 2), "int32", -9, -5), T((2, 2, 2), "int32", -3, 3)), {"padding": "SAME"}),
        Case((T((1, 1, 2, 1), values=[np.nan, 1]), T((1, 1, 1), values=[2])), expect=[_LOWEST, 3]),
    ))
def dilation2d(x: Array, kernel: Array, **attrs: Any) -> Array:
    """Largest sum of a pixel and the filter's element over it; padding and NaN never win.

    x is [batch, height, width, channels] or one image without batch; the filter is [height, width, channels].
    """
    w = _window(x.shape, kernel.shape, attrs)
    wide = x.astype(np.result_type(x.dtype, np.int64)) if x.dtype.kind == "i" else x  # so that no sum wraps around
    padded = pad_image(wide if x.ndim > _FILTER_RANK else wide[None], w, -np.inf if x.dtype.kind == "f" else _LOWEST)
    out = np.full((w.batch, *w.out_size, x.shape[-1]), _LOWEST, wide.dtype)
    for i, j, (rows, cols) in w.taps():
        np.fmax(out, padded[:, rows, cols] + kernel[i, j], out=out)
    return (out if x.ndim > _FILTER_RANK else out[0]).astype(x.dtype)
