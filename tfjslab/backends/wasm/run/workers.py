"""The threads behind ``wasm-threads``: a session's helpers, which wait inside WebAssembly for the next run.

A worker sleeps on a word of the session's memory (``memory.atomic.wait32``), after polling it for some 50 us, so
that runs in a row find it awake and an idle one burns nothing. The run itself wakes it, from inside WebAssembly: there
the caller has let go of Python's lock, which the worker needs for a moment, and would otherwise have to sleep for.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from tfjslab.backends.wasm.run.engine import Instance, Module, cached_module
from tfjslab.backends.wasm.run.heap import Heap
from tfjslab.base import forks
from tfjslab.base.errors import BACKEND_THREADS, DEVICE_LOST, BackendError, OutOfMemoryError
from tfjslab.base.interrupts import Uninterrupted
from tfjslab.base.threads import start_thread

_POLLS = 20_000
_WAIT = """(module (import "env" "memory" (memory 1 65536 shared)) (export "memory" (memory 0))
(func (export "wait") (param $word i32) (param $seen i32) (local $poll i32)
  (local.set $poll (i32.const {polls}))
  (loop $again
    (if (i32.ne (i32.atomic.load (local.get $word)) (local.get $seen)) (then (return)))
    (if (local.get $poll)
      (then (local.set $poll (i32.sub (local.get $poll) (i32.const 1))))
      (else (drop (memory.atomic.wait32 (local.get $word) (local.get $seen) (i64.const -1)))))
    (br $again)))
(func (export "wake") (param $word i32)
  (drop (i32.atomic.rmw.add (local.get $word) (i32.const 1)))
  (drop (memory.atomic.notify (local.get $word) (i32.const -1)))))"""

Job = Callable[[int], None]


@lru_cache(maxsize=1)
def _wait_module() -> Module:
    """The compiled functions, from the disk where they were made before."""
    text = _WAIT.replace("{polls}", str(_POLLS))
    return cached_module(hashlib.sha256(text.encode()).hexdigest(), lambda: text)[0]


forks.in_child(_wait_module.cache_clear)  # it is of the parent's engine


class Workers:
    """``count`` threads that run ``job(1)``, ``job(2)``, ... whenever the word at ``word`` changes.

    Whoever changes it must see to it that all of them have started (a barrier) before changing it again.
    """

    def __init__(self, count: int, heap: Heap) -> None:
        self._job: Job | None = None
        self._errors: list[BaseException] = []
        self._lost: dict[int, BaseException] = {}  # what ended workers that nobody had asked to end
        self._done = threading.Condition()
        self._heap = heap
        self._instances: list[Instance] = []
        self._threads: list[threading.Thread] = []
        self.word = heap.alloc(64)
        try:
            self._count = heap.view(self.word, (1,), np.dtype(np.int32))
            self._count[0] = 0
            self._start(count)
        except BaseException:
            self.close()
            raise

    def _start(self, count: int) -> None:
        """Make everything first that may fail in a thread."""
        module = _wait_module()
        self._returned = [0] * (count + 1)  # the word at which each has done its last job
        for _ in range(count + 1):
            instance = Instance(module, self._heap.memory)
            self._instances.append(instance)
            instance.prepare("wait", 2)
            instance.prepare("wake", 1)
        for i in range(1, count + 1):
            thread = threading.Thread(target=self._main, args=(i,), name=f"tfjslab-wasm-{i}", daemon=True)
            try:
                with Uninterrupted():
                    start_thread(thread)
                    self._threads.append(thread)
            except OutOfMemoryError as e:
                raise BackendError(
                    f"{count} threads for WebAssembly were asked for, the system gave {i - 1}: {e.__cause__}; "
                    "set_threads_count takes fewer", code=BACKEND_THREADS,
                ) from e

    @property
    def count(self) -> int:
        """Live threads."""
        return sum(t.is_alive() for t in self._threads)

    def run(self, job: Job) -> None:
        """Run ``job(0)`` here, which must change the word at its beginning; the workers do their parts beside it.

        It returns when the caller's part is done, which by the barrier at its end means that all results are there;
        the workers may still be on their way back (see ``settle``). Raises the first error of any part; BackendError
        (``backend.device_lost``) where a thread is gone, for which a barrier would wait forever.
        """
        if self._lost:
            error = next(iter(self._lost.values()))
            raise BackendError(f"a thread for WebAssembly has ended: {error!r}", code=DEVICE_LOST) from error
        self._errors.clear()
        self._job = job
        try:
            job(0)
        except BaseException:
            self.settle()  # whoever failed first has let the others fail too
            if self._errors:
                raise self._errors[0] from None
            raise

    def settle(self) -> None:
        """Wait until every worker has done the last job that it was woken for: before what they run in is taken away.

        Who was never woken, because Ctrl-C came first, has nothing to do: the word is what it was.
        """
        with self._done:
            self._done.wait_for(lambda: all(
                i in self._lost or self._returned[i] == int(self._count[0]) for i in range(1, len(self._threads) + 1)))

    def close(self) -> None:
        """End the threads and give everything back."""
        self.settle()
        self._job = None
        if self._threads:
            self._instances[0].call("wake", self.word)
        for t in self._threads:
            t.join()
        for instance in self._instances:
            instance.close()
        self._heap.free(self.word)

    def _main(self, tid: int) -> None:
        try:
            self._loop(tid)
        except BaseException as e:  # noqa: BLE001 - the next run raises it
            with self._done:
                self._lost[tid] = e
                self._done.notify_all()

    def _loop(self, tid: int) -> None:
        seen = 0
        while True:
            self._instances[tid].call("wait", self.word, seen)
            seen = int(self._count[0])
            if self._job is None:
                return
            try:
                self._job(tid)
            except BaseException as e:  # noqa: BLE001 - the caller raises it
                self._errors.append(e)
            with self._done:
                self._returned[tid] = seen
                self._done.notify_all()
