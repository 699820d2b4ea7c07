"""A table as a drawing: cells of text in a box of the axes' own coordinates."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.table import Table
from matplotlib.transforms import Bbox


def grid(
    ax: Axes, headers: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool], points: float,
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0),
) -> Table:
    """Draw bold headers and rows into ``box`` (left, bottom, width, height); columns marked ``right`` hold numbers.

    Columns are as wide as their longest text, counted in characters. ``table[row, column]`` is a cell; row
    0 are the headers.
    """
    texts = [headers, *rows]
    widths = [max(len(row[c]) for row in texts) + 2 for c in range(len(headers))]
    made = Table(ax, bbox=Bbox.from_bounds(*box))
    made.auto_set_font_size(False)  # noqa: FBT003 - matplotlib's signature
    for r, row in enumerate(texts):
        for c, text in enumerate(row):
            cell = made.add_cell(
                r, c, widths[c] / sum(widths), 1 / len(texts), text=text, loc="right" if right[c] else "left",
            )
            cell.visible_edges = "horizontal"
            cell.PAD = 0.6 / widths[c]  # of the cell's width: the same distance in every column
            cell.set_linewidth(0.9 if r == 0 else 0.3)
            cell.get_text().set_fontweight("bold" if r == 0 else "normal")
    made.set_fontsize(points)
    ax.add_table(made)
    return made
