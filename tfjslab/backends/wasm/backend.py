"""The three WebAssembly backends: one class, told apart by the variant of their kernels and the number of threads."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable

from tfjslab.backends.base import Availability
from tfjslab.backends.ceilings import Ceilings
from tfjslab.backends.wasm.ceilings import measure_ceilings
from tfjslab.backends.wasm.run.engine import ENGINE_NAME, engine
from tfjslab.backends.wasm.session import WasmSession
from tfjslab.backends.wasm.text.emit import SCALAR, SIMD
from tfjslab.backends.wasm.text.templates import sources_digest

_LANES = {"plain": SCALAR, "simd": SIMD, "threads": SIMD}
_COUNTERS = ("plans", "buffers", "heap_bytes", "heap_reserved_bytes", "threads")


def availability(variant: str) -> Availability:
    """Available where wasmtime runs and the kernel sources are found."""
    try:
        engine()
        sources_digest()
    except Exception as e:  # noqa: BLE001 - whatever stops the engine is the reason
        return Availability(available=False, reason=f"wasmtime cannot start: {e}")
    if variant == "threads" and (os.cpu_count() or 1) == 1:
        return Availability(available=True, details={"engine": ENGINE_NAME, "note": "this machine has one core"})
    return Availability(available=True, details={"engine": ENGINE_NAME})


def create(variant: str, threads: int) -> WasmBackend:
    """Make a backend; only ``threads`` uses more than one thread."""
    return WasmBackend(variant, threads if variant == "threads" else 1)


class WasmBackend:
    """Kernels from ``kernels/wasm`` in wasmtime. ``memory()`` counts what its sessions hold, workers included."""

    adapter_type = kernel_clock = ""

    def __init__(self, variant: str, threads: int) -> None:
        self.name = f"wasm-{variant}"
        self.engine = ENGINE_NAME
        self.threads = threads
        self.lanes = _LANES[variant]
        self._sessions: set[WasmSession] = set()
        self._lock = threading.RLock()

    def open_session(self) -> WasmSession:
        """A new session with a linear memory of its own."""
        session = WasmSession(self)
        with self._lock:
            self._sessions.add(session)
        return session

    def forget(self, session: WasmSession) -> None:
        """A session was disposed."""
        with self._lock:
            self._sessions.discard(session)

    def ceilings(self, clock: Callable[[], float]) -> Ceilings:
        """What generated code of this kind reaches at most on all threads; see ``HasCeilings``."""
        return measure_ceilings(self, clock)

    def memory(self) -> dict[str, int]:
        """Open sessions, plans, buffers, heap bytes in use and reserved, worker threads."""
        with self._lock:
            total: Counter[str] = Counter(dict.fromkeys(_COUNTERS, 0))
            for s in self._sessions:
                total.update(s.counters())
            return {"sessions": len(self._sessions), **total}

    def dispose(self) -> None:
        """Close all sessions."""
        for session in tuple(self._sessions):
            session.dispose()
