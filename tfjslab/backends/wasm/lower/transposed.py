"""Transposed convolution on channel planes: a matrix product for all taps, whose rows are summed where they overlap.

No tap is computed that is not needed and no padding is multiplied, whatever the stride: the product is as fast as that
of a 1x1 convolution. A few channels at a time, so that products stay in the cache.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.convolution import biased_epilogue
from tfjslab.backends.wasm.lower.operands import WasmEpilogue
from tfjslab.backends.wasm.lower.product import GROUP_BYTES, Made, Pointwise, group_size
from tfjslab.backends.wasm.lower.registry import TABLE, lowering
from tfjslab.backends.wasm.text.layouts import Layout, pitch, whole_lines
from tfjslab.backends.wasm.text.packing import Padded, packer
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.backends.wasm.tuning import WasmTile, WasmTrial
from tfjslab.base.dtypes import Array
from tfjslab.ops.conv import Conv, transposed_of
from tfjslab.ops.expr import X
from tfjslab.passes.fusion import Group

_SUMS = WasmEpilogue(X, (), ())
_PHASES = 2  # columns apart, at most; shuffles bring two rows together again


@dataclass(frozen=True)
class Transposed:
    """A transposed convolution: that of ``conv``, whose output is read here and whose input is made."""

    conv: Conv

    @cached_property
    def product(self) -> Pointwise:
        """The product of pixels and filters; its outputs are all taps of a channel, then those of the next."""
        (h, w), (kh, kw) = self.conv.window.out_size, self.conv.window.size
        return Pointwise(4 * pitch(h * w, w), h * w, self.conv.out_channels, self.conv.in_channels * kh * kw)

    @cached_property
    def pitch_out(self) -> int:
        """Bytes from one plane of the output to the next."""
        h, w = self.conv.window.in_size
        return 4 * pitch(h * w, w)

    @property
    def out_bytes(self) -> int:
        """Bytes of an image of the output."""
        return self.conv.in_channels * self.pitch_out

    def kernel(self, tile: WasmTile, tail: WasmEpilogue, lanes: int) -> Made:
        """The kernel for a tile; its units are groups of channels."""
        p, win = self.product, self.conv.window
        taps = win.size[0] * win.size[1]
        nr = p.kernel(tile, _SUMS, lanes).nr
        # Whole channels out of whole groups of the product.
        least = math.lcm(nr, taps)
        tap_bytes = p.step + (0 if tile.columns else 4 * lanes * p.k)
        part = least * group_size(p.n // least, max(1, GROUP_BYTES // (least * tap_bytes)))
        product = p.kernel(tile, _SUMS, lanes, part=part)
        products = whole_lines(product.scratch_bytes)
        phases = _PHASES if win.stride[1] == _PHASES and lanes > 1 else 1
        phase_floats = -(-win.in_size[1] // (phases * lanes)) * lanes
        made = kernel(
            "transposed", ("a", "w", "c", *tail.pointers()), expressions=(tail.expr,), parts=(product.kernel,),
            channels=part // taps, groups=part // nr, products=products, kh=win.size[0],
            row_of_taps=win.size[1] * p.step, runs=self._runs(phases, phase_floats), phases=phases,
            phase_floats=phase_floats, apart=win.stride[1] // phases, stride=win.stride[0], dilation=win.dilation[0],
            top=win.pad[0][0], h=win.out_size[0], w=win.out_size[1], height=win.in_size[0], width=win.in_size[1],
            pitch_out=self.pitch_out, pitch_in=p.step, k=p.k, pieces=p.pieces(tile) if tile.columns else (),
            e=tail.text(),
        )
        scratch = products + part * p.step + 4 * phases * phase_floats
        return Made(made, p.n // part, scratch, nr)

    def _runs(self, phases: int, phase_floats: int) -> tuple[tuple[int, int, int], ...]:
        """For each tap of a row: the first product that meets the output's row, where, and how many do; in bytes."""
        win = self.conv.window
        stride, left, width = win.stride[1], win.pad[1][0], win.in_size[1]
        found = []
        for kx in range(win.size[1]):
            shift = kx * win.dilation[1] - left  # the column that product 0 meets
            first = max(0, -(shift // stride))
            end = min(win.out_size[1], (width - 1 - shift) // stride + 1)
            if first < end:
                column = stride * first + shift
                at = column % phases * phase_floats + column // phases
                found.append((kx * self.product.step + 4 * first, 4 * at, end - first))
        return tuple(found)

    def trial(self, tile: WasmTile, tail: WasmEpilogue, lanes: int) -> WasmTrial:
        """A trial on the real size."""
        made = self.kernel(tile, tail, lanes)
        p = self.product
        sizes = (p.k * p.step, 4 * p.k * p.n, self.out_bytes, *tail.sizes(self.conv.in_channels, self.pitch_out))
        return WasmTrial(made.kernel, sizes, made.scratch_bytes, made.units)


@lowering("Conv2DBackpropInput", refuses=TABLE.filled_floats, takes_epilogue=True)
def lower_transposed(b: WasmBuilder, group: Group) -> None:
    """Each image of a batch is a call of its own."""
    core = group.core_node
    x, w = core.inputs
    shape = Transposed(transposed_of(b.shape(x), b.shape(w), core.attrs))
    p, win = shape.product, shape.conv.window
    source, tail = b.planes(x), biased_epilogue(b, group)
    kind = f"transposed {win.size} stride={win.stride} {p.kind()} {tail}"
    tile = b.choose(kind, p.tiles(b.lanes), lambda t: shape.trial(t, tail, b.lanes))
    made = shape.kernel(tile, tail, b.lanes)
    weights = _filters(b, w, made.nr)
    out = b.new(group.output, Layout.PLANES)
    for i in range(win.batch):
        at = i * shape.out_bytes
        args = (source + i * p.k * p.step, weights, out + at, *tail.at(at))
        b.call(made.kernel, args, made.units, flops=2 * p.pixels * p.k * p.n, scratch_bytes=made.scratch_bytes)


def _filters(b: WasmBuilder, w: str, nr: int) -> WasmPlace:
    """Filters as [outputs and taps / nr][inputs][nr]: packed once if constant, else by two copies in the plan."""
    constant = b.packed(w, ("transposed", nr), pack_transposed(nr))
    if constant is not None:
        return constant
    kh, kw, n, k = b.shape(w)
    taps = kh * kw
    by_tap, packed = b.temporary(4 * n * taps * k), b.temporary(4 * n * taps * k)
    b.copy(b.rows(w), by_tap, (n, taps, k), (k, n * k, 1), (taps * k, k, 1))
    b.copy(by_tap, packed, (n * taps // nr, k, nr), (nr * k, 1, k), (nr * k, nr, 1))
    return packed


@packer
def pack_transposed(w: Array, nr: int) -> Padded:
    """HWOI filters as [O * H * W / nr][I][nr], in parts that are strided each: where a group begins anew with a tap."""
    kh, kw, n, k = w.shape
    taps = kh * kw
    period = math.lcm(nr, taps)
    parts = tuple(
        (np.s_[i // nr :: period // nr, :, i % nr], w[divmod(i % taps, kw)][i // taps :: period // taps])
        for i in range(period)
    )
    return Padded((n * taps // nr, k, nr), w.dtype, parts)
