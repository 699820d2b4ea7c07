"""Packing of bytes as 16-bit integers, made at load: so the file of weights has bytes, once for all variants.

Such a packer moves each byte and makes ``(byte - zero) * factor`` of it, with factors that belong to output channels.
Copies lay the bytes out, padded with the zero point, in the upper half of the block; a pass from its start widens them
where they are. What a packer does is found out by packing numbers of our own, and is taken only where it makes the very
block of the weights that there are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tfjslab.backends.wasm.text.packing import Packing, Padded
from tfjslab.base.dtypes import Array
from tfjslab.export.web.copies import StridedCopy, copies_of

_BYTES, _BITS = (np.dtype(np.int8), np.dtype(np.uint8)), 16


@dataclass(frozen=True, eq=False)
class Widening:
    """The copies of bytes, and how they become 16 bits: ``lines`` lines of a group share its ``factors``.

    ``factors`` are [groups, width] of int16, ``scaled`` unless all are 1.
    """

    copies: tuple[StridedCopy, ...]
    zero: int
    lines: int
    factors: Array
    signed: bool

    @property
    def scaled(self) -> bool:
        """Whether there is anything to multiply by."""
        return bool((self.factors != 1).any())

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return self.factors.size * self.lines


def widening(packing: Packing, source: Array) -> Widening | None:
    """How a module makes what ``packing`` makes of bytes; None where it is no such packing."""
    if source.dtype not in _BYTES or not source.size:
        return None
    block = packing(source)
    if isinstance(block, Padded) or block.dtype != np.int16:
        return None
    moved = _packed(packing, np.zeros(source.shape, np.int16))
    factors = _packed(packing, np.ones(source.shape, np.int16)) - moved
    positions = _positions(packing, source, moved, factors)
    copies = copies_of(positions, np.arange(block.size).reshape(block.shape))
    if copies is None or positions.max() > source.size:
        return None
    found = Widening(copies, _zero(moved, factors), *_shared(factors), signed=source.dtype == np.int8)
    return found if np.array_equal(_widened(found, positions, source), block.ravel()) else None


def _packed(packing: Packing, numbers: Array) -> Array:
    return np.asarray(packing(numbers)).astype(np.uint16)


def _positions(packing: Packing, source: Array, moved: Array, factors: Array) -> Array:
    """Which element of the source stands at each place of the block, counted from 1; 0 where it is padding."""
    digit = _BITS - int(factors.max(initial=1)).bit_length() + 1  # bits that no factor pushes out
    each = np.arange(source.size, dtype=np.int64).reshape(source.shape)
    found = np.zeros(factors.shape, np.int64)
    for low in range(0, max(source.size - 1, 1).bit_length(), digit):
        numbers = (each >> low & (1 << digit) - 1).astype(np.uint16)
        found += ((_packed(packing, numbers) - moved) // np.maximum(factors, 1)).astype(np.int64) << low
    return np.where(factors > 0, found + 1, 0)


def _zero(moved: Array, factors: Array) -> int:
    """The byte that becomes 0."""
    at = int(np.argmax(factors > 0))
    return int(-moved.view(np.int16).flat[at]) // max(int(factors.flat[at]), 1)


def _shared(factors: Array) -> tuple[int, Array]:
    """The lines of a group, and the factors that they share; padding has none of its own."""
    if int(factors.max(initial=1)) == 1:
        return 1, np.ones((1, factors.size), np.int16)
    lines = factors.reshape(len(factors), -1, math.prod(factors.shape[2:]))
    return lines.shape[1], np.maximum(lines.max(axis=1), 1).astype(np.int16)


def _widened(found: Widening, positions: Array, source: Array) -> Array:
    """What the module will make."""
    flat = positions.ravel()
    numbers = np.where(flat > 0, source.ravel()[flat - 1].astype(np.int32), found.zero) - found.zero
    groups, width = found.factors.shape
    return np.asarray((numbers.reshape(groups, found.lines, width) * found.factors[:, None]).ravel().astype(np.int16))
