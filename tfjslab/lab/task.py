"""Work beside the measuring, such as writing files, in a thread of its own that tells how far it is. No widgets."""

from __future__ import annotations

import threading
import time

from tfjslab.base.errors import OutOfMemoryError, TfjslabError
from tfjslab.base.progress import Throttle
from tfjslab.base.threads import start_thread
from tfjslab.engine.measure import Clock
from tfjslab.lab.publishing import STOPPED, Publish
from tfjslab.lab.session import Snapshot


class _Stop(Exception):  # noqa: N818 - no error: it leads out of the work when Stop was pressed
    """Stop was pressed."""


class Task:
    """``start`` it, ``stop`` it, ``wait`` for it. Nothing is raised; ``publish`` hears how it goes and ends.

    A task of a kind defines ``work``, which calls ``step`` before each of its steps, and ``first``, what is told first.
    """

    first = ""
    phase, ending = "exporting", "written"  # of snapshots while it is at work, and of the last one

    def __init__(self, publish: Publish, clock: Clock = time.perf_counter) -> None:
        self._publish = publish
        self.showing = Throttle(clock)
        self._stop, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._main, name="tfjslab-task", daemon=True)

    def work(self) -> str:
        """Do it; what is told at the end."""
        raise NotImplementedError

    @property
    def busy(self) -> bool:
        """Whether it is at work."""
        return self._thread.ident is not None and not self._ended.is_set()

    @property
    def stopped(self) -> bool:
        """Whether Stop was pressed."""
        return self._stop.is_set()

    def start(self) -> None:
        """Begin, in the background; where the system has no thread for it, that is how it ends."""
        self._show(self.first, 0, 0)
        try:
            start_thread(self._thread)
        except OutOfMemoryError as e:
            self._ended.set()
            self._publish(Snapshot("failed", str(e)))

    def stop(self) -> None:
        """End it before its next step. One that has ended stays as it is."""
        if self.busy:
            self._stop.set()
            self._publish(Snapshot("stopping"))

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it has ended; whether that happened in time."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def step(self, what: str, done: int, total: int) -> None:
        """Tell a step; the way out before it. After the last one what was made is there already."""
        if self._stop.is_set() and (done < total or not total):
            raise _Stop
        self._show(what, done, total)

    def loading(self, what: str, done: int, total: int | None) -> None:
        """Tell how much of a file is read, now and then."""
        if self.showing.due():
            self.step(f"loading {what}", done, total or 0)

    def _main(self) -> None:
        try:
            end = Snapshot(self.ending, self.work(), 1, 1)
        except _Stop:
            end = Snapshot(STOPPED)
        except TfjslabError as e:
            end = Snapshot("failed", str(e))
        except MemoryError:
            end = Snapshot("failed", f"there is not enough memory for this: {self.first}")
        except Exception as e:  # noqa: BLE001 - whatever happens, the dashboard says so and stays usable
            end = Snapshot("failed", f"{type(e).__name__}: {e}")
        self._ended.set()
        self._publish(end)

    def _show(self, what: str, done: int, total: int) -> None:
        self._publish(Snapshot(self.phase, what, done, total))
