"""How products are cut: rows and columns of an invocation, and how the invocations of a workgroup stand beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from tfjslab.backends.webgpu.capabilities import Capabilities
from tfjslab.backends.webgpu.text.templates import MAX_GROUPS

Form = Literal["rows", "columns", "staged", "broadcast", "deep"]
SIDE = 8  # of the square of invocations of a staged workgroup, and invocations along the columns of a deep one
STAGED_VECTORS = 4  # of each row that are in workgroup memory at a time


@dataclass(frozen=True)
class GpuTile:
    """An invocation computes ``rows`` rows of ``columns`` vectors of four; ``group`` invocations work together.

    They are neighbours along the ``rows`` and share weights, which each reads for itself or by subgroup
    ``broadcast``, or along the ``columns`` and share rows, or they stand in a square and share both through workgroup
    memory, where they are ``staged``. Where there are too few outputs to keep a GPU busy, a ``deep`` workgroup has SIDE
    invocations along the columns, and the others share the sums of these: each adds up a part.
    """

    form: Form
    rows: int
    columns: int
    group: int

    @property
    def side(self) -> int:
        """Invocations along an edge of a staged or deep workgroup, else 1."""
        return SIDE if self.form in ("staged", "deep") else 1

    @property
    def high(self) -> int:
        """Rows of a workgroup."""
        return self.rows * {"columns": 1, "deep": 1, "staged": SIDE}.get(self.form, self.group)

    @property
    def wide(self) -> int:
        """Vectors of columns of a workgroup."""
        return self.columns * {"columns": self.group, "staged": SIDE, "deep": SIDE}.get(self.form, 1)

    def groups(self, m: int, vectors: int) -> tuple[int, int]:
        """Workgroups for m rows: across and down."""
        return -(-vectors // self.wide), -(-m // self.high)

    def fits(self, m: int, vectors: int) -> bool:
        """Whether a dispatch can be that large, and the panels are whole where they have to be."""
        return max(self.groups(m, vectors)) <= MAX_GROUPS and (self.form != "rows" or vectors % self.columns == 0)

    def params(self) -> dict[str, Any]:
        """What the kernels' sources are told."""
        return {
            "form": self.form, "rows": self.rows, "columns": self.columns, "group": self.group, "side": self.side,
        }

    def __str__(self) -> str:
        return f"{self.form} {self.rows}x{4 * self.columns}, {self.group} together"


_VECTOR = 8  # invocations of llvmpipe's register: more in a workgroup run one after the other
_WAVE = 64
_FEW_ROWS = 8  # fewer than this leave lanes idle: columns take their place
# What one step of four multiplications deep costs on llvmpipe, fitted to products of 512 in ten tiles: nanoseconds of
# a vector that is read, for which it loops over the invocations, also where all read the same, and of a product.
_READ, _PRODUCT = 15.0, 3.6
_BROADCAST = tuple(GpuTile("broadcast", rows, columns, _VECTOR) for rows, columns in ((4, 8), (4, 4), (2, 4)))
_SOFTWARE = (
    *(GpuTile("rows", rows, columns, _VECTOR) for rows in (8, 7, 5, 4, 2) for columns in (4, 2, 1)),
    GpuTile("columns", 8, 2, _VECTOR), GpuTile("columns", 16, 1, _VECTOR),
)
_STAGED = (
    GpuTile("staged", 4, 2, SIDE * SIDE), GpuTile("staged", 4, 1, SIDE * SIDE), GpuTile("staged", 8, 2, SIDE * SIDE),
)
_HARDWARE = (
    GpuTile("rows", 4, 2, _WAVE), GpuTile("rows", 4, 1, _WAVE), GpuTile("columns", 4, 1, _WAVE),
    GpuTile("columns", 8, 1, _WAVE),
)
_DEEP = tuple(GpuTile("deep", rows, 1, 2 * _WAVE) for rows in (1, 2, 4))
_FEW_INVOCATIONS = 1 << 14  # fewer of a staged tile leave a GPU with nothing to do while it waits for memory
_MOST_RAGGED = 8  # vectors of an invocation where rows are no whole ones: single floats make llvmpipe's code too long
_SOFTWARE_TRIALS = 3  # a driver that compiles for the processor takes a tenth of a second for each


def product_tiles(m: int, n: int, capabilities: Capabilities) -> tuple[GpuTile, ...]:
    """Tiles for a product of m rows and n columns; the first suits adapters of this kind."""
    narrow = (GpuTile("columns", m, 1, 32),)
    if capabilities.software:
        return narrow if m < _FEW_ROWS else _fitting((), m, n, capabilities)
    if m < _FEW_ROWS:
        return (*_DEEP[:1], *narrow)
    few = m * -(-n // 4) // (_STAGED[0].rows * _STAGED[0].columns) < _FEW_INVOCATIONS
    return _fitting((*_DEEP, *_STAGED) if few else _STAGED, m, n, capabilities)


def conv_tiles(pixels: int, n: int, capabilities: Capabilities) -> tuple[GpuTile, ...]:
    """Tiles for a convolution: never staged."""
    return _fitting((), pixels, n, capabilities)


def _fitting(first: tuple[GpuTile, ...], m: int, n: int, capabilities: Capabilities) -> tuple[GpuTile, ...]:
    vectors, most = -(-n // 4), _MOST_RAGGED if n % 4 else math.inf
    if capabilities.software:
        tiles = (*(_BROADCAST if capabilities.subgroups else ()), *_SOFTWARE)
        fitting = sorted((t for t in tiles if t.fits(m, vectors)), key=lambda t: _cost(t, m, vectors))
        return tuple([t for t in fitting if t.rows * t.columns <= most][:_SOFTWARE_TRIALS])
    broadcast = (GpuTile("broadcast", 4, 4, _WAVE),) if capabilities.subgroups else ()
    return tuple(t for t in (*first, *_HARDWARE, *broadcast) if t.fits(m, vectors))


def _cost(t: GpuTile, m: int, vectors: int) -> float:
    across, down = t.groups(m, vectors)
    shared = {"rows": 4 * t.columns, "broadcast": -(-4 * t.columns // _VECTOR), "columns": 4 * t.columns}[t.form]
    return across * down * ((t.rows + shared) * _READ + t.rows * t.columns * _PRODUCT)
