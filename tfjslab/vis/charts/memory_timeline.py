"""Bytes alive while a model runs, with the peak marked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from matplotlib.axes import Axes

from tfjslab.base.errors import InputError
from tfjslab.base.text import scaled
from tfjslab.profiling.memory import MemoryPoint, timeline
from tfjslab.vis import style, vega
from tfjslab.vis.canvas import Chart, Limits, canvas, explorable, limits
from tfjslab.vis.charts.subject import AnyProfile, as_profile, is_profile
from tfjslab.vis.given import items, takes

MB = 1e6
TITLE = "Memory while the model runs"


def _fits(given: Any) -> bool:
    return is_profile(given) or items(MemoryPoint)(given)


@takes("a profile, or memory points of one", _fits)
def memory_timeline(points: AnyProfile | Sequence[MemoryPoint], ax: Axes | None = None) -> Chart:
    """Megabytes (left) and the number of tensors (right, dashed) against milliseconds; the peak is named.

    Args:
        points: a profile, or what ``profiling.memory.timeline`` makes of one, in the order of time.
        ax: where to draw; None for a new figure.

    Example:
        >>> from tfjslab.profiling.memory import MemoryPoint
        >>> from tfjslab.vis.charts import memory_timeline
        >>> point = MemoryPoint(0, "conv", "Conv2D", bytes_live=2_000_000, tensors_live=3, at_ms=0.5)
        >>> memory_timeline([point]).axes.get_ylabel()
        'memory (MB)'

    """
    points = points if isinstance(points, Sequence) else timeline(as_profile(points))
    if not points:
        raise InputError("there are no points; expected at least one, from a profile with kernels")
    figure, axes = canvas(ax)
    at = [0.0, *(p.at_ms for p in points)]
    size = [p.bytes_live / MB for p in (points[0], *points)]  # a kernel's value holds from the end of the one before
    axes.fill_between(at, size, step="pre", color=style.BLUE, alpha=0.25, linewidth=0)
    axes.step(at, size, where="pre", color=style.BLUE, linewidth=1.6, label="memory")
    axes.set_xlim(0, at[-1] or 1)
    axes.set_ylim(0, max(*size, 1e-6) * 1.25)
    _peak(axes, points)
    _tensors(axes, points)
    style.quiet(axes, "y")
    style.name_axes(axes, "time since the start of the run (ms)", "memory (MB)", TITLE)
    return explorable(figure, axes, ax, partial(_spec, points, limits(axes)))


def _spec(points: Sequence[MemoryPoint], ends: Limits) -> vega.Spec:
    starts = [0.0, *(p.at_ms for p in points[:-1])]
    rows: list[dict[str, Any]] = [
        {"from": a, "ms": p.at_ms, "MB": p.bytes_live / MB, "tensors": p.tensors_live, "node": p.node,
         "kernel": p.kernel} for a, p in zip(starts, points, strict=True)
    ]
    x = vega.number("from", "time since the start of the run (ms)", ends[0])
    y = vega.number("MB", "memory (MB)", ends[1])
    tooltip = vega.told(node="node", kernel="kernel", MB="memory (MB)", tensors="tensors", ms="ends at (ms)")
    # A bar from a kernel's start to its end, so that there is something to point at over all of its time.
    bars = vega.bars(rows, x, "ms", y, tooltip, color=style.BLUE, opacity=0.3)
    line = vega.layer([*rows, {**rows[-1], "from": rows[-1]["ms"]}],
                      {"type": "line", "interpolate": "step-after", "color": style.BLUE}, x=x, y=y)
    top = max(rows, key=lambda row: row["MB"])
    peak = vega.layer([top], {"type": "point", "filled": True, "size": 70, "color": style.VERMILION},
                      x={**x, "field": "ms"}, y=y, tooltip=tooltip)
    return vega.chart(TITLE, [vega.zoomed(bars, "x"), line, peak])


def _peak(ax: Axes, points: Sequence[MemoryPoint]) -> None:
    top = max(points, key=lambda p: p.bytes_live)
    ax.plot([top.at_ms], [top.bytes_live / MB], "o", color=style.VERMILION, label="peak")
    # Beside the point on the side where there is room.
    late = top.at_ms > (points[0].at_ms + points[-1].at_ms) / 2
    ax.annotate(
        f"peak {scaled(top.bytes_live, 'B')} while {style.label(top.node)} runs", (top.at_ms, top.bytes_live / MB),
        (-6 if late else 6, 8), textcoords="offset points", ha="right" if late else "left", fontsize=style.SMALL,
    )


def _tensors(ax: Axes, points: Sequence[MemoryPoint]) -> None:
    right = ax.twinx()
    right.step(
        [0.0, *(p.at_ms for p in points)], [p.tensors_live for p in (points[0], *points)], where="pre",
        color=style.ORANGE, linestyle="--", linewidth=1.2,
    )
    right.set_ylim(0, max(1, *(p.tensors_live for p in points)) * 1.9)  # below the bytes, which are the subject
    right.set_ylabel("tensors (dashed)", fontsize=style.NORMAL)
    right.tick_params(labelsize=style.SMALL)
    right.spines[["top"]].set_visible(False)
