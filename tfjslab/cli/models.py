"""What MODEL means on the command line."""

from __future__ import annotations

from collections.abc import Callable

from tfjslab.cli.progress import Report
from tfjslab.model.load import load_model
from tfjslab.model.model import Model


def open_model(name: str, backend: str | None, threads: int | None, report: Report) -> Model:
    """Load a path or an address."""
    return load_model(name, backend, threads, report)


def loader(name: str, report: Report) -> Callable[[str | None, int | None], Model]:
    """``open_model`` for those who measure how long it takes."""
    return lambda backend, threads: open_model(name, backend, threads, report)
