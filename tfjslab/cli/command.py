"""What a command is, and what it gives back: data for scripts and a way to show them to people."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich.console import Console

OK, INTERRUPTED = 0, 130


@dataclass(frozen=True)
class Outcome:
    """The result of a command.

    ``data`` is what ``--json`` writes. ``show`` prints the same for people. ``exit_code`` is INTERRUPTED when the
    person stopped the work and ``data`` is what had been measured until then. ``after`` is done when all is shown, as a
    chart to a file: what goes wrong there is told, and costs no result.
    """

    data: Any
    show: Callable[[Console], None]
    exit_code: int = OK
    after: Callable[[], None] | None = None


@dataclass(frozen=True)
class Command:
    """One row of the command list. ``examples`` are shown by ``--help``, one a line."""

    name: str
    summary: str
    examples: tuple[str, ...]
    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], Outcome]

    @property
    def epilog(self) -> str:
        """The examples as ``--help`` prints them."""
        return "\n  ".join(("examples:", *self.examples))
