"""The parts of a report's page that engineers check: each side after, where it was measured, the values by round."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from tfjslab.base.text import NOTHING, counted, ms, tail
from tfjslab.base.version import __version__
from tfjslab.profiling.compare import TimeChange
from tfjslab.reports import marks
from tfjslab.reports.content import Compared, Content
from tfjslab.reports.figures import FIGURES, LATENCY, LESS, MORE, NONE, Amount, FigureChange
from tfjslab.reports.markup import LONG, SENTENCE, cell, folded, name, notes, pairs, row, table, text

_STEPS, _LINES = 12, 14  # that are shown before the rest is folded
_COMMAND = 2000


def kind_of(change: FigureChange | None) -> str:
    """The class of a change's colour."""
    return change.kind if change is not None and change.kind in (LESS, MORE) else NONE


def amount_text(found: Amount | None) -> str:
    """A figure, or a dash."""
    return NOTHING if found is None else text(found.text)


def compared(report: Content, c: Compared) -> str:
    """One side after: its figures beside those before, what was done, the steps that changed."""
    top = marks.reach([f for each in report.compared for f in each.changes])
    rows = [
        row(cell(text(f.title)), cell(amount_text(f.before), "num"), cell(amount_text(f.after), "num"),
            cell(marks.interval(f, top), "plot"), cell(_said(f), f"wide {kind_of(f)}"))
        for f in c.changes
    ]
    answers = row(cell("Answers"), f'<td colspan="4" class="wide">{text(c.answers, SENTENCE)}</td>')
    shown = table([*rows, answers], ("", "before", "after", "<after / before", "<change"))
    return (f"<section><h2>{text(c.side.label)}</h2>{shown}{notes([f'Runs on {c.side.runtime}.', *c.side.notes])}"
            f"{_done(c)}{_steps(report, c)}</section>")


def _said(f: FigureChange) -> str:
    return text(f.text, SENTENCE) + (f"<small>{text(f.reason, SENTENCE)}</small>" if f.reason else "")


def _done(c: Compared) -> str:
    lines = c.side.changes
    return f"<h3>What was done to the model</h3>{folded(pairs(lines), _LINES, 'more lines')}" if lines else ""


def _steps(report: Content, c: Compared) -> str:
    """Steps with the largest differences first."""
    if not c.steps:
        return ""
    most = max(max(s.a_ms or 0.0, s.b_ms or 0.0) for s in c.steps)
    faster, slower = (sum(1 for s in c.steps if s.significant and (s.delta_ms < 0) == way) for way in (True, False))
    told = (f"{counted(len(c.steps), 'step')} of the model, the largest differences first: {faster} faster and "
            f"{slower} slower beyond noise. Profiled runs; a kernel counts for the step that both sides have.")
    keys = "".join(f'<span class="key {key}"></span>{text(label)}'
                   for key, label in (("was", report.before.label), ("now", c.side.label)))
    head = ("step", "before ms", "after ms", "", "<beyond noise")
    shown = folded([_step(s, most) for s in c.steps], _STEPS, "more steps", head)
    return f'<h3>Steps that got faster or slower</h3><p class="note">{text(told, SENTENCE)} {keys}</p>{shown}'


def _step(s: TimeChange, most: float) -> str:
    kind = NONE if not s.significant else LESS if s.delta_ms < 0 else MORE
    return row(
        name(s.key), cell(ms(s.a_ms), "num"), cell(ms(s.b_ms), "num"),
        cell(marks.pair(s.a_ms, s.b_ms, most), "plot"),
        cell(text(s.verdict if s.status == "both" else s.status), f"wide {kind}"),
    )


def where(report: Content) -> str:
    """The machine, the programs, the commands, and what the figures mean."""
    lines = [*report.environment, *((tail(s.label, LONG), s.runtime) for s in report.sides),
             ("report", f"tfjslab {__version__}, {report.made}")]
    commands = "\n".join(text(line, _COMMAND) for line in report.repeat)
    again = f"<h2>Measure it again</h2><pre>{commands}</pre>" if commands else ""
    return (f"<h2>Where it was measured</h2>{table(pairs(lines))}{again}<h2>How to read it</h2>"
            f"{notes(report.method, kind='plain')}")


def raw(report: Content) -> str:
    """The value of every round, to be checked."""
    rows = [
        row(name(s.label), cell(f.title, "text"), cell(_values(f.rounds(s), f.key), "wide"))
        for s in report.sides for f in FIGURES if f.rounds(s)
    ]
    return (f"<h2>Values by round</h2><details><summary>{counted(len(rows), 'row')}: medians of rounds, in order; "
            f"milliseconds and bytes</summary>{table(rows)}</details>")


def _values(rounds: Sequence[Sequence[float]], key: str) -> str:
    digits = 3 if key in (LATENCY, "start") else 0
    return ", ".join(f"{statistics.median(r):.{digits}f}" if r else NOTHING for r in rounds)
