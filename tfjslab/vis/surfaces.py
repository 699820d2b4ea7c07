"""From the first argument of a renderer to axes, and from what was drawn to the surface that shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tfjslab.vis.canvas import Chart, canvas
from tfjslab.vis.options import ChartOptions
from tfjslab.vis.visor import Surface, surface_of

SurfaceLike = Mapping[str, Any] | Surface | None
WIDTH, HEIGHT = 560.0, 340.0


def size(
    place: SurfaceLike, options: ChartOptions, width: float = WIDTH, height: float = HEIGHT,
) -> tuple[float, float]:
    """Pixels of a new figure: by the options, else by the surface's styles, else as given."""
    surface = surface_of(place)
    styles = (None, None) if surface is None else (surface.pixels("width"), surface.pixels("height"))
    return options.width or styles[0] or width, options.height or styles[1] or height


def begin(
    place: SurfaceLike, ax: Axes | None, options: ChartOptions, width: float = WIDTH, height: float = HEIGHT,
) -> tuple[Figure, Axes]:
    """The caller's axes, or those of a new figure of the right size."""
    return canvas(ax, *size(place, options, width, height))


def finish(place: SurfaceLike, figure: Figure, axes: Axes, part: str = "") -> Chart:
    """Show the figure in the surface, if there is one, and return it."""
    surface = surface_of(place)
    if surface is not None:
        surface.show(figure, part)
    return Chart(figure, axes)
