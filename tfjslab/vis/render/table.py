"""A table: text in the visor and in notebooks, a picture where only pictures can be shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from tfjslab.base.errors import InputError, ShapeError
from tfjslab.base.tables import Table, as_html
from tfjslab.base.text import counted
from tfjslab.vis import style
from tfjslab.vis.canvas import Chart, ChartFigure
from tfjslab.vis.data import field, is_list
from tfjslab.vis.given import takes
from tfjslab.vis.grid import grid
from tfjslab.vis.options import ChartOptions, chosen
from tfjslab.vis.stats import number
from tfjslab.vis.surfaces import SurfaceLike, begin, finish

MAX_ROWS, MAX_CELL = 60, 36  # what a picture shows; the text has all


@takes("{headers, values}", at=1)
def table(
    surface: SurfaceLike, data: Any, opts: Mapping[str, Any] | None = None, *, ax: Axes | None = None, **options: Any,
) -> Chart:
    """Show rows of texts and numbers below headers. Numbers have at most four decimals; HTML in cells stays text.

    Args:
        surface: ``{"name", "tab"}``, a Surface, or None.
        data: ``{"headers": [...], "values": [[...], ...]}``; a row may be shorter than the headers.
        opts: options as a mapping.
        ax: where to draw instead of in a new figure.
        options: options by keyword: ``width height font_size``.

    Example:
        >>> figure, axes = table(None, {"headers": ["layer", "ms"], "values": [["conv", 1.25]]})
        >>> axes.tables[0][1, 1].get_text().get_text()
        '1.25'

    """
    chose = chosen(ChartOptions, opts, options)
    headers, rows = _read(data)
    numeric = [_is_numeric([row[c] for row in rows]) for c in range(len(headers))]
    cells = [[_cell(v) for v in row] for row in rows]
    if len(cells) > MAX_ROWS:  # the last row stays: it may be a total
        left_out = [f"({counted(len(cells) - MAX_ROWS, 'row')} not shown)", *[""] * (len(headers) - 1)]
        cells = [*cells[: MAX_ROWS - 1], left_out, cells[-1]]
    width = sum(max(len(row[c]) for row in [headers, *cells]) + 2 for c in range(len(headers)))
    height = (len(cells) + 1) * chose.font_size * 1.9 + 12
    figure, axes = begin(surface, ax, chose, max(240, width * chose.font_size * 0.64), height)
    axes.set_axis_off()
    shown = [style.label(h, MAX_CELL) for h in headers]
    grid(axes, shown, cells or [[""] * len(headers)], numeric, chose.points)
    if isinstance(figure, ChartFigure) and ax is None:
        plain = tuple(tuple(number(v) if _is_number(v) else _text(v) for v in row) for row in rows)
        left = next((i for i, n in enumerate(numeric) if n), len(headers))
        figure.html = as_html(Table("", tuple(headers), plain, left=left)) if rows else as_html(Table("no rows"))
    return finish(surface, figure, axes)


def _read(data: Any) -> tuple[list[str], list[list[Any]]]:
    headers, values = field(data, "headers", "data of a table"), field(data, "values", "data of a table")
    if not is_list(headers) or not len(headers) or not is_list(values):
        raise InputError("a table's headers or values are no lists; expected at least one header, and a list of rows")
    rows: list[list[Any]] = []
    for i, row in enumerate(values):
        cells = list(row) if is_list(row) else None
        if cells is None or len(cells) > len(headers):
            found = f"a {type(row).__name__}" if cells is None else f"{len(cells)} cells"
            raise ShapeError(f"row {i} of the table is {found}; expected at most {len(headers)} cells")
        rows.append([*cells, *[""] * (len(headers) - len(cells))])
    return [str(h) for h in headers], rows


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, np.bool_))


def _is_numeric(column: list[Any]) -> bool:
    """Whether there are only numbers, some of which may be unknown."""
    return any(map(_is_number, column)) and all(v is None or _is_number(v) for v in column)


def _text(value: Any) -> str:
    return number(value) if value is None or isinstance(value, (bool, np.bool_)) else str(value)


def _cell(value: Any) -> str:
    return number(value) if _is_number(value) else style.label(_text(value), MAX_CELL)
