"""A series of numbers as one line of text."""

from __future__ import annotations

from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int = 60) -> str:
    """Bars between the least and the largest value, the newest ``width`` of them; of equal values low bars.

    Example:
        >>> sparkline([1, 2, 3])
        '▁▅█'

    """
    shown = values[-width:]
    low, high = min(shown, default=0.0), max(shown, default=0.0)
    steps = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[int((v - low) * steps + 0.5)] for v in shown)
