"""The roofline: what each layer reaches of what the machine can do (Williams, Waterman and Patterson, 2009)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes

from tfjslab.base.errors import InputError
from tfjslab.base.text import scaled
from tfjslab.vis import style
from tfjslab.vis.canvas import Chart, canvas

NAMED = 5  # so many of the slowest points carry their names
AREA = 900.0  # square points of a marker that took all of the time


class RooflinePoint(Protocol):
    """One group of kernels; rows of ``profiling.reduce`` are such points."""

    @property
    def key(self) -> str:
        """What it is called."""

    @property
    def time_ms(self) -> float:
        """Time it took."""

    @property
    def flops(self) -> int:
        """Operations it did."""

    @property
    def bytes_moved(self) -> int:
        """Bytes it read and wrote."""


class Ceilings(Protocol):
    """What the machine can do."""

    @property
    def gflops_per_s(self) -> float:
        """Billions of operations a second."""

    @property
    def gbytes_per_s(self) -> float:
        """Billions of bytes a second."""


def roofline(points: Sequence[RooflinePoint], ceilings: Ceilings, ax: Axes | None = None) -> Chart:
    """GFLOP/s against operations per byte, both logarithmic, below the roof of the machine.

    Left of the ridge memory is the limit, right of it arithmetic. The area of a point is its time; the slowest are
    named. Points without operations, bytes or time have no place here and are counted in the title.

    Args:
        points: anything with ``key``, ``time_ms``, ``flops`` and ``bytes_moved``, such as rows of ``by_node``.
        ceilings: anything with ``gflops_per_s`` and ``gbytes_per_s`` of the machine.
        ax: where to draw; None for a new figure.

    Example:
        >>> from types import SimpleNamespace as Data
        >>> from tfjslab.vis.charts import roofline
        >>> point = Data(key="conv", time_ms=1.0, flops=10_000_000, bytes_moved=1_000_000)
        >>> roofline([point], Data(gflops_per_s=60.0, gbytes_per_s=12.0)).axes.get_ylabel()
        'performance (GFLOP/s)'

    """
    if not (ceilings.gflops_per_s > 0 and ceilings.gbytes_per_s > 0):
        raise InputError(
            f"the ceilings are {ceilings.gflops_per_s} GFLOP/s and {ceilings.gbytes_per_s} GB/s; expected both above 0",
        )
    placed = [p for p in points if p.flops > 0 and p.bytes_moved > 0 and p.time_ms > 0]
    figure, axes = canvas(ax, 720, 440)
    axes.set_xscale("log")
    axes.set_yscale("log")
    x = np.array([p.flops / p.bytes_moved for p in placed])
    y = np.array([p.flops / p.time_ms / 1e6 for p in placed])
    _roof(axes, ceilings, x, y)
    if placed:
        times = np.array([p.time_ms for p in placed])
        axes.scatter(x, y, 18 + AREA * times / times.sum(), color=style.BLUE, alpha=0.65, edgecolor="white", zorder=3)
        _names(axes, placed, x, y)
    style.quiet(axes, "both")
    left_out = len(points) - len(placed)
    title = f"Roofline, {len(placed)} points{f' ({left_out} without operations left out)' if left_out else ''}"
    style.name_axes(axes, "arithmetic intensity (FLOP per byte)", "performance (GFLOP/s)", title)
    return Chart(figure, axes)


def _roof(ax: Axes, ceilings: Ceilings, x: np.ndarray, y: np.ndarray) -> None:
    top, slope = ceilings.gflops_per_s, ceilings.gbytes_per_s
    ridge = top / slope
    left, right = min([ridge / 8, *x / 2]), max([ridge * 8, *x * 2])
    ax.plot([left, ridge, right], [left * slope, top, top], color=style.ink(), linewidth=1.8, label="roof")
    ax.plot([ridge, ridge], [0, top], color=style.ink(), linewidth=0.8, linestyle=":", label="ridge")
    ax.set_xlim(left, right)
    ax.set_ylim(min([left * slope, *y / 2]), max([top, *y]) * 2.2)
    ax.annotate(
        f"{scaled(top * 1e9, 'FLOP/s')}", (right, top), (-4, 5), textcoords="offset points", ha="right",
        fontsize=style.SMALL,
    )
    ax.annotate(
        f"{scaled(slope * 1e9, 'B/s')}", (ridge, top), (-8, 5), textcoords="offset points", ha="right",
        fontsize=style.SMALL,
    )


def _names(ax: Axes, points: Sequence[RooflinePoint], x: np.ndarray, y: np.ndarray) -> None:
    """Name the slowest points, to the side on which there is more room."""
    middle = float(np.sqrt(np.prod(ax.get_xlim())))
    for i in sorted(range(len(points)), key=lambda i: -points[i].time_ms)[:NAMED]:
        right = x[i] > middle
        ax.annotate(
            style.label(points[i].key, 28), (x[i], y[i]), (-9 if right else 9, -3), textcoords="offset points",
            ha="right" if right else "left", fontsize=style.SMALL, zorder=4,
        )
