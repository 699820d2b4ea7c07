"""Starting threads: where the system has none left, a typed error says so."""

from __future__ import annotations

import threading

from tfjslab.base.errors import OutOfMemoryError
from tfjslab.base.interrupts import Uninterrupted


def start_thread(thread: threading.Thread) -> None:
    """Start a thread; OutOfMemoryError (``threads``) where the system refuses another one.

    Where Ctrl-C comes meanwhile, it runs when that is raised; one whose ``ident`` is None does not.
    """
    try:
        with Uninterrupted():  # Python itself waits in there for a thread that runs already
            thread.start()
    except RuntimeError as e:
        raise OutOfMemoryError(
            f"thread '{thread.name}' cannot be started: {e}; {threading.active_count()} run in this process, the limit "
            "is the system's (ulimit -u, or that of the container)", code="threads",
        ) from e
