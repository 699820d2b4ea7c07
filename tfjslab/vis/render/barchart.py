"""Bars of named values, in the order in which they were given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import UsageError
from tfjslab.vis import style
from tfjslab.vis.canvas import Chart
from tfjslab.vis.data import drawable, field, has_objects
from tfjslab.vis.given import takes
from tfjslab.vis.options import BarOptions, chosen
from tfjslab.vis.surfaces import SurfaceLike, begin, finish

CROWDED = 60  # characters of labels side by side; with more they are rotated


@takes("a list of {index, value}, or numbers [n]", at=1)
def barchart(
    surface: SurfaceLike, data: Any, opts: Mapping[str, Any] | None = None, *, ax: Axes | None = None, **options: Any,
) -> Chart:
    """Draw a bar for each ``{index, value}``, from left to right in the given order (tfjs-vis sorts them).

    NaN, None and infinities leave a gap.

    Args:
        surface: ``{"name", "tab"}``, a Surface, or None.
        data: a list of ``{"index", "value"}``, or numbers of shape [n], which are counted from 0.
        opts: options as a mapping; see ``BarOptions``.
        ax: where to draw instead of in a new figure.
        options: options by keyword: ``width height x_label y_label font_size color x_type``. With ``x_type`` of
            ``quantitative`` a bar stands at its index's value.

    Example:
        >>> figure, axes = barchart(None, [{"index": "relu", "value": 3}, {"index": "conv", "value": 9}])
        >>> [text.get_text() for text in axes.get_xticklabels()]
        ['relu', 'conv']

    """
    chose = chosen(BarOptions, opts, options)
    if chose.y_type not in {None, "quantitative"}:
        raise UsageError(f"y_type is '{chose.y_type}'; expected quantitative, as bars have a height")
    index, values = _read(data)
    figure, axes = begin(surface, ax, chose)
    at = drawable(index, "index", 1) if chose.x_type == "quantitative" else np.arange(len(values))
    axes.bar(at, values.tolist(), 0.8 * _step(at), color=chose.color or style.BLUE)
    if chose.x_type != "quantitative":
        names = [style.label(i, 24) for i in index]
        crowded = sum(map(len, names)) > CROWDED
        axes.set_xticks(at, names, rotation=90 if crowded else 0)
        axes.set_xlim(-0.6, max(len(names), 1) - 0.4)
    axes.axhline(0, color=style.ink(), linewidth=0.8)
    style.quiet(axes, "y", chose.points)
    style.name_axes(axes, style.label(chose.x_label or "", 80), style.label(chose.y_label or "", 80), size=chose.points)
    return finish(surface, figure, axes)


def _read(data: Any) -> tuple[list[Any], Array]:
    """Names and heights."""
    if has_objects(data):
        index = [field(d, "index", f"bar {i}") for i, d in enumerate(data)]
        return index, drawable([field(d, "value", f"bar {i}") for i, d in enumerate(data)], "values of bars", 1)
    values = drawable(data, "data of a bar chart", 1)
    return list(range(values.size)), values


def _step(at: Array) -> float:
    """The least distance between bars, so that none covers its neighbour."""
    distances = np.diff(np.unique(at))
    return float(distances.min()) if distances.size else 1.0
