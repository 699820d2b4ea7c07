"""The geometry of convolutions and pooling: one record from shapes and attributes, for every op and every backend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tfjslab.base.dtypes import MOST_BYTES_PER_ELEMENT, Array
from tfjslab.base.errors import ShapeError
from tfjslab.base.limits import check_memory, in_time
from tfjslab.base.shapes import Shape, checked_shape, size_of, window_output, window_padding, window_stride
from tfjslab.ops.attrs import Attr, Attrs

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]

FORMATS = ("NHWC", "NCHW")
PADDINGS = ("SAME", "VALID", "EXPLICIT")
STRIDES = Attr("strides", "ints", (1,))
PADDING = Attr("padding", "word", "VALID", PADDINGS)
DATA_FORMAT = Attr("data_format", "word", "NHWC", FORMATS)
DILATIONS = Attr("dilations", "ints", (1,))
EXPLICIT = Attr("explicit_paddings", "ints", ())
_RANK = 4


@dataclass(frozen=True)
class Window:
    """How a window moves over an image. Heights come before widths; sizes are those without padding.

    ``in_`` is what the window reads and ``out`` has one element for each of its positions, so that a transposed
    convolution, which goes from ``out`` to ``in_``, is described by the same record.
    """

    batch: int
    in_size: Pair
    out_size: Pair
    size: Pair
    stride: Pair
    dilation: Pair
    pad: Pads
    data_format: str

    def taps(self) -> Iterator[tuple[int, int, tuple[slice, slice]]]:
        """For each element of the window: its place in the window and the padded image's rows and columns it meets."""
        rows, columns = map(range, self.size)
        for i in rows:
            for j in in_time(columns, "the next element of the window"):
                yield i, j, (self._reach(0, i), self._reach(1, j))

    def _reach(self, axis: int, offset: int) -> slice:
        start = offset * self.dilation[axis]
        return slice(start, start + (self.out_size[axis] - 1) * self.stride[axis] + 1, self.stride[axis])

    @property
    def is_whole_image(self) -> bool:
        """Whether the one position of the window is the image itself: the same size, and no padding that moves it."""
        return self.size == self.in_size and self.out_size == (1, 1) and not any(map(any, self.pad))

    @property
    def padded_size(self) -> Pair:
        """Height and width with padding."""
        (top, bottom), (left, right) = self.pad
        return self.in_size[0] + top + bottom, self.in_size[1] + left + right

    def shape(self, size: Pair, channels: int) -> Shape:
        """The shape of an image of ``size`` in this data format."""
        return image_shape(self.batch, size, channels, self.data_format)


def check_padded(batch: int, size: Shape, pad: Sequence[Pair], channels: int, where: str) -> None:
    """LimitError where an input with its padding is too large: a large dilation makes much of a small one.

    Shape rules ask this, so that a model is refused on all backends or on none; not every backend makes that copy.
    """
    what = f"{where}: the input with its padding"
    shape = checked_shape((batch, *(length + sum(p) for length, p in zip(size, pad, strict=True)), channels), what)
    if any(map(any, pad)):
        check_memory(what, size_of(shape) * MOST_BYTES_PER_ELEMENT)


def padded(x: Array, pad: Sequence[Pair], value: float = 0) -> Array:
    """A batch with channels last, with padding around the axes between; itself where there is none."""
    if not any(map(any, pad)):
        return x
    return np.pad(x, ((0, 0), *pad, (0, 0)), constant_values=value)


def image_shape(batch: int, size: Pair, channels: int, data_format: str) -> Shape:
    """Put the parts of an image's shape in order."""
    return (batch, *size, channels) if data_format == "NHWC" else (batch, channels, *size)


def image_parts(shape: Shape, data_format: str, where: str) -> tuple[int, Pair, int]:
    """Batch, (height, width) and channels of an image's shape; ShapeError unless it has rank 4."""
    if len(shape) != _RANK:
        raise ShapeError(f"{where}: shape {list(shape)}; expected rank 4 ({data_format})")
    n, *rest = shape
    h, w, c = rest if data_format == "NHWC" else (*rest[1:], rest[0])
    return n, (h, w), c


def pair(values: Sequence[int], data_format: str, where: str) -> Pair:
    """Height and width out of a list of 1, 2 or 4 positive numbers; batch and channels must be 1."""
    if any(v < 1 for v in values) or len(values) not in (1, 2, _RANK):
        raise ShapeError(f"{where} {list(values)}: expected 1, 2 or 4 numbers >= 1")
    if len(values) == 1:
        return values[0], values[0]
    if len(values) == _RANK:
        n, (h, w), c = image_parts(tuple(values), data_format, where)
        if (n, c) != (1, 1):
            raise ShapeError(f"{where} {list(values)}: expected 1 for batch and channels")
        return h, w
    return values[0], values[1]


def dilation_of(attrs: Attrs, where: str) -> Pair:
    """Height and width of the dilations of a convolution, (1, 1) where it has none.

    Those of batch and channels are not looked at, as in TF.js: BodyPix says [2, 2, 1, 1], and runs with (2, 1).
    """
    values, data_format = attrs.get("dilations", (1,)), attrs["data_format"]
    pixels = image_parts(tuple(values), data_format, "")[1] if len(values) == _RANK else values
    return pair(pixels, data_format, f"{where}: dilations")


def window(x: Shape, size: Pair, attrs: Attrs, where: str) -> Window:
    """The window of ``size`` over an image of shape ``x``, by the attributes of a convolution or pooling.

    Raises ShapeError when it does not fit.
    """
    data_format = attrs["data_format"]
    batch, in_size, channels = image_parts(x, data_format, f"{where}: input")
    stride = pair(attrs["strides"], data_format, f"{where}: strides")
    dilation = dilation_of(attrs, where)
    explicit = attrs.get("explicit_paddings", ())
    if data_format == "NCHW" and len(explicit) == 2 * _RANK:
        explicit = (*explicit[:2], *explicit[4:], *explicit[2:4])
    pad = window_padding(attrs["padding"], explicit, in_size, size, stride, dilation)
    if min(min(p) for p in pad) < 0:
        raise ShapeError(f"{where}: explicit_paddings {list(explicit)}; expected numbers >= 0")
    out = tuple(window_output(*p) for p in zip(in_size, size, stride, dilation, pad, strict=True))
    check_padded(batch, in_size, pad, channels, where)
    down, across = (window_stride(*p) for p in zip(in_size, stride, pad, strict=True))
    return Window(batch, in_size, (out[0], out[1]), size, (down, across), dilation, pad, data_format)
