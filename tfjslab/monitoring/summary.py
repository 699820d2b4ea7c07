"""What a collector knows, as inert data: figures of each group, lines over time, alarms. Page and CLI show it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from tfjslab.base.tables import Report, Table
from tfjslab.base.text import NOTHING, counted, ms, percent
from tfjslab.monitoring.histogram import RELATIVE_ERROR
from tfjslab.monitoring.rules import Alarm, AlarmRule, AlarmWatch
from tfjslab.monitoring.store import MINUTE_S, MonitorStore
from tfjslab.monitoring.totals import FIGURES, PageGroup, Totals

MOST_ERRORS = 20  # kinds that are shown


@dataclass(frozen=True)
class GroupFigures:
    """The figures of a group in a span of time; None is what nothing is known of."""

    group: PageGroup
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
    watch, span = AlarmWatch(rules, now), _Span(range(now - minutes + 1, now + 1))
    longest = max((minutes, *(rule.minutes for rule in rules)))
    for minute, rows in groupby(store.minutes(now - longest + 1, now), itemgetter(0)):
        found = [(group, totals) for _, group, totals in rows]
        watch.count(minute, found)
        if minute in span.minutes:
            span.count(minute, found)
    ever = store.since_beginning().values()
    return MonitorSummary(
        now, minutes, tuple(GroupFigures(g, t) for g, t in sorted(span.groups.items())),
        {kind: span.lines_of(kind) for kind in _LINES}, span.errors(), tuple(watch.alarms()), tuple(rules),
        sum(t.predictions for t in ever), sum(t.batches for t in ever),
    )


# What lines are drawn of, by kind.
_LINES: dict[str, Callable[[PageGroup], str]] = {
    "all": lambda _: "all", "browser": lambda group: group.browser, "variant": lambda group: group.variant,
}
_FIGURES = ("predictions", "p50_ms", "p95_ms", "error_rate")


@dataclass
class _Span:
    """Sums by group, and figures by line and minute. Of a minute that is over no histogram is kept."""

    minutes: range
    groups: dict[PageGroup, Totals] = field(default_factory=lambda: defaultdict(Totals))
    points: dict[tuple[str, str], dict[int, tuple[Any, ...]]] = field(default_factory=lambda: defaultdict(dict))

    def count(self, minute: int, found: Sequence[tuple[PageGroup, Totals]]) -> None:
        """Take all groups of a minute in."""
        sums: dict[tuple[str, str], Totals] = defaultdict(Totals)
        for group, totals in found:
            self.groups[group].merge(totals)
            for kind, name in _LINES.items():
                sums[kind, name(group)].merge(totals)
        for line, totals in sums.items():
            self.points[line][minute] = (totals.predictions, *(FIGURES[f](totals) for f in _FIGURES[1:]))

    def lines_of(self, kind: str) -> tuple[Line, ...]:
        """The lines of a kind, by name."""
        return tuple(self._line(name, found) for (k, name), found in sorted(self.points.items()) if k == kind)

    def _line(self, name: str, found: Mapping[int, tuple[Any, ...]]) -> Line:
        nothing = (0, *(None for _ in _FIGURES[1:]))
        columns = zip(*(found.get(minute, nothing) for minute in self.minutes), strict=True)
        return Line(name, list(self.minutes), *map(list, columns))

    def errors(self) -> tuple[tuple[str, int, str], ...]:
        """The most frequent kinds."""
        whole = Totals()
        for totals in self.groups.values():
            whole.merge(totals)
        ordered = sorted(((kind, count, text) for kind, (count, text) in whole.errors.items()), key=lambda e: -e[1])
        return tuple(ordered[:MOST_ERRORS])
