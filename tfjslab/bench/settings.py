"""How to measure: the settings of every benchmark of this package."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tfjslab.base.errors import UsageError
from tfjslab.base.progress import Progress, no_progress
from tfjslab.engine.measure import Clock
from tfjslab.records.enough import Enough, enough

MAX_TIME_S = 10.0  # of one subject, where nobody says how many runs or how long

# Sees the steady times of a subject after each of its runs; True ends them.
Watch = Callable[[Sequence[float]], bool]


def watch_nothing(_times: Sequence[float]) -> bool:
    """Let the runs go on."""
    return False


@dataclass(frozen=True)
class Settings:
    """How to measure: at least ``runs`` steady runs, and with a ``precision`` as many as make the median so certain.

    That is half of its 95% interval as a part of it. ``budget_s`` ends the steady runs of a subject once they took that
    long (one run at least).
    """

    runs: int = 50
    warmup: int = 5
    budget_s: float | None = None
    clock: Clock = time.perf_counter
    progress: Progress = no_progress
    watch: Watch = watch_nothing
    precision: float | None = None

    @property
    def enough(self) -> Enough:
        """When a subject has runs enough."""
        return Enough(self.runs, self.precision)

    def check(self) -> None:
        """UsageError for numbers that make no sense."""
        if self.runs < 1 or self.warmup < 0 or (self.budget_s is not None and self.budget_s <= 0):
            raise UsageError(
                f"runs={self.runs}, warmup={self.warmup}, budget_s={self.budget_s}; "
                "expected runs >= 1, warmup >= 0 and a budget above 0",
            )
        self.enough.check()


def settings_for(
    runs: int | None, warmup: int, precision: float | None, max_time_s: float | None, *, default_runs: int = 50,
    clock: Clock = time.perf_counter, progress: Progress = no_progress,
) -> Settings:
    """What holds by what was asked for; see ``tfjslab.records.enough``."""
    how = enough(runs, precision, max_time_s, default_runs, MAX_TIME_S)
    return Settings(how.runs, warmup, how.max_time_s, clock, progress, precision=how.precision)
