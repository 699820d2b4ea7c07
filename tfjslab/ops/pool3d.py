"""Pooling in three dimensions, which other backends do along two axes, then along the third."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.shapes import Shape, size_of
from tfjslab.ops.attrs import Attr, Attrs
from tfjslab.ops.elementwise import FLOAT, NUMBER, check_dtypes
from tfjslab.ops.facts import FIRST, Facts
from tfjslab.ops.registry import Case, Infer, Spec, Specs, T, Tf, op
from tfjslab.ops.volume import DATA_FORMAT, Volume, triple, volume, volume_parts
from tfjslab.ops.window import EXPLICIT, PADDING, STRIDES

_ATTRS = (Attr("ksize", "ints", (1,)), STRIDES, PADDING, DATA_FORMAT, EXPLICIT)


def pool_volume(name: str, x: Shape, attrs: Attrs) -> Volume:
    """The window of a pooling op; ShapeError when it does not fit."""
    return volume(x, triple(attrs["ksize"], attrs["data_format"], f"{name}: ksize"), attrs, name)


def _infer(name: str, takes: tuple[str, ...]) -> Infer:
    def infer(ins: Specs, attrs: Attrs) -> list[Spec]:
        check_dtypes(name, ins, takes)
        w = pool_volume(name, ins[0].known_shape, attrs)
        channels = volume_parts(ins[0].known_shape, attrs["data_format"], name)[2]
        return [Spec(w.shape(w.out_size, channels), ins[0].dtype)]

    return infer


def _flops(ins: Specs, outs: Specs, attrs: Attrs) -> int:
    return outs[0].size * size_of(pool_volume("pooling", ins[0].known_shape, attrs).size)


_CUBE = T((1, 2, 2, 2, 1), values=range(8))
_TWO = {"ksize": [1, 2, 2, 2, 1], "strides": [1, 2, 2, 2, 1]}
_CASES = (
    Case((T((2, 5, 4, 3, 2)),), {**_TWO, "padding": "SAME"}),
    Case((T((1, 6, 5, 7, 2)),), {"ksize": [3, 2, 3], "strides": [2, 1, 3]}),
    Case((T((1, 3, 4, 5, 4)),), {"ksize": [2], "strides": [2], "padding": "SAME", "data_format": "NCDHW"}),
    Case((T((1, 3, 3, 3, 2)),),
         {"ksize": [2], "padding": "EXPLICIT", "explicit_paddings": [0, 0, 1, 0, 0, 1, 0, 0, 0, 0]}),
    Case((T((4, 4, 4, 2)),), {"ksize": [2], "strides": [2]}), Case((T((0, 2, 2, 2, 3)),), _TWO),
)


@op("MaxPool3D", "x", infer=_infer("MaxPool3D", NUMBER), attrs=_ATTRS, flops=_flops, api="max_pool3d",
    tf=[Tf("MaxPool3D", "x")], facts=Facts(dtype=FIRST, rank=FIRST),
    cases=(*_CASES, Case((_CUBE,), _TWO, expect=[7]),
           Case((T((1, 4, 4, 4, 2), "int32", -9, -3),), _TWO)))
def max_pool3d(x: Array, **attrs: Any) -> Array:
    """Largest value in each window of [batch, depth, height, width, channels]; padding and NaN never win."""
    w = pool_volume("MaxPool3D", x.shape, attrs)
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    padded = w.padded(w.to_ndhwc(x), lowest)
    out = np.full((w.batch, *w.out_size, padded.shape[-1]), lowest, x.dtype)
    for _, reach in w.taps():
        np.fmax(out, padded[reach], out=out)
    return w.from_ndhwc(out)


@op("AvgPool3D", "x", infer=_infer("AvgPool3D", FLOAT), attrs=_ATTRS, flops=_flops, api="avg_pool3d",
    tf=[Tf("AvgPool3D", "x")], facts=Facts(dtype="float32", rank=FIRST),
    cases=(*_CASES, Case((_CUBE,), _TWO, expect=[3.5])))
def avg_pool3d(x: Array, **attrs: Any) -> Array:
    """Mean of each window of [batch, depth, height, width, channels]; padding does not count."""
    w = pool_volume("AvgPool3D", x.shape, attrs)
    padded = w.padded(w.to_ndhwc(x))
    inside = w.padded(np.ones((1, *w.in_size, 1), x.dtype))
    out = np.zeros((w.batch, *w.out_size, padded.shape[-1]), x.dtype)
    count = np.zeros((1, *w.out_size, 1), x.dtype)
    for _, reach in w.taps():
        out += padded[reach]
        count += inside[reach]
    return w.from_ndhwc(out / count)
