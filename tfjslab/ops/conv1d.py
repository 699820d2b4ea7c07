"""Convolution along one axis, which is that of images of height 1: other backends run it as such."""

from __future__ import annotations

from typing import Any

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ShapeError
from tfjslab.base.shapes import Shape
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.conv import Conv, conv_of, convolve, from_nhwc, to_nhwc
from tfjslab.ops.elementwise import FLOAT, check_dtypes
from tfjslab.ops.facts import FIRST, Facts
from tfjslab.ops.registry import Case, Spec, Specs, T, Tf, op
from tfjslab.ops.window import EXPLICIT, PADDING

_ATTRS = (
    Attr("stride", "int", 1), PADDING, Attr("data_format", "word", "NWC", ("NWC", "NCW")), Attr("dilation", "int", 1),
    EXPLICIT,
)
_RANK, _PAIRS = 3, 6


def image_shape(x: Shape, attrs: Attrs) -> Shape:
    """The shape of a batch of sequences, or of one without a batch axis, as that of images of height 1."""
    *outer, first, second = x
    batch = outer or [1]
    return (*batch, 1, first, second) if attrs["data_format"] == "NWC" else (*batch, first, 1, second)


def conv2d_attrs(attrs: Attrs) -> dict[str, Any]:
    """The attributes of the Conv2D that computes it: windows and padding along the width only."""
    explicit = attrs["explicit_paddings"]
    if attrs["padding"] == "EXPLICIT" and len(explicit) != _PAIRS:
        raise ShapeError(f"Conv1D: explicit_paddings {list(explicit)}; expected 6 numbers")
    first = 2 if attrs["data_format"] == "NWC" else 4
    return {
        "strides": (1, attrs["stride"]), "dilations": (1, attrs["dilation"]), "padding": attrs["padding"],
        "data_format": "NHWC" if attrs["data_format"] == "NWC" else "NCHW",
        "explicit_paddings": (*explicit[:first], 0, 0, *explicit[first:]) if explicit else (),
    }


def _conv(x: Shape, kernel: Shape, attrs: Attrs) -> Conv:
    if len(x) not in (_RANK, _RANK - 1) or len(kernel) != _RANK:
        raise ShapeError(
            f"Conv1D: input {list(x)} with filter {list(kernel)}; expected rank 3 ({attrs['data_format']}), or 2 for "
            "one sequence, and a filter of [width, in, out]",
        )
    return conv_of("Conv1D", image_shape(x, attrs), (1, *kernel), conv2d_attrs(attrs))


def _out_shape(x: Shape, kernel: Shape, attrs: Attrs) -> Shape:
    """The output's shape: an image's without its height, and without the batch where there was none."""
    batch, *image = _conv(x, kernel, attrs).out_shape
    image.pop(0 if attrs["data_format"] == "NWC" else 1)
    return (batch, *image) if len(x) == _RANK else tuple(image)


def _infer(ins: Specs, attrs: Attrs) -> list[Spec]:
    check_dtypes("Conv1D", ins, FLOAT)
    return [Spec(_out_shape(ins[0].known_shape, ins[1].known_shape, attrs), ins[0].dtype)]


@op("Conv1D", "x filter", infer=_infer, attrs=_ATTRS, api="conv1d", facts=Facts(dtype="float32", rank=FIRST),
    flops=lambda ins, _outs, attrs: _conv(ins[0].known_shape, ins[1].known_shape, attrs).flops,
    tf=[Tf("Conv1D", "x filter")], cases=(
        Case((T((1, 4, 1), values=[1, 2, 3, 4]), T((2, 1, 1), values=[1, 10])), expect=[21, 32, 43]),
        Case((T((2, 9, 3)), T((3, 3, 4))), {"padding": "SAME"}),
        Case((T((2, 9, 3)), T((2, 3, 4))), {"stride": 2, "padding": "SAME"}),
        Case((T((1, 11, 2)), T((3, 2, 5))), {"dilation": 3}), Case((T((7, 2)), T((3, 2, 5)))),
        Case((T((2, 3, 8)), T((3, 3, 4))), {"data_format": "NCW", "padding": "SAME"}),
        Case((T((1, 5, 2)), T((3, 2, 2))), {"padding": "EXPLICIT", "explicit_paddings": [0, 0, 2, 1, 0, 0]}),
        Case((T((0, 5, 2)), T((3, 2, 2)))),
    ))
def conv1d(x: Array, kernel: Array, **attrs: Any) -> Array:
    """1-D convolution (cross-correlation) of [batch, width, channels], or of one sequence without batch.

    The filter is [width, in, out].
    """
    c = _conv(x.shape, kernel.shape, attrs)
    data_format = c.window.data_format
    images = to_nhwc(x.reshape(image_shape(x.shape, attrs)), data_format)
    out = from_nhwc(convolve(images, kernel[None], c), data_format)
    return out.reshape(_out_shape(x.shape, kernel.shape, attrs))
