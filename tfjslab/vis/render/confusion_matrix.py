"""A confusion matrix: which classes are predicted for which labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from tfjslab.base.dtypes import Array
from tfjslab.base.errors import ShapeError
from tfjslab.vis import style
from tfjslab.vis.canvas import Chart
from tfjslab.vis.data import drawable, field, labels, optional
from tfjslab.vis.given import takes
from tfjslab.vis.options import ConfusionMatrixOptions, chosen
from tfjslab.vis.render.heatmap import name_cells
from tfjslab.vis.stats import number
from tfjslab.vis.surfaces import SurfaceLike, begin, finish

CELL, LARGEST = 34, 1600  # pixels of a cell that holds its number, and of the whole


@takes("{values, tick_labels}, values [classes, classes]", at=1)
def confusion_matrix(
    surface: SurfaceLike, data: Any, opts: Mapping[str, Any] | None = None, *, ax: Axes | None = None, **options: Any,
) -> Chart:
    """Draw ``values[label][prediction]`` with labels from top to bottom and predictions from left to right.

    With ``shade_diagonal=False`` right answers stay white, so that mistakes stand out; if there are no mistakes they
    are coloured after all.

    Args:
        surface: ``{"name", "tab"}``, a Surface, or None.
        data: ``{"values", "tick_labels"}`` or values alone: Tensor, array or lists of shape [classes, classes].
        opts: options as a mapping; see ``ConfusionMatrixOptions``.
        ax: where to draw instead of in a new figure.
        options: options by keyword: ``width height x_label y_label font_size shade_diagonal show_text_overlay
            color_map``.

    Example:
        >>> figure, axes = confusion_matrix(None, {"values": [[2, 1], [0, 3]], "tick_labels": ["cat", "dog"]})
        >>> [text.get_text() for text in axes.texts]
        ['2', '1', '0', '3']

    """
    chose = chosen(ConfusionMatrixOptions, opts, options)
    whole = data if isinstance(data, Mapping) else {"values": data}
    values = drawable(field(whole, "values", "data"), "values of a confusion matrix", 2)
    count = len(values)
    if values.shape[1] != count or not count:
        raise ShapeError(f"a confusion matrix has shape {list(values.shape)}; expected as many rows as columns, from 1")
    given = optional(whole, "tick_labels")
    # tfjs-vis takes an empty list for none.
    names = labels(given or None, count, "tick_labels") or [f"Class {i}" for i in range(count)]
    side = min(LARGEST, max(400, 110 + CELL * count) + 4 * max(map(len, names)))
    figure, axes = begin(surface, ax, chose, side + 60, side)
    drawn = axes.imshow(_shaded(values, chose), cmap=style.colour_map(chose.color_map), interpolation="nearest")
    figure.colorbar(drawn, ax=axes, shrink=0.8).ax.tick_params(labelsize=chose.points)
    name_cells(axes, names, names, chose.points)
    x, y = (style.label(label, 80) for label in (chose.x_label or "prediction", chose.y_label or "label"))
    style.name_axes(axes, x, y, size=chose.points)
    if chose.show_text_overlay:
        _overlay(axes, values, drawn, chose.points)
    return finish(surface, figure, axes)


def _shaded(values: Array, options: ConfusionMatrixOptions) -> Array:
    """The values that get a colour; the others are masked."""
    diagonal = np.eye(len(values), dtype=bool)
    if options.shade_diagonal or not values[~diagonal].any():
        return np.ma.masked_array(values, np.zeros_like(diagonal))
    return np.ma.masked_array(values, diagonal)


def _overlay(ax: Axes, values: Array, drawn: AxesImage, points: float) -> None:
    """Each cell's value, in black or white, smaller where cells are small."""
    size = max(3.0, min(points, points * 14 * CELL / 20 / len(values)))
    shaded: Array = np.ma.asarray(drawn.get_array())
    shades = np.asarray(drawn.to_rgba(shaded, norm=True))
    masked = np.ma.getmaskarray(shaded)
    for row, column in np.ndindex(*values.shape):
        colour = style.ink() if masked[row, column] else style.on(shades[row, column, :3])
        ax.text(column, row, number(values[row, column]), ha="center", va="center", fontsize=size, color=colour)
