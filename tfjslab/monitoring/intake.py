"""Between requests and the store: all that wait are committed together, so that one flush to the disk serves many."""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Self

from tfjslab.base.errors import LimitError
from tfjslab.base.threads import start_thread
from tfjslab.monitoring.batch import Batch
from tfjslab.monitoring.store import MonitorStore

MOST_WAITING = 1000
MOST_TOGETHER = 200
HOUR_S = 3600.0
_Waiting = tuple[Batch, "Future[bool]"]


class Intake:
    """Puts batches into a store, on a thread of its own, while its block runs."""

    def __init__(self, store: MonitorStore, keep_days: int, now: Callable[[], float] = time.time) -> None:
        self._store, self._keep_days, self._now = store, keep_days, now
        self._waiting: queue.Queue[_Waiting | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._main, name="tfjslab-monitor", daemon=True)
        self._tidy_at = 0.0

    def count(self, batch: Batch) -> bool:
        """Whether a batch was new; it is on the disk then. LimitError (``monitor.busy``) where that cannot be."""
        counted: Future[bool] = Future()
        try:
            self._waiting.put_nowait((batch, counted))
            return counted.result()
        except queue.Full:
            raise LimitError(f"{MOST_WAITING} batches wait already", code="monitor.busy") from None
        except sqlite3.Error as e:
            raise LimitError(f"the store cannot be written: {e}", code="monitor.busy") from None

    def _main(self) -> None:
        while (first := self._waiting.get()) is not None:
            together, ends = [first], False
            while len(together) < MOST_TOGETHER and not self._waiting.empty() and not ends:
                if (more := self._waiting.get()) is None:
                    ends = True
                else:
                    together.append(more)
            self._commit(together)
            if ends:
                return

    def _commit(self, together: list[_Waiting]) -> None:
        try:
            now = self._now()
            new = self._store.add([batch for batch, _ in together], now)
        except Exception as e:  # noqa: BLE001 - whoever waits is told, and the thread goes on
            for _, counted in together:
                counted.set_exception(e)
            return
        for (_, counted), is_new in zip(together, new, strict=True):
            counted.set_result(is_new)
        if now >= self._tidy_at:
            self._tidy(now)

    def _tidy(self, now: float) -> None:
        self._tidy_at = now + HOUR_S
        try:
            self._store.forget(now, self._keep_days)
        except sqlite3.Error:
            self._tidy_at = now + HOUR_S / 60  # it is tried again soon; nothing is lost by what is left

    def __enter__(self) -> Self:
        start_thread(self._thread)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None,
    ) -> None:
        self._waiting.put(None)
        self._thread.join()
