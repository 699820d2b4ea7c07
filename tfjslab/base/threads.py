"""Starting threads, here only: where the system has none left, a typed error says so."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from tfjslab.base.errors import OutOfMemoryError
from tfjslab.base.interrupts import Uninterrupted

P = ParamSpec("P")
R = TypeVar("R")


def start_thread(thread: threading.Thread) -> None:
    """Start a thread; OutOfMemoryError (``threads``) where the system refuses another one.

    Where Ctrl-C comes meanwhile, it runs when that is raised; one whose ``ident`` is None does not.
    """
    try:
        with Uninterrupted():  # Python itself waits in there for a thread that runs already
            thread.start()
    except RuntimeError as e:
        raise _refused(thread.name, e) from e


def submit(pool: ThreadPoolExecutor, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
    """Have work done by a pool, which may have to start a thread for it; OutOfMemoryError as above."""
    try:
        return pool.submit(work, *args, **kwargs)
    except RuntimeError as e:
        raise _refused("of a pool", e) from e


def _refused(name: str, error: RuntimeError) -> OutOfMemoryError:
    return OutOfMemoryError(
        f"thread '{name}' cannot be started: {error}; {threading.active_count()} run in this process, the limit is the "
        "system's (ulimit -u, or that of the container)", code="threads")
