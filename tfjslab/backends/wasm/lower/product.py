"""The matrix product that 1x1 convolutions and large dense layers share: planes of inputs times broadcast weights."""

from __future__ import annotations

from dataclasses import dataclass

from tfjslab.backends.wasm.builder import Builder
from tfjslab.backends.wasm.layouts import flat_tiles
from tfjslab.backends.wasm.lower.operands import Epilogue
from tfjslab.backends.wasm.templates import Kernel, kernel
from tfjslab.backends.wasm.tuning import Tile, Trial

_PANEL_BYTES = 96 * 1024  # weights multiplied out at once: a good part of a second-level cache
# Longer sums are cut: 256 lines of inputs and the weights of a group are what a first-level cache of 32 KiB holds.
_LONGEST_SUM = 256

# The first is taken when nothing is measured: it needs no relaxed SIMD and was never seen to spill.
SIMD_TILES = (
    Tile(2, 4, 1, relaxed=False), Tile(2, 4, 4, relaxed=True), Tile(4, 2, 3, relaxed=True), Tile(2, 4, 2, relaxed=True),
    Tile(2, 4, 1, relaxed=True), Tile(2, 4, 2, relaxed=True, biased=False), Tile(3, 3, 3, relaxed=True),
    Tile(4, 2, 3, relaxed=True, biased=False), Tile(2, 4, 4, relaxed=False),
)
SCALAR_TILES = (
    Tile(2, 4, 1, relaxed=False), Tile(2, 4, 4, relaxed=False), Tile(4, 2, 1, relaxed=False),
    Tile(4, 2, 3, relaxed=False), Tile(3, 3, 2, relaxed=False),
)


def tiles(b: Builder) -> tuple[Tile, ...]:
    """The candidates for product loops."""
    return SIMD_TILES if b.lanes > 1 else SCALAR_TILES


def group_size(outputs: int, most: int) -> int:
    """Outputs computed at once: the largest number up to ``most`` that divides them."""
    return next(d for d in range(min(most, outputs), 0, -1) if outputs % d == 0)


def size_class(n: int) -> str:
    """Sizes that behave alike: by powers of two, and all large ones together."""
    return f"<{2 ** min(n.bit_length(), 10)}"


def splat_round(n: int) -> int:
    """Weights multiplied out in one round of the loop that does it."""
    return next(u for u in (16, 8, 4, 2, 1) if n % u == 0)


@dataclass(frozen=True)
class Pointwise:
    """A matrix product c[n][p] = sum_k a[k][p] * w[k][n], as of a 1x1 convolution.

    ``step`` is the bytes from one k to the next, ``vectors`` the vectors of p, ``k`` the inner length, ``n`` the
    outputs. ``by_rows``: w comes as rows [n][k]. ``step_out`` is the bytes between outputs where it is not ``step``.
    """

    step: int
    vectors: int
    k: int
    n: int
    by_rows: bool = False
    step_out: int = 0

    def kernel(self, tile: Tile, tail: Epilogue, lanes: int) -> tuple[Kernel, int, int, int]:
        """The kernel, its units, its scratch bytes, and outputs in a group of weights."""
        nr = group_size(self.n, max(tile.outputs, tile.outputs * tile.vectors // min(tile.vectors, self.vectors)))
        sections = flat_tiles(self.vectors, tile.vectors)
        count, groups = sum(s[2] for s in sections), self.n // nr
        blocks = -(-self.k // _LONGEST_SUM)
        kb = -(-self.k // blocks)
        block = max(1, min(groups, _PANEL_BYTES // (kb * nr * 4 * lanes)))
        by_pixels = count >= groups
        made = kernel(
            "pointwise", ("a", "w", "c", *tail.pointers()), expressions=(tail.expr,), k=self.k, n=self.n, nr=nr,
            block=block, blocks=blocks, kb=kb, unroll=tile.unroll, relaxed=tile.relaxed, splat=splat_round(self.k * nr),
            sections=tuple(sections), tiles=count, split="pixels" if by_pixels else "outputs", pitch_in=self.step,
            pitch_out=self.step_out or self.step, by_rows=self.by_rows, e=tail.text(),
        )
        return made, count if by_pixels else groups, block * kb * nr * 4 * lanes, nr

    def trial(self, tile: Tile, tail: Epilogue, lanes: int) -> Trial:
        """A trial on the real size."""
        made, units, scratch, _ = self.kernel(tile, tail, lanes)
        row = self.step_out or self.step
        out = self.n * row
        operand = {"channel": 4 * self.n, "full": out, "pixel": row}
        sizes = (self.k * self.step, 4 * self.k * self.n, out, *(operand[kind] for kind in tail.kinds))
        return Trial(made, sizes, scratch, units)
