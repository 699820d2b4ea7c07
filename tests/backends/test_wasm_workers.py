"""Workers wake with a run, give errors to the caller, and are never waited for in vain."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from support.failing import failing

from tfjslab.backends.wasm.run.engine import Instance, compile_text
from tfjslab.backends.wasm.run.heap import Heap
from tfjslab.backends.wasm.run.workers import _WAIT, Workers
from tfjslab.base.errors import BackendError


@pytest.fixture(name="workers")
def _workers():
    heap = Heap()
    workers = Workers(2, heap)
    yield workers
    workers.close()
    assert heap.used_bytes == 0
    heap.close()


class _Meeting:
    """A job whose parts wait for each other, as the barriers of a plan make them."""

    def __init__(self, workers, failing=()):
        self.word = workers._heap.view(workers.word, (1,), np.dtype(np.int32))
        module = compile_text(_WAIT.replace("{polls}", "1"))
        self.waker = Instance(module, workers._heap.memory)
        self.waker.prepare("wake", 1)
        self.address = workers.word
        self.barrier = threading.Barrier(3)
        self.failing = failing
        self.seen = []

    def __call__(self, tid):
        if tid == 0:
            self.waker.call("wake", self.address)
        self.barrier.wait(timeout=20)
        self.seen.append(tid)
        if tid in self.failing:
            raise ValueError(f"part {tid} failed")


def test_all_parts_run_each_time(workers):
    meeting = _Meeting(workers)
    for _ in range(50):
        workers.run(meeting)
    workers.settle()
    assert sorted(meeting.seen) == [0] * 50 + [1] * 50 + [2] * 50
    assert workers.count == 2
    meeting.waker.close()


def test_a_failed_caller_waits_for_the_others_and_gives_their_error_first(workers):
    meeting = _Meeting(workers, failing=(0, 2))
    with pytest.raises(ValueError, match=r"part [02] failed"):
        workers.run(meeting)
    workers.run(_Meeting(workers))
    meeting.waker.close()


def test_a_run_that_ends_before_it_wakes_anybody_leaves_no_one_waiting(workers):
    """Ctrl-C between the two."""

    def interrupted(_tid):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        workers.run(interrupted)
    workers.settle()
    meeting = _Meeting(workers)
    workers.run(meeting)
    meeting.waker.close()


@pytest.mark.parametrize(("kind", "at"), [("threads", 1), ("threads", 2), ("engine", 2), ("engine", 4)])
def test_workers_are_there_or_nothing_is(kind, at):
    heap = Heap()
    before = threading.active_count()
    with failing(at, kind), pytest.raises(BackendError):
        Workers(2, heap)
    assert (heap.used_bytes, threading.active_count()) == (0, before)
    heap.close()


def test_it_says_how_many_threads_the_system_gave():
    heap = Heap()
    with failing(2, "threads"), pytest.raises(BackendError) as caught:
        Workers(2, heap)
    heap.close()
    assert caught.value.code == "backend.threads"
    assert str(caught.value) == ("2 threads for WebAssembly were asked for, the system gave 1: can't start new thread; "
                                 "set_threads_count takes fewer")


def test_a_thread_that_ended_is_told_and_not_waited_for(monkeypatch):
    call = Instance.call

    def trapping(instance, name, *args):
        if name == "wait":
            raise BackendError("a WebAssembly kernel trapped: out of bounds")
        call(instance, name, *args)

    heap = Heap()
    with monkeypatch.context() as patched:
        patched.setattr(Instance, "call", trapping)
        workers = Workers(2, heap)
        for thread in workers._threads:
            thread.join()
    with pytest.raises(BackendError, match=r"a thread for WebAssembly has ended: .*out of bounds") as caught:
        workers.run(lambda _tid: None)
    assert caught.value.code == "backend.device_lost"
    workers.close()
    assert heap.used_bytes == 0
    heap.close()
