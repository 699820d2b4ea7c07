"""What one model, or all eager ops, hold on a device: plans, packed weights, buffers."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

from tfjslab.backends.base import CommandInfo, Plan
from tfjslab.backends.kernels.channels import channels_last
from tfjslab.backends.kernels.describe import describe_records
from tfjslab.backends.kernels.kernel_texts import KernelText
from tfjslab.backends.kernels.session import CountedConstants, KernelSession
from tfjslab.backends.webgpu.builder import GpuConstant
from tfjslab.backends.webgpu.kernel_texts import kernel_texts
from tfjslab.backends.webgpu.plan import GpuPlan, lowered
from tfjslab.backends.webgpu.run.device import Device
from tfjslab.backends.webgpu.storage import Storage
from tfjslab.base.dtypes import Array
from tfjslab.base.interrupts import Uninterrupted
from tfjslab.base.shapes import Shape, size_of
from tfjslab.graph.specialize import Specialized
from tfjslab.ops.registry import Spec

if TYPE_CHECKING:
    from tfjslab.backends.webgpu.backend import GpuBackend


class GpuSession(KernelSession[Any]):
    """Natives are buffers of the device."""

    def __init__(self, backend: GpuBackend, device: Device, storage: Storage) -> None:
        super().__init__(backend)
        self.device = device
        self.storage = storage
        self.constants = CountedConstants(self.lock, self._store, device.release)
        self.slices: dict[Hashable, Array] = {}  # parts of weights that are larger than a binding

    def _plan(self, program: Specialized, outputs: Sequence[str]) -> Plan:
        return GpuPlan(self, channels_last(program, outputs), outputs)

    def commands(self, program: Specialized, outputs: Sequence[str]) -> Sequence[CommandInfo]:
        """See ``ListsCommands``."""
        builder, _ = lowered(self, channels_last(program, outputs), outputs)
        return describe_records(builder, builder.finish())

    def kernel_texts(self, program: Specialized, outputs: Sequence[str], node: str) -> tuple[KernelText, ...]:
        """See ``HasKernelTexts``."""
        plan = GpuPlan(self, channels_last(program, outputs), outputs)
        try:
            return kernel_texts(plan, node, float16=self.storage.float16)
        finally:
            plan.dispose()

    def _alloc(self, spec: Spec) -> Any:
        num_bytes = self.storage.stored_bytes(spec.size, spec.dtype)
        return self.device.buffer(num_bytes, what=f"a tensor of shape {list(spec.known_shape)}")

    def _write(self, native: Any, array: Array, dtype: str) -> None:
        self.device.write(native, 0, self.storage.pack(array, dtype))

    def _read(self, native: Any, shape: Shape, dtype: str) -> Array:
        num_bytes = self.storage.copied_bytes(size_of(shape), dtype)
        (found,) = self.device.submit(self.device.encoder(), [(native, 0, num_bytes)])
        return self.storage.unpack(found, shape, dtype)

    def _release(self, native: Any) -> None:
        with Uninterrupted():
            self.device.release(native)

    def _store(self, constant: GpuConstant) -> tuple[Any, int]:
        data, num_bytes = self.storage.constant(constant.make(), exact=constant.exact)
        return self.device.upload(data), num_bytes

    def _close(self) -> None:
        self.slices.clear()
