"""How many threads numpy's BLAS has while it works for a backend that has a number of threads of its own.

Left alone, numpy multiplies matrices on all cores whatever a backend's figure says: "1 thread" would not be true, and
small products take longer for it. BLAS knows one number for the whole process. So it is set around a run that has host
steps; while several such runs are under way the smallest of their numbers holds, and after the last one what was there
before. It is never raised: who starts Python with ``OPENBLAS_NUM_THREADS=1`` has a reason. Entering and leaving take
2 us together; the libraries are looked up once, in 1 ms, by the first run that needs it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from typing import Any

from tfjslab.base import forks

_NO_LIMIT: AbstractContextManager[None] = nullcontext()


def host_threads(count: int) -> AbstractContextManager[None]:
    """Let BLAS have at most ``count`` threads while the block runs; 0 leaves it alone and costs nothing."""
    return _limits().at_most(count) if count else _NO_LIMIT


class BlasLimits:
    """The limits that hold now. ``libraries`` have ``get_num_threads()`` and ``set_num_threads(n)``."""

    def __init__(self, libraries: Sequence[Any]) -> None:
        self._libraries = libraries
        self._lock = forks.free_lock()
        self._asked: list[tuple[int, int]] = []  # which thread asked for how many
        self._before: list[int] = []

    @contextmanager
    def at_most(self, count: int) -> Iterator[None]:
        """See ``host_threads``. It may be entered from several threads, and within itself."""
        asked = threading.get_ident(), count
        with self._lock:
            if not self._asked:
                self._before = [library.get_num_threads() for library in self._libraries]
            self._asked.append(asked)
            self._set()
        try:
            yield
        finally:
            with self._lock:
                self._asked.remove(asked)
                self._set()

    def in_child(self) -> None:
        """In a forked process: what other threads asked for ends, as they stayed in the parent."""
        own = [asked for asked in self._asked if asked[0] == threading.get_ident()]
        if own != self._asked:
            self._asked = own
            self._set()

    def _set(self) -> None:
        for library, before in zip(self._libraries, self._before, strict=True):
            library.set_num_threads(min((before, *(count for _, count in self._asked))))


@lru_cache(maxsize=1)
def _limits() -> BlasLimits:
    from threadpoolctl import ThreadpoolController  # noqa: PLC0415 - only what has host steps needs it

    return BlasLimits(ThreadpoolController().select(user_api="blas").lib_controllers)


def _in_child() -> None:
    if _limits.cache_info().currsize:
        _limits().in_child()


forks.in_child(_in_child)
