"""Which ops have WebAssembly kernels, and the dtypes that most of them take."""

from __future__ import annotations

from tfjslab.backends.kernels.table import KernelTable, Specs
from tfjslab.backends.kernels.typed import ELEMENTS
from tfjslab.backends.wasm.builder import WasmBuilder
from tfjslab.graph.ir import Node

TABLE: KernelTable[WasmBuilder] = KernelTable(WasmBuilder.kind)
lowering = TABLE.lowering
# Numbers by dtype, as instructions name them.
NUMBERS = {"float32": "f32", "int32": "i32"}


def only_numbers(node: Node, specs: Specs) -> str:
    """Refuse all but floats and integers."""
    return TABLE.only(node, specs, *NUMBERS)


def only_elements(node: Node, specs: Specs) -> str:
    """Refuse all but floats, integers and truth values."""
    return TABLE.only(node, specs, *ELEMENTS)
