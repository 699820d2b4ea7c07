"""What ``%tfmemory`` and ``%tfbackend`` show."""

from __future__ import annotations

from dataclasses import dataclass

from tfjslab.backends.registry import BackendStatus
from tfjslab.base.tables import Report, Table
from tfjslab.base.text import count, counted, scaled
from tfjslab.engine.measure import MemoryInfo


@dataclass(frozen=True, repr=False)
class MemoryView(Report):
    """``tf.memory()`` as a table; ``info`` is the record."""

    info: MemoryInfo

    def tables(self) -> tuple[Table, ...]:
        """What the engine counts, and the counters of each backend that was started."""
        m = self.info
        rows = [("tensors", count(m.num_tensors)), ("data buffers", count(m.num_data_buffers)),
                ("bytes of tensors", scaled(m.num_bytes, "B"))]
        native = [
            (f"{backend}: {name.replace('_', ' ')}", scaled(value, "B") if "bytes" in name else count(value))
            for backend, counters in m.backends.items() for name, value in counters.items()
        ]
        return (Table("Memory", ("what", "now"), (*rows, *native), m.reasons),)

    def __repr__(self) -> str:
        m = self.info
        held = ((m.num_tensors, "tensor"), (m.num_data_buffers, "data buffer"), (m.num_bytes, "byte"))
        return f"<Memory: {', '.join(counted(*h) for h in held)}>"


@dataclass(frozen=True, repr=False)
class BackendsView(Report):
    """``tf.backends()`` as a table, the current one marked. ``current`` names it and the backend that it selects."""

    rows: tuple[BackendStatus, ...]
    current: str

    def tables(self) -> tuple[Table, ...]:
        """A line for each backend."""
        return (Table("Backends", ("", "name", "available", "what"), tuple(
            ("->" if r.current else "", r.name, "yes" if r.available else f"no: {r.reason}", r.doc) for r in self.rows
        ), left=4),)

    def __repr__(self) -> str:
        return f"<Backend {self.current}>"
