"""One processor for both sides of a comparison.

Processors of one machine differ while others use what they share: on a virtual machine one can take 1.6 times as long
as its neighbour for minutes. Two programs that alternate stay each where the system has put it, and their ratio would
be that of the processors.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tfjslab.backends.base import Backend

_ON_THE_CALLING_THREAD = "wasm-"  # numpy and drivers have threads of their own


@contextmanager
def same_processor(pid: int, backend: Backend) -> Iterator[None]:
    """Let this thread and the main one of the program ``pid`` compute on the same processor, one of those allowed.

    Only where each computes with one thread, and where the system (Linux) can be told so. Threads that the program has
    for other purposes go where they like. At the end this thread may go everywhere again.
    """
    alone = backend.threads == 1 and backend.name.startswith(_ON_THE_CALLING_THREAD)
    if not alone or not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    chosen = {max(allowed)}
    try:
        os.sched_setaffinity(pid, chosen)
        os.sched_setaffinity(0, chosen)
        yield
    finally:
        os.sched_setaffinity(0, allowed)
