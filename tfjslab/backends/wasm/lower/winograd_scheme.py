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

from dataclasses import dataclass

import numpy as np

from tfjslab.backends.wasm.lower.general import General
from tfjslab.backends.wasm.lower.operands import WasmEpilogue
from tfjslab.backends.wasm.lower.product import Made, Pointwise
from tfjslab.backends.wasm.text.layouts import PlaneGeometry, pitch, whole_lines
from tfjslab.backends.wasm.text.packing import packer
from tfjslab.backends.wasm.text.templates import WasmKernel, kernel
from tfjslab.base.dtypes import Array
from tfjslab.ops.expr import X

SUMS = WasmEpilogue(X, (), ())
TAPS = 3
# Points of interpolation besides 0 and infinity, by outputs of a tile along an axis: each with its negative.
PAIRS = {2: (1.0,), 4: (0.625, 1.5)}


@dataclass(frozen=True)
class Transform:
    """What the kernel sources need of a scheme: outputs of a tile along an axis, and the pairs of points."""

    m: int
    pairs: tuple[float, ...]

    @property
    def values(self) -> int:
        """Values of a transformed tile."""
        return (self.m + TAPS - 1) ** 2

    def filters(self) -> Array:
        """The matrix [m + 2, 3] that transforms filters along one axis, in float64: Lagrange's, and infinity."""
        points = np.array([0.0, *(s * p for p in self.pairs for s in (1, -1))])
        scale = [np.prod([p - q for q in points if q != p]) for p in points]
        rows = points[:, None] ** np.arange(TAPS) / np.array(scale)[:, None]
        return np.vstack([rows, np.eye(TAPS)[-1:]])


def _blocks(size: int, stride: int) -> list[tuple[int, int]]:
    """A filter's taps along one axis as filters of three: for each the phase it reads, and its first tap there."""
    return [(p, b) for p in range(min(stride, size)) for b in range(0, -(-(size - p) // stride), TAPS)]


@packer
def pack_winograd(w: Array, m: int, nr: int, groups: int, stride: tuple[int, int]) -> Array:
    """HWIO filters as transformed blocks: [groups][values][O / nr][I * blocks][nr], where O and I are of a group."""
    kh, kw, k, n = w.shape
    down, across = stride
    g = Transform(m, PAIRS[m]).filters()
    parts = []
    for py, y in _blocks(kh, down):
        for px, x in _blocks(kw, across):
            part = np.zeros((TAPS, TAPS, k, n))  # float64, also below
            taps = w[py::down, px::across][y : y + TAPS, x : x + TAPS]
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
        return Transform(self.m, PAIRS[self.m])

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
        """The padded rows that a chunk reads, whole ones, and what the last group of tiles reads beyond them."""
        win = self.conv.win
        (down, across), left = win.stride, win.pad[1][0]
        below, right = (max(first for _, first in axis) for axis in self.blocks)
        beyond = self.lanes if self.lanes > 1 else TAPS - 1
        width = win.in_size[1]  # also what nothing reads behind the last phase: rows of the source are that far apart
        columns = max(self.m * self.lanes * self.groups + beyond + right, -(-(left + width) // across))
        columns += -columns % self.lanes
        return PlaneGeometry(0, width, 0, left, across, columns, down * (self.m * self.rows + TAPS - 1 + below))

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
            axes=((self.transform.values, p.k * p.step, 4 * p.k * p.n),), e=SUMS.text(),
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
