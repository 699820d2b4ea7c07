"""Convolutions: plain, depthwise and transposed, and the first two with what was fused to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ShapeError
from tfjslab.base.shapes import Shape
from tfjslab.ops import expr as ex
from tfjslab.ops.activations import epilogue
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.elementwise import FLOAT, check_dtypes
from tfjslab.ops.facts import IMAGE_RANK, Facts
from tfjslab.ops.registry import Case, Spec, Specs, T, Tf, op
from tfjslab.ops.window import (
    DATA_FORMAT,
    DILATIONS,
    EXPLICIT,
    PADDING,
    STRIDES,
    Window,
    image_parts,
    padded,
    window,
)

_IMAGE = Facts(dtype="float32", rank=IMAGE_RANK)
_CONV, _DEPTHWISE = replace(_IMAGE, quantized="conv"), replace(_IMAGE, quantized="depthwise")
_ATTRS = (STRIDES, PADDING, DATA_FORMAT, DILATIONS, EXPLICIT)
FUSED_ATTRS = (
    Attr("fused_ops", "strs", ()), Attr("epsilon", "float", 1e-4), Attr("leakyrelu_alpha", "float", 0.2),
)


@dataclass(frozen=True)
class Conv:
    """A convolution's window and channels. The filter is [height, width, in_channels / groups, out_channels].

    For a depthwise one ``groups`` is ``in_channels`` and the filter is [height, width, in_channels, multiplier].
    """

    window: Window
    in_channels: int
    out_channels: int
    groups: int

    @property
    def out_shape(self) -> Shape:
        """The output's shape."""
        return self.window.shape(self.window.out_size, self.out_channels)

    @property
    def flops(self) -> int:
        """Multiplications and additions."""
        w = self.window
        taps = w.size[0] * w.size[1] * (self.in_channels // self.groups)
        return 2 * w.batch * w.out_size[0] * w.out_size[1] * self.out_channels * taps


def conv_of(name: str, x: Shape, filter_shape: Shape, attrs: Attrs) -> Conv:
    """The geometry of Conv2D (or its fused form) ``name``; ShapeError when shapes do not fit."""
    height, width, per_group, out_channels = _filter(name, filter_shape)
    in_channels = image_parts(x, attrs["data_format"], f"{name}: input")[2]
    if 0 in (per_group, in_channels) or in_channels % per_group:
        raise ShapeError(
            f"{name}: input {list(x)} has {in_channels} channels; filter {list(filter_shape)} expects {per_group}",
        )
    groups = max(in_channels // per_group, 1)
    if out_channels % groups:
        raise ShapeError(f"{name}: {out_channels} output channels cannot be divided into {groups} groups")
    return Conv(window(x, (height, width), attrs, name), in_channels, out_channels, groups)


def depthwise_of(name: str, x: Shape, filter_shape: Shape, attrs: Attrs) -> Conv:
    """The geometry of DepthwiseConv2dNative (or its fused form) ``name``; ShapeError when shapes do not fit."""
    height, width, in_channels, multiplier = _filter(name, filter_shape)
    found = image_parts(x, attrs["data_format"], f"{name}: input")[2]
    if found != in_channels:
        raise ShapeError(
            f"{name}: input {list(x)} has {found} channels; filter {list(filter_shape)} expects {in_channels}",
        )
    return Conv(window(x, (height, width), attrs, name), in_channels, in_channels * multiplier, in_channels)


def transposed_of(x: Shape, filter_shape: Shape, attrs: Attrs) -> Conv:
    """The geometry of the convolution whose transpose Conv2DBackpropInput is: its ``out`` is the input here."""
    name = "Conv2DBackpropInput"
    data_format = attrs["data_format"]
    batch, size, channels = image_parts(x, data_format, f"{name}: input")
    height, width, target_channels, in_channels = _filter(name, filter_shape)
    if channels != in_channels:
        raise ShapeError(
            f"{name}: input {list(x)} has {channels} channels; filter {list(filter_shape)} expects {in_channels}",
        )
    wanted = tuple(attrs["output_shape"])
    found_batch, _, found_channels = image_parts(wanted, data_format, f"{name}: output_shape")
    if found_batch not in (batch, -1) or found_channels not in (target_channels, -1):
        raise ShapeError(f"{name}: output_shape {list(wanted)}; expected batch {batch} and {target_channels} channels")
    target = tuple(max(d, 0) for d in (batch, *wanted[1:]))
    w = window(target, (height, width), attrs, name)
    if w.out_size != size:
        raise ShapeError(f"{name}: output_shape {list(wanted)} belongs to an input of {w.out_size}, found {size}")
    return Conv(w, target_channels, in_channels, 1)


def _filter(name: str, shape: Shape) -> tuple[int, int, int, int]:
    if len(shape) != 4 or 0 in shape[:2]:  # noqa: PLR2004 - height, width, in, out
        raise ShapeError(f"{name}: filter {list(shape)}; expected [height, width, in, out] with a window of 1 or more")
    return shape[0], shape[1], shape[2], shape[3]


# ---- numpy -----------------------------------------------------------------------------------------------------------


def to_nhwc(x: Array, data_format: str) -> Array:
    """The image with channels last, as a view."""
    return x if data_format == "NHWC" else x.transpose(0, 2, 3, 1)


def from_nhwc(x: Array, data_format: str) -> Array:
    """Undo ``to_nhwc``."""
    return x if data_format == "NHWC" else np.ascontiguousarray(x.transpose(0, 3, 1, 2))


def pad_image(x: Array, w: Window, value: float = 0) -> Array:
    """An NHWC image with the window's padding around it."""
    return padded(x, w.pad, value)


def convolve(x: Array, kernel: Array, c: Conv) -> Array:
    """Sum of one matrix product for each tap: BLAS does the work and no tap is stored. NHWC in and out."""
    image = pad_image(x, c.window)
    n, (h, w) = c.window.batch, c.window.out_size
    out: Array | None = None
    for i, j, (rows, cols) in c.window.taps():
        patch = image[:, rows, cols]
        if c.groups == 1:
            part = patch.reshape(-1, c.in_channels) @ kernel[i, j]
        else:
            grouped = patch.reshape(-1, c.groups, c.in_channels // c.groups).swapaxes(0, 1)
            per_group = kernel[i, j].reshape(-1, c.groups, c.out_channels // c.groups).swapaxes(0, 1)
            part = (grouped @ per_group).swapaxes(0, 1)
        out = part if out is None else np.add(out, part, out=out)
    return np.asarray(out).reshape(n, h, w, c.out_channels)


def depthwise_convolve(x: Array, kernel: Array, c: Conv) -> Array:
    """Products of each tap with its channels, summed. NHWC in and out."""
    image = pad_image(x, c.window)
    n, (h, w) = c.window.batch, c.window.out_size
    out = np.zeros((n, h, w, c.in_channels, c.out_channels // max(c.in_channels, 1)), x.dtype)
    for i, j, (rows, cols) in c.window.taps():
        out += image[:, rows, cols, :, None] * kernel[i, j]
    return out.reshape(n, h, w, c.out_channels)


def transpose_convolve(x: Array, kernel: Array, c: Conv) -> Array:
    """The transpose of ``convolve``: each element of ``x`` adds its window to the image. NHWC in and out."""
    w = c.window
    out = np.zeros((w.batch, *w.padded_size, c.in_channels), x.dtype)
    for i, j, (rows, cols) in w.taps():
        out[:, rows, cols] += x @ kernel[i, j].T
    (top, _), (left, _) = w.pad
    return out[:, top : top + w.in_size[0], left : left + w.in_size[1]]


# ---- rules shared by the ops -----------------------------------------------------------------------------------------


def check_epilogue(name: str, fused_ops: Sequence[str], args: Specs, channels: int) -> None:
    """ShapeError unless there is one value per channel (or one for all) for each input that ``fused_ops`` need."""
    wanted = epilogue(fused_ops).num_args
    if len(args) != wanted:
        raise ShapeError(f"{name}: fused_ops {list(fused_ops)} take {wanted} inputs, found {len(args)}")
    for a in args:
        shape = a.known_shape
        if a.size not in (1, channels) or (shape and shape[-1] != a.size):
            raise ShapeError(f"{name}: an input of shape {list(shape)} is fused; expected [{channels}]")


def run_epilogue(sums: Array, args: Sequence[Array], fused_ops: Sequence[str], **params: Any) -> Array:
    """Apply what is fused to an array whose last axis are the channels."""
    return epilogue(fused_ops).run(sums, [a.reshape(-1) for a in args], params)


def _infer_conv(ins: Specs, attrs: Attrs) -> list[Spec]:
    check_dtypes("Conv2D", ins, FLOAT)
    return [Spec(conv_of("Conv2D", ins[0].known_shape, ins[1].known_shape, attrs).out_shape, ins[0].dtype)]


def _infer_depthwise(ins: Specs, attrs: Attrs) -> list[Spec]:
    name = "DepthwiseConv2dNative"
    check_dtypes(name, ins, FLOAT)
    return [Spec(depthwise_of(name, ins[0].known_shape, ins[1].known_shape, attrs).out_shape, ins[0].dtype)]


def _infer_fused_conv(ins: Specs, attrs: Attrs) -> list[Spec]:
    check_dtypes("FusedConv2D", ins, FLOAT)
    c = conv_of("FusedConv2D", ins[0].known_shape, ins[1].known_shape, attrs)
    check_epilogue("FusedConv2D", attrs["fused_ops"], ins[2:], c.out_channels)
    return [Spec(c.out_shape, ins[0].dtype)]


def _infer_fused_depthwise(ins: Specs, attrs: Attrs) -> list[Spec]:
    check_dtypes("FusedDepthwiseConv2D", ins, FLOAT)
    c = depthwise_of("FusedDepthwiseConv2D", ins[0].known_shape, ins[1].known_shape, attrs)
    check_epilogue("FusedDepthwiseConv2D", attrs["fused_ops"], ins[2:], c.out_channels)
    return [Spec(c.out_shape, ins[0].dtype)]


def _infer_transposed(ins: Specs, attrs: Attrs) -> list[Spec]:
    check_dtypes("Conv2DBackpropInput", ins, FLOAT)
    c = transposed_of(ins[0].known_shape, ins[1].known_shape, attrs)
    return [Spec(c.window.shape(c.window.in_size, c.in_channels), ins[0].dtype)]


def _flops_conv(ins: Specs, outs: Specs, attrs: Attrs) -> int:
    c = conv_of("Conv2D", ins[0].known_shape, ins[1].known_shape, attrs)
    return c.flops + outs[0].size * ex.flops(epilogue(attrs.get("fused_ops", ())).expr)


def _flops_depthwise(ins: Specs, outs: Specs, attrs: Attrs) -> int:
    c = depthwise_of("DepthwiseConv2dNative", ins[0].known_shape, ins[1].known_shape, attrs)
    return c.flops + outs[0].size * ex.flops(epilogue(attrs.get("fused_ops", ())).expr)


def _flops_transposed(ins: Specs, _outs: Specs, attrs: Attrs) -> int:
    return transposed_of(ins[0].known_shape, ins[1].known_shape, attrs).flops


# ---- cases and ops ---------------------------------------------------------------------------------------------------

_ONES = T((1, 3, 3, 1), values=range(1, 10))
_CONV_CASES = (
    # As large as the image: alone, and moved or spread by padding, where it is no plain product any more.
    Case((T((2, 3, 3, 5)), T((3, 3, 5, 4)))),
    Case((T((2, 3, 3, 5)), T((3, 3, 5, 4))),
         {"padding": "EXPLICIT", "explicit_paddings": [0, 0, 1, 0, 1, 0, 0, 0], "strides": [1, 2, 2, 1]}),
    Case((T((2, 3, 3, 5)), T((3, 3, 5, 4))), {"padding": "SAME", "dilations": [1, 2, 2, 1], "strides": [1, 3, 3, 1]}),
    Case((_ONES, T((2, 2, 1, 1), values=[1, 2, 3, 4])), {}, expect=[37, 47, 67, 77]),
    Case((T((2, 7, 5, 3)), T((3, 3, 3, 4))), {"padding": "SAME"}),
    Case((T((1, 8, 8, 16)), T((1, 1, 16, 24)))),
    Case((T((2, 9, 8, 3)), T((3, 3, 3, 5))), {"strides": [1, 2, 2, 1], "padding": "SAME"}),
    Case((T((1, 10, 9, 2)), T((3, 2, 2, 8))), {"dilations": [1, 2, 3, 1]}),
    Case((T((1, 7, 6, 2)), T((3, 2, 2, 8))), {"dilations": [2, 2, 1, 1]}),
    Case((T((1, 6, 7, 4)), T((5, 5, 4, 3))), {"padding": "EXPLICIT", "explicit_paddings": [0, 0, 2, 1, 0, 3, 0, 0]}),
    Case((T((2, 3, 7, 6)), T((3, 3, 3, 4))),
         {"data_format": "NCHW", "strides": [1, 1, 2, 1], "padding": "SAME"}),
    Case((T((1, 3, 5, 6)), T((3, 3, 3, 4))),
         {"data_format": "NCHW", "padding": "EXPLICIT", "explicit_paddings": [0, 0, 0, 0, 1, 2, 0, 1]}),
    Case((T((1, 5, 5, 6)), T((3, 3, 2, 9)))),  # three groups
    Case((T((1, 6, 5, 3)), T((4, 4, 3, 2))), {"strides": [3], "padding": "SAME"}),
    Case((T((0, 5, 5, 3)), T((3, 3, 3, 4)))),
    Case((T((1, 1, 1, 19)), T((1, 1, 19, 33)))),
)


@op("Conv2D", "x filter", infer=_infer_conv, attrs=_ATTRS, flops=_flops_conv, api="conv2d", cases=_CONV_CASES,
    tf=[Tf("Conv2D", "x filter")], facts=_CONV)
def conv2d(x: Array, kernel: Array, **attrs: Any) -> Array:
    """2-D convolution (cross-correlation). Groups are meant when the filter has fewer input channels than the image."""
    c = conv_of("Conv2D", x.shape, kernel.shape, attrs)
    return from_nhwc(convolve(to_nhwc(x, attrs["data_format"]), kernel, c), attrs["data_format"])


_DEPTHWISE_CASES = (
    Case((_ONES, T((2, 2, 1, 1), values=[1, 2, 3, 4])), {}, expect=[37, 47, 67, 77]),
    Case((T((2, 7, 5, 8)), T((3, 3, 8, 1))), {"padding": "SAME"}),
    Case((T((1, 7, 8, 5)), T((3, 3, 5, 1))), {"strides": [1, 2, 2, 1], "padding": "SAME"}),
    Case((T((2, 6, 6, 3)), T((2, 3, 3, 2)))),
    Case((T((1, 9, 9, 4)), T((3, 3, 4, 1))), {"dilations": [1, 2, 2, 1], "padding": "SAME"}),
    Case((T((1, 8, 8, 6)), T((5, 5, 6, 1))), {"padding": "EXPLICIT", "explicit_paddings": [0, 0, 1, 2, 2, 1, 0, 0]}),
    Case((T((1, 4, 7, 6)), T((3, 3, 4, 1))), {"data_format": "NCHW", "padding": "SAME"}),
    Case((T((0, 4, 4, 3)), T((3, 3, 3, 1)))),
)


@op("DepthwiseConv2dNative", "x filter", infer=_infer_depthwise, attrs=_ATTRS, flops=_flops_depthwise,
    api="depthwise_conv2d", cases=_DEPTHWISE_CASES, facts=_DEPTHWISE,
    tf=[Tf("DepthwiseConv2dNative", "x filter"), Tf("DepthwiseConv2d", "x filter", write=False)])
def depthwise_conv2d(x: Array, kernel: Array, **attrs: Any) -> Array:
    """2-D convolution of each channel by itself; output channel k * multiplier + m comes from input channel k."""
    c = depthwise_of("DepthwiseConv2dNative", x.shape, kernel.shape, attrs)
    return from_nhwc(depthwise_convolve(to_nhwc(x, attrs["data_format"]), kernel, c), attrs["data_format"])


_BATCH_NORM = (T((4,)), T((4,)), T((4,)), T((4,), lo=0.1, hi=2))


def _fused_cases(x: T, kernel: T) -> tuple[Case, ...]:
    """Each activation once, on 4 output channels."""
    bias, same = T((4,)), {"padding": "SAME"}
    return (
        Case((x, kernel, bias), {"fused_ops": ["BiasAdd"]}),
        *(Case((x, kernel, bias), {"fused_ops": ["BiasAdd", a], **same})
          for a in ("Relu", "Relu6", "Elu", "Sigmoid", "Tanh")),
        Case((x, kernel, bias), {"fused_ops": ["BiasAdd", "LeakyRelu"], "leakyrelu_alpha": 0.3, "strides": [2]}),
        Case((x, kernel, bias, T((4,))), {"fused_ops": ["BiasAdd", "Prelu"]}),
        Case((x, kernel), {"fused_ops": ["Relu"]}), Case((x, kernel), {}),
        Case((x, kernel, *_BATCH_NORM), {"fused_ops": ["FusedBatchNorm", "Relu"], "epsilon": 1e-3}),
    )


@op("FusedConv2D", "x filter *args", infer=_infer_fused_conv, attrs=(*_ATTRS, *FUSED_ATTRS), flops=_flops_conv,
    api="fused_conv2d", facts=replace(_CONV, core="Conv2D"), tf=[Tf("_FusedConv2D", "x filter *args")], cases=(
        *_fused_cases(T((2, 6, 5, 3)), T((3, 3, 3, 4))),
        Case((T((1, 3, 6, 6)), T((3, 3, 3, 4)), T((4,))), {"fused_ops": ["BiasAdd", "Relu"], "data_format": "NCHW"}),
        Case((T((1, 1, 1, 1), values=[2]), T((1, 1, 1, 2), values=[1, -1]), T((2,), values=[0.5, 0.5])),
             {"fused_ops": ["BiasAdd", "Relu"]}, expect=[2.5, 0]),
    ))
def fused_conv2d(x: Array, kernel: Array, *args: Array, **attrs: Any) -> Array:
    """Conv2D, then the steps of ``fused_ops``, whose inputs follow the filter in order."""
    c = conv_of("FusedConv2D", x.shape, kernel.shape, attrs)
    sums = convolve(to_nhwc(x, attrs["data_format"]), kernel, c)
    return from_nhwc(run_epilogue(sums, args, **{a.name: attrs[a.name] for a in FUSED_ATTRS}), attrs["data_format"])


@op("FusedDepthwiseConv2D", "x filter *args", infer=_infer_fused_depthwise, attrs=(*_ATTRS, *FUSED_ATTRS),
    flops=_flops_depthwise, api="fused_depthwise_conv2d", tf=[Tf("FusedDepthwiseConv2dNative", "x filter *args")],
    cases=_fused_cases(T((2, 6, 5, 4)), T((3, 3, 4, 1))), facts=replace(_DEPTHWISE, core="DepthwiseConv2dNative"))
def fused_depthwise_conv2d(x: Array, kernel: Array, *args: Array, **attrs: Any) -> Array:
    """DepthwiseConv2dNative, then the steps of ``fused_ops``, whose inputs follow the filter in order."""
    c = depthwise_of("FusedDepthwiseConv2D", x.shape, kernel.shape, attrs)
    sums = depthwise_convolve(to_nhwc(x, attrs["data_format"]), kernel, c)
    return from_nhwc(run_epilogue(sums, args, **{a.name: attrs[a.name] for a in FUSED_ATTRS}), attrs["data_format"])


@op("Conv2DBackpropInput", "x filter", infer=_infer_transposed, flops=_flops_transposed, api="conv2d_transpose",
    facts=_IMAGE, attrs=(Attr("output_shape", "ints"), *_ATTRS),
    tf=[Tf("Conv2DBackpropInput", "@output_shape filter x")], cases=(
        Case((T((1, 1, 1, 1), values=[2]), T((2, 2, 1, 1), values=[1, 2, 3, 4])), {"output_shape": [1, 2, 2, 1]},
             expect=[2, 4, 6, 8]),
        Case((T((2, 4, 5, 3)), T((3, 3, 6, 3))), {"output_shape": [2, 8, 10, 6], "strides": [2], "padding": "SAME"}),
        Case((T((1, 3, 3, 2)), T((2, 2, 4, 2))), {"output_shape": [1, 6, 6, 4], "strides": [1, 2, 2, 1]}),
        Case((T((1, 5, 4, 2)), T((3, 3, 3, 2))), {"output_shape": [1, 5, 4, 3], "padding": "SAME"}),
        Case((T((1, 4, 5, 5)), T((3, 3, 3, 4))),
             {"output_shape": [1, 3, 10, 9], "strides": [1, 1, 2, 2], "padding": "SAME", "data_format": "NCHW"}),
    ))
def conv2d_transpose(x: Array, kernel: Array, **attrs: Any) -> Array:
    """Transposed convolution: what Conv2D would send back to its input. Filter [height, width, out, in]."""
    c = transposed_of(x.shape, kernel.shape, attrs)
    return from_nhwc(transpose_convolve(to_nhwc(x, attrs["data_format"]), kernel, c), attrs["data_format"])
