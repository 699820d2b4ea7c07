"""An allocator over one linear memory: first fit in address order, blocks of 64 bytes, neighbours merged.

Blocks end on a 64-byte border, so a kernel may read or write up to the next multiple of a vector.
"""

from __future__ import annotations

import bisect
from typing import Any

import numpy as np

from tfjslab.backends.wasm.engine import Memory
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import BackendError

ALIGN = 64
# Address 0 stays unused so that a pointer that was never set is seen; vectors may overrun the last block.
_FIRST = 64
_GUARD = 1024


def align(n: int, to: int = ALIGN) -> int:
    """Round up to a multiple."""
    return -(-n // to) * to


class Heap:
    """Owns a memory and hands out blocks of it."""

    def __init__(self) -> None:
        self.memory = Memory()
        self._free: list[tuple[int, int]] = []  # (address, bytes), sorted, never adjacent
        self._top = _FIRST
        self._sizes: dict[int, int] = {}

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
        size = align(max(num_bytes, 1))
        for i, (address, room) in enumerate(self._free):
            if room >= size:
                self._free[i : i + 1] = [(address + size, room - size)] if room > size else []
                break
        else:
            address = self._top
            self._top += size
            self.memory.grow_to(self._top + _GUARD)
        self._sizes[address] = size
        return address

    def free(self, address: int) -> None:
        """Give a block back; BackendError if it is not held."""
        size = self._sizes.pop(address, None)
        if size is None:
            raise BackendError(f"address {address} is not a block of this heap")
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
        count = int(np.prod(shape, dtype=object)) * dtype.itemsize
        return self.memory.bytes[address : address + count].view(dtype).reshape(shape)

    def store(self, array: Array) -> int:
        """Copy an array into a new block."""
        address = self.alloc(array.nbytes)
        self.view(address, array.shape, array.dtype)[...] = array
        return address

    def close(self) -> None:
        """Free the memory with all blocks."""
        self._sizes.clear()
        self._free.clear()
        self._top = _FIRST
        self.memory.close()
