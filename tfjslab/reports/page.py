"""A report as one HTML file without scripts, which needs no network, follows the theme of its reader, and prints.

Names come from models and records, so nothing is written but through ``_text``.
"""

from __future__ import annotations

import html
import statistics
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from tfjslab.base.text import NOTHING, counted, ms, tail
from tfjslab.base.version import __version__
from tfjslab.profiling.compare import TimeChange
from tfjslab.reports import marks
from tfjslab.reports.figures import BY_KEY, FIGURES, LATENCY, LESS, MORE, NONE, Amount, Change, amount
from tfjslab.reports.result import BeforeAfterReport, Compared
from tfjslab.reports.side import Lines, Side

_LONG = 70  # characters of a name; the end tells it from its neighbours
_STEPS, _LINES = 12, 14  # that are shown before the rest is folded
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; background: light-dark(#fff, #12161e); }}
body {{ margin: 0 auto; max-width: 1040px; padding: 28px 24px 60px; }}
@media print {{ :root {{ color-scheme: light; background: #fff; }} body {{ max-width: none; padding: 0; }} }}
{css}</style>
</head>
<body class="tfr">
{body}
</body>
</html>
"""


def page(report: BeforeAfterReport) -> str:
    """The whole file."""
    body = [
        _head(report), _glance(report), _rounds(report), *(_compared(report, c) for c in report.compared),
        _where(report), _raw(report),
    ]
    return _PAGE.format(title=_text(report.title, 200), css=_css(), body="\n".join(filter(None, body)))


def fragment(report: BeforeAfterReport) -> str:
    """The head and the table of all sides, for notebooks, whose colours it takes."""
    return f'<div class="tfr"><style>{_css()}</style>{_head(report)}{_glance(report)}</div>'


@cache
def _css() -> str:
    return Path(__file__).with_name("page.css").read_text(encoding="utf-8")


def _text(value: object, most: int = _LONG) -> str:
    """Text as it may stand in HTML: cut, and without characters that control how others are shown."""
    shown = "".join(c if c.isprintable() else "\ufffd" for c in " ".join(str(value).split()))
    return html.escape(tail(shown, most))


def _head(report: BeforeAfterReport) -> str:
    partial = (f'<p class="partial">Not all was measured: {_text(report.reason, 300)}.</p>' if report.reason else "")
    cards = "".join(_card(c) for c in report.head)
    # Notebooks and pages cut no sentence: names in it are cut already.
    return (f'<p class="eyebrow">Before and after</p><h1>{_text(report.title, 200)}</h1>{partial}'
            f'<p class="lead">{_text(report.headline, 2000)}</p><div class="cards">{cards}</div>'
            f'<p class="note">{_text(_which(report), 300)}</p>')


def _which(report: BeforeAfterReport) -> str:
    best = report.best.side.label
    among = f", the fastest of {len(report.compared)} after it" if len(report.compared) > 1 else ""
    return f"These figures: {tail(report.before.label, _LONG)} before, {tail(best, _LONG)} after{among}."


def _card(c: Change) -> str:
    """A figure of the head line: how much less, from what to what, and how sure that is."""
    if c.ratio is None or c.kind not in (LESS, MORE):
        big = f'<b class="word none">{"no difference" if c.kind == NONE else _text(c.kind)}</b>'
    else:
        big = f'<b class="{c.kind}">{_change_short(c.ratio)}</b>'
    amounts = f"{_amount(c.before)} → {_amount(c.after)}"
    sure = "exact" if c.exact and c.kind in (LESS, MORE) else c.text
    return f"<div class='card'><small>{_text(c.title)}</small>{big}{amounts}<br><small>{_text(_interval(c, sure), 120)}</small></div>"


def _interval(c: Change, otherwise: str) -> str:
    inside = c.text.partition(" (95%: ")[2].rstrip(")")
    return f"95% interval: {inside} {c.kind}" if inside and c.kind in (LESS, MORE) and "%" in inside else otherwise


def _change_short(ratio: float) -> str:
    if ratio >= 2:  # noqa: PLR2004 - from here on, times are easier to grasp than percent
        return f"× {ratio:.1f}"
    share = 100 * (ratio - 1)
    return f"{'−' if share < 0 else '+'}{abs(share):.0f}%" if abs(share) >= 1 else f"{'−' if share < 0 else '+'}{abs(share):.1f}%"


def _amount(found: Amount | None) -> str:
    return NOTHING if found is None else _text(found.text)


def _glance(report: BeforeAfterReport) -> str:
    """All sides with all figures."""
    head = "".join(f"<th>{_text(name)}</th>" for name in ("", *(f.title for f in FIGURES)))
    rows = [f'<tr class="first">{_name(report.before)}{"".join(_glance_cell(report.before, None, f.key) for f in FIGURES)}'
            f'<td class="wide">{NOTHING}</td></tr>']
    rows += [f"<tr>{_name(c.side)}{''.join(_glance_cell(c.side, c.by_key[f.key], f.key) for f in FIGURES)}"
             f'<td class="wide">{_text(c.answers, 300)}</td></tr>' for c in report.compared]
    return (f'<h2>All sides</h2><div class="scroll"><table><thead><tr>{head}<th class="text">Answers</th></tr></thead>'
            f"<tbody>{''.join(rows)}</tbody></table></div>")


def _glance_cell(side: Side, change: Change | None, key: str) -> str:
    found = _amount(amount(BY_KEY[key], side))
    if change is None:
        return f'<td class="num">{found}</td>'
    kind = change.kind if change.kind in (LESS, MORE) else "none"
    short = _change_short(change.ratio) if change.ratio is not None and kind != "none" else (
        "no difference" if change.kind == NONE else change.kind)
    return f'<td class="num">{found}<small class="{kind}">{_text(short)}</small></td>'


def _name(side: Side) -> str:
    return f'<td title="{_text(side.label, 300)}">{_text(side.label)}</td>'


def _rounds(report: BeforeAfterReport) -> str:
    """The latency of each round, so that one sees whether sides overlap."""
    medians = [statistics.median(r) for s in report.sides for r in s.latency_ms if r]
    if not medians:
        return ""
    most = 1.05 * max(medians)
    rows = "".join(
        f'<tr>{_name(s)}<td class="num">{_amount(found)}<small>{_spread(found)}</small></td>'
        f'<td class="plot">{marks.strip(s.latency_ms, most, is_before=s is report.before)}</td></tr>'
        for s in report.sides if (found := amount(BY_KEY[LATENCY], s)))
    return (f'<h2>Latency by round</h2><p class="note">Each dot is the median of a round, the line the median of all; the '
            f'axis goes from 0 to {_text(ms(most))} ms.</p><table><tbody>{rows}</tbody></table>')


def _spread(found: Amount) -> str:
    return f"{ms(found.low)} to {ms(found.high)}" if found.low is not None else f"n = {found.n}"


def _compared(report: BeforeAfterReport, c: Compared) -> str:
    rows = "".join(
        f'<tr><td>{_text(f.title)}</td><td class="num">{_amount(f.before)}</td><td class="num">{_amount(f.after)}</td>'
        f'<td class="plot">{marks.interval(f)}</td>'
        f'<td class="wide {f.kind if f.kind in (LESS, MORE) else "none"}">{_text(f.text, 200)}'
        f"{f'<small>{_text(f.reason, 400)}</small>' if f.reason else ''}</td></tr>"
        for f in c.changes)
    notes = "".join(f'<p class="note">{_text(n, 500)}</p>' for n in (f"Runs on {c.side.runtime}.", *c.side.notes))
    return (f"<section><h2>{_text(c.side.label)}</h2><table><thead><tr><th></th><th>before</th><th>after</th>"
            f'<th class="text">after / before</th><th class="text">change</th></tr></thead><tbody>{rows}'
            f'<tr><td>Answers</td><td colspan="4" class="wide">{_text(c.answers, 400)}</td></tr></tbody></table>{notes}'
            f"{_done(c.side.changes)}{_steps(report, c)}</section>")


def _done(lines: Lines) -> str:
    """What was done to the model, line by line."""
    if not lines:
        return ""
    rows = [f'<tr><td>{_text(name)}</td><td class="wide">{_text(text, 500)}</td></tr>' for name, text in lines]
    return f"<h3>What was done to the model</h3>{_folded(rows, _LINES, 'more lines')}"


def _steps(report: BeforeAfterReport, c: Compared) -> str:
    """Steps with the largest differences first."""
    if not c.steps:
        return ""
    most = max(max(s.a_ms or 0.0, s.b_ms or 0.0) for s in c.steps)
    faster, slower = (sum(1 for s in c.steps if s.significant and (s.delta_ms < 0) == way) for way in (True, False))
    head = "<thead><tr><th>step</th><th>before ms</th><th>after ms</th><th></th><th class='text'>beyond noise</th></tr></thead>"
    rows = [_step(s, most) for s in c.steps]
    return (f"<h3>Steps that got faster or slower</h3><p class='note'>{counted(len(c.steps), 'step')} of the model, the "
            f"largest differences first: {faster} faster and {slower} slower beyond noise. Profiled runs; kernels count "
            f"for the step that both sides have.<span class='key was'></span>{_text(report.before.label)}"
            f"<span class='key now'></span>{_text(c.side.label)}</p>{_folded(rows, _STEPS, 'more steps', head)}")


def _step(s: TimeChange, most: float) -> str:
    kind = "none" if not s.significant else LESS if s.delta_ms < 0 else MORE
    return (f'<tr><td title="{_text(s.key, 300)}">{_text(s.key)}</td><td class="num">{ms(s.a_ms)}</td>'
            f'<td class="num">{ms(s.b_ms)}</td><td class="plot">{marks.pair(s.a_ms, s.b_ms, most)}</td>'
            f'<td class="wide {kind}">{_text(s.verdict if s.status == "both" else s.status)}</td></tr>')


def _folded(rows: Sequence[str], shown: int, what: str, head: str = "") -> str:
    """A table whose rows after the first ones are behind a click."""
    first = f"<table>{head}<tbody>{''.join(rows[:shown])}</tbody></table>"
    rest = rows[shown:]
    if not rest:
        return first
    return (f"{first}<details><summary>{len(rest)} {what}</summary><table>{head}<tbody>{''.join(rest)}</tbody></table>"
            "</details>")


def _where(report: BeforeAfterReport) -> str:
    lines: Iterable[tuple[str, str]] = (
        *report.environment, *((tail(s.label, _LONG), s.runtime) for s in report.sides), ("report", f"tfjslab {__version__}, {report.made}"))
    rows = "".join(f'<tr><td>{_text(name)}</td><td class="wide">{_text(value, 500)}</td></tr>' for name, value in lines)
    method = "".join(f"<p>{_text(m, 600)}</p>" for m in report.method)
    commands = "\n".join(_text(line, 2000) for line in report.repeat)
    again = f"<h2>Measure it again</h2><pre>{commands}</pre>" if commands else ""
    return f"<h2>Where it was measured</h2><table><tbody>{rows}</tbody></table>{again}<h2>How to read it</h2>{method}"


def _raw(report: BeforeAfterReport) -> str:
    """The value of every round, to be checked."""
    rows = [
        f'<tr><td>{_text(s.label)}</td><td class="text">{f.title}</td><td class="wide">{_values(f.rounds(s), f.key)}</td></tr>'
        for s in report.sides for f in FIGURES if f.rounds(s)
    ]
    return (f"<h2>Values by round</h2><details><summary>{counted(len(rows), 'row')}: medians of rounds, in order; "
            f"milliseconds and bytes</summary><table><tbody>{''.join(rows)}</tbody></table></details>")


def _values(rounds: Sequence[Sequence[float]], key: str) -> str:
    digits = 3 if key in (LATENCY, "start") else 0
    return ", ".join(f"{statistics.median(r):.{digits}f}" if r else NOTHING for r in rounds)
