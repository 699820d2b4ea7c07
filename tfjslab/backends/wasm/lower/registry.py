"""Which ops have WebAssembly kernels."""

from __future__ import annotations

from collections.abc import Callable

from tfjslab.backends.kernels.table import KernelTable, Lower, Refuses, Specs, empty
from tfjslab.backends.wasm.builder import WasmBuilder
from tfjslab.graph.ir import Node

TABLE: KernelTable[WasmBuilder] = KernelTable(WasmBuilder.kind)


def float_only(node: Node, specs: Specs) -> str:
    """Refuse anything but float32."""
    return TABLE.only(node, specs, "float32")


def filled_floats_only(node: Node, specs: Specs) -> str:
    """Refuse anything but float32, and tensors without elements."""
    return empty(node, specs) or float_only(node, specs)


def lowering(
    *ops: str, refuses: Refuses = float_only, takes_epilogue: bool = False, takes_padding: bool = False,
) -> Callable[[Lower[WasmBuilder]], Lower[WasmBuilder]]:
    """Register a lowering for core ops; float32 only unless ``refuses`` says otherwise."""
    return TABLE.lowering(*ops, refuses=refuses, takes_epilogue=takes_epilogue, takes_padding=takes_padding)
