"""What the store gives back: inert results, and lists of them that show themselves as tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from tfjslab.base.errors import InputError
from tfjslab.base.tables import Report, Table
from tfjslab.base.text import NOTHING, counted, ms, scaled

_SHOWN = ("median_ms", "steady_ms", "wall_ms")  # the figure that a list shows: the first of these that there is
_SHORT = 10  # characters of a commit, with which it is known


@dataclass(frozen=True)
class StoredFigure:
    """One number of a result: ``unit`` is ``ms``, ``B`` or empty.

    ``spread`` is the interquartile range of the ``n`` values behind it, None where there is only one or it is not
    known. Of times, ``disturbed`` is the part of the runs that other programs disturbed, from 0 to 1, and
    ``reference_ms`` the time of the reference loop beside them; None where nobody watched.
    """

    name: str
    value: float
    unit: str = ""
    spread: float | None = None
    n: int = 1
    disturbed: float | None = None
    reference_ms: float | None = None


@dataclass(frozen=True, repr=False)
class StoredResult:
    """One result of the store. ``at`` is when it was measured, ISO 8601 in UTC; ``record`` the whole JSON.

    ``digest`` is that of the model, ``commit`` that of the working folder's repository, each empty where it is not
    known; ``dirty`` says that tracked files differed from the commit.
    """

    id: int
    at: str
    kind: str
    model: str
    digest: str
    backend: str
    threads: int
    machine: str
    commit: str
    dirty: bool
    figures: tuple[StoredFigure, ...]
    record: Mapping[str, Any]

    def figure(self, name: str) -> StoredFigure | None:
        """The figure of that name; None where this result has none."""
        return next((f for f in self.figures if f.name == name), None)

    @property
    def revision(self) -> str:
        """The commit for people; see ``short_revision``."""
        return short_revision(self.commit, dirty=self.dirty)

    def to_json(self) -> dict[str, Any]:
        """Plain values, the record included."""
        return asdict(self)

    def __repr__(self) -> str:
        return f"StoredResult({self.id}: {self.kind} of {self.model or 'code'} on {self.backend or 'nothing named'})"


class StoredResults(Report, list[StoredResult]):
    """Results from the oldest to the newest. ``print`` and notebooks show a table."""

    def tables(self) -> tuple[Table, ...]:
        """A line for each."""
        rows = tuple((r.id, r.at[:16].replace("T", " "), r.kind, r.model, r.backend, r.machine, r.revision or NOTHING,
                      *_main_figure(r)) for r in self)
        columns = ("id", "when (UTC)", "kind", "model", "backend", "machine", "commit", "figure", "value")
        return (Table(counted(len(self), "result"), columns, rows, left=8),)

    def to_json(self) -> Any:
        """Plain values of each, in order."""
        return [r.to_json() for r in self]

    def __repr__(self) -> str:
        return list.__repr__(self)


def _main_figure(found: StoredResult) -> tuple[str, str]:
    figure = next((f for name in _SHOWN if (f := found.figure(name))), found.figures[0] if found.figures else None)
    return (figure.name, with_unit(figure.value, figure.unit)) if figure else (NOTHING, NOTHING)


def short_revision(commit: str, *, dirty: bool) -> str:
    """The beginning of a commit, with a ``+`` where files had been changed; empty where there is none."""
    return f"{commit[:_SHORT]}{'+' * dirty}"


def in_utc(text: str) -> str:
    """A date or time of ISO 8601 as the store has them, so that they sort; UTC where it does not say. Empty stays so.

    InputError for other texts.
    """
    if not text:
        return ""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{text!r} is no time; expected ISO 8601, as 2026-11-28T09:30", code="store.time") from None
    return (found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)).isoformat(timespec="seconds")


def with_unit(value: float, unit: str) -> str:
    """A value as people read it: ``1.23 ms``, ``14.0 MB``, ``0.97``."""
    return f"{ms(value)} ms" if unit == "ms" else scaled(value, unit) if unit else f"{value:.4g}"
