"""Convolutions of volumes."""

from __future__ import annotations

from typing import Any

from tfjslab.base.shapes import Shape
from tfjslab.formats.tflite.writer.node import NodeWriter, writes
from tfjslab.ops.conv3d import conv3d_of, transposed3d_of
from tfjslab.ops.volume import AXES, Volume


def _options(w: NodeWriter, v: Volume, padding: str) -> dict[str, Any]:
    """Strides and dilations. Fails on what the operators lack."""
    if v.data_format != "NDHWC":
        raise w.fail(f"its data_format is {v.data_format} without a batch; give it a batch of 1, or channels last")
    pairs = (("stride", v.stride), ("dilation", v.dilation))
    return {"padding": padding,
            **{f"{what}_{axis}": n for what, each in pairs for axis, n in zip("dhw", each, strict=True)}}


def _batched(w: NodeWriter, x: int, shape: Shape) -> int:
    """A volume with a batch."""
    return x if len(shape) > AXES + 1 else w.reshaped(x, (1, *shape))


@writes("Conv3D")
def _conv_3d(w: NodeWriter) -> int:
    """Padding that SAME does not mean is added before."""
    found = conv3d_of(w.shape(), w.shape(1), w.node.attrs)
    v, same = found.window, w.attr("padding") == "SAME"
    options = _options(w, v, "SAME" if same else "VALID")
    if found.groups > 1:
        raise w.fail(f"its channels are in {found.groups} groups, which CONV_3D lacks; split it into as many")
    x = _batched(w, w.x(), w.shape())
    if not same and any(map(any, v.pad)):
        lengths = (n + sum(p) for n, p in zip(v.in_size, v.pad, strict=True))
        edges = w.ints("paddings", [(0, 0), *v.pad, (0, 0)])
        x = w.op("PAD", [x, edges], (v.batch, *lengths, found.in_channels))
    made = w.op("CONV_3D", [x, w.x(1)], (v.batch, *v.out_size, found.out_channels), **options)
    return made if v.batched else w.reshaped(made, w.out.known_shape)


@writes("Conv3DTranspose")
def _transposed_3d(w: NodeWriter) -> int:
    """The output's shape, filters [depth, height, width, out, in], the volume."""
    found = transposed3d_of(w.shape(), w.shape(1), w.node.attrs)
    v, padding = found.window, w.attr("padding")
    options = _options(w, v, padding)
    if padding == "EXPLICIT" or any(d > 1 for d in v.dilation):
        raise w.fail(f"padding {padding} and dilations {list(v.dilation)}; CONV_3D_TRANSPOSE has SAME or VALID, and 1")
    shape = (v.batch, *v.in_size, found.in_channels)
    made = w.op("CONV_3D_TRANSPOSE", [w.ints("output_shape", shape), w.x(1), _batched(w, w.x(), w.shape())], shape,
                **options)
    return made if v.batched else w.reshaped(made, w.out.known_shape)
