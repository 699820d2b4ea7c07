"""The live charts of times, as text: HTML and SVG that the browser draws. Pure functions of inert data.

They are redrawn ten times a second during a run. A chart library would take longer for a picture than many
models for a run; these take well under a millisecond, follow the theme's colours, and stay sharp at any size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfjslab.base.dtypes import Array
from tfjslab.base.messages import escaped
from tfjslab.base.plots import EMPTY, HEIGHT, WIDTH, AxisTick, nice_top, plot, thinned, y_of
from tfjslab.base.text import counted, ms, percent
from tfjslab.profiling.reduce import by_kernel
from tfjslab.records.profile import KernelRecord, Profile

SOON = 50  # runs that are few
BINS = 24
TOP = 7


def latency_trace(times_ms: Sequence[float], total: int, kept: Sequence[int] = ()) -> str:
    """Latency of each run in order, with lines at the median and the 95th percentile of the runs that count.

    ``kept`` are those, by number from 0; none means all.
    """
    if not times_ms:
        return EMPTY.format("no runs yet")
    times = np.asarray(times_ms)
    median, p95 = (float(v) for v in np.percentile(_counted(times, kept), (50, 95)))
    top = nice_top(float(times.max()))
    # With many runs those done so far fill the chart; with few the empty part shows how many are left.
    total = len(times_ms) if len(times_ms) >= total else min(total, max(SOON, int(nice_top(len(times_ms)))))
    shown = thinned(times)
    wide = max(total - 1, 1)
    points = " ".join(f"{WIDTH * i / wide:.1f},{y_of(t / top)}" for i, t in shown)
    if len(shown) == 1:
        points += f" {WIDTH},{y_of(shown[0][1] / top)}"
    ticks = [AxisTick(0, "0"), AxisTick(1, f"{top:g} ms")]
    lines = [AxisTick(median / top, "", "tfl-median"), AxisTick(p95 / top, "", "tfl-p95")]
    head = (f'<div class="tfl-key"><i class="tfl-median"></i>median {ms(median)} ms<i class="tfl-p95"></i>'
            f"p95 {ms(p95)} ms</div>")
    drawing = f'<polyline class="tfl-trace" points="{points}"/>'
    return head + plot(drawing, [*ticks, *lines], [AxisTick(0, "run 1"), AxisTick(1, f"{total}")],
                       f"latency of {len(times_ms)} runs, median {ms(median)} ms, p95 {ms(p95)} ms")


def _counted(times: Array, kept: Sequence[int]) -> Array:
    """The times of the runs that count; none named means all."""
    return times[list(kept)] if kept else times


def latency_distribution(times_ms: Sequence[float], kept: Sequence[int] = ()) -> str:
    """How many runs took how long, from the fastest to the slowest; ``kept`` as above."""
    if not times_ms:
        return EMPTY.format("no runs yet")
    times = np.asarray(times_ms)
    low, high, middle = float(times.min()), float(times.max()), float(np.median(_counted(times, kept)))
    if high == low:
        high = low * 1.01 or 1.0
    counts, _ = np.histogram(times, BINS, (low, high))
    most, step = int(counts.max()), WIDTH / BINS
    bars = "".join(
        f'<rect x="{i * step + 0.5:.1f}" width="{step - 1:.1f}" y="{y_of(n / most)}" height="{HEIGHT * n / most:.1f}"/>'
        for i, n in enumerate(counts.tolist()) if n
    )
    at = (middle - low) / (high - low)
    line = f'<line class="tfl-median" x1="{WIDTH * at:.1f}" x2="{WIDTH * at:.1f}" y1="0" y2="{HEIGHT}"/>'
    others = len(times_ms) - len(kept) if kept else 0
    said = f"median {ms(middle)} ms, {counted(len(times_ms), 'run')}{f', {others} disturbed' * bool(others)}"
    head = f'<div class="tfl-key"><i class="tfl-median"></i>{said}</div>'
    return head + plot(
        f'<g class="tfl-bars">{bars}</g>{line}', [AxisTick(0, "0"), AxisTick(1, counted(most, "run"))],
        [AxisTick(0, f"{ms(low)} ms"), AxisTick(1, f"{ms(high)} ms")], f"distribution of {len(times_ms)} runs",
    )


@dataclass(frozen=True)
class _Bar:
    """A row of the top kernels: ``host_ms`` of its time was the host's."""

    name: str
    count: str
    time_ms: float
    host_ms: float = 0.0
    kind: str = ""


def top_kernels(profile: Profile | None) -> str:
    """The kinds of kernel that take the most time, with their share of the run, and what no kernel accounts for.

    What the host ran in place of the backend has one colour, and its cost is told.
    """
    if profile is None:
        return EMPTY.format("no profile yet")
    on_host = [k for k in profile.kernels if k.fallback]
    host_ms: dict[str, float] = {}
    for k in on_host:
        host_ms[k.name] = host_ms.get(k.name, 0.0) + k.kernel_time_ms
    found = by_kernel(profile)
    bars = [_Bar(r.key, f"x{r.count}", r.time_ms, host_ms.get(r.key, 0.0)) for r in found[:TOP]]
    if len(found) > TOP:
        rest = found[TOP:]
        bars.append(_Bar(counted(len(rest), "other kind"), f"x{sum(r.count for r in rest)}",
                         math.fsum(r.time_ms for r in rest), math.fsum(host_ms.get(r.key, 0.0) for r in rest)))
    bars.append(_Bar("outside kernels", "", profile.unattributed_ms, kind="tfl-rest"))
    longest = max(b.time_ms for b in bars) or 1.0
    return host_cost(on_host, profile.wall_ms) + (
        f'<table class="tfl-kernels">{"".join(_bar(b, longest, profile.wall_ms) for b in bars)}</table>')


def host_cost(on_host: Sequence[KernelRecord], wall_ms: float) -> str:
    """A line on the kernels that the host ran; empty for none."""
    if not on_host:
        return ""
    time_ms = math.fsum(k.kernel_time_ms for k in on_host)
    return (f'<div class="tfl-key"><i class="tfl-host"></i>{counted(len(on_host), "kernel")} on the host: '
            f"{ms(time_ms)} ms, {percent(time_ms, wall_ms)}</div>")


def _bar(b: _Bar, longest: float, wall_ms: float) -> str:
    name, own = escaped(b.name), max(b.time_ms - b.host_ms, 0)
    host = f" ({ms(b.host_ms)} ms of it on the host)" if b.host_ms else ""
    parts = [f'<b class="tfl-host" style="width:{b.host_ms / longest:.1%}"></b>'] if b.host_ms else []
    parts += [f'<b class="{b.kind}" style="width:{own / longest:.1%}"></b>'] if own or not parts else []
    share = f"{b.time_ms / wall_ms:.0%}" if wall_ms > 0 else ""
    return (f'<tr title="{name}: {ms(b.time_ms)} ms{host}"><th title="{name}">{name}</th><td>{b.count}</td>'
            f'<td class="tfl-bar">{"".join(parts)}</td><td>{ms(b.time_ms)} ms</td><td>{share}</td></tr>')
