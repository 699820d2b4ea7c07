"""Lines through points, one a series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from tfjslab.vis import style
from tfjslab.vis.canvas import Chart
from tfjslab.vis.data import series
from tfjslab.vis.given import takes
from tfjslab.vis.options import XYOptions, chosen
from tfjslab.vis.render.xy import colours, label_axes, positions
from tfjslab.vis.surfaces import SurfaceLike, begin, finish

DASHES = ("-", "--", "-.", ":")  # colours repeat after eight, and print is grey
FEW = 30  # points that are worth a marker each


@takes("{values, series} of {x, y}, or numbers [n] or [series, n]", at=1)
def linechart(
    surface: SurfaceLike, data: Any, opts: Mapping[str, Any] | None = None, *, ax: Axes | None = None, **options: Any,
) -> Chart:
    """Draw a line for each series, at the points' own x (tfjs-vis counts them instead).

    NaN, None and infinities leave a gap.

    Args:
        surface: ``{"name", "tab"}``, a Surface, or None.
        data: ``{"values", "series"}``: values are a list of ``{"x", "y"}`` or of such lists, or numbers of shape [n],
            [series, n] (y, with x counted from 0) or [series, n, 2]; series are their names.
        opts: options as a mapping; see ``XYOptions``.
        ax: where to draw instead of in a new figure.
        options: options by keyword: ``width height x_label y_label font_size x_axis_domain y_axis_domain zoom_to_fit
            series_colors x_type y_type``.

    Example:
        >>> figure, axes = linechart(None, {"values": [[3, 2, 1], [4, 3, 2]], "series": ["loss", "val_loss"]})
        >>> [line.get_label() for line in axes.lines]
        ['loss', 'val_loss']

    """
    chose = chosen(XYOptions, opts, options)
    points, names = series(data)
    shades = colours(chose, len(points))
    xs, x_names = positions([x for x, _ in points], chose.x_type, "x")
    ys, y_names = positions([y for _, y in points], chose.y_type, "y")
    figure, axes = begin(surface, ax, chose)
    for i, (x, y, name) in enumerate(zip(xs, ys, names, strict=True)):
        axes.plot(
            x, y, color=shades[i], linestyle=DASHES[i // len(style.OKABE_ITO) % len(DASHES)], linewidth=1.7,
            marker="o" if len(x) <= FEW else "", markersize=3.5, label=style.legend_label(name),
        )
    if not x_names and all(x.dtype.kind in "iu" for x in xs):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))  # epochs, steps, years: nothing lies between them
    label_axes(axes, chose, (x_names, y_names), len(points), zero="y")
    return finish(surface, figure, axes)
