"""Where charts are drawn: figures of our own that show themselves in a notebook, without pyplot and its global state.

``pyplot`` keeps every figure it makes until it is closed and picks a window system; a figure made here is freed as
soon as nothing refers to it, and may be drawn in any thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar, cast

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from tfjslab.vis import image, vega

MARGIN = 0.08  # inches: pictures also lie on dark pages
DPI = 100  # so that a hundred pixels are an inch
A = TypeVar("A")


class ChartFigure(Figure):
    """A figure that notebooks show as a sharp picture.

    ``html`` says the same as text, where the chart is a table. ``spec`` makes the same as a Vega-Lite specification,
    where it can be explored.
    """

    html: str = ""
    spec: Callable[[], vega.Spec] | None = None

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        width, height = image.pixels(self)
        return image.png(self, scale=2, any_page=True), {"width": width, "height": height}

    def _repr_mimebundle_(self, **_wanted: Any) -> dict[str, Any]:
        return {} if self.spec is None else {vega.MIME: self.spec()}


class Drawing(NamedTuple, Generic[A]):
    """What every chart gives: ``figure, axes = chart(...)``. Notebooks show it as the figure.

    ``axes`` is one Axes, or a tuple of them from top to bottom where a chart has several parts.
    """

    figure: Figure
    axes: A

    def _repr_png_(self) -> Any:
        return cast("Any", self.figure)._repr_png_() if isinstance(self.figure, ChartFigure) else None

    def _repr_html_(self) -> str | None:
        return getattr(self.figure, "html", "") or None

    def _repr_mimebundle_(self, **wanted: Any) -> dict[str, Any]:
        """What comes beside the picture: the front end takes what it can show best."""
        return self.figure._repr_mimebundle_(**wanted) if isinstance(self.figure, ChartFigure) else {}


Chart = Drawing[Axes]
Limits = tuple[tuple[float, float], tuple[float, float]]  # of x and of y
Charts = Drawing[tuple[Axes, ...]]


def blank(width: float, height: float) -> ChartFigure:
    """An empty figure of that many pixels, whose parts find their places when it is drawn."""
    layout = ConstrainedLayoutEngine(w_pad=MARGIN, h_pad=MARGIN)
    return ChartFigure(figsize=(width / DPI, height / DPI), dpi=DPI, layout=layout)


def canvas(ax: Axes | None, width: float = 640, height: float = 380) -> tuple[Figure, Axes]:
    """The caller's axes with their figure, or the one pair of axes of a new figure of that many pixels."""
    if ax is not None:
        return cast("Figure", ax.get_figure(root=True)), ax
    figure = blank(width, height)
    return figure, figure.subplots()


def explorable(figure: Figure, axes: Axes, ax: Axes | None, spec: Callable[[], vega.Spec]) -> Chart:
    """The chart, to be explored where it is a figure of its own; ``ax`` is the caller's axes, if there were any."""
    if ax is None and isinstance(figure, ChartFigure):
        figure.spec = spec
    return Chart(figure, axes)


def limits(axes: Axes) -> Limits:
    """Where the axes begin and end as drawn, for a specification of the same."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    return (float(left), float(right)), (float(low), float(high))
