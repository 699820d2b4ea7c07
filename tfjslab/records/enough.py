"""When a measurement has runs enough: as many as were asked for, or as many as make the median certain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tfjslab.base.errors import UsageError
from tfjslab.records.disturbance import RunState, judge
from tfjslab.records.statistics import median_interval

PRECISION, MAX_TIME_S = 0.03, 5.0  # where nobody says how many runs, how precise, or how long


@dataclass(frozen=True)
class Enough:
    """At least ``runs``; with a ``precision`` more of them, until the median is known to so small a part of itself.

    That is half of its 95% interval, over the undisturbed runs alone. ``max_time_s`` ends them in any case.
    """

    runs: int
    precision: float | None = None
    max_time_s: float | None = None

    def check(self) -> None:
        """UsageError for numbers that make no sense."""
        if self.precision is not None and not 0 < self.precision < 1:
            raise UsageError(f"precision is {self.precision}; expected a part above 0 and below 1, such as 0.03")
        if self.max_time_s is not None and self.max_time_s <= 0:
            raise UsageError(f"max_time_s is {self.max_time_s}; expected seconds above 0")

    def is_met(self, walls_ms: Sequence[float], states: Callable[[], Sequence[RunState]]) -> bool:
        """Whether these runs are enough; their states are only asked for where a precision is, and now and then."""
        count = len(walls_ms)
        if count < self.runs or self.precision is None:
            return count >= self.runs
        if count % max(1, count // 10):
            return False
        found = judge(walls_ms, states())
        interval = median_interval(found.of_kept(walls_ms))
        return not found.is_makeshift and interval is not None and interval.precision <= self.precision


def enough(
    runs: int | None, precision: float | None, max_time_s: float | None, default_runs: int,
    default_time_s: float | None = None,
) -> Enough:
    """What holds by what was asked for: a number of runs alone is kept to; without one there are as many as needed."""
    if runs is not None and precision is None and max_time_s is None:
        return Enough(runs)
    time_s = (default_time_s or MAX_TIME_S) if max_time_s is None else max_time_s
    return Enough(default_runs if runs is None else runs, PRECISION if precision is None else precision, time_s)
