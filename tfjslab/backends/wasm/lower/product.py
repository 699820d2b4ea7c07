"""The matrix product that 1x1 convolutions and large dense layers share, in two forms.

*Pixels*: vectors over pixels, weights splat. *Columns*: vectors over outputs, pixels splat, results
transposed when they are stored. Small images have few pixels to splat weights for, and no whole vectors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tfjslab.backends.wasm.builder import WasmBuilder
from tfjslab.backends.wasm.lower.operands import WasmEpilogue
from tfjslab.backends.wasm.text.layouts import cut, flat_tiles
from tfjslab.backends.wasm.text.templates import WasmKernel, kernel
from tfjslab.backends.wasm.tuning import WasmTile, WasmTrial

_PANEL_BYTES = 96 * 1024  # weights splat at once: a good part of a second-level cache
_PIXEL_BYTES = 256 * 1024  # the same of pixels
# Planes and weights splat at once where a product is part of another kernel: about what a first-level cache holds.
GROUP_BYTES = 48 * 1024
# Longer sums are cut: 256 lines of inputs and the weights of a group are what a first-level cache of 32 KiB holds.
_LONGEST_SUM = 256
_MOST_COLUMN_PIXELS = 256  # from here on the other form always won
_LANES = 4

# The first is taken when nothing is measured: it needs no relaxed SIMD and was never seen to spill.
SIMD_TILES = (
    WasmTile(2, 4, 1), WasmTile(2, 6, 2, cut=1), WasmTile(3, 3, 2, cut=1), WasmTile(2, 5, 2, cut=1),
    WasmTile(2, 4, 3, relaxed=True, cut=1), WasmTile(2, 4, 4, relaxed=True),
)
# For images of at most 14 vectors, which are one tile.
SMALL_TILES = (WasmTile(1, 14, 2, cut=1),)
COLUMN_TILES = tuple(replace(t, columns=True) for t in (
    WasmTile(2, 5, 2, cut=1), WasmTile(2, 6, 2, cut=1), WasmTile(3, 3, 2, cut=1),
    WasmTile(2, 4, 3, relaxed=True, cut=1),
))
SCALAR_TILES = (WasmTile(2, 4, 1), WasmTile(2, 6, 2, cut=1), WasmTile(3, 3, 2, cut=1), WasmTile(2, 5, 1, cut=1))


def tiles(lanes: int) -> tuple[WasmTile, ...]:
    """The candidates for product loops."""
    return SIMD_TILES if lanes > 1 else SCALAR_TILES


def group_size(outputs: int, most: int) -> int:
    """Outputs computed at once: the largest number up to ``most`` that divides them."""
    return next(d for d in range(min(most, outputs), 0, -1) if outputs % d == 0)


def size_class(n: int) -> str:
    """Sizes that behave alike: by powers of two, and all large ones together."""
    return f"<{2 ** min(n.bit_length(), 10)}"


def splat_round(n: int) -> int:
    """Weights splat in one round of the loop that does it."""
    return next(u for u in (16, 8, 4, 2, 1) if n % u == 0)


@dataclass(frozen=True)
class Made:
    """A kernel, the extent of its work, its scratch, and the outputs in a group of weights."""

    kernel: WasmKernel
    units: int
    scratch_bytes: int
    nr: int


@dataclass(frozen=True)
class Pointwise:
    """A matrix product c[n][p] = sum_k a[k][p] * w[k][n], as of a 1x1 convolution.

    ``step`` is the bytes from one k to the next, ``pixels`` the extent of p, ``k`` the inner length, ``n`` the outputs.
    ``by_rows``: w comes as rows [n][k]. ``step_out`` is the bytes between outputs where it is not ``step``.
    """

    step: int
    pixels: int
    k: int
    n: int
    by_rows: bool = False
    step_out: int = 0

    def vectors(self, lanes: int) -> int:
        """Vectors of pixels, the last one padded."""
        return -(-self.pixels // lanes)

    @property
    def _takes_columns(self) -> bool:
        return self.pixels <= _MOST_COLUMN_PIXELS and self.n % _LANES == 0 and not self.by_rows

    def tiles(self, lanes: int) -> tuple[WasmTile, ...]:
        """The candidates for this size."""
        if lanes == 1:
            return SCALAR_TILES
        small = SMALL_TILES if self.vectors(lanes) <= SMALL_TILES[0].vectors else ()
        # Where columns are possible they are mostly fastest: by a third for 49 pixels, a twentieth for 196.
        return (*(COLUMN_TILES if self._takes_columns else ()), *SIMD_TILES, *small)

    def kind(self) -> str:
        """The class of sizes that share a choice.

        With few pixels the rest of the division into tiles matters, with many only the size.
        """
        few = self.pixels <= 4 * SMALL_TILES[0].vectors
        pixels = str(self.pixels) if few else size_class(-(-self.pixels // _LANES))
        return f"pixels={pixels} inner={size_class(self.k)}{' columns' if self._takes_columns else ''}"

    def fastest(self, b: WasmBuilder, tail: WasmEpilogue) -> WasmTile:
        """The fastest candidate for the product alone."""
        return b.choose(f"pointwise {self.kind()} {tail}", self.tiles(b.lanes), lambda t: self.trial(t, tail, b.lanes))

    def kernel(self, tile: WasmTile, tail: WasmEpilogue, lanes: int, *, part: int = 0) -> Made:
        """The kernel for a tile. As part of another it is called for groups of outputs, ``part`` outputs at a time."""
        if tile.columns:
            return self._columns(tile, tail, part=part > 0)
        vectors = self.vectors(lanes)
        nr = group_size(self.n, max(tile.outputs, tile.outputs * tile.vectors // min(tile.vectors, vectors)))
        sections = flat_tiles(vectors, tile.vectors)
        count, groups = sum(s[2] for s in sections), self.n // nr
        blocks = -(-self.k // _LONGEST_SUM)
        kb = -(-self.k // blocks)
        block = max(1, min(part // nr or groups, _PANEL_BYTES // (kb * nr * 4 * lanes)))
        by_pixels = count >= groups and not part
        made = kernel(
            "pointwise", ("a", "w", "c", *tail.pointers()), expressions=(tail.expr,), k=self.k, n=self.n, nr=nr,
            block=block, blocks=blocks, kb=kb, tile=tile, splat=splat_round(self.k * nr),
            sections=tuple(sections), tiles=count, split="pixels" if by_pixels else "outputs", pitch_in=self.step,
            pitch_out=self.step_out or self.step, by_rows=self.by_rows, e=tail.text(),
        )
        return Made(made, count if by_pixels else groups, block * kb * nr * 4 * lanes, nr)

    def _columns(self, tile: WasmTile, tail: WasmEpilogue, *, part: bool) -> Made:
        """As a part it finds all pixels splat already (see ``pieces``)."""
        vectors = group_size(self.n // _LANES, tile.outputs)
        pieces = self.pieces(tile)
        tile_bytes = 16 * self.k * pieces[0][0]
        block = max(1, _PIXEL_BYTES // tile_bytes)
        made = kernel(
            "columns", ("a", "w", "c", *tail.pointers()), expressions=(tail.expr,), k=self.k, vectors=vectors,
            block=block, tile=tile, pieces=pieces, pitch_in=self.step, pitch_out=self.step_out or self.step,
            splatted=part, e=tail.text(),
        )
        nr = _LANES * vectors
        scratch = 16 * self.k * self.pixels if part else min(block, sum(count for _, count in pieces)) * tile_bytes
        return Made(made, self.n // nr, scratch, nr)

    def pieces(self, tile: WasmTile) -> tuple[tuple[int, int], ...]:
        """The pixels as tiles for columns: (pixels of a tile, tiles), in order."""
        return tuple(cut(self.pixels, tile.vectors))

    def trial(self, tile: WasmTile, tail: WasmEpilogue, lanes: int) -> WasmTrial:
        """A trial on the real size."""
        made = self.kernel(tile, tail, lanes)
        row = self.step_out or self.step
        sizes = (self.k * self.step, 4 * self.k * self.n, self.n * row, *tail.sizes(self.n, row))
        return WasmTrial(made.kernel, sizes, made.scratch_bytes, made.units)
