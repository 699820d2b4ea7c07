"""What a backend can do at most, measured on the backend itself: an optional capability, and its inert result."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tfjslab.backends.base import Backend


@dataclass(frozen=True)
class Ceilings:
    """The most that was seen, the rates of all threads at work at once summed. None is what has no instruction.

    Work is in floating point operations a second, of loops that stay in registers: multiplication and addition as two
    instructions, and fused. Bytes a second, read plus written, are of copying and of summing, in a buffer of
    ``cache_buffer_bytes`` that fits the second cache and in one of ``memory_buffer_bytes`` that is meant not to fit
    any; ``note`` says so when it does. A kernel that moves at most ``cache_bytes`` is compared with the former.
    ``adapter`` is what was measured where that is not the processor.
    """

    threads: int
    mul_add_flops_per_s: float
    fma_flops_per_s: float | None
    cache_copy_bytes_per_s: float
    cache_sum_bytes_per_s: float
    memory_copy_bytes_per_s: float
    memory_sum_bytes_per_s: float
    cache_bytes: int
    cache_buffer_bytes: int
    memory_buffer_bytes: int
    note: str = ""
    adapter: str = ""

    @property
    def flops_per_s(self) -> float:
        """The ceiling of computing."""
        return max(self.mul_add_flops_per_s, self.fma_flops_per_s or 0.0)

    def bytes_per_s(self, num_bytes: int) -> float:
        """The ceiling for moving so many bytes."""
        if num_bytes <= self.cache_bytes:
            return max(self.cache_copy_bytes_per_s, self.cache_sum_bytes_per_s)
        return max(self.memory_copy_bytes_per_s, self.memory_sum_bytes_per_s)


@runtime_checkable
class HasCeilings(Protocol):
    """A backend that can tell its ceilings."""

    def ceilings(self, clock: Callable[[], float]) -> Ceilings:
        """Measure them now; ``clock`` gives seconds of the thread that asks, where that is what computes."""
        ...


# Where the system counts a thread's own time finely, that is taken: another program on the same cores would lower what
# the wall tells, and a kernel that later ran undisturbed would seem to pass the ceiling.
_FINE_S = 1e-6
_FINE = time.get_clock_info("thread_time").resolution <= _FINE_S
thread_clock: Callable[[], float] = time.thread_time if _FINE else time.perf_counter


def ceilings_of(backend: Backend, clock: Callable[[], float] = thread_clock) -> tuple[Ceilings | None, str]:
    """The ceilings of a backend, or None and why it has none."""
    if isinstance(backend, HasCeilings):
        return backend.ceilings(clock), ""
    return None, f"backend '{backend.name}' runs no kernels of ours to measure its ceilings with"
