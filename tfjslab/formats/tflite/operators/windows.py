"""Convolutions, pools, dense layers and resizing."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfjslab.formats.tflite.operator import Operator, operator

OHWI_TO_HWIO = (1, 2, 3, 0)
OHWI_TO_HWOI = (1, 2, 0, 3)


def window_attrs(op: Operator, *, dilated: bool = True) -> dict[str, Any]:
    """Strides, padding and dilations."""
    found = {"strides": [1, op.option("stride_h"), op.option("stride_w"), 1], "padding": op.option("padding")}
    if dilated:
        found["dilations"] = [1, op.option("dilation_h"), op.option("dilation_w"), 1]
    return found


def _bias(op: Operator, i: int) -> list[str]:
    return [op.value(i)] if op.has(i) else []


def _convolved(op: Operator, kind: str, fused_kind: str, filters: str) -> str:
    """The convolution with its bias and activation, in one node where there are any."""
    bias = _bias(op, 2)
    if not bias:  # TensorFlow.js leaves an activation out that stands in a kernel without one
        return op.activated(op.add(kind, op.value(0), filters, **window_attrs(op)))
    out = op.add(fused_kind, op.value(0), filters, *bias, fused_ops=_steps(op), **window_attrs(op))
    return out if op.fused else op.activated(out)


def _steps(op: Operator) -> list[str]:
    """What follows in the same kernel."""
    return ["BiasAdd", op.fused] if op.fused else ["BiasAdd"]


@operator("CONV_2D")
def _conv_2d(op: Operator) -> str:
    """Filters are [out, height, width, in]. With fewer channels than the input, they are those of its groups."""
    image, filters = op.tensor(0).dims, op.tensor(1).dims
    if len(image) != 4 or len(filters) != 4:  # noqa: PLR2004 - of images and of filters
        raise op.fail(f"an image {list(image)} and filters {list(filters)}; expected four dimensions of each")
    channels, (out, *_, per_group) = image[-1], filters
    if channels and per_group and channels != per_group:
        return _grouped(op, channels, per_group, out or 0)
    return _convolved(op, "Conv2D", "_FusedConv2D", turned(op, 1, OHWI_TO_HWIO))


def _grouped(op: Operator, channels: int, per_group: int, out: int) -> str:
    """A convolution for each group of channels; of one channel each, it is a depthwise one."""
    groups = channels // per_group
    if channels % per_group or out % groups:
        raise op.fail(f"{channels} channels, filters of {per_group} channels and {out} outputs")
    if per_group == 1:
        each = op.weights(1).transpose(1, 2, 3, 0)
        made = op.make_constant(each.reshape(*each.shape[:2], channels, out // channels), "filters")
        return _convolved(op, "DepthwiseConv2dNative", "FusedDepthwiseConv2dNative", made)
    parts = op.several("Split", op.value(0), num_split=groups, axis=3).outputs
    filters = np.split(op.weights(1).transpose(OHWI_TO_HWIO), groups, axis=3)
    window = window_attrs(op)
    joined = op.add("ConcatV2", *(op.add("Conv2D", x, op.make_constant(f, "filters"), **window)
                                  for x, f in zip(parts, filters, strict=True)), axis=3)
    for bias in _bias(op, 2):
        joined = op.add("BiasAdd", joined, bias)
    return op.activated(joined)


@operator("DEPTHWISE_CONV_2D")
def _depthwise(op: Operator) -> str:
    return _convolved(op, "DepthwiseConv2dNative", "FusedDepthwiseConv2dNative", depthwise_filters(op))


def depthwise_filters(op: Operator) -> str:
    """Filters [height, width, in, multiplier] of [1, height, width, in * multiplier]."""
    filters, image = op.constant(1), op.tensor(0).dims
    channels = image[-1] if image else None
    dims = op.tensor(1).dims if filters is None else filters.shape
    if len(dims) != 4 or not channels or not dims[3] or dims[3] % channels:  # noqa: PLR2004 - of filters
        raise op.fail(f"filters {list(dims)} for {channels} channels")
    shape = [*(d or -1 for d in dims[1:3]), channels, dims[3] // channels]
    return (op.add("Reshape", op.value(1), shape=shape) if filters is None
            else op.make_constant(filters.reshape(shape), "filters"))


@operator("TRANSPOSE_CONV")
def _transposed(op: Operator) -> str:
    """The output's shape, filters [out, height, width, in], the image, and perhaps a bias."""
    attrs = window_attrs(op, dilated=False)
    out = op.add("Conv2DBackpropInput", turned_for_transpose(op, 1), op.value(2), output_shape=op.attr(0), **attrs)
    for bias in _bias(op, 3):
        out = op.add("BiasAdd", out, bias)
    return op.activated(out)


def turned_for_transpose(op: Operator, i: int) -> str:
    """Filters [out, height, width, in] as a transposed convolution has them."""
    return turned(op, i, OHWI_TO_HWOI)


def turned(op: Operator, i: int, axes: tuple[int, ...]) -> str:
    """Filters in TensorFlow's order: once, where they are known."""
    found = op.constant(i)
    if found is None:
        return op.add("Transpose", op.value(i), perm=list(axes))
    if found.ndim != len(axes):
        raise op.fail(f"filters {list(found.shape)}; expected {len(axes)} dimensions")
    return op.make_constant(found.transpose(axes), "filters")


def _pooled(op: Operator, kind: str, x: str) -> str:
    size = [1, op.option("filter_height"), op.option("filter_width"), 1]
    return op.add(kind, x, ksize=size, **window_attrs(op, dilated=False))


@operator("AVERAGE_POOL_2D")
def _average_pool(op: Operator) -> str:
    return op.activated(_pooled(op, "AvgPool", op.value(0)))


@operator("MAX_POOL_2D")
def _max_pool(op: Operator) -> str:
    return op.activated(_pooled(op, "MaxPool", op.value(0)))


@operator("L2_POOL_2D")
def _l2_pool(op: Operator) -> str:
    return op.activated(op.add("Sqrt", _pooled(op, "AvgPool", op.add("Square", op.value(0)))))


@operator("FULLY_CONNECTED")
def _fully_connected(op: Operator) -> str:
    """Weights are [out, in]; all but the last dimension of the input are rows, which the output may keep."""
    weights, (units, depth, dims) = op.constant(1), dense_dims(op)
    rows = op.add("Reshape", op.value(0), shape=[-1, depth])
    kernel = (op.add("Transpose", op.value(1), perm=[1, 0]) if weights is None
              else op.make_constant(weights.T, "weights"))
    bias = _bias(op, 2)
    if bias:
        out = op.add("_FusedMatMul", rows, kernel, *bias, fused_ops=_steps(op))
        out = out if op.fused else op.bent(out, op.option("activation"))
    else:
        out = op.bent(op.add("MatMul", rows, kernel), op.option("activation"))
    return op.add("Reshape", out, shape=[*dims, units]) if dims else out


def dense_dims(op: Operator) -> tuple[int, int, list[int]]:
    """Units, depth, and the lengths before the units where the output keeps those of the input, else none."""
    if op.option("weights_format"):
        raise op.fail("weights in shuffled order are not supported")
    weights = op.constant(1)
    shape = op.tensor(1).dims if weights is None else weights.shape
    if len(shape) != 2:  # noqa: PLR2004 - of a matrix
        raise op.fail(f"weights {list(shape)}; expected 2 dimensions")
    units, depth = shape
    if units is None or depth is None:
        raise op.fail(f"weights {list(shape)}; expected known lengths")
    dims = op.tensor(0).dims
    if not op.option("keep_num_dims") or len(dims) == 2:  # noqa: PLR2004 - rows are what there is
        return units, depth, []
    if sum(d is None for d in dims[:-1]) > 1:
        raise op.fail(f"an input {list(dims)} with several open lengths is not supported")
    return units, depth, [-1 if d is None else d for d in dims[:-1]]


@operator("BATCH_MATMUL")
def _batch_matmul(op: Operator) -> str:
    return op.add("BatchMatMulV2", op.value(0), op.value(1), adj_x=bool(op.option("adj_x")),
                  adj_y=bool(op.option("adj_y")))


def _resized(op: Operator, kind: str) -> str:
    return op.add(kind, op.value(0), size=op.attr(1), align_corners=bool(op.option("align_corners")),
                  half_pixel_centers=bool(op.option("half_pixel_centers")))


@operator("RESIZE_BILINEAR")
def _resize_bilinear(op: Operator) -> str:
    return _resized(op, "ResizeBilinear")


@operator("RESIZE_NEAREST_NEIGHBOR")
def _resize_nearest(op: Operator) -> str:
    return _resized(op, "ResizeNearestNeighbor")


@operator("LOCAL_RESPONSE_NORMALIZATION")
def _lrn(op: Operator) -> str:
    return op.add("LRN", op.value(0), depth_radius=op.option("radius"),
                  **{name: op.option(name) for name in ("bias", "alpha", "beta")})


