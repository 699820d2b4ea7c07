"""Packing of bytes as 16-bit integers, made at load: so the file of weights has bytes, once for all variants.

Such a packer moves each byte and makes ``(byte - zero) * factor`` of it, with factors that belong to output channels.
Copies lay the bytes out, padded with the zero point, in the upper half of the block; a pass from its start widens them
where they are. What a packer does is found out by packing numbers of our own, and is taken only where it makes the very
block that the packer makes of random bytes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tfjslab.backends.wasm.text.packing import Packing, Padded
from tfjslab.base.dtypes import Array
from tfjslab.base.shapes import Shape, size_of
from tfjslab.export.web.copies import StridedCopy, copies_of

_BYTES, _BITS = ("int8", "uint8"), 16


@dataclass(frozen=True, eq=False)
class Widening:
    """The copies of bytes, and how they become 16 bits: in ``groups`` of ``lines`` of ``width``.

    The lines of a group share its ``factors``, which are [groups, width] of int16; without factors all are 1.
    """

    copies: tuple[StridedCopy, ...]
    zero: int
    groups: int
    lines: int
    width: int
    factors: Array | None
    signed: bool

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return self.groups * self.lines * self.width


@lru_cache(maxsize=512)  # variants pack alike
def widening(packing: Packing, shape: Shape, dtype: str) -> Widening | None:
    """How a module makes what ``packing`` makes of bytes of ``shape``; None where it is no such packing."""
    if dtype not in _BYTES or not size_of(shape):
        return None
    info = np.iinfo(dtype)
    source = np.random.default_rng(0).integers(info.min, info.max, shape, dtype, endpoint=True)
    block = packing(source)
    if isinstance(block, Padded) or block.dtype != np.int16:
        return None
    moved = _packed(packing, np.zeros(shape, np.int16))
    factors = _packed(packing, np.ones(shape, np.int16)) - moved
    positions = _positions(packing, shape, moved, factors)
    copies = copies_of(positions, np.arange(block.size).reshape(block.shape))
    if copies is None or positions.max() > source.size:
        return None
    found = Widening(copies, _zero(moved, factors), *_shared(factors), signed=info.min < 0)
    return found if np.array_equal(_widened(found, positions, source), block.ravel()) else None


def _packed(packing: Packing, numbers: Array) -> Array:
    return np.asarray(packing(numbers)).astype(np.uint16)


def _positions(packing: Packing, shape: Shape, moved: Array, factors: Array) -> Array:
    """Which element of the source stands at each place of the block, counted from 1; 0 where it is padding."""
    digit = _BITS - int(factors.max(initial=1)).bit_length() + 1  # bits that no factor pushes out
    each = np.arange(size_of(shape), dtype=np.int64).reshape(shape)
    found = np.zeros(factors.shape, np.int64)
    for low in range(0, max(each.size - 1, 1).bit_length(), digit):
        numbers = (each >> low & (1 << digit) - 1).astype(np.uint16)
        found += ((_packed(packing, numbers) - moved) // np.maximum(factors, 1)).astype(np.int64) << low
    return np.where(factors > 0, found + 1, 0)


def _zero(moved: Array, factors: Array) -> int:
    """The byte that becomes 0."""
    at = int(np.argmax(factors > 0))
    return int(-moved.view(np.int16).flat[at]) // max(int(factors.flat[at]), 1)


def _shared(factors: Array) -> tuple[int, int, int, Array | None]:
    """Groups, lines and width, and what the lines of a group share; padding has no factor of its own."""
    if int(factors.max(initial=1)) == 1:
        return 1, 1, factors.size, None
    lines = factors.reshape(len(factors), -1, math.prod(factors.shape[2:]))
    return *lines.shape, np.maximum(lines.max(axis=1), 1).astype(np.int16)


def _widened(found: Widening, positions: Array, source: Array) -> Array:
    """What the module will make."""
    flat = positions.ravel()
    numbers = np.where(flat > 0, source.ravel()[flat - 1].astype(np.int32), found.zero) - found.zero
    if found.factors is not None:
        numbers = (numbers.reshape(found.groups, found.lines, found.width) * found.factors[:, None]).ravel()
    return np.asarray(numbers.astype(np.int16))
