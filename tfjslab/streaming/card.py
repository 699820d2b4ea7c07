"""A stream as HTML and SVG: figures, the latency of each frame, and where frames were dropped. Pure functions.

The dashboard and notebooks show it while the stream runs, so it is drawn in a millisecond or so.
"""

from __future__ import annotations

import numpy as np

from tfjslab.base import plots
from tfjslab.base.dtypes import Array
from tfjslab.base.messages import escaped
from tfjslab.base.plots import EMPTY, HEIGHT, WIDTH, AxisTick, line_at, nice_top, plot, thinned
from tfjslab.base.text import NOTHING, ms, percent
from tfjslab.records.stream import StreamResult

CSS = """
.tfl-stream { max-width: 820px; padding: 4px 2px 8px; }
.tfl-stream h4 { margin: 0 0 4px; font-size: 13px; font-weight: 600; overflow-wrap: anywhere; }
.tfl-figures { display: flex; flex-wrap: wrap; gap: 2px 22px; margin: 0 0 8px; }
.tfl-figures small { display: block; color: var(--tfl-faint); font-size: 11px; }
.tfl-figures b { font-size: 16px; font-weight: 600; font-variant-numeric: tabular-nums; }
.tfl-figures i { font-style: normal; font-size: 11px; color: var(--tfl-faint); margin-left: 3px; }
.tfl-figures .tfl-bad b { color: var(--tfl-error); }
.tfl-stream .tfl-low .tfl-plot { height: 62px; }
.tfl-drops rect { fill: var(--tfl-b); } .tfl-key i.tfl-limit { color: var(--tfl-error); }
.tfl-key i.tfl-trace { color: var(--tfl-a); } .tfl-key i.tfl-drops { height: 8px; border: 0; background: var(--tfl-b); }
.tfl-verdict-line { color: var(--tfl-faint); font-size: 12px; margin: 4px 0 0; overflow-wrap: anywhere; }
"""
BINS = 80  # of the drops along the stream


def page(result: StreamResult, total: int = 0) -> str:
    """The card with its style, to stand anywhere."""
    return f'<style>{plots.CSS}{CSS}</style><div class="tfl">{body(result, total)}</div>'


def body(result: StreamResult, total: int = 0) -> str:
    """The card; ``total`` frames there will be, 0 where that is not known."""
    s = result.settings
    where = f" on {result.environment.where}" if result.environment else ""
    rate = f" at {s.fps:g} frames/s" if s.fps else ""
    title = escaped(f"{s.model}{where}, {s.source}{rate}")
    head = f'<div class="tfl-stream"><h4>{title}</h4>{_figures(result, total)}'
    if not result.frames:
        return f'{head}{EMPTY.format("no frame is done yet")}</div>'
    said = ". ".join((result.verdict, *result.notes))
    verdict = f'<p class="tfl-verdict-line">{escaped(said)}</p>' if result.ended else ""
    wide = max(total, result.n)
    return f'{head}{latency(result, wide)}<div class="tfl-low">{drops(result, wide)}</div>{verdict}</div>'


def _figures(result: StreamResult, total: int) -> str:
    p, late = result.percentiles_ms, result.late
    frames = f"{result.n} / {total}" if total and not result.ended else str(result.n)
    cells = (
        ("frames", frames, "", False), ("dropped", str(result.dropped), "", result.dropped > 0),
        ("late", NOTHING if late is None else str(late), "", bool(late)),
        *((name, ms(value), "ms", False) for name, value in p.items()),
        ("throughput", _rate(result.throughput_fps), "frames/s", False),
        ("room for", _rate(result.capacity_fps), "frames/s", False),
    )
    shown = "".join(
        f'<div data-figure="{name}"{" class=tfl-bad" if bad else ""}><small>{name}</small><b>{text}</b>'
        f"<i>{unit}</i></div>" for name, text, unit, bad in cells)
    return f'<div class="tfl-figures">{shown}</div>'


def _rate(fps: float | None) -> str:
    return NOTHING if fps is None else f"{fps:.1f}"


def latency(result: StreamResult, wide: int) -> str:
    """The latency of each frame that is done, by the frame's number, with p95 and the budget as lines."""
    times, p95, budget = np.asarray(result.latencies_ms), result.percentiles_ms["p95"] or 0.0, result.settings.budget_ms
    top = nice_top(max(float(times.max()), budget or 0.0))
    at = [f.index / max(wide - 1, 1) for f in result.frames]
    places = [(at[i], t / top) for i, t in thinned(times)]
    if len(places) == 1:
        places.append((at[0] + 1 / wide, places[0][1]))
    ticks = [AxisTick(0, "0"), AxisTick(1, f"{top:g} ms"), AxisTick(p95 / top, "", "tfl-p95")]
    limit = [] if budget is None else [AxisTick(budget / top, "", "tfl-limit")]
    told = "" if budget is None else f'<i class="tfl-limit"></i>budget {budget:.4g} ms'
    head = (f'<div class="tfl-key"><i class="tfl-trace"></i>latency<i class="tfl-p95"></i>p95 {ms(p95)} ms{told}</div>')
    drawing = f'<polyline class="tfl-trace" points="{line_at(places)}"/>'
    return head + plot(drawing, [*ticks, *limit], [AxisTick(0, "frame 1"), AxisTick(1, str(wide))],
                       f"latency of {result.done} frames, p95 {ms(p95)} ms")


def drops(result: StreamResult, wide: int) -> str:
    """Which part of the frames was dropped, along the stream."""
    bins = min(BINS, wide)
    came = _counts(np.arange(result.n), wide, bins)
    done = _counts(np.asarray([f.index for f in result.frames]), wide, bins)
    step = WIDTH / bins
    shares = ((i, 1 - d / c) for i, (c, d) in enumerate(zip(came.tolist(), done.tolist(), strict=True)) if c)
    bars = "".join(
        f'<rect x="{i * step:.1f}" width="{step:.1f}" y="{HEIGHT * (1 - share):.1f}" height="{HEIGHT * share:.1f}"/>'
        for i, share in shares if share)
    said = f"dropped {result.dropped} of {result.n} ({percent(result.dropped, result.n)})"
    head = f'<div class="tfl-key"><i class="tfl-drops"></i>{said}</div>'
    return head + plot(f'<g class="tfl-drops">{bars}</g>', [AxisTick(0, "0"), AxisTick(1, "all")],
                       [AxisTick(0, "frame 1"), AxisTick(1, str(wide))], said)


def _counts(indices: Array, wide: int, bins: int) -> Array:
    """How many of these frames lie in each part of the stream."""
    return np.bincount(indices * bins // wide, minlength=bins)
