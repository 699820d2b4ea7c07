"""A heap with the plans, packed weights and buffers that live in it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tfjslab.backends.base import CommandInfo, Plan
from tfjslab.backends.kernels.kernel_texts import KernelText
from tfjslab.backends.kernels.session import CountedConstants, KernelSession
from tfjslab.backends.wasm.builder import WasmConstant
from tfjslab.backends.wasm.executable import lower
from tfjslab.backends.wasm.forms import with_kernels
from tfjslab.backends.wasm.kernel_texts import kernel_texts
from tfjslab.backends.wasm.plan import WasmPlan
from tfjslab.backends.wasm.run.heap import Heap
from tfjslab.backends.wasm.run.workers import Workers
from tfjslab.base.dtypes import Array, numpy_dtype
from tfjslab.base.interrupts import Uninterrupted
from tfjslab.base.shapes import Shape
from tfjslab.graph.specialize import Specialized
from tfjslab.ops.registry import Spec

if TYPE_CHECKING:
    from tfjslab.backends.wasm.backend import WasmBackend


class WasmSession(KernelSession[int]):
    """One linear memory; what is native to it are addresses."""

    backend: WasmBackend

    def __init__(self, backend: WasmBackend) -> None:
        super().__init__(backend)
        self.heap = Heap()
        self.constants = CountedConstants(self.lock, self._store, self.heap.free)
        self.run_lock = threading.Lock()  # the workers serve one run at a time
        self._workers: Workers | None = None

    def kernel_texts(self, program: Specialized, outputs: Sequence[str], node: str) -> tuple[KernelText, ...]:
        """See ``HasKernelTexts``."""
        return kernel_texts(self.backend.lanes, with_kernels(program, outputs), outputs, node)

    def commands(self, program: Specialized, outputs: Sequence[str]) -> Sequence[CommandInfo]:
        """See ``ListsCommands``."""
        return lower(self.backend, with_kernels(program, outputs), outputs).describe()

    def workers(self) -> Workers:
        """The threads beside the caller's, started when first wanted."""
        with Uninterrupted(), self.lock:
            if self._workers is None:
                self._workers = Workers(self.backend.threads - 1, self.heap)
            return self._workers

    def counters(self) -> dict[str, int]:
        """What this session holds."""
        return super().counters() | {
            "heap_bytes": self.heap.used_bytes, "heap_reserved_bytes": self.heap.reserved_bytes,
            "threads": self._workers.count if self._workers else 0,
        }

    def _plan(self, program: Specialized, outputs: Sequence[str]) -> Plan:
        had_workers = self._workers is not None
        try:
            return WasmPlan(self, with_kernels(program, outputs), outputs)
        except BaseException:
            if not had_workers:  # nobody else runs on those that it may have started
                self._stop_workers()
            raise

    def _alloc(self, spec: Spec) -> int:
        return self.heap.alloc(spec.num_bytes)

    def _write(self, native: int, array: Array, dtype: str) -> None:
        self.heap.view(native, array.shape, numpy_dtype(dtype))[...] = array

    def _read(self, native: int, shape: Shape, dtype: str) -> Array:
        return self.heap.view(native, shape, numpy_dtype(dtype)).copy()

    def _release(self, native: int) -> None:
        self.heap.free(native)

    def _store(self, constant: WasmConstant) -> tuple[int, int]:
        block = constant.make()
        return self.heap.store(block), block.nbytes

    def _stop_workers(self) -> None:
        if self._workers is not None:
            with Uninterrupted():
                self._workers.close()
                self._workers = None

    def _close(self) -> None:
        self._stop_workers()
        self.heap.close()
