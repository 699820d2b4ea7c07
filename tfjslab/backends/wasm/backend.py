"""The three WebAssembly backends: one class, told apart by the variant of their kernels and the number of threads."""

from __future__ import annotations

import os
from collections.abc import Callable

from tfjslab.backends.base import Availability
from tfjslab.backends.ceilings import Ceilings
from tfjslab.backends.kernels.backend import KernelBackend
from tfjslab.backends.kernels.sources import sources_digest
from tfjslab.backends.wasm.ceilings import measure_ceilings
from tfjslab.backends.wasm.run.engine import ENGINE_NAME, engine
from tfjslab.backends.wasm.session import WasmSession
from tfjslab.backends.wasm.text.emit import SCALAR, SIMD

_LANES = {"plain": SCALAR, "simd": SIMD, "threads": SIMD}


def availability(variant: str) -> Availability:
    """Available where wasmtime runs and the kernel sources are found."""
    try:
        engine()
        sources_digest("wasm")
    except Exception as e:  # noqa: BLE001 - whatever stops the engine is the reason
        return Availability(available=False, reason=f"wasmtime cannot start: {e}")
    if variant == "threads" and (os.cpu_count() or 1) == 1:
        return Availability(available=True, details={"engine": ENGINE_NAME, "note": "this machine has one core"})
    return Availability(available=True, details={"engine": ENGINE_NAME})


def create(variant: str, threads: int) -> WasmBackend:
    """Make a backend; only ``threads`` uses more than one thread."""
    return WasmBackend(variant, threads if variant == "threads" else 1)


class WasmBackend(KernelBackend[WasmSession]):
    """Kernels from ``kernels/wasm`` in wasmtime. ``memory()`` counts what its sessions hold, workers included."""

    counters = ("plans", "buffers", "heap_bytes", "heap_reserved_bytes", "threads")

    def __init__(self, variant: str, threads: int) -> None:
        super().__init__(f"wasm-{variant}", ENGINE_NAME, threads)
        self.lanes = _LANES[variant]

    def ceilings(self, clock: Callable[[], float]) -> Ceilings:
        """What generated code of this kind reaches at most on all threads; see ``HasCeilings``."""
        return measure_ceilings(self, clock)

    def _open(self) -> WasmSession:
        return WasmSession(self)
