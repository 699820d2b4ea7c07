"""Python's cyclic garbage collector and work that makes many objects, none of them garbage."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tfjslab.base import forks

_LOCK = forks.free_lock()
# The threads that pause the collector now, and whether it was on as each found it.
_HOLDERS: list[tuple[int, bool]] = []


@contextmanager
def collector_paused() -> Iterator[None]:
    """Run a block without collections, in all threads; those that are due follow it.

    Reading a model makes tens of thousands of objects that stay. Each few hundred of them would have the collector look
    for garbage among them, and now and then among all objects of the process, which takes longer than the reading.
    """
    thread = threading.get_ident()
    with _LOCK:
        _HOLDERS.append((thread, gc.isenabled()))
        gc.disable()
    try:
        yield
    finally:
        with _LOCK:
            _end(next(i for i, (holder, _) in enumerate(_HOLDERS) if holder == thread))


def _end(holder: int) -> None:
    """One of them pauses it no more: the first one found what the last one restores."""
    _, was_on = _HOLDERS.pop(holder)
    if holder == 0 and _HOLDERS:
        _HOLDERS[0] = (_HOLDERS[0][0], was_on)
    elif holder == 0 and was_on:
        gc.enable()


def _in_child() -> None:
    """The other threads stayed in the parent."""
    own = threading.get_ident()
    for i in reversed(range(len(_HOLDERS))):
        if _HOLDERS[i][0] != own:
            _end(i)


forks.in_child(_in_child)
