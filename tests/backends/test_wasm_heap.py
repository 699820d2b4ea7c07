"""The allocator never hands out a byte twice, merges what comes back, and knows what is held."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfjslab.backends.wasm.run.heap import ALIGN, Heap
from tfjslab.backends.wasm.text.packing import Padded
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


def test_zeroed_blocks_hold_zeros_whatever_lay_there_before(heap):
    for _ in range(3):
        addresses = [heap.alloc_zeroed(size) for size in (100, 4000, 70_000)]
        for address, size in zip(addresses, (100, 4000, 70_000), strict=True):
            view = heap.view(address, (size,), np.dtype(np.uint8))
            assert not view.any()
            view[...] = 255
        for address in addresses:
            heap.free(address)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.randoms(use_true_random=False),
       st.sampled_from(["<f4", "<i4", "i1", "<f8"]), st.integers(0, 3))
def test_any_view_is_stored_as_numpy_would_copy_it(shape, random, dtype, offset):
    """Transposed, reversed, at odd addresses, with NaNs of any kind."""
    heap = Heap()
    axes = list(range(len(shape)))
    random.shuffle(axes)
    count = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.frombuffer(bytes(random.getrandbits(8) for _ in range(count + offset)), np.uint8)
    array = raw[offset:].view(dtype).reshape(shape).transpose(axes)
    if random.random() < 0.3:
        array = array[..., ::-1]
    address = heap.store(array)
    assert heap.view(address, array.shape, array.dtype).tobytes() == array.tobytes()
    heap.close()


def test_padding_of_a_block_is_zero(heap):
    first = heap.store(np.full(100, 7, np.float32))
    heap.free(first)
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    parts = ((np.s_[:, :2], values[:, :2]), (np.s_[:, 3], values[:, 2]))
    address = heap.store(Padded((2, 5), np.dtype(np.float32), parts))
    assert heap.view(address, (2, 5), np.dtype(np.float32)).tolist() == [[0, 1, 0, 2, 0], [3, 4, 0, 5, 0]]
