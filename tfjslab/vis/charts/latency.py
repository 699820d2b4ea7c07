"""How long runs took: as a distribution, and one after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import InputError
from tfjslab.base.text import ms
from tfjslab.vis import style, vega
from tfjslab.vis.canvas import Chart, Limits, canvas, explorable, limits
from tfjslab.vis.data import numbers
from tfjslab.vis.given import takes

MAX_BINS = 40
MILLISECONDS = "milliseconds [n], as phases.steady_ms of a profile or times_ms of a benchmark's result"


@takes(MILLISECONDS)
def latency_distribution(times_ms: Sequence[float], ax: Axes | None = None, *, title: str = "Latency") -> Chart:
    """A histogram of runs by milliseconds, with the median and the 95th percentile as lines.

    Args:
        times_ms: walls of runs, shape [n].
        ax: where to draw; None for a new figure.
        title: what was run.

    Example:
        >>> from tfjslab.vis.charts import latency_distribution
        >>> latency_distribution([1.0, 1.1, 0.9]).axes.get_title(loc="left")
        'Latency, 3 runs'

    """
    times = _checked(times_ms)
    figure, axes = canvas(ax, height=320)
    counts, edges = _bins(times)
    axes.bar(edges[:-1], counts.tolist(), 0.94 * np.diff(edges), align="edge", color=style.BLUE)
    for value, name, colour, dash in _marks(times):
        axes.axvline(value, color=colour, linestyle=dash, linewidth=1.6, label=f"{name} {ms(value)} ms")
    style.legend_below(axes)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    style.quiet(axes, "y")
    style.name_axes(axes, "time of a run (ms)", "runs", _titled(title, times))
    return explorable(figure, axes, ax, partial(_distribution_spec, times, _titled(title, times), limits(axes)))


@takes(MILLISECONDS)
def latency_trace(times_ms: Sequence[float], ax: Axes | None = None, *, title: str = "Latency of each run") -> Chart:
    """Milliseconds run by run, with the median and the 95th percentile as lines: warm-up, drift and outliers show.

    Args:
        times_ms: walls of runs in the order in which they ran, shape [n].
        ax: where to draw; None for a new figure.
        title: what was run.

    Example:
        >>> from tfjslab.vis.charts import latency_trace
        >>> latency_trace([1.0, 1.1, 0.9]).axes.get_xlabel()
        'run'

    """
    times = _checked(times_ms)
    figure, axes = canvas(ax, height=320)
    runs = np.arange(1, times.size + 1)
    axes.plot(runs, times, "-o", color=style.BLUE, linewidth=0.8, markersize=3.5, label="run")
    for value, name, colour, dash in _marks(times):
        axes.axhline(value, color=colour, linestyle=dash, linewidth=1.4, label=f"{name} {ms(value)} ms")
    axes.set_ylim(0, float(times.max()) * 1.1 or 1)  # from 0, so that jitter looks as small as it is
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    style.legend_below(axes)
    style.quiet(axes, "y")
    style.name_axes(axes, "run", "time (ms)", _titled(title, times))
    return explorable(figure, axes, ax, partial(_trace_spec, times, _titled(title, times), limits(axes)))


def _checked(times_ms: Sequence[float]) -> Array:
    times = numbers(times_ms, "times").astype(np.float64)
    if times.ndim != 1 or not times.size or not np.isfinite(times).all() or (times < 0).any():
        raise InputError(f"times have shape {list(times.shape)}; expected [n] finite milliseconds from 0, with n >= 1")
    return times


def _bins(times: Array) -> tuple[Array, Array]:
    """Runs in each bin, and the bins' edges."""
    return np.histogram(times, bins=min(MAX_BINS, max(5, math.ceil(2 * math.sqrt(times.size)))))


def _distribution_spec(times: Array, title: str, ends: Limits) -> vega.Spec:
    counts, edges = _bins(times)
    rows = [{"from": a, "to": b, "runs": n} for a, b, n in zip(edges[:-1].tolist(), edges[1:].tolist(),
                                                              counts.tolist(), strict=True)]
    bars = vega.bars(
        rows, vega.number("from", "time of a run (ms)", ends[0]), "to",
        vega.number("runs", "runs", ends[1], axis={"tickMinStep": 1}),
        vega.told(**{"from": "from (ms)", "to": "to (ms)", "runs": "runs"}), color=style.BLUE, xOffset=1)
    return vega.chart(title, [vega.zoomed(bars, "x"), _lines(times, "x")])


def _trace_spec(times: Array, title: str, ends: Limits) -> vega.Spec:
    rows = [{"run": i, "ms": t} for i, t in enumerate(times.tolist(), 1)]
    line = vega.layer(rows, {"type": "line", "color": style.BLUE, "point": True, "strokeWidth": 1},
                      x=vega.number("run", "run", ends[0], axis={"tickMinStep": 1}),
                      y=vega.number("ms", "time (ms)", ends[1]),
                      tooltip=vega.told(run="run", ms="time (ms)"))
    return vega.chart(title, [vega.zoomed(line, "x", "y"), _lines(times, "y")])


def _lines(times: Array, axis: str) -> vega.Spec:
    """The median and the 95th percentile across the chart."""
    marks = _marks(times)
    names = [f"{name} {ms(value)} ms" for value, name, _, _ in marks]
    rows = [{"value": mark[0], "name": name} for mark, name in zip(marks, names, strict=True)]
    colours = {name: mark[2] for mark, name in zip(marks, names, strict=True)}
    return vega.layer(rows, {"type": "rule", "strokeWidth": 2}, **{axis: {"field": "value", "type": "quantitative"}},
                      color=vega.coloured("name", colours), tooltip=vega.told(name="line"))


def _marks(times: Array) -> list[tuple[float, str, str, str]]:
    middle, p95 = (float(v) for v in np.percentile(times, [50, 95]))
    return [(middle, "median", style.ORANGE, "-"), (p95, "p95", style.VERMILION, "--")]


def _titled(title: str, times: Array) -> str:
    return f"{style.label(title, 60)}, {times.size} run{'s' * (times.size > 1)}"
