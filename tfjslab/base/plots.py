"""Plots as text: HTML and SVG that a browser draws. Pure functions of inert data.

They are redrawn several times a second while something is measured. A chart library would take longer for a picture
than many models for a run; these take well under a millisecond and stay sharp at any size. ``CSS`` is how they look.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tfjslab.base.colours import HOST, HOST_ON_DARK
from tfjslab.base.dtypes import Array
from tfjslab.base.messages import escaped

WIDTH, HEIGHT = 400, 100  # of the drawing's own coordinates; the browser stretches them
MOST_POINTS = 120  # of a line: more cannot be distinguished
EMPTY = '<div class="tfl-empty">{}</div>'
# Colours are JupyterLab's own variables, so that its themes apply; each has a value for pages that are not JupyterLab.
# Series have the colours of Okabe and Ito, which colour-blind readers can distinguish; lighter ones on dark pages.
CSS = """
.tfl { --tfl-ink: var(--jp-ui-font-color1, #222); --tfl-faint: var(--jp-ui-font-color2, #666);
  --tfl-paper: var(--jp-layout-color1, #fff); --tfl-panel: var(--jp-layout-color2, #f4f4f4);
  --tfl-line: var(--jp-border-color2, #ddd); --tfl-font: var(--jp-ui-font-family, system-ui, sans-serif);
  --tfl-a: #0072B2; --tfl-b: #D55E00; --tfl-c: #009E73; --tfl-d: #CC79A7; --tfl-error: #b3261e;
  --tfl-host: HOST_COLOUR; --tfl-stripes: repeating-linear-gradient(135deg, var(--tfl-host) 0 3px, transparent 3px 5px);
  color: var(--tfl-ink); font: 13px/1.4 var(--tfl-font); max-width: 100%; overflow: hidden; }
[data-jp-theme-light="false"] .tfl { --tfl-a: #56B4E9; --tfl-b: #E69F00; --tfl-c: #2fc79a; --tfl-d: #e3a3c9;
  --tfl-error: #ff8a80; --tfl-host: HOST_ON_DARK; }
.tfl-key { text-align: right; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; line-height: 18px;
  font-size: 11px; margin-bottom: 8px; color: var(--tfl-faint);
  font-variant-numeric: tabular-nums; }
.tfl-key i { display: inline-block; width: 12px; height: 0; border-top: 2px solid; margin: 0 4px 0 10px;
  vertical-align: middle; }
.tfl-key i.tfl-median { color: var(--tfl-c); } .tfl-key i.tfl-p95 { color: var(--tfl-b); }
.tfl-key i.tfl-area { color: var(--tfl-a); } .tfl-key i.tfl-tensors { color: var(--tfl-b); }
.tfl-key i.tfl-gpu { color: var(--tfl-d); } .tfl-key b { font-weight: 600; margin-left: 10px; }
.tfl-key i.tfl-host { height: 10px; border: 1px solid var(--tfl-host); background: var(--tfl-stripes); }
.tfl-key b.tfl-fits { color: var(--tfl-c); } .tfl-key b.tfl-misfit { color: var(--tfl-error); }
.tfl-plot { display: grid; grid-template-columns: 58px 1fr; grid-template-rows: 1fr 18px; height: 164px; }
.tfl-plot svg { width: 100%; height: 100%; display: block; border-left: 1px solid var(--tfl-line);
  border-bottom: 1px solid var(--tfl-line); box-sizing: border-box; overflow: visible; min-height: 0; }
.tfl-y, .tfl-x { position: relative; font-size: 11px; color: var(--tfl-faint); }
.tfl-y span { position: absolute; right: 6px; transform: translateY(50%); white-space: nowrap; }
.tfl-x span { position: absolute; top: 2px; white-space: nowrap; }
.tfl-x span:last-child { transform: translateX(-100%); }
.tfl-plot polyline, .tfl-plot line { fill: none; stroke-width: 1.5; vector-effect: non-scaling-stroke; }
.tfl-trace { stroke: var(--tfl-a); } .tfl-bars rect { fill: var(--tfl-a); }
.tfl-plot .tfl-median { stroke: var(--tfl-c); }
.tfl-plot .tfl-p95 { stroke: var(--tfl-b); stroke-dasharray: 4 3; }
polygon.tfl-area { fill: var(--tfl-a); opacity: .3; } polyline.tfl-tensors { stroke: var(--tfl-b); }
polyline.tfl-area { stroke: var(--tfl-a); } polyline.tfl-gpu { stroke: var(--tfl-d); }
line.tfl-limit { stroke: var(--tfl-error); stroke-dasharray: 6 4; }
.tfl-empty { color: var(--tfl-faint); padding: 24px 8px; text-align: center; }
""".replace("HOST_COLOUR", HOST).replace("HOST_ON_DARK", HOST_ON_DARK)


@dataclass(frozen=True)
class AxisTick:
    """A label at ``at`` (0 to 1) along an axis; with ``line`` a line across the plot of that class."""

    at: float
    text: str
    line: str = ""


def plot(drawing: str, y_ticks: Sequence[AxisTick], x_ticks: Sequence[AxisTick], label: str) -> str:
    """A frame around a drawing: text is outside the SVG, so that stretching does not distort it."""
    y = "".join(f'<span style="bottom:{t.at:.1%}">{escaped(t.text)}</span>' for t in y_ticks)
    x = "".join(f'<span style="left:{t.at:.1%}">{escaped(t.text)}</span>' for t in x_ticks)
    lines = "".join(
        f'<line class="{t.line}" x1="0" x2="{WIDTH}" y1="{y_of(t.at)}" y2="{y_of(t.at)}"/>' for t in y_ticks if t.line
    )
    return (
        f'<div class="tfl-plot" role="img" aria-label="{escaped(label)}"><div class="tfl-y">{y}</div>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none">{lines}{drawing}</svg>'
        f'<div></div><div class="tfl-x">{x}</div></div>'
    )


def y_of(part: float) -> str:
    """The coordinate of a height from 0 to 1."""
    return f"{HEIGHT * (1 - part):.1f}"


def line_at(places: Iterable[tuple[float, float]]) -> str:
    """Points of a line through places from 0 to 1."""
    return " ".join(f"{WIDTH * x:.1f},{y_of(y)}" for x, y in places)


def nice_top(value: float) -> float:
    """The next of 1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten: an axis that does not move with every run."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(m * power for m in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if m * power >= value * (1 - 1e-9))


def thinned(values: Array) -> list[tuple[int, float]]:
    """(index, value) of fewer points that draw the same line: minimum and maximum of each stretch, in order."""
    if len(values) <= MOST_POINTS:
        return list(enumerate(values.tolist()))
    step = -(-2 * len(values) // MOST_POINTS)
    whole = len(values) // step * step
    stretches, first = values[:whole].reshape(-1, step), np.arange(0, whole, step)
    kept = np.unique([*(first + stretches.argmin(1)), *(first + stretches.argmax(1)), len(values) - 1])
    return list(zip(kept.tolist(), values[kept].tolist(), strict=True))
