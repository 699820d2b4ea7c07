"""The allocator never hands out a byte twice, merges what comes back, and knows what is held."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfjslab.backends.wasm.heap import ALIGN, Heap
from tfjslab.base.errors import BackendError


@pytest.fixture(name="heap")
def _heap():
    heap = Heap()
    yield heap
    heap.close()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5000)), max_size=60))
def test_blocks_never_overlap_and_all_come_back(steps):
    heap = Heap()
    held: dict[int, int] = {}
    for allocate, number in steps:
        if allocate or not held:
            address = heap.alloc(number)
            assert address % ALIGN == 0
            assert all(address + max(number, 1) <= a or a + size <= address for a, size in held.items())
            held[address] = max(number, 1)
        else:
            _free_one(heap, held, number)
    assert heap.used_bytes == sum(-(-s // ALIGN) * ALIGN for s in held.values())
    for address in held:
        heap.free(address)
    assert heap.used_bytes == 0
    first = heap.alloc(10_000)
    assert first == ALIGN, "everything was merged back into one run"
    heap.close()


def _free_one(heap, held, number):
    address = list(held)[number % len(held)]
    heap.free(address)
    del held[address]


def test_freeing_twice_is_an_error(heap):
    address = heap.alloc(8)
    heap.free(address)
    with pytest.raises(BackendError, match=f"address {address} is not a block of this heap"):
        heap.free(address)


def test_views_survive_growth(heap):
    """The memory's base never moves, so a view made before it grows sees what is written after."""
    address = heap.store(np.arange(4, dtype=np.float32))
    view = heap.view(address, (4,), np.dtype(np.float32))
    heap.alloc(50 << 20)
    heap.view(address, (4,), np.dtype(np.float32))[0] = 9
    assert view.tolist() == [9, 1, 2, 3]


def test_closing_returns_the_memory():
    heap = Heap()
    heap.alloc(1 << 20)
    heap.close()
    assert (heap.used_bytes, heap.reserved_bytes) == (0, 0)
