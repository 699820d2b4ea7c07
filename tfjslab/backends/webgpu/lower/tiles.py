"""How products are cut: rows and columns of an invocation, and invocations of a workgroup."""

from __future__ import annotations

from dataclasses import dataclass

# What one step of four multiplications deep costs on llvmpipe, where a workgroup of 8 is one register: nanoseconds
# of a gathered vector, of a vector that all invocations share, and of a product of both. Measured on products of 512.
_GATHER, _SHARED, _PRODUCT = 15.0, 4.0, 9.0
_VECTOR = 8  # floats in a register
_MOST_ROWS, _MOST_COLUMNS = 8, 2  # wider tiles spill more than they share


@dataclass(frozen=True)
class Tile:
    """An invocation computes ``rows`` rows of ``columns`` vectors of four; ``group`` invocations share columns."""

    rows: int
    columns: int
    group: int


def product_tile(m: int, n: int, *, software: bool) -> Tile:
    """The tile for a product of m rows and n columns."""
    vectors = -(-n // 4)
    if not software:
        return Tile(4, next(c for c in (2, 1) if vectors % c == 0), 64)
    candidates = [
        Tile(rows, columns, _VECTOR) for rows in range(1, _MOST_ROWS + 1) for columns in range(1, _MOST_COLUMNS + 1)
        if vectors % columns == 0
    ]
    return min(candidates, key=lambda t: (_cost(t, m, vectors), -t.rows))


def _cost(t: Tile, m: int, vectors: int) -> float:
    tiles = -(-m // (t.rows * t.group)) * (vectors // t.columns)
    return tiles * (t.rows * _GATHER + 4 * t.columns * _SHARED + t.rows * t.columns * _PRODUCT)
