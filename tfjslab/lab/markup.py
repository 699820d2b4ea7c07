"""Small pieces of HTML that the dashboard and the report share."""

from __future__ import annotations

from collections.abc import Iterable

from tfjslab.backends.registry import BackendStatus
from tfjslab.base.messages import escaped
from tfjslab.base.text import counted, percent
from tfjslab.bench.result import BenchResult
from tfjslab.lab.figures import conditions, texts
from tfjslab.lab.session import LabRun, Snapshot
from tfjslab.records.host_share import HostShare
from tfjslab.records.profile import Profile

CLASS_OF_HOST = ' class="tfl-host"'


def progress(snapshot: Snapshot) -> str:
    """The progress bar, with a line that says how far the run is."""
    part = min(snapshot.done / snapshot.total, 1.0) if snapshot.total else 0.0
    text, share = escaped(snapshot.text), snapshot.showing_share
    cost = f"; showing it took {percent(share)} of the time since Run, which is in no figure" if share else ""
    return (f'<div class="tfl-progress-bar" role="status" data-phase="{snapshot.phase}" title="{text}{cost}">'
            f'<b style="width:{part:.1%}"></b><span>{text}</span></div>')


def strip(result: BenchResult | None, profile: Profile | None) -> str:
    """All figures in a row; each says on hover how it was measured. Those of the host are marked where it had work."""
    where = conditions(result)
    cells = "".join(
        f'<div data-figure="{f.name}" title="{escaped(f"{f.how} ({where})")}"><small>{f.name}</small>'
        f"<b{_words(text)}>{escaped(text)}</b><i>{f.unit if text[-1:].isdigit() else ''}</i></div>"
        for f, text in texts(result, profile)
    )
    fell = " tfl-fell" if result is not None and result.fallback_kernels else ""
    return f'<div class="tfl-strip{fell}">{cells}</div>'


def _words(text: str) -> str:
    """What makes room for words in place of a number."""
    return ' class="tfl-words"' if " " in text else ""


def measured(name: str, host: HostShare, prefix: str = "", said: str = "") -> str:
    """The name of a run, which stands beside every figure of it, with the host's share of its time.

    ``said`` is what else has to be said there, such as that its runs were disturbed.
    """
    part = f"<i{CLASS_OF_HOST}>{host.text}</i>" if host.text else ""
    told = f"<i>{escaped(said)}</i>" if said else ""
    return f'<div class="tfl-name">{prefix}<b>{escaped(name)}</b>{part}{told}</div>'


def of_run(run: LabRun) -> str:
    """``measured`` for a finished run."""
    return measured(run.name, run.result.host, said=run.result.disturbance.text)


def of_snapshot(snapshot: Snapshot) -> str:
    """``measured`` for the run that is under way, or for one that ended without a result; empty without one."""
    s, r = snapshot.settings, snapshot.result
    if s is None:
        return ""
    name = f"{r.model} on {r.where}" if r else f"{s.model} on {s.backend}"
    return measured(name, r.host if r else HostShare(None), "measuring " if snapshot.busy else f"{snapshot.phase}: ")


def card(title: str, content: str) -> str:
    """A titled piece of the Live tab."""
    return f"<h4>{escaped(title)}</h4>{content}"


def message(text: str, *, error: bool) -> str:
    """A line below the header; empty for no text."""
    if not text:
        return ""
    return f'<div class="tfl-message{"" if error else " tfl-fine"}" role="alert">{escaped(text)}</div>'


def cautions(threads: int, cores: int) -> str:
    """What to know before Run is pressed; empty for nothing."""
    if threads <= cores:
        return ""
    return message(f"threads is {threads}, but this process may use {counted(cores, 'core')}: more threads than cores "
                   "wait for each other, and every figure of such a run is slower and less steady", error=True)


def unavailable(statuses: Iterable[BackendStatus]) -> str:
    """Which backends are greyed out and why."""
    return message("; ".join(f"{s.name} is not available: {s.reason}" for s in statuses if not s.available),
                   error=False)
