"""Whether one thing is faster than another: what every comparison says, in one wording.

Ratios are the first time over the second, so above 1 the second is faster. ``cannot tell`` is an answer: it comes with
the reason, and with what would help.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

FASTER, SLOWER, SAME, UNKNOWN = "faster", "slower", "same", "cannot tell"
# What is less than this is of no use to anybody, however certain it is.
LEAST = 0.005
# An interval around 1 that is no wider says "same"; a wider one says that nothing is known.
SAME_WITHIN = 0.15


@dataclass(frozen=True)
class SpeedVerdict:
    """``kind`` is one of the four words. ``ratio`` with its 95% interval from ``low`` to ``high``; None: not measured.

    ``reason`` says why it cannot be told, and what to do.
    """

    kind: str
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""

    @property
    def is_different(self) -> bool | None:
        """Whether it is more than noise explains; None where so little was measured that there is no interval."""
        return None if self.ratio is None else self.kind in (FASTER, SLOWER)

    @property
    def short(self) -> str:
        """For a cell of a table: ``1.23x faster``, ``same within 2%``, ``cannot tell``."""
        if self.kind in (FASTER, SLOWER) and self.ratio:
            return times_words(self.ratio)
        if self.kind == SAME and self.low and self.high:
            return f"same within {math.ceil(100 * self._apart - 1e-9)}%"
        return self.kind

    @property
    def text(self) -> str:
        """In full: ``1.23x faster (95%: 1.18 to 1.29)``; what cannot be told with its reason."""
        if self.ratio is None or self.low is None or self.high is None:
            return f"{self.kind} ({self.reason})" if self.reason else self.kind
        if self.kind == UNKNOWN:
            span = f"95%: {times_words(self.low)} to {times_words(self.high)}"
            return f"{self.kind} ({span}; {self.reason})" if self.reason else f"{self.kind} ({span})"
        if self.kind == SAME:
            return self.short
        low, high = (self.low, self.high) if self.kind == FASTER else (1 / self.high, 1 / self.low)
        return f"{self.short} (95%: {low:.2f} to {high:.2f})"

    @property
    def _apart(self) -> float:
        """How far from 1 the interval reaches, in parts."""
        return max((self.high or 1.0) - 1, 1 / (self.low or 1.0) - 1)

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the text that people read."""
        return {**asdict(self), "text": self.text}


def times_words(ratio: float) -> str:
    """A ratio that says which way: ``1.23x faster``, ``1.15x slower``."""
    return f"{ratio:.2f}x {FASTER}" if ratio >= 1 else f"{1 / ratio:.2f}x {SLOWER}"


def judged(ratio: float, low: float, high: float, why_wide: str = "") -> SpeedVerdict:
    """The verdict on a ratio and its interval; ``why_wide`` is the reason where nothing can be told."""
    if low >= 1 + LEAST:
        return SpeedVerdict(FASTER, ratio, low, high)
    if high <= 1 / (1 + LEAST):
        return SpeedVerdict(SLOWER, ratio, low, high)
    if max(high, 1 / low) <= 1 + SAME_WITHIN:
        return SpeedVerdict(SAME, ratio, low, high)
    return SpeedVerdict(UNKNOWN, ratio, low, high, why_wide)
