"""A figure of the results store over time, with the points at which it changed."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import InputError
from tfjslab.base.text import counted
from tfjslab.store.history import BETTER, WORSE, ChangePoint, FigureHistory
from tfjslab.vis import style, vega
from tfjslab.vis.canvas import Chart, Limits, canvas, explorable, limits
from tfjslab.vis.given import takes

WIDTH, HEIGHT = 760, 360
_UNITS = {"ms": ("ms", 1.0), "B": ("MB", 1e6), "": ("", 1.0)}
_COLOURS = {WORSE: style.VERMILION, BETTER: style.GREEN}
_COUNTED, _LEFT_OUT = "result", "most of its runs were disturbed: not counted"


@takes("one history, from store.figure_history of tf.open_store", lambda given: isinstance(given, FigureHistory))
def figure_history(history: FigureHistory, ax: Axes | None = None, *, threshold: float = 0.0) -> Chart:
    """A point for each result in the order of measuring, a line for each level, and a mark where the level changed.

    Hollow points count for nothing: most of their runs were disturbed. Changes for the worse are vermilion, those for
    the better green, with the ratio of the medians after and before.

    Args:
        history: one of those that ``store.figure_history`` gives.
        ax: where to draw; None for a new figure.
        threshold: changes by less (0.05 is 5%) are grey.

    Example:
        >>> from tfjslab.vis.charts import figure_history
        >>> figure, axes = figure_history(tf.open_store().figure_history()[0])  # doctest: +SKIP

    """
    if not history.points:
        raise InputError(f"the history of {history.label} has no points; keep results with --store or store.add")
    figure, axes = canvas(ax, WIDTH, HEIGHT)
    unit, scale = _UNITS[history.unit]
    x, y = np.arange(1, len(history.points) + 1), np.array([p.value / scale for p in history.points])
    counts = np.array([p.counts for p in history.points])
    axes.scatter(x[counts], y[counts], 16, color=style.BLUE, zorder=3, label=_COUNTED)
    if not counts.all():
        axes.scatter(x[~counts], y[~counts], 16, facecolor="none", edgecolor=style.GREY, zorder=2, label=_LEFT_OUT)
    for begin, end, level in _levels(history):
        axes.hlines(level / scale, begin + 0.5, end + 0.5, color=style.ink(), linewidth=1.4, zorder=2)
    _room(axes, y)
    for change in history.changes:
        _mark(axes, change, threshold)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    style.legend_below(axes)
    style.quiet(axes, "y")
    name = f"{history.figure} ({unit})" if unit else history.figure
    title = f"{style.label(history.model, 60)} on {history.backend}\n{_told(history)}"
    style.name_axes(axes, "result, from the oldest to the newest", name, title)
    return explorable(figure, axes, ax, partial(_spec, history, (title, name), y, limits(axes), threshold))


def _levels(history: FigureHistory) -> list[tuple[int, int, float]]:
    """Where each level begins and ends, as numbers of points from 0, and the median of what counts there."""
    bounds = [0, *(c.point for c in history.changes), len(history.points)]
    values = [(a, b, [p.value for p in history.points[a:b] if p.counts]) for a, b in pairwise(bounds)]
    return [(a, b, float(np.median(found))) for a, b, found in values if found]


def _told(history: FigureHistory) -> str:
    changes = f"{counted(len(history.changes), 'change')} beyond noise" if history.changes else "no change beyond noise"
    return f"{counted(len(history.points), 'result')} on {style.label(history.machine, 50)}; {changes}"


def _room(ax: Axes, y: Array) -> None:
    """Above the points for the names of changes; not from 0, where a change of some percent could not be seen."""
    low, high = float(y.min()), float(y.max())
    span = (high - low) or abs(high) or 1.0
    ax.set_ylim(low - 0.1 * span, high + 0.25 * span)
    ax.set_xlim(0.25, len(y) + 0.75)


def _mark(ax: Axes, change: ChangePoint, threshold: float) -> None:
    colour = _COLOURS.get(change.kind(threshold), style.GREY)
    ax.axvline(change.point + 0.5, color=colour, linestyle="--", linewidth=1.3, zorder=1)
    ax.annotate(_name(change), (change.point + 0.5, 0.985), (4, 0), xycoords=("data", "axes fraction"),
                textcoords="offset points", va="top", fontsize=style.SMALL, color=colour, fontweight="bold")


def _name(change: ChangePoint) -> str:
    ratio = "" if change.ratio is None else f"{change.ratio:.2f}x"
    return "\n".join(filter(None, (ratio, change.revision)))


def _spec(
    history: FigureHistory, names: tuple[str, str], y: Array, ends: Limits, threshold: float,
) -> vega.Spec:
    scale = _UNITS[history.unit][1]
    rows = [{"number": i, "value": v, "at": p.at, "commit": p.commit[:10], "result": p.result,
             "kind": _COUNTED if p.counts else _LEFT_OUT}
            for i, (p, v) in enumerate(zip(history.points, y.tolist(), strict=True), 1)]
    across: dict[str, Any] = vega.number("number", "result, from the oldest to the newest", ends[0],
                                         axis={"tickMinStep": 1})
    dots = vega.layer(rows, {"type": "point", "filled": True, "size": 40}, x=across,
                      y=vega.number("value", names[1], ends[1]),
                      color=vega.coloured("kind", {_COUNTED: style.BLUE, _LEFT_OUT: style.GREY}),
                      tooltip=vega.told(result="result", at="measured", commit="commit", value=names[1]))
    levels = [{"begin": a + 0.5, "end": b + 0.5, "level": v / scale} for a, b, v in _levels(history)]
    steps = vega.layer(levels, {"type": "rule", "size": 2}, x={**across, "field": "begin"}, x2={"field": "end"},
                       y={"field": "level", "type": "quantitative"})
    marks = [vega.layer([{"at": c.point + 0.5, "name": _name(c).replace("\n", ", ")}],
                        {"type": "rule", "strokeDash": [4, 3], "color": _COLOURS.get(c.kind(threshold), style.GREY)},
                        x={**across, "field": "at"}, tooltip=vega.told(name="change")) for c in history.changes]
    return vega.chart(names[0], [vega.zoomed(dots, "x", "y"), steps, *marks])
