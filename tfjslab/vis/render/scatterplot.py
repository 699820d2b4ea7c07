"""Points, one colour and one shape a series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes

from tfjslab.vis import style
from tfjslab.vis.canvas import Chart
from tfjslab.vis.data import series
from tfjslab.vis.given import takes
from tfjslab.vis.options import XYOptions, chosen
from tfjslab.vis.render.xy import colours, label_axes, positions
from tfjslab.vis.surfaces import SurfaceLike, begin, finish

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")  # series differ without colour, too


@takes("{values, series} of {x, y}, or numbers [series, n, 2]", at=1)
def scatterplot(
    surface: SurfaceLike, data: Any, opts: Mapping[str, Any] | None = None, *, ax: Axes | None = None, **options: Any,
) -> Chart:
    """Draw a marker for each point.

    Args:
        surface: ``{"name", "tab"}``, a Surface, or None.
        data: ``{"values", "series"}``, as for ``linechart``.
        opts: options as a mapping; see ``XYOptions``.
        ax: where to draw instead of in a new figure.
        options: options by keyword, as for ``linechart``.

    Example:
        >>> figure, axes = scatterplot(None, {"values": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]}, x_label="ms")
        >>> axes.collections[0].get_offsets().tolist()
        [[1.0, 2.0], [3.0, 4.0]]

    """
    chose = chosen(XYOptions, opts, options)
    points, names = series(data)
    shades = colours(chose, len(points))
    xs, x_names = positions([x for x, _ in points], chose.x_type, "x")
    ys, y_names = positions([y for _, y in points], chose.y_type, "y")
    figure, axes = begin(surface, ax, chose)
    for i, (x, y, name) in enumerate(zip(xs, ys, names, strict=True)):
        axes.scatter(
            x, y, 26, color=shades[i], marker=MARKERS[i % len(MARKERS)], alpha=0.8, edgecolor="white", linewidth=0.4,
            label=style.legend_label(name),
        )
    label_axes(axes, chose, (x_names, y_names), len(points), zero="xy")
    return finish(surface, figure, axes)
