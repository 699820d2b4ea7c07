"""The roofline: the speed of each layer beside the limits of the machine (Williams, Waterman and Patterson, 2009)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from tfjslab.backends.ceilings import Ceilings
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import InputError, UsageError
from tfjslab.base.text import ms, scaled
from tfjslab.profiling.reduce import by_node
from tfjslab.vis import style, vega
from tfjslab.vis.canvas import Chart, Limits, canvas, explorable, limits
from tfjslab.vis.charts.subject import AnyProfile, as_profile, is_profile
from tfjslab.vis.given import takes

# Where the numbers of the slowest points stand, each in another direction, as such points lie close together.
ASIDE = ((0, -18), (18, -8), (-18, -8), (0, 17), (18, 11), (-18, 11))
AREA = 1200.0  # square points of a marker that took all of the time
GIGA = 1e9
AXES = ("arithmetic intensity (FLOP per byte)", "performance (GFLOP/s)")
ROOFS = (style.VERMILION, style.ORANGE)  # where lines have a legend of colours


class RooflinePoint(Protocol):
    """A group of kernels, such as a row of ``profiling.reduce``."""

    @property
    def key(self) -> str:
        """What it is called."""

    @property
    def time_ms(self) -> float:
        """Time it took."""

    @property
    def gflops_per_s(self) -> float | None:
        """Billions of operations a second; None without a time."""

    @property
    def gbytes_per_s(self) -> float | None:
        """Billions of bytes that it read and wrote a second; None without a time."""


def _fits(given: Any) -> bool:
    """Also points of other makes."""
    wanted = ("key", "time_ms", "gflops_per_s", "gbytes_per_s")
    return is_profile(given) or (isinstance(given, Sequence) and all(hasattr(g, w) for g in given for w in wanted))


@takes("a profile, or rows of one, and ceilings", _fits)
def roofline(points: AnyProfile | Sequence[RooflinePoint], ceilings: Ceilings, ax: Axes | None = None) -> Chart:
    """GFLOP/s against operations per byte, both logarithmic, below the roof of the machine.

    On the slope memory is the limit, below the flat part arithmetic. The solid roof is for data from memory, the
    dashed slope for data in the cache. The area of a point is its time; the slowest are numbered and named. Points
    without operations, bytes or time, and those that ran on the host, have no place here and are counted in the title.

    Args:
        points: a profile, rows of ``by_node`` or of ``roofline`` in ``profiling.reduce``, or anything with ``key``,
            ``time_ms``, ``gflops_per_s`` and ``gbytes_per_s``.
        ceilings: what ``tfjslab.backends.ceilings.ceilings_of`` measured on the backend.
        ax: where to draw; None for a new figure.

    Example:
        >>> from types import SimpleNamespace as Point
        >>> from tfjslab.backends.ceilings import Ceilings
        >>> from tfjslab.vis.charts import roofline
        >>> ceilings = Ceilings(1, 50e9, 60e9, 40e9, 50e9, 10e9, 12e9, 1 << 20, 1 << 19, 1 << 26)
        >>> point = Point(key="conv", time_ms=1.0, gflops_per_s=10.0, gbytes_per_s=1.0)
        >>> roofline([point], ceilings).axes.get_ylabel()
        'performance (GFLOP/s)'

    """
    if not isinstance(ceilings, Ceilings):
        raise UsageError(f"ceilings is a {type(ceilings).__name__}; expected what ceilings_of measured on the backend")
    points = points if isinstance(points, Sequence) else by_node(as_profile(points))
    placed = [p for p in points if p.gflops_per_s and p.gbytes_per_s and not getattr(p, "fallback", 0)]
    figure, axes = canvas(ax, 860, 460)
    axes.set_xscale("log")
    axes.set_yscale("log")
    y = np.array([p.gflops_per_s or 0.0 for p in placed])
    x = y / np.array([p.gbytes_per_s or 1.0 for p in placed])
    roofs = _roofs(ceilings, x)
    _draw_roofs(axes, roofs, y)
    if placed:
        _draw_points(axes, placed, x, y)
    style.quiet(axes, "both")
    left_out = len(points) - len(placed)
    processor = f"{ceilings.threads} thread{'s' * (ceilings.threads > 1)}"
    title = f"Roofline of {ceilings.adapter or processor}, area is time"
    note = f"\n{left_out} of {len(points)} points have no operations or ran on the host" if left_out else ""
    style.name_axes(axes, *AXES, title + note)
    return explorable(figure, axes, ax, partial(_spec, title + note, placed, (x, y), roofs, limits(axes)))


@dataclass(frozen=True)
class Roof:
    """A limit: its name with its figure, and the line from left over the ridge to the right."""

    name: str
    x: tuple[float, float, float]
    y: tuple[float, float, float]


def _roofs(ceilings: Ceilings, x: Array) -> list[Roof]:
    """That of memory and that of the cache, as wide as all points and both ridges need."""
    top = ceilings.flops_per_s / GIGA
    slopes = {
        "memory": max(ceilings.memory_copy_bytes_per_s, ceilings.memory_sum_bytes_per_s) / GIGA,
        "cache": max(ceilings.cache_copy_bytes_per_s, ceilings.cache_sum_bytes_per_s) / GIGA,
    }
    if not (top > 0 and min(slopes.values()) > 0):
        raise InputError(f"the ceilings are {top} GFLOP/s and {slopes} GB/s; expected all above 0")
    ridges = {name: top / slope for name, slope in slopes.items()}
    left, right = min([min(ridges.values()) / 10, *x / 2]), max([max(ridges.values()) * 8, *x * 2])
    return [Roof(f"{name} {scaled(slope * GIGA, 'B/s')}", (left, ridges[name], right), (left * slope, top, top))
            for name, slope in slopes.items()]


def _draw_roofs(ax: Axes, roofs: Sequence[Roof], y: Array) -> None:
    memory, top = roofs[0], roofs[0].y[-1]
    for roof in roofs:
        solid = roof is memory
        ax.plot(roof.x, roof.y, "-" if solid else "--", color=style.ink(), linewidth=1.6 if solid else 1,
                label=roof.name)
    ax.plot([], [], " ", label=f"arithmetic {scaled(top * GIGA, 'FLOP/s')}")
    ax.set_xlim(memory.x[0], memory.x[-1])
    ax.set_ylim(min([memory.y[0], *y / 2]), max([top, *y]) * 1.6)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_locator(NullLocator())
    style.legend_below(ax)


def _spec(
    title: str, points: Sequence[RooflinePoint], at: tuple[Array, Array], roofs: Sequence[Roof], ends: Limits,
) -> vega.Spec:
    across, up = (vega.number(field, name, end, scale={"type": "log"})
                  for field, name, end in zip(("intensity", "gflops"), AXES, ends, strict=True))
    rows = [{"name": p.key, "ms": p.time_ms, "intensity": a, "gflops": b, "gbytes": p.gbytes_per_s}
            for p, a, b in zip(points, at[0].tolist(), at[1].tolist(), strict=True)]
    marks = vega.layer(
        rows, {"type": "point", "filled": True, "color": style.BLUE, "opacity": 0.6, "stroke": style.SKY}, x=across,
        y=up, size=vega.number("ms", "time (ms)", scale={"range": [20, AREA]}, legend=None),
        tooltip=vega.told(name="name", ms="time (ms)", gflops="performance (GFLOP/s)", gbytes="memory (GB/s)",
                          intensity="intensity (FLOP per byte)"))
    lines = [vega.layer([{"intensity": a, "gflops": b, "roof": roof.name} for a, b in zip(roof.x, roof.y, strict=True)],
                        {"type": "line", "strokeWidth": 2}, x=across, y=up, tooltip=vega.told(roof="limit"),
                        color=vega.coloured("roof", {r.name: c for r, c in zip(roofs, ROOFS, strict=True)}))
             for roof in roofs]
    return vega.chart(title, [vega.zoomed(marks, "x", "y"), *lines], height=320)


def _draw_points(ax: Axes, points: Sequence[RooflinePoint], x: Array, y: Array) -> None:
    """Markers with numbers, and a legend of the numbers beside the axes, where no point can be."""
    times = np.array([p.time_ms for p in points])
    ax.scatter(x, y, 20 + AREA * times / times.sum(), color=style.BLUE, alpha=0.55, edgecolor="white", zorder=3)
    named = sorted(range(len(points)), key=lambda i: -points[i].time_ms)[: len(ASIDE)]
    for number, i in enumerate(named, 1):
        ax.annotate(
            str(number), (x[i], y[i]), ASIDE[number - 1], textcoords="offset points", ha="center", va="center",
            fontsize=style.SMALL, fontweight="bold", zorder=4,
            arrowprops={"arrowstyle": "-", "linewidth": 0.5, "shrinkA": 0, "shrinkB": 0},
        )
    lines = [f"{n}  {style.label(points[i].key, 30)}, {ms(points[i].time_ms)} ms" for n, i in enumerate(named, 1)]
    ax.text(1.015, 0, "slowest\n" + "\n".join(lines), transform=ax.transAxes, va="bottom", fontsize=style.SMALL)
