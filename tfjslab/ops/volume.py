"""The geometry of convolutions and pooling in three dimensions: one record from shapes and attributes.

A batch is [batch, depth, height, width, channels] (NDHWC) or has the channels second (NCDHW). One volume without a
batch axis is taken as a batch of one, as TensorFlow.js does.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ShapeError
from tfjslab.base.limits import LIMITS, check_limit, in_time
from tfjslab.base.shapes import Shape, checked_shape, same_padding, size_of, window_output, window_stride
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.window import check_padded, padded

AXES = 3
RANK = AXES + 2
FORMATS = ("NDHWC", "NCDHW")
DATA_FORMAT = Attr("data_format", "word", "NDHWC", FORMATS)

Pads = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Volume:
    """How a window moves over a volume: depths, then heights, then widths; sizes are those without padding."""

    batch: int
    in_size: Shape
    out_size: Shape
    size: Shape
    stride: Shape
    dilation: Shape
    pad: Pads
    data_format: str
    batched: bool

    def taps(self) -> Iterator[tuple[Shape, tuple[slice, ...]]]:
        """For each element of the window: its place in it, and what to index the padded NDHWC volume with."""
        for place in in_time(itertools.product(*map(range, self.size)), "the next element of the window"):
            reach = (
                slice(p * d, p * d + (out - 1) * s + 1, s)
                for p, d, out, s in zip(place, self.dilation, self.out_size, self.stride, strict=True)
            )
            yield place, (slice(None), *reach)

    def shape(self, size: Shape, channels: int) -> Shape:
        """The shape of volumes of ``size`` in this data format; LimitError when it is too large."""
        inner = (*size, channels) if self.data_format == "NDHWC" else (channels, *size)
        return checked_shape((self.batch, *inner) if self.batched else inner, "volume")

    def to_ndhwc(self, x: Array) -> Array:
        """A batch with channels last, as a view."""
        batch = x if self.batched else x[None]
        return batch if self.data_format == "NDHWC" else np.moveaxis(batch, 1, -1)

    def from_ndhwc(self, x: Array) -> Array:
        """Undo ``to_ndhwc``."""
        out = x if self.data_format == "NDHWC" else np.ascontiguousarray(np.moveaxis(x, -1, 1))
        return out if self.batched else out[0]

    def padded(self, x: Array, value: float = 0) -> Array:
        """An NDHWC batch with the window's padding around it."""
        return padded(x, self.pad, value)


def volume_parts(shape: Shape, data_format: str, where: str) -> tuple[int, Shape, int]:
    """Batch (1 where there is none), (depth, height, width) and channels; ShapeError unless the rank is 5 or 4."""
    if len(shape) not in (RANK, RANK - 1):
        raise ShapeError(f"{where}: shape {list(shape)}; expected rank 5 ({data_format}), or 4 for one volume")
    batch, *rest = shape if len(shape) == RANK else (1, *shape)
    size, channels = (rest[:-1], rest[-1]) if data_format == "NDHWC" else (rest[1:], rest[0])
    return batch, tuple(size), channels


def triple(values: Sequence[int], data_format: str, where: str) -> Shape:
    """Depth, height and width out of a list of 1, 3 or 5 positive numbers; batch and channels must be 1."""
    if any(v < 1 for v in values) or len(values) not in (1, AXES, RANK):
        raise ShapeError(f"{where} {list(values)}: expected 1, 3 or 5 numbers >= 1")
    if len(values) == 1:
        return tuple(values) * AXES
    if len(values) == RANK:
        batch, size, channels = volume_parts(tuple(values), data_format, where)
        if (batch, channels) != (1, 1):
            raise ShapeError(f"{where} {list(values)}: expected 1 for batch and channels")
        return size
    return tuple(values)


def volume(x: Shape, size: Shape, attrs: Attrs, where: str) -> Volume:
    """The window of ``size`` over a volume of shape ``x``, by the attributes of a convolution or pooling.

    Raises ShapeError when it does not fit.
    """
    data_format = attrs["data_format"]
    batch, in_size, channels = volume_parts(x, data_format, f"{where}: input")
    stride = triple(attrs["strides"], data_format, f"{where}: strides")
    dilation = triple(attrs.get("dilations", (1,)), data_format, f"{where}: dilations")
    pad = _padding(attrs, list(zip(in_size, size, stride, dilation, strict=True)), where)
    check_padded(batch, in_size, pad, channels, where)
    check_limit(f"{where}: number of elements of the window", size_of(size), LIMITS.loop_iterations)
    out = tuple(window_output(*p) for p in zip(in_size, size, stride, dilation, pad, strict=True))
    stride = tuple(window_stride(*p) for p in zip(in_size, stride, pad, strict=True))
    return Volume(batch, in_size, out, size, stride, dilation, pad, data_format, len(x) == RANK)


def _padding(attrs: Attrs, axes: list[Any], where: str) -> Pads:
    """Zeros before and after each axis for SAME, VALID or EXPLICIT (a list of 10, as for the data format)."""
    if attrs["padding"] == "SAME":
        return tuple(same_padding(*axis) for axis in axes)
    if attrs["padding"] == "VALID":
        return ((0, 0),) * AXES
    given = attrs["explicit_paddings"]
    if len(given) != 2 * RANK or min(given) < 0:
        raise ShapeError(f"{where}: explicit_paddings {list(given)}; expected 10 numbers >= 0")
    first = 1 if attrs["data_format"] == "NDHWC" else 2
    return tuple((given[2 * i], given[2 * i + 1]) for i in range(first, first + AXES))
