"""What pressing a button does, without buttons: runs start and end, results join the session. No widgets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from tfjslab.backends import registry
from tfjslab.backends.ceilings import ceilings_of
from tfjslab.base.errors import TfjslabError, UsageError
from tfjslab.engine.measure import Clock
from tfjslab.graph.ir import Graph
from tfjslab.lab.session import LabRun, LabSession, RunSettings, Snapshot
from tfjslab.lab.worker import Job
from tfjslab.model.subject import ModelSource

# Closing waits this long for the current inference; a slower one frees its memory when it ends.
CLOSE_S = 10.0


class Controller:
    """At most one run at a time. ``show`` is called with every snapshot, on the run's thread or the caller's.

    ``clock`` gives seconds, ``now`` the local time that runs are named by. ``between`` is called on a run's thread
    between two inferences.
    """

    def __init__(
        self, show: Callable[[Snapshot], None], clock: Clock = time.perf_counter,
        now: Callable[[], datetime] = datetime.now, between: Callable[[], object] | None = None,
    ) -> None:
        self.session = LabSession()
        self.snapshot = Snapshot()
        self._graphs: dict[int, Graph] = {}
        self._show = show
        self._clock = clock
        self._now = now
        self._between = between
        self._lock = threading.RLock()
        self._job: Job | None = None

    @property
    def last(self) -> LabRun | None:
        """The run that was finished last."""
        return self.session.runs[-1] if self.session.runs else None

    def graph(self, number: int) -> Graph | None:
        """The graph of a run, without weights; None for runs that were loaded from a file."""
        return self._graphs.get(number)

    def run(
        self, settings: RunSettings, source: ModelSource | None = None, calibration: Any = None,
        after: Callable[[], object] | None = None,
    ) -> None:
        """Start a run; UsageError when the settings make no sense or a run is under way.

        Before it measures, it waits for the end of the last one and calls ``after``, which waits for other work.
        """
        settings.check()
        with self._lock:
            if self.snapshot.busy:
                raise UsageError("a run is under way; stop it first, or wait for its end")
            before, job = self._job, None

            def publish(snapshot: Snapshot) -> None:
                self._receive(snapshot, job)

            def wait() -> None:
                if before is not None:
                    before.wait()
                if after is not None:
                    after()

            job = Job(settings, publish, source=source, clock=self._clock, after=wait, calibration=calibration,
                      between=self._between)
            self._job = job
            job.start()

    def stop(self) -> None:
        """End the run; what was measured is kept. Without a run nothing happens."""
        job = self._job
        if job is not None and self.snapshot.busy:
            job.stop()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the current run has freed everything; whether it did in time."""
        return self._job is None or self._job.wait(timeout_s)

    def close(self) -> None:
        """Stop, wait, and forget what was measured."""
        self.stop()
        self.wait(CLOSE_S)
        self._job = None
        self._graphs.clear()
        self.session, self.snapshot = LabSession(), Snapshot()

    def set_notes(self, notes: str) -> None:
        """Keep what the user wrote."""
        self.session = replace(self.session, notes=notes)

    def measure_ceilings(self, run: LabRun) -> str:
        """Measure the ceilings of a run's backend, unless they are known. Returns why that failed, or an empty string.

        Takes a second and a few hundred megabytes, so it is done only on request.
        """
        where = run.result.backend, run.result.threads
        if run.ceilings is not None:
            return ""
        if self.snapshot.busy:
            return "the machine's ceilings are measured when no run is under way; open this tab again then"
        try:
            found, reason = ceilings_of(registry.backend(*where), self._clock)
        except TfjslabError as e:  # the run is of another machine, which has other backends
            return str(e)
        if found is not None:
            with self._lock:
                self.session = self.session.with_ceilings(*where, found)
        return reason

    def replace_session(self, session: LabSession) -> None:
        """Continue another session, such as one from a file; UsageError while a run is under way."""
        if self.snapshot.busy:
            raise UsageError("a run is under way; stop it before another session is loaded")
        self._graphs.clear()
        self.session = session
        last = self.last
        self._receive(Snapshot(result=last.result, profile=last.profile) if last else Snapshot(), None)

    def _receive(self, snapshot: Snapshot, job: Job | None) -> None:
        with self._lock:
            self.snapshot = snapshot
            result, settings = snapshot.result, snapshot.settings
            if not snapshot.busy and job is not None and result is not None and result.runs and settings is not None:
                ended = self._now().isoformat(timespec="seconds")
                self.session = self.session.with_run(
                    settings, result, snapshot.profile, job.rewrite, ended, snapshot.memory)
                if job.graph is not None:
                    self._graphs[self.session.runs[-1].number] = job.graph
        self._show(snapshot)
