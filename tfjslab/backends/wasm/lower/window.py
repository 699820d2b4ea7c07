"""Depthwise convolution and pooling: one window over one plane, weights or a fold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.channels import depthwise_rows, stays_rows, window_rows
from tfjslab.backends.wasm.lower.convolution import biased_epilogue
from tfjslab.backends.wasm.lower.operands import WasmEpilogue, epilogue
from tfjslab.backends.wasm.lower.reduction import fold
from tfjslab.backends.wasm.lower.registry import TABLE, lowering
from tfjslab.backends.wasm.text.layouts import (
    ImageTiles,
    Layout,
    PlaneGeometry,
    column_offsets,
    image_tiles,
    pitch,
    plane_geometry,
    tap_offsets,
)
from tfjslab.backends.wasm.text.packing import packer
from tfjslab.backends.wasm.text.templates import WasmKernel, kernel
from tfjslab.backends.wasm.tuning import WasmTile, WasmTrial
from tfjslab.base.dtypes import Array
from tfjslab.base.shapes import size_of
from tfjslab.ops.expr import Expr, X, Y
from tfjslab.ops.pool import pool_window
from tfjslab.ops.window import Window, window
from tfjslab.passes.fusion import Group

# Rows by vectors: rows share what they load. The first is taken when nothing is measured.
SIMD_TILES = (
    WasmTile(4, 2, 1, cut=1), WasmTile(3, 3, 1, cut=1), WasmTile(4, 2, 1, relaxed=True, cut=1),
    WasmTile(4, 1, 1, cut=1),
)
SCALAR_TILES = (WasmTile(4, 2, 1, cut=1), WasmTile(3, 3, 1, cut=1), WasmTile(4, 1, 1, cut=1))
_POOL_TILE = WasmTile(4, 2, 1, cut=1)
_MOST_TAPS = 25  # written out one by one; more are found through a table


@dataclass(frozen=True)
class WindowText:
    """What the kernel sources need of a window: its plane and tiles, taps, and how they are combined.

    ``combine`` is "madd" (with weights) or the instruction that folds; ``value`` pads, ``start`` begins. ``columns``
    are the byte offsets of the columns of a small window, which has ``kh`` rows ``row_bytes`` apart.
    """

    g: PlaneGeometry
    tiles: ImageTiles
    k: int
    combine: str
    value: float
    start: float
    tile: WasmTile
    columns: tuple[int, ...]
    kh: int
    row_bytes: int

    def shared_rows(self, rows: int) -> list[tuple[int, list[tuple[int, int]]]]:
        """The input rows of a tile of ``rows``: byte offset, and the (row of the tile, row of the window) it serves."""
        users: dict[int, list[tuple[int, int]]] = {}
        for r in range(rows):
            for ky in range(self.kh):
                users.setdefault(r * self.tiles.row_step + ky * self.row_bytes, []).append((r, ky))
        return sorted(users.items())


@lowering("DepthwiseConv2dNative", refuses=TABLE.images, takes_epilogue=True, takes_padding=True)
def lower_depthwise(b: WasmBuilder, group: Group) -> None:
    """Each output channel has its own window of weights."""
    shape = depthwise_shape(b, group)
    strided = shape.win.stride > (1, 1)  # else what is laid out anew is soon made up for: rows share what they load
    plain = shape.multiplier == 1 and shape.win.dilation == (1, 1)
    if strided and plain and stays_rows(b, group.core_node.inputs[0]):
        depthwise_rows(b, group, shape.win)
        return
    weights = depthwise_weights(b, group)
    tail = biased_epilogue(b, group)
    tile = depthwise_tile(b, shape, tail)
    _lower(b, group, group.core_node.inputs[0], shape, tile, weights, tail)


def depthwise_shape(b: WasmBuilder, group: Group) -> Windowed:
    """The shape of a depthwise convolution."""
    core = group.core_node
    x, w = core.inputs[:2]
    kh, kw, _, m = b.shape(w)
    win = window(b.shape(x), (kh, kw), core.attrs, "DepthwiseConv2dNative")
    return windowed(b, group, win, "madd", 0.0, multiplier=m)


def depthwise_tile(b: WasmBuilder, shape: Windowed, tail: WasmEpilogue) -> WasmTile:
    """The fastest tile."""
    win = shape.win
    kind = f"depthwise {win.size} stride={win.stride} columns={win.out_size[1]} {tail}"
    tiles = SIMD_TILES if b.lanes > 1 else SCALAR_TILES
    return b.choose(kind, tiles, lambda t: shape.trial(t, tail, b.lanes))


def depthwise_weights(b: WasmBuilder, group: Group) -> WasmPlace:
    """Filters as [channel][tap]: packed once if constant, else by a copy in the plan."""
    w = group.core_node.inputs[1]
    kh, kw, c, m = b.shape(w)
    constant = b.packed(w, "depthwise", pack_depthwise())
    if constant is not None:
        return constant
    weights = b.temporary(4 * c * m * kh * kw)
    b.copy(b.rows(w), weights, (c * m, kh * kw), (1, c * m), (kh * kw, 1))
    return weights


@packer
def pack_depthwise(w: Array) -> Array:
    """HWIM filters as [I * M][H * W]."""
    kh, kw, c, m = w.shape
    return w.transpose(2, 3, 0, 1).reshape(c * m, kh * kw)


@lowering("MaxPool", refuses=TABLE.images, takes_epilogue=True)
def lower_max_pool(b: WasmBuilder, group: Group) -> None:
    """Padding never wins."""
    core = group.core_node
    win = pool_window("MaxPool", b.shape(core.inputs[0]), core.attrs)
    if stays_rows(b, core.inputs[0]):
        window_rows(b, group, win, ("max", -np.inf), epilogue(b, group, Layout.ROWS))
        return
    shape = windowed(b, group, win, "max", -np.inf)
    _lower(b, group, core.inputs[0], shape, _POOL_TILE, None, epilogue(b, group, Layout.PLANES))


@lowering("AvgPool", refuses=TABLE.images)
def lower_avg_pool(b: WasmBuilder, group: Group) -> None:
    """Sum, then divide by how many taps are inside the image."""
    core = group.core_node
    win = pool_window("AvgPool", b.shape(core.inputs[0]), core.attrs)
    counts = _counts(win)
    oh, ow = win.out_size
    same = counts.min() == counts.max()
    if same:
        tail = WasmEpilogue(X * (1.0 / float(counts[0, 0])), (), ())
    if stays_rows(b, core.inputs[0]) and same and (oh, ow) == (1, 1) and win.size == win.in_size:
        n, _, _, c = b.shape(group.output)
        expressions = tail.expr, X + Y, X + Y, Expr("const", leaf=0.0)
        places = b.rows(core.inputs[0]), b.new(group.output)
        pixels = size_of(win.size)
        fold(b, places, expressions, ("float32",) * 3, (n, pixels, c), pixels * c)
        return
    if stays_rows(b, core.inputs[0]):
        window_rows(b, group, win, ("add", 0.0), tail if same else WasmEpilogue(X * Y, (), ()), counted=not same)
        return
    if not same:
        plane = np.zeros(pitch(oh * ow, ow), np.float32)
        plane[: oh * ow] = (1.0 / counts).reshape(-1)
        tail = WasmEpilogue(X * Y, ("pixel",), (b.constant(("pool counts", win), lambda: plane),))
    _lower(b, group, core.inputs[0], windowed(b, group, win, "add", 0.0), _POOL_TILE, None, tail)


def _counts(win: Window) -> Array:
    """Taps inside the image for each output pixel."""

    def inside(axis: int) -> Array:
        starts = np.arange(win.out_size[axis]) * win.stride[axis] - win.pad[axis][0]
        taps = starts[:, None] + np.arange(win.size[axis]) * win.dilation[axis]
        return np.asarray(((taps >= 0) & (taps < win.in_size[axis])).sum(axis=1))

    return np.asarray(np.outer(inside(0), inside(1)))


@dataclass(frozen=True)
class Windowed:
    """A window over every plane: how taps are combined, output channels, plane pitches in bytes."""

    win: Window
    combine: str
    value: float
    start: float
    n: int
    pitch_in: int
    pitch_out: int
    multiplier: int = 1

    @property
    def taps(self) -> int:
        """Elements of the window."""
        return self.win.size[0] * self.win.size[1]

    def text(self, tile: WasmTile, lanes: int) -> WindowText:
        """For a kernel source."""
        g = plane_geometry(self.win, lanes)
        walk = image_tiles(self.win, g, lanes, (tile.outputs, tile.vectors), self.pitch_out)
        return WindowText(
            g, walk, self.taps, self.combine, self.value, self.start, tile,
            column_offsets(self.win, g) if self.taps <= _MOST_TAPS else (), self.win.size[0],
            self.win.dilation[0] * g.row_bytes,
        )

    def kernel(self, tile: WasmTile, tail: WasmEpilogue, lanes: int, *, part: bool = False) -> WasmKernel:
        """The kernel; its units are the output channels. A ``part`` of another finds its padding in scratch."""
        weights = ("w",) if self.combine == "madd" else ()
        return kernel(
            "window", ("x", *weights, "table", "c", *tail.pointers()), expressions=(tail.expr,),
            w=self.text(tile, lanes), e=tail.text(), multiplier=self.multiplier, pitch_in=self.pitch_in, filled=part,
        )

    def plane_bytes(self, lanes: int) -> int:
        """A padded plane."""
        return plane_geometry(self.win, lanes).plane_bytes

    def scratch_bytes(self, lanes: int) -> int:
        """A padded plane and the weights of one channel, splat."""
        return self.plane_bytes(lanes) + self.taps * 4 * lanes

    def trial(self, tile: WasmTile, tail: WasmEpilogue, lanes: int) -> WasmTrial:
        """A trial on the real size."""
        out = self.n * self.pitch_out
        first = (self.n // self.multiplier * self.pitch_in, 4 * self.n * self.taps, 4 * self.taps, out)
        sizes = (*first, *tail.sizes(self.n, self.pitch_out))
        return WasmTrial(self.kernel(tile, tail, lanes), sizes, self.scratch_bytes(lanes), self.n)

    def table(self, b: WasmBuilder) -> WasmPlace:
        """The constant with the byte offset of each tap."""
        offsets = tap_offsets(self.win, plane_geometry(self.win, b.lanes))
        return b.constant(("taps", tuple(offsets)), lambda: np.array(offsets, np.int32))


def _lower(
    b: WasmBuilder, group: Group, x: str, shape: Windowed, tile: WasmTile, weights: WasmPlace | None,
    tail: WasmEpilogue,
) -> None:
    batch, _, _, c = b.shape(x)
    n, (oh, ow) = shape.n, shape.win.out_size
    kern, table = shape.kernel(tile, tail, b.lanes), shape.table(b)
    source, out = b.planes(x), b.new(group.output, Layout.PLANES)
    for i in range(batch):
        first = (source + i * c * shape.pitch_in, *((weights,) if weights else ()))
        args = (*first, table, out + i * n * shape.pitch_out, *tail.at(i * n * shape.pitch_out))
        b.call(kern, args, n, flops=2 * oh * ow * n * shape.taps, scratch_bytes=shape.scratch_bytes(b.lanes))


def windowed(
    b: WasmBuilder, group: Group, win: Window, combine: str, value: float, *, multiplier: int = 1,
) -> Windowed:
    """The shape of a group whose core is a window. Sums start at 0, folds at the padding."""
    (h, w), (oh, ow) = win.in_size, win.out_size
    n = b.shape(group.output)[3]
    return Windowed(win, combine, value, value, n, 4 * pitch(h * w, w), 4 * pitch(oh * ow, ow), multiplier)
