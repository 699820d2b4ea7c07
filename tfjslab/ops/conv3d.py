"""Convolutions in three dimensions: plain and transposed.

Other backends run the plain ones, without groups, as convolutions of images; numpy computes the rest there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ShapeError
from tfjslab.base.shapes import Shape, size_of
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.elementwise import FLOAT, check_dtypes
from tfjslab.ops.facts import Facts
from tfjslab.ops.registry import Case, Spec, Specs, T, Tf, op
from tfjslab.ops.volume import AXES, DATA_FORMAT, Volume, volume, volume_parts
from tfjslab.ops.window import DILATIONS, EXPLICIT, PADDING, STRIDES

_FACTS = Facts(dtype="float32")
_ATTRS = (STRIDES, PADDING, DATA_FORMAT, DILATIONS, EXPLICIT)


@dataclass(frozen=True)
class Conv3D:
    """A convolution's window and channels. The filter is [depth, height, width, in_channels / groups, out_channels]."""

    window: Volume
    in_channels: int
    out_channels: int
    groups: int

    @property
    def flops(self) -> int:
        """Multiplications and additions."""
        w = self.window
        taps = size_of(w.size) * (self.in_channels // self.groups)
        return 2 * w.batch * size_of(w.out_size) * self.out_channels * taps


def conv3d_of(x: Shape, filter_shape: Shape, attrs: Attrs) -> Conv3D:
    """The geometry of Conv3D; ShapeError when shapes do not fit. Fewer channels in the filter mean groups."""
    size, per_group, out_channels = _filter("Conv3D", filter_shape)
    in_channels = volume_parts(x, attrs["data_format"], "Conv3D: input")[2]
    if 0 in (per_group, in_channels) or in_channels % per_group:
        raise ShapeError(
            f"Conv3D: input {list(x)} has {in_channels} channels; filter {list(filter_shape)} expects {per_group}",
        )
    groups = max(in_channels // per_group, 1)
    if out_channels % groups:
        raise ShapeError(f"Conv3D: {out_channels} output channels cannot be divided into {groups} groups")
    return Conv3D(volume(x, size, attrs, "Conv3D"), in_channels, out_channels, groups)


def transposed3d_of(x: Shape, filter_shape: Shape, attrs: Attrs) -> Conv3D:
    """The geometry of the convolution whose transpose Conv3DTranspose is: its ``out`` is the input here."""
    name, data_format = "Conv3DTranspose", attrs["data_format"]
    batch, size, channels = volume_parts(x, data_format, f"{name}: input")
    window, target_channels, in_channels = _filter(name, filter_shape)
    if channels != in_channels:
        raise ShapeError(
            f"{name}: input {list(x)} has {channels} channels; filter {list(filter_shape)} expects {in_channels}",
        )
    wanted = tuple(attrs["output_shape"])
    if len(wanted) != len(x):
        raise ShapeError(f"{name}: output_shape {list(wanted)} for an input of shape {list(x)}; expected one rank")
    found_batch, _, found_channels = volume_parts(wanted, data_format, f"{name}: output_shape")
    if found_batch not in (batch, -1) or found_channels not in (target_channels, -1):
        raise ShapeError(f"{name}: output_shape {list(wanted)}; expected batch {batch} and {target_channels} channels")
    w = volume(tuple(max(d, 0) for d in wanted), window, attrs, name)
    if w.out_size != size:
        raise ShapeError(f"{name}: output_shape {list(wanted)} belongs to an input of {w.out_size}, found {size}")
    return Conv3D(Volume(**{**vars(w), "batch": batch}), target_channels, in_channels, 1)


def _filter(name: str, shape: Shape) -> tuple[Shape, int, int]:
    if len(shape) != AXES + 2 or 0 in shape[:AXES]:
        expected = "[depth, height, width, in, out] with a window of 1 or more"
        raise ShapeError(f"{name}: filter {list(shape)}; expected {expected}")
    return shape[:AXES], shape[AXES], shape[AXES + 1]


def _infer_conv(ins: Specs, attrs: Attrs) -> list[Spec]:
    check_dtypes("Conv3D", ins, FLOAT)
    c = conv3d_of(ins[0].known_shape, ins[1].known_shape, attrs)
    return [Spec(c.window.shape(c.window.out_size, c.out_channels), ins[0].dtype)]


def _infer_transposed(ins: Specs, attrs: Attrs) -> list[Spec]:
    check_dtypes("Conv3DTranspose", ins, FLOAT)
    c = transposed3d_of(ins[0].known_shape, ins[1].known_shape, attrs)
    return [Spec(c.window.shape(c.window.in_size, c.in_channels), ins[0].dtype)]


@op("Conv3D", "x filter", infer=_infer_conv, attrs=_ATTRS, api="conv3d", facts=_FACTS, tf=[Tf("Conv3D", "x filter")],
    flops=lambda ins, _outs, attrs: conv3d_of(ins[0].known_shape, ins[1].known_shape, attrs).flops, cases=(
        Case((T((1, 2, 2, 2, 1), values=range(8)), T((2, 2, 2, 1, 1), values=[1, 0, 0, 0, 0, 0, 0, 2])), expect=[14]),
        Case((T((2, 4, 5, 3, 2)), T((2, 3, 2, 2, 4))), {"padding": "SAME"}),
        Case((T((1, 6, 5, 7, 3)), T((3, 2, 3, 3, 2))), {"strides": [1, 2, 1, 3, 1]}),
        Case((T((1, 6, 7, 5, 2)), T((2, 2, 2, 2, 3))), {"dilations": [1, 2, 3, 1, 1], "padding": "SAME"}),
        Case((T((1, 2, 4, 4, 4)), T((3, 3, 3, 2, 3))), {"data_format": "NCDHW", "padding": "SAME"}),
        Case((T((1, 3, 3, 3, 4)), T((2, 2, 2, 2, 6)))),  # two groups
        Case((T((1, 3, 3, 3, 1)), T((2, 2, 2, 1, 2))),
             {"padding": "EXPLICIT", "explicit_paddings": [0, 0, 1, 0, 0, 2, 1, 1, 0, 0]}),
        Case((T((3, 3, 3, 2)), T((2, 2, 2, 2, 1)))), Case((T((0, 3, 3, 3, 2)), T((2, 2, 2, 2, 1)))),
    ))
def conv3d(x: Array, kernel: Array, **attrs: Any) -> Array:
    """3-D convolution (cross-correlation) of [batch, depth, height, width, channels], or of one volume without batch.

    The filter is [depth, height, width, in, out]; groups are meant when it has fewer input channels than the volume.
    """
    c = conv3d_of(x.shape, kernel.shape, attrs)
    w = c.window
    padded = w.padded(w.to_ndhwc(x))
    out = np.zeros((w.batch, *w.out_size, c.groups, c.out_channels // c.groups), x.dtype)
    for place, reach in w.taps():  # BLAS does the work of each tap, and no tap is stored
        patch = padded[reach].reshape(*out.shape[:-1], c.in_channels // c.groups)
        per_group = kernel[place].reshape(patch.shape[-1], c.groups, out.shape[-1]).swapaxes(0, 1)
        out += (patch[..., None, :] @ per_group)[..., 0, :] if c.groups > 1 else patch @ per_group[0]
    return w.from_ndhwc(out.reshape(w.batch, *w.out_size, c.out_channels))


@op("Conv3DTranspose", "x filter", infer=_infer_transposed, api="conv3d_transpose", facts=_FACTS,
    attrs=(Attr("output_shape", "ints"), *_ATTRS), tf=[Tf("Conv3DBackpropInputV2", "@output_shape filter x")],
    flops=lambda ins, _outs, attrs: transposed3d_of(ins[0].known_shape, ins[1].known_shape, attrs).flops, cases=(
        Case((T((1, 1, 1, 1, 1), values=[2]), T((1, 2, 2, 1, 1), values=[1, 2, 3, 4])),
             {"output_shape": [1, 1, 2, 2, 1]}, expect=[2, 4, 6, 8]),
        Case((T((2, 2, 3, 2, 3)), T((3, 3, 2, 4, 3))),
             {"output_shape": [2, 4, 6, 4, 4], "strides": [2], "padding": "SAME"}),
        Case((T((1, 2, 2, 2, 2)), T((2, 2, 2, 1, 2))), {"output_shape": [-1, 3, 3, 3, -1]}),
        Case((T((1, 3, 2, 2, 2)), T((2, 2, 2, 2, 3))),
             {"output_shape": [1, 2, 4, 4, 4], "strides": [1, 1, 2, 2, 2], "data_format": "NCDHW"}),
        Case((T((2, 2, 2, 2)), T((2, 2, 2, 1, 2))), {"output_shape": [3, 3, 3, 1]}),
        Case((T((0, 2, 2, 2, 2)), T((2, 2, 2, 1, 2))), {"output_shape": [0, 3, 3, 3, 1]}),
    ))
def conv3d_transpose(x: Array, kernel: Array, **attrs: Any) -> Array:
    """Transposed convolution: what Conv3D would send back to its input. Filter [depth, height, width, out, in]."""
    c = transposed3d_of(x.shape, kernel.shape, attrs)
    w = c.window
    given = w.to_ndhwc(x)
    size = tuple(length + sum(pad) for length, pad in zip(w.in_size, w.pad, strict=True))
    out = np.zeros((w.batch, *size, c.in_channels), x.dtype)
    for place, reach in w.taps():
        out[reach] += given @ kernel[place].T
    inner = tuple(slice(pad[0], pad[0] + length) for length, pad in zip(w.in_size, w.pad, strict=True))
    return w.from_ndhwc(out[(slice(None), *inner)])
