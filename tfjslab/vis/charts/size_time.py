"""Time against size, a line for each backend, with the sizes where another one becomes the fastest."""

from __future__ import annotations

from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, LogLocator, NullFormatter, NullLocator, StrMethodFormatter

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import InputError
from tfjslab.base.text import ms
from tfjslab.bench.sizes import OrderTurn, SizeSweep
from tfjslab.vis import style, vega
from tfjslab.vis.canvas import Chart, Limits, canvas, explorable, limits
from tfjslab.vis.charts.backend_comparison import COLOURS
from tfjslab.vis.given import takes

_MARKERS = "osD^vPX"  # lines differ without colour, too


@takes("a sweep of sizes, from tf.bench.bench_sizes", lambda given: isinstance(given, SizeSweep))
def size_time(found: SizeSweep, ax: Axes | None = None) -> Chart:
    """Median milliseconds at each size, with a band over the middle half of the runs; both axes are logarithmic.

    A dotted line marks where another backend becomes the fastest, where that is more than noise.

    Args:
        found: from ``tf.bench.bench_sizes``.
        ax: where to draw; None for a new figure.

    Example:
        >>> from tfjslab.vis.charts import size_time
        >>> figure, axes = size_time(tf.bench.bench_sizes(model, "net", ["cpu"], sizes))  # doctest: +SKIP

    """
    lines = {name: _line(found, name) for name in found.backends}
    if not any(np.isfinite(y).any() for y, _, _ in lines.values()):
        raise InputError("nothing was measured at any size; expected at least one time")
    figure, axes = canvas(ax, 700, 400)
    x, order = _places(found), np.argsort(_places(found), kind="stable")
    for (name, (y, low, high)), marker in zip(lines.items(), _MARKERS * len(lines), strict=False):
        colour = COLOURS.get(name, style.PURPLE)
        axes.plot(x[order], y[order], marker=marker, color=colour, linewidth=1.6, markersize=5, label=name)
        axes.fill_between(x[order], low[order], high[order], color=colour, alpha=0.18, linewidth=0)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for turn in found.turns():
        _mark(axes, turn, found)
    axes.xaxis.set_major_locator(FixedLocator(x[order].tolist()))
    axes.xaxis.set_minor_locator(NullLocator())
    names = [str(s.batch) if _is_batch(found) else style.label(s.label, 18) for s in found.sizes]
    axes.set_xticklabels([names[i] for i in order])
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    style.legend_below(axes)
    style.quiet(axes, "both")
    title = f"{style.label(found.model, 50)}: time against size"
    style.name_axes(axes, _axis(found), "time of a run (ms)", title)
    return explorable(figure, axes, ax, partial(_spec, found, lines, title, limits(axes)))


def _is_batch(found: SizeSweep) -> bool:
    return len({s.batch for s in found.sizes}) == len(found.sizes)


def _axis(found: SizeSweep) -> str:
    return "examples in a batch" if _is_batch(found) else "shapes of the inputs, by their elements"


def _places(found: SizeSweep) -> Array:
    return np.array([s.batch if _is_batch(found) else max(s.elements, 1) for s in found.sizes], float)


def _line(found: SizeSweep, backend: str) -> tuple[Array, Array, Array]:
    """Medians and the middle half of one backend at every size; NaN is a gap."""
    rows = []
    for s in found.sizes:
        r = next((r for r in found.at(s) if r.backend == backend), None)
        kept = r.disturbance.of_kept(r.times_ms) if r else ()
        rows.append(np.percentile(kept, [50, 25, 75]) if kept else np.full(3, np.nan))
    middle, low, high = np.array(rows).T
    return middle, low, high


def _mark(axes: Axes, turn: OrderTurn, found: SizeSweep) -> None:
    """A line between two sizes, in the middle as the axis shows it."""
    if not turn.is_sure:
        return
    sizes = _places(found)
    ends = [sizes[found.sizes.index(s)] for s in (turn.small, turn.large)]
    at = float(np.sqrt(ends[0] * ends[1]))
    axes.axvline(at, color=style.ink(), linestyle=":", linewidth=1.1)
    axes.annotate(f"{turn.after} is faster from here", (at, 1), (4, -4), xycoords=("data", "axes fraction"),
                  textcoords="offset points", va="top", fontsize=style.SMALL)


def _spec(
    found: SizeSweep, lines: dict[str, tuple[Array, Array, Array]], title: str, ends: Limits,
) -> vega.Spec:
    x = _places(found)
    rows = [
        {"size": float(x[i]), "inputs": s.label, "ms": float(y[i]), "text": f"{ms(float(y[i]))} ms", "backend": name}
        for name, (y, _, _) in lines.items() for i, s in enumerate(found.sizes) if np.isfinite(y[i])
    ]
    colours = {name: COLOURS.get(name, style.PURPLE) for name in lines}
    log = {"scale": {"type": "log"}}
    drawn = vega.layer(
        rows, {"type": "line", "point": True}, x=vega.number("size", _axis(found), ends[0], **log),
        y=vega.number("ms", "time of a run (ms)", ends[1], **log), color=vega.coloured("backend", colours),
        tooltip=vega.told(backend="backend", inputs="size", text="median"))
    return vega.chart(title, [vega.zoomed(drawn, "x", "y")])
