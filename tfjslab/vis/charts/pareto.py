"""Accuracy over cost: each setting of a sweep, the Pareto front, and the recommendation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import InputError
from tfjslab.base.text import ms, scaled
from tfjslab.bench.sweep_result import MIN_DB, Sweep, SweepRow, cost_field
from tfjslab.vis import style, vega
from tfjslab.vis.canvas import Chart, Limits, canvas, explorable, limits
from tfjslab.vis.given import takes

WIDTH, HEIGHT = 860, 400
CLOSE = 0.022  # of the axes: points nearer than that share one label
_UNITS = {"speed": ("latency (ms)", 1.0), "size": ("weights (kB)", 1e3), "memory": ("peak memory (kB)", 1e3)}
_QUALITIES = {"top1": "top-1 accuracy (%)", "agreement": "top-1 agreement with float32 (%)",
              "sqnr_db": "signal to noise of the outputs (dB)"}


@takes("a sweep, from tf.sweep", lambda given: isinstance(given, Sweep))
def pareto(sweep: Sweep, goal: str | None = None, ax: Axes | None = None) -> Chart:
    """Accuracy over latency, size or memory: full points on the Pareto front, hollow ones off it, a star on the choice.

    Whiskers along the cost are the middle half of the runs, those along accuracy its 95% interval on so many samples.
    The dotted line is the least accuracy that passes the sweep's rule. Outputs that are exactly float32's have an
    infinite signal to noise; they stand at the top, marked ``exact``.

    Args:
        sweep: from ``tf.sweep``.
        goal: ``speed``, ``size`` or ``memory``; that of the sweep without it.
        ax: where to draw; None for a new figure.

    Example:
        >>> from tfjslab.vis.charts import pareto
        >>> figure, axes = pareto(tf.sweep(model, calibration, test, labels=labels))  # doctest: +SKIP

    """
    goal = goal or sweep.goal
    cost = cost_field(goal)
    rows = [r for r in sweep.rows if getattr(r, cost) is not None and getattr(r, sweep.measure) is not None]
    if not rows:
        raise InputError("no setting of the sweep has both an accuracy and a cost; was it interrupted?")
    figure, axes = canvas(ax, WIDTH, HEIGHT)
    name, unit = _UNITS[goal]
    x = np.array([getattr(r, cost) / unit for r in rows], dtype=np.float64)
    y, top = _qualities(rows, sweep.measure)
    front = [i for r in sweep.front(goal) for i in range(len(rows)) if rows[i] is r]
    _draw(axes, sweep, rows, (x, y), front, whiskers=goal == "speed")
    _limit(axes, sweep)
    farthest = max([*x, *(r.high_ms or 0.0 for r in rows)] if goal == "speed" else x)
    _room(axes, float(farthest), y, top)
    _name_points(axes, x, y)
    _list(axes, rows, sweep, goal, set(front))
    style.quiet(axes, "both")
    note = "" if goal == "speed" else f", {goal} against accuracy"
    title = f"{style.label(sweep.model)}: what accuracy costs{note}"
    style.name_axes(axes, name, _QUALITIES[sweep.measure], title)
    return explorable(figure, axes, ax, partial(_spec, title, (name, _QUALITIES[sweep.measure]), sweep, rows, (x, y),
                                                front, limits(axes)))


def _spec(
    title: str, names: tuple[str, str], sweep: Sweep, rows: Sequence[SweepRow], points: tuple[Array, Array],
    front: Sequence[int], ends: Limits,
) -> vega.Spec:
    kinds = {"another setting is better": style.GREY, "Pareto front": style.BLUE, "recommended": style.VERMILION}
    other, best, chosen = kinds
    data = [
        {"setting": r.setting, "cost": a, "quality": b, "low": r.low_ms, "high": r.high_ms,
         "kind": chosen if r.setting == sweep.recommended else best if i in front else other,
         "told": _short(r, sweep.measure)}
        for i, (r, a, b) in enumerate(zip(rows, points[0].tolist(), points[1].tolist(), strict=True))
    ]
    data.sort(key=lambda d: list(kinds).index(str(d["kind"])))  # what matters most lies on top
    x, y = vega.number("cost", names[0], ends[0]), vega.number("quality", names[1], ends[1])
    shapes = {"field": "kind", "scale": {"domain": list(kinds), "range": ["circle", "circle", "diamond"]}}
    dots = vega.layer(data, {"type": "point", "filled": True, "size": 110}, x=x, y=y, shape=shapes,
                      color=vega.coloured("kind", kinds),
                      tooltip=vega.told(setting="setting", kind="what", cost=names[0], told="quality"))
    step = vega.layer([d for d in sorted(data, key=lambda d: d["cost"]) if d["kind"] != other],
                      {"type": "line", "interpolate": "step-after", "color": style.BLUE}, x=x, y=y)
    layers = [vega.zoomed(dots, "x", "y"), step]
    if names[0] == _UNITS["speed"][0]:
        spread = [d for d in data if d["low"] is not None and d["high"] is not None]
        layers.append(vega.layer(spread, {"type": "rule", "color": style.GREY}, x={**x, "field": "low"},
                                 x2={"field": "high"}, y=y))
    if (least := _least(sweep)) is not None:
        layers.append(vega.layer([{"least": least}], {"type": "rule", "strokeDash": [2, 3], "color": style.GREY},
                                 y={"field": "least", "type": "quantitative"}))
    return vega.chart(title, layers, height=300)


def _qualities(rows: Sequence[SweepRow], measure: str) -> tuple[Array, float | None]:
    """Values on the axis, and where those that are exact stand (None when there are none)."""
    values = np.array([float(getattr(r, measure)) for r in rows])
    if measure != "sqnr_db":
        return values * 100, None
    finite = values[np.isfinite(values)]
    top = float(finite.max(initial=MIN_DB)) * 1.15
    return np.where(np.isfinite(values), values, top), top if np.isinf(values).any() else None


def _draw(
    ax: Axes, sweep: Sweep, rows: Sequence[SweepRow], points: tuple[Array, Array], front: Sequence[int], *,
    whiskers: bool,
) -> None:
    x, y = points
    for i, r in enumerate(rows):
        across = None
        if whiskers and r.low_ms is not None and r.high_ms is not None:
            across = np.array([[max(x[i] - r.low_ms, 0.0)], [max(r.high_ms - x[i], 0.0)]])
        along = None
        if sweep.measure == "top1" and r.top1_low is not None and r.top1_high is not None:
            along = np.maximum([[y[i] - 100 * r.top1_low], [100 * r.top1_high - y[i]]], 0.0)  # rounding, at 100%
        ax.errorbar(x[i], y[i], xerr=across, yerr=along, fmt="none", ecolor=style.GREY, elinewidth=0.9, capsize=2.5,
                    zorder=2)
    order = sorted(front, key=lambda i: x[i])
    ax.step(x[order], y[order], where="post", color=style.BLUE, linewidth=1.2, zorder=2)
    off = [i for i in range(len(rows)) if i not in front]
    ax.scatter(x[off], y[off], 46, facecolor="white", edgecolor=style.BLUE, linewidth=1.4, zorder=3,
               label="another setting is better")
    ax.scatter(x[order], y[order], 46, color=style.BLUE, zorder=3, label="Pareto front")
    chosen = [i for i, r in enumerate(rows) if r.setting == sweep.recommended]
    ax.scatter(x[chosen], y[chosen], 190, marker="*", color=style.VERMILION, edgecolor="white", linewidth=0.6, zorder=4,
               label="recommended")


def _least(sweep: Sweep) -> float | None:
    """The least accuracy that passes, as the axis counts it."""
    first = sweep.rows[0]
    return {"top1": None if first.top1 is None else 100 * (first.top1 - sweep.max_accuracy_drop),
            "agreement": 100 * (1 - sweep.max_accuracy_drop), "sqnr_db": MIN_DB}[sweep.measure]


def _limit(ax: Axes, sweep: Sweep) -> None:
    if (least := _least(sweep)) is not None:
        ax.axhline(least, color=style.ink(), linestyle=":", linewidth=1.1, label="least that passes")


def _room(ax: Axes, farthest: float, y: Array, top: float | None) -> None:
    """From 0 along the cost, so that ratios can be seen; the legend is below."""
    ax.set_xlim(0, farthest * 1.1 or 1)
    low, high = ax.get_ylim()
    low, high = min(low, float(y.min())), max(high, float(y.max()))
    span = (high - low) or 1.0
    ax.set_ylim(low - 0.06 * span, high + 0.08 * span)
    if top is not None:
        ax.annotate("exact", (0, top), (4, 0), textcoords="offset points", va="center", fontsize=style.SMALL)
    style.legend_below(ax)


def _name_points(ax: Axes, x: Array, y: Array) -> None:
    """The numbers of points that lie together, once, below or above them."""
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    places = [((a - left) / (right - left), (b - low) / (high - low)) for a, b in zip(x, y, strict=True)]
    groups: list[list[int]] = []
    for i, place in enumerate(places):
        near = (g for g in groups if math.dist(place, places[g[0]]) < CLOSE)
        found = next(near, None)
        if found is None:
            groups.append([i])
        else:
            found.append(i)
    for number, group in enumerate(groups):
        at = (float(np.mean(x[group])), float(np.mean(y[group])))
        ax.annotate(", ".join(str(i + 1) for i in group), at, (8, -13 if number % 2 else 8), fontsize=style.SMALL,
                    textcoords="offset points", fontweight="bold", zorder=5)


def _list(ax: Axes, rows: Sequence[SweepRow], sweep: Sweep, goal: str, front: set[int]) -> None:
    """The legend of the numbers, beside the axes, where no point can be."""
    lines = []
    for i, r in enumerate(rows):
        cost = f"{ms(r.median_ms)} ms" if goal == "speed" else scaled(getattr(r, cost_field(goal)), "B")
        marks = [*["on the front"] * (i in front), *["recommended"] * (r.setting == sweep.recommended)]
        lines.append(f"{i + 1}  {style.label(r.setting, 26)}, {_short(r, sweep.measure)}, {cost}"
                     + (f"\n     {', '.join(marks)}" if marks else ""))
    ax.text(1.015, 1, "\n".join(lines), transform=ax.transAxes, va="top", fontsize=style.SMALL, linespacing=1.45)


def _short(r: SweepRow, measure: str) -> str:
    value = float(getattr(r, measure))
    if measure == "sqnr_db":
        return "exact" if math.isinf(value) else f"{value:.0f} dB"
    return f"{100 * value:.1f}%"
