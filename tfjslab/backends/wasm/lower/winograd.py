"""Convolutions by Winograd's scheme F(m x m, 3 x 3): (m + 2)^2 products for m^2 outputs, not 9 m^2.

Tiles of inputs and the filters are transformed, multiplied value by value (for all channels: as many matrix products as
a tile has values), and the sums are transformed back. For 3x3, F(4 x 4) multiplies a quarter as often as the sums
written out, F(2 x 2) four ninths. Larger filters are sums of blocks of 3 x 3, each over inputs that are shifted; with
strides the phases of filter and inputs are such blocks. To the products a block is what a further channel is.

What is lost is accuracy: results differ by a few roundings of the largest terms (tests/backends/test_wasm_winograd.py
states how many), and a NaN or infinity reaches the whole tile; ``env().set("WASM_WINOGRAD", False)`` turns it off. The
points +-5/8 and +-3/2 lose a third of what the usual +-1 and +-2 lose. See S. Winograd, "Arithmetic complexity of
computations" (1980); A. Lavin and S. Gray, "Fast algorithms for convolutional neural networks" (2015); B. Barabasz et
al., "Error analysis and improving the accuracy of Winograd convolution for deep neural networks" (2020).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tfjslab.backends.flags import env
from tfjslab.backends.wasm.builder import WasmBuilder, WasmPlace
from tfjslab.backends.wasm.lower.general import General, Image
from tfjslab.backends.wasm.lower.im2col import whole_lines
from tfjslab.backends.wasm.lower.operands import WasmEpilogue
from tfjslab.backends.wasm.lower.product import Made, Pointwise
from tfjslab.backends.wasm.lower.taps import MOST_OUTPUTS
from tfjslab.backends.wasm.text.layouts import PlaneGeometry, pitch
from tfjslab.backends.wasm.text.packing import packer
from tfjslab.backends.wasm.text.templates import WasmKernel, kernel
from tfjslab.base.dtypes import Array
from tfjslab.ops.expr import X

_SUMS = WasmEpilogue(X, (), ())
_TAPS = 3
# Points of interpolation besides 0 and infinity: each with its negative.
_PAIRS = {2: (1.0,), 4: (0.625, 1.5)}
_CHUNK_BYTES = 1536 * 1024  # of transformed inputs and sums: they stay in a second- or third-level cache
_LEAST_TILES = 96  # of a chunk: each weight is splat once for so many
# What a group of tiles costs to transform, in products of vectors: measured.
_INPUT_COST, _OUTPUT_COST = {2: 80, 4: 260}, {2: 60, 4: 200}
_SPLAT_COST = 3  # of a weight, in the same unit
_BYTE_COST = 0.4  # of a transformed weight: it comes from memory, and takes it
_WORTH_IT = 0.9  # of what the other form costs
_LAYOUT_COST = 3  # of the patches that the other form reads, a vector of them


@dataclass(frozen=True)
class Transform:
    """What the kernel sources need of a scheme: outputs of a tile along an axis, and the pairs of points."""

    m: int
    pairs: tuple[float, ...]

    @property
    def values(self) -> int:
        """Values of a transformed tile."""
        return (self.m + _TAPS - 1) ** 2

    def filters(self) -> Array:
        """The matrix [m + 2, 3] that transforms filters along one axis, in float64: Lagrange's, and infinity."""
        points = np.array([0.0, *(s * p for p in self.pairs for s in (1, -1))])
        scale = [np.prod([p - q for q in points if q != p]) for p in points]
        rows = points[:, None] ** np.arange(_TAPS) / np.array(scale)[:, None]
        return np.vstack([rows, np.eye(_TAPS)[-1:]])


def _blocks(size: int, stride: int) -> list[tuple[int, int]]:
    """A filter's taps along one axis as filters of three: for each the phase it reads, and its first tap there."""
    return [(p, b) for p in range(min(stride, size)) for b in range(0, -(-(size - p) // stride), _TAPS)]


@packer
def pack_winograd(w: Array, m: int, nr: int, groups: int, stride: tuple[int, int]) -> Array:
    """HWIO filters as transformed blocks: [groups][values][O / nr][I * blocks][nr], where O and I are of a group."""
    kh, kw, k, n = w.shape
    down, across = stride
    g = Transform(m, _PAIRS[m]).filters()
    parts = []
    for py, y in _blocks(kh, down):
        for px, x in _blocks(kw, across):
            part = np.zeros((_TAPS, _TAPS, k, n))  # float64, also below
            taps = w[py::down, px::across][y : y + _TAPS, x : x + _TAPS]
            part[: taps.shape[0], : taps.shape[1]] = taps
            parts.append(np.tensordot(g, np.tensordot(g, part, 1), (1, 1)).swapaxes(0, 1))
    found = np.stack(parts, 3).astype(np.float32)
    return found.reshape(-1, k * len(parts), groups, n // groups // nr, nr).transpose(2, 0, 3, 1, 4)


@dataclass(frozen=True)
class Winograd:
    """A scheme for a convolution: ``m`` by ``m`` outputs a tile, ``lanes`` tiles a group, ``rows`` of tiles a chunk."""

    conv: General
    m: int
    lanes: int
    rows: int

    @property
    def transform(self) -> Transform:
        """For the kernel sources."""
        return Transform(self.m, _PAIRS[self.m])

    @property
    def tiles(self) -> tuple[int, int]:
        """Rows and columns of tiles in the image."""
        oh, ow = self.conv.win.out_size
        return -(-oh // self.m), -(-ow // self.m)

    @property
    def groups(self) -> int:
        """Groups of tiles of a row."""
        return -(-self.tiles[1] // self.lanes)

    @property
    def product(self) -> Pointwise:
        """One of the matrix products of a chunk."""
        across = self.tiles[1]
        count = self.rows * across
        return Pointwise(4 * pitch(count, across), count, self.conv.cin * len(self.starts), self.conv.n)

    @property
    def input_bytes(self) -> int:
        """Bytes of the transformed inputs of a chunk."""
        return self.transform.values * self.product.k * self.product.step

    @property
    def sum_bytes(self) -> int:
        """Bytes of the sums of a chunk."""
        return self.transform.values * self.conv.n * self.product.step

    @property
    def blocks(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Blocks of the filter down and across, see ``_blocks``."""
        (kh, kw), (down, across) = self.conv.win.size, self.conv.win.stride
        return _blocks(kh, down), _blocks(kw, across)

    @property
    def geometry(self) -> PlaneGeometry:
        """The padded rows that a chunk reads, and what the last group of tiles reads beyond them."""
        win = self.conv.win
        (down, across), left = win.stride, win.pad[1][0]
        below, right = (max(first for _, first in axis) for axis in self.blocks)
        beyond = self.lanes if self.lanes > 1 else _TAPS - 1
        columns = self.m * self.lanes * self.groups + beyond + right
        columns += -columns % self.lanes
        width = min(win.in_size[1], across * columns - left)
        return PlaneGeometry(0, width, 0, left, across, columns, down * (self.m * self.rows + _TAPS - 1 + below))

    @property
    def starts(self) -> tuple[int, ...]:
        """Byte offsets, in those rows, of what each block of the filter reads."""
        g, stride, (down, across) = self.geometry, self.conv.win.stride[0], self.blocks
        return tuple(
            (stride * y + py) * g.row_bytes + 4 * (px * g.phase_floats + x) for py, y in down for px, x in across
        )

    def inputs(self, first: int | None = None) -> WasmKernel:
        """The kernel that transforms inputs; its units are channels. As a part it is told the first row of tiles."""
        win = self.conv.win
        return kernel(
            "winograd_inputs", ("x", "table", "v", *(("row",) if first is None else ())), t=self.transform,
            g=self.geometry, first=first, rows=self.rows, top=win.pad[0][0], h=win.in_size[0], stride=win.stride[0],
            groups=self.groups, tiles=self.tiles[1], channels=self.conv.cin, blocks=len(self.starts),
            step=self.product.step, pitch_in=self.conv.pitch_in,
        )

    def products(self, made: Made) -> WasmKernel:
        """The kernel of all products, ``made`` that of one; its units are products."""
        p = self.product
        return kernel(
            "batch", ("x", "y", "c"), parts=(made.kernel,), units=made.units, out=p.n * p.step,
            axes=((self.transform.values, p.k * p.step, 4 * p.k * p.n),), e=_SUMS.text(),
        )

    def outputs(self, tail: WasmEpilogue, first: int | None = None) -> WasmKernel:
        """The kernel that transforms sums; its units are output channels."""
        oh, ow = self.conv.win.out_size
        return kernel(
            "winograd_outputs", ("sums", "c", *tail.pointers(), *(("row",) if first is None else ())),
            expressions=(tail.expr,), t=self.transform, first=first, rows=self.rows, groups=self.groups,
            tiles=self.tiles[1], channels=self.conv.n, step=self.product.step, pitch_out=self.conv.pitch_out,
            height=oh, width=ow, valid=ow - self.m * self.lanes * (self.groups - 1), e=tail.text(),
        )

    @property
    def scratch_bytes(self) -> int:
        """What transforms need."""
        return self.geometry.plane_bytes + 4 * self.lanes * self.transform.values

    def repeated(self, made: Made, tail: WasmEpilogue) -> Made:
        """All three steps as one kernel, whose units are chunks."""
        v = whole_lines(max(self.scratch_bytes, made.scratch_bytes))
        sums = v + self.input_bytes
        found = kernel(
            "winograd", ("x", "table", "w", "c", *tail.pointers()),
            parts=(self.inputs(), self.products(made), self.outputs(tail)), rows=self.rows,
            last=self.tiles[0] - self.rows, channels=self.conv.cin, products=self.transform.values,
            outputs=self.conv.n, v=v, sums=sums, e=tail.pointers(),
        )
        return Made(found, -(-self.tiles[0] // self.rows), sums + self.sum_bytes, made.nr)

    def cost(self) -> float:
        """What it costs, in products of vectors."""
        k, n, (down, across) = self.product.k, self.conv.n, self.tiles
        vectors = -(-down * across // self.lanes)
        transforms = down * self.groups * (k * _INPUT_COST[self.m] + n * _OUTPUT_COST[self.m])
        product = _product_cost(k, n, vectors, -(-n // self.lanes)) + _BYTE_COST * 4 * k * n
        return transforms + self.transform.values * product


def _product_cost(k: int, n: int, vectors: int, columns: int) -> float:
    """Of a matrix product: either pixels or outputs are splat, whichever serves longer."""
    return k * n * vectors * (1 + _SPLAT_COST / max(vectors, columns))


def find_winograd(b: WasmBuilder, w: str, conv: General) -> Winograd | None:
    """The scheme by which a convolution with filters ``w`` gains most; None where none does."""
    win = conv.win
    if not (win.dilation == (1, 1) and b.sums_weights and w in b.graph.constants and env().get("WASM_WINOGRAD")):
        return None
    oh, ow = win.out_size
    vectors = -(-oh * ow // b.lanes)
    if conv.n <= MOST_OUTPUTS:
        direct = float(conv.k * conv.n * vectors)
    else:
        direct = _product_cost(conv.k, conv.n, vectors, -(-conv.n // b.lanes)) + conv.k * vectors * _LAYOUT_COST
    schemes = [_chunked(conv, m, b.lanes) for m in _PAIRS]
    best = min(schemes, key=Winograd.cost)
    return best if best.cost() < _WORTH_IT * direct else None


def _chunked(conv: General, m: int, lanes: int) -> Winograd:
    """The scheme with as many rows of tiles at once as stay in the cache; two threads get as many chunks each."""
    whole = Winograd(conv, m, lanes, -(-conv.win.out_size[0] // m))
    down, across = whole.tiles
    row_bytes = (whole.input_bytes + whole.sum_bytes) // down
    most = max(_CHUNK_BYTES // row_bytes, math.ceil(_LEAST_TILES / across))
    if down <= most:
        return whole
    chunks = -(-down // most)
    return Winograd(conv, m, lanes, -(-down // (chunks + chunks % 2)))


def by_winograd(b: WasmBuilder, scheme: Winograd, w: str, tail: WasmEpilogue) -> Callable[[Image], None]:
    """What adds the calls for an image. Threads share the chunks, or where all is one chunk each of the three steps."""
    conv = scheme.conv
    made, weights = _product(b, scheme, w)
    group_bytes = scheme.transform.values * 4 * scheme.product.k * conv.n
    step = _chunks(b, scheme, made, tail) if scheme.rows < scheme.tiles[0] else _one_chunk(b, scheme, made, tail)
    return lambda image: step(image, weights + image.group * group_bytes)


_Step = Callable[[Image, WasmPlace], None]


def _product(b: WasmBuilder, scheme: Winograd, w: str) -> tuple[Made, WasmPlace]:
    """The kernel of a product, and the transformed filters as it reads them."""
    shape = scheme.product
    tile = b.choose(f"pointwise {shape.kind()} {_SUMS}", shape.tiles(b.lanes), lambda t: shape.trial(t, _SUMS, b.lanes))
    made = shape.kernel(tile, _SUMS, b.lanes)
    how = (scheme.m, made.nr, scheme.conv.groups, scheme.conv.win.stride)
    weights = b.packed(w, ("winograd", *how), pack_winograd(*how))
    if weights is None:
        raise AssertionError(f"{w} is not constant: find_winograd was not asked")
    return made, weights


def _chunks(b: WasmBuilder, scheme: Winograd, made: Made, tail: WasmEpilogue) -> _Step:
    all_steps, table = scheme.repeated(made, tail), _table(b, scheme)

    def lower(image: Image, weights: WasmPlace) -> None:
        args = (image.source, table, weights, image.out, *image.operands)
        b.call(all_steps.kernel, args, all_steps.units, flops=scheme.conv.flops, scratch_bytes=all_steps.scratch_bytes)

    return lower


def _one_chunk(b: WasmBuilder, scheme: Winograd, made: Made, tail: WasmEpilogue) -> _Step:
    conv, scratch, values = scheme.conv, scheme.scratch_bytes, scheme.transform.values
    v, sums = b.temporary(scheme.input_bytes), b.temporary(scheme.sum_bytes)
    flops, table = conv.flops, _table(b, scheme)  # each step is worth sharing where the whole is

    def lower(image: Image, weights: WasmPlace) -> None:
        b.call(scheme.inputs(0), (image.source, table, v), conv.cin, flops=flops, scratch_bytes=scratch)
        b.call(scheme.products(made), (v, weights, sums), values, flops=flops, scratch_bytes=made.scratch_bytes)
        args = (sums, image.out, *image.operands)
        b.call(scheme.outputs(tail, 0), args, conv.n, flops=flops, scratch_bytes=scratch)

    return lower


def _table(b: WasmBuilder, scheme: Winograd) -> WasmPlace:
    """The constant with the byte offset of each block of the filter in a band."""
    return b.constant(("taps", scheme.starts), lambda: np.array(scheme.starts, np.int32))
