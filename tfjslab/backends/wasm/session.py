"""A heap with the plans, packed weights and buffers that live in it."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfjslab.backends.base import Buffer, Plan
from tfjslab.backends.kernel_texts import KernelText
from tfjslab.backends.wasm.builder import Constant
from tfjslab.backends.wasm.kernel_texts import kernel_texts
from tfjslab.backends.wasm.plan import WasmPlan
from tfjslab.backends.wasm.run.heap import Heap
from tfjslab.backends.wasm.run.workers import Workers
from tfjslab.base.dtypes import Array, numpy_dtype
from tfjslab.base.errors import BackendError
from tfjslab.graph.specialize import Specialized
from tfjslab.ops.registry import Spec

if TYPE_CHECKING:
    from tfjslab.backends.wasm.backend import WasmBackend


@dataclass
class _Stored:
    """``source`` is kept alive because its identity is part of the key."""

    address: int
    num_bytes: int
    source: Array | None
    holders: int = 0


class WasmSession:
    """One linear memory. Weights are packed once and freed with the last plan that holds them."""

    def __init__(self, backend: WasmBackend) -> None:
        self.backend = backend
        self.heap = Heap()
        self.plans: set[WasmPlan] = set()
        self._buffers: dict[int, Buffer] = {}
        self._constants: dict[Hashable, _Stored] = {}
        self._lock = threading.RLock()
        self._disposed = False
        self._workers: Workers | None = None
        self.run_lock = threading.Lock()  # the workers serve one run at a time

    def compile(self, program: Specialized, outputs: Sequence[str]) -> Plan:
        """Make a plan; see ``tfjslab.backends.base.Session``."""
        if self._disposed:
            raise BackendError("this WebAssembly session has been disposed")
        with self._lock:
            plan = WasmPlan(self, program, outputs)
            self.plans.add(plan)
            return plan

    def kernel_texts(self, program: Specialized, outputs: Sequence[str], node: str) -> tuple[KernelText, ...]:
        """See ``HasKernelTexts``."""
        return kernel_texts(self.backend.lanes, program, outputs, node)

    def workers(self) -> Workers:
        """The threads beside the caller's, started when first wanted."""
        with self._lock:
            if self._workers is None:
                self._workers = Workers(self.backend.threads - 1, self.heap)
            return self._workers

    def forget(self, plan: WasmPlan) -> None:
        """A plan of this session was disposed."""
        self.plans.discard(plan)

    # ---- buffers -----------------------------------------------------------------------------------------------

    def put(self, array: Array, dtype: str) -> Buffer:
        """Copy an array in."""
        buffer = self.new_buffer(Spec(array.shape, dtype))
        self._view(buffer)[...] = array
        return buffer

    def new_buffer(self, spec: Spec) -> Buffer:
        """An uninitialised buffer; strings have no place in a linear memory."""
        if spec.dtype == "string":
            raise BackendError("strings cannot be stored on a WebAssembly backend")
        with self._lock:
            buffer = Buffer(spec.known_shape, spec.dtype, self.heap.alloc(spec.num_bytes))
            self._buffers[id(buffer)] = buffer
            return buffer

    def get(self, buffer: Buffer) -> Array:
        """Copy a buffer out."""
        self.address(buffer)
        return self._view(buffer).copy()

    def free(self, buffer: Buffer) -> None:
        """Give a buffer back."""
        with self._lock:
            self.heap.free(self.address(buffer))
            del self._buffers[id(buffer)]

    def address(self, buffer: Buffer) -> int:
        """Where a live buffer of this session is; BackendError for any other."""
        if self._buffers.get(id(buffer)) is not buffer:
            raise BackendError(f"wasm: a buffer of shape {list(buffer.shape)} is not live in this session")
        return int(buffer.native)

    def _view(self, buffer: Buffer) -> Array:
        return self.heap.view(buffer.native, buffer.shape, numpy_dtype(buffer.dtype))

    # ---- weights -----------------------------------------------------------------------------------------------

    def hold_constant(self, constant: Constant) -> int:
        """The address of a packed constant, made when nobody holds it yet."""
        with self._lock:
            found = self._constants.get(constant.key)
            if found is None:
                block = constant.make()
                found = _Stored(self.heap.store(block), block.nbytes, constant.source)
                self._constants[constant.key] = found
            found.holders += 1
            return found.address

    def constant_bytes(self, key: Hashable) -> int:
        """Bytes of a held constant."""
        return self._constants[key].num_bytes

    def release_constant(self, key: Hashable) -> None:
        """Let go of a constant; the last holder frees it."""
        with self._lock:
            found = self._constants[key]
            found.holders -= 1
            if found.holders == 0:
                self.heap.free(found.address)
                del self._constants[key]

    # ---- end ---------------------------------------------------------------------------------------------------

    def counters(self) -> dict[str, int]:
        """What this session holds."""
        return {
            "plans": len(self.plans), "buffers": len(self._buffers), "heap_bytes": self.heap.used_bytes,
            "heap_reserved_bytes": self.heap.reserved_bytes, "threads": self._workers.count if self._workers else 0,
        }

    def dispose(self) -> None:
        """Free plans, weights, buffers and the memory."""
        if self._disposed:
            return
        self._disposed = True
        for plan in tuple(self.plans):
            plan.dispose()
        if self._workers is not None:
            self._workers.close()
            self._workers = None
        self._buffers.clear()
        self.heap.close()
        self.backend.forget(self)
