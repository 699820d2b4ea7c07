"""What a report holds, as inert data: a side before, those after, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass

from tfjslab.profiling.compare import TimeChange
from tfjslab.reports.answers import told
from tfjslab.reports.figures import LATENCY, LESS, FigureChange
from tfjslab.reports.side import Lines, ReportSide
from tfjslab.reports.wording import headline

_HEAD = 3  # figures of the head line


@dataclass(frozen=True)
class Compared:
    """One side after, beside the one before: its figures, and the steps that got faster or slower."""

    side: ReportSide
    changes: tuple[FigureChange, ...]
    steps: tuple[TimeChange, ...] = ()

    @property
    def by_key(self) -> dict[str, FigureChange]:
        """The changes by the key of their figure."""
        return {c.key: c for c in self.changes}

    @property
    def answers(self) -> str:
        """Accuracy in words."""
        return told(self.side.answers)


@dataclass(frozen=True)
class Content:
    """What a change was worth.

    ``compared`` are the sides after, each with its changes from ``before``. ``environment`` says where it was measured,
    ``method`` how, ``repeat`` are the commands that do it again. ``reason`` says why something is missing.
    """

    title: str
    before: ReportSide
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
    def head(self) -> tuple[FigureChange, ...]:
        """The three figures of the head line: latency, peak memory and size, or the start in place of a missing one."""
        of = self.best.by_key
        wanted = [of[key] for key in (LATENCY, "memory", "size", "start")]
        known = [c for c in wanted if c.ratio is not None]
        return tuple([*known, *(c for c in wanted if c not in known)][:_HEAD])

    @property
    def headline(self) -> str:
        """Some sentences for whoever decides."""
        return headline(self.head, self.best.answers if self.best.side.answers else "")

    @property
    def sides(self) -> tuple[ReportSide, ...]:
        """Before first."""
        return (self.before, *(c.side for c in self.compared))
