"""Where results go: tables on stdout, JSON to a file or stdout, progress and errors on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from tfjslab.base.errors import UsageError
from tfjslab.cli.command import Report

# Without a terminal nothing is known of the width: wide enough that no column is cut in a file or a pipe.
_WIDTH_WITHOUT_TERMINAL = 200


def emit(report: Report, json_target: str | None) -> None:
    """Write a report as JSON where asked, and show it on stdout unless the JSON goes there."""
    if json_target is not None:
        _write_json(report.data, json_target)
    if json_target != "-":
        width = None if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL
        report.show(Console(file=sys.stdout, width=width, markup=False, highlight=False, emoji=False))


def _write_json(data: Any, target: str) -> None:
    # A NaN would make the file unreadable for strict parsers; what could not be measured is None by now.
    text = json.dumps(data, indent=1, allow_nan=False) + "\n"
    if target == "-":
        sys.stdout.write(text)
        return
    try:
        Path(target).write_text(text, encoding="utf-8")
    except OSError as e:
        raise UsageError(f"--json {target}: cannot be written ({e.strerror})") from None


def print_table(
    console: Console, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, left: int = 1,
) -> None:
    """A table whose first ``left`` columns are text and the others numbers, aligned right. None is left empty."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for i, column in enumerate(columns):
        made.add_column(column, justify="left" if i < left else "right", overflow="fold")
    for row in rows:
        made.add_row(*("" if cell is None else str(cell) for cell in row))
    # Not the table's own title: that would be padded to the table's width.
    console.print(f"\n{title}", style="bold")
    console.print(made)


def one_line(error: BaseException) -> str:
    """An error as the one line that goes to stderr."""
    return f"tfjslab: error: {' '.join(str(error).split())}"
