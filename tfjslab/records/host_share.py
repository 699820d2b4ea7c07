"""How much of a run's time numpy took on the host, in place of a backend that has no kernel for an op.

Such a figure says more about numpy than about the backend; so the share stands beside every time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from tfjslab.backends.rows import is_host
from tfjslab.base.text import NOTHING

_MOST, _LEAST = 0.5, 0.01


class RanSomewhere(Protocol):
    """What ``host_share`` reads of a kernel that ran."""

    @property
    def kernel_time_ms(self) -> float:
        """How long it took."""
        ...

    @property
    def fallback(self) -> bool:
        """Whether it ran on the host in place of the backend."""
        ...


@dataclass(frozen=True)
class HostShare:
    """The share of the time, from 0 to 1; None where it is not known, with the ``reason``."""

    share: float | None
    reason: str = ""

    @property
    def is_most(self) -> bool:
        """Whether more than half of the time is the host's."""
        return self.share is not None and self.share > _MOST

    @property
    def text(self) -> str:
        """For people: ``78% of the time on the host``; empty where none is or nothing is known."""
        return f"{self.part} of the time on the host" if self.share else ""

    @property
    def part(self) -> str:
        """The share alone: ``78%``; a dash where it is not known."""
        if self.share is None:
            return NOTHING
        return f"{self.share:.0%}" if self.share >= _LEAST or not self.share else f"under {_LEAST:.0%}"


def host_share(kernels: Iterable[RanSomewhere], wall_ms: float, backend: str = "") -> HostShare:
    """The share of the wall of a run that its kernels took on the host; time outside of kernels is nobody's."""
    if is_host(backend):
        return HostShare(None, "the host is the backend")
    if wall_ms <= 0:
        return HostShare(None, "no time was seen")
    return HostShare(math.fsum(k.kernel_time_ms for k in kernels if k.fallback) / wall_ms)
