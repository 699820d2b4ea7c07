"""What becomes of a process that forks, as ``multiprocessing`` does it with "fork".

A child has one thread and a copy of everything else. Whatever waits for another thread of the parent waits for ever
there: helpers of a run, threads that compile, drivers. So a child leaves alone what the parent made, giving it back
included, and makes its own when it needs it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Lock, RLock
from weakref import WeakSet

_LEFT: list[object] = []
_LOCKS: WeakSet[Lock | RLock] = WeakSet()
_CHILD: list[bool] = []  # not empty in a process that was forked after this module was loaded


def in_child(work: Callable[[], object]) -> None:
    """Call ``work`` at the beginning of every child, after what was handed in before; never where none can be."""
    if hasattr(os, "register_at_fork"):  # not on Windows
        os.register_at_fork(after_in_child=work)


def whole_at_fork(lock: RLock) -> None:
    """Fork only while no other thread is in what ``lock`` guards: a child finds that whole, and the lock free.

    Locks are taken in the reverse order: hand in the outer one after the inner one.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)


def free_lock() -> Lock:
    """A lock that is free at the beginning of every child, whoever held it in the parent.

    What it guards may have been half changed there: say with ``in_child`` how it is put in order.
    """
    made = Lock()
    _LOCKS.add(made)
    return made


def free_rlock() -> RLock:
    """The same that one thread may take several times."""
    made = RLock()
    _LOCKS.add(made)
    return made


def _free() -> None:
    for lock in tuple(_LOCKS):
        lock._at_fork_reinit()  # type: ignore[union-attr]  # noqa: SLF001 - as Python's own modules do it


def leave(what: object) -> None:
    """In a child: keep what is the parent's until the process ends, unused, as giving it back might never end."""
    _LEFT.append(what)


def is_child() -> bool:
    """Whether this process was forked from one that had loaded this package."""
    return bool(_CHILD)


in_child(_free)
in_child(lambda: _CHILD.append(True))
