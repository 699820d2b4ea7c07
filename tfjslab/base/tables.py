"""Tables as inert data, and the two ways to show them that need nothing but text: aligned columns and plain HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

from tfjslab.base.messages import escaped, plain, readable
from tfjslab.base.plain import to_plain
from tfjslab.base.text import tail

Cell = object
_WIDTH_OF_TEXT = 44  # the end of a longer name tells it from its neighbours; pages show all of it


@dataclass(frozen=True)
class Table:
    """A title, columns, rows and lines of notes below. The first ``left`` columns are text, the others numbers."""

    title: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    notes: tuple[str, ...] = ()
    left: int = 1


def as_text(table: Table) -> str:
    """The table in aligned columns; a cell that is None stays empty."""
    lines = [readable(table.title)]
    if table.rows:
        cells = [table.columns, *(_cells(row, table.left) for row in table.rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(table.columns))]
        lines += ["  ".join(_padded(c, w, i < table.left) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
                  .rstrip() for row in cells]
    return "\n".join([*lines, *map(readable, table.notes)])


def as_html(table: Table) -> str:
    """The table as an HTML ``table`` with a caption, without scripts; notes are paragraphs below it."""
    notes = "".join(f"<p>{escaped(note)}</p>" for note in table.notes)
    if not table.rows:
        return f"<p><b>{escaped(table.title)}</b></p>{notes}"
    head = _html_row("th", table.columns, table.left)
    body = "".join(_html_row("td", row, table.left) for row in table.rows)
    return (f'<table><caption style="text-align:left"><b>{escaped(table.title)}</b></caption>'
            f"<thead>{head}</thead><tbody>{body}</tbody></table>{notes}")


def _html_row(tag: str, cells: Sequence[Cell], left: int) -> str:
    made = [
        f'<{tag} style="text-align:{"left" if i < left else "right"}">{escaped(_shown(c))}</{tag}>'
        for i, c in enumerate(cells)
    ]
    return f"<tr>{''.join(made)}</tr>"


def _cells(row: Sequence[Cell], left: int) -> tuple[str, ...]:
    return tuple(tail(_shown(c), _WIDTH_OF_TEXT) if i < left else _shown(c) for i, c in enumerate(row))


def _shown(cell: Cell) -> str:
    return "" if cell is None else readable(str(cell))


def _padded(text: str, width: int, left: bool) -> str:  # noqa: FBT001 - one of two ways, in one place
    return text.ljust(width) if left else text.rjust(width)


class Report:
    """What a report, a dataclass, can be shown as.

    A subclass gives ``tables`` and a ``__repr__`` of one line without times and addresses, which is the same each time.
    What names bring along into that line does not act.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if own := vars(cls).get("__repr__"):
            type.__setattr__(cls, "__repr__", wraps(own)(lambda self: plain(own(self))))

    def tables(self) -> tuple[Table, ...]:
        """What there is to read, in order."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """Plain values, for ``json.dumps``."""
        plain: dict[str, Any] = to_plain(self)
        return plain

    def __str__(self) -> str:
        return "\n\n".join(map(as_text, self.tables()))

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return "".join(map(as_html, self.tables()))
