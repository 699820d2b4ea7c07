"""What one model, or all eager ops, hold on the device: plans, packed weights, buffers."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfjslab.backends.base import Buffer, Plan
from tfjslab.backends.kernel_texts import KernelText
from tfjslab.backends.webgpu.builder import Constant
from tfjslab.backends.webgpu.kernel_texts import kernel_texts
from tfjslab.backends.webgpu.plan import GpuPlan
from tfjslab.backends.webgpu.run.device import Device
from tfjslab.backends.webgpu.storage import Storage
from tfjslab.base.dtypes import Array
from tfjslab.base.errors import BackendError
from tfjslab.base.shapes import size_of
from tfjslab.graph.specialize import Specialized
from tfjslab.ops.registry import Spec

if TYPE_CHECKING:
    from tfjslab.backends.webgpu.backend import GpuBackend


@dataclass
class _Stored:
    """``source`` is kept alive because its identity is part of the key."""

    buffer: Any
    num_bytes: int
    source: Array | None
    holders: int = 0


class GpuSession:
    """Weights are packed once and freed with the last plan that holds them."""

    def __init__(self, backend: GpuBackend, device: Device, storage: Storage) -> None:
        self.backend = backend
        self.device = device
        self.storage = storage
        self.plans: set[GpuPlan] = set()
        self._buffers: dict[int, Buffer] = {}
        self._constants: dict[Hashable, _Stored] = {}
        self.slices: dict[Hashable, Array] = {}  # parts of weights that are larger than a binding
        self._lock = threading.RLock()
        self._disposed = False

    def compile(self, program: Specialized, outputs: Sequence[str]) -> Plan:
        """Make a plan; see ``tfjslab.backends.base.Session``."""
        if self._disposed:
            raise BackendError(f"this {self.backend.name} session has been disposed")
        with self._lock:
            plan = GpuPlan(self, program, outputs)
            self.plans.add(plan)
            return plan

    def kernel_texts(self, program: Specialized, outputs: Sequence[str], node: str) -> tuple[KernelText, ...]:
        """See ``HasKernelTexts``."""
        plan = GpuPlan(self, program, outputs)
        try:
            return kernel_texts(plan, node, halves=self.storage.halves)
        finally:
            plan.dispose()

    def forget(self, plan: GpuPlan) -> None:
        """A plan of this session was disposed."""
        self.plans.discard(plan)

    # ---- buffers -----------------------------------------------------------------------------------------------

    def put(self, array: Array, dtype: str) -> Buffer:
        """Copy an array in."""
        buffer = self.new_buffer(Spec(array.shape, dtype))
        try:
            self.device.write(buffer.native, 0, self.storage.pack(array, dtype))
        except BaseException:
            self.free(buffer)
            raise
        return buffer

    def new_buffer(self, spec: Spec) -> Buffer:
        """An uninitialised buffer; strings have no place on a GPU."""
        if spec.dtype == "string":
            raise BackendError(f"strings cannot be stored on backend '{self.backend.name}'")
        with self._lock:
            what = f"a tensor of shape {list(spec.known_shape)}"
            num_bytes = self.storage.stored_bytes(spec.size, spec.dtype)
            buffer = Buffer(spec.known_shape, spec.dtype, self.device.buffer(num_bytes, what=what))
            self._buffers[id(buffer)] = buffer
            return buffer

    def get(self, buffer: Buffer) -> Array:
        """Copy a buffer out."""
        native = self.native(buffer)
        num_bytes = self.storage.copied_bytes(size_of(buffer.shape), buffer.dtype)
        (found,) = self.device.submit(self.device.encoder(), [(native, 0, num_bytes)])
        return self.storage.unpack(found, buffer.shape, buffer.dtype)

    def free(self, buffer: Buffer) -> None:
        """Give a buffer back."""
        with self._lock:
            self.device.release(self.native(buffer))
            del self._buffers[id(buffer)]

    def native(self, buffer: Buffer) -> Any:
        """The GPU buffer of a live buffer of this session; BackendError for any other."""
        if self._buffers.get(id(buffer)) is not buffer:
            raise BackendError(
                f"{self.backend.name}: a buffer of shape {list(buffer.shape)} is not live in this session",
            )
        return buffer.native

    # ---- weights -----------------------------------------------------------------------------------------------

    def hold_constant(self, constant: Constant) -> tuple[Any, int]:
        """The buffer of a packed constant and its bytes, made when nobody holds it yet."""
        with self._lock:
            found = self._constants.get(constant.key)
            if found is None:
                data, num_bytes = self.storage.constant(constant.make(), exact=constant.exact)
                found = _Stored(self.device.upload(data), num_bytes, constant.source)
                self._constants[constant.key] = found
            found.holders += 1
            return found.buffer, found.num_bytes

    def release_constant(self, key: Hashable) -> None:
        """Let go of a constant; the last holder frees it."""
        with self._lock:
            found = self._constants[key]
            found.holders -= 1
            if found.holders == 0:
                self.device.release(found.buffer)
                del self._constants[key]

    # ---- end ---------------------------------------------------------------------------------------------------

    @property
    def counters(self) -> dict[str, int]:
        """What this session holds."""
        return {"plans": len(self.plans), "buffers": len(self._buffers)}

    def dispose(self) -> None:
        """Free plans, weights and buffers."""
        if self._disposed:
            return
        self._disposed = True
        for plan in tuple(self.plans):
            plan.dispose()
        for buffer in tuple(self._buffers.values()):
            self.free(buffer)
        self.slices.clear()
        self.backend.forget(self)
