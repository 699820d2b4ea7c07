"""How long runs took: as a distribution, and one after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import InputError
from tfjslab.base.text import ms
from tfjslab.vis import style
from tfjslab.vis.canvas import Chart, canvas
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
    bins = min(MAX_BINS, max(5, math.ceil(2 * math.sqrt(times.size))))
    axes.hist(times, bins=bins, color=style.BLUE, rwidth=0.94)
    for value, name, colour, dash in _marks(times):
        axes.axvline(value, color=colour, linestyle=dash, linewidth=1.6, label=f"{name} {ms(value)} ms")
    style.legend_below(axes)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    style.quiet(axes, "y")
    style.name_axes(axes, "time of a run (ms)", "runs", _titled(title, times))
    return Chart(figure, axes)


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
    return Chart(figure, axes)


def _checked(times_ms: Sequence[float]) -> Array:
    times = numbers(times_ms, "times").astype(np.float64)
    if times.ndim != 1 or not times.size or not np.isfinite(times).all() or (times < 0).any():
        raise InputError(f"times have shape {list(times.shape)}; expected [n] finite milliseconds from 0, with n >= 1")
    return times


def _marks(times: Array) -> list[tuple[float, str, str, str]]:
    middle, p95 = (float(v) for v in np.percentile(times, [50, 95]))
    return [(middle, "median", style.ORANGE, "-"), (p95, "p95", style.VERMILION, "--")]


def _titled(title: str, times: Array) -> str:
    return f"{style.label(title, 60)}, {times.size} run{'s' * (times.size > 1)}"
