"""Convolutions, pools, products and resizing."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from tfjslab.base.shapes import Shape, window_padding
from tfjslab.formats.tflite.operators.windows import OHWI_TO_HWIO, OHWI_TO_HWOI
from tfjslab.formats.tflite.writer.node import NodeWriter, writes
from tfjslab.formats.tflite.writer.operators.composed import bias_of, stepped
from tfjslab.ops.conv import Conv, conv_of, depthwise_of, transposed_of
from tfjslab.ops.conv1d import conv2d_attrs, image_shape
from tfjslab.ops.pool import pool_window
from tfjslab.ops.window import Window

_FILTER = 2  # where further inputs of a fused op begin
_MATRIX = 2
_LOWEST = -float(np.finfo(np.float32).max)  # what loses every comparison


def _check(w: NodeWriter) -> None:
    """Fail on what no kernel takes."""
    if w.dtype() != "float32":
        raise w.fail(f"it works on {w.dtype()}; kernels take floats, or integers with scales")


def _strides(window: Window) -> dict[str, Any]:
    return {"stride_h": window.stride[0], "stride_w": window.stride[1]}


def _dilations(window: Window) -> dict[str, Any]:
    return {"dilation_h": window.dilation[0], "dilation_w": window.dilation[1]}


def _padded(w: NodeWriter, window: Window, x: int, value: float = 0) -> tuple[int, str]:
    """The image and the word for its padding; edges that no word means are added before."""
    pad = window.pad
    if not any(map(any, pad)):
        return x, "VALID"
    if pad == window_padding("SAME", (), window.in_size, window.size, window.stride, window.dilation):
        return x, "SAME"
    shape = (window.batch, *window.padded_size, w.shape()[-1])
    edges = w.ints("paddings", [(0, 0), *pad, (0, 0)])
    if value == 0:
        return w.op("PAD", [x, edges], shape), "VALID"
    return w.op("PADV2", [x, edges, w.number("edge", value)], shape), "VALID"


def _turned(w: NodeWriter, i: int, perm: tuple[int, ...]) -> int:
    """Input ``i`` with its axes in another order: once, where it is known."""
    found = w.constant(i)
    if found is not None:
        return w.add("weights", found.transpose(perm))
    shape = tuple(w.shape(i)[p] for p in perm)
    return w.op("TRANSPOSE", [w.x(i), w.ints("perm", perm)], shape)


def _inverse(perm: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(p) for p in np.argsort(perm))


@writes("Conv2D", "FusedConv2D")
def _conv(w: NodeWriter) -> int:
    _check(w)
    found = conv_of(w.node.op, w.shape(), w.shape(1), w.node.attrs)
    return _convolved(w, "CONV_2D", found, _turned(w, 1, _inverse(OHWI_TO_HWIO)))


@writes("DepthwiseConv2dNative", "FusedDepthwiseConv2D")
def _depthwise(w: NodeWriter) -> int:
    """Filters are [1, height, width, channels * multiplier]."""
    _check(w)
    found = depthwise_of(w.node.op, w.shape(), w.shape(1), w.node.attrs)
    height, width, channels, multiplier = w.shape(1)
    shape, weights = (1, height, width, channels * multiplier), w.constant(1)
    filters = (w.op("RESHAPE", [w.x(1), w.ints("shape", shape)], shape) if weights is None
               else w.add("weights", weights.reshape(shape)))
    return _convolved(w, "DEPTHWISE_CONV_2D", found, filters, depth_multiplier=multiplier)


def _convolved(
    w: NodeWriter, operator: str, found: Conv, filters: int, image: int | None = None, shape: Shape | None = None,
    **more: Any,
) -> int:
    """The sums and what follows them. ``image`` and ``shape`` are those of the operator where the node has others."""
    window, units = found.window, found.out_channels
    x, padding = _padded(w, window, w.x() if image is None else image)
    given = [x, filters, bias_of(w, _FILTER, units)]
    made = w.op(operator, given, shape, padding=padding, **_strides(window), **_dilations(window), **more)
    return stepped(w, made, _FILTER, units)


@writes("Conv2DBackpropInput")
def _transposed(w: NodeWriter) -> int:
    """The output's shape, filters [out, height, width, in], the image."""
    _check(w)
    window = transposed_of(w.shape(), w.shape(1), w.node.attrs).window
    if window.dilation != (1, 1):
        raise w.fail(f"dilations {list(window.dilation)} of a transposed convolution, which TRANSPOSE_CONV lacks")
    same = window_padding("SAME", (), window.in_size, window.size, window.stride, window.dilation)
    if any(map(any, window.pad)) and window.pad != same:
        raise w.fail(f"paddings {list(window.pad)} of a transposed convolution; TRANSPOSE_CONV has SAME or none")
    padding = "SAME" if any(map(any, window.pad)) else "VALID"
    shape = w.ints("output_shape", w.out.known_shape)
    filters = _turned(w, 1, _inverse(OHWI_TO_HWOI))
    return w.op("TRANSPOSE_CONV", [shape, filters, w.x()], padding=padding, **_strides(window))


def _pooled(operator: str, w: NodeWriter) -> int:
    _check(w)
    window = pool_window(w.node.op, w.shape(), w.node.attrs)
    x, padding = _padded(w, window, w.x(), _LOWEST)
    if x != w.x() and operator == "AVERAGE_POOL_2D":
        raise w.fail(f"paddings {list(window.pad)} of a mean; AVERAGE_POOL_2D has SAME or none")
    size: dict[str, Any] = {"filter_height": window.size[0], "filter_width": window.size[1]}
    return w.op(operator, [x], padding=padding, **_strides(window), **size)


for _op, _name in {"MaxPool": "MAX_POOL_2D", "AvgPool": "AVERAGE_POOL_2D"}.items():
    writes(_op)(partial(_pooled, _name))


@writes("BatchMatMul", "_FusedMatMul")
def _product(w: NodeWriter) -> int:
    """With a known matrix, FULLY_CONNECTED, whose weights are [out, in]."""
    _check(w)
    units, weights = w.out.known_shape[-1], w.constant(1)
    if weights is not None and weights.ndim == _MATRIX and w.rank() >= _MATRIX and not w.attr("transpose_a"):
        matrix = w.add("weights", weights if w.attr("transpose_b") else weights.T)
        given = [w.x(), matrix, bias_of(w, _FILTER, units)]
        made = w.op("FULLY_CONNECTED", given, keep_num_dims=w.rank() > _MATRIX)
        return stepped(w, made, _FILTER, units)
    made = w.op("BATCH_MATMUL", [w.x(), w.x(1)], adj_x=w.attr("transpose_a"), adj_y=w.attr("transpose_b"))
    return stepped(w, made, _FILTER, -1)


def _resized(operator: str, w: NodeWriter) -> int:
    flags = {name: w.attr(name) for name in ("align_corners", "half_pixel_centers")}
    return w.op(operator, [w.cast(0, w.out.dtype), w.ints("size", w.attr("size"))], **flags)


for _op, _name in {"ResizeBilinear": "RESIZE_BILINEAR", "ResizeNearestNeighbor": "RESIZE_NEAREST_NEIGHBOR"}.items():
    writes(_op)(partial(_resized, _name))


@writes("Conv1D")
def _conv_1d(w: NodeWriter) -> int:
    """That of images of one row."""
    _check(w)
    attrs = conv2d_attrs(w.node.attrs)
    if attrs["data_format"] != "NHWC":
        raise w.fail(f"its data_format is {w.attr('data_format')} without a batch; give it a batch of 1, or channels "
                     "last")
    weights = w.constant(1)
    if weights is None:
        raise w.fail("its filter is computed when the model runs")
    image = image_shape(w.shape(), w.node.attrs)
    found = conv_of(w.node.op, image, (1, *weights.shape), attrs)
    filters = w.add("weights", weights[None].transpose(_inverse(OHWI_TO_HWIO)))
    made = _convolved(w, "CONV_2D", found, filters, image=w.reshaped(w.x(), image), shape=found.out_shape)
    return w.reshaped(made, w.out.known_shape)
