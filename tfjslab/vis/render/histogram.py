"""How values are distributed, with their statistics above."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import UsageError
from tfjslab.vis import style
from tfjslab.vis.canvas import Chart
from tfjslab.vis.data import field, has_objects, measurable
from tfjslab.vis.given import takes
from tfjslab.vis.grid import grid
from tfjslab.vis.options import HistogramOptions, chosen
from tfjslab.vis.stats import Stats, number, stats_from, stats_of, stats_row
from tfjslab.vis.surfaces import SurfaceLike, begin, finish

SIDE_BY_SIDE = 5  # ranges of bins that fit beside each other
MOST_POINTS = 64.0  # of the font times the number of columns that fit side by side


@takes("numbers of any shape, or a list of {value}", at=1)
def histogram(
    surface: SurfaceLike, data: Any, opts: Mapping[str, Any] | None = None, *, ax: Axes | None = None, **options: Any,
) -> Chart:
    """Draw how many values fall into each bin, and a table of statistics above unless ``stats`` is False.

    Bins have a round width and round ends, and there are at most ``max_bins``. NaN and infinities are counted in the
    table and left out of the bins.

    Args:
        surface: ``{"name", "tab"}``, a Surface, or None.
        data: a Tensor, array or list of numbers of any shape, or a list of ``{"value"}``.
        opts: options as a mapping; see ``HistogramOptions``.
        ax: where to draw instead of in a new figure.
        options: options by keyword: ``width height x_label y_label font_size stats max_bins color x_type``. With
            ``x_type`` of ``ordinal`` or ``nominal`` bins are names, and those without values are left out.

    Example:
        >>> figure, axes = histogram(None, [0, 1, 1, 2], max_bins=4, stats=False)
        >>> [float(bar.get_height()) for bar in axes.patches]
        [1.0, 0.0, 2.0, 1.0]

    """
    chose = chosen(HistogramOptions, opts, options)
    values = _read(data)
    shown = values[np.isfinite(values)]
    figure, axes = begin(surface, ax, chose)
    if shown.size:
        counts, edges = np.histogram(shown, nice_edges(float(shown.min()), float(shown.max()), chose.max_bins))
        _draw(axes, counts, edges, chose)
    else:
        axes.text(0.5, 0.5, "no finite values", transform=axes.transAxes, ha="center", fontsize=chose.points)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    style.quiet(axes, "y", chose.points)
    x, y = (style.label(label, 80) for label in (chose.x_label or "value", chose.y_label or "count"))
    style.name_axes(axes, x, y, size=chose.points)
    if (stats := _stats(chose, values)) is not None:
        _write(axes, stats, chose.points)
    return finish(surface, figure, axes)


def _read(data: Any) -> Array:
    if has_objects(data):
        data = [field(d, "value", f"item {i}") for i, d in enumerate(data)]
    return measurable(data, "data of a histogram").reshape(-1)


def _draw(ax: Axes, counts: Array, edges: Array, options: HistogramOptions) -> None:
    """Bars along the values, or side by side with their ranges as names; then bins without values are left out."""
    colour = options.color or style.BLUE
    if options.x_type in {None, "quantitative"}:
        ax.bar(edges[:-1], counts.tolist(), 0.97 * np.diff(edges), align="edge", color=colour)
        return
    some = np.flatnonzero(counts)
    at = np.arange(some.size)
    ax.bar(at, counts[some].tolist(), 0.9, color=colour)
    ax.set_xticks(at, [f"{number(edges[i])} to {number(edges[i + 1])}" for i in some],
                  rotation=90 if some.size > SIDE_BY_SIDE else 0)


def _stats(options: HistogramOptions, values: Array) -> Stats | None:
    if options.stats is False:
        return None
    if options.stats is None or options.stats is True:
        return stats_of(values)
    if isinstance(options.stats, Stats):
        return options.stats
    if isinstance(options.stats, Mapping):
        return stats_from(options.stats)
    raise UsageError(f"option 'stats' is {options.stats!r}; expected False or a mapping of statistics")


def nice_edges(low: float, high: float, max_bins: int) -> Array:
    """Edges of at most ``max_bins`` bins, 1, 2 or 5 times a power of ten wide, that end at multiples of their width.

    One bin around the value when there is only one; equal parts where the width has no room in float64.
    """
    span = high - low
    if span == 0:
        return np.array([low - 0.5, low + 0.5])
    if math.isfinite(span):
        power = math.floor(math.log10(span / max_bins))
        for factor in (1, 2, 5, 10, 20, 50):
            width = factor * 10.0**power
            first, last = math.floor(low / width), math.ceil(high / width)
            if last - first <= max_bins and first * width < last * width:
                return np.arange(first, last + 1) * width
    return np.linspace(low / 2, high / 2, max_bins + 1) * 2


def _write(ax: Axes, stats: Stats, points: float) -> None:
    """The statistics as a table of one row above the bars."""
    headers, cells = stats_row(stats)
    if not headers:
        return
    grid(ax, headers, [cells], [True] * len(headers), min(points, MOST_POINTS / len(headers)), (0.0, 1.05, 1.0, 0.2))
