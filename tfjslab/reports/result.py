"""A report of before and after as text, JSON, HTML and files."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tfjslab.base.errors import UsageError
from tfjslab.base.files import write_whole
from tfjslab.base.tables import Report, Table
from tfjslab.base.text import NOTHING, counted, ms
from tfjslab.records.profile import to_json as profile_to_json
from tfjslab.reports.answers import told
from tfjslab.reports.content import Compared, Content
from tfjslab.reports.figures import FIGURES, Amount, amount, to_data
from tfjslab.reports.page import fragment, page
from tfjslab.reports.side import ReportSide

VERSION = 1  # of the JSON; a field that changes its meaning raises it
_STEPS = 12  # in tables of text
_PAGE, _DATA = ".html", ".json"


@dataclass(frozen=True, repr=False)
class BeforeAfterReport(Content, Report):
    """What a change was worth, to show and to keep; ``print`` and notebooks show it, ``save`` writes it.

    ``compared`` are the sides after, each with its ``changes`` from ``before``.
    """

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
        target = check_target(path)
        text = page(self) if target.suffix == _PAGE else json.dumps(self.to_dict(), indent=1) + "\n"
        try:
            write_whole(target, text)
        except OSError as e:
            raise UsageError(f"{target}: cannot be written ({e.strerror})") from None
        return target

    def __repr__(self) -> str:
        return f"BeforeAfterReport({self.title}: {self.before.label} and {counted(len(self.compared), 'side')} after)"

    def _repr_html_(self) -> str:
        return fragment(self)


def check_target(path: str | os.PathLike[str]) -> Path:
    """Where a report may be written; UsageError for a suffix that says nothing of the form."""
    target = Path(path)
    if target.suffix not in (_PAGE, _DATA):
        raise UsageError(f"{target}: the suffix is '{target.suffix}'; expected {_PAGE} or {_DATA}")
    return target


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
    columns = ("step", "", "before ms", "after ms", "difference")
    return Table(f"{c.side.label}: steps that got faster or slower", columns, rows, left=2)


def _side_data(side: ReportSide) -> dict[str, Any]:
    plain = {k: v for k, v in vars(side).items() if k not in ("profile", "processes", "answers")}
    return {**plain, "reasons": dict(side.reasons), "changes": [list(line) for line in side.changes],
            "figures": {f.key: asdict(found) if (found := amount(f, side)) else None for f in FIGURES},
            "profile": None if side.profile is None else profile_to_json(side.profile)}

