"""How often numbers occur."""

from __future__ import annotations

from tfjslab.backends.wasm.builder import WasmBuilder
from tfjslab.backends.wasm.faults import number_of
from tfjslab.backends.wasm.lower.registry import NUMBERS, lowering, only_numbers
from tfjslab.backends.wasm.text.templates import kernel
from tfjslab.base.shapes import size_of
from tfjslab.passes.fusion import Group


@lowering("Bincount", "DenseBincount", refuses=only_numbers, checks=True)
def lower_bincount(b: WasmBuilder, group: Group) -> None:
    """Zeros, and one or a weight more for each number."""
    core = group.core_node
    x, weights = core.inputs
    *rows, n = b.shape(x)
    out, dtype = b.spec(group.output), b.spec(group.output).dtype
    places = b.rows(x), b.rows(weights), b.new(group.output)
    b.fill(places[-1], out.size, 0, dtype)
    binary = core.attrs.get("binary_output", False)
    k = kernel(
        "bincount", ("x", "weights", "c"), rows=size_of(rows), n=n, size=core.attrs["size"], type=NUMBERS[dtype],
        weighted=b.spec(weights).size > 0 and not binary, binary=binary, check=number_of("Bincount"),
    )
    b.call(k, places, 1 if size_of(rows) * n else 0)
