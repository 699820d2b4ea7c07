"""What a backend can do at most, measured on the backend itself: an optional capability, and its inert result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tfjslab.backends.base import Backend


@dataclass(frozen=True)
class Ceilings:
    """The most that was seen, all threads at work at once. None is what the backend has no instruction for.

    Work is in floating point operations a second, of loops that stay in registers: multiplication and addition as two
    instructions, and fused. Bytes a second, read plus written, are of copying and of summing, in a buffer of
    ``cache_buffer_bytes`` that fits the second cache and in one of ``memory_buffer_bytes`` that is meant not to fit
    any; ``note`` says so when it does. A kernel that moves at most ``cache_bytes`` is held against the former.
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
        """Measure them now; ``clock`` gives seconds."""
        ...


def ceilings_of(backend: Backend, clock: Callable[[], float]) -> tuple[Ceilings | None, str]:
    """The ceilings of a backend, or None and why it has none."""
    if isinstance(backend, HasCeilings):
        return backend.ceilings(clock), ""
    return None, f"backend '{backend.name}' runs no kernels of ours to measure its ceilings with"
