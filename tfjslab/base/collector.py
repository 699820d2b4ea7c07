"""Python's cyclic garbage collector and work that makes many objects, none of them garbage."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.Lock()
_HOLDERS: list[bool] = []  # whether the collector was on, as each of those found it who pause it now


@contextmanager
def collector_paused() -> Iterator[None]:
    """Run a block without collections, in all threads; those that are due follow it.

    Reading a model makes tens of thousands of objects that stay. Each few hundred of them would have the collector look
    for garbage among them, and now and then among all objects of the process, which takes longer than the reading.
    """
    with _LOCK:
        _HOLDERS.append(gc.isenabled())
        gc.disable()
    try:
        yield
    finally:
        with _LOCK:
            was_on = _HOLDERS.pop(0)  # the first one found what the last one restores
            if _HOLDERS:
                _HOLDERS[0] = was_on
            elif was_on:
                gc.enable()
