"""What the dashboard does besides runs, in the background one at a time: files, web modules, streams. No widgets."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tfjslab.base.errors import UsageError
from tfjslab.base.progress import Progress, no_progress
from tfjslab.lab import export, session
from tfjslab.lab.controller import Controller
from tfjslab.lab.file_job import FileJob
from tfjslab.lab.publishing import Publish
from tfjslab.lab.stream_job import StreamJob
from tfjslab.lab.task import Task
from tfjslab.lab.web_job import WebJob, Written


class Writing:
    """Writes what ``controller`` has measured. ``publish`` hears how it goes in the background."""

    def __init__(self, controller: Controller, publish: Publish) -> None:
        self._controller, self._publish = controller, publish
        self._task: Task | None = None

    @property
    def is_web(self) -> bool:
        """Whether what was begun last is a web module."""
        return isinstance(self._task, WebJob)

    @property
    def web(self) -> Written | None:
        """The web module that was written last, unless something else was begun after it."""
        return self._task.written if isinstance(self._task, WebJob) else None

    @property
    def stream(self) -> StreamJob | None:
        """The stream that was begun last, unless something else was begun after it."""
        return self._task if isinstance(self._task, StreamJob) else None

    def check_idle(self) -> None:
        """UsageError while something is at work."""
        if self._task is not None and self._task.busy:
            what = "a web module is being written" if self.is_web else "a file is being written"
            what = "a stream is under way" if self.stream else what
            raise UsageError(f"{what}; stop it first, or wait for its end")

    def start(self, task: Task) -> None:
        """Begin a task, which is the only one then."""
        self._task = task
        task.start()

    def start_file(self, path: Path) -> None:
        """Begin to write a file."""
        self.start(FileJob(path.name, partial(self.file, path), self._publish))

    def stop(self) -> None:
        """End it before its next step."""
        if self._task is not None:
            self._task.stop()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for its end; whether it came in time."""
        return self._task is None or self._task.wait(timeout_s)

    def file(self, path: Path, progress: Progress = no_progress) -> Path:
        """Write a report (``.html``), the results (``.csv``), or results and profiles (``.json``), by the suffix."""
        if path.suffix.lower() == ".html":
            return session.write_text(path, self.report(progress))
        return export.write(self._controller.session, path)

    def report(self, progress: Progress = no_progress) -> str:
        """The report, with the ceilings of every backend."""
        for run in self._controller.session.runs:
            if run.profile is not None and run.ceilings is None:
                progress(f"measuring what this machine can do at most, for run #{run.number}", 0, 0)
                self._controller.measure_ceilings(run)
        return export.report_html(self._controller.session, self._controller.graph, progress)
