"""Copies that change which axis has neighbours in memory, as blocks that are turned in registers."""

from __future__ import annotations

from dataclasses import dataclass

from tfjslab.base.shapes import size_of

_LANES = 4
_ROWS = 8  # of a block: half a cache line, and no more lines of the result at once than a cache has ways
_CHUNK = 64  # lines of the source that are kept near until all their blocks are turned


@dataclass(frozen=True)
class TransposedBlocks:
    """What ``transpose.wat`` needs; see there. ``rows`` of i are a block, ``chunk`` of j are walked at once."""

    i: int
    j: int
    di: int
    sj: int
    outer: tuple[tuple[int, int, int], ...]
    rows: int
    blocks: int
    chunk: int
    chunks: int

    @property
    def units(self) -> int:
        """Blocks of i in all chunks."""
        return self.blocks * self.chunks * size_of([length for length, _, _ in self.outer])


def transposed_blocks(
    dims: tuple[int, ...], source: tuple[int, ...], out: tuple[int, ...],
) -> TransposedBlocks | None:
    """A strided copy as blocks; None where neighbours stay neighbours, or rows run backwards."""
    along = next((a for a, (n, s) in enumerate(zip(dims, source, strict=True)) if s == 1 and n > 1), len(dims) - 1)
    last = len(dims) - 1
    if along == last or out[last] != 1 or min(dims[last], source[last] - 1, out[along] - 1) < 1:
        return None
    i, j = dims[along], dims[last]
    if max(i, j) < _LANES:
        return None
    rows = _ROWS if i >= _ROWS else min(i, _LANES)
    pieces = -(-j // _CHUNK)
    chunk = -(-j // pieces)
    chunk = min(j, -(-chunk // _LANES) * _LANES)
    outer = tuple((dims[a], source[a], out[a]) for a in range(last) if a != along)
    return TransposedBlocks(i, j, out[along], source[last], outer, rows, -(-i // rows), chunk, -(-j // chunk))
