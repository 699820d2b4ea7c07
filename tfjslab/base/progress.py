"""How long work tells what it is at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

# What is being done (such as "mobilenet_v2 on wasm-simd: steady"), steps done, steps in all.
Progress = Callable[[str, int, int], None]
UPDATES_PER_S = 10
MOST_SHARE = 0.04  # of the time goes into showing; on a machine that is slow at it, updates come less often


def no_progress(_what: str, _done: int, _total: int) -> None:
    """Tell nobody."""


@dataclass
class Throttle:
    """Limits how often something is done: at most ``per_second``, by ``clock``, which gives seconds.

    Where doing it takes time, pass that to ``record_cost``: it then stays below ``MOST_SHARE`` of the whole time.
    """

    clock: Callable[[], float]
    per_second: float = UPDATES_PER_S
    _last: float | None = None
    _cost_s: float = 0.0

    def due(self) -> bool:
        """Whether it may be done now; if so, the interval starts again."""
        now = self.clock()
        if self._last is not None and now - self._last < max(1 / self.per_second, self._cost_s / MOST_SHARE):
            return False
        self._last = now
        return True

    def record_cost(self, cost_s: float) -> None:
        """How long it took the last time."""
        self._cost_s = cost_s
