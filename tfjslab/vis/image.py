"""Figures as PNG bytes and as addresses that hold them. Equal figures give equal bytes when first drawn.

Drawn again, a figure's parts may move by a pixel: the layout starts from where they are.
"""

from __future__ import annotations

import base64
import io
from contextlib import nullcontext

from matplotlib.figure import Figure

from tfjslab.base import forks
from tfjslab.vis import theme

# Dashboards draw in threads. Figures are independent, but matplotlib's text parser and font cache are shared.
_DRAWING = forks.free_lock()


def png(figure: Figure, *, scale: float = 1.0, transparent: bool = False, any_page: bool = False) -> bytes:
    r"""The figure as a PNG of its own size times ``scale``.

    2 is what screens of high density and printers want; 1 is for pictures that are replaced ten times a second.
    ``any_page`` is for pages that may be light or dark; see ``theme``.

    Example:
        >>> from tfjslab.vis.charts import latency_trace
        >>> png(latency_trace([1.0, 1.1, 0.9]).figure)[:4]
        b'\x89PNG'

    """
    out = io.BytesIO()
    themed = any_page and theme.is_default()
    with _DRAWING, theme.for_any_page(figure) if themed else nullcontext():
        _save(figure, out, scale, transparent=transparent or themed)
    return out.getvalue()


def _save(figure: Figure, out: io.BytesIO, scale: float, *, transparent: bool) -> None:
    # Without the name of the program the bytes depend on nothing but the figure.
    figure.savefig(out, format="png", dpi=figure.dpi * scale, transparent=transparent, metadata={"Software": None})


def data_uri(figure: Figure, *, scale: float = 1.0, transparent: bool = False, any_page: bool = False) -> str:
    """The PNG as a ``data:`` address, for ``<img src=...>`` in HTML that stands alone."""
    data = png(figure, scale=scale, transparent=transparent, any_page=any_page)
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def pixels(figure: Figure) -> tuple[int, int]:
    """Width and height in pixels at scale 1."""
    width, height = figure.get_size_inches() * figure.dpi
    return round(width), round(height)
