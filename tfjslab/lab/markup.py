"""Small pieces of HTML that the dashboard and the report share."""

from __future__ import annotations

import html
from collections.abc import Iterable

from tfjslab.backends.registry import BackendStatus
from tfjslab.base.text import percent
from tfjslab.bench.result import BenchResult
from tfjslab.lab.figures import conditions, texts
from tfjslab.lab.session import Snapshot
from tfjslab.records.profile import Profile


def progress(snapshot: Snapshot) -> str:
    """The progress bar, with a line that says how far the run is."""
    part = min(snapshot.done / snapshot.total, 1.0) if snapshot.total else 0.0
    text, share = html.escape(snapshot.text), snapshot.showing_share
    cost = f"; showing it took {percent(share)} of the time since Run, which is in no figure" if share else ""
    return (f'<div class="tfl-progress-bar" role="status" data-phase="{snapshot.phase}" title="{text}{cost}">'
            f'<b style="width:{part:.1%}"></b><span>{text}</span></div>')


def strip(result: BenchResult | None, profile: Profile | None) -> str:
    """All figures in a row; each says on hover how it was measured."""
    where = conditions(result)
    cells = "".join(
        f'<div data-figure="{f.name}" title="{html.escape(f"{f.how} ({where})")}"><small>{f.name}</small>'
        f"<b>{html.escape(text)}</b><i>{f.unit if text[-1:].isdigit() else ''}</i></div>"
        for f, text in texts(result, profile)
    )
    return f'<div class="tfl-strip">{cells}</div>'


def card(title: str, content: str) -> str:
    """A titled piece of the Live tab."""
    return f"<h4>{html.escape(title)}</h4>{content}"


def message(text: str, *, error: bool) -> str:
    """A line below the header; empty for no text."""
    if not text:
        return ""
    return f'<div class="tfl-message{"" if error else " tfl-fine"}" role="alert">{html.escape(text)}</div>'


def unavailable(statuses: Iterable[BackendStatus]) -> str:
    """Which backends are greyed out and why."""
    return message("; ".join(f"{s.name} is not available: {s.reason}" for s in statuses if not s.available),
                   error=False)
