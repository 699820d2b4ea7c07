"""Writing a file of the session, such as the report, in a thread of its own. No widgets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tfjslab.base.progress import Progress
from tfjslab.lab.publishing import Publish
from tfjslab.lab.task import Task


class FileJob(Task):
    """Writes a file; ``write`` does it, tells its steps, and gives the path."""

    def __init__(self, name: str, write: Callable[[Progress], Path], publish: Publish) -> None:
        super().__init__(publish)
        self.first = f"writing {name}"
        self._write = write

    def work(self) -> str:
        """Write it."""
        return f"wrote {self._write(self.step)}"
