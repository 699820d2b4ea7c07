"""A report as one HTML file without scripts, which needs no network, follows the theme of its reader, and prints.

On top it is for those who decide: sentences and three figures. What engineers check is in ``sections``.
"""

from __future__ import annotations

import statistics
from functools import cache
from pathlib import Path

from tfjslab.base.text import ms, tail
from tfjslab.reports import marks
from tfjslab.reports.content import Compared, Content
from tfjslab.reports.figures import BY_KEY, DOUBLE, FIGURES, LATENCY, LESS, MORE, NONE, Amount, FigureChange, amount
from tfjslab.reports.markup import LONG, SENTENCE, cell, name, notes, row, table, text
from tfjslab.reports.sections import amount_text, compared, kind_of, raw, where
from tfjslab.reports.side import ReportSide

_MINUS = "\N{MINUS SIGN}"  # as wide as a plus
_TITLE, _HEADLINE = 200, 2000
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


def page(report: Content) -> str:
    """The whole file."""
    parts = (_head(report), _glance(report), _rounds(report), *(compared(report, c) for c in report.compared),
             where(report), raw(report))
    return _PAGE.format(title=text(report.title, _TITLE), css=_css(), body="\n".join(filter(None, parts)))


def fragment(report: Content) -> str:
    """The head and the table of all sides, for notebooks, whose colours it takes."""
    return f'<div class="tfr"><style>{_css()}</style>{_head(report)}{_glance(report)}</div>'


@cache
def _css() -> str:
    return Path(__file__).with_name("page.css").read_text(encoding="utf-8")


def _head(report: Content) -> str:
    partial = notes([f"Not all was measured: {report.reason}."], "partial") if report.reason else ""
    cards = "".join(_card(c) for c in report.head)
    return (f'<header><p class="eyebrow">Before and after</p><h1>{text(report.title, _TITLE)}</h1>{partial}'
            f'<p class="lead">{text(report.headline, _HEADLINE)}</p><div class="cards">{cards}</div>'
            f"{notes([_which(report)])}</header>")


def _which(report: Content) -> str:
    among = f", the fastest of {len(report.compared)}" if len(report.compared) > 1 else ""
    return f"Before: {tail(report.before.label, LONG)}. After: {tail(report.best.side.label, LONG)}{among}."


def _card(c: FigureChange) -> str:
    """A figure of the head line: how much less, from what to what, and how sure that is."""
    kind = kind_of(c)
    large = "word none" if kind == NONE else kind
    sure = c.text if kind == NONE else "the same in every round" if c.exact else c.text.partition(" (")[2].rstrip(")")
    return (f'<div class="card"><small>{text(c.title)}</small><b class="{large}">{text(_short(c))}</b>'
            f"{amount_text(c.before)} → {amount_text(c.after)}<br><small>{text(sure, SENTENCE)}</small></div>")


def _short(c: FigureChange) -> str:
    """For large letters: ``-52%``, with a sign as wide as a plus, and words where there is no difference."""
    if c.kind == NONE:
        return "no difference"
    if c.ratio is None or c.kind not in (LESS, MORE):
        return c.kind
    if c.ratio >= DOUBLE:
        return f"{c.ratio:.1f} times"
    percent = 100 * abs(c.ratio - 1)
    return f"{_MINUS if c.ratio < 1 else '+'}{percent:.{0 if percent >= 1 else 1}f}%"


def _glance(report: Content) -> str:
    """All sides with all figures."""
    rows = [row(name(report.before.label), *(_figure(report.before, None, f.key) for f in FIGURES), cell("", "wide"),
                kind="first"), *map(_glance_row, report.compared)]
    return f"<h2>All sides</h2>{table(rows, ('', *(f.title for f in FIGURES), '<Answers'))}"


def _glance_row(c: Compared) -> str:
    figures = (_figure(c.side, c.by_key[f.key], f.key) for f in FIGURES)
    return row(name(c.side.label), *figures, cell(text(c.answers, SENTENCE), "wide"))


def _figure(side: ReportSide, change: FigureChange | None, key: str) -> str:
    found = amount_text(amount(BY_KEY[key], side))
    short = "" if change is None else f'<small class="{kind_of(change)}">{text(_short(change))}</small>'
    return cell(found + short, "num")


def _rounds(report: Content) -> str:
    """The latency of each round, so that one sees whether sides overlap."""
    medians = [statistics.median(r) for s in report.sides for r in s.latency_ms if r]
    if not medians:
        return ""
    most = 1.05 * max(medians)
    rows = [
        row(name(s.label), cell(f"{amount_text(found)}<small>{text(_spread(found))}</small>", "num"),
            cell(marks.strip(s.latency_ms, most, is_before=s is report.before), "plot"))
        for s in report.sides if (found := amount(BY_KEY[LATENCY], s))
    ]
    told = f"Each dot is the median of a round, the line the median of all; the axis goes from 0 to {ms(most)} ms."
    return f"<h2>Latency by round</h2>{notes([told])}{table(rows, kind='plots')}"


def _spread(found: Amount) -> str:
    return f"n = {found.n}" if found.low is None else f"95%: {ms(found.low)} to {ms(found.high)}"
