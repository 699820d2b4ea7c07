"""The small drawings of a report: inline SVG without text, one in a cell of a table, which gives the words.

Colours are classes of the page's style sheet, so that they follow its theme and print.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from tfjslab.reports.figures import FigureChange

_W, _H = 240.0, 22.0
_MID = _H / 2
_LEAST, _MOST = 1.2, 2.0  # times as much, to which axes go; what is more ends at the edge


def reach(changes: Sequence[FigureChange]) -> float:
    """How far the axis of intervals goes, so that all of them share it."""
    return min(max([_LEAST, *(1.1 * (c.high or c.ratio) for c in changes if c.ratio is not None)]), _MOST)


def interval(change: FigureChange, top: float) -> str:
    """After over before as a dot with its interval, on an axis from 0 to ``top``; the mark is where both are equal."""
    if change.ratio is None:
        return ""
    low, high = change.low or change.ratio, change.high or change.ratio
    ends = [min(v, top) / top * _W for v in (low, change.ratio, high)]
    even = _W / top
    kind = change.kind if change.kind in ("less", "more") else "none"
    whisker = f'<path class="whisker" d="M{ends[0]:.1f} {_MID}H{ends[2]:.1f}"/>' if ends[2] > ends[0] else ""
    return _svg(
        f'<path class="axis" d="M0 {_MID}H{_W}"/><path class="even" d="M{even:.1f} 2V{_H - 2}"/>'
        f'<g class="{kind}">{whisker}<circle class="dot" cx="{ends[1]:.1f}" cy="{_MID}" r="4.5"/></g>')


def strip(rounds: Sequence[Sequence[float]], most: float, *, is_before: bool) -> str:
    """The medians of rounds as dots on an axis from 0 to ``most``, and their median as a line."""
    medians = [statistics.median(r) for r in rounds if r]
    if not medians or most <= 0:
        return ""
    at = [min(m / most, 1.0) * _W for m in medians]
    middle = statistics.median(at)
    dots = "".join(f'<circle class="dot faint" cx="{x:.1f}" cy="{_MID}" r="4"/>' for x in at)
    return _svg(f'<path class="axis" d="M0 {_MID}H{_W}"/><g class="{"plot-was" if is_before else "plot-now"}">{dots}'
                f'<path class="whisker" d="M{middle:.1f} 2V{_H - 2}"/></g>')


def pair(before: float | None, after: float | None, most: float) -> str:
    """Two bars over each other: before, and after."""
    if not math.isfinite(most) or most <= 0:
        return ""
    return _svg("".join(
        f'<rect class="{name}" x="0" y="{y}" width="{max(value / most * _W, 1):.1f}" height="8" rx="2"/>'
        for name, y, value in (("fill-was", 2, before), ("fill-now", 12, after)) if value is not None))


def _svg(content: str) -> str:
    return f'<svg viewBox="0 0 {_W:g} {_H:g}" aria-hidden="true">{content}</svg>'
