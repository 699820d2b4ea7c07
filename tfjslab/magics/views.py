"""What ``%tfmemory`` and ``%tfbackend`` show."""

from __future__ import annotations

from dataclasses import dataclass

from tfjslab.backends.registry import Backends, BackendStatus
from tfjslab.base.tables import Report, Table
from tfjslab.engine.measure import MemoryInfo


@dataclass(frozen=True, repr=False)
class MemoryView(Report):
    """``tf.memory()`` as a table; ``info`` is the record."""

    info: MemoryInfo

    def tables(self) -> tuple[Table, ...]:
        """Those of the record."""
        return self.info.tables()

    def __repr__(self) -> str:
        return repr(self.info)


@dataclass(frozen=True, repr=False)
class BackendsView(Report):
    """``tf.backends()`` as a table, the current one marked. ``current`` names it and the backend that it selects."""

    rows: tuple[BackendStatus, ...]
    current: str

    def tables(self) -> tuple[Table, ...]:
        """A line for each backend."""
        return Backends(self.rows).tables()

    def __repr__(self) -> str:
        return f"<Backend {self.current}>"
