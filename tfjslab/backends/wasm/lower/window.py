"""Depthwise convolution and pooling: one window over one plane, weights or a fold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfjslab.backends.wasm.builder import Builder, Place
from tfjslab.backends.wasm.layouts import Layout, pitch, plane_geometry, row_tiles, tap_offsets
from tfjslab.backends.wasm.lower.convolution import refuses_window
from tfjslab.backends.wasm.lower.operands import Epilogue, epilogue
from tfjslab.backends.wasm.lower.registry import lowering
from tfjslab.backends.wasm.templates import kernel
from tfjslab.base.dtypes import Array
from tfjslab.ops.expr import X, Y
from tfjslab.ops.pool import pool_window
from tfjslab.ops.window import Window, window
from tfjslab.passes.fusion import Group

_ACCUMULATORS = 8


@dataclass(frozen=True)
class _Fold:
    """How taps are combined: with weights ("madd") or by an instruction; ``value`` pads, ``start`` begins."""

    combine: str
    value: float
    start: float
    multiplier: int = 1


@lowering("DepthwiseConv2dNative", refuses=refuses_window, takes_epilogue=True, takes_padding=True)
def lower_depthwise(b: Builder, group: Group) -> None:
    """Weights as [channel][tap]."""
    core = group.core_node
    x, w = core.inputs[:2]
    kh, kw, c, m = b.shape(w)
    win = window(b.shape(x), (kh, kw), core.attrs, "DepthwiseConv2dNative")
    array = b.constant_array(w)
    if array is not None:
        weights = b.constant((w, "depthwise"), lambda: _pack(array))
    else:
        weights = b.temporary(4 * c * m * kh * kw)
        b.copy(b.rows(w), weights, (c * m, kh * kw), (1, c * m), (kh * kw, 1))
    _lower(b, group, x, win, _Fold("madd", 0.0, 0.0, m), weights, epilogue(b, group, Layout.PLANES, starts=True))


def _pack(w: Array) -> Array:
    kh, kw, c, m = w.shape
    return np.ascontiguousarray(w.transpose(2, 3, 0, 1).reshape(c * m, kh * kw), dtype=np.float32)


@lowering("MaxPool", refuses=refuses_window, takes_epilogue=True)
def lower_max_pool(b: Builder, group: Group) -> None:
    """Padding never wins."""
    core = group.core_node
    win = pool_window("MaxPool", b.shape(core.inputs[0]), core.attrs)
    fold = _Fold("max", -np.inf, -np.inf)
    _lower(b, group, core.inputs[0], win, fold, None, epilogue(b, group, Layout.PLANES))


@lowering("AvgPool", refuses=refuses_window)
def lower_avg_pool(b: Builder, group: Group) -> None:
    """Sum, then divide by how many taps are inside the image."""
    core = group.core_node
    win = pool_window("AvgPool", b.shape(core.inputs[0]), core.attrs)
    counts = _counts(win)
    oh, ow = win.out_size
    if counts.min() == counts.max():
        tail = Epilogue(X * (1.0 / float(counts[0, 0])), (), ())
    else:
        plane = np.zeros(pitch(oh * ow, ow), np.float32)
        plane[: oh * ow] = (1.0 / counts).reshape(-1)
        tail = Epilogue(X * Y, ("pixel",), (b.constant(("pool counts", win), lambda: plane),))
    _lower(b, group, core.inputs[0], win, _Fold("add", 0.0, 0.0), None, tail)


def _counts(win: Window) -> Array:
    """Taps inside the image for each output pixel."""

    def inside(axis: int) -> Array:
        starts = np.arange(win.out_size[axis]) * win.stride[axis] - win.pad[axis][0]
        taps = starts[:, None] + np.arange(win.size[axis]) * win.dilation[axis]
        return np.asarray(((taps >= 0) & (taps < win.in_size[axis])).sum(axis=1))

    return np.asarray(np.outer(inside(0), inside(1)))


def _lower(
    b: Builder, group: Group, x: str, win: Window, fold: _Fold, weights: Place | None, tail: Epilogue,
) -> None:
    batch, h, w, c = b.shape(x)
    _, oh, ow, n = b.shape(group.output)
    offsets = tap_offsets(win, g := plane_geometry(win, b.lanes))
    taps = len(offsets)
    pitch_in, pitch_out = 4 * pitch(h * w, w), 4 * pitch(oh * ow, ow)
    kern = kernel(
        "window", (*(("x", "w") if weights else ("x",)), "table", "c", *tail.pointers),
        expressions=(tail.expr,), g=g, k=taps, combine=fold.combine, value=fold.value, start=fold.start,
        multiplier=fold.multiplier, sections=row_tiles(oh, ow, b.lanes, _ACCUMULATORS),
        row_step=win.stride[0] * g.row_bytes, row_out=4 * ow, pitch_in=pitch_in, pitch_out=pitch_out,
        operands=tail.kinds, initial=tail.initial,
    )
    table = b.constant(("taps", 1, g, tuple(offsets)), lambda: np.array(offsets, np.int32))
    source, out = b.planes(x), b.new(group.output, Layout.PLANES)
    for i in range(batch):
        first = (source + i * c * pitch_in, *((weights,) if weights else ()))
        args = (*first, table, out + i * n * pitch_out, *tail.at(i * n * pitch_out))
        b.call(kern, args, n, flops=2 * oh * ow * n * taps, scratch_bytes=g.plane_bytes + taps * 4 * b.lanes)
