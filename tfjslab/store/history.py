"""A figure over time: the points, where it changed, and which changes are regressions that still stand.

Figures are only compared where nothing but the code and the model's content may differ: one kind of measurement, one
model's name, one backend with as many threads, one machine.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from tfjslab.base.sparkline import sparkline
from tfjslab.base.tables import Report, Table
from tfjslab.base.text import NOTHING, counted
from tfjslab.records.change_points import LEAST, LEVEL, change_points, ratio_interval
from tfjslab.records.statistics import BUSY, slower_processor
from tfjslab.store.kinds import larger_is_better
from tfjslab.store.stored import short_revision, with_unit

WORSE, BETTER, SMALL, UNKNOWN = "worse", "better", "small", "cannot tell"
_MOST = 0.5  # of the runs; figures of which more were disturbed are shown, and nothing is concluded from them


@dataclass(frozen=True)
class HistoryPoint:
    """The figure in one result of the store, with what a reader needs to find that; see ``StoredFigure``."""

    result: int
    at: str
    commit: str
    dirty: bool
    digest: str
    value: float
    spread: float | None = None
    n: int = 1
    disturbed: float | None = None
    reference_ms: float | None = None

    @property
    def counts(self) -> bool:
        """Whether anything may be concluded from it: not where most of its runs were disturbed."""
        return (self.disturbed or 0.0) <= _MOST


@dataclass(frozen=True)
class ChangePoint:
    """A change point. ``point`` is the number of the first point after it, ``result`` its id in the store.

    ``before`` and ``after`` are medians up to the neighbouring changes. ``ratio`` is after over before, with its
    interval from ``low`` to ``high`` at the level of the history, None where there is none; the interval also holds the
    ratio that is left when a slower processor is counted out, and is wider on a busy machine. ``worse`` and ``better``
    are how many times it became so at least. ``standing`` is how many times worse than before the newest part of the
    series is at least, with the same certainty: 1 and less where it is not known to be worse.
    """

    point: int
    result: int
    at: str
    revision: str
    before: float
    after: float
    ratio: float | None
    low: float | None
    high: float | None
    worse: float
    better: float
    standing: float
    note: str = ""

    def kind(self, threshold: float = 0.0) -> str:
        """``worse`` or ``better`` by more than ``threshold`` beyond noise, ``small``, or ``cannot tell``."""
        if self.worse > 1 + threshold:
            return WORSE
        if self.better > 1 + threshold:
            return BETTER
        return UNKNOWN if self.note else SMALL

    def is_regression(self, threshold: float = 0.0) -> bool:
        """Whether it made the figure worse by more than ``threshold``, and the newest part is still that much worse."""
        return self.worse > 1 + threshold and self.standing > 1 + threshold


@dataclass(frozen=True, repr=False)
class FigureHistory(Report):
    """One series: ``changes`` are those of the ``points`` that count. ``level`` is the chance of a false alarm."""

    figure: str
    unit: str
    kind: str
    model: str
    backend: str
    threads: int
    machine: str
    points: tuple[HistoryPoint, ...]
    level: float = LEVEL
    changes: tuple[ChangePoint, ...] = ()

    def regressions(self, threshold: float = 0.0) -> tuple[ChangePoint, ...]:
        """The changes for the worse by more than ``threshold`` (0.05 is 5%) that still stand."""
        return tuple(c for c in self.changes if c.is_regression(threshold))

    @property
    def label(self) -> str:
        """What it is the history of."""
        return f"{self.model or 'code'}, {self.backend}: {self.figure}"

    @property
    def left_out(self) -> int:
        """How many points count for nothing."""
        return sum(not p.counts for p in self.points)

    @property
    def notes(self) -> tuple[str, ...]:
        """What has to be said of the points."""
        few = len(self.points) - self.left_out < 2 * LEAST
        texts = (f"at least {2 * LEAST} results that count are needed to tell of a change" if few else "",
                 f"{self.left_out} of {counted(len(self.points), 'result')} left out: most of their runs were disturbed"
                 if self.left_out else "")
        return tuple(filter(None, texts))

    def tables(self) -> tuple[Table, ...]:
        """The series in a line, and its changes."""
        values = [p.value for p in self.points]
        span = f"{with_unit(min(values), self.unit)} to {with_unit(max(values), self.unit)}" if values else NOTHING
        title = f"{self.label}: {counted(len(values), 'result')}, {span}"
        where = f"{self.kind}, {counted(self.threads, 'thread')}, {self.machine}"
        columns = ("changed at (UTC)", "commit", "result", "before", "after", "ratio", "is", "note")
        rows = tuple((c.at[:16].replace("T", " "), c.revision or NOTHING, c.result, with_unit(c.before, self.unit),
                      with_unit(c.after, self.unit), ratio_text(c, self.level), c.kind(),
                      c.note or ("still so" if c.is_regression() else "")) for c in self.changes)
        found = () if rows else ("no change beyond noise",)
        return (Table(title, columns if rows else (), rows, (sparkline(values), where, *found, *self.notes), left=2),)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "changes": [{**asdict(c), "kind": c.kind()} for c in self.changes]}

    def __repr__(self) -> str:
        return f"FigureHistory({self.label}: {counted(len(self.points), 'result')})"


class FigureHistories(Report, list[FigureHistory]):
    """One history for each series. ``print`` and notebooks show the tables."""

    def tables(self) -> tuple[Table, ...]:
        """Those of each."""
        return tuple(t for h in self for t in h.tables())

    def regressions(self, threshold: float = 0.0) -> list[ChangePoint]:
        """Those of each; see ``FigureHistory.regressions``."""
        return [c for h in self for c in h.regressions(threshold)]

    def to_json(self) -> Any:
        """Plain values of each."""
        return [h.to_json() for h in self]

    def __repr__(self) -> str:
        return list.__repr__(self)


def ratio_text(change: ChangePoint, level: float) -> str:
    """``1.1x (99.9%: 1.08 to 1.12)``; a dash where there is no interval."""
    if change.ratio is None or change.low is None or change.high is None:
        return NOTHING
    return f"{change.ratio:.3g}x ({100 * (1 - level):.4g}%: {change.low:.3g} to {change.high:.3g})"


def changes_of(figure: str, points: Sequence[HistoryPoint], level: float = LEVEL) -> tuple[ChangePoint, ...]:
    """The changes of a series beyond noise, in order."""
    at = [i for i, p in enumerate(points) if p.counts]
    counting = [points[i] for i in at]
    found = change_points([p.value for p in counting], level)
    parts = [counting[a:b] for a, b in pairwise((0, *found, len(counting)))]
    more = larger_is_better(figure)
    made = []
    for i, first in enumerate(found):
        before, after = parts[i], parts[i + 1]
        ratio, worse, better, note = _compare(before, after, level, more=more)
        standing = _compare(before, parts[-1], level, more=more)[1]
        p = counting[first]
        made.append(ChangePoint(at[first], p.result, p.at, short_revision(p.commit, dirty=p.dirty), _median(before),
                                 _median(after), *ratio, worse, better, standing, note))
    return tuple(made)


def _compare(
    before: Sequence[HistoryPoint], after: Sequence[HistoryPoint], level: float, *, more: bool,
) -> tuple[tuple[float | None, float | None, float | None], float, float, str]:
    """The ratio with its interval, how many times worse and better it is at least, and why it cannot be told."""
    found = ratio_interval([p.value for p in before], [p.value for p in after], level)
    if found is None:
        if min(p.value for p in (*before, *after)) <= 0:  # no ratio says how far, as from no fallbacks to some
            grew = _median(after) > _median(before)
            return (None, None, None), *((math.inf, 0.0) if grew != more else (0.0, math.inf)), ""
        return (None, None, None), 0.0, 0.0, "too few results for an interval; it needs some more"
    slower = slower_processor([p.reference_ms for p in after], [p.reference_ms for p in before])
    busy = 2 * BUSY * max(_disturbed(before), _disturbed(after)) ** 2  # two standard deviations, as everywhere
    low, high = found.low * math.exp(-max(slower, 0.0) - busy), found.high * math.exp(busy - min(slower, 0.0))
    note = ""
    if slower and low <= 1 <= high:
        which = "slower" if slower > 0 else "faster"
        note = f"the processor was {math.exp(abs(slower)):.2f}x {which} after it, by a loop that ran beside"
    worse, better = (1 / high, low) if more else (low, 1 / high)
    return (found.median, low, high), worse, better, note


def _disturbed(points: Sequence[HistoryPoint]) -> float:
    """The mean part of the runs that others disturbed: the others of these have colder caches, all in one direction."""
    return statistics.fmean(p.disturbed or 0.0 for p in points)


def _median(points: Sequence[HistoryPoint]) -> float:
    return statistics.median(p.value for p in points)
