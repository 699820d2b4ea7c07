"""Which ops have GPU kernels."""

from __future__ import annotations

from tfjslab.backends.kernels.table import KernelTable
from tfjslab.backends.webgpu.builder import GpuBuilder

TABLE: KernelTable[GpuBuilder] = KernelTable(GpuBuilder.kind, skips_empty=True)
lowering = TABLE.lowering
