"""Where the buffers of a plan lie in one arena: pure arithmetic over lifetimes.

Finding the smallest arena is NP-hard, so several greedy orders are tried and the smallest result is taken. Two of
them are from "Efficient Memory Management for Deep Neural Net Inference" (Pisarchyk and Lee, 2020): by size, and by
breadth (the fullest moment first). ``lower_bound_bytes`` tells how far from the best possible the answer can be.
"""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tfjslab.base.errors import UsageError
from tfjslab.base.limits import check_memory

ALIGNMENT = 64  # a cache line, and at least what every SIMD load wants
_MOST_COMPARED = 2000  # buffers for which several orders are tried, which takes the square of their number


@dataclass(frozen=True)
class Lifetime:
    """A buffer that is live from command ``first_use`` to command ``last_use``, both included."""

    name: str
    size_bytes: int
    first_use: int
    last_use: int


@dataclass(frozen=True)
class MemoryPlan:
    """Byte offsets by buffer name. ``peak_bytes`` is the arena's size; sizes are rounded up to the alignment.

    ``lower_bound_bytes`` is the most that is ever live at once: no arena can be smaller. ``order`` names the greedy
    order that won.
    """

    offsets: Mapping[str, int]
    peak_bytes: int
    lower_bound_bytes: int
    order: str


Order = Callable[[Sequence[Lifetime]], list[Lifetime]]


def plan_memory(buffers: Sequence[Lifetime], alignment: int = ALIGNMENT) -> MemoryPlan:
    """Place ``buffers`` so that no two that are live at once overlap. The same input gives the same plan.

    Raises UsageError for a negative size, a lifetime that ends before it starts, or a name used twice; LimitError when
    even the smallest arena is more than a run may take.
    """
    _check(buffers)
    rounded = rounded_up(buffers, alignment)
    bound = lower_bound(rounded)
    check_memory("what kernels make and read", bound)
    if len(buffers) > _MOST_COMPARED:
        offsets, peak = _place_in_time(rounded)
        return MemoryPlan({b.name: offsets[b.name] for b in buffers}, peak, bound, "in time")
    placed = ((name, *_place(order(rounded))) for name, order in _ORDERS.items())
    order_name, offsets, peak = min(placed, key=lambda p: p[2])
    return MemoryPlan({b.name: offsets[b.name] for b in buffers}, peak, bound, order_name)


def lower_bound(buffers: Sequence[Lifetime]) -> int:
    """The largest sum of sizes that are live at one command."""
    return int(_live_bytes(buffers).max(initial=0))


def rounded_up(buffers: Sequence[Lifetime], alignment: int = ALIGNMENT) -> list[Lifetime]:
    """The buffers with the sizes that they take in an arena."""
    return [Lifetime(b.name, -(-b.size_bytes // alignment) * alignment, b.first_use, b.last_use) for b in buffers]


def _check(buffers: Sequence[Lifetime]) -> None:
    seen: set[str] = set()
    for b in buffers:
        if b.size_bytes < 0 or b.first_use < 0 or b.last_use < b.first_use:
            raise UsageError(
                f"buffer '{b.name}': size {b.size_bytes}, live from {b.first_use} to {b.last_use}; "
                "expected a size >= 0 and 0 <= first_use <= last_use",
            )
        if b.name in seen:
            raise UsageError(f"buffer '{b.name}' is given twice")
        seen.add(b.name)


def _live_bytes(buffers: Sequence[Lifetime]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Live bytes at each command."""
    steps = np.zeros(max((b.last_use for b in buffers), default=-1) + 2, np.int64)
    for b in buffers:
        steps[b.first_use] += b.size_bytes
        steps[b.last_use + 1] -= b.size_bytes
    return np.cumsum(steps)


def _place(order: Sequence[Lifetime]) -> tuple[dict[str, int], int]:
    """Give each buffer the smallest gap that fits it between the placed ones that are live with it."""
    n = len(order)
    first, last, start, end = (np.zeros(n, np.int64) for _ in range(4))
    offsets: dict[str, int] = {}
    for i, b in enumerate(order):
        # Vectorised over the buffers placed so far: plans of thousands of nodes are placed in well under a second.
        live = np.flatnonzero((first[:i] <= b.last_use) & (last[:i] >= b.first_use))
        by_start = live[np.argsort(start[live], kind="stable")]
        offset = _best_gap(b.size_bytes, start[by_start].tolist(), end[by_start].tolist())
        offsets[b.name] = offset
        first[i], last[i], start[i], end[i] = b.first_use, b.last_use, offset, offset + b.size_bytes
    return offsets, int(end.max(initial=0))


def _place_in_time(buffers: Sequence[Lifetime]) -> tuple[dict[str, int], int]:
    """Give each buffer, as they begin, the tightest free block, or the arena's end; linear but for the free blocks."""
    offsets: dict[str, int] = {}
    live: list[tuple[int, int, int]] = []  # a heap: the last use, where the buffer starts and ends
    free: list[tuple[int, int]] = []  # blocks by their start; no two touch
    reached = 0
    for b in sorted(buffers, key=lambda b: (b.first_use, -b.size_bytes, b.name)):
        while live and live[0][0] < b.first_use:
            _give_back(free, *heapq.heappop(live)[1:])
        fitting = [(end - start, i) for i, (start, end) in enumerate(free) if end - start >= b.size_bytes]
        if fitting and b.size_bytes:
            start, end = free.pop(i := min(fitting)[1])
            if start + b.size_bytes < end:
                free.insert(i, (start + b.size_bytes, end))
        else:
            start, reached = reached, reached + b.size_bytes
        offsets[b.name] = start
        heapq.heappush(live, (b.last_use, start, start + b.size_bytes))
    return offsets, reached


def _give_back(free: list[tuple[int, int]], start: int, end: int) -> None:
    """Add a free block, as one with those that it touches."""
    if start == end:
        return
    i = bisect.bisect(free, (start, end))
    if i < len(free) and free[i][0] == end:
        end = free.pop(i)[1]
    if i > 0 and free[i - 1][1] == start:
        i -= 1
        start = free.pop(i)[0]
    free.insert(i, (start, end))


def _best_gap(size: int, starts: Sequence[int], ends: Sequence[int]) -> int:
    """Offset of the tightest gap that holds ``size``, or the end of the last block."""
    best, best_gap, reached = -1, 0, 0
    for start, end in zip(starts, ends, strict=True):
        gap = start - reached
        if gap >= size and (best < 0 or gap < best_gap):
            best, best_gap = reached, gap
        reached = max(reached, end)
    return reached if best < 0 else best


def _by_breadth(buffers: Sequence[Lifetime]) -> list[Lifetime]:
    """The buffers of the fullest command first, large ones first, then those of the next fullest."""
    live = _live_bytes(buffers)
    fullest = {b.name: int(live[b.first_use : b.last_use + 1].max(initial=0)) for b in buffers}
    return sorted(buffers, key=lambda b: (-fullest[b.name], -b.size_bytes, b.first_use, b.name))


_ORDERS: dict[str, Order] = {
    "size": lambda bs: sorted(bs, key=lambda b: (-b.size_bytes, b.first_use, b.name)),
    "breadth": _by_breadth,
    "area": lambda bs: sorted(bs, key=lambda b: (-b.size_bytes * (b.last_use - b.first_use + 1), b.first_use, b.name)),
    "length": lambda bs: sorted(bs, key=lambda b: (b.first_use - b.last_use, -b.size_bytes, b.name)),
    "first use": lambda bs: sorted(bs, key=lambda b: (b.first_use, -b.size_bytes, b.name)),
}
