"""A progress bar on stderr, for people who watch; pipes and logs get nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from tfjslab.base.messages import plain

Report = Callable[[str, int, int | None], None]


@contextmanager
def progress() -> Iterator[Report]:
    """Give a function that is told ``(what, done, total)``, total None when unknown; each ``what`` is one bar."""
    # No thread that redraws: it would take time from what is being measured. The bar moves when it is told to.
    bar = Progress(
        TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn(), auto_refresh=False,
        transient=True, console=Console(file=sys.stderr), disable=not sys.stderr.isatty(),
    )
    tasks: dict[str, TaskID] = {}

    def report(what: str, done: int, total: int | None) -> None:
        if what not in tasks:
            tasks[what] = bar.add_task(plain(what), total=total)
        bar.update(tasks[what], completed=done, total=total, visible=done != total)
        bar.refresh()

    with bar:
        yield report
