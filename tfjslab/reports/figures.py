"""The figures of a report: one row each, and what a change of one from before to after means.

Ratios are after over before, so below 1 is less. A difference that noise explains is none, and is called that.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from tfjslab.base.text import NOTHING, ms, scaled
from tfjslab.records.statistics import compare_processes, compare_rounds, median_interval
from tfjslab.records.verdict import FASTER, SAME, SLOWER, SpeedVerdict
from tfjslab.records.verdict import UNKNOWN as UNDECIDED
from tfjslab.reports.side import ReportSide

LATENCY = "latency"
LESS, MORE, NONE, UNKNOWN = "less", "more", "none", "cannot tell"
_KIND_OF = {FASTER: LESS, SLOWER: MORE, SAME: NONE}
_FAR = 100.0
DOUBLE = 2.0  # from here on, times are easier to grasp than percent
Rounds = Sequence[Sequence[float]]


@dataclass(frozen=True)
class ReportFigure:
    """A figure: its key in JSON, its name, how much less of it is put into words, and where a side has it."""

    key: str
    title: str
    less_of: str
    show: Callable[[float | None], str]
    rounds: Callable[[ReportSide], Rounds]


@dataclass(frozen=True)
class Amount:
    """A median with its 95% interval over ``n`` rounds; no interval where there are too few rounds to have one."""

    value: float
    low: float | None
    high: float | None
    n: int
    text: str


@dataclass(frozen=True)
class FigureChange:
    """A figure before and after. ``kind`` is less, more, none or cannot tell.

    ``ratio`` is after over before with its 95% interval; ``exact`` where the same number came in every round, so that
    the interval is a point. ``text`` says it in words, with ``reason`` where it cannot be told.
    """

    key: str
    title: str
    before: Amount | None
    after: Amount | None
    kind: str
    ratio: float | None
    low: float | None
    high: float | None
    exact: bool
    text: str
    reason: str = ""

    @property
    def saved(self) -> float | None:
        """How much less there is of it, a share; below 0 where there is more."""
        return None if self.ratio is None else 1 - self.ratio


def _bytes(value: float | None) -> str:
    return scaled(value, "B")


def _ms(value: float | None) -> str:
    return NOTHING if value is None else f"{ms(value)} ms"


FIGURES = (
    ReportFigure(LATENCY, "Latency", "time for an answer", _ms, lambda s: s.latency_ms),
    ReportFigure("start", "Start", "time to the first answer", _ms, lambda s: tuple((v,) for v in s.start_ms)),
    ReportFigure("memory", "Peak memory", "memory at the peak", _bytes,
                 lambda s: tuple((float(v),) for v in s.peak_bytes)),
    ReportFigure("size", "Size", "data to load", _bytes,
                 lambda s: () if s.size_bytes is None else ((float(s.size_bytes),),)),
)
BY_KEY = {f.key: f for f in FIGURES}


def changes(before: ReportSide, after: ReportSide) -> tuple[FigureChange, ...]:
    """Every figure of two sides."""
    return tuple(_change(f, before, after) for f in FIGURES)


def amount(figure: ReportFigure, side: ReportSide) -> Amount | None:
    """A side's figure over its rounds; None where it has none."""
    rounds = figure.rounds(side)
    medians = [statistics.median(r) for r in rounds if r]
    if not medians:
        return None
    # One round alone, as of a record: its runs have the spread.
    values = medians if len(medians) > 1 else [v for r in rounds for v in r]
    found, middle = median_interval(values), statistics.median(values)
    low, high = (found.low, found.high) if found else (None, None)
    return Amount(middle, low, high, len(values), figure.show(middle))


def _change(figure: ReportFigure, before: ReportSide, after: ReportSide) -> FigureChange:
    was, now = amount(figure, before), amount(figure, after)
    if was is None or now is None:
        reason = "; ".join(dict.fromkeys(
            f"{s.label}: {s.reasons.get(figure.key) or s.reasons.get('') or 'not measured'}"
            for s, found in ((before, was), (after, now)) if found is None))
        return FigureChange(figure.key, figure.title, was, now, UNKNOWN, None, None, None, exact=False,
                            text="not measured", reason=reason)
    a, b = figure.rounds(before), figure.rounds(after)
    if _constant(a) and _constant(b):
        return _exact(figure, was, now)
    said = compare_processes(before.processes, after.processes) if before.processes else compare_rounds(a, b)
    if figure.key == LATENCY and (before.disturbed or after.disturbed):
        said = replace(said, kind=UNDECIDED, reason="most runs were disturbed; measure again on a quiet machine")
    return _judged(figure, was, now, said)


def _constant(rounds: Rounds) -> bool:
    """Whether every round gave one and the same number, as bytes are: then there is no noise."""
    return all(len(r) == 1 for r in rounds) and len({r[0] for r in rounds}) == 1


def _exact(figure: ReportFigure, was: Amount, now: Amount) -> FigureChange:
    ratio = now.value / was.value if was.value else None
    kind = NONE if was.value == now.value else LESS if now.value < was.value else MORE
    text = "the same" if kind == NONE or ratio is None else f"{words(ratio)} (exact)"
    return FigureChange(figure.key, figure.title, was, now, kind, ratio, ratio, ratio, exact=True, text=text)


def _judged(figure: ReportFigure, was: Amount, now: Amount, said: SpeedVerdict) -> FigureChange:
    """What the statistics say, turned round: they give before over after."""
    kind = _KIND_OF.get(said.kind, UNKNOWN)
    known = said.ratio is not None and said.low is not None and said.high is not None
    if not known or not math.isfinite(said.high or math.inf) or not said.low:
        ratio = now.value / was.value if was.value else None
        return FigureChange(figure.key, figure.title, was, now, UNKNOWN, ratio, None, None, exact=False,
                            text="cannot tell", reason=said.reason)
    ratio, low, high = 1 / (said.ratio or 1), 1 / (said.high or 1), 1 / said.low
    return FigureChange(figure.key, figure.title, was, now, kind, ratio, low, high, exact=False,
                        text=_text(kind, ratio, low, high), reason=said.reason if kind == UNKNOWN else "")


def _text(kind: str, ratio: float, low: float, high: float) -> str:
    if kind == NONE:
        return f"no difference: interval {_bound(low)} to {_bound(high)}"
    if kind == UNKNOWN:
        return f"cannot tell: interval {_bound(low)} to {_bound(high)}"
    if ratio >= DOUBLE:
        return f"{words(ratio)} (95%: {low:.2f} to {high:.2f})"
    ends = sorted(abs(1 - v) for v in (low, high))
    return f"{words(ratio)} (95%: {_percent(ends[0])} to {_percent(ends[1])})"


def words(ratio: float) -> str:
    """A ratio of after over before: ``52% less``, ``12% more``, ``2.3 times as much``."""
    if ratio >= DOUBLE:
        return f"{ratio:.1f} times as much"
    return f"{_percent(abs(1 - ratio))} {LESS if ratio < 1 else MORE}"


def _bound(ratio: float) -> str:
    """An end of an interval; of two rounds it may be anywhere."""
    return f"{ratio:.2f}" if ratio < _FAR else f"over {_FAR:.0f}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%" if share < 0.1 or share > 0.995 else f"{100 * share:.0f}%"  # noqa: PLR2004 - two figures


def to_data(change: FigureChange) -> dict[str, Any]:
    """Plain values, with the share that is saved."""
    return {**asdict(change), "saved": change.saved}
