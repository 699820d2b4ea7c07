"""An allocator over one linear memory: first fit in address order, blocks of 64 bytes, neighbours merged.

Blocks end on a 64-byte border, so a kernel may read or write up to the next multiple of a vector.
"""

from __future__ import annotations

import bisect
import math
from typing import Any

import numpy as np

from tfjslab.backends.wasm.run.engine import Memory
from tfjslab.backends.wasm.text.packing import Block, Padded
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import BackendError

ALIGN = 64
# Address 0 stays unused so that a pointer that was never set is seen; vectors may overrun the last block.
_FIRST = 64
_GUARD = 1024
# Where one block is read and another is written at the same place of their pages, the processor takes them for the same
# bytes and waits. Large blocks that follow each other lie so many bytes apart in theirs: a tenth less time for an
# activation of 1.6 MB.
_PAGE, _STAGGER, _LARGE = 4096, 1088, 1 << 15
# Types to move 8 and 16 bytes at once with.
_WIDE: dict[int, np.dtype[Any]] = {8: np.dtype(np.complex64), 16: np.dtype(np.complex128)}


def align(n: int, to: int = ALIGN) -> int:
    """Round up to a multiple."""
    return -(-n // to) * to


def _room(num_bytes: int) -> int:
    """What a block takes."""
    return align(max(num_bytes, 1)) if num_bytes < _LARGE else align(num_bytes, _PAGE) + _STAGGER


class Heap:
    """Owns a memory and hands out blocks of it."""

    def __init__(self) -> None:
        self.memory = Memory()
        self._free: list[tuple[int, int]] = []  # (address, bytes), sorted, never adjacent
        self._top = _FIRST
        self._written = 0  # below this address old contents may lie; above it the system's zeros
        self._sizes: dict[int, int] = {}
        # The block that was freed last, not yet among the free ones: who runs one plan in a row wants it back at once.
        self._spare: tuple[int, int] | None = None

    @property
    def used_bytes(self) -> int:
        """Bytes in blocks that are held."""
        return sum(self._sizes.values())

    @property
    def reserved_bytes(self) -> int:
        """Size of the linear memory."""
        return self.memory.num_bytes

    def alloc(self, num_bytes: int) -> int:
        """The address of a new block; its contents are undefined."""
        size = _room(num_bytes)
        if self._spare is not None:
            address, room = self._spare
            self._spare = None
            if room == size:
                self._sizes[address] = size
                return address
            self._put_back(address, room)
        for i, (address, room) in enumerate(self._free):
            if room >= size:
                self._free[i : i + 1] = [(address + size, room - size)] if room > size else []
                break
        else:
            self.memory.grow_to(self._top + size + _GUARD)
            address = self._top
            self._top += size
        self._sizes[address] = size
        self._written = max(self._written, address + size + _GUARD)
        return address

    def alloc_zeroed(self, num_bytes: int) -> int:
        """Like ``alloc``, but the block holds zeros. What was never handed out is zero already and is not touched."""
        before = self._written
        address = self.alloc(num_bytes)
        self.memory.bytes[address : min(address + self._sizes[address], before)] = 0
        return address

    def free(self, address: int) -> None:
        """Give a block back; BackendError if it is not held."""
        size = self._sizes.pop(address, None)
        if size is None:
            raise BackendError(f"address {address} is not a block of this heap")
        if self._spare is not None:
            self._put_back(*self._spare)
        self._spare = (address, size)

    def _put_back(self, address: int, size: int) -> None:
        """Add a block to the free ones, and merge it with its neighbours."""
        i = bisect.bisect(self._free, (address, 0))
        self._free.insert(i, (address, size))
        self._merge(i)
        self._merge(i - 1)
        if self._free and sum(self._free[-1]) == self._top:
            self._top = self._free.pop()[0]

    def _merge(self, i: int) -> None:
        if 0 <= i < len(self._free) - 1 and sum(self._free[i]) == self._free[i + 1][0]:
            self._free[i : i + 2] = [(self._free[i][0], self._free[i][1] + self._free[i + 1][1])]

    def view(self, address: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """A numpy view of a block; valid while the block is held."""
        count = math.prod(shape) * dtype.itemsize
        return self.memory.bytes[address : address + count].view(dtype).reshape(shape)

    def store(self, block: Block) -> int:
        """Copy an array, or what becomes one, into a new block."""
        address = self.alloc_zeroed(block.nbytes) if isinstance(block, Padded) else self.alloc(block.nbytes)
        try:
            view = self.view(address, block.shape, block.dtype)
            if isinstance(block, Padded):
                for index, values in block.parts:
                    _assign(view[index], values)
            else:
                _assign(view, block)
        except BaseException:
            self.free(address)
            raise
        return address

    def close(self) -> None:
        """Free the memory with all blocks."""
        self._sizes.clear()
        self._free.clear()
        self._spare = None
        self._top, self._written = _FIRST, 0
        self.memory.close()


def _assign(target: Array, source: Array) -> None:
    """Copy. Numpy goes element by element through transposed arrays: up to five times as fast by pairs and fours."""
    wide = _WIDE.get(source.shape[-1] * source.itemsize) if source.ndim else None
    together = source.ndim and source.strides[-1] == target.strides[-1] == source.itemsize
    if wide is not None and together and not source.flags.c_contiguous:
        source, target = source.view(wide), target.view(wide)
    target[...] = source
