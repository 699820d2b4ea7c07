"""The threads behind ``wasm-threads``: each sleeps on a lock between runs, so an idle worker burns nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Workers:
    """``count`` threads that run one job together with the caller. Errors of workers are raised in ``join``."""

    def __init__(self, count: int) -> None:
        self._jobs: list[Callable[[int], None] | None] = [None] * count
        self._errors: list[BaseException | None] = [None] * count
        self._start = [threading.Semaphore(0) for _ in range(count)]
        self._done = [threading.Semaphore(0) for _ in range(count)]
        self._threads = [
            threading.Thread(target=self._loop, args=(i,), name=f"tfjslab-wasm-{i + 1}", daemon=True)
            for i in range(count)
        ]
        for t in self._threads:
            t.start()

    @property
    def count(self) -> int:
        """Live threads."""
        return sum(t.is_alive() for t in self._threads)

    def start(self, job: Callable[[int], None]) -> None:
        """Let worker i run ``job(i + 1)``; the caller is number 0."""
        for i, s in enumerate(self._start):
            self._jobs[i] = job
            s.release()

    def join(self) -> None:
        """Wait for all workers; raises the first worker's error."""
        for d in self._done:
            d.acquire()
        found = next((e for e in self._errors if e is not None), None)
        self._errors = [None] * len(self._errors)
        if found is not None:
            raise found

    def close(self) -> None:
        """End the threads."""
        for i, s in enumerate(self._start):
            self._jobs[i] = None
            s.release()
        for t in self._threads:
            t.join()

    def _loop(self, i: int) -> None:
        while True:
            self._start[i].acquire()
            job = self._jobs[i]
            if job is None:
                return
            try:
                job(i + 1)
            except BaseException as e:  # noqa: BLE001 - handed to the caller, who raises it
                self._errors[i] = e
            self._done[i].release()
