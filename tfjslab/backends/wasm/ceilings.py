"""The ceilings of a WebAssembly backend: what its own kind of generated code reaches at most, on all its threads.

Which number of independent values keeps the arithmetic units busy depends on their latency and on how many registers
there are, and whether loops of registers or the loops of matrix products do better depends on which units the processor
has. So several of both are tried, the products with the very tiles that kernels use: no kernel can then be faster than
its ceiling. Everything runs several times, and the fastest counts: a ceiling is what is possible.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tfjslab.backends.ceilings import Ceilings, thread_clock
from tfjslab.backends.wasm.run.engine import Instance
from tfjslab.backends.wasm.run.heap import Heap
from tfjslab.backends.wasm.text.emit import SIMD, Lanes
from tfjslab.backends.wasm.text.templates import WasmKernel, kernel
from tfjslab.backends.wasm.tuning import WasmTile, single_module
from tfjslab.base.errors import BackendError
from tfjslab.base.machine import cache_sizes
from tfjslab.base.threads import submit

if TYPE_CHECKING:
    from tfjslab.backends.wasm.backend import WasmBackend

_ROUNDS = 5
_STEPS = 1 << 16  # of a register loop: some milliseconds, against which starting threads is nothing
_UNROLL = 16  # of ceiling.wat
_VALUES = (8, 10, 12, 14)  # all fit the 16 vector registers of x86 together with x and y
_AFTER_X_AND_Y = 64  # bytes
_PRODUCT_STEPS = 64  # inputs and weights of a product loop: at most 15 vectors a step, so 15 KiB
_TILES = (
    WasmTile(2, 2, 1), WasmTile(2, 3, 1), WasmTile(2, 3, 2, cut=1), WasmTile(2, 4, 1),
    WasmTile(2, 6, 2, cut=1), WasmTile(3, 3, 2, cut=1),
)
_FUSED_TILES = (WasmTile(2, 4, 3, relaxed=True, cut=1), WasmTile(1, 8, 3, relaxed=True, cut=2))
_READING_SUMS = 8
_MOVED = 1 << 26  # bytes of one measurement in a cache
_KIB, _MIB = 1 << 10, 1 << 20
_UNKNOWN_CACHE = 512 * _KIB  # processors with less are rare
# Several times the largest cache, but no more memory than a browser's page could have.
_MEMORY_LEAST, _MEMORY_MOST, _TIMES_CACHE = 64 * _MIB, 256 * _MIB, 4


@dataclass(frozen=True)
class _Loop:
    """A kernel, its rounds, how much work they are for one thread, and where in a buffer it writes."""

    kernel: WasmKernel
    rounds: int
    amount: int
    target: int


def measure_ceilings(
    backend: WasmBackend, clock: Callable[[], float] = thread_clock, memory_bytes: int | None = None,
) -> Ceilings:
    """Measure on as many threads as ``backend`` has. ``memory_bytes`` is the large buffer of all threads together."""
    sizes = cache_sizes()
    cache = sizes.get(2, _UNKNOWN_CACHE)
    largest = max(sizes.values(), default=0)
    wanted = memory_bytes or min(max(_TIMES_CACHE * largest, _MEMORY_LEAST), _MEMORY_MOST)
    large = wanted // backend.threads // _KIB * _KIB
    small = min(cache // 2 // _KIB * _KIB, large)
    with _bench(backend, large, clock) as bench:
        simd = backend.lanes is SIMD
        return Ceilings(
            backend.threads, bench.best(_computing(backend.lanes, fused=False)),
            bench.best(_computing(backend.lanes, fused=True)) if simd else None,
            bench.best([_copy(small)]), bench.best([_sum(small)]), bench.best([_copy(large)]),
            bench.best([_sum(large)]), cache * backend.threads, small * backend.threads, large * backend.threads,
            "" if large * backend.threads > largest else
            f"the large buffer of {large * backend.threads // _MIB} MiB fits the largest cache, {largest // _MIB} MiB",
        )


def _computing(lanes: Lanes, *, fused: bool) -> list[_Loop]:
    """All loops that only compute."""
    tiles = _FUSED_TILES if fused else _TILES
    return [*(_flops(lanes, n, fused=fused) for n in _VALUES), *(_product(lanes, t) for t in tiles)]


def _product(lanes: Lanes, tile: WasmTile) -> _Loop:
    """The innermost loop of products, with inputs and weights at the beginning of a buffer and its sums behind them."""
    made = kernel(
        "ceiling", ("a", "c"), work="product", tile=tile, vectors=tile.vectors, outputs=tile.outputs, k=_PRODUCT_STEPS,
    )
    operations = 2 * tile.vectors * tile.outputs * lanes.count
    rounds = max(1, _STEPS * _UNROLL * max(_VALUES) * lanes.count // (operations * _PRODUCT_STEPS))
    read = 4 * lanes.count * _PRODUCT_STEPS * (tile.vectors + tile.outputs)
    return _Loop(made, rounds, operations * _PRODUCT_STEPS * rounds, read)


def _flops(lanes: Lanes, values: int, *, fused: bool) -> _Loop:
    made = kernel("ceiling", ("a", "c"), work="flops", sums=values, relaxed=fused)
    operations = 2 if fused else 1
    return _Loop(made, _STEPS, operations * lanes.count * values * _UNROLL * _STEPS, _AFTER_X_AND_Y)


def _copy(num_bytes: int) -> _Loop:
    """From the first half of a buffer to the second."""
    made = kernel("ceiling", ("a", "c"), work="copy", bytes=num_bytes // 2)
    rounds = max(1, _MOVED // num_bytes)
    return _Loop(made, rounds, rounds * num_bytes, num_bytes // 2)


def _sum(num_bytes: int) -> _Loop:
    """Over all of a buffer but its last vector, which takes the result."""
    made = kernel("ceiling", ("a", "c"), work="sum", sums=_READING_SUMS, bytes=num_bytes - _KIB)
    rounds = max(1, _MOVED // num_bytes)
    return _Loop(made, rounds, rounds * (num_bytes - _KIB), num_bytes - _KIB)


@dataclass(frozen=True)
class _Bench:
    """Where loops run: a buffer for each thread in one memory."""

    lanes: Lanes
    heap: Heap
    buffers: tuple[int, ...]
    pool: ThreadPoolExecutor
    clock: Callable[[], float]

    def best(self, loops: Sequence[_Loop]) -> float:
        """The most work a second that any of the loops did."""
        return max(map(self._rate, loops))

    def _rate(self, loop: _Loop) -> float:
        module = single_module(loop.kernel, self.lanes)
        instances = [Instance(module, self.heap.memory) for _ in self.buffers]
        try:
            for i in instances:
                i.prepare("run", 5)

            def share(thread: int) -> float:
                a = self.buffers[thread]
                before = self.clock()
                instances[thread].call("run", 0, loop.rounds, 0, a, a + loop.target)
                return self.clock() - before

            rounds = [self._together(share) for _ in range(_ROUNDS)]
        finally:
            for i in instances:
                i.close()
        if min(map(min, rounds)) <= 0:
            raise BackendError("ceilings cannot be measured with a clock that stands still")
        return max(math.fsum(loop.amount / s for s in seconds) for seconds in rounds)

    def _together(self, share: Callable[[int], float]) -> list[float]:
        """What the shares of all threads give, which begin at the same time."""
        others: list[Future[float]] = []
        try:
            others.extend(submit(self.pool, share, i) for i in range(1, len(self.buffers)))
            own = share(0)
        finally:
            wait(others)  # nothing is taken away under those that have begun
        return [own, *(other.result() for other in others)]


@contextmanager
def _bench(backend: WasmBackend, num_bytes: int, clock: Callable[[], float]) -> Iterator[_Bench]:
    """Threads and buffers of ``num_bytes`` each, given back afterwards."""
    heap = Heap()
    pool = ThreadPoolExecutor(backend.threads)  # it starts threads only for what is handed to it
    try:
        buffers = tuple(heap.alloc(num_bytes) for _ in range(backend.threads))
        for address in buffers:
            # Ordinary numbers, and the first write makes the system give the pages.
            heap.view(address, (num_bytes // 4,), np.dtype(np.float32))[...] = 0.5
        yield _Bench(backend.lanes, heap, buffers, pool, clock)
    finally:
        pool.shutdown()
        heap.close()
