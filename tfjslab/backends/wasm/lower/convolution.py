"""2-D convolution on channel planes: 1x1 as a matrix product, everything else over padded planes and a tap table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.matmul import lower_rows
from tfjslab.backends.wasm.lower.operands import WasmEpilogue, epilogue
from tfjslab.backends.wasm.lower.product import Made, Pointwise, group_size, size_class, splat_round, tiles
from tfjslab.backends.wasm.lower.registry import TABLE, lowering
from tfjslab.backends.wasm.lower.strassen import lower_strassen, takes_strassen
from tfjslab.backends.wasm.text.layouts import Layout, image_tiles, pitch, plane_geometry, tap_offsets
from tfjslab.backends.wasm.text.packing import packer
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.backends.wasm.tuning import WasmTile, WasmTrial
from tfjslab.base.dtypes import Array
from tfjslab.base.shapes import size_of
from tfjslab.ops.window import Window, window
from tfjslab.passes.fusion import Group


@lowering("Conv2D", refuses=TABLE.convolutions, takes_epilogue=True, takes_padding=True)
def lower_conv(b: WasmBuilder, group: Group) -> None:
    """Choose between the two forms; each image of a batch is a call of its own."""
    x, w = group.core_node.inputs[:2]
    win = _window(b, group)
    if win.is_whole_image:
        # A row of pixels and channels times the filters as a matrix.
        n, k = b.shape(x)[0], size_of(b.shape(x)[1:])
        lower_rows(b, group, b.rows(x), w, (n, k, b.shape(w)[3]))
    elif is_pointwise(b, group):
        _pointwise(b, group, x, w)
    else:
        _general(b, group, x, w, win)


def _window(b: WasmBuilder, group: Group) -> Window:
    core = group.core_node
    kh, kw = b.shape(core.inputs[1])[:2]
    return window(b.shape(core.inputs[0]), (kh, kw), core.attrs, "Conv2D")


def is_pointwise(b: WasmBuilder, group: Group) -> bool:
    """Whether a convolution is a matrix product over pixels."""
    win = _window(b, group)
    return win.size == win.stride == (1, 1) and win.in_size == win.out_size


def biased_epilogue(b: WasmBuilder, group: Group) -> WasmEpilogue:
    """The epilogue on planes, for tiles that start from the bias."""
    return epilogue(b, group, Layout.PLANES, starts=True)


def filters(b: WasmBuilder, w: str, nr: int) -> WasmPlace:
    """Filters as [outputs / nr][inputs, ky, kx][nr]: packed once if constant, else by a copy in the plan."""
    kh, kw, cin, n = b.shape(w)
    constant = b.packed(w, ("conv", nr), pack_filters(nr))
    if constant is not None:
        return constant
    out = b.temporary(4 * kh * kw * cin * n)
    taps = kh * kw
    b.copy(
        b.rows(w), out, (n // nr, cin, kh, kw, nr), (nr, n, kw * cin * n, cin * n, 1),
        (cin * taps * nr, taps * nr, kw * nr, nr, 1),
    )
    return out


@packer
def pack_filters(w: Array, nr: int) -> Array:
    """HWIO filters as [O / nr][I * H * W][nr]: a view where that can be, since it is copied into the heap anyway."""
    kh, kw, cin, n = w.shape
    return w.transpose(2, 0, 1, 3).reshape(cin * kh * kw, n // nr, nr).transpose(1, 0, 2)


# ---- 1x1 -------------------------------------------------------------------------------------------------------------


def pointwise_shape(b: WasmBuilder, x: str, output: str) -> Pointwise:
    """The shape of the 1x1 convolution from ``x`` to ``output``."""
    _, h, w, k = b.shape(x)
    return Pointwise(4 * pitch(h * w, w), h * w, k, b.shape(output)[3])


def _pointwise(b: WasmBuilder, group: Group, x: str, w: str) -> None:
    batch, h, wd, k = b.shape(x)
    shape = pointwise_shape(b, x, group.output)
    n, step = shape.n, shape.step
    source = b.planes(x)
    tail = biased_epilogue(b, group)
    if takes_strassen(b, w, shape):
        lower_strassen(b, shape, w, (source, b.new(group.output, Layout.PLANES)), tail, batch)
        return
    kind = f"pointwise {shape.kind()} {tail}"
    tile = b.choose(kind, shape.tiles(b.lanes), lambda t: shape.trial(t, tail, b.lanes))
    made = shape.kernel(tile, tail, b.lanes)
    weights = filters(b, w, made.nr)
    out = b.new(group.output, Layout.PLANES)
    for i in range(batch):
        args = (source + i * k * step, weights, out + i * n * step, *tail.at(i * n * step))
        b.call(made.kernel, args, made.units, flops=2 * h * wd * k * n, scratch_bytes=made.scratch_bytes)


# ---- any window ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class General:
    """A convolution over padded planes: the window, channels in and out, and plane pitches in bytes."""

    win: Window
    cin: int
    n: int
    pitch_in: int
    pitch_out: int

    def kernel(self, tile: WasmTile, tail: WasmEpilogue, lanes: int) -> Made:
        """The kernel for a tile."""
        k = self.cin * self.win.size[0] * self.win.size[1]
        walk = image_tiles(self.win, plane_geometry(self.win, lanes), lanes, (1, tile.vectors), self.pitch_out)
        largest = max(rt * vt for rt, _, _, parts in walk.sections for vt, _ in parts)
        nr = group_size(self.n, max(tile.outputs, tile.outputs * tile.vectors // largest))
        made = kernel(
            "conv", ("a", "w", "table", "c", *tail.pointers()), expressions=(tail.expr,), k=k, nr=nr,
            tile=tile, splat=splat_round(k * nr), tiles=walk, e=tail.text(),
        )
        return Made(made, self.n // nr, k * nr * 4 * lanes, nr)

    def table(self, lanes: int) -> list[int]:
        """Byte offset of every tap of every input channel."""
        g = plane_geometry(self.win, lanes)
        return [c * g.plane_bytes + t for c in range(self.cin) for t in tap_offsets(self.win, g)]

    def trial(self, tile: WasmTile, tail: WasmEpilogue, lanes: int) -> WasmTrial:
        """A trial on the real size."""
        made = self.kernel(tile, tail, lanes)
        taps, out = len(self.table(lanes)), self.n * self.pitch_out
        operand = {"channel": 4 * self.n, "full": out, "pixel": self.pitch_out}
        padded = self.cin * plane_geometry(self.win, lanes).plane_bytes
        sizes = (padded, 4 * taps * self.n, 4 * taps, out, *(operand[kind] for kind in tail.kinds))
        return WasmTrial(made.kernel, sizes, made.scratch_bytes, made.units)


def _general(b: WasmBuilder, group: Group, x: str, w: str, win: Window) -> None:
    batch, h, wd, cin = b.shape(x)
    _, oh, ow, n = b.shape(group.output)
    shape = General(win, cin, n, 4 * pitch(h * wd, wd), 4 * pitch(oh * ow, ow))
    g = plane_geometry(win, b.lanes)
    source = b.planes(x)
    tail = biased_epilogue(b, group)
    kind = f"conv {win.size} columns={ow} inner={size_class(cin)} {tail}"
    tile = b.choose(kind, tiles(b.lanes), lambda t: shape.trial(t, tail, b.lanes))
    made = shape.kernel(tile, tail, b.lanes)
    weights = filters(b, w, made.nr)
    offsets = shape.table(b.lanes)
    table = b.constant(("taps", tuple(offsets)), lambda: np.array(offsets, np.int32))
    padded = b.temporary(cin * g.plane_bytes)
    out = b.new(group.output, Layout.PLANES)
    fill = kernel("planes", ("x", "padded"), g=g, pitch_in=shape.pitch_in, value=0.0)
    for i in range(batch):
        b.call(fill, (source + i * cin * shape.pitch_in, padded), cin, flops=8 * cin * h * wd)
        first = out + i * n * shape.pitch_out
        args = (padded, weights, table, first, *tail.at(i * n * shape.pitch_out))
        flops = 2 * oh * ow * len(offsets) * n
        b.call(made.kernel, args, made.units, flops=flops, scratch_bytes=made.scratch_bytes)
