"""Which ops have WebAssembly kernels."""

from __future__ import annotations

from tfjslab.backends.kernels.table import KernelTable
from tfjslab.backends.wasm.builder import WasmBuilder

TABLE: KernelTable[WasmBuilder] = KernelTable(WasmBuilder.kind, skips_empty=True)
lowering = TABLE.lowering
