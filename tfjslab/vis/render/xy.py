"""What line charts and scatter plots share: axes of values or of names, domains, legend."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ShapeError
from tfjslab.vis import style
from tfjslab.vis.data import drawable
from tfjslab.vis.options import XYOptions


def colours(options: XYOptions, count: int) -> list[str]:
    """One colour a series; ShapeError when as many were not given."""
    if options.series_colors is None:
        return [style.colour(i) for i in range(count)]
    if len(options.series_colors) != count:
        raise ShapeError(f"there are {len(options.series_colors)} series_colors; expected {count}, one a series")
    return list(options.series_colors)


def positions(axis: Sequence[Array], kind: str | None, what: str) -> tuple[list[Array], list[str]]:
    """Where the values of each series lie on an axis, and the names to put there (none for an axis of values).

    Names keep the order in which they come first.
    """
    if kind in {None, "quantitative"} and all(a.dtype.kind != "O" for a in axis):
        return list(axis), []
    if kind == "quantitative":
        return [drawable(list(a), what, 1) for a in axis], []
    order = {value: i for i, value in enumerate(dict.fromkeys(v for a in axis for v in a.tolist()))}
    return [np.array([order[v] for v in a.tolist()]) for a in axis], [style.label(v, 24) for v in order]


def label_axes(ax: Axes, options: XYOptions, names: tuple[list[str], list[str]], series: int, *, zero: str) -> None:
    """Ticks, domains, labels and legend. Axes in ``zero`` start at 0 unless a domain or zooming says otherwise."""
    if names[0]:
        ax.set_xticks(range(len(names[0])), names[0])
    if names[1]:
        ax.set_yticks(range(len(names[1])), names[1])
    _domain(ax, "x", options, zero=zero)
    _domain(ax, "y", options, zero=zero)
    style.quiet(ax, "both", options.points)
    x, y = (style.label(label, 80) for label in (options.x_label or "x", options.y_label or "y"))
    style.name_axes(ax, x, y, size=options.points)
    if series > 1:
        style.legend_below(ax, options.points)


def _domain(ax: Axes, axis: str, options: XYOptions, *, zero: str) -> None:
    domain = options.x_axis_domain if axis == "x" else options.y_axis_domain
    read, write = (ax.get_xlim, ax.set_xlim) if axis == "x" else (ax.get_ylim, ax.set_ylim)
    if options.zoom_to_fit:
        return
    if domain is not None:
        write(*domain)
    elif axis in zero:
        low, high = read()
        write(min(low, 0), max(high, 0))
