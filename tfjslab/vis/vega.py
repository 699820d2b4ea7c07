"""Charts that can be explored: a Vega-Lite specification beside the picture, of the same data.

tfjs-vis draws with Vega, and JupyterLab and VS Code bring a renderer for its specifications, so this needs no package.
Where there is none, the picture is shown. Colours do not depend on the theme: a chart outlives it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tfjslab.vis.theme import INK

MIME = "application/vnd.vegalite.v5+json"
SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
WIDTH, HEIGHT = 520, 260  # of the plot in pixels
Spec = dict[str, Any]
Rows = Sequence[Mapping[str, Any]]
_CONFIG: Spec = {
    "view": {"stroke": None}, "font": "sans-serif",
    "axis": {"labelColor": INK, "titleColor": INK, "domainColor": INK, "tickColor": INK, "gridColor": INK,
             "gridOpacity": 0.2, "titleFontWeight": "normal"},
    "legend": {"labelColor": INK, "titleColor": INK, "orient": "bottom", "labelLimit": 400},
    "title": {"color": INK, "subtitleColor": INK, "anchor": "start", "fontWeight": "normal", "fontSize": 14},
}


def chart(title: str, layers: Sequence[Spec], *, height: float = HEIGHT, **more: Any) -> Spec:
    """A whole specification of layers over each other; lines of the title below the first are smaller."""
    first, *rest = title.replace(r"\$", "$").split("\n")
    return {
        "$schema": SCHEMA, "background": "transparent", "config": _CONFIG, "width": WIDTH, "height": height,
        "title": {"text": first, **({"subtitle": rest} if rest else {})}, "layer": list(layers), **more,
    }


def layer(rows: Rows, mark: str | Spec, **encoding: Any) -> Spec:
    """A layer of its own data; ``encoding`` as Vega-Lite has it."""
    return {"data": {"values": [dict(row) for row in rows]}, "mark": mark, "encoding": encoding}


def zoomed(first: Spec, *axes: str) -> Spec:
    """The layer that zooms its axes with the wheel and moves them when dragged; a double click resets it."""
    return {**first, "params": [{"name": "zoom", "select": {"type": "interval", "encodings": list(axes)},
                                 "bind": "scales"}]}


def number(field: str, title: str, limits: tuple[float, float] | None = None, **more: Any) -> Spec:
    """A channel of numbers, ``title`` with its unit; ``limits`` are those of the drawing's axis."""
    scale = {**more.pop("scale", {}), **({"domain": list(limits), "nice": False} if limits else {})}
    return {"field": field, "type": "quantitative", "title": title, **({"scale": scale} if scale else {}), **more}


def bars(rows: Rows, x: Spec, to: str, y: Spec, tooltip: Sequence[Spec], **look: Any) -> Spec:
    """Bars over parts of an axis of numbers, from ``x`` to the field ``to``, and up from 0."""
    return layer(rows, {"type": "rect", **look}, x=x, x2={"field": to}, y=y, y2={"datum": 0}, tooltip=tooltip)


def told(**fields: str) -> list[Spec]:
    """Tooltips: ``told(ms="time (ms)")``; numbers with four digits."""
    return [{"field": f, "title": t, "type": "quantitative", "format": ".4"} if t.endswith(")") else
            {"field": f, "title": t, "type": "nominal"} for f, t in fields.items()]


def coloured(field: str, colours: Mapping[str, str], title: str = "") -> Spec:
    """A channel of colours by name, in a legend."""
    return {"field": field, "type": "nominal", "title": title or None,
            "scale": {"domain": list(colours), "range": list(colours.values())}}
