"""A report of before and after: inert data, what it says in plain words, and the ways to show and keep it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tfjslab.base.errors import UsageError
from tfjslab.base.tables import Report, Table
from tfjslab.base.text import NOTHING, counted, ms, tail
from tfjslab.profiling.compare import TimeChange
from tfjslab.records.profile import to_json as profile_to_json
from tfjslab.reports.answers import told
from tfjslab.reports.figures import BY_KEY, FIGURES, LATENCY, LESS, NONE, UNKNOWN, Amount, Change, amount, to_data, words
from tfjslab.reports.side import Lines, Side

VERSION = 1  # of the JSON; a field that changes its meaning raises it
_HEAD = 3  # figures of the head line
_STEPS = 12  # in tables of text
_NAME = 60  # characters of a name in a sentence


@dataclass(frozen=True)
class Compared:
    """One side after, beside the one before: its figures, and the steps that got faster or slower."""

    side: Side
    changes: tuple[Change, ...]
    steps: tuple[TimeChange, ...] = ()

    @property
    def by_key(self) -> dict[str, Change]:
        """The changes by the key of their figure."""
        return {c.key: c for c in self.changes}

    @property
    def answers(self) -> str:
        """Accuracy in words."""
        return told(self.side.answers)


@dataclass(frozen=True, repr=False)
class BeforeAfterReport(Report):
    """What a change was worth.

    ``compared`` are the sides after, each with its changes from ``before``. ``environment`` says where it was measured,
    ``method`` how, ``repeat`` are the commands that do it again. ``reason`` says why something is missing.
    """

    title: str
    before: Side
    compared: tuple[Compared, ...]
    environment: Lines
    method: tuple[str, ...]
    repeat: tuple[str, ...]
    made: str
    reason: str = ""

    @property
    def best(self) -> Compared:
        """The one that the head line is about: which has the least latency of those that are faster, or the first."""
        faster = [c for c in self.compared if c.by_key[LATENCY].kind == LESS]
        return min(faster, key=lambda c: c.by_key[LATENCY].ratio or 1.0, default=self.compared[0])

    @property
    def head(self) -> tuple[Change, ...]:
        """The three figures of the head line: latency, peak memory and size, or the start in place of a missing one."""
        of = self.best.by_key
        wanted = [of[key] for key in (LATENCY, "memory", "size", "start")]
        known = [c for c in wanted if c.ratio is not None]
        return tuple([*known, *(c for c in wanted if c not in known)][:_HEAD])

    @property
    def headline(self) -> str:
        """One or two sentences for whoever decides."""
        best, latency = self.best, self.best.by_key[LATENCY]
        now, was = tail(best.side.label, _NAME), tail(self.before.label, _NAME)
        if latency.before is None or latency.after is None:
            first = f"{now} against {was}: latency was not measured"
        else:
            first = f"{now} answers in {latency.after.text}, {was} in {latency.before.text}: {_clause(latency)}"
        others = [_clause(c) for c in self.head if c.key != LATENCY and c.ratio is not None]
        return f"{', '.join([first, *others])}. Answers: {best.answers}."

    def tables(self) -> tuple[Table, ...]:
        """All sides at a glance, then each change with its figures, what was done, and the steps."""
        shown = [self._glance()]
        for c in self.compared:
            shown += [_figures(c), _done(c), _steps(c)]
        return (*(t for t in shown if t.rows or t.notes), Table("Where and how", notes=(
            *(f"{name}: {value}" for name, value in self.environment), *self.method,
            *(f"again: {line}" for line in self.repeat))))

    def _glance(self) -> Table:
        rows = tuple(
            (s.label, *(_shown(amount(f, s)) for f in FIGURES), told(s.answers) if s is not self.before else NOTHING)
            for s in self.sides)
        notes = tuple(filter(None, (self.headline, self.reason and f"not all was measured: {self.reason}")))
        return Table(self.title, ("", *(f.title for f in FIGURES), "answers"), rows, notes)

    @property
    def sides(self) -> tuple[Side, ...]:
        """Before first."""
        return (self.before, *(c.side for c in self.compared))

    def to_json(self) -> dict[str, Any]:
        """Plain values: figures with intervals, raw values by round, changes, steps, environment, commands."""
        return {
            "version": VERSION, "title": self.title, "made": self.made, "headline": self.headline,
            "reason": self.reason, "best": self.best.side.label, "before": _side_data(self.before),
            "compared": [
                {"after": _side_data(c.side), "figures": [to_data(f) for f in c.changes],
                 "answers": c.side.answers and asdict(c.side.answers), "answers_text": c.answers,
                 "steps": [asdict(s) for s in c.steps]}
                for c in self.compared],
            "environment": dict(self.environment), "method": list(self.method), "repeat": list(self.repeat),
        }

    def to_dict(self) -> dict[str, Any]:
        """The same as ``to_json``."""
        plain: dict[str, Any] = json.loads(json.dumps(self.to_json(), allow_nan=False))
        return plain

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write ``.html``, one file that needs nothing else, or ``.json``. UsageError for another suffix."""
        from tfjslab.reports.page import page  # noqa: PLC0415 - the page shows reports

        writers = {".html": lambda: page(self), ".json": lambda: json.dumps(self.to_dict(), indent=1) + "\n"}
        target = Path(path)
        if target.suffix not in writers:
            raise UsageError(f"{target}: the suffix is '{target.suffix}'; expected .html or .json")
        try:
            target.write_text(writers[target.suffix](), encoding="utf-8")
        except OSError as e:
            raise UsageError(f"{target}: cannot be written ({e.strerror})") from None
        return target

    def __repr__(self) -> str:
        return f"BeforeAfterReport({self.title}: {self.before.label} and {counted(len(self.compared), 'side')} after)"

    def _repr_html_(self) -> str:
        from tfjslab.reports.page import fragment  # noqa: PLC0415 - as above

        return fragment(self)


def _clause(change: Change) -> str:
    """``52% less time for an answer``, ``no difference in memory at the peak (interval 0.97 to 1.04)``."""
    what = BY_KEY[change.key].less_of
    if change.kind == NONE:
        return f"no difference in {what}" if change.exact else f"no difference in {what} ({change.text.partition(': ')[2]})"
    if change.kind == UNKNOWN or change.ratio is None:
        return f"for {what}: {change.text}"
    return f"{words(change.ratio)} {what}"


def _shown(found: Amount | None) -> str:
    return NOTHING if found is None else found.text


def _figures(c: Compared) -> Table:
    rows = tuple((f.title, _shown(f.before), _shown(f.after), f.text, f.reason) for f in c.changes)
    return Table(f"{c.side.label}", ("", "before", "after", "change", "remark"), rows,
                 (f"answers: {c.answers}", f"runs on {c.side.runtime}", *c.side.notes))


def _done(c: Compared) -> Table:
    return Table(f"{c.side.label}: what was done", notes=tuple(f"{name}: {text}" for name, text in c.side.changes))


def _steps(c: Compared) -> Table:
    rows = tuple((s.key, s.verdict if s.status == "both" else s.status, ms(s.a_ms), ms(s.b_ms), f"{s.delta_ms:+.3f}")
                 for s in c.steps[:_STEPS])
    return Table(f"{c.side.label}: steps that got faster or slower", ("step", "", "before ms", "after ms", "difference"),
                 rows, left=2)


def _side_data(side: Side) -> dict[str, Any]:
    plain = {k: v for k, v in vars(side).items() if k not in ("profile", "processes", "answers")}
    return {**plain, "reasons": dict(side.reasons), "changes": [list(line) for line in side.changes],
            "figures": {f.key: asdict(found) if (found := amount(f, side)) else None for f in FIGURES},
            "profile": None if side.profile is None else profile_to_json(side.profile)}


def labels(sides: Sequence[Side]) -> list[str]:
    """What charts call the sides: the ends of long names."""
    return [tail(s.label, _NAME) for s in sides]
