"""What backends have in common: their sessions, and the counters of what these hold."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Generic, TypeVar

from tfjslab.backends.kernels.session import KernelSession
from tfjslab.base.out_of_memory import backend_out_of_memory

S = TypeVar("S", bound=KernelSession[Any])


class KernelBackend(ABC, Generic[S]):
    """Opens sessions and knows those that are open."""

    adapter_type = kernel_clock = ""
    counters: ClassVar[tuple[str, ...]]  # beside the number of sessions

    def __init__(self, name: str, engine: str, threads: int = 1) -> None:
        self.name = name
        self.engine = engine
        self.threads = threads
        self._sessions: set[S] = set()
        self._lock = threading.RLock()

    @abstractmethod
    def _open(self) -> S:
        """A new session."""

    def _counted(self) -> Iterable[Mapping[str, int]]:
        """What is held, in parts that are summed."""
        return [s.counters() for s in self._sessions]

    def open_session(self) -> S:
        """A new session."""
        with self._lock:
            try:
                session = self._open()
            except MemoryError as e:
                raise backend_out_of_memory(f"a session of {self.name}", e) from e
            self._sessions.add(session)
            return session

    def forget(self, session: S) -> None:
        """A session was disposed."""
        with self._lock:
            self._sessions.discard(session)

    def memory(self) -> dict[str, int]:
        """Open sessions and what they hold; see ``tfjslab.backends.base.Backend``."""
        with self._lock:
            total: Counter[str] = Counter(dict.fromkeys(self.counters, 0))
            for held in self._counted():
                total.update(held)
            return {"sessions": len(self._sessions), **total}

    def dispose(self) -> None:
        """Close all sessions."""
        for session in tuple(self._sessions):
            session.dispose()
