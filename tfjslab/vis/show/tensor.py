"""The values of a tensor."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from tfjslab.vis.canvas import Chart
from tfjslab.vis.given import takes
from tfjslab.vis.render.histogram import histogram
from tfjslab.vis.surfaces import SurfaceLike


@takes("a tensor", at=1)
def values_distribution(surface: SurfaceLike, tensor: Any, *, ax: Axes | None = None, **options: Any) -> Chart:
    """Draw a histogram of all values below a table: number, min, max, mean, stddev, zeros, NaNs, infinities.

    Args:
        surface: ``{"name", "tab"}``, a Surface, or None.
        tensor: Tensor or array of any shape; it is only read.
        ax: where to draw instead of in a new figure.
        options: those of ``render.histogram``.

    Example:
        >>> import tfjslab as tf
        >>> with tf.tensor1d([0, 0, 0, 0, 2, 3, 4]) as tensor:
        ...     figure, axes = values_distribution(None, tensor)
        >>> axes.tables[0][1, 5].get_text().get_text()
        '4 (57.1%)'

    """
    return histogram(surface, tensor, {"width": 640, "height": 340, **options}, ax=ax)
