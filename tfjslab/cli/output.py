"""Where results go: tables on stdout, JSON to a file or stdout, progress and errors on stderr."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tfjslab.base.errors import UsageError
from tfjslab.base.files import write_whole
from tfjslab.base.messages import plain, readable
from tfjslab.base.tables import Report
from tfjslab.cli.command import INTERRUPTED, Outcome

# Without a terminal nothing is known of the width: wide enough that no column is cut in a file or a pipe.
_WIDTH_WITHOUT_TERMINAL = 200
_LEAST = 16  # characters of a name in a line, so that it wraps into few
_WIDE = 120  # where tables show all of their columns


class _Console(Console):
    """rich leaves the process when a pipe closes; the frame of the command line decides that here.

    Names in what is shown cannot act on the terminal.
    """

    def render_str(self, text: str, **how: Any) -> Text:
        """A text, whose lines are ours."""
        return super().render_str("\n".join(map(readable, text.split("\n"))), **how)

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def emit(report: Outcome, json_target: str | None) -> None:
    """Write a report as JSON where asked, and show it on stdout unless the JSON goes there."""
    if json_target is not None:
        write_json(report.data, json_target, "--json")
    if json_target != "-":
        width = None if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL
        report.show(_Console(file=sys.stdout, width=width, markup=False, highlight=False, emoji=False))
    if report.after is not None:
        sys.stdout.flush()
        try:
            report.after()
        except UsageError as e:
            if report.exit_code != INTERRUPTED:
                raise
            tell("warning", e)  # what was measured until then may be too little for a chart


def write_json(data: Any, target: str, option: str) -> None:
    """Write to a file, or to stdout where ``target`` is ``-``. UsageError names the ``option`` when that fails."""
    # A NaN would make the file unreadable for strict parsers; what could not be measured is None by now.
    text = json.dumps(data, indent=1, allow_nan=False) + "\n"
    if target == "-":
        sys.stdout.write(text)
        return
    try:
        write_whole(target, text)
    except OSError as e:
        raise UsageError(f"{option} {target}: cannot be written ({e.strerror})") from None


def print_table(
    console: Console, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, left: int = 1,
    wide: Container[str] = (), without: Container[str] = (),
) -> None:
    """A table whose first ``left`` columns are text and the others numbers, aligned right. None is left empty.

    Columns in ``wide`` are left out where they would make the others unreadable, those in ``without`` always. Texts
    wrap, numbers stay whole.
    """
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    fitting = [i for i, column in enumerate(columns) if console.width >= _WIDE or column not in wide]
    shown = [i for i in fitting if columns[i] not in without]
    found = list(rows)
    least = min(_LEAST, max((len(str(row[0])) for row in found), default=0)) if left == 1 else None
    for i in shown:
        made.add_column(columns[i], justify="left" if i < left else "right", overflow="fold",
                        min_width=least if i < left else None)
    for row in found:
        made.add_row(*("" if row[i] is None else readable(str(row[i])) for i in shown))
    # Not the table's own title: that would be padded to the table's width.
    console.print(f"\n{title}", style="bold")
    console.print(made)


def print_report(console: Console, shown: Report) -> None:
    """The tables of a report with the notes below each."""
    for table in shown.tables():
        print_table(console, table.title, table.columns, table.rows, left=table.left)
        for line in (*table.notes, ""):
            console.print(line)


def tell(kind: str, message: object) -> None:
    """One line on stderr, however many the message has."""
    sys.stderr.write(f"tfjslab: {kind}: {plain(' '.join(str(message).split()))}\n")


@contextmanager
def one_line_warnings() -> Iterator[None]:
    """Show warnings as errors are shown, without the place in the code that means nothing to whoever types commands."""
    def show(message: Warning | str, *_where: Any, **_more: Any) -> None:
        tell("warning", message)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
