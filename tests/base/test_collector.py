"""Pausing the collector: nested, from several threads, and never turning on what was off."""

from __future__ import annotations

import gc
import threading

import pytest

from tfjslab.base.collector import collector_paused


@pytest.fixture(autouse=True)
def _as_before():
    before = gc.isenabled()
    gc.enable()
    yield
    (gc.enable if before else gc.disable)()


def test_it_is_off_inside_and_on_again_after_an_error():
    seen = []

    def fail():
        with collector_paused():
            seen.append(gc.isenabled())
            with collector_paused():
                seen.append(gc.isenabled())
            seen.append(gc.isenabled())
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail()
    assert [*seen, gc.isenabled()] == [False, False, False, True]


def test_what_was_off_stays_off():
    gc.disable()
    with collector_paused(), collector_paused():
        pass
    assert not gc.isenabled()


def test_the_last_thread_to_leave_turns_it_on():
    inside, leave = threading.Event(), threading.Event()

    def other():
        with collector_paused():
            inside.set()
            leave.wait()

    thread = threading.Thread(target=other)
    with collector_paused():
        thread.start()
        inside.wait()
    assert not gc.isenabled()
    leave.set()
    thread.join()
    assert gc.isenabled()
