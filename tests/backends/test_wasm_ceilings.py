"""Ceilings: what the loops do, how much work they are said to be, and which backends have any."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from tfjslab.backends import registry
from tfjslab.backends.ceilings import ceilings_of
from tfjslab.backends.wasm import ceilings
from tfjslab.backends.wasm.ceilings import measure_ceilings
from tfjslab.backends.wasm.run.engine import Instance
from tfjslab.backends.wasm.run.heap import Heap
from tfjslab.backends.wasm.text.emit import SCALAR, SIMD
from tfjslab.backends.wasm.tuning import single_module
from tfjslab.base import machine
from tfjslab.base.errors import BackendError

FLOAT = np.dtype(np.float32)


def milliseconds():
    """A clock that is one millisecond further at each look of a thread."""
    looks = threading.local()

    def clock():
        looks.count = getattr(looks, "count", 0) + 1
        return looks.count / 1e3

    return clock


def ran(loop, lanes, rounds, values):
    """A buffer of ``values`` after a loop went over it."""
    heap = Heap()
    address = heap.store(np.array(values, FLOAT))
    instance = Instance(single_module(loop.kernel, lanes), heap.memory)
    instance.prepare("run", 5)
    instance.call("run", 0, rounds, 0, address, address + loop.target)
    found = heap.view(address, (len(values),), FLOAT).copy()
    instance.close()
    heap.close()
    return found


@pytest.mark.parametrize("lanes", [SCALAR, SIMD])
def test_copying_copies_the_first_half_to_the_second(lanes):
    values = np.arange(512)
    found = ran(ceilings._copy(2048), lanes, 1, values)
    np.testing.assert_array_equal(found, [*values[:256], *values[:256]])


@pytest.mark.parametrize("lanes", [SCALAR, SIMD])
def test_summing_reads_everything_before_its_target(lanes):
    found = ran(ceilings._sum(2048), lanes, 3, np.arange(512))
    assert found[256:256 + lanes.count].sum() == 3 * np.arange(256).sum()


def test_fused_loops_apply_the_same_step_over_and_over():
    loop = ceilings._flops(SIMD, 8, fused=True)
    found = ran(loop, SIMD, 1, [0.5, 3.0, *np.zeros(30)])
    np.testing.assert_allclose(found[16:20], 8 * 6 * (1 - 0.5**16))  # v = v / 2 + 3, 16 times from 0


@pytest.mark.parametrize("lanes", [SCALAR, SIMD])
def test_plain_loops_add_in_one_half_and_multiply_in_the_other(lanes):
    found = ran(ceilings._flops(lanes, 8, fused=False), lanes, 2, [0.5, 3.0, *np.zeros(30)])
    assert found[16:16 + lanes.count].tolist() == [4 * 2 * 16 * 3.0] * lanes.count


@pytest.mark.parametrize("lanes", [SCALAR, SIMD])
@pytest.mark.parametrize("tile", ceilings._TILES + ceilings._FUSED_TILES, ids=str)
def test_product_loops_sum_what_their_work_says(lanes, tile):
    """Twice: each sum is that of inputs times weights, over all steps."""
    if lanes is SCALAR and tile.relaxed:
        return
    loop = ceilings._product(lanes, tile)
    first = loop.target // 4
    values = np.random.default_rng(0).uniform(0, 1, first + 15 * lanes.count).astype(np.float32)
    found = ran(loop, lanes, 2, values)[first:].reshape(15, lanes.count)
    inputs = values[:ceilings._PRODUCT_STEPS * tile.vectors * lanes.count]
    weights = values[inputs.size:first].reshape(-1, tile.outputs, lanes.count)
    want = 2 * np.einsum("kvl,kol->vol", inputs.reshape(-1, tile.vectors, lanes.count), weights)
    np.testing.assert_allclose(found[:tile.vectors * tile.outputs], want.reshape(-1, lanes.count), rtol=1e-5)
    assert loop.amount == 2 * lanes.count * tile.vectors * tile.outputs * ceilings._PRODUCT_STEPS * loop.rounds


@pytest.mark.parametrize(("name", "threads", "lanes"), [
    ("wasm-plain", 1, 1), ("wasm-simd", 1, 4), ("wasm-threads", 2, 4),
])
def test_rates_are_the_work_of_all_threads_over_the_time(name, threads, lanes, monkeypatch):
    monkeypatch.setattr(ceilings, "_STEPS", 64)
    monkeypatch.setattr(ceilings, "_MOVED", 1 << 20)
    monkeypatch.setattr(ceilings, "cache_sizes", lambda: {1: 1 << 15, 2: 1 << 17, 3: 1 << 19})
    found = measure_ceilings(registry.backend(name, threads), milliseconds(), memory_bytes=1 << 20)
    operations = 64 * 16 * 14 * lanes * threads  # steps, unrolled, values in registers; products are rounded down
    assert found.threads == threads
    assert found.mul_add_flops_per_s == pytest.approx(operations * 1e3)
    assert found.fma_flops_per_s == (None if lanes == 1 else pytest.approx(2 * operations * 1e3))
    assert found.cache_copy_bytes_per_s == pytest.approx(threads * (1 << 20) * 1e3)
    assert found.memory_copy_bytes_per_s == pytest.approx((1 << 20) * 1e3 * threads)
    assert found.cache_sum_bytes_per_s == pytest.approx(threads * 16 * ((1 << 16) - 1024) * 1e3)
    assert (found.cache_bytes, found.cache_buffer_bytes) == (threads << 17, threads << 16)
    assert (found.memory_buffer_bytes, found.note) == (1 << 20, "")


def test_a_large_buffer_that_is_not_large_enough_is_told(monkeypatch):
    monkeypatch.setattr(ceilings, "_STEPS", 8)
    monkeypatch.setattr(ceilings, "cache_sizes", lambda: {3: 8 << 20})
    found = measure_ceilings(registry.backend("wasm-plain"), milliseconds(), memory_bytes=1 << 20)
    assert found.note == "the large buffer of 1 MiB fits the largest cache, 8 MiB"


def test_a_clock_that_stands_still_is_refused(monkeypatch):
    monkeypatch.setattr(ceilings, "_STEPS", 8)
    with pytest.raises(BackendError, match=r"^ceilings cannot be measured with a clock that stands still$"):
        measure_ceilings(registry.backend("wasm-plain"), lambda: 0.0, memory_bytes=1 << 20)


def test_a_backend_without_kernels_of_ours_has_none_and_says_so():
    assert ceilings_of(registry.backend("cpu"), milliseconds()) == (
        None, "backend 'cpu' runs no kernels of ours to measure its ceilings with",
    )


def test_cache_sizes_grow_with_the_level():
    sizes = machine.cache_sizes()
    assert [sizes[level] for level in sorted(sizes)] == sorted(sizes.values())
