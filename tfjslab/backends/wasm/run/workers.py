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
        self._inside = 0  # workers that are in a job
        self._done = threading.Condition()
        self._heap = heap
        self.word = heap.alloc(64)
        heap.view(self.word, (1,), np.dtype(np.int32))[0] = 0
        module = _wait_module()
        self._instances = [Instance(module, heap.memory) for _ in range(count + 1)]
        for instance in self._instances:
            instance.prepare("wait", 2)
            instance.prepare("wake", 1)
        self._threads = [
            threading.Thread(target=self._loop, args=(i,), name=f"tfjslab-wasm-{i}", daemon=True)
            for i in range(1, count + 1)
        ]
        for t in self._threads:
            t.start()

    @property
    def count(self) -> int:
        """Live threads."""
        return sum(t.is_alive() for t in self._threads)

    def run(self, job: Job) -> None:
        """Run ``job(0)`` here, which must change the word at its beginning; the workers do their parts beside it.

        It returns when the caller's part is done, which by the barrier at its end means that all results are there;
        the workers may still be on their way back (see ``settle``). Raises the first error of any part.
        """
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
        """Wait until no worker is inside a job: before what they run in may be taken away.

        Who has passed a barrier with the caller is inside; who was never woken, because Ctrl-C came first, is not.
        """
        with self._done:
            self._done.wait_for(lambda: self._inside == 0)

    def close(self) -> None:
        """End the threads and give everything back."""
        self.settle()
        self._job = None
        self._instances[0].call("wake", self.word)
        for t in self._threads:
            t.join()
        for instance in self._instances:
            instance.close()
        self._heap.free(self.word)

    def _loop(self, tid: int) -> None:
        word = self._heap.view(self.word, (1,), np.dtype(np.int32))
        seen = 0
        while True:
            self._instances[tid].call("wait", self.word, seen)
            seen = int(word[0])
            if self._job is None:
                return
            with self._done:
                self._inside += 1
            try:
                self._job(tid)
            except BaseException as e:  # noqa: BLE001 - the caller raises it
                self._errors.append(e)
            with self._done:
                self._inside -= 1
                self._done.notify_all()
