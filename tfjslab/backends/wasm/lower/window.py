"""Depthwise convolution and pooling: one window over one plane, weights or a fold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfjslab.backends.wasm.builder import Builder, Place
from tfjslab.backends.wasm.layouts import Layout, pitch, plane_geometry, row_tiles, tap_offsets
from tfjslab.backends.wasm.lower.convolution import both_epilogues, refuses_window
from tfjslab.backends.wasm.lower.operands import Epilogue, epilogue
from tfjslab.backends.wasm.lower.registry import lowering
from tfjslab.backends.wasm.templates import Kernel, kernel
from tfjslab.backends.wasm.tuning import Tile, Trial
from tfjslab.base.dtypes import Array
from tfjslab.ops.expr import X, Y
from tfjslab.ops.pool import pool_window
from tfjslab.ops.window import Window, window
from tfjslab.passes.fusion import Group

# Several small tiles beat few large ones: beside the accumulators live one weight and one input.
SIMD_TILES = (
    Tile(1, 8, 1, relaxed=False), Tile(1, 8, 1, relaxed=True), Tile(1, 8, 3, relaxed=True), Tile(1, 7, 1, relaxed=True),
    Tile(1, 6, 3, relaxed=True), Tile(1, 4, 9, relaxed=True), Tile(1, 8, 1, relaxed=True, biased=False),
    Tile(1, 4, 3, relaxed=False),
)
SCALAR_TILES = (
    Tile(1, 8, 1, relaxed=False), Tile(1, 8, 3, relaxed=False), Tile(1, 4, 3, relaxed=False),
    Tile(1, 4, 9, relaxed=False),
)
_POOL_TILE = Tile(1, 8, 1, relaxed=False)


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
    shape, tails = _shape(b, group, win, _Fold("madd", 0.0, 0.0, m)), both_epilogues(b, group)
    tile = b.choose(
        f"depthwise {win.size} stride={win.stride} columns={win.out_size[1]} {tails[True]}",
        SIMD_TILES if b.lanes > 1 else SCALAR_TILES, lambda t: shape.trial(t, tails[t.biased], b.lanes),
    )
    _lower(b, group, x, shape, tile, weights, tails[tile.biased])


def _pack(w: Array) -> Array:
    kh, kw, c, m = w.shape
    return np.ascontiguousarray(w.transpose(2, 3, 0, 1).reshape(c * m, kh * kw), dtype=np.float32)


@lowering("MaxPool", refuses=refuses_window, takes_epilogue=True)
def lower_max_pool(b: Builder, group: Group) -> None:
    """Padding never wins."""
    core = group.core_node
    win = pool_window("MaxPool", b.shape(core.inputs[0]), core.attrs)
    fold = _Fold("max", -np.inf, -np.inf)
    tail = epilogue(b, group, Layout.PLANES)
    _lower(b, group, core.inputs[0], _shape(b, group, win, fold), _POOL_TILE, None, tail)


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
    _lower(b, group, core.inputs[0], _shape(b, group, win, _Fold("add", 0.0, 0.0)), _POOL_TILE, None, tail)


def _counts(win: Window) -> Array:
    """Taps inside the image for each output pixel."""

    def inside(axis: int) -> Array:
        starts = np.arange(win.out_size[axis]) * win.stride[axis] - win.pad[axis][0]
        taps = starts[:, None] + np.arange(win.size[axis]) * win.dilation[axis]
        return np.asarray(((taps >= 0) & (taps < win.in_size[axis])).sum(axis=1))

    return np.asarray(np.outer(inside(0), inside(1)))


@dataclass(frozen=True)
class _Shape:
    """The window, how it folds, output channels, and plane pitches in bytes."""

    win: Window
    fold: _Fold
    n: int
    pitch_in: int
    pitch_out: int

    def kernel(self, tile: Tile, tail: Epilogue, lanes: int) -> Kernel:
        """The kernel; its units are the output channels."""
        g = plane_geometry(self.win, lanes)
        oh, ow = self.win.out_size
        weights = ("w",) if self.fold.combine == "madd" else ()
        return kernel(
            "window", ("x", *weights, "table", "c", *tail.pointers), expressions=(tail.expr,), g=g, k=self.taps,
            unroll=tile.unroll, relaxed=tile.relaxed, combine=self.fold.combine, value=self.fold.value,
            start=self.fold.start, multiplier=self.fold.multiplier, sections=row_tiles(oh, ow, lanes, tile.vectors),
            row_step=self.win.stride[0] * g.row_bytes, row_out=4 * ow, pitch_in=self.pitch_in,
            pitch_out=self.pitch_out, operands=tail.kinds, initial=tail.initial,
        )

    @property
    def taps(self) -> int:
        """Elements of the window."""
        return self.win.size[0] * self.win.size[1]

    def scratch_bytes(self, lanes: int) -> int:
        """A padded plane and the weights of one channel, multiplied out."""
        return plane_geometry(self.win, lanes).plane_bytes + self.taps * 4 * lanes

    def trial(self, tile: Tile, tail: Epilogue, lanes: int) -> Trial:
        """A trial on the real size."""
        out = self.n * self.pitch_out
        operand = {"channel": 4 * self.n, "full": out, "pixel": self.pitch_out}
        first = (self.n // self.fold.multiplier * self.pitch_in, 4 * self.n * self.taps, 4 * self.taps, out)
        sizes = (*first, *(operand[kind] for kind in tail.kinds))
        return Trial(self.kernel(tile, tail, lanes), sizes, self.scratch_bytes(lanes), self.n)


def _lower(
    b: Builder, group: Group, x: str, shape: _Shape, tile: Tile, weights: Place | None, tail: Epilogue,
) -> None:
    batch, _, _, c = b.shape(x)
    n, (oh, ow) = shape.n, shape.win.out_size
    offsets = tap_offsets(shape.win, plane_geometry(shape.win, b.lanes))
    kern = shape.kernel(tile, tail, b.lanes)
    table = b.constant(("taps", tuple(offsets)), lambda: np.array(offsets, np.int32))
    source, out = b.planes(x), b.new(group.output, Layout.PLANES)
    for i in range(batch):
        first = (source + i * c * shape.pitch_in, *((weights,) if weights else ()))
        args = (*first, table, out + i * n * shape.pitch_out, *tail.at(i * n * shape.pitch_out))
        b.call(kern, args, n, flops=2 * oh * ow * n * len(offsets), scratch_bytes=shape.scratch_bytes(b.lanes))


def _shape(b: Builder, group: Group, win: Window, fold: _Fold) -> _Shape:
    (h, w), (oh, ow) = win.in_size, win.out_size
    return _Shape(win, fold, b.shape(group.output)[3], 4 * pitch(h * w, w), 4 * pitch(oh * ow, ow))
