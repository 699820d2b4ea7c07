"""The WebAssembly text of the kernels that compute a node; see ``tfjslab.backends.kernels.kernel_texts``."""

from __future__ import annotations

from collections.abc import Sequence

from tfjslab.backends.kernels.kernel_texts import KernelText, parameters_text
from tfjslab.backends.wasm.builder import WasmBuilder
from tfjslab.backends.wasm.executable import collect_calls
from tfjslab.backends.wasm.text.emit import Lanes
from tfjslab.backends.wasm.text.templates import WasmKernel, functions, name_function
from tfjslab.graph.specialize import Specialized


def kernel_texts(lanes: Lanes, program: Specialized, outputs: Sequence[str], node: str) -> tuple[KernelText, ...]:
    """Lower ``program`` again, as a plan may have been read from disk, and write the functions of one group."""
    builder = collect_calls(WasmBuilder(program, outputs, lanes), program)
    names: dict[WasmKernel, str] = {}
    for record in builder.records:
        if any(n.name == node for n in record.group.nodes):
            for call in record.calls:
                name_function(names, call.kernel)
    written = zip(names.items(), functions(names, lanes), strict=True)
    return tuple(
        KernelText(name, f"wasm/{k.source}.wat", parameters_text(k.params), text) for (k, name), text in written
    )
