"""A session as files: a report in HTML, the results as CSV, results and profiles as JSON. No widgets."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfjslab.base.errors import UsageError
from tfjslab.base.messages import escaped, escaped_lines
from tfjslab.base.plots import EMPTY
from tfjslab.base.progress import Progress, no_progress
from tfjslab.base.version import __version__
from tfjslab.graph.ir import Graph
from tfjslab.lab import markup
from tfjslab.lab.cards import TITLES, profile_cards, timing_cards
from tfjslab.lab.figures import conditions
from tfjslab.lab.panels import PANELS, Panel, compare, note
from tfjslab.lab.session import LabRun, LabSession, write_text
from tfjslab.lab.style import CSS
from tfjslab.profiling.captions import place
from tfjslab.records import profile as record

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ margin: 24px auto; max-width: 1100px; padding: 0 16px; background: #fff; }}
h1 {{ font-size: 22px; }} h2 {{ font-size: 17px; margin: 28px 0 4px; }} h3 {{ font-size: 14px; margin: 18px 0 4px; }}
@media print {{ h2 {{ break-before: page; }} .tfl-card, .tfl-chart {{ break-inside: avoid; }} }}
{css}</style></head><body class="tfl">
{body}
</body></html>
"""


def write(session: LabSession, path: str | os.PathLike[str]) -> Path:
    """Write ``.csv`` or ``.json``, by the suffix; UsageError for another."""
    suffix = Path(path).suffix.lower()
    if suffix not in WRITERS:
        known = ", ".join(["'.html'", *map(repr, WRITERS)])
        raise UsageError(f"{os.fspath(path)}: the suffix is '{suffix}'; expected one of {known}")
    return write_text(path, WRITERS[suffix](session))


_NESTED = ("times_ms", "states", "rounds", "environment", "disturbance")  # of a result, and have no place in a cell


def results(session: LabSession) -> list[dict[str, Any]]:
    """One row for each run: its number and settings, then the keys of ``tfjslab bench --json``."""
    return [
        {"run": r.number, "batch": r.settings.batch, "real_weights": r.settings.real_weights, **r.result.to_json(),
         "passes": " ".join(r.settings.passes), "quantize": r.settings.quantize,
         "ended": r.ended}
        for r in session.runs
    ]


def to_csv(session: LabSession) -> str:
    """Results as comma-separated values with a header line; samples and what else has parts are in the JSON."""
    rows = [
        {name: value for name, value in row.items() if name not in _NESTED} | {"disturbed": row["disturbance"]["text"]}
        for row in results(session)
    ]
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]) if rows else ["run"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def to_results_json(session: LabSession) -> str:
    """Results and profiles, with the keys of the command line's JSON."""
    profiles = [{"run": r.number, **record.to_json(r.profile)} for r in session.runs if r.profile]
    return json.dumps({"bench": results(session), "profiles": profiles, "notes": session.notes}, allow_nan=False)


WRITERS = {".csv": to_csv, ".json": to_results_json}


def report_html(
    session: LabSession, graph_of: Callable[[int], Graph | None], progress: Progress = no_progress,
) -> str:
    """All panels of all runs as one page without scripts and without other files. ``progress`` hears of each panel."""
    title = "tfjslab report"
    parts = [f"<h1>{title}</h1>", note(f"made by tfjslab {__version__}")]
    if session.notes:
        parts.append(f'<p style="white-space:pre-wrap">{escaped_lines(session.notes)}</p>')
    if not session.runs:
        parts.append(EMPTY.format("nothing was measured in this session"))
    else:
        parts += ["<h2>All runs</h2>", compare(session.runs)]
    done, steps = itertools.count(), len(session.runs) * len(PANELS)

    def tell(run: LabRun, panel: Panel) -> None:
        progress(f"drawing {panel.name} of run #{run.number}", next(done), steps)

    parts += [_run(run, graph_of(run.number), tell) for run in session.runs]
    return PAGE.format(title=title, css=CSS, body="\n".join(parts))


def _run(run: LabRun, graph: Graph | None, tell: Callable[[LabRun, Panel], None]) -> str:
    """One run: where it was taken, the strip, the live charts as they stood at its end, and every panel."""
    r = run.result
    where = f"; {place(run.profile)}" if run.profile else ""
    ended = f"; ended {run.ended.replace('T', ' ')}" if run.ended else ""
    made = timing_cards(r, r.runs, run.memory) | profile_cards(run.profile)
    shown = "".join(f'<div class="tfl-card">{markup.card(title, made[title])}</div>' for title in TITLES)
    panels = []
    for p in PANELS:
        tell(run, p)
        panels.append(f"<h3>{p.name}</h3>{p.show(run, graph)}")
    return (
        f"<h2>{escaped(run.name)}</h2>{markup.strip(r, run.profile)}"
        f"{note(conditions(r) + where + ended)}"
        f'<div class="tfl-live">{shown}</div>{"".join(panels)}'
    )
