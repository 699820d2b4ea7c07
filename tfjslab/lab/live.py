"""The four live charts, as text: HTML and SVG that the browser draws. Pure functions of inert data.

They are redrawn ten times a second during a run. A chart library would take longer for a picture than many
models for a run; these take well under a millisecond, follow the theme's colours, and stay sharp at any size.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.text import counted, ms, scaled
from tfjslab.profiling.reduce import by_kernel
from tfjslab.records.profile import Profile

WIDTH, HEIGHT = 400, 100  # of the drawing's own coordinates; the browser stretches them
MOST_POINTS = 120  # of a line: more cannot be distinguished
SOON = 50  # runs that are few
BINS = 24
TOP = 7
EMPTY = '<div class="tfl-empty">{}</div>'


@dataclass(frozen=True)
class AxisTick:
    """A label at ``at`` (0 to 1) along an axis; with ``line`` a line across the plot of that class."""

    at: float
    text: str
    line: str = ""


def plot(drawing: str, y_ticks: Sequence[AxisTick], x_ticks: Sequence[AxisTick], label: str) -> str:
    """A frame around a drawing: text is outside the SVG, so that stretching does not distort it."""
    y = "".join(f'<span style="bottom:{t.at:.1%}">{html.escape(t.text)}</span>' for t in y_ticks)
    x = "".join(f'<span style="left:{t.at:.1%}">{html.escape(t.text)}</span>' for t in x_ticks)
    lines = "".join(
        f'<line class="{t.line}" x1="0" x2="{WIDTH}" y1="{_y(t.at)}" y2="{_y(t.at)}"/>' for t in y_ticks if t.line
    )
    return (
        f'<div class="tfl-plot" role="img" aria-label="{html.escape(label)}"><div class="tfl-y">{y}</div>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none">{lines}{drawing}</svg>'
        f'<div></div><div class="tfl-x">{x}</div></div>'
    )


def _y(part: float) -> str:
    return f"{HEIGHT * (1 - part):.1f}"


def nice_top(value: float) -> float:
    """The next of 1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten: an axis that does not move with every run."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(m * power for m in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if m * power >= value * (1 - 1e-9))


def latency_trace(times_ms: Sequence[float], total: int) -> str:
    """Latency of each run in order, with lines at the median and the 95th percentile."""
    if not times_ms:
        return EMPTY.format("no runs yet")
    times = np.asarray(times_ms)
    median, p95 = (float(v) for v in np.percentile(times, (50, 95)))
    top = nice_top(float(times.max()))
    # With many runs those done so far fill the chart; with few the empty part shows how many are left.
    total = len(times_ms) if len(times_ms) >= total else min(total, max(SOON, int(nice_top(len(times_ms)))))
    shown = _thinned(times)
    wide = max(total - 1, 1)
    points = " ".join(f"{WIDTH * i / wide:.1f},{_y(t / top)}" for i, t in shown)
    if len(shown) == 1:
        points += f" {WIDTH},{_y(shown[0][1] / top)}"
    ticks = [AxisTick(0, "0"), AxisTick(1, f"{top:g} ms")]
    lines = [AxisTick(median / top, "", "tfl-median"), AxisTick(p95 / top, "", "tfl-p95")]
    head = (f'<div class="tfl-key"><i class="tfl-median"></i>median {ms(median)} ms<i class="tfl-p95"></i>'
            f"p95 {ms(p95)} ms</div>")
    drawing = f'<polyline class="tfl-trace" points="{points}"/>'
    return head + plot(drawing, [*ticks, *lines], [AxisTick(0, "run 1"), AxisTick(1, f"{total}")],
                       f"latency of {len(times_ms)} runs, median {ms(median)} ms, p95 {ms(p95)} ms")


def _thinned(values: Array) -> list[tuple[int, float]]:
    """(index, value) of fewer points that draw the same line: minimum and maximum of each stretch, in order."""
    if len(values) <= MOST_POINTS:
        return list(enumerate(values.tolist()))
    step = -(-2 * len(values) // MOST_POINTS)
    whole = len(values) // step * step
    stretches, first = values[:whole].reshape(-1, step), np.arange(0, whole, step)
    kept = np.unique([*(first + stretches.argmin(1)), *(first + stretches.argmax(1)), len(values) - 1])
    return list(zip(kept.tolist(), values[kept].tolist(), strict=True))


def latency_distribution(times_ms: Sequence[float]) -> str:
    """How many runs took how long, from the fastest to the slowest."""
    if not times_ms:
        return EMPTY.format("no runs yet")
    times = np.asarray(times_ms)
    low, high, middle = float(times.min()), float(times.max()), float(np.median(times))
    if high == low:
        high = low * 1.01 or 1.0
    counts, _ = np.histogram(times, BINS, (low, high))
    most, step = int(counts.max()), WIDTH / BINS
    bars = "".join(
        f'<rect x="{i * step + 0.5:.1f}" width="{step - 1:.1f}" y="{_y(n / most)}" height="{HEIGHT * n / most:.1f}"/>'
        for i, n in enumerate(counts.tolist()) if n
    )
    at = (middle - low) / (high - low)
    line = f'<line class="tfl-median" x1="{WIDTH * at:.1f}" x2="{WIDTH * at:.1f}" y1="0" y2="{HEIGHT}"/>'
    said = f"median {ms(middle)} ms, {counted(len(times_ms), 'run')}"
    head = f'<div class="tfl-key"><i class="tfl-median"></i>{said}</div>'
    return head + plot(
        f'<g class="tfl-bars">{bars}</g>{line}', [AxisTick(0, "0"), AxisTick(1, counted(most, "run"))],
        [AxisTick(0, f"{ms(low)} ms"), AxisTick(1, f"{ms(high)} ms")], f"distribution of {len(times_ms)} runs",
    )


def top_kernels(profile: Profile | None) -> str:
    """The kinds of kernel that take the most time, with their share of the run, and what no kernel accounts for."""
    if profile is None:
        return EMPTY.format("no profile yet")
    found = by_kernel(profile)
    rows = [(r.key, f"{r.count}", r.time_ms) for r in found[:TOP]]
    if len(found) > TOP:
        rest = found[TOP:]
        time_ms = math.fsum(r.time_ms for r in rest)
        rows.append((counted(len(rest), "other kind"), f"{sum(r.count for r in rest)}", time_ms))
    rows.append(("outside kernels", "", profile.unattributed_ms))
    longest = max(t for _, _, t in rows) or 1.0
    lines = "".join(
        f'<tr><th title="{html.escape(name)}">{html.escape(name)}</th><td>{f"x{n}" if n else ""}</td>'
        f'<td class="tfl-bar"><b style="width:{max(t, 0) / longest:.1%}"></b></td><td>{ms(t)} ms</td>'
        f"<td>{f'{t / profile.wall_ms:.0%}' if profile.wall_ms > 0 else ''}</td></tr>"
        for name, n, t in rows
    )
    return f'<table class="tfl-kernels">{lines}</table>'


def memory_timeline(profile: Profile | None) -> str:
    """Bytes and tensors alive after each kernel of a profiled run."""
    if profile is None or not profile.kernels:
        return EMPTY.format("no profile yet")
    num_bytes = [k.total_bytes_snapshot for k in profile.kernels]
    tensors = [k.total_tensors_snapshot for k in profile.kernels]
    peak = max(num_bytes)
    at = num_bytes.index(peak)
    top, most = nice_top(peak / 1e6) * 1e6, nice_top(max(tensors))
    count = len(num_bytes)
    area = _steps([b / top for b in num_bytes])
    line = _steps([t / most for t in tensors])
    name = html.escape(profile.kernels[at].name)
    head = (
        f'<div class="tfl-key"><i class="tfl-area"></i>peak {scaled(peak, "B")} at {name}'
        f'<i class="tfl-tensors"></i>tensors, at most {max(tensors)}</div>'
    )
    drawing = (
        f'<polygon class="tfl-area" points="0,{HEIGHT} {area} {WIDTH},{HEIGHT}"/>'
        f'<polyline class="tfl-tensors" points="{line}"/>'
    )
    return head + plot(drawing, [AxisTick(0, "0"), AxisTick(1, scaled(top, "B"))],
                       [AxisTick(0, "kernel 1"), AxisTick(1, f"{count}")], f"memory over {count} kernels")


def _steps(parts: Sequence[float]) -> str:
    """Points of a staircase over the whole width."""
    shown = _thinned(np.asarray(parts))
    wide = WIDTH / len(parts)
    return " ".join(f"{i * wide:.1f},{_y(v)} {(i + 1) * wide:.1f},{_y(v)}" for i, v in shown)


TITLES = ("Latency of each run", "Latency distribution", "Top kernels", "Memory")


def timing_charts(times_ms: Sequence[float], total: int) -> tuple[str, str]:
    """The two charts that change with each run."""
    return latency_trace(times_ms, max(total, len(times_ms))), latency_distribution(times_ms)


def profile_charts(profile: Profile | None) -> tuple[str, str]:
    """The two charts that change with each profile."""
    return top_kernels(profile), memory_timeline(profile)
