"""A matrix as colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from tfjslab.base.errors import ShapeError
from tfjslab.vis import style
from tfjslab.vis.canvas import Chart
from tfjslab.vis.data import drawable, field, labels, optional
from tfjslab.vis.given import takes
from tfjslab.vis.options import HeatmapOptions, chosen
from tfjslab.vis.surfaces import SurfaceLike, begin, finish

MANY = 40  # ticks on an axis; of more, only some are labelled


@takes("{values, x_tick_labels, y_tick_labels}, values [columns, rows]", at=1)
def heatmap(
    surface: SurfaceLike, data: Any, opts: Mapping[str, Any] | None = None, *, ax: Axes | None = None, **options: Any,
) -> Chart:
    """Draw a coloured cell for each value, with a scale. As in tfjs-vis, ``values[x][y]`` is in column x and row y.

    Args:
        surface: ``{"name", "tab"}``, a Surface, or None.
        data: ``{"values", "x_tick_labels", "y_tick_labels"}`` or values alone: Tensor, array or lists of shape
            [columns, rows], or [rows, columns] with ``row_major``. The first row is at the top.
        opts: options as a mapping; see ``HeatmapOptions``.
        ax: where to draw instead of in a new figure.
        options: options by keyword: ``width height x_label y_label font_size color_map domain row_major``.

    Example:
        >>> figure, axes = heatmap(None, {"values": [[1, 2], [3, 4]], "x_tick_labels": ["a", "b"]})
        >>> axes.images[0].get_array().tolist()
        [[1.0, 3.0], [2.0, 4.0]]

    """
    chose = chosen(HeatmapOptions, opts, options)
    whole = data if isinstance(data, Mapping) else {"values": data}
    values = drawable(field(whole, "values", "data"), "values of a heat map", 2)
    if not values.size:
        raise ShapeError(f"a heat map has shape {list(values.shape)}; expected at least one cell")
    columns = values.T if chose.row_major else values
    x_names = labels(optional(whole, "x_tick_labels"), columns.shape[0], "x_tick_labels")
    y_names = labels(optional(whole, "y_tick_labels"), columns.shape[1], "y_tick_labels")
    figure, axes = begin(surface, ax, chose)
    low, high = chose.domain or (None, None)
    drawn = axes.imshow(
        columns.T, cmap=style.colour_map(chose.color_map), vmin=low, vmax=high, aspect="auto", interpolation="nearest",
    )
    figure.colorbar(drawn, ax=axes).ax.tick_params(labelsize=chose.points)
    name_cells(axes, x_names, y_names, chose.points)
    x, y = (style.label(label or "", 80) for label in (chose.x_label, chose.y_label))
    style.name_axes(axes, x, y, size=chose.points)
    return finish(surface, figure, axes)


def name_cells(ax: Axes, x: list[str] | None, y: list[str] | None, points: float) -> None:
    """Tick labels in order, rotated where they would overlap."""
    ax.tick_params(labelsize=points, length=2)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))  # columns and rows are counted
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    if x is not None:
        every = -(-len(x) // MANY)
        shown = [style.label(name, 18) for name in x[::every]]
        crowded = sum(map(len, shown)) > 40 or max(map(len, shown), default=0) > 60 // max(len(shown), 1)  # noqa: PLR2004
        ax.set_xticks(range(0, len(x), every), shown, rotation=90 if crowded and len(shown) > 3 else 0)  # noqa: PLR2004
    if y is not None:
        every = -(-len(y) // MANY)
        ax.set_yticks(range(0, len(y), every), [style.label(name, 18) for name in y[::every]])
