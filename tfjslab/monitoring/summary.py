"""What a collector knows, as inert data: figures of each group, lines over time, alarms. Page and CLI show it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tfjslab.base.tables import Report, Table
from tfjslab.base.text import NOTHING, counted, ms, percent
from tfjslab.monitoring.histogram import RELATIVE_ERROR
from tfjslab.monitoring.rules import Alarm, AlarmRule, alarms_of
from tfjslab.monitoring.store import MINUTE_S, MonitorStore
from tfjslab.monitoring.totals import FIGURES, Group, Totals

Rows = list[tuple[int, Group, Totals]]
MOST_ERRORS = 20  # kinds that are shown


@dataclass(frozen=True)
class GroupFigures:
    """The figures of a group in a span of time; None is what nothing is known of."""

    group: Group
    totals: Totals

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        t = self.totals
        return {**self.group._asdict(), "batches": t.batches, "predictions": t.predictions, "errors": t.failed,
                "fallbacks": t.fallbacks, **{name: figure(t) for name, figure in FIGURES.items()}}


@dataclass(frozen=True)
class Line:
    """A figure over minutes of one name, such as a browser; None for minutes in which nothing came."""

    name: str
    minutes: Sequence[int]
    predictions: Sequence[int]
    p50_ms: Sequence[float | None]
    p95_ms: Sequence[float | None]
    error_rate: Sequence[float | None]


@dataclass(frozen=True, repr=False)
class MonitorSummary(Report):
    """The last ``minutes`` until ``now_minute`` (since 1970), which is under way.

    ``lines`` are by kind: ``all``, ``browser`` and ``variant``. ``errors`` are kind, count and the last message.
    """

    now_minute: int
    minutes: int
    groups: tuple[GroupFigures, ...]
    lines: dict[str, tuple[Line, ...]]
    errors: tuple[tuple[str, int, str], ...]
    alarms: tuple[Alarm, ...]
    rules: tuple[AlarmRule, ...]
    total_predictions: int
    total_batches: int

    def tables(self) -> tuple[Table, ...]:
        """Figures by group, alarms, errors."""
        columns = ("model", "variant", "browser", "predictions", "p50 ms", "p95 ms", "p99 ms", "first p95 ms",
                   "load p95 ms", "errors", "memory")
        rows = tuple(_cells(g) for g in self.groups)
        ever = f"since the beginning: {counted(self.total_predictions, 'prediction')}"
        notes = (f"percentiles are within {RELATIVE_ERROR:.0%}; {ever}",)
        found = [Table(f"The last {self.minutes} minutes", columns, rows, notes, left=3)]
        if self.rules:
            quiet = f"{counted(len(self.rules), 'rule')}, no alarm"
            found.append(Table("Alarms", notes=tuple(f"alarm: {a.text}" for a in self.alarms) or (quiet,)))
        if self.errors:
            found.append(Table("Errors", ("kind", "last message", "count"),
                               tuple((kind, text, count) for kind, count, text in self.errors), left=2))
        return tuple(found)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for scripts and for the page."""
        return {
            "now_minute": self.now_minute, "minutes": self.minutes, "relative_error": RELATIVE_ERROR,
            "groups": [g.to_json() for g in self.groups],
            "lines": {kind: [vars(line) for line in lines] for kind, lines in self.lines.items()},
            "errors": [{"kind": k, "count": n, "message": m} for k, n, m in self.errors],
            "alarms": [a.to_json() for a in self.alarms], "rules": [r.text for r in self.rules],
            "total": {"predictions": self.total_predictions, "batches": self.total_batches},
        }

    def __repr__(self) -> str:
        return f"<MonitorSummary: {counted(len(self.groups), 'group')}, {counted(len(self.alarms), 'alarm')}>"


def _cells(found: GroupFigures) -> tuple[object, ...]:
    t = found.totals
    times = (FIGURES[name](t) for name in ("p50_ms", "p95_ms", "p99_ms", "first_p95_ms", "load_p95_ms"))
    growth = t.memory_growth
    return (*found.group, t.predictions, *map(ms, times), percent(t.error_rate),
            NOTHING if growth is None else f"{growth:+.0%}")


def summarize(store: MonitorStore, rules: Sequence[AlarmRule], now_s: float, minutes: int = 60) -> MonitorSummary:
    """The last ``minutes`` of a store, and the alarms that are on."""
    now = int(now_s // MINUTE_S)
    longest = max((minutes, *(r.minutes for r in rules)))
    rows = store.minutes(now - longest + 1)
    span = [row for row in rows if row[0] > now - minutes]
    ever = store.since_beginning().values()
    return MonitorSummary(
        now, minutes, tuple(GroupFigures(g, t) for g, t in sorted(_summed(span, lambda g: g).items())),
        {"all": _lines(span, lambda _: "all", now, minutes), "browser": _lines(span, lambda g: g.browser, now, minutes),
         "variant": _lines(span, lambda g: g.variant, now, minutes)},
        _errors(span), tuple(alarms_of(rules, rows, now)), tuple(rules),
        sum(t.predictions for t in ever), sum(t.batches for t in ever),
    )


def _summed(rows: Iterable[tuple[int, Group, Totals]], key: Callable[[Group], Any]) -> dict[Any, Totals]:
    found: dict[Any, Totals] = defaultdict(Totals)
    for _, group, totals in rows:
        found[key(group)].merge(totals)
    return found


def _lines(rows: Rows, key: Callable[[Group], str], now: int, minutes: int) -> tuple[Line, ...]:
    points: dict[str, dict[int, Totals]] = defaultdict(lambda: defaultdict(Totals))
    for minute, group, totals in rows:
        points[key(group)][minute].merge(totals)
    span = range(now - minutes + 1, now + 1)
    return tuple(_line(name, span, found) for name, found in sorted(points.items()))


def _line(name: str, span: range, found: dict[int, Totals]) -> Line:
    nothing = Totals()
    totals = [found.get(minute, nothing) for minute in span]
    figures = ([FIGURES[f](t) for t in totals] for f in ("p50_ms", "p95_ms", "error_rate"))
    return Line(name, list(span), [t.predictions for t in totals], *figures)


def _errors(rows: Rows) -> tuple[tuple[str, int, str], ...]:
    """The most frequent kinds."""
    totals = _summed(rows, lambda _: "all")
    kinds = totals["all"].errors.items()
    ordered = sorted(((kind, count, text) for kind, (count, text) in kinds), key=lambda e: -e[1])
    return tuple(ordered[:MOST_ERRORS])
